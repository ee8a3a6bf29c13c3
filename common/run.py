"""One training run: what it shows, what it leaves on disk, and how it goes on after an interruption."""

import dataclasses
import importlib.metadata
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common import checkpoint, plotting
from common.backend import tf
from common.envs import derive_seed
from common.errors import UserError
from common.evaluate import agent_name, evaluate

SUCCESS_RATE = ('FrozenLake',)  # environments whose return is 1 at the goal and 0 elsewhere
TEST_EPISODES = 5  # of a test during training
VERSIONS = ('tensorflow', 'tensorlayer', 'gymnasium', 'envpool', 'numpy')  # of the packages that shape a run


class EpisodeLog:
    """Returns and lengths of finished episodes, with the number of steps the run had taken when they ended.

    And mean returns of the greedy tests between, where `--test-every` asks for them.
    """

    def __init__(self):
        self.steps, self.returns, self.lengths = [], [], []
        self.test_steps, self.test_returns = [], []

    def forget_unfinished(self, num_envs):
        """Call when every environment was reset."""
        self.open_returns, self.open_lengths = np.zeros(num_envs), np.zeros(num_envs, int)

    def add(self, rewards, ended, valid, steps_before):
        """Takes in rewards, ends and valid rows, each (steps, num_envs)."""
        steps = steps_before + np.cumsum(valid.sum(1))
        returns = self.open_returns + np.cumsum(rewards, axis=0, dtype=np.float64)
        lengths = self.open_lengths + np.cumsum(valid, axis=0)
        past_returns, past_lengths = np.zeros_like(self.open_returns), np.zeros_like(self.open_lengths)
        for step, env in np.argwhere(ended):
            self.steps.append(int(steps[step]))
            self.returns.append(float(returns[step, env] - past_returns[env]))
            self.lengths.append(int(lengths[step, env] - past_lengths[env]))
            past_returns[env], past_lengths[env] = returns[step, env], lengths[step, env]
        self.open_returns, self.open_lengths = returns[-1] - past_returns, lengths[-1] - past_lengths

    def recent(self, count=100):
        """Mean return of the last `count` episodes, None before the first has ended."""
        return float(np.mean(self.returns[-count:])) if self.returns else None

    def arrays(self):
        return {f'episodes/{name}': np.array(value) for name, value in vars(self).items()}

    def assign(self, arrays):
        for name in ('steps', 'returns', 'lengths', 'test_steps', 'test_returns'):
            setattr(self, name, arrays[f'episodes/{name}'].tolist())
        self.open_returns, self.open_lengths = arrays['episodes/open_returns'], arrays['episodes/open_lengths']


class Run:
    """Progress bar, log lines, checkpoints and results of one training run.

    The agent needs `variables()`, as `checkpoint.named` takes them; `rng`, its NumPy generator; `buf`, whose
    `collected` holds the last batch; `refresh()`; `normalizer`, where it has one; and `get_action(state, greedy)`.

    Environments cannot be saved, so at each scheduled checkpoint they are reset from a seed derived from (seed, steps), and
    a checkpoint in between (Ctrl-C) holds the actions taken since, which are replayed: a run that was interrupted and
    resumed equals one that was not, bit for bit.
    """

    def __init__(self, algorithm, agent, envs, settings, options):
        self.algorithm, self.agent, self.envs = algorithm, agent, envs
        self.settings, self.options = settings, options
        self.name = agent_name(algorithm, options.env, options.env_args)
        self.folder = Path(options.out) / 'model' / self.name
        self.checkpoint_path = self.folder / 'checkpoint.npz'
        self.agent_path = self.folder / 'agent.npz'
        self.image = Path(options.out) / 'image' / self.name
        self.log = EpisodeLog()
        self.steps, self.updates, self.seconds = 0, 0, 0.0
        self.interrupted, self.saved = False, options.resume

    def begin(self):
        """Starts or resumes; returns the first states. Raises UserError where nothing fits to resume from."""
        for folder in (self.folder, self.image.parent):
            with checkpoint.writing(folder):  # found out now, not after the training
                folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
        for left in self.folder.glob('.*.partial'):  # of a save that was killed
            left.unlink(missing_ok=True)
        self.writer, events = None, self.options.tensorboard
        if events:
            with checkpoint.writing(events):
                Path(events).mkdir(parents=True, exist_ok=True)
            self.writer = tf.summary.create_file_writer(events)
        state = self._restore() if self.options.resume else self._reset()
        rate = 'success rate' if self.options.env.startswith(SUCCESS_RATE) else 'return'
        self.rate_name, self.started, self.last_line = rate, time.perf_counter() - self.seconds, 0.0
        self.bar = tqdm(
            total=self.settings.steps, initial=self.steps, unit=' steps', unit_scale=True, desc=self.name, disable=None,
            dynamic_ncols=True,
        )  # fmt: skip
        self.previous_handler = signal.signal(signal.SIGINT, self._on_interrupt)
        return state

    @property
    def remaining(self):
        """The share of the run still to do, 1 at the start, 0 at the end: what annealed settings are multiplied by."""
        return max(0.0, 1.0 - self.steps / self.settings.steps)

    def goes_on(self):
        """Whether another batch fits into the steps asked for."""
        return self.steps + self.settings.rollout_steps <= self.settings.steps

    def end_update(self, state, losses):
        """Takes stock after an update: episodes, log lines, checkpoints. Returns the states to go on from.

        `losses` maps names to scalars; UserError where one is not finite (the last checkpoint stays).
        """
        rewards, ended, valid = self.agent.buf.collected
        self.log.add(rewards, ended, valid, self.steps)
        before, self.steps = self.steps, self.steps + int(valid.sum())
        self.updates += 1
        self.seconds = time.perf_counter() - self.started
        bad = [name for name, value in losses.items() if not np.isfinite(value)]
        if bad:
            self._close()
            kept = f'the last good checkpoint is {self.checkpoint_path}' if self.saved else 'there is no checkpoint yet'
            advice = 'try smaller steps (learning rates, delta) and see whether the rewards and states are finite'
            raise UserError(f'update {self.updates} made {bad[0]} {losses[bad[0]]}; {kept}; {advice}')
        self._show(losses, self.steps - before)
        every = self.options.test_every
        if every and self.steps // every > before // every:
            self._test()
        if self.steps // self.settings.save_every > before // self.settings.save_every:
            state = self._reset()
            self._save()
        if self.interrupted:
            self._save()
            self._close()
            print(f'Interrupted at step {self.steps:,}; saved {self.checkpoint_path}; the same command with --resume goes on.')
            raise KeyboardInterrupt
        return state

    def finish(self):
        """Evaluates the agent greedily and writes the agent file, the learning curve, its raw returns and the settings."""
        self._close()
        self._save()
        returns = evaluate(self.agent, self.options, self.options.episodes)
        record = self._record() | {
            'evaluation': {
                'mean_return': float(np.mean(returns)), 'std': float(np.std(returns)), 'episodes': len(returns),
            },
        }  # fmt: skip
        checkpoint.save(self.agent_path, checkpoint.named(**self.agent.variables(for_acting=True)), record)
        image = self.image
        with checkpoint.writing(image):
            plotting.learning_curve(image, self.log, self.rate_name, f'{self.name}, seed {self.options.seed}')
            image.with_name(f'{self.name}.json').write_text(json.dumps(record, indent=1) + '\n')
        print(
            f'Trained {self.steps:,} steps in {self.seconds:.1f} s ({self.steps / max(self.seconds, 1e-9):,.0f} steps/s); '
            f'greedy {self.rate_name} {np.mean(returns):.2f} +- {np.std(returns):.2f} over {len(returns)} episodes\n'
            f'Agent: {self.agent_path} | curve: {image}.png, .csv | settings: {image}.json'
        )

    def _test(self):
        """A greedy test between two updates; it takes no part in the training, nor in its running time."""
        self.log.test_steps.append(self.steps)
        self.log.test_returns.append(float(np.mean(evaluate(self.agent, self.options, TEST_EPISODES))))
        self.started = time.perf_counter() - self.seconds

    def _reset(self):
        """Resets the environments from a seed derived from (seed, steps)."""
        self.env_seed = derive_seed(self.options.seed, self.steps)
        self.log.forget_unfinished(self.envs.num_envs)
        if hasattr(self.agent, 'normalizer'):
            self.agent.normalizer.forget_unfinished()
        return self.envs.reset(self.env_seed)

    def _save(self):
        arrays = checkpoint.named(**self.agent.variables()) | self.log.arrays()
        if self.envs.actions:
            arrays['envs/actions'] = np.stack(self.envs.actions)
        checkpoint.save(self.checkpoint_path, arrays, self._record() | {'rng': self.agent.rng.bit_generator.state})
        self.saved = True

    def _record(self):
        return {
            'algorithm': self.algorithm,
            'env': self.options.env,
            'env_args': self.options.env_args,
            'state_dim': self.envs.state_dim,
            'action_dim': self.envs.action_dim,
            'action_bound': self.envs.action_bound and [bound.tolist() for bound in self.envs.action_bound],
            'settings': dataclasses.asdict(self.settings),
            'seed': self.options.seed,
            'engine': self.envs.engine,
            'env_seed': self.env_seed,
            'steps': self.steps,
            'updates': self.updates,
            'episodes': len(self.log.returns),
            'seconds': round(self.seconds, 3),
            'versions': {'python': '.'.join(map(str, sys.version_info[:3]))}
            | {name: importlib.metadata.version(name) for name in VERSIONS},
        }

    def _restore(self):
        arrays, record = checkpoint.load(self.checkpoint_path)
        try:
            return self._take_up(arrays, record)
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f'{self.checkpoint_path} was written by another version, or is damaged ({error})') from error

    def _take_up(self, arrays, record):
        path = self.checkpoint_path
        saved = record['settings'] | {'seed': record['seed'], 'engine': record['engine']}
        wanted = dataclasses.asdict(self.settings) | {'seed': self.options.seed, 'engine': self.envs.engine}
        for name, value in wanted.items():
            if name != 'steps' and json.loads(json.dumps(value)) != saved.get(name):
                raise UserError(
                    f'{path} was trained with {name} {saved.get(name)}, not {value}; '
                    'give the same flags, or start anew without --resume'
                )
        checkpoint.assign(arrays, path, **self.agent.variables())
        self.agent.rng.bit_generator.state = record['rng']
        self.agent.refresh()
        self.log.assign(arrays)
        self.steps, self.updates, self.seconds = record['steps'], record['updates'], record['seconds']
        self.env_seed = record['env_seed']
        state = self.envs.replay(self.env_seed, arrays.get('envs/actions', ()))
        print(f'Resumed {path} at step {self.steps:,}.')
        return state

    def _show(self, losses, new_steps):
        self.bar.update(new_steps)
        recent = self.log.recent()
        if recent is not None:
            self.bar.set_postfix_str(f'{self.rate_name} {recent:.2f}', refresh=False)
            if self.seconds - self.last_line >= 0.5 or not self.goes_on():
                self.last_line = self.seconds
                done = len(self.log.returns)
                mean_length = np.mean(self.log.lengths[-100:])
                expected = done + int((self.settings.steps - self.steps) / mean_length)
                self.bar.write(
                    f'Training | Episode: {done}/{expected} | Episode Reward: {self.log.returns[-1]:.4f} '
                    f'| Running Time: {self.seconds:.4f}',
                    file=sys.stdout,
                )
        if self.writer:
            with self.writer.as_default(step=self.steps):
                for name, value in losses.items():
                    tf.summary.scalar(f'losses/{name}', value)
                if recent is not None:
                    tf.summary.scalar('episodes/return', recent)

    def _close(self):
        self.bar.close()
        signal.signal(signal.SIGINT, self.previous_handler)
        if self.writer:
            self.writer.close()

    def _on_interrupt(self, *_):
        if self.interrupted:
            raise KeyboardInterrupt  # the second time at once: the last checkpoint is whole
        self.interrupted = True
