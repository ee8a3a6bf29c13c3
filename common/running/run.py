"""One training run: what it shows, what it leaves on disk, and how it goes on after an interruption."""

import contextlib
import dataclasses
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import backend
from common.backend import tf
from common.envs import derive_seed, make_envs
from common.errors import UserError
from common.running import checkpoint, film
from common.running.evaluate import TEST, evaluate, testing
from common.running.folders import agent_name, begin_or_resume, check_name, claim, to_resume
from common.running.logs import EpisodeLog, LossLog, Pace
from common.running.provenance import REPOSITORY, provenance
from common.running.settings import check_seed, renamed

import numpy as np
from tqdm import tqdm

SUCCESS_RATE = ('FrozenLake',)  # environments whose return is 1 at the goal and 0 elsewhere
TEST_EPISODES = 5  # of a test during training
MOMENTS = 4  # of training that are filmed, evenly spaced; and its end


class Run:
    """One training run, as a context manager: its environments and folder, progress, checkpoints and results.

    `env`, `env_args`, `engine`: as `make_envs` takes them. `seed`: of the environments. `episodes`: of the evaluation at the
    end. `out`: root of model/ and image/. `name`: the run's, after its seed by default. `resume`: go on from the checkpoint;
    'or begin' does so where the run of just that name has one, and else begins in its folder, whoever left it.
    `test_every`: steps between greedy tests that the curve shows, 0 for none. `save_every`: steps between checkpoints.
    `tensorboard`: a folder for scalars, one in it for each run. `record`: a folder for a film of the agent at several moments
    of its training, '' for the run's own. `eager`: nothing is compiled. `on_update`: called with the run after each update.
    Raises UserError where something of it cannot be had.

    The agent needs `identity`, what its file says of it; `variables()`, as `checkpoint.named` takes them; `rng`, its NumPy
    generator; `buf`, with the last batch in `collected` and what it tells beside the losses in `statistics`; `refresh()`,
    `get_action(state, greedy)`, `get_value(state)`, `save(path, record)` and `load(path)`.

    A checkpoint holds everything, and of the environments, which no engine can save, the actions taken since they were made:
    a run that was interrupted and resumed equals one that was not, bit for bit, however often it was saved.
    """

    def __init__(
        self, algorithm, env, settings, seed=0, *, env_args=None, engine='auto', episodes=100, out=REPOSITORY, name=None,
        resume=False, test_every=0, save_every=50_000, tensorboard=None, record=None, eager=False, on_update=None,
    ):  # fmt: skip
        self.env, self.env_args, self.engine = env, env_args or {}, engine
        self.settings, self.seed, self.episodes = settings, check_seed(seed), episodes
        self.name, self.resume = check_name(name), resume
        self.test_every, self.save_every, self.tensorboard, self.record = test_every, save_every, tensorboard, record
        self.eager, self.on_update = eager, on_update
        self.agent_name = agent_name(algorithm, env, self.env_args)
        self.models, self.images = (Path(out) / folder / self.agent_name for folder in ('model', 'image'))
        arguments = ''.join(f', {key}={value}' for key, value in self.env_args.items())
        self.in_words = f'{algorithm} in {env}{arguments}'
        self.rate_name = 'success rate' if env.startswith(SUCCESS_RATE) else 'return'
        self.steps, self.updates, self.seconds = 0, 0, 0.0
        self.interrupted = self.saved = self.finished = self.compiling = False
        self.opened = contextlib.ExitStack()  # what is held until the run is left
        self.ended = contextlib.ExitStack()  # what is held until training ends

    def __enter__(self):
        self.envs = make_envs(self.env, self.settings.num_envs, self.engine, self.env_args, training=True)
        with contextlib.ExitStack() as opened:  # what is open is closed again where one of the next lines fails
            if self.resume == 'or begin':
                self.folder, lock, self.resume = begin_or_resume(self.models, self.name or f'seed{self.seed}')
            elif self.resume:
                self.folder, lock = to_resume(self.models, self.name or f'seed{self.seed}', exact=bool(self.name))
            else:
                self.folder, lock = claim(self.models, self.images, self.name or f'seed{self.seed}')
            if not self.resume:
                opened.callback(self._remove_if_empty)
            opened.callback(lock.release)
            for left in self.folder.glob('.*.partial'):  # of a save that was killed
                left.unlink(missing_ok=True)
            for folder in (self.folder, self.images):
                with checkpoint.writing(folder):  # found out now, not after the training
                    folder.mkdir(parents=True, exist_ok=True)
                    tempfile.TemporaryFile(dir=folder).close()
            self.agent_path, self.checkpoint_path = self.folder / 'agent.npz', self.folder / 'checkpoint.npz'
            self.image = self.images / self.folder.name
            self.in_words += f', run {self.folder.name}'
            self.film = self.images if self.record in (None, '') else Path(self.record) / self.agent_name
            if self.record is not None:
                film.check(self.env, self.env_args, self.film)
            backend.aloud = True
            backend.load()
            if self.eager:
                opened.callback(tf.config.run_functions_eagerly, tf.config.functions_run_eagerly())
                tf.config.run_functions_eagerly(True)
            self.writer = None
            if self.tensorboard:
                scalars = Path(self.tensorboard) / self.agent_name / self.folder.name
                with checkpoint.writing(scalars):
                    scalars.mkdir(parents=True, exist_ok=True)
                self.writer = tf.summary.create_file_writer(str(scalars))
                opened.callback(self.writer.close)
            self.opened = opened.pop_all()
        self.ended.callback(self.envs.close)
        return self

    def __exit__(self, kind, error, _):
        with self.opened:
            self.ended.close()
            if error is not None and self.steps and not self.finished:
                with contextlib.suppress(Exception):  # what went wrong first is what the user hears of
                    self._write_curve(self._record())

    def begin(self, agent):
        """Starts, or resumes, with an agent that has learnt nothing yet; returns the first states."""
        self.agent, self.log, self.losses = agent, EpisodeLog(self.envs.num_envs), LossLog(self.settings.steps)
        state = self._restore() if self.resume else self.envs.reset(self.seed)
        if self.record is not None and not self.resume:
            self._keep_moment()
        if self.writer:
            self._write_settings()
        self.started, self.pace, self.first = time.perf_counter() - self.seconds, Pace(), None
        self.bar = tqdm(
            total=self.settings.steps, initial=self.steps, unit=' steps', unit_scale=True,
            desc=f'{self.agent_name} {self.folder.name}', disable=None, dynamic_ncols=True,
        )  # fmt: skip
        self.ended.callback(self.bar.close)
        backend.listeners.append(self._on_compiling)
        self.ended.callback(backend.listeners.remove, self._on_compiling)
        if threading.current_thread() is threading.main_thread():
            self.ended.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, self._on_interrupt))
        return state

    @property
    def remaining(self):
        """The share of the run still to do, 1 at the start, 0 at the end: how far settings have fallen that are annealed."""
        return max(0.0, 1.0 - self.steps / self.settings.steps)

    def goes_on(self):
        """Whether another batch fits into the steps asked for."""
        return self.steps + self.settings.batch_steps <= self.settings.steps

    def end_update(self, losses):
        """Takes stock after an update: episodes, log lines, tests, checkpoints; KeyboardInterrupt after a Ctrl-C.

        `losses` maps names to scalars, none where nothing was learnt; UserError where one is not finite (the last checkpoint
        stays).
        """
        rewards, ended, valid = self.agent.buf.collected
        self.log.add(rewards, ended, valid, self.envs.take_uncounted(), self.steps)
        before, self.steps = self.steps, self.steps + int(valid.sum())
        self.updates += 1
        self.seconds = time.perf_counter() - self.started
        bad = [name for name, value in losses.items() if not np.isfinite(value)]
        if bad:
            there = self.saved or self.resume
            kept = f'the last good checkpoint is {self.checkpoint_path}' if there else 'there is no checkpoint yet'
            advice = 'try smaller steps (learning rates, delta) and see whether the rewards and states are finite'
            raise UserError(f'update {self.updates} made {bad[0]} {losses[bad[0]]}; {kept}; {advice}')
        losses = losses | self.agent.buf.statistics if losses else {}
        self.losses.add(losses, self.steps)
        self._show(losses, self.steps - before)
        if self.test_every and self.steps // self.test_every > before // self.test_every:
            self._test()
        part = self.settings.steps / MOMENTS
        if self.record is not None and self.steps // part > before // part and self.goes_on():
            self._keep_moment()
        if self.interrupted or self.steps // self.save_every > before // self.save_every:
            self._save()
        if self.on_update:
            self.on_update(self)
        if self.interrupted:
            self.bar.close()
            self._write_curve(self._record())
            self.finished = True
            print(
                f'Interrupted at step {self.steps:,}; saved {self.checkpoint_path}; '
                f'the same command with --resume --name {self.folder.name} goes on.\n'
                f'Its curves so far: {self.image}.png, .csv, .losses.png, .losses.csv'
            )
            raise KeyboardInterrupt

    def finish(self):
        """Saves the agent and its pictures, evaluates it greedily and adds what it reached to its record, then films it."""
        self._save()
        self.agent.save(self.agent_path, self._record())
        self._write_curve(self._record())
        self.finished = True
        self.ended.close()  # the evaluation's environments take the place of these
        try:
            with testing(self.episodes) as show:
                returns = self._evaluate(self.episodes, self.envs.num_envs, show)
        except UserError as error:
            raise UserError(f'the agent is trained and saved, {self.agent_path}, but not evaluated: {error}') from error
        except KeyboardInterrupt:
            print(f'Interrupted in the evaluation; the agent is trained and saved: {self.agent_path}')
            raise
        mean, std = float(np.mean(returns)), float(np.std(returns))
        record = self._record() | {'evaluation': {'mean_return': mean, 'std': std, 'episodes': len(returns)}}
        self.agent.save(self.agent_path, record)
        self._write_record(record)
        if self.writer:
            with self.writer.as_default(step=self.steps):
                tf.summary.scalar('evaluation/return', mean)
        print(
            f'Trained {self.steps:,} steps in {self.seconds:.1f} s ({self.steps / max(self.seconds, 1e-9):,.0f} steps/s); '
            f'greedy {self.rate_name} {mean:.2f} +- {std:.2f} over {len(returns)} episodes\n'
            f'Agent: {self.agent_path} | curve: {self.image}.png, .csv | losses: {self.image}.losses.png, .csv '
            f'| settings: {self.image}.json'
        )
        if self.record is not None:
            self._film()

    def _evaluate(self, episodes, num_envs, on_episode=None):
        return evaluate(self.agent, self.env, episodes, num_envs, self.seed, self.envs.engine, self.env_args, on_episode)

    def _keep_moment(self):
        """Keeps the agent as it is now, for the film of the training."""
        self.agent.save(self.folder / f'step{self.steps}.npz', self._record())

    def _film(self):
        """Films the agent at every moment that was kept, and at last as it is now."""
        moments = {int(path.stem.removeprefix('step')): path for path in self.folder.glob('step*.npz')}
        moments = sorted((moments | {self.steps: self.agent_path}).items())

        def scenes():
            for count, (steps, file) in enumerate(moments, 1):
                self.agent.load(file)
                print(f'Filming the agent after {steps:,} steps, {count} of {len(moments)} ...', flush=True)
                yield self.agent, f'after {steps:,} steps', 1

        path = self.film / f'{self.folder.name}.training'
        try:
            film.record(path, scenes(), self.env, self.env_args, derive_seed(TEST, self.seed), **film.IN_TRAINING)
        except KeyboardInterrupt:
            print(f'Interrupted in the filming; the agent is trained and saved: {self.agent_path}')
            raise
        print(f'Film: {path}.mp4, .gif')

    def _test(self):
        """A greedy test between two updates, in one environment more; it takes no part in the training nor in its time."""
        try:
            returns = self._evaluate(TEST_EPISODES, 1)
        except UserError as error:  # no reason to lose what is learnt
            self.bar.write(f'No more tests in this run: {error}', file=sys.stdout)
            self.test_every = 0
            return
        self.log.test_steps.append(self.steps)
        self.log.test_returns.append(float(np.mean(returns)))
        self.started = time.perf_counter() - self.seconds

    def _save(self):
        arrays = checkpoint.named(**self.agent.variables()) | self.log.arrays() | self.losses.arrays()
        if self.envs.actions:
            arrays['envs/actions'] = np.stack(self.envs.actions)
        checkpoint.save(self.checkpoint_path, arrays, self._record() | {'rng': self.agent.rng.bit_generator.state})
        self.saved = True

    def _record(self):
        return self.agent.identity | {
            'env': self.env,
            'env_args': self.env_args,
            'engine': self.envs.engine,
            'seed': self.seed,
            'renewals': self.envs.renewals,
            'steps': self.steps,
            'updates': self.updates,
            'episodes': len(self.log.returns),
            'seconds': round(self.seconds, 3),
            **provenance(),
        }

    def _write_curve(self, record):
        from common.running import plotting

        with checkpoint.writing(self.image):
            plotting.learning_curve(self.image, self.log, self.rate_name, self.in_words)
            plotting.loss_curves(self.image, self.losses, self.log, self.rate_name, self.in_words)
            if self.env == 'Pendulum-v1':
                plotting.pendulum_maps(self.image, self.agent, self.in_words)
        self._write_record(record)

    def _write_record(self, record):
        with checkpoint.writing(self.image):
            self.image.with_name(f'{self.image.name}.json').write_text(json.dumps(record, indent=1) + '\n')

    def _remove_if_empty(self):
        if set(os.listdir(self.folder)) <= {'.lock', 'step0.npz'} and not self.steps:
            shutil.rmtree(self.folder)
            for folder in (self.models, self.images):
                with contextlib.suppress(OSError):  # where other runs lie there, too
                    folder.rmdir()

    def _restore(self):
        arrays, record = checkpoint.load(self.checkpoint_path)
        try:
            return self._take_up(arrays, record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f'{self.checkpoint_path} was written by another version, or is damaged ({error})') from error

    def _take_up(self, arrays, record):
        path, settings = self.checkpoint_path, self.settings
        saved = renamed(record['settings']) | {'seed': record['seed'], 'engine': record['engine']}
        wanted = dataclasses.asdict(settings) | {'seed': self.seed, 'engine': self.envs.engine}
        for name, value in wanted.items():
            if name != 'steps' and json.loads(json.dumps(value)) != saved.get(name):
                raise UserError(
                    f'{path} was trained with {name} {saved.get(name)}, not {value}; '
                    'give the same flags, or the --name of the run that is meant, or start anew without --resume'
                )
        anneals = any(getattr(settings, name, False) for name in ('anneal', 'final_std'))
        if settings.steps != saved['steps'] and anneals:
            raise UserError(
                f'{path} was trained with --steps {saved["steps"]}, over which it anneals: with --steps '
                f'{settings.steps} no command would repeat the run; give the same, or start anew without --resume'
            )
        if settings.steps < record['steps']:
            raise UserError(f'{path} has taken {record["steps"]} steps already: --steps {settings.steps} is less')
        checkpoint.assign(arrays, path, **self.agent.variables())
        self.agent.rng.bit_generator.state = record['rng']
        self.agent.refresh()
        self.log.assign(arrays)
        self.losses.assign(arrays)
        self.steps, self.updates, self.seconds = record['steps'], record['updates'], record['seconds']
        actions = arrays.get('envs/actions', np.empty((0, self.envs.num_envs)))
        print(f'Resumed {path} at step {self.steps:,}; its environments take {len(actions):,} steps each again.')
        return self.envs.replay(self.seed, record['renewals'], actions)

    def _show(self, losses, new_steps):
        if self.first is None and losses:
            self.first = self.steps, self.seconds
            self.bar.unpause()  # the time left is told from here on: what was compiled until now is not compiled again
        self.bar.update(new_steps)
        recent = self.log.recent()
        if recent is not None:
            self.bar.set_postfix_str(f'{self.rate_name} {recent:.2f}', refresh=False)
        if self.pace.due(self.seconds) or not self.goes_on():
            self.bar.write(self._line(recent), file=sys.stdout)
        if self.writer:
            with self.writer.as_default(step=self.steps):
                for name, value in losses.items():
                    tf.summary.scalar(f'losses/{name}', value)
                if recent is not None:
                    tf.summary.scalar('episodes/return', recent)

    def _line(self, recent):
        """The book's line, and behind it steps, a mean and the time left."""
        done, parts = len(self.log.returns), ['Training']
        if recent is None:
            parts += ['Episode: 0', f'Running Time: {self.seconds:.4f}']
        else:
            expected = done + int((self.settings.steps - self.steps) / np.mean(self.log.lengths[-100:]))
            parts += [f'Episode: {done}/{expected}', f'Episode Reward: {self.log.returns[-1]:.4f}']
            parts += [f'Running Time: {self.seconds:.4f}']
        parts += [f'Steps: {self.steps:,}/{self.settings.steps:,}']
        if recent is not None:
            parts += [f'Mean of {min(done, 100)}: {recent:.2f}']
        first_steps, first_seconds = self.first or (self.steps, self.seconds)
        if self.steps > first_steps and self.goes_on():
            left = (self.seconds - first_seconds) / (self.steps - first_steps) * (self.settings.steps - self.steps)
            parts += [f'Time Left: {tqdm.format_interval(left)}']
        return ' | '.join(parts)

    def _write_settings(self):
        """The settings as TensorBoard's hyperparameters."""
        from tensorboard.plugins.hparams import api

        settings = vars(self.settings).items()
        plain = {name: value if isinstance(value, int | float | str) else str(value) for name, value in settings}
        with self.writer.as_default(step=self.steps):
            api.hparams(plain | {'seed': self.seed}, trial_id=f'{self.agent_name}/{self.folder.name}')

    def _on_compiling(self, _):
        """Says once that it takes a while."""
        if not self.compiling:
            self.compiling = True
            backend.beside(importlib.import_module, 'common.running.plotting')  # after the critic, while the actor is compiled
            self.bar.write('Compiling the update ...', file=sys.stdout)

    def _on_interrupt(self, *_):
        if self.interrupted:
            raise KeyboardInterrupt  # the second time at once: the last checkpoint is whole
        self.interrupted = True
        os.write(2, b'\nCtrl-C: saved after this update; once more ends at once\n')  # print may not be called in a handler
