"""Soft Actor-Critic (SAC), last section of the continuous-control chapter: off-policy, with maximum entropy.

Idea: keep every transition in a replay buffer and learn from all of them again and again. Reward the policy for its entropy as
well. The weight of the entropy, the temperature alpha, is learnt so that the entropy stays near a target.

    a = tanh(u),  u = mean(s) + std(s) noise,  log pi(a|s) = log N(u) - sum_j log(1 - tanh(u_j)^2)          (1)
    y = r + gamma (1 - terminated) (min_i Qtarget_i(s', a') - alpha log pi(a'|s')),  a' from pi(.|s')       (2)
    critic:      minimise sum_i E[(Q_i(s, a) - y)^2]                                                        (3)
    actor:       minimise E[alpha log pi(a|s) - min_i Q_i(s, a)],  a from pi(.|s)                           (4)
    temperature: minimise -log alpha E[log pi(a|s) + target entropy],  target entropy = -action_dim         (5)
    Qtarget <- Qtarget + tau (Q - Qtarget)                                                                  (6)

In (1) to (5) actions lie in (-1, 1), so that the target entropy means the same whatever the environment's bounds are. The agent
maps them to the bounds when it acts (`get_action`, `explore`) and back when it stores them (`store_transition`).

The chapter's version differs in five points, and this file does not follow it:
- Its actor maximises Q alone, without the entropy of (4).
- Its standard deviation is one number per dimension for all states, and no loss trains it: the policy is DDPG's with fixed
  noise. Here the mean and the standard deviation both depend on the state.
- It does not squash its Gaussian. The environment clips the actions, but their density is that of the unclipped ones. Here (1)
  takes the bounds into account.
- It fixes the temperature, although the right value grows with the rewards. Here it is learnt, or fixed by --alpha.
- It learns a value network for the targets. (2) does without one, as the authors do in their second paper.

Reference: Haarnoja et al., Soft Actor-Critic Algorithms and Applications, 2018: (3) its Eq. 5, (4) its Eq. 9, (5) its
Eq. 18 with log alpha instead of alpha.
Environment: Pendulum-v1 by default; any Gymnasium environment with Box actions by --env.
To run: python sac.py --train, python sac.py --test, python sac.py --train --env HalfCheetah-v4
"""

from dataclasses import dataclass

from common import errors, networks
from common.backend import compiled, tf
from common.buffers import ReplayBuffer
from common.distributions import SquashedGaussian
from common.errors import UserError, option
from common.running import call, checkpoint, command_line, program
from common.running.evaluate import test
from common.running.folders import find_agent
from common.running.run import Run
from common.running.settings import setting, settings_of
from common.spaces import agent_spaces

import numpy as np

# ----------------------------------------------------------------------------------------------------------------------
# Hyperparameters.


@dataclass(frozen=True)
class Settings:
    """The settings, each of them a flag. A preset for the environment replaces some defaults."""

    # experience
    steps: int = setting(500_000, 'environment steps in all', group='experience', low=1)
    num_envs: int = setting(1, 'environments side by side', low=1)
    batch_steps: int = setting(16, 'steps collected between two updates, over all environments', low=1)
    buffer_size: int = setting(1_000_000, 'transitions kept', low=1)

    # actor
    actor_lr: float = setting(3e-4, "the actor's learning rate", group='actor', low=0)

    # critic
    gamma: float = setting(0.99, 'discount factor, gamma', group='critic', low=0, high=1)
    tau: float = setting(0.005, 'share by which the target critics follow, tau', low=0, high=1)
    critic_lr: float = setting(1e-3, "the critics' learning rate", low=0)

    # exploration
    start_steps: int = setting(10_000, 'steps of uniformly random actions before learning starts', group='exploration', low=0)
    alpha: float = setting(0.0, 'fixed temperature; 0: learnt, starting at 1', low=0)
    alpha_lr: float = setting(3e-4, "the temperature's learning rate", low=0)

    # machinery
    updates_per_step: float = setting(
        1.0, 'minibatches learnt from per environment step, rounded to a whole number per batch', group='machinery', low=0
    )
    minibatch_size: int = setting(256, 'transitions in a minibatch', low=1)
    hidden: tuple = setting((256, 256), 'units of each hidden layer', low=1)
    activation: str = setting('relu', 'activation of the hidden layers', choices=networks.ACTIVATIONS)


MUJOCO = dict(steps=200_000, actor_lr=1e-3)
PYBULLET = dict(steps=200_000, actor_lr=7e-4, critic_lr=7e-4, alpha_lr=7e-4, gamma=0.98, tau=0.02, buffer_size=300_000)
PRESETS = {
    'Pendulum-v1': dict(steps=15_000, start_steps=1000, hidden=(128, 128), actor_lr=1e-3, alpha_lr=1e-3, tau=0.01),
    'HalfCheetah-v4': MUJOCO,
    'HalfCheetah-v5': MUJOCO,
    'Ant-v4': MUJOCO,
    'Ant-v5': MUJOCO,
    'HalfCheetahBulletEnv-v0': PYBULLET,
    'AntBulletEnv-v0': PYBULLET,
}


class SAC:
    """SAC agent: an actor, two critics with target copies, a temperature and the replay buffer they learn from.

    A state has `state_dim` floats. `action_bound` is the largest action, or a pair (low, high), each a number or (action_dim,);
    UserError for None, which means discrete actions. `spaces` are the environment's Gymnasium spaces (states, actions), which
    `get_action` takes and returns; by default vectors of floats and a Box. The same `seed` gives the same agent, bit for bit.
    """

    def __init__(self, state_dim, action_dim, action_bound, settings=None, seed=0, spaces=None):
        if action_bound is None:
            raise UserError('SAC needs Box actions, and these are discrete: use ppo.py, trpo.py, a2c.py or acktr.py')
        self.settings = settings = settings or Settings()
        self.state_space, self.action_space = agent_spaces(state_dim, action_dim, action_bound, spaces)
        self.identity = checkpoint.describe('SAC', self.state_space, self.action_space, settings)
        self.rng = np.random.default_rng(seed)
        low, high = self.action_space.action_bound
        self.action_dim, self.centre, self.half = action_dim, (high + low) / 2, (high - low) / 2
        self.target_entropy, self.random_steps = -action_dim, settings.start_steps
        self.actor = networks.squashed_gaussian_actor(
            state_dim, action_dim, hidden=settings.hidden, activation=settings.activation, rng=self.rng
        )
        self.critic, self.target_critic = (
            networks.q_network(state_dim, action_dim, hidden=settings.hidden, activation=settings.activation, rng=self.rng)
            for _ in range(2)
        )
        for target, weight in zip(self.target_critic.trainable_weights, self.critic.trainable_weights, strict=True):
            target.assign(weight)
        self.log_alpha = tf.Variable(np.log(settings.alpha or 1.0), dtype=tf.float32, name='log_alpha')
        self.actor_opt = tf.optimizers.Adam(settings.actor_lr)
        self.critic_opt = tf.optimizers.Adam(settings.critic_lr)
        self.alpha_opt = tf.optimizers.Adam(settings.alpha_lr)
        self.actor_opt.build(self.actor.trainable_weights)
        self.critic_opt.build(self.critic.trainable_weights)
        self.alpha_opt.build([self.log_alpha])
        self.policy = networks.NumpyCopy(self.actor, settings.activation, networks.squashed_head)
        self.buf = ReplayBuffer(
            size=settings.buffer_size, batch_steps=settings.batch_steps, state_dim=state_dim, action_dim=action_dim
        )

    @property
    def alpha(self):
        """The temperature, a scalar tensor: how much return a nat of entropy is worth."""
        return tf.exp(self.log_alpha)

    def critic_target(self, reward, next_state, terminated, noise):
        """y of Eq. (2), (N,); reward and terminated (N,), next_state (N, state_dim), noise (N, action_dim)."""
        next_action, log_prob = SquashedGaussian.reparametrised(self.actor(next_state), noise)
        q = tf.minimum(*self.target_critic([next_state, next_action]))[:, 0]
        return reward + self.settings.gamma * (1 - terminated) * (q - self.alpha * log_prob)

    def critic_loss(self, state, action, target):
        """The loss of Eq. (3); state (N, state_dim), action (N, action_dim), target (N,)."""
        return sum(tf.reduce_mean(tf.square(q[:, 0] - target)) for q in self.critic([state, action]))

    def actor_loss(self, state, noise):
        """The loss of Eq. (4), a scalar, and the log-densities of the drawn actions, (N,)."""
        action, log_prob = SquashedGaussian.reparametrised(self.actor(state), noise)
        q = tf.minimum(*self.critic([state, action]))[:, 0]
        return tf.reduce_mean(self.alpha * log_prob - q), log_prob

    def temperature_loss(self, log_prob):
        """The loss of Eq. (5) for log-densities (N,) of actions just drawn."""
        return -self.log_alpha * tf.reduce_mean(tf.stop_gradient(log_prob) + self.target_entropy)

    def train_critic(self, state, action, target):
        """Takes one gradient step of both critics on a minibatch; returns the loss before it."""
        weights = self.critic.trainable_weights
        with tf.GradientTape() as tape:
            loss = self.critic_loss(state, action, target)
        self.critic_opt.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    def train_actor(self, state, noise):
        """Takes one gradient step of the actor on a minibatch; returns the loss and the log-densities (N,) before it."""
        weights = self.actor.trainable_weights
        with tf.GradientTape() as tape:
            loss, log_prob = self.actor_loss(state, noise)
        self.actor_opt.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss, log_prob

    def train_temperature(self, log_prob):
        """Takes one gradient step of the temperature, unless it is fixed."""
        if self.settings.alpha:
            return
        with tf.GradientTape() as tape:
            loss = self.temperature_loss(log_prob)
        self.alpha_opt.apply_gradients([(tape.gradient(loss, self.log_alpha), self.log_alpha)])

    def update_targets(self):
        """Moves the target critics towards the critics, Eq. (6)."""
        for target, weight in zip(self.target_critic.trainable_weights, self.critic.trainable_weights, strict=True):
            target.assign_add(self.settings.tau * (weight - target))

    @compiled
    def _update(self, noise, state, action, reward, next_state, terminated):
        """Takes one gradient step of everything on each minibatch; the five fields of `Transitions` hold all of them.

        Each field is (minibatches, minibatch_size, ...). `noise`, (minibatches, 2, minibatch_size, action_dim), draws the
        actions in the next states and those in the states.
        """
        policy_loss = value_loss = entropy = 0.0
        for i in tf.range(noise.shape[0]):
            target = self.critic_target(reward[i], next_state[i], terminated[i], noise[i, 0])
            value_loss = self.train_critic(state[i], action[i], target)
            policy_loss, log_prob = self.train_actor(state[i], noise[i, 1])
            self.train_temperature(log_prob)
            self.update_targets()
            entropy = -tf.reduce_mean(log_prob)
        _, log_std = self.actor(state[-1])
        return {
            'policy_loss': policy_loss,
            'value_loss': value_loss,
            'entropy': entropy,
            'std': tf.reduce_mean(tf.exp(log_std)),
            'alpha': self.alpha,
            'actor_norm': tf.linalg.global_norm(self.actor.trainable_weights),
            'critic_norm': tf.linalg.global_norm(self.critic.trainable_weights),
        }

    def update(self):
        """Learns from minibatches of the buffer and returns the last one's losses as floats, or {} before `start_steps`."""
        self.buf.finish_batch()
        count = round(self.settings.updates_per_step * self.settings.batch_steps)
        if self.buf.stored < self.settings.start_steps:
            return {}
        size = self.settings.minibatch_size
        minibatches = self.buf.sample((count, size), self.rng)
        noise = self.rng.standard_normal((count, 2, size, self.action_dim), dtype=np.float32)
        losses = self._update(noise, *minibatches)
        self.refresh()
        return {name: float(value) for name, value in losses.items()}

    def refresh(self):
        """Updates the NumPy copy of the actor, which collects experience. Call it after changing weights."""
        self.policy.refresh()

    def get_action(self, state, greedy=False):
        """An action of the environment's action space, for a state or a batch of N: drawn, or if `greedy` the squashed mean.

        `state` is what the environment returns, or vectors (state_dim,) or (N, state_dim). ValueError if it is neither.
        """
        return self.action_space.to_action(self.act(self.state_space.to_vector(state), greedy))

    def act(self, states, greedy=False):
        """What `get_action` does for vectors (N, state_dim), but flat and float32: what `envs.step` takes."""
        pi = self.policy(states)
        action = SquashedGaussian.mode(pi) if greedy else SquashedGaussian.sample(pi, self.rng)
        return self.centre + self.half * action

    def explore(self, state):
        """Actions (num_envs, action_dim) for training: uniformly random for the first `random_steps` steps, then drawn."""
        if self.buf.stored >= self.random_steps:
            return self.act(state)
        uniform = self.rng.uniform(-1, 1, (len(state), self.action_dim)).astype(np.float32)
        return self.centre + self.half * uniform

    def get_value(self, state):
        """The smaller of the critics' values of the greedy action in a state or a batch of N, as for `get_action`."""
        vectors = self.state_space.to_vector(state)
        states = np.atleast_2d(vectors)
        values = tf.minimum(*self.critic([states, SquashedGaussian.mode(self.policy(states))])).numpy()[:, 0]
        return values[0] if vectors.ndim == 1 else values

    def store_transition(self, state, action, reward, next_state, terminated, truncated, valid):
        """Stores one step of all environments, each argument (num_envs, ...); `valid` is False where one was being reset."""
        self.buf.store(state, (action - self.centre) / self.half, reward, next_state, terminated, truncated, valid)

    def variables(self, for_acting=False):
        """The parts of a checkpoint, as `checkpoint.named` takes them; `for_acting`, those of an agent file: two networks."""
        parts = {'actor': self.actor.trainable_weights, 'critic': self.critic.trainable_weights}
        if for_acting:
            return parts
        optimisers = {'actor_opt': self.actor_opt, 'critic_opt': self.critic_opt, 'alpha_opt': self.alpha_opt}
        others = {'target_critic': self.target_critic.trainable_weights, 'temperature': [self.log_alpha], 'buffer': self.buf}
        return parts | {name: optimiser.variables for name, optimiser in optimisers.items()} | others

    def save(self, path, record=None):
        """Writes the networks to the npz file `path`, for `load_agent`; `record`, a dict, adds to its record."""
        checkpoint.save(path, checkpoint.named(**self.variables(for_acting=True)), self.identity | (record or {}))
        self.path = path

    def load(self, path):
        """Reads the networks from `path`; UserError if the file is damaged or does not fit."""
        checkpoint.restore(path, **self.variables(for_acting=True))
        for target, weight in zip(self.target_critic.trainable_weights, self.critic.trainable_weights, strict=True):
            target.assign(weight)
        self.refresh()
        self.path = path


def check_learning(settings):
    """Raises UserError if the settings leave a run nothing to learn from."""
    if not round(settings.updates_per_step * settings.batch_steps):
        updates, steps = option('updates_per_step', settings.updates_per_step), option('batch_steps', settings.batch_steps)
        raise UserError(f'{updates} makes no update in a batch of {steps}: give more of either')
    if settings.start_steps > settings.steps // settings.batch_steps * settings.batch_steps:
        start, steps = option('start_steps', settings.start_steps), option('steps', settings.steps)
        batch = option('batch_steps', settings.batch_steps)
        raise UserError(f'{start} leaves none of {steps} to learn in ({batch}): use fewer random steps, or more steps')


def train(env=None, settings=None, seed=0, **options):
    """Trains an agent in an environment, by default with its preset, writes its files, and returns it.

    `env` is an id, a class of environments or a function that makes one; by default Pendulum-v1. `options` are single settings,
    such as `gamma=0.9`, which replace those of the preset as flags do, and what `common.running.run.Run` takes; its docstring
    says what it raises. The same seed gives the same run, bit for bit, with the same versions of packages.
    """
    env, settings, options = call.of_train(Settings, PRESETS, env, settings, options)
    check_learning(settings)
    with Run('SAC', env, settings, seed, **options) as run:
        sizes = run.envs.state_dim, run.envs.action_dim, run.envs.action_bound
        agent = SAC(*sizes, settings=settings, seed=seed, spaces=run.envs.spaces)
        state = run.begin(agent)
        if run.started_from:
            agent.random_steps = 0  # a trained actor explores from the first step
        while run.goes_on():
            while not agent.buf.is_full():
                action = agent.explore(state)
                next_state, reward, terminated, truncated, valid = run.envs.step(action)
                agent.store_transition(state, action, reward, next_state, terminated, truncated, valid)
                state = next_state
            losses = agent.update()
            run.end_update(losses)
        run.finish()
    return agent


def load_agent(path):
    """Loads a trained agent from its file, ready for `get_action`; UserError if the file does not hold one."""
    record = checkpoint.load_record(path, ['SAC'])
    settings = settings_of(record, Settings, path)
    agent = SAC(*checkpoint.sizes_of(record), settings=settings, spaces=checkpoint.spaces_of(record))
    agent.load(path)
    return agent


@errors.naming_flags()
def main(argv=None):
    """The command line: --train, --test, or both in that order."""
    options, settings = command_line.parse(__doc__, Settings, PRESETS, argv)
    agent = train(options.env, settings, options.seed, **command_line.of_training(options)) if options.train else None
    if options.test:
        path = agent.path if agent else find_agent(options, 'SAC')
        agent = load_agent(path)
        test(agent, path, options)


if __name__ == '__main__':
    program.run(main)
