"""Normalisation of states and scaling of rewards by running statistics, for environments in which they have any scale."""

import numpy as np

CLIP = 10.0  # normalised states and scaled rewards are clipped to this many standard deviations


class RunningMoments:
    """Mean and variance of all rows so far, updated batch by batch (Chan et al., 1983)."""

    def __init__(self, shape=()):
        self.mean, self.var, self.count = np.zeros(shape), np.ones(shape), np.zeros(())

    def update(self, rows):
        """Adds rows (N, *shape)."""
        rows = np.asarray(rows, np.float64)
        count = self.count + len(rows)
        shift = rows.mean(0) - self.mean
        squares = self.var * self.count + rows.var(0) * len(rows) + shift**2 * self.count * len(rows) / count
        self.mean, self.var, self.count = self.mean + shift * len(rows) / count, squares / count, np.asarray(count)


class Normalizer:
    """Normalises states to mean 0 and variance 1; scales rewards so that discounted returns have standard deviation 1.

    The statistics change once per batch, in `finish_batch`: its states are normalised with the statistics from before it, its
    rewards with the updated ones. While a batch is collected, and in a test, they stay as they are. So the policy that
    collected a batch is the one that its probability ratios refer to.
    """

    def __init__(self, state_dim, num_envs, gamma):
        self.gamma = gamma
        self.state_moments, self.return_moments = RunningMoments(state_dim), RunningMoments()
        self.open_returns = np.zeros(num_envs)  # discounted returns so far of the unfinished episodes
        self._freeze()

    def normalize(self, states):
        """Normalised states (..., state_dim), which the networks see; float32 if `states` are."""
        normal = states - self.centre
        normal *= self.scale
        return np.minimum(np.maximum(normal, -CLIP, out=normal), CLIP, out=normal)

    def finish_batch(self, states, rewards, ended, valid):
        """Adds a batch to the statistics and returns its scaled rewards; every argument is (steps, num_envs, ...)."""
        returns = np.empty(rewards.shape)
        for t in range(len(rewards)):
            returns[t] = rewards[t] + self.gamma * self.open_returns
            self.open_returns = np.where(ended[t], 0.0, returns[t])
        self.return_moments.update(returns[valid])
        self.state_moments.update(states[valid])
        self._freeze()
        scaled = rewards / np.sqrt(self.return_moments.var + 1e-8)
        return np.clip(scaled, -CLIP, CLIP).astype(np.float32)

    def arrays(self):
        """The statistics by name, for a file."""
        return {
            'state_mean': self.state_moments.mean,
            'state_var': self.state_moments.var,
            'state_count': self.state_moments.count,
            'return_mean': self.return_moments.mean,
            'return_var': self.return_moments.var,
            'return_count': self.return_moments.count,
            'open_returns': self.open_returns,
        }

    def assign(self, arrays):
        """Restores what `arrays` returned; ValueError if no states have such statistics, or they are too large for float32."""
        with np.errstate(over='ignore'):
            large = not np.isfinite(np.float32(arrays['state_mean'])).all()
        if large or any((arrays[f'{name}_{part}'] < 0).any() for name in ('state', 'return') for part in ('var', 'count')):
            raise ValueError('a mean of states is too large, or a variance or a count is negative')
        for name, moments in (('state', self.state_moments), ('return', self.return_moments)):
            moments.mean, moments.var, moments.count = (arrays[f'{name}_{part}'] for part in ('mean', 'var', 'count'))
        self.open_returns = arrays['open_returns']
        self._freeze()

    def _freeze(self):
        self.centre = np.float32(self.state_moments.mean)
        self.scale = np.float32(1 / np.sqrt(self.state_moments.var + 1e-8))


class Identity:
    """Leaves states and rewards as they are, for `--no-normalize`."""

    def normalize(self, states):
        """The states."""
        return states

    def finish_batch(self, states, rewards, ended, valid):
        """The rewards."""
        return rewards

    def arrays(self):
        """Nothing."""
        return {}

    def assign(self, arrays):
        """Nothing."""


def make_normalizer(normalize, state_dim, num_envs, gamma):
    """A Normalizer if `normalize` is set, else an Identity."""
    return Normalizer(state_dim, num_envs, gamma) if normalize else Identity()
