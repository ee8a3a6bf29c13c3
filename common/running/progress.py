"""What a training shows while it runs: a progress bar, the book's lines, the time left, and scalars for TensorBoard."""

import importlib
import sys

from common import backend
from common.backend import tf
from common.running.files import writing
from common.running.logs import Pace

from tqdm import tqdm


class Progress:
    """The progress bar and the printed lines of a training, as a context manager.

    The training has `total` steps; `steps` of them were taken before an interruption. The bar begins with `title`, and calls
    the mean return `rate_name`.
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
        """Ends the progress bar."""
        self.bar.close()

    def say(self, line):
        """Prints a line above the progress bar."""
        self.bar.write(line, file=sys.stdout)

    def show(self, steps, seconds, log, losses, last):
        """Updates the bar after an update, and prints a line when it is time.

        The training has taken `steps` steps and `seconds` so far. `log` and `losses`: its episodes, and what the update
        reported. `last`: no update follows.
        """
        if self.first is None and losses:
            self.first = steps, seconds
            self.bar.unpause()  # the time left is estimated from here: compiling has taken part of the time until now
        self.bar.update(steps - self.steps)
        self.steps = steps
        recent = log.recent()
        if recent is not None:
            self.bar.set_postfix_str(f'{self.rate_name} {recent:.2f}', refresh=False)
        if self.pace.is_time(seconds) or last:
            self.say(self._line(seconds, log, last))

    def _line(self, seconds, log, last):
        """The book's line, followed by steps, mean return and the time left."""
        done, recent, parts = len(log.returns), log.recent(), ['Training']
        if recent is None:
            parts += ['Episode: 0', f'Running Time: {seconds:.4f}']
        else:
            parts += [f'Episode: {done}', f'Episode Reward: {log.returns[-1]:.4f}', f'Running Time: {seconds:.4f}']
        parts += [f'Steps: {self.steps:,}/{self.total:,}']
        if recent is not None:
            parts += [f'Mean of {min(done, 100)}: {recent:.2f}']
        left = self.left(seconds)
        if left is not None and not last:
            parts += [f'Time Left: {tqdm.format_interval(left)}']
        return ' | '.join(parts)

    def left(self, seconds):
        """The seconds that are left, estimated `seconds` after the start; None before the second update that learns."""
        first_steps, first_seconds = self.first or (self.steps, seconds)
        if self.steps <= first_steps:
            return None
        return (seconds - first_seconds) / (self.steps - first_steps) * (self.total - self.steps)

    def _on_compiling(self, method):
        """Says once that the update is being compiled, which takes seconds, and meanwhile loads what draws the curves."""
        if not self.compiling:
            self.compiling = True
            backend.in_second_thread(importlib.import_module, 'common.running.plotting')
            self.say('Compiling the update ...')
        for name in backend.printing(method):
            self.say(f'{name} calls print, which shows symbols and no numbers in compiled code; {backend.without_compiling()}')


class Scalars:
    """Scalars of one run for TensorBoard, in a folder of its own. UserError if the folder cannot be written."""

    def __init__(self, folder):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.writer = tf.summary.create_file_writer(str(folder))
        self.close = self.writer.close

    def settings(self, steps, settings, seed, name):
        """Writes the settings and the seed as hyperparameters of the trial `name`."""
        from tensorboard.plugins.hparams import api

        plain = {name: value if isinstance(value, int | float | str) else str(value) for name, value in vars(settings).items()}
        with self.writer.as_default(step=steps):
            api.hparams(plain | {'seed': seed}, trial_id=name)

    def update(self, steps, losses, recent):
        """Writes what an update reported, and the mean return of recent episodes unless it is None."""
        with self.writer.as_default(step=steps):
            for name, value in losses.items():
                tf.summary.scalar(f'losses/{name}', value)
            if recent is not None:
                tf.summary.scalar('episodes/return', recent)

    def evaluation(self, steps, mean_return):
        """Writes the mean return of the evaluation."""
        with self.writer.as_default(step=steps):
            tf.summary.scalar('evaluation/return', mean_return)
