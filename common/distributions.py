"""The distributions of actions: a diagonal Gaussian for Box spaces, the same squashed by tanh, and categoricals for discrete.

`pi` is always the list that an actor returns: `[mean, log_std]`, each (N, action_dim), or `[logits]`, (N, action_dim).
Log-densities, entropies and KL divergences are sums over the action dimensions and have shape (N,).
"""

import math

from common.backend import tf

import numpy as np

LOG_2PI = math.log(2 * math.pi)


class Gaussian:
    """Independent normal distributions, one per action dimension."""

    @staticmethod
    def log_prob(pi, action):
        """log pi(a|s) of actions (N, action_dim), shape (N,)."""
        mean, log_std = pi
        z = (action - mean) * tf.exp(-log_std)
        return -0.5 * tf.reduce_sum(tf.square(z) + 2 * log_std + LOG_2PI, axis=-1)

    @staticmethod
    def entropy(pi):
        """Differential entropy in nats, shape (N,)."""
        return tf.reduce_sum(pi[1] + 0.5 * (LOG_2PI + 1), axis=-1)

    @staticmethod
    def kl(old_pi, pi):
        """KL(old, new) in nats, shape (N,)."""
        (old_mean, old_log_std), (mean, log_std) = old_pi, pi
        variances = (tf.exp(2 * old_log_std) + tf.square(old_mean - mean)) * tf.exp(-2 * log_std)
        return tf.reduce_sum(log_std - old_log_std + 0.5 * (variances - 1), axis=-1)

    @staticmethod
    def spread(pi):
        """Mean entropy in nats and mean standard deviation, scalars by name."""
        return {'entropy': tf.reduce_mean(Gaussian.entropy(pi)), 'std': tf.reduce_mean(tf.exp(pi[1]))}

    @staticmethod
    def sample(pi, rng):
        """Actions drawn with the NumPy generator `rng`, float32, the shape of the mean."""
        mean, log_std = pi
        return mean + np.exp(log_std) * rng.standard_normal(mean.shape, dtype=np.float32)

    @staticmethod
    def mode(pi):
        """The most likely action: the mean."""
        return pi[0]


class SquashedGaussian:
    """tanh(u) of a Gaussian u, in (-1, 1). `pi` is [mean, log_std] of u; densities are those of tanh(u)."""

    @staticmethod
    def log_prob(pi, u):
        """log pi(tanh(u)|s) for u (N, action_dim), shape (N,): the Gaussian's log-density of u minus log(1 - tanh(u)^2).

        Computed as written, the last term is -inf in float32 for |u| near 9 and beyond. The same term as
        2 (log 2 - u - softplus(-2u)) is exact everywhere.
        """
        log_derivative = 2 * (math.log(2) - u - tf.nn.softplus(-2 * u))
        return Gaussian.log_prob(pi, u) - tf.reduce_sum(log_derivative, axis=-1)

    @staticmethod
    def reparametrised(pi, noise):
        """Actions (N, action_dim) as a function of standard normal noise (N, action_dim), and their log-densities (N,)."""
        mean, log_std = pi
        u = mean + tf.exp(log_std) * noise
        return tf.tanh(u), SquashedGaussian.log_prob(pi, u)

    @staticmethod
    def sample(pi, rng):
        """Actions drawn with the NumPy generator `rng`, float32, the shape of the mean."""
        return np.tanh(Gaussian.sample(pi, rng))

    @staticmethod
    def mode(pi):
        """The squashed mean: the median of each dimension, not strictly its mode."""
        return np.tanh(pi[0])


class Categorical:
    """A choice among `action_dim` actions, given by unnormalised log-probabilities."""

    @staticmethod
    def log_prob(pi, action):
        """log pi(a|s) of actions (N,), shape (N,)."""
        log_probs = tf.nn.log_softmax(pi[0])
        return tf.gather(log_probs, action, axis=-1, batch_dims=1)

    @staticmethod
    def entropy(pi):
        """Entropy in nats, shape (N,)."""
        log_probs = tf.nn.log_softmax(pi[0])
        return -tf.reduce_sum(tf.exp(log_probs) * log_probs, axis=-1)

    @staticmethod
    def kl(old_pi, pi):
        """KL(old, new) in nats, shape (N,)."""
        old_log_probs, log_probs = tf.nn.log_softmax(old_pi[0]), tf.nn.log_softmax(pi[0])
        return tf.reduce_sum(tf.exp(old_log_probs) * (old_log_probs - log_probs), axis=-1)

    @staticmethod
    def spread(pi):
        """Mean entropy in nats, a scalar by its name."""
        return {'entropy': tf.reduce_mean(Categorical.entropy(pi))}

    @staticmethod
    def sample(pi, rng):
        """Actions drawn with the NumPy generator `rng`, int, shape (N,): the Gumbel-max trick."""
        logits = pi[0]
        return np.argmax(logits + rng.gumbel(size=logits.shape), axis=-1)

    @staticmethod
    def mode(pi):
        """The most likely action."""
        return np.argmax(pi[0], axis=-1)


class MultiCategorical:
    """Several independent choices, one for each number in `choices`: for MultiDiscrete and MultiBinary actions.

    `pi` is `[logits]`, (N, sum of choices); an action is (N, len(choices)) whole numbers that begin at 0.
    """

    def __init__(self, choices):
        self.choices = choices

    def log_prob(self, pi, action):
        """log pi(a|s) of actions (N, len(choices)), shape (N,): the sum over the choices."""
        return tf.add_n([Categorical.log_prob(part, action[:, i]) for i, part in enumerate(self._parts(pi))])

    def entropy(self, pi):
        """Entropy in nats, shape (N,): the sum over the choices."""
        return tf.add_n([Categorical.entropy(part) for part in self._parts(pi)])

    def kl(self, old_pi, pi):
        """KL(old, new) in nats, shape (N,): the sum over the choices."""
        pairs = zip(self._parts(old_pi), self._parts(pi), strict=True)
        return tf.add_n([Categorical.kl(old, new) for old, new in pairs])

    def spread(self, pi):
        """Mean entropy in nats, a scalar by its name."""
        return {'entropy': tf.reduce_mean(self.entropy(pi))}

    def sample(self, pi, rng):
        """Actions drawn with the NumPy generator `rng`, int, shape (N, len(choices)): the Gumbel-max trick."""
        return self.mode([pi[0] + rng.gumbel(size=pi[0].shape)])

    def mode(self, pi):
        """The most likely choices."""
        ends = np.cumsum(self.choices)[:-1]
        return np.stack([np.argmax(part, axis=-1) for part in np.split(pi[0], ends, axis=-1)], axis=-1)

    def _parts(self, pi):
        return [[logits] for logits in tf.split(pi[0], self.choices, axis=-1)]


def categorical(action_dim):
    """The distribution of discrete actions: `Categorical` for a number of choices, `MultiCategorical` for a tuple of them."""
    return MultiCategorical(action_dim) if isinstance(action_dim, tuple) else Categorical
