"""Worker processes: each steps some of Gymnasium's environments, side by side with the others.

Which process steps an environment changes no bit. So whether workers are worth their while is found by measuring: the first
steps are taken in this process. If these take long, workers repeat them, and go on from there if they come to the same states.
"""

import contextlib
import time

from common.envs import cores
from common.envs.env_process import EnvProcess
from common.envs.gymnasium_engine import GymnasiumEnvs
from common.errors import UserError, option

import numpy as np

TRIAL = 4  # steps that are measured
WORTHWHILE = 1e-3  # seconds that a step of all environments must take: asking workers takes a tenth of that
MOST = 16  # workers that are taken unasked: each needs 100 MB


class WorkerEnvs(GymnasiumEnvs):
    """Gymnasium's environments, stepped by `workers` processes. 0: by this one; 'auto': as the first steps recommend.

    UserError if there are more workers than environments, and if a process hangs or ends by itself.
    """

    def __init__(self, env_id, num_envs, env_args=None, workers='auto'):
        super().__init__(env_id, num_envs, env_args)
        if workers != 'auto' and workers > num_envs:
            given, most = option('workers', workers), option('workers', num_envs)
            raise UserError(f'{given} is more than there are environments, {num_envs}: give at most {most}')
        self.workers, self.processes, self.told = 0 if workers == 'auto' and num_envs == 1 else workers, [], False

    def close(self):
        """See `VectorEnvs.close`; it ends the workers, too."""
        with contextlib.ExitStack() as closing:
            closing.callback(self._end_workers)
            super().close()

    def _reset(self, seed):
        if self.workers not in ('auto', 0):
            return self._reset_workers(self.workers, seed)
        state = super()._reset(seed)
        self.trial, self.times = [(seed, state)], []
        return state

    def _step(self, action):
        if self.processes:
            return self._step_workers(action, self.ended)
        if self.workers == 0:
            return super()._step(action)
        began = time.perf_counter(), time.process_time()
        result = super()._step(action)
        self.times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
        self.trial.append((np.array(action), self.ended, result))
        if len(self.times) == TRIAL:
            self._decide()
        return result

    def _decide(self):
        """Lets workers go on if the first steps took long and the workers come to the same states by them."""
        self.workers, (passed, computed) = 0, min(self.times)
        # While an environment waits, for a simulator elsewhere, its core is free for others.
        count = min(self.num_envs, MOST if computed < passed / 2 else cores.usable())
        if passed < WORTHWHILE or count < 2:
            return
        try:
            same = self._repeat(count)
            here = 'in worker processes they came to other states, so they depend on more than their seed'
        except UserError as error:
            same, here = False, f'worker processes did not do: {error}'
        if same:
            super().close()
            self.workers = count
            self.note = f'{self.env_id} takes long: {count} worker processes step it.'
        else:
            self._end_workers()
            self.note = f'{self.env_id} takes long, but its environments stay in this process: {here}.'
        self.trial = []

    def _repeat(self, count):
        """Whether workers come to the same states by the steps of the trial."""
        (seed, state), *steps = self.trial
        same = np.array_equal(self._reset_workers(count, seed), state)
        for action, ended, result in steps:
            same = same and all(map(np.array_equal, self._step_workers(action, ended), result))
        return same and not any(self._ask(lambda _: ('drew',)))

    def _reset_workers(self, count, seed):
        if not self.processes:
            ends = [self.num_envs * i // count for i in range(count + 1)]
            for rows in map(range, ends, ends[1:]):
                self.processes.append(EnvProcess(self.env_id, self.env_args, rows))
            self._receive()
        return np.concatenate(self._ask(lambda _: ('reset_part', seed)))

    def _step_workers(self, action, ended):
        answers = self._ask(lambda rows: ('step_part', action[rows], ended[rows]))
        *parts, drew = zip(*answers, strict=True)
        if any(drew) and not self.told:
            self.told, draws = True, f'{self.env_id} draws from random or numpy.random, which differ in each process'
            self.note = f'{draws}: {option("workers", 0)} makes the numbers those of a run without workers.'
        return tuple(np.concatenate(part) for part in parts)

    def _end_workers(self):
        processes, self.processes = self.processes, []
        with contextlib.ExitStack() as closing:
            for process in processes:
                closing.callback(process.close)

    def _ask(self, request):
        """The answers of all workers to `request(rows)`, a method and its arguments; `rows` selects a worker's environments."""
        for process in self.processes:
            process.send(request(slice(process.rows.start, process.rows.stop)))
        return self._receive()

    def _receive(self):
        """An answer of each worker; UserError, after all have answered, if one raised it."""
        answers, refused = [], None
        for process in self.processes:
            try:
                answers.append(process.receive())
            except UserError as error:
                refused = refused or error
        if refused:
            raise refused
        return answers
