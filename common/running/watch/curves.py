"""What the page draws: returns and losses against the steps, few enough that memory and each answer stay small."""

import math

from common.running.logs import ROWS

import numpy as np

RECENT = 100  # episodes in the mean that the screen shows, too


class Curves:
    """The curves of one run, lists by name: a point is the mean over about a thousandth of the run's steps.

    - `losses`: 'steps' and what updates reported, the rows of the run's `LossLog`
    - `returns`: 'steps', 'mean' of the episodes that ended since the point before, and 'recent', of the last 100
    - `tests`: 'steps' and 'mean' of the greedy tests

    A number that is not finite is None.
    """

    def __init__(self, log, losses):
        self.stretch, self.counted = losses.stretch, len(log.returns)
        self.returns, self.tests, self.losses = thinned(log, losses.stretch), {'steps': [], 'mean': []}, {'steps': []}
        self.add(log, losses, 0)

    def add(self, log, losses, steps):
        """Adds what the logs have that is new, after `steps` steps of the run."""
        have = len(self.losses['steps'])
        if len(losses.columns['steps']) > have:
            for name, column in losses.columns.items():
                self.losses.setdefault(name, [None] * have).extend(map(_plain, column[have:]))
        last = self.returns['steps'][-1] if self.returns['steps'] else 0
        if len(log.returns) > self.counted and steps - last >= self.stretch:
            point = steps, _plain(np.mean(log.returns[self.counted :])), _plain(log.recent(RECENT))
            for column, value in zip(self.returns.values(), point, strict=True):
                column.append(value)
            self.counted = len(log.returns)
        have = len(self.tests['steps'])
        self.tests['steps'] += log.test_steps[have:]
        self.tests['mean'] += map(_plain, log.test_returns[have:])

    def after(self, have):
        """The three tables without the first rows of each: so many as `have`, a dict, says by the table's name."""
        tables = {'losses': self.losses, 'returns': self.returns, 'tests': self.tests}
        return {
            table: {name: column[max(0, have.get(table, 0)) :] for name, column in columns.items()}
            for table, columns in tables.items()
        }


def thinned(log, stretch=None):
    """The `returns` of `Curves` for a whole log of episodes; `stretch`: by default a thousandth of its steps."""
    steps, returns = np.asarray(log.end_steps), np.asarray(log.returns)
    if not len(steps):
        return {'steps': [], 'mean': [], 'recent': []}
    part = np.floor(steps / (stretch or steps[-1] / ROWS))
    ends = np.append(np.flatnonzero(np.diff(part)), len(steps) - 1) + 1
    sums = np.cumsum(np.insert(returns, 0, 0.0))
    mean = lambda starts: list(map(_plain, (sums[ends] - sums[starts]) / (ends - starts)))  # noqa: E731
    return {
        'steps': steps[ends - 1].tolist(),
        'mean': mean(np.insert(ends[:-1], 0, 0)),
        'recent': mean(np.maximum(0, ends - RECENT)),
    }


def _plain(value):
    return float(value) if math.isfinite(value) else None
