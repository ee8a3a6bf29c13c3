"""What a run remembers of its episodes and its updates, and how often it prints a line."""

from array import array

import numpy as np

ROWS = 1000  # a run keeps at most so many rows of losses, each the mean over a thousandth of its steps


class EpisodeLog:
    """Returns and lengths of all finished episodes, and mean returns of the greedy tests that `--test-every` asks for.

    `end_steps` and `test_steps` are the run's steps when an episode ended and when a test was made. The columns of the episodes
    are arrays of Python's own module `array`, which take 24 bytes an episode: there may be millions.
    """

    def __init__(self, num_envs):
        self.end_steps, self.returns, self.lengths = array('q'), array('d'), array('q')
        self.test_steps, self.test_returns = [], []
        self.open_returns, self.open_lengths = np.zeros(num_envs), np.zeros(num_envs, int)

    def add(self, rewards, ended, valid, excluded, steps_before):
        """Adds a batch: its rewards, ends of episodes, valid rows and ends that do not count, each (T, num_envs).

        The run had taken `steps_before` steps before the batch.
        """
        steps = steps_before + np.cumsum(valid.sum(1))
        returns = self.open_returns + np.cumsum(rewards, axis=0, dtype=np.float64)
        lengths = self.open_lengths + np.cumsum(valid, axis=0)
        past_returns, past_lengths = np.zeros_like(self.open_returns), np.zeros_like(self.open_lengths)
        for t, env in np.argwhere(ended):
            if not excluded[t, env]:
                self.end_steps.append(int(steps[t]))
                self.returns.append(float(returns[t, env] - past_returns[env]))
                self.lengths.append(int(lengths[t, env] - past_lengths[env]))
            past_returns[env], past_lengths[env] = returns[t, env], lengths[t, env]
        self.open_returns, self.open_lengths = returns[-1] - past_returns, lengths[-1] - past_lengths

    def forget_open(self):
        """Starts the returns and lengths of unfinished episodes at 0, when environments do not go on with them."""
        self.open_returns, self.open_lengths = np.zeros_like(self.open_returns), np.zeros_like(self.open_lengths)

    def recent(self, count=100):
        """Mean return of the last `count` episodes, None before the first has ended."""
        return float(np.mean(self.returns[-count:])) if self.returns else None

    def arrays(self):
        """The arrays for a checkpoint, by name."""
        return {_saved(name): np.array(value) for name, value in vars(self).items()}

    def assign(self, arrays):
        """Restores what `arrays` returned; ValueError if lengths or the number of environments differ."""
        for names in (('end_steps', 'returns', 'lengths'), ('test_steps', 'test_returns')):
            columns = [arrays[_saved(name)] for name in names]
            if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
                raise ValueError(f'{", ".join(map(_saved, names))} differ in length')
            for name, column in zip(names, columns, strict=True):
                kept = getattr(self, name)
                setattr(self, name, array(kept.typecode, column.tolist()) if isinstance(kept, array) else column.tolist())
        for name in ('open_returns', 'open_lengths'):
            if arrays[_saved(name)].shape != getattr(self, name).shape:
                raise ValueError(f'{_saved(name)} is for another number of environments')
            setattr(self, name, arrays[_saved(name)])


def _saved(name):
    """The name in a checkpoint of what an episode log has as `name`."""
    return f'episodes/{"steps" if name == "end_steps" else name}'


class LossLog:
    """What updates reported, by name, in `columns`.

    A row is the mean over the updates in a stretch of `total_steps` / ROWS steps, so that the log of a long run stays small.
    A name that not every update of a stretch reported is NaN in its row: versions of this project differ in what updates
    report, and a checkpoint may be older than the version that continues it.
    """

    def __init__(self, total_steps):
        self.stretch = total_steps / ROWS
        self.columns = {'steps': []}
        self.sums, self.summed = {}, 0  # over the updates since the last row, and their number

    def add(self, losses, steps):
        """Adds what an update reported, nothing if it did not learn; the run has taken `steps` steps in all."""
        if not losses:
            return
        for name in self.sums | losses:
            before = self.sums.get(name, np.nan) if self.summed else 0.0
            self.sums[name] = before + losses.get(name, np.nan)
        self.summed += 1
        last = self.columns['steps'][-1] if self.columns['steps'] else 0
        if steps - last >= self.stretch:
            self._add_row(steps)

    def _add_row(self, steps):
        rows = len(self.columns['steps'])
        self.columns['steps'].append(steps)
        for name in self.sums:
            self.columns.setdefault(name, [np.nan] * rows)
        for name in self.columns.keys() - {'steps'}:
            self.columns[name].append(self.sums.get(name, np.nan) / self.summed)
        self.sums, self.summed = {}, 0

    def arrays(self):
        """The arrays for a checkpoint, by name."""
        sums = {f'losses/sums/{name}': np.array(value) for name, value in self.sums.items()}
        columns = {f'losses/{name}': np.array(column) for name, column in self.columns.items()}
        return columns | sums | {'losses/updates/count': np.array(self.summed)}

    def assign(self, arrays):
        """Restores what `arrays` returned; ValueError if the columns differ in length."""
        mine = {name.split('/', 1)[1]: array for name, array in arrays.items() if name.startswith('losses/')}
        self.summed = int(mine.pop('updates/count'))
        self.sums = {name.removeprefix('sums/'): float(array) for name, array in mine.items() if name.startswith('sums/')}
        self.columns = {name: array.tolist() for name, array in mine.items() if not name.startswith('sums/')}
        if len({len(column) for column in self.columns.values()}) > 1:
            raise ValueError('columns of losses differ in length')


class Pace:
    """Decides when to print the next line: often at first, then more and more rarely, at last once a minute."""

    def __init__(self):
        self.last = 0.0

    def is_time(self, seconds):
        """Whether to print a line now, `seconds` after the start; if so, the next one comes later."""
        if seconds - self.last < min(60.0, 0.5 + self.last / 10):
            return False
        self.last = seconds
        return True
