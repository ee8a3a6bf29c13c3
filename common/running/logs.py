"""What a run remembers: its episodes and its losses; and how often it speaks."""

import numpy as np

ROWS = 1000  # that the losses of a run take at most, each the mean over a thousandth of its steps


class EpisodeLog:
    """Returns and lengths of finished episodes, with the number of steps the run had taken when they ended.

    And mean returns of the greedy tests between, where `--test-every` asks for them.
    """

    def __init__(self, num_envs):
        self.steps, self.returns, self.lengths = [], [], []
        self.test_steps, self.test_returns = [], []
        self.open_returns, self.open_lengths = np.zeros(num_envs), np.zeros(num_envs, int)

    def add(self, rewards, ended, valid, uncounted, steps_before):
        """Takes in rewards, ends, valid rows and ends that do not count, each (steps, num_envs)."""
        steps = steps_before + np.cumsum(valid.sum(1))
        returns = self.open_returns + np.cumsum(rewards, axis=0, dtype=np.float64)
        lengths = self.open_lengths + np.cumsum(valid, axis=0)
        past_returns, past_lengths = np.zeros_like(self.open_returns), np.zeros_like(self.open_lengths)
        for step, env in np.argwhere(ended):
            if not uncounted[step, env]:
                self.steps.append(int(steps[step]))
                self.returns.append(float(returns[step, env] - past_returns[env]))
                self.lengths.append(int(lengths[step, env] - past_lengths[env]))
            past_returns[env], past_lengths[env] = returns[step, env], lengths[step, env]
        self.open_returns, self.open_lengths = returns[-1] - past_returns, lengths[-1] - past_lengths

    def recent(self, count=100):
        """Mean return of the last `count` episodes, None before the first has ended."""
        return float(np.mean(self.returns[-count:])) if self.returns else None

    def arrays(self):
        """What a checkpoint holds."""
        return {f'episodes/{name}': np.array(value) for name, value in vars(self).items()}

    def assign(self, arrays):
        """Takes back what `arrays` returned; ValueError where it does not fit together."""
        for names in (('steps', 'returns', 'lengths'), ('test_steps', 'test_returns')):
            columns = [arrays[f'episodes/{name}'] for name in names]
            if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
                raise ValueError(f'episodes/{", ".join(names)} are of different lengths')
            for name, column in zip(names, columns, strict=True):
                setattr(self, name, column.tolist())
        for name in ('open_returns', 'open_lengths'):
            if arrays[f'episodes/{name}'].shape != getattr(self, name).shape:
                raise ValueError(f'episodes/{name} is of other environments')
            setattr(self, name, arrays[f'episodes/{name}'])


class LossLog:
    """What updates reported, by name: means over all updates of a stretch of `steps` / ROWS steps, so that it stays small."""

    def __init__(self, steps):
        self.every = steps / ROWS
        self.columns = {'steps': []}
        self.sums, self.updates = {}, 0

    def add(self, losses, steps):
        """Takes in an update's losses, after `steps` steps of the run in all; an update that learnt nothing has none."""
        if not losses:
            return
        self.updates += 1
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        last = self.columns['steps'][-1] if self.columns['steps'] else 0
        if steps - last >= self.every:
            self.columns['steps'].append(steps)
            for name, total in self.sums.items():
                self.columns.setdefault(name, []).append(total / self.updates)
            self.sums, self.updates = {}, 0

    def arrays(self):
        """What a checkpoint holds."""
        sums = {f'losses/sums/{name}': np.array(value) for name, value in self.sums.items()}
        columns = {f'losses/{name}': np.array(column) for name, column in self.columns.items()}
        return columns | sums | {'losses/updates/count': np.array(self.updates)}

    def assign(self, arrays):
        """Takes back what `arrays` returned; ValueError where it does not fit together."""
        mine = {name.split('/', 1)[1]: array for name, array in arrays.items() if name.startswith('losses/')}
        self.updates = int(mine.pop('updates/count'))
        self.sums = {name.removeprefix('sums/'): float(array) for name, array in mine.items() if name.startswith('sums/')}
        self.columns = {name: array.tolist() for name, array in mine.items() if not name.startswith('sums/')}
        if len({len(column) for column in self.columns.values()}) > 1:
            raise ValueError('losses are of different lengths')


class Pace:
    """When the next line is due: often at first, ever more rarely later, once a minute at least."""

    def __init__(self):
        self.last = 0.0

    def due(self, seconds):
        """Whether a line is due after so many seconds; then the next one is later."""
        if seconds - self.last < min(60.0, 0.5 + self.last / 10):
            return False
        self.last = seconds
        return True
