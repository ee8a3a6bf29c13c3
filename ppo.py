"""Proximal Policy Optimization (PPO), section 5.10.6 of the textbook: PPO-Clip and PPO-Penalty.

Idea: take many small gradient steps on one batch of experience, but keep the new policy near the old one that collected it.
Method 'clip' clips the probability ratio of the two policies; method 'penalty' subtracts their KL divergence.

    ratio_t = pi(a_t|s_t) / pi_old(a_t|s_t)                                                     (1)
    clip:    maximise E[min(ratio_t A_t, clip(ratio_t, 1 - epsilon, 1 + epsilon) A_t)]          (2)
    penalty: maximise E[ratio_t A_t - beta KL(pi_old, pi)]                                      (3)
             then beta <- 2 beta where KL > 1.5 target, beta / 2 where KL < target / 1.5,       (4)
             and never below its first value
    A_t = sum_l (gamma lambda)^l delta_{t+l},  delta_t = r_t + gamma V(s_{t+1}) - V(s_t)        (5)

Reference: Schulman et al., Proximal Policy Optimization Algorithms, 2017: (2) its Eq. 7, (3) its Eq. 8,
(4) its section 4, (5) its Eq. 11.
Environment: Pendulum-v1 by default; any Gymnasium environment with Box or Discrete spaces by --env.
To run: python ppo.py --train, python ppo.py --test, python ppo.py --train --env CartPole-v1 --method penalty
"""

from dataclasses import dataclass, replace

from common import distributions, errors, networks
from common.backend import compiled, in_second_thread, tf
from common.buffers import RolloutBuffer, minibatches
from common.normalize import make_normalizer
from common.running import call, checkpoint, command_line, program
from common.running.evaluate import test
from common.running.folders import find_agent
from common.running.run import Run
from common.running.settings import OTHERS_BOX, OTHERS_DISCRETE, setting, settings_of
from common.spaces import agent_spaces

import numpy as np

# ----------------------------------------------------------------------------------------------------------------------
# Hyperparameters; `book` is the value in the book's listing, for Pendulum.


@dataclass(frozen=True)
class Settings:
    """The settings, each of them a flag. A preset, for the environment or for its kind of actions, replaces some defaults."""

    # experience
    steps: int = setting(500_000, 'environment steps in all, in whole batches', group='experience', book=200_000, low=1)
    num_envs: int = setting(16, 'environments side by side', book=1, low=1)
    batch_steps: int = setting(2048, 'steps in a batch, over all environments; the few beyond it are left out', book=32, low=2)

    # advantages
    gamma: float = setting(0.99, 'discount factor, gamma', group='advantages', book=0.9, low=0, high=1)
    lam: float = setting(0.95, "GAE's lambda", book=1.0, low=0, high=1)

    # actor
    method: str = setting('clip', 'how the new policy is kept near the old one', group='actor', choices=('clip', 'penalty'))
    clip: float = setting(0.2, 'clip range of the ratio, epsilon', book=0.2, low=0)
    kl_coefficient: float = setting(
        0.5, 'penalty: initial and smallest coefficient of the KL divergence, beta', book=0.5, low=1e-4, high=1e4
    )
    penalty_kl: float = setting(0.01, 'penalty: target KL divergence, in nats', book=0.01, low=0)
    stop_kl: float = setting(0.0, "end the actor's steps on a batch once a minibatch has this KL divergence, 0: never", low=0)
    actor_lr: float = setting(3e-4, "the actor's learning rate", book=1e-4, low=0)

    # critic
    critic_lr: float = setting(1e-3, "the critic's learning rate", group='critic', book=2e-4, low=0)

    # exploration
    entropy: float = setting(0.0, 'weight of the entropy bonus', group='exploration', book=0.0, low=0)
    init_std: float = setting(0.5, 'initial standard deviation, in halves of the action range', book=0.5, low=1e-6)
    final_std: float = setting(0.0, 'final standard deviation, to which it falls; 0: it is learnt instead', low=0)

    # machinery
    epochs: int = setting(10, 'passes over a batch', group='machinery', book=10, low=1)
    minibatch_size: int = setting(64, 'steps in a minibatch', book=32, low=1, divides='batch_steps')
    anneal: bool = setting(True, 'let both learning rates and the target KL divergence fall linearly to 0', book=False)
    max_grad_norm: float = setting(0.5, 'gradients are scaled down to this norm, 0: never', book=0.0, low=0)
    hidden: tuple = setting((64, 64), 'units of each hidden layer', book=(64, 64), low=1)
    activation: str = setting('relu', 'activation of the hidden layers', book='relu', choices=networks.ACTIVATIONS)
    normalize: bool = setting(False, 'normalise states and scale rewards by running statistics')


ALGORITHMS = {'clip': 'PPO', 'penalty': 'PPO-Penalty'}  # folders and records call an agent by these names

CONTROL = dict(activation='tanh', normalize=True, final_std=0.2)  # for Box actions
PYBULLET = dict(CONTROL, steps=2_000_000, gamma=0.98)
# Ant's reported results are with a learnt standard deviation and small batches.
ANT = dict(CONTROL, steps=2_000_000, batch_steps=320, minibatch_size=80, epochs=3, final_std=0.0)
BOX2D = dict(num_envs=32, batch_steps=4096, minibatch_size=256, gamma=0.999, activation='tanh', normalize=True)
FROZEN_LAKE = dict(num_envs=64, batch_steps=4096, minibatch_size=256, gamma=0.999, entropy=0.01)
PRESETS = {
    'Pendulum-v1': dict(steps=200_000, batch_steps=1024, actor_lr=5e-4, clip=0.1, penalty_kl=0.003),
    'CartPole-v1': dict(steps=100_000),
    'FrozenLake-v1': FROZEN_LAKE,
    'FrozenLake-v1 is_slippery=false': dict(steps=100_000, entropy=0.01),
    'FrozenLake8x8-v1': dict(FROZEN_LAKE, steps=1_000_000),
    'LunarLander-v3': dict(steps=500_000, **BOX2D),
    'LunarLanderContinuous-v3': dict(steps=1_000_000, init_std=0.25, **BOX2D),  # with more noise it hovers instead of landing
    # with a learnt standard deviation two of three seeds shuffled instead of walking
    'BipedalWalker-v3': dict(BOX2D, steps=2_000_000, num_envs=64, batch_steps=16384, minibatch_size=512, final_std=0.3),
    'HalfCheetah-v4': dict(steps=1_000_000, **CONTROL),
    'HalfCheetah-v5': dict(steps=1_000_000, **CONTROL),
    'Ant-v4': ANT,
    'Ant-v5': ANT,
    'HalfCheetahBulletEnv-v0': PYBULLET,
    'AntBulletEnv-v0': PYBULLET,
    OTHERS_DISCRETE: dict(activation='tanh', normalize=True, entropy=0.01),
    OTHERS_BOX: CONTROL,
}


class PPO:
    """PPO agent: an actor, a critic and the batch they learn from.

    A state has `state_dim` floats. `action_bound` is the largest action, or a pair (low, high), each a number or (action_dim,);
    None means discrete actions: `action_dim` is the number of choices, or a tuple if an action has several parts. `spaces` are
    the environment's Gymnasium spaces (states, actions), which `get_action` takes and returns; by default vectors and a Box,
    or numbers from 0. `method` is 'clip', 'penalty' or None: use settings.method, 'clip' by default;
    ValueError for anything else. The same `seed` gives the same agent, bit for bit.
    """

    def __init__(self, state_dim, action_dim, action_bound, method=None, settings=None, seed=0, spaces=None):
        settings = settings or Settings()
        self.method = method or settings.method
        if self.method not in ALGORITHMS:
            raise ValueError(f"method '{self.method}' is not one of {', '.join(ALGORITHMS)}")
        self.settings = settings = replace(settings, method=self.method)
        self.state_space, self.action_space = agent_spaces(state_dim, action_dim, action_bound, spaces)
        self.identity = checkpoint.describe(ALGORITHMS[self.method], self.state_space, self.action_space, settings)
        self.rng = np.random.default_rng(seed)
        if action_bound is None:
            self.distribution = distributions.categorical(action_dim)
            num_logits = np.sum(action_dim)  # one logit for each choice, of all parts of an action
            self.actor = networks.categorical_actor(
                state_dim, num_logits, hidden=settings.hidden, activation=settings.activation, rng=self.rng
            )
            head = networks.linear_head
        else:
            self.distribution = distributions.Gaussian
            low, high = self.action_space.action_bound
            self.actor = networks.gaussian_actor(
                state_dim, low, high, hidden=settings.hidden, activation=settings.activation, rng=self.rng,
                init_std=settings.init_std, final_std=settings.final_std,
            )  # fmt: skip
            head = networks.gaussian_head(low, high)
        self.critic = networks.value_network(
            state_dim, hidden=settings.hidden, activation=settings.activation, rng=self.rng,
            gain=0.0,  # the last layer starts at 0, and so does every value
        )  # fmt: skip
        self.actor_opt = tf.optimizers.Adam(settings.actor_lr, epsilon=1e-5)
        self.critic_opt = tf.optimizers.Adam(settings.critic_lr, epsilon=1e-5)
        self.actor_opt.build(self.actor.trainable_weights)
        self.critic_opt.build(self.critic.trainable_weights)
        self.kl_coefficient = tf.Variable(settings.kl_coefficient, trainable=False, name='kl_coefficient')
        self.policy = networks.NumpyCopy(self.actor, settings.activation, head)
        self.value = networks.NumpyCopy(self.critic, settings.activation, networks.linear_head)
        self.normalizer = make_normalizer(settings.normalize, state_dim, settings.num_envs, settings.gamma)
        self.buf = RolloutBuffer(
            size=settings.batch_steps, num_envs=settings.num_envs, state_dim=state_dim, gamma=settings.gamma, lam=settings.lam,
            action_shape=self.action_space.draw_shape, action_dtype=self.action_space.draw_dtype, normalizer=self.normalizer,
        )  # fmt: skip

    def ratio(self, pi, old_pi, actions):
        """The probability ratio of actions (N, ...), Eq. (1), (N,)."""
        return tf.exp(self.distribution.log_prob(pi, actions) - self.distribution.log_prob(old_pi, actions))

    def clip_fraction(self, pi, old_pi, actions):
        """The share of actions (N, ...) whose ratio has left the clip range, a scalar.

        `update_actor` computes it once, on the whole batch, after all its steps. Stable-Baselines3 and CleanRL report the mean
        over all minibatches, each before its own step, which is usually lower.
        """
        outside = tf.abs(self.ratio(pi, old_pi, actions) - 1) > self.settings.clip
        return tf.reduce_mean(tf.cast(outside, tf.float32))

    def actor_loss(self, states, actions, adv, old_pi):
        """The loss of Eq. (2) or (3), and the KL divergence from the old policy, both scalars.

        states (N, state_dim), actions (N, ...), adv (N,). `old_pi` is what the actor returned before the update, each part
        (N, action_dim).
        """
        pi = self.actor(states)
        ratio = self.ratio(pi, old_pi, actions)
        kl = tf.reduce_mean(self.distribution.kl(old_pi, pi))
        if self.method == 'clip':
            clipped = tf.clip_by_value(ratio, 1 - self.settings.clip, 1 + self.settings.clip)
            objective = tf.reduce_mean(tf.minimum(ratio * adv, clipped * adv))  # Eq. (2)
        else:
            objective = tf.reduce_mean(ratio * adv) - self.kl_coefficient * kl  # Eq. (3)
        entropy = tf.reduce_mean(self.distribution.entropy(pi))
        return -objective - self.settings.entropy * entropy, kl

    def train_actor(self, states, actions, adv, old_pi):
        """One gradient step of the actor on a minibatch; returns the loss and the KL divergence before it."""
        weights = self.actor.trainable_weights
        with tf.GradientTape() as tape:
            loss, kl = self.actor_loss(states, actions, adv, old_pi)
        self.actor_opt.apply_gradients(zip(self._clip_norm(tape.gradient(loss, weights)), weights, strict=True))
        return loss, kl

    def _clip_norm(self, gradients):
        norm = self.settings.max_grad_norm
        return tf.clip_by_global_norm(gradients, norm)[0] if norm else gradients

    def adapt_kl_coefficient(self, kl, scale=1.0):
        """Doubles or halves the penalty's coefficient, Eq. (4), according to an update's KL divergence.

        `scale` multiplies the target: with learning rates that fall, a fixed target would soon be out of reach. The coefficient
        never falls below its first value. A nearly deterministic policy has a tiny KL whatever it does: without this floor the
        coefficient would halve to nothing, and the next bad batch would go unchecked.
        """
        target, beta = self.settings.penalty_kl * scale, self.kl_coefficient
        factor = tf.where(kl > 1.5 * target, 2.0, tf.where(kl < target / 1.5, 0.5, 1.0))
        beta.assign(tf.clip_by_value(beta * factor, self.settings.kl_coefficient, 1e4))

    @compiled
    def update_actor(self, states, actions, adv, index, scale):
        """Takes all gradient steps of the actor on a batch (N, ...); `index` (minibatches, minibatch_size) holds their rows.

        `scale` multiplies the target KL divergence of method 'penalty'.
        """
        adv = (adv - tf.reduce_mean(adv)) / (tf.math.reduce_std(adv) + 1e-8)
        old_pi = self.actor(states)  # the policy that collected the batch: at its parameters the ratio is 1
        stopped = tf.constant(False)
        for rows in index:
            if not stopped:
                old = [tf.gather(part, rows) for part in old_pi]
                _, kl = self.train_actor(tf.gather(states, rows), tf.gather(actions, rows), tf.gather(adv, rows), old)
                if self.settings.stop_kl:
                    stopped = kl > self.settings.stop_kl
        loss, kl = self.actor_loss(states, actions, adv, old_pi)
        if self.method == 'penalty':
            self.adapt_kl_coefficient(kl, scale)
        pi = self.actor(states)
        losses = {'policy_loss': loss, 'kl': kl, **self.distribution.spread(pi)}
        if self.method == 'clip':
            losses['clip_fraction'] = self.clip_fraction(pi, old_pi, actions)
        else:
            losses['kl_coefficient'] = self.kl_coefficient.value()
        norm = tf.linalg.global_norm(self.actor.trainable_weights)
        return losses | {'actor_norm': norm, 'actor_lr': tf.identity(self.actor_opt.learning_rate)}

    def critic_loss(self, states, returns):
        """Mean squared error of V(states), (N, state_dim), against the lambda-returns, (N,)."""
        return tf.reduce_mean(tf.square(returns - self.critic(states)[:, 0]))

    def train_critic(self, states, returns):
        """One gradient step of the critic on a minibatch; returns the loss before it."""
        weights = self.critic.trainable_weights
        with tf.GradientTape() as tape:
            loss = self.critic_loss(states, returns)
        self.critic_opt.apply_gradients(zip(self._clip_norm(tape.gradient(loss, weights)), weights, strict=True))
        return loss

    @compiled
    def update_critic(self, states, returns, index):
        """Takes all gradient steps of the critic on a batch; `index` (minibatches, minibatch_size) holds their rows."""
        for rows in index:
            self.train_critic(tf.gather(states, rows), tf.gather(returns, rows))
        loss = self.critic_loss(states, returns)
        norm = tf.linalg.global_norm(self.critic.trainable_weights)
        return {'value_loss': loss, 'critic_norm': norm, 'critic_lr': tf.identity(self.critic_opt.learning_rate)}

    def update(self, remaining=1.0):
        """Learns from the full buffer and returns the losses as floats. `remaining`, from 1 to 0, scales what is annealed."""
        states, actions, adv, returns = self.buf.get()
        index = minibatches(len(states), self.settings.minibatch_size, self.settings.epochs, self.rng)
        scale = remaining if self.settings.anneal else 1.0
        self.actor_opt.learning_rate.assign(self.settings.actor_lr * scale)
        self.critic_opt.learning_rate.assign(self.settings.critic_lr * scale)
        critic = in_second_thread(self.update_critic, states, returns, index)  # actor and critic share no weights
        losses = self.update_actor(states, actions, adv, index, np.float32(scale))
        losses |= critic.result()
        networks.anneal_std(self.actor, remaining)
        self.refresh()
        return {name: float(value) for name, value in losses.items()}

    def refresh(self):
        """Updates the NumPy copies of both networks, which collect experience. Call it after changing weights."""
        self.policy.refresh()
        self.value.refresh()

    def get_action(self, state, greedy=False):
        """An action of the environment's action space, for a state or a batch of N: drawn, or if `greedy` the most likely one.

        `state` is what the environment returns, or vectors (state_dim,) or (N, state_dim). ValueError if it is neither.
        """
        return self.action_space.to_action(self.act(self.state_space.to_vector(state), greedy))

    def act(self, states, greedy=False):
        """What `get_action` does for vectors (N, state_dim), but as drawn: what the buffer stores and `envs.step` takes.

        A Gaussian's draw may lie outside the bounds; discrete actions begin at 0.
        """
        pi = self.policy(self.normalizer.normalize(states))
        return self.distribution.mode(pi) if greedy else self.distribution.sample(pi, self.rng)

    def get_value(self, state):
        """V(s) of a state or a batch of N, as for `get_action`: the expected discounted return, of scaled rewards if scaled."""
        return self.value(self.normalizer.normalize(self.state_space.to_vector(state)))[0][..., 0]

    def store_transition(self, state, action, reward, terminated, truncated, valid):
        """Stores one step of all environments, each argument (num_envs, ...); `valid` is False where one was being reset."""
        self.buf.store(state, action, reward, terminated, truncated, valid)

    def finish_path(self, next_state):
        """Computes advantages, Eq. (5), and the critic's targets; `next_state` (num_envs, state_dim) follows the batch."""
        self.buf.finish_path(next_state, lambda states: self.value(states)[0][:, 0])

    def variables(self, for_acting=False):
        """The parts of a checkpoint, as `checkpoint.named` takes them; `for_acting`, those of an agent file: no optimisers."""
        parts = {'actor': self.actor.all_weights, 'critic': self.critic.all_weights, 'normalizer': self.normalizer}
        if for_acting:
            return parts
        optimisers = {'actor_opt': self.actor_opt.variables, 'critic_opt': self.critic_opt.variables}
        return parts | optimisers | {'method': [self.kl_coefficient]}

    def save(self, path, record=None):
        """Writes networks and normaliser to the npz file `path`, for `load_agent`; `record`, a dict, adds to its record."""
        checkpoint.save(path, checkpoint.named(**self.variables(for_acting=True)), self.identity | (record or {}))
        self.path = path

    def load(self, path):
        """Reads networks and normaliser from `path`; UserError if the file is damaged or does not fit."""
        checkpoint.restore(path, **self.variables(for_acting=True))
        self.refresh()
        self.path = path


def train(env=None, settings=None, seed=0, **options):
    """Trains an agent in an environment, by default with its preset, writes its files, and returns it.

    `env` is an id, a class of environments or a function that makes one; by default Pendulum-v1. `options` are single settings,
    such as `gamma=0.9`, which replace those of the preset as flags do, and what `common.running.run.Run` takes; its docstring
    says what it raises. The same seed gives the same run, bit for bit, with the same versions of packages.
    """
    env, settings, options = call.of_train(Settings, PRESETS, env, settings, options)
    with Run(ALGORITHMS[settings.method], env, settings, seed, **options) as run:
        sizes = run.envs.state_dim, run.envs.action_dim, run.envs.action_bound
        agent = PPO(*sizes, settings=settings, seed=seed, spaces=run.envs.spaces)
        state = run.begin(agent)
        while run.goes_on():
            while not agent.buf.is_full():
                action = agent.act(state)
                next_state, reward, terminated, truncated, valid = run.envs.step(action)
                agent.store_transition(state, action, reward, terminated, truncated, valid)
                state = next_state
            agent.finish_path(state)
            losses = agent.update(run.remaining)
            run.end_update(losses)
        run.finish()
    return agent


def load_agent(path):
    """Loads a trained agent from its file, ready for `get_action`; UserError if the file does not hold one."""
    record = checkpoint.load_record(path, ALGORITHMS.values())
    settings = settings_of(record, Settings, path)
    agent = PPO(*checkpoint.sizes_of(record), settings=settings, spaces=checkpoint.spaces_of(record))
    agent.load(path)
    return agent


@errors.naming_flags()
def main(argv=None):
    """The command line: --train, --test, or both in that order."""
    options, settings = command_line.parse(__doc__, Settings, PRESETS, argv)
    agent = train(options.env, settings, options.seed, **command_line.of_training(options)) if options.train else None
    if options.test:
        path = agent.path if agent else find_agent(options, ALGORITHMS[settings.method])
        agent = load_agent(path)
        test(agent, path, options)


if __name__ == '__main__':
    program.run(main)
