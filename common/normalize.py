"""Running normalisation of observations and of returns, for environments whose states and rewards have any scale."""

import numpy as np

CLIP = 10.0  # standard deviations beyond which a normalised state or a scaled reward is cut off


class RunningMoments:
    """Mean and variance of all rows seen so far, joined batch by batch (Chan et al., 1983)."""

    def __init__(self, shape=()):
        self.mean, self.var, self.count = np.zeros(shape), np.ones(shape), np.zeros(())

    def update(self, rows):
        """Takes in rows (N, *shape)."""
        rows = np.asarray(rows, np.float64)
        count = self.count + len(rows)
        shift = rows.mean(0) - self.mean
        squares = self.var * self.count + rows.var(0) * len(rows) + shift**2 * self.count * len(rows) / count
        self.mean, self.var, self.count = self.mean + shift * len(rows) / count, squares / count, np.asarray(count)


class Normalizer:
    """Centres and scales states by their running moments; scales rewards so that discounted returns have deviation one.

    The moments change only in `finish_batch`: a batch's states are seen through those before it, its rewards are scaled by
    those after. Within a batch, and in a test, they stand still, so that the policy which collected a batch is the one its
    probability ratios are taken against.
    """

    def __init__(self, state_dim, num_envs, gamma):
        self.gamma = gamma
        self.state_moments, self.return_moments = RunningMoments(state_dim), RunningMoments()
        self.open_returns = np.zeros(num_envs)  # discounted return so far of the unfinished episodes
        self._freeze()

    def states(self, states):
        """What the networks see of states (..., state_dim); float32 where the states are."""
        normal = states - self.centre
        normal *= self.scale
        return np.minimum(np.maximum(normal, -CLIP, out=normal), CLIP, out=normal)

    def finish_batch(self, states, rewards, ended, valid):
        """Takes a batch into the moments, all arguments (steps, num_envs, ...), and returns its scaled rewards."""
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
        """What a file holds of it."""
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
        """Takes the place of the one that wrote `arrays`."""
        for name, moments in (('state', self.state_moments), ('return', self.return_moments)):
            moments.mean, moments.var, moments.count = (arrays[f'{name}_{part}'] for part in ('mean', 'var', 'count'))
        self.open_returns = arrays['open_returns']
        self._freeze()

    def _freeze(self):
        self.centre = np.float32(self.state_moments.mean)
        self.scale = np.float32(1 / np.sqrt(self.state_moments.var + 1e-8))


class Identity:
    """Leaves states and rewards as they are: what `--no-normalize` takes."""

    def states(self, states):
        """The states."""
        return states

    def finish_batch(self, states, rewards, ended, valid):
        """The rewards."""
        return rewards

    def arrays(self):
        """Nothing."""
        return {}

    def assign(self, arrays):
        """Nothing to take."""


def make_normalizer(normalize, state_dim, num_envs, gamma):
    """A Normalizer where `normalize` is set, else an Identity."""
    return Normalizer(state_dim, num_envs, gamma) if normalize else Identity()
