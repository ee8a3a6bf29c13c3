"""One training run: what happens in it, and in which order.

Its parts have modules of their own: `progress` shows it on screen, `resuming` writes checkpoints and continues from them,
`starting` begins with a trained agent, `greedy_tests` tests it during the training, `stages` films the agent at several stages
of its training, `watch` shows it in the browser, and `results` writes curves and records.
"""

import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from common import backend, errors, programs
from common.backend import tf
from common.envs import TIME_LIMIT, in_words, kept_random_state, make_envs, recorded
from common.errors import Terminated, UserError, env_arg, option
from common.running import finite, program, resuming, starting
from common.running.evaluate import evaluate, testing
from common.running.files import check_room, clear_left_over, writing
from common.running.folders import RunFiles, agent_name, begin_or_resume, check_name, claim, to_resume
from common.running.greedy_tests import GreedyTests
from common.running.interface import Agent
from common.running.logs import EpisodeLog, LossLog
from common.running.progress import Progress, Scalars
from common.running.provenance import REPOSITORY
from common.running.results import Results, describe
from common.running.settings import check_seed
from common.running.stages import Stages

import numpy as np

SAVE_AFTER = 300  # seconds after a checkpoint until the next one, where steps are slow


class Run:
    """One training run, as a context manager: its environments, its folder, its checkpoints and its results.

    - `env`, `env_args`, `engine`, `workers`: as for `common.envs.make_envs`
    - `seed`: of the environments
    - `episodes`: number of episodes of the evaluation after the training
    - `out`: folder for model/ and image/
    - `name`: the run's name, by default 'seed' and the seed
    - `resume`: continue from the run's checkpoint; or 'or begin', see below
    - `start_from`: a trained agent, or the path of its file; the new agent begins with its networks and its normaliser
    - `stop_at`: end the training when the mean return of the last 100 episodes reaches this
    - `test_every`: steps between two greedy tests, which the learning curve shows; 0: no tests
    - `keep_best`: keep the agent that did best in these tests, too, as best.npz
    - `save_every`: steps between two checkpoints; one is also written at the first update after five minutes
    - `tensorboard`: a folder for TensorBoard, in which each run gets its own
    - `record`: a folder for a film of the agent at several stages of its training; '': the folder of the run's curves
    - `watch`: show the run in the browser, on a page that this machine alone can open
    - `eager`: compile nothing
    - `on_update`: a function of yours, see below

    With `resume='or begin'` the run continues if the run of exactly its name has a checkpoint. Otherwise it begins in the
    folder of that name, even if an earlier attempt has left that folder.

    `on_update(run, losses)` is called after each update and before its checkpoint. `losses` holds what the update reported,
    floats by name; it is empty if the update did not learn. `run.steps`, `run.log` and `run.agent` are up to date. If it
    returns False the training ends, and the agent is saved and evaluated as at the end of all steps.

    Raises UserError if the environments cannot be made, the folders cannot be written, or there is nothing to resume.

    A run trains any agent that has the interface `common.running.interface.Agent`. Environments cannot be saved. A
    checkpoint keeps the actions taken since they were created, and resuming replays them. So a run that was interrupted and
    resumed equals one that was not, bit for bit, and saving changes nothing.
    """

    def __init__(
        self, algorithm, env, settings, seed=0, *, env_args=None, engine='auto', workers='auto', episodes=100,
        out=REPOSITORY, name=None, resume=False, start_from=None, stop_at=None, test_every=0, keep_best=False,
        save_every=50_000, tensorboard=None, record=None, watch=False, eager=False, on_update=None,
    ):  # fmt: skip
        self.env, self.env_args, self.engine, self.workers = env, env_args or {}, engine, workers
        self.recorded_args = recorded(self.env_args)
        self.settings, self.seed, self.episodes = settings, check_seed(seed), episodes
        self.name, self.resume, self.stop_at = check_name(name), resume, stop_at
        self.start, self.started_from = starting.agent_of(start_from), None
        self.test_every, self.keep_best, self.save_every = test_every, keep_best, save_every
        self.tensorboard, self.record = tensorboard, record
        self.watch, self.eager, self.on_update = watch, eager, on_update
        self.agent_name = agent_name(algorithm, env, self.recorded_args)
        self.models, self.images = (Path(out) / folder / self.agent_name for folder in ('model', 'image'))
        self.title = ', '.join([f'{algorithm} in {env}', *filter(None, [in_words(self.env_args)])])
        self.steps, self.updates, self.seconds = 0, 0, 0.0
        self.interrupted = False  # or the number of the signal that interrupts the run after this update
        self.stopped = self.saved = self.finished = False
        self.stages = self.scalars = self.page = None
        self.until_left = contextlib.ExitStack()  # closed when the run is left
        self.until_trained = contextlib.ExitStack()  # closed when training has ended

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:  # closes what is open if one of these lines fails
            opened.enter_context(kept_random_state())
            self.envs = make_envs(
                self.env, self.settings.num_envs, self.engine, self.env_args, training=True, workers=self.workers
            )
            self._take_folder(opened)
            title = f'{self.title}, run {self.files.name}'
            self.results = Results(self.files, title, self.env)
            self.tests = GreedyTests(self.files, self.test_every, self.keep_best, self._evaluate)
            if self.record is not None:
                folder = Path(self.record) / self.agent_name if self.record else self.images
                self.stages = Stages(self.files, folder, self.env, self.env_args, self.seed)
            backend.announce = True
            backend.load()
            opened.callback(programs.forget_operations)
            if self.eager:
                opened.callback(tf.config.run_functions_eagerly, tf.config.functions_run_eagerly())
                tf.config.run_functions_eagerly(True)
            if self.tensorboard:
                self.scalars = Scalars(Path(self.tensorboard) / self.agent_name / self.files.name)
                opened.callback(self.scalars.close)
            self.until_left = opened.pop_all()
        self.until_trained.callback(self.envs.close)
        return self

    def __exit__(self, kind, error, _):
        if error is not None and self.page:
            self.page.failed(error)
        with self.until_left:
            self.until_trained.close()
            if error is not None and self.steps and not self.finished:
                with contextlib.suppress(Exception):  # the user is told of the first error
                    self._write_curves()

    def _take_folder(self, opened):
        """Locks the folder of a new run or of the run to be resumed; raises UserError if it cannot be written."""
        name = self.name or f'seed{self.seed}'
        if self.resume == 'or begin':
            folder, lock, self.resume = begin_or_resume(self.models, name)
        elif self.resume:
            folder, lock = to_resume(self.models, name, exact=bool(self.name))
        else:
            folder, lock = claim(self.models, self.images, name)
        self.files = RunFiles(folder, self.images)
        if not self.resume:
            opened.callback(self._remove_if_empty)
        opened.callback(lock.release)
        clear_left_over(folder)
        clear_left_over(self.images, f'{folder.name}.')
        for place in (folder, self.images):
            with writing(place):  # before the training, not after it
                place.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=place).close()

    def _remove_if_empty(self):
        of_beginning = {'.lock', self.files.start.name, self.files.stage(0).name}
        if set(os.listdir(self.files.folder)) <= of_beginning and not self.steps:
            shutil.rmtree(self.files.folder)
            for folder in (self.models, self.images):
                with contextlib.suppress(OSError):  # it holds other runs
                    folder.rmdir()

    def begin(self, agent: Agent):
        """Starts or resumes the run with a new agent; returns the environments' states (num_envs, state_dim)."""
        self.agent, self.log, self.losses = agent, EpisodeLog(self.envs.num_envs), LossLog(self.settings.steps)
        check_room(self.files.folder, resuming.room(agent, self.envs, min(self.save_every, self.settings.steps)))
        if self.envs.has_default_limit:
            another = env_arg('max_episode_steps', 'N')
            print(f'{self.env} sets no time limit, so its episodes end after {TIME_LIMIT:,} steps; {another} sets another.')
        if self.start and not self.resume:
            self.started_from = starting.begin(agent, self.start, self.files.start)
            print(f'Starts from the agent in {self.start.source}.')
        state = self._resume() if self.resume else self.envs.reset(self.seed)
        if self.stages and not self.resume:
            self.stages.keep(agent, self.steps, describe(self))
        if self.scalars:
            self.scalars.settings(self.steps, self.settings, self.seed, f'{self.agent_name}/{self.files.name}')
        self.saved_at = time.perf_counter()
        self.started = self.saved_at - self.seconds
        progress = Progress(self.settings.steps, self.steps, f'{self.agent_name} {self.files.name}', self.results.rate_name)
        self.progress = self.until_trained.enter_context(progress)
        if self.watch:
            self._open_page()
        if threading.current_thread() is threading.main_thread():
            for one in (signal.SIGINT, signal.SIGTERM):
                self.until_trained.callback(signal.signal, one, signal.signal(one, self._on_interrupt))
        return state

    def _open_page(self):
        from common.running.watch import feed, server  # only here: other runs need no server

        self.page = feed.Feed(self)
        self.progress.say(f'Watch the training: {self.page.address}')
        server.open_browser(self.page.address)
        if errors.as_flags:  # a command, which would end with the run
            program.at_end.append(self.page.stay)

    def _resume(self):
        parts = self.agent, self.log, self.losses, self.envs
        self.started_from = starting.again(self.files.start)
        state, counts = resuming.resume(self.files.checkpoint, *parts, self.settings, self.seed)
        self.steps, self.updates, self.seconds = counts
        return state

    @property
    def remaining(self):
        """The share of the steps still to do, 1 at the start and 0 at the end; annealed settings are multiplied by it."""
        return max(0.0, 1.0 - self.steps / self.settings.steps)

    def goes_on(self):
        """Whether there are enough steps left for another batch, and nothing has ended the training."""
        return not self.stopped and self.steps + self.settings.batch_steps <= self.settings.steps

    def end_update(self, losses):
        """Counts the update, logs and shows it; tests and saves the agent when it is time.

        `losses`: what the update reports, floats by name; empty if it did not learn. Raises UserError if one of them is not
        finite, and leaves the last checkpoint as it is. Raises KeyboardInterrupt, after saving, if Ctrl-C was pressed, and
        Terminated, a kind of KeyboardInterrupt, after SIGTERM.
        """
        rewards, ended, valid = self.agent.buf.collected
        self.log.add(rewards, ended, valid, self.envs.take_excluded(), self.steps)
        before, self.steps = self.steps, self.steps + int(valid.sum())
        self.updates += 1
        self.seconds = time.perf_counter() - self.started
        there = self.saved or self.resume
        kept = f'the last good checkpoint is {self.files.checkpoint}' if there else 'there is no checkpoint yet'
        finite.check(losses, self.agent, self.envs, self.updates, kept)
        losses = losses | self.agent.buf.statistics if losses else {}
        self.losses.add(losses, self.steps)
        self._stop_if_reached()
        if note := self.envs.take_note():
            self.progress.say(note)
        self.progress.show(self.steps, self.seconds, self.log, losses, last=not self.goes_on())
        if self.scalars:
            self.scalars.update(self.steps, losses, self.log.recent())
        if self.tests.is_time(before, self.steps):
            self._test()
        if self.page:
            self._show_on_page()
        if self.stages and self.stages.reached(before, self.steps, self.settings.steps) and self.goes_on():
            self.stages.keep(self.agent, self.steps, describe(self))
        if self.on_update:
            self._call_on_update(losses)
        interrupted = self.interrupted  # read once: a Ctrl-C from now on waits for the next update
        late = time.perf_counter() - self.saved_at > SAVE_AFTER
        asked = self.page and self.page.save_asked
        if interrupted or late or asked or self.steps // self.save_every > before // self.save_every:
            self._save()
        if interrupted:
            self.progress.close()
            self._write_curves()
            self.finished = True
            print(self.results.interrupted(self.steps))
            raise Terminated if interrupted == signal.SIGTERM else KeyboardInterrupt

    def _show_on_page(self):
        """Adds the update to the page, and films the agent for it now and then; the clock of the training stops meanwhile."""
        self.page.update(self)
        if self.page.films():
            self.page.film(self)
            self.started = time.perf_counter() - self.seconds
        if self.page.stop_asked and not self.stopped:
            self.stopped = True
            self.progress.say(f'The page asked at step {self.steps:,} to stop: the training ends.')

    def _stop_if_reached(self):
        recent = self.log.recent()
        if self.stop_at is not None and len(self.log.returns) >= 100 and recent >= self.stop_at:
            self.stopped = True
            self.progress.say(f'The mean return of the last 100 episodes is {recent:.2f}: {option("stop_at", self.stop_at)}.')

    def _call_on_update(self, losses):
        try:
            answer = self.on_update(self, losses)
        except BaseException:
            self._save()  # nothing is lost by an error in it
            raise
        if isinstance(answer, bool | np.bool_) and not answer:
            self.stopped = True
            self.progress.say(f'on_update returned False at step {self.steps:,}: the training ends.')

    def finish(self):
        """Saves the agent and the curves, evaluates the agent and adds the result to its record, then films it.

        Raises UserError if the evaluation fails, for instance because no more environments can be made.
        """
        self._save()
        self.agent.save(self.files.agent, describe(self))
        self._write_curves()
        self.finished = True
        self.until_trained.close()  # the evaluation makes as many environments again
        if self.page:
            self.page.evaluating(self)
        try:
            with testing(self.episodes) as show:
                returns = self._evaluate(self.episodes, self.envs.num_envs, show)
        except UserError as error:
            raise UserError(f'the agent is trained and saved, {self.files.agent}, but not evaluated: {error}') from error
        except KeyboardInterrupt:
            print(f'Interrupted during the evaluation; the agent is trained and saved: {self.files.agent}')
            raise
        mean, std = float(np.mean(returns)), float(np.std(returns))
        if not np.isfinite(mean):
            raise UserError(f'the agent is trained and saved, {self.files.agent}, but its evaluation has a mean of {mean}')
        record = describe(self) | {'evaluation': {'mean_return': mean, 'std': std, 'episodes': len(returns)}}
        self.agent.save(self.files.agent, record)
        self.results.write_record(record)
        if self.scalars:
            self.scalars.evaluation(self.steps, mean)
        if self.page:
            self.page.finished(self, record['evaluation'])
        print(self.results.trained(record))
        if best := self.tests.best(self.log):
            print(best)
        if self.stages:
            self.stages.film(self.agent, self.steps)

    def _evaluate(self, episodes, num_envs, on_episode=None):
        where = self.envs.engine, self.env_args, 0 if self.envs.workers == 'auto' else self.envs.workers
        return evaluate(self.agent, self.env, episodes, num_envs, self.seed, *where, on_episode)

    def _test(self):
        """Tests the greedy policy; the training does not change, and its clock stops meanwhile."""
        try:
            self.tests.test(self.agent, self.log, self.steps, describe(self))
        except UserError as error:  # the training can do without tests
            self.progress.say(f'No more tests in this run: {error}')
        self.started = time.perf_counter() - self.seconds

    def _save(self):
        resuming.save(self.files.checkpoint, self.agent, self.log, self.losses, self.envs, describe(self))
        self.saved, self.saved_at = True, time.perf_counter()
        if self.page:
            self.page.saved(self)

    def _write_curves(self):
        self.results.write(self.agent, self.log, self.losses, describe(self))

    def _on_interrupt(self, number, _):
        if self.interrupted:  # the second signal: the last checkpoint is whole at any time
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        self.interrupted = number
        name = b'SIGTERM' if number == signal.SIGTERM else b'Ctrl-C'
        # A signal handler must not call print.
        os.write(2, b'\n' + name + b': the run stops after this update and saves itself; once more stops it at once\n')
