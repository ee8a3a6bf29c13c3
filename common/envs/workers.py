"""Worker processes: each steps some of Gymnasium's environments, side by side with the others.

Which process steps an environment changes no bit. So whether workers are worth their while is found by measuring. The first
steps are taken in this process. If these take long, workers repeat them. They go on from there if they come to the same states
in less time.
"""

import contextlib
import time

from common.envs import cores, env_process
from common.envs.env_process import EnvProcess
from common.envs.gymnasium_engine import GymnasiumEnvs
from common.errors import UserError, option

import numpy as np

try:
    import resource
except ImportError:  # as on Windows
    resource = None

TRIAL = 4  # steps that are measured at least,
TRIAL_SECONDS = 1  # and for how long: a short evaluation ends before
WORTHWHILE = 1e-3  # seconds that a step of all environments must take: asking two workers takes a fifth of that
MOST = 16  # workers that are taken unasked: each needs up to 80 MB


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
        self.start, self.trial, self.times, self.waits = (seed, state), [], [], 0
        return state

    def _step(self, action):
        if self.processes:
            return self._step_workers(action, self.ended)
        if self.workers == 0:
            return super()._step(action)
        taken = np.array(action)  # some environments change it
        began = time.perf_counter(), _waits()
        result = super()._step(action)
        self.times.append(time.perf_counter() - began[0])
        self.waits += _waits() - began[1]
        self.trial.append((taken, self.ended, result))
        if len(self.times) >= TRIAL and (min(self.times) < WORTHWHILE or sum(self.times) >= TRIAL_SECONDS):
            self._decide()
        return result

    def _decide(self):
        """Lets workers go on if the first steps took long, and the workers come to the same states in less time."""
        trial, here, self.workers, self.trial = self.trial, min(self.times), 0, []
        # While an environment waits, for a simulator elsewhere, its core is free for others.
        waiting = 2 * self.waits >= self.num_envs * len(self.times)
        count = min(self.num_envs, MOST, MOST if waiting else cores.usable())
        if here < WORTHWHILE or count < 2:
            return
        try:
            there = self._repeat(count, trial)
            why = 'in worker processes they came to other states, so they depend on more than their seed'
        except UserError as error:
            there, why = None, f'worker processes did not do: {error}'
        if there and there < here:
            super().close()
            self.workers = count
            self._tell(f'{self.env_id} takes long: {count} worker processes step it.')
        else:
            self._end_workers()
            if not there:
                self._tell(f'{self.env_id} takes long, but its environments stay in this process: {why}.')

    def _repeat(self, count, trial):
        """The seconds of the workers' fastest step of a trial; None if they come to other states."""
        seed, state = self.start
        same, times = np.array_equal(self._reset_workers(count, seed), state), []
        for action, ended, result in trial:
            began = time.perf_counter()
            answers = self._step_workers(action, ended)
            times.append(time.perf_counter() - began)
            same = same and all(map(np.array_equal, answers, result))
        return min(times) if same and not any(self._ask(lambda _: ('drew',))) else None

    def _reset_workers(self, count, seed):
        if not self.processes:
            with self._together():
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
            self._tell(f'{draws}: {option("workers", 0)} makes the numbers those of a run without workers.')
        return tuple(np.concatenate(part) for part in parts)

    def _ask(self, request):
        """The answers of all workers to `request(rows)`, a method and its arguments; `rows` selects a worker's environments."""
        with self._together():
            for process in self.processes:
                process.send(request(slice(process.rows.start, process.rows.stop)))
            return self._receive()

    def _receive(self):
        """An answer of each worker; UserError, after all have answered, if one raised it."""
        answers, refused, end = [], None, time.monotonic() + env_process.PATIENCE
        for process in self.processes:
            try:
                answers.append(process.receive(end))
            except UserError as error:
                refused = refused or error
        if refused:
            raise refused
        return answers

    @contextlib.contextmanager
    def _together(self):
        """Ends all workers if one has not answered: a late answer would be taken for that to the next request."""
        try:
            yield
        except BaseException:
            if any(process.unanswered or process.broken for process in self.processes):
                for process in self.processes:
                    process.end()
                self.processes = []
            raise

    def _end_workers(self):
        processes, self.processes = self.processes, []
        end = time.monotonic() + env_process.FAREWELL
        with contextlib.ExitStack() as closing:
            for process in processes:
                closing.callback(process.close, end)

    def _tell(self, text):
        self.note = f'{self.note} {text}'.strip()


def _waits():
    """How often this thread has waited for something: a busy machine does not change that."""
    return resource.getrusage(getattr(resource, 'RUSAGE_THREAD', resource.RUSAGE_SELF)).ru_nvcsw if resource else 0
