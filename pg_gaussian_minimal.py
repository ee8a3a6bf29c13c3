"""The smallest policy gradient for continuous actions: one state, one action, a Gaussian actor (REINFORCE; Williams, 1992).

The actor is a network that maps the only state to the mean mu and the standard deviation sigma of a Gaussian. An episode is
one action a, drawn from that Gaussian, and its reward R. Each episode ends with one gradient step on the pseudo-loss:

    R = zeta * beta / max(zeta, |tau - a|)                                                      (1)
    loss = -R log N(a; mu, sigma),  log N = -1/2 ((a - mu) / sigma)^2 - log sigma - 1/2 log 2 pi  (2)

Here tau is the target, zeta its range and beta the largest reward. On average over the actions, the gradient of the
pseudo-loss is the gradient of the expected reward with its sign changed. The logarithm in (2) is exact: log(pdf + 1e-5),
which is often used instead, has too small a gradient where the density is small.

To run: python pg_gaussian_minimal.py --train (one seed), --train --seeds 20 (median and 10-90% band)
Expect: mu reaches the target. sigma first grows, so the actor explores, and then shrinks. All rewards are positive, so every
action pulls mu towards itself, and mu drifts even when sigma is small. `--baseline 0.1` subtracts a running mean from the
rewards, and mu drifts less.
"""

# The algorithm comes first. Its imports follow with the rest of the program, in the second half of this file:
# np is NumPy, tf is TensorFlow, tl is TensorLayer.


def reward(action, target, target_range, max_reward):
    """Eq. (1): max_reward within target_range of the target; outside, it falls with the distance."""
    return target_range * max_reward / tf.maximum(target_range, tf.abs(target - action))


def pseudo_loss(mu, sigma, action, reward):
    """Eq. (2): the negative log-density of the action, times its reward."""
    log_prob = -0.5 * tf.square((action - mu) / sigma) - tf.math.log(sigma) - 0.5 * np.log(2 * np.pi)
    return -reward * log_prob


class GaussianActor:
    """Two hidden layers of five ReLUs, and two heads, mu and sigma, that start at given values; trained by Adam."""

    def __init__(self, start_mu=0.0, start_sigma=1.0, learning_rate=0.001):
        zeros, constant = tl.initializers.Zeros(), tl.initializers.Constant
        mu_bias = float(start_mu)
        sigma_bias = float(start_sigma + np.log(-np.expm1(-start_sigma)))  # softplus(sigma_bias) = start_sigma
        state = tl.layers.Input([1, 1])
        hidden = tl.layers.Dense(5, tf.nn.relu, b_init=constant(0.1))(state)  # biases above 0 keep units active
        hidden = tl.layers.Dense(5, tf.nn.relu, b_init=constant(0.1))(hidden)
        mu = tl.layers.Dense(1, None, W_init=zeros, b_init=constant(mu_bias))(hidden)
        sigma = tl.layers.Dense(1, tf.nn.softplus, W_init=zeros, b_init=constant(sigma_bias))(hidden)
        self.model = tl.models.Model(state, [mu, sigma])
        self.model.train()
        self.weights = self.model.trainable_weights
        self.start = [weight.numpy() for weight in self.weights]
        self.optimizer = tf.optimizers.Adam(learning_rate)
        self.optimizer.build(self.weights)
        self.optimizer_start = [variable.numpy() for variable in self.optimizer.variables]
        # AutoGraph turns the loop in learn into one of TensorFlow's, which XLA compiles. The other two methods have no loop:
        # leaving them as they are makes compiling half a second faster.
        keep = tf.autograph.experimental.do_not_convert
        self.policy, self.update = keep(self.policy), keep(self.update)
        self.learn = tf.function(self.learn, jit_compile=True)

    def reset(self, rng):
        """Makes the actor new: draws the hidden weights (He et al., 2015), sets everything else to its start."""
        for weight, start in zip(self.weights, self.start, strict=True):
            hidden = start.shape in ((1, 5), (5, 5))
            weight.assign(rng.normal(0.0, np.sqrt(2 / start.shape[0]), start.shape) if hidden else start)
        for variable, start in zip(self.optimizer.variables, self.optimizer_start, strict=True):
            variable.assign(start)

    def policy(self):
        """Returns mu and sigma, two scalars."""
        mu, sigma = self.model(tf.ones([1, 1]))  # the only state is 1
        return mu[0, 0], sigma[0, 0]

    def update(self, action, reward):
        """Takes one gradient step on the pseudo-loss; returns the loss from before the step."""
        with tf.GradientTape() as tape:
            mu, sigma = self.policy()
            loss = pseudo_loss(mu, sigma, action, reward)
        gradients = tape.gradient(loss, self.weights)
        self.optimizer.apply_gradients(zip(gradients, self.weights, strict=True))
        return loss

    def learn(self, noise, target, target_range, max_reward, baseline_rate):
        """Plays an episode for each of the N standard normal numbers in noise; returns mu, sigma, reward and loss, (N, 4)."""
        baseline = 0.0  # the running mean of the rewards; at rate 0 it stays 0
        history = tf.TensorArray(tf.float32, len(noise))
        for episode in tf.range(len(noise)):
            mu, sigma = self.policy()
            action = mu + sigma * noise[episode]
            r = reward(action, target, target_range, max_reward)
            loss = self.update(action, r - baseline)
            baseline += baseline_rate * (r - baseline)
            history = history.write(episode, [mu, sigma, r, loss])
        return history.stack()


# ----------------------------------------------------------------------------------------------------------------------
# The program: imports, training of several seeds, figure, command line.
# ruff: noqa: E402 (imports that are not at the top)

import argparse
import os
import sys
import time
import tomllib
from importlib.util import find_spec
from pathlib import Path

if not (3, 11) <= sys.version_info < (3, 15) or not all(map(find_spec, ('matplotlib', 'numpy', 'tensorflow', 'tensorlayer'))):
    print(
        f'{Path(sys.argv[0]).name}: error: {sys.executable} is not Python 3.11 to 3.14 with TensorFlow, TensorLayer, NumPy and '
        'Matplotlib: run make train once, then .venv/bin/python pg_gaussian_minimal.py (on Windows, see README.md)',
        file=sys.stderr,
    )
    sys.exit(2)

import numpy as np
from matplotlib.figure import Figure

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 2)  # TensorFlow prints some start-up messages whatever that level is
try:
    import tensorflow as tf
    import tensorlayer as tl
finally:
    os.dup2(stderr, 2)
tl.logging.set_verbosity(tl.logging.ERROR)  # in a notebook TensorLayer prints a line for each layer


def train(args):
    """Trains an actor with each seed; returns mu, sigma, reward and loss of all episodes, shape (seeds, episodes, 4)."""
    started = time.perf_counter()
    actor = GaussianActor(args.start_mu, args.start_sigma, args.learning_rate)
    task = [tf.constant(value) for value in (args.target, args.target_range, args.max_reward, args.baseline)]
    histories = []
    for seed in range(args.seed, args.seed + args.seeds):
        rng = np.random.default_rng(seed)
        actor.reset(rng)
        noise = rng.standard_normal(args.episodes, dtype=np.float32)
        histories.append(actor.learn(noise, *task).numpy())
        mu, sigma, r, _ = histories[-1][-1]
        print(
            f'Training | Seed: {seed} | Episodes: {args.episodes} | mu: {mu:.4f} | sigma: {sigma:.4f} | Reward: {r:.4f} '
            f'| Running Time: {time.perf_counter() - started:.4f}'
        )
    return np.array(histories)


def solved(histories, target, target_range):
    """Whether each seed ended with mu within target_range of the target and sigma below 0.5; shape (seeds,)."""
    return (np.abs(histories[:, -1, 0] - target) <= target_range) & (histories[:, -1, 1] < 0.5)


def plot(histories, target, path):
    """Draws mu, sigma and reward on the left, the loss on the right; of several seeds the median and the 10-90% band."""
    figure = Figure(figsize=(10, 4), dpi=120, layout='constrained')
    left, right = figure.subplots(1, 2)
    episodes = np.arange(1, histories.shape[1] + 1)
    for axes, column, label, colour in (
        (left, 0, 'mu', '#2a6f97'),
        (left, 1, 'sigma', '#c8553d'),
        (left, 2, 'reward', '#588157'),
        (right, 3, 'loss', '#6d597a'),
    ):
        low, middle, high = np.percentile(histories[:, :, column], (10, 50, 90), axis=0)
        noisy = len(histories) == 1 and column >= 2  # the reward and loss of one seed jump from episode to episode
        axes.plot(episodes, middle, color=colour, label=label, linewidth=0.3 if noisy else 1.5, alpha=0.6 if noisy else 1)
        axes.fill_between(episodes, low, high, color=colour, alpha=0.2, linewidth=0)
    left.axhline(target, color='black', linestyle='--', linewidth=1, label='target')
    left.set(xlabel='episode', title=f'Gaussian policy, {len(histories)} seed{"s" * (len(histories) > 1)}')
    right.set(xlabel='episode', title='pseudo-loss')
    left.legend(frameon=False, loc='center right')
    for axes in (left, right):
        axes.spines[['top', 'right']].set_visible(False)
        axes.grid(alpha=0.25)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main(argv=None):
    """Runs the command line: trains, draws the figure, and prints how many seeds were solved."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0], allow_abbrev=False)
    parser.error = lambda message: parser.exit(2, f'{parser.prog}: error: {message}; --help lists every flag\n')
    version = tomllib.loads(Path(__file__).with_name('pyproject.toml').read_text(encoding='utf-8'))['project']['version']
    parser.add_argument('--version', action='version', version=f'%(prog)s {version}', help="show this project's version")
    parser.add_argument('--train', action='store_true', help='train, and draw a figure into image/')
    for name, default, meaning in (
        ('target', 4.0, 'target tau'),
        ('target-range', 0.25, 'range of the target zeta, above 0'),
        ('max-reward', 1.0, 'largest reward beta, above 0'),
        ('start-mu', 0.0, 'mu at the start'),
        ('start-sigma', 1.0, 'sigma at the start, above 0'),
        ('learning-rate', 0.001, "Adam's learning rate, above 0"),
        ('baseline', 0.0, 'rate of the running mean subtracted from the rewards; 0, as in the article: subtract nothing'),
        ('episodes', 10_000, 'number of episodes with each seed, at least 1'),
        ('seeds', 1, 'number of seeds, at least 1'),
        ('seed', 0, 'the first seed, at least 0'),
    ):
        parser.add_argument(f'--{name}', type=type(default), default=default, metavar='X', help=f'{meaning}; default {default}')
    parser.add_argument('--out', type=Path, default=Path(__file__).resolve().parent, metavar='DIR', help='folder of image/')
    args = parser.parse_args(argv)
    if not args.train:
        parser.error('say what to do: --train')
    lowest = dict(
        target_range=1e-6, max_reward=1e-6, start_sigma=1e-6, learning_rate=1e-12, baseline=0, episodes=1, seeds=1, seed=0
    )
    for name, value in vars(args).items():
        if isinstance(value, float) and not np.isfinite(value):
            parser.error(f'--{name.replace("_", "-")} {value} is not a finite number')
        if name in lowest and value < lowest[name]:
            parser.error(f'--{name.replace("_", "-")} {value} is out of range: it must be at least {lowest[name]}')
    histories = train(args)
    if not np.isfinite(histories).all():
        parser.error(f'mu or sigma became {histories[~np.isfinite(histories)][0]}; try a smaller --learning-rate')
    path = args.out / 'image' / 'pg_gaussian_minimal.png'
    try:
        plot(histories, args.target, path)
    except OSError as error:
        parser.error(f'cannot write {path}: {error.strerror or error}')
    count = solved(histories, args.target, args.target_range).sum()
    print(f'{count} of {args.seeds} seeds ended within {args.target_range} of the target with sigma below 0.5 | figure: {path}')


if __name__ == '__main__':
    main()
