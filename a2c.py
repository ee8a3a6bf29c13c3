"""Advantage Actor-Critic (A2C), the baseline of the continuous-control chapter.

Idea: several environments take a few steps each. The actor takes one gradient step towards the actions that turned out better
than the critic expected. The critic takes one step or more towards the returns that were seen. Then the batch is thrown away.

    actor:  maximise E[log pi(a_t|s_t) A_t + c H(pi(.|s_t))]                                    (1)
    critic: minimise E[(V(s_t) - R_t)^2],  R_t = A_t + V_old(s_t)                               (2)
    A_t = sum_l (gamma lambda)^l delta_{t+l},  delta_t = r_t + gamma V(s_{t+1}) - V(s_t)        (3)

With lambda = 1, (3) is the n-step advantage r_t + gamma r_{t+1} + ... + gamma^n V(s_{t+n}) - V(s_t); with less, it is GAE.

Reference: Mnih et al., Asynchronous Methods for Deep Reinforcement Learning, 2016: (1) and (2) its Algorithm S3 in batches;
(3) Schulman et al., High-Dimensional Continuous Control Using Generalized Advantage Estimation, 2016, Eq. 16.
Environment: Pendulum-v1 by default; any Gymnasium environment with Box or Discrete spaces by --env.
To run: python a2c.py --train, python a2c.py --test, python a2c.py --train --env HalfCheetah-v4
"""

from dataclasses import dataclass

from common import distributions, errors, networks
from common.backend import compiled, tf
from common.buffers import RolloutBuffer
from common.normalize import make_normalizer
from common.running import call, checkpoint, command_line, program
from common.running.evaluate import test
from common.running.folders import find_agent
from common.running.run import Run
from common.running.settings import OTHERS_BOX, OTHERS_DISCRETE, setting, settings_of
from common.spaces import agent_spaces

import numpy as np

# ----------------------------------------------------------------------------------------------------------------------
# Hyperparameters; `book` is the value in the chapter's listing.


@dataclass(frozen=True)
class Settings:
    """The settings, each of them a flag. A preset, for the environment or for its kind of actions, replaces some defaults."""

    # experience
    steps: int = setting(1_000_000, 'environment steps in all, in whole batches', group='experience', low=1)
    num_envs: int = setting(16, 'environments side by side', book=16, low=1)
    batch_steps: int = setting(80, 'steps in a batch, over all environments; the few beyond it are left out', low=2)

    # advantages
    gamma: float = setting(0.99, 'discount factor, gamma', group='advantages', book=0.99, low=0, high=1)
    lam: float = setting(0.95, "GAE's lambda; 1 gives n-step advantages", low=0, high=1)

    # actor
    actor_lr: float = setting(7e-4, "the actor's learning rate", group='actor', low=0)

    # critic
    critic_lr: float = setting(1e-3, "the critic's learning rate", group='critic', low=0)
    critic_epochs: int = setting(1, "the critic's passes over a batch, one step each", low=1)

    # exploration
    entropy: float = setting(0.0, 'weight of the entropy bonus, c', group='exploration', low=0)
    init_std: float = setting(0.5, 'initial standard deviation, in halves of the action range', book=1.0, low=1e-6)
    final_std: float = setting(0.0, 'final standard deviation, to which it falls; 0: it is learnt instead', low=0)

    # machinery
    anneal: bool = setting(True, 'let both learning rates fall linearly to 0', group='machinery')
    max_grad_norm: float = setting(0.5, 'gradients are scaled down to this norm, 0: never', low=0)
    hidden: tuple = setting((64, 64), 'units of each hidden layer', book=(64, 64), low=1)
    activation: str = setting('tanh', "activation of the actor's hidden layers", book='tanh', choices=networks.ACTIVATIONS)
    critic_activation: str = setting(
        'relu', "activation of the critic's hidden layers", book='relu', choices=networks.ACTIVATIONS
    )
    normalize: bool = setting(False, 'normalise states and scale rewards by running statistics')


CONTROL = dict(normalize=True)  # for Box actions
# With batches of 320 steps and one critic step on each, most seeds on HalfCheetah learnt to slide on their back. With 80 and
# one, one seed of two on LunarLander crashed or hovered and never landed.
LARGE_BATCHES = dict(batch_steps=1024, actor_lr=3e-3, critic_lr=3e-3, critic_epochs=10, max_grad_norm=0.0)
WALKER = dict(CONTROL, **LARGE_BATCHES, final_std=0.2)
PYBULLET = dict(WALKER, steps=2_000_000, gamma=0.98)
# With gamma 0.99 the agent looks ahead 100 steps of CartPole's 500 and lets the cart drift. With 0.999 the values of a ReLU
# critic can grow without bound.
DISCRETE = dict(gamma=0.999, critic_activation='tanh', normalize=True)
PRESETS = {
    'Pendulum-v1': dict(steps=1_000_000, **CONTROL),
    'CartPole-v1': dict(steps=500_000, **DISCRETE),
    'HalfCheetah-v4': dict(WALKER, steps=2_500_000),
    'HalfCheetah-v5': dict(WALKER, steps=2_500_000),
    'Ant-v4': dict(steps=3_000_000, **CONTROL),
    'Ant-v5': dict(steps=3_000_000, **CONTROL),
    'HalfCheetahBulletEnv-v0': PYBULLET,
    'AntBulletEnv-v0': PYBULLET,
    OTHERS_DISCRETE: dict(DISCRETE, **LARGE_BATCHES, entropy=0.01),
    OTHERS_BOX: WALKER,
}


class A2C:
    """A2C agent: an actor, a critic and the batch they learn from.

    A state has `state_dim` floats. `action_bound` is the largest action, or a pair (low, high), each a number or (action_dim,);
    None means discrete actions: `action_dim` is the number of choices, or a tuple if an action has several parts. `spaces` are
    the environment's Gymnasium spaces (states, actions), which `get_action` takes and returns; by default vectors and a Box,
    or numbers from 0. The same `seed` gives the same agent, bit for bit.
    """

    def __init__(self, state_dim, action_dim, action_bound, settings=None, seed=0, spaces=None):
        self.settings = settings = settings or Settings()
        self.state_space, self.action_space = agent_spaces(state_dim, action_dim, action_bound, spaces)
        self.identity = checkpoint.describe('A2C', self.state_space, self.action_space, settings)
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
            state_dim, hidden=settings.hidden, activation=settings.critic_activation, rng=self.rng,
            gain=0.0,  # the last layer starts at 0, and so does every value
        )  # fmt: skip
        # RMSprop, written as Adam without momentum. RMSprop itself does not correct its running mean of squares for the start
        # at 0: its first step would be ten learning rates long.
        rmsprop = dict(beta_1=0.0, beta_2=0.99, epsilon=1e-5)
        self.actor_opt = tf.optimizers.Adam(settings.actor_lr, **rmsprop)
        self.critic_opt = tf.optimizers.Adam(settings.critic_lr, **rmsprop)
        self.actor_opt.build(self.actor.trainable_weights)
        self.critic_opt.build(self.critic.trainable_weights)
        self.policy = networks.NumpyCopy(self.actor, settings.activation, head)
        self.value = networks.NumpyCopy(self.critic, settings.critic_activation, networks.linear_head)
        self.normalizer = make_normalizer(settings.normalize, state_dim, settings.num_envs, settings.gamma)
        self.buf = RolloutBuffer(
            size=settings.batch_steps, num_envs=settings.num_envs, state_dim=state_dim, gamma=settings.gamma, lam=settings.lam,
            action_shape=self.action_space.draw_shape, action_dtype=self.action_space.draw_dtype, normalizer=self.normalizer,
        )  # fmt: skip

    def actor_loss(self, states, actions, adv):
        """The loss of Eq. (1), a scalar; states (N, state_dim), actions (N, ...), adv (N,)."""
        pi = self.actor(states)
        objective = tf.reduce_mean(self.distribution.log_prob(pi, actions) * adv)
        entropy = tf.reduce_mean(self.distribution.entropy(pi))
        return -objective - self.settings.entropy * entropy

    def critic_loss(self, states, returns):
        """The loss of Eq. (2): mean squared error of V(states), (N, state_dim), against the lambda-returns (N,)."""
        return tf.reduce_mean(tf.square(returns - self.critic(states)[:, 0]))

    def train_actor(self, states, actions, adv):
        """One gradient step of the actor; returns the loss before it."""
        weights = self.actor.trainable_weights
        with tf.GradientTape() as tape:
            loss = self.actor_loss(states, actions, adv)
        self.actor_opt.apply_gradients(zip(self._clip_norm(tape.gradient(loss, weights)), weights, strict=True))
        return loss

    def train_critic(self, states, returns):
        """One gradient step of the critic; returns the loss before it."""
        weights = self.critic.trainable_weights
        with tf.GradientTape() as tape:
            loss = self.critic_loss(states, returns)
        self.critic_opt.apply_gradients(zip(self._clip_norm(tape.gradient(loss, weights)), weights, strict=True))
        return loss

    def _clip_norm(self, gradients):
        norm = self.settings.max_grad_norm
        return tf.clip_by_global_norm(gradients, norm)[0] if norm else gradients

    @compiled(autograph=False)
    def _update(self, states, actions, adv, returns, scale, remaining):
        """Updates both networks on a batch (N, ...), in one compiled call; `scale` multiplies the learning rates."""
        self.actor_opt.learning_rate.assign(self.settings.actor_lr * scale)
        self.critic_opt.learning_rate.assign(self.settings.critic_lr * scale)
        old_pi = self.actor(states)
        policy_loss = self.train_actor(states, actions, adv)
        for _ in range(self.settings.critic_epochs):
            value_loss = self.train_critic(states, returns)
        pi = self.actor(states)
        losses = {
            'policy_loss': policy_loss,
            'value_loss': value_loss,
            'kl': tf.reduce_mean(self.distribution.kl(old_pi, pi)),
            **self.distribution.spread(pi),
            'actor_lr': tf.identity(self.actor_opt.learning_rate),
            'critic_lr': tf.identity(self.critic_opt.learning_rate),
            'actor_norm': tf.linalg.global_norm(self.actor.trainable_weights),
            'critic_norm': tf.linalg.global_norm(self.critic.trainable_weights),
        }
        networks.anneal_std(self.actor, remaining)
        # The new weights come back with the call: reading them one by one would take as long as the update itself.
        return losses, networks.values(self.actor), networks.values(self.critic)

    def update(self, remaining=1.0):
        """Learns from the full buffer and returns the losses as floats. `remaining`, from 1 to 0, scales what is annealed."""
        states, actions, adv, returns = self.buf.get()
        scale = remaining if self.settings.anneal else 1.0
        losses, actor_weights, critic_weights = self._update(
            states, actions, adv, returns, np.float32(scale), np.float32(remaining)
        )
        self.policy.refresh(actor_weights)
        self.value.refresh(critic_weights)
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
        """Computes advantages, Eq. (3), and the critic's targets; `next_state` (num_envs, state_dim) follows the batch."""
        self.buf.finish_path(next_state, lambda states: self.value(states)[0][:, 0])

    def variables(self, for_acting=False):
        """The parts of a checkpoint, as `checkpoint.named` takes them; `for_acting`, those of an agent file: no optimisers."""
        parts = {'actor': self.actor.all_weights, 'critic': self.critic.all_weights, 'normalizer': self.normalizer}
        if for_acting:
            return parts
        optimisers = {'actor_opt': self.actor_opt.variables, 'critic_opt': self.critic_opt.variables}
        return parts | optimisers

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
    with Run('A2C', env, settings, seed, **options) as run:
        sizes = run.envs.state_dim, run.envs.action_dim, run.envs.action_bound
        agent = A2C(*sizes, settings=settings, seed=seed, spaces=run.envs.spaces)
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
    record = checkpoint.load_record(path, ['A2C'])
    settings = settings_of(record, Settings, path)
    agent = A2C(*checkpoint.sizes_of(record), settings=settings, spaces=checkpoint.spaces_of(record))
    agent.load(path)
    return agent


@errors.naming_flags()
def main(argv=None):
    """The command line: --train, --test, or both in that order."""
    options, settings = command_line.parse(__doc__, Settings, PRESETS, argv)
    agent = train(options.env, settings, options.seed, **command_line.of_training(options)) if options.train else None
    if options.test:
        path = agent.path if agent else find_agent(options, 'A2C')
        agent = load_agent(path)
        test(agent, path, options)


if __name__ == '__main__':
    program.run(main)
