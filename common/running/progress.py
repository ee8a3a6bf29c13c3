"""What a training shows while it goes on: a bar, the book's lines, the time left, and scalars for TensorBoard."""

import importlib
import sys

from common import backend
from common.backend import tf
from common.running.checkpoint import writing
from common.running.logs import Pace

import numpy as np
from tqdm import tqdm


class Progress:
    """The bar and the lines of a training of `total` steps, as a context manager; `steps` of them were taken before.

    `title` names the run on the bar, `rate_name` what its returns are.
    """

    def __init__(self, total, steps, title, rate_name):
        self.total, self.steps, self.rate_name = total, steps, rate_name
        self.pace, self.first, self.compiling = Pace(), None, False
        self.bar = tqdm(
            total=total, initial=steps, unit=' steps', unit_scale=True, desc=title, disable=None, dynamic_ncols=True
        )

    def __enter__(self):
        backend.listeners.append(self._on_compiling)
        return self

    def __exit__(self, *_):
        backend.listeners.remove(self._on_compiling)
        self.close()

    def close(self):
        """Ends the bar."""
        self.bar.close()

    def say(self, line):
        """Prints a line above the bar."""
        self.bar.write(line, file=sys.stdout)

    def show(self, steps, seconds, log, losses, last):
        """Shows how far the training is after an update: `steps` in all, in so many seconds; `last` where none follows."""
        if self.first is None and losses:
            self.first = steps, seconds
            self.bar.unpause()  # the time left is told from here on: what was compiled until now is not compiled again
        self.bar.update(steps - self.steps)
        self.steps = steps
        recent = log.recent()
        if recent is not None:
            self.bar.set_postfix_str(f'{self.rate_name} {recent:.2f}', refresh=False)
        if self.pace.is_time(seconds) or last:
            self.say(self._line(seconds, log, last))

    def _line(self, seconds, log, last):
        """The book's line, and behind it steps, a mean and the time left."""
        done, recent, parts = len(log.returns), log.recent(), ['Training']
        if recent is None:
            parts += ['Episode: 0', f'Running Time: {seconds:.4f}']
        else:
            expected = done + int((self.total - self.steps) / np.mean(log.lengths[-100:]))
            parts += [f'Episode: {done}/{expected}', f'Episode Reward: {log.returns[-1]:.4f}']
            parts += [f'Running Time: {seconds:.4f}']
        parts += [f'Steps: {self.steps:,}/{self.total:,}']
        if recent is not None:
            parts += [f'Mean of {min(done, 100)}: {recent:.2f}']
        first_steps, first_seconds = self.first or (self.steps, seconds)
        if self.steps > first_steps and not last:
            left = (seconds - first_seconds) / (self.steps - first_steps) * (self.total - self.steps)
            parts += [f'Time Left: {tqdm.format_interval(left)}']
        return ' | '.join(parts)

    def _on_compiling(self, _):
        """Says once that it takes a while."""
        if not self.compiling:
            self.compiling = True
            backend.beside(importlib.import_module, 'common.running.plotting')  # after the critic, while the actor is compiled
            self.say('Compiling the update ...')


class Scalars:
    """A run's scalars for TensorBoard, in a folder of its own; UserError where it cannot be written."""

    def __init__(self, folder):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.writer = tf.summary.create_file_writer(str(folder))
        self.close = self.writer.close

    def settings(self, steps, settings, seed, name):
        """Writes the settings as TensorBoard's hyperparameters."""
        from tensorboard.plugins.hparams import api

        plain = {name: value if isinstance(value, int | float | str) else str(value) for name, value in vars(settings).items()}
        with self.writer.as_default(step=steps):
            api.hparams(plain | {'seed': seed}, trial_id=name)

    def update(self, steps, losses, recent):
        """Writes what an update reported, and the mean return of the last episodes, None where there is none."""
        with self.writer.as_default(step=steps):
            for name, value in losses.items():
                tf.summary.scalar(f'losses/{name}', value)
            if recent is not None:
                tf.summary.scalar('episodes/return', recent)

    def evaluation(self, steps, mean_return):
        """Writes what the trained agent reached."""
        with self.writer.as_default(step=steps):
            tf.summary.scalar('evaluation/return', mean_return)
