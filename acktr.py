"""Actor-Critic using Kronecker-factored Trust Region (ACKTR): A2C with natural gradients, from the continuous-control chapter.

Idea: take A2C's gradient and divide it by the curvature of the policy's own distribution, the Fisher matrix F. The length of a
step then measures how far the distribution changes, not the weights. F is approximated layer by layer as a Kronecker product
of two small matrices (K-FAC), and the step is as long as a trust region of the KL divergence allows.

    actor:  maximise E[log pi(a_t|s_t) A_t + c H(pi(.|s_t))]                                    (1)
    critic: minimise E[(V(s_t) - R_t)^2],  R_t = A_t + V_old(s_t)                               (2)
    A_t = sum_l (gamma lambda)^l delta_{t+l},  delta_t = r_t + gamma V(s_{t+1}) - V(s_t)        (3)

    F_l = E[vec(g a') vec(g a')'] ~ A_l x G_l,  A_l = E[a a'],  G_l = E[g g']                   (4)
          a: a layer's inputs and a 1 for its bias, g: gradient of log pi(b|s) at its outputs, b ~ pi(.|s);
          x: Kronecker product
    natural gradient of a layer: (A_l + p sqrt(d) I)^-1 grad (G_l + sqrt(d)/p I)^-1             (5)
          d: damping, p = sqrt((tr A_l / dim A_l) / (tr G_l / dim G_l))
    step length: c sqrt(2 delta / v'Fv) along v, the natural gradient with momentum             (6)
          delta: trust region; of an annealed actor it falls linearly to 0; c: step size, 1 at first
    c <- c / 1.5 where KL(pi_old, pi) > 2 delta, times 1.5 where KL < delta / 2, up to 1        (7)

The log standard deviation does not belong to a layer; its Fisher matrix is known exactly, 2 I. The critic's Fisher matrix is
that of a Gaussian with mean V(s) and standard deviation 1 (Gauss-Newton). The critic's c stays 1, and its step is never
longer than the natural gradient. Advantages are standardised. The inverses come from an earlier batch; the first update has
none and takes the plain gradient.

Reference: Wu et al., Scalable Trust-Region Method for Deep Reinforcement Learning Using Kronecker-Factored Approximation,
2017: (6) its section 3.2; Martens and Grosse, Optimizing Neural Networks with Kronecker-factored Approximate Curvature,
2015: (4) its section 3, (5) its section 6.3; (7) Wu et al.'s published code, where c limits the length. (1) to (3): see a2c.py.
Environment: Pendulum-v1 by default; any Gymnasium environment with Box or Discrete spaces by --env.
To run: python acktr.py --train, python acktr.py --test, python acktr.py --train --env HalfCheetah-v4
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
    batch_steps: int = setting(1024, 'steps in a batch, over all environments; the few beyond it are left out', low=2)

    # advantages
    gamma: float = setting(0.99, 'discount factor, gamma', group='advantages', book=0.99, low=0, high=1)
    lam: float = setting(0.95, "GAE's lambda; 1 gives n-step advantages", low=0, high=1)

    # actor
    delta: float = setting(0.01, 'target KL divergence of an update in nats, delta', group='actor', low=1e-8)
    step_size: float = setting(1.0, "initial factor c of the actor's step, instead of a learning rate; Eq. (7)", low=0, high=1)

    # critic
    critic_delta: float = setting(0.002, "target KL divergence of the critic's Gaussian", group='critic', low=1e-8)
    critic_epochs: int = setting(20, "the critic's passes over a batch, one step each", low=1)

    # exploration
    entropy: float = setting(0.0, 'weight of the entropy bonus, c', group='exploration', low=0)
    init_std: float = setting(0.5, 'initial standard deviation, in halves of the action range', book=1.0, low=1e-6)
    final_std: float = setting(0.0, 'final standard deviation, to which it falls; 0: it is learnt instead', low=0)

    # machinery
    damping: float = setting(0.01, "added to the factors' diagonals, d", group='machinery', low=1e-12)
    decay: float = setting(0.99, "weight of the past in the factors' running means", low=0, high=1)
    inverse_every: int = setting(10, 'updates between refreshed inverses', low=1)
    momentum: float = setting(0.0, 'momentum of the natural gradient', low=0, high=1)
    anneal: bool = setting(True, "let the actor's trust region, delta, fall linearly to 0")
    hidden: tuple = setting((64, 64), 'units of each hidden layer', book=(64, 64), low=1)
    activation: str = setting('tanh', "activation of the actor's hidden layers", book='tanh', choices=networks.ACTIVATIONS)
    critic_activation: str = setting(
        'relu', "activation of the critic's hidden layers", book='relu', choices=networks.ACTIVATIONS
    )
    normalize: bool = setting(False, 'normalise states and scale rewards by running statistics')


CONTROL = dict(normalize=True)  # for Box actions
LARGE_STEPS = dict(CONTROL, steps=2_000_000, delta=0.02)
PYBULLET = dict(LARGE_STEPS, gamma=0.98, final_std=0.2)
DISCRETE = dict(critic_activation='tanh', normalize=True)
PRESETS = {
    'Pendulum-v1': dict(steps=300_000, lam=0.9, delta=0.02, **CONTROL),
    'CartPole-v1': dict(DISCRETE, steps=300_000, gamma=0.999),  # for the reasons given in a2c.py
    'HalfCheetah-v4': dict(steps=1_000_000, **CONTROL),
    'HalfCheetah-v5': dict(steps=1_000_000, **CONTROL),
    'Ant-v4': LARGE_STEPS,
    'Ant-v5': LARGE_STEPS,
    'HalfCheetahBulletEnv-v0': PYBULLET,
    'AntBulletEnv-v0': PYBULLET,
    OTHERS_DISCRETE: dict(DISCRETE, gamma=0.995, entropy=0.01),  # with 0.999 some seeds stand still on CliffWalking
    OTHERS_BOX: CONTROL,
}


class KFAC:
    """Kronecker-factored natural gradient descent on a network of dense layers, Eq. (4) to (7).

    `weights` are those of the model: matrix (inputs, outputs) and biases (outputs,) of each layer, then the log standard
    deviation if it is learnt. `delta` is the trust region in nats, `longest` the limit of the step length in Eq. (6).
    """

    def __init__(self, weights, settings, delta, step_size=1.0, longest=np.inf):
        self.weights, self.settings, self.delta, self.longest = weights, settings, delta, longest
        self.layers, _ = networks.dense_layers(weights)
        sizes = [(matrix.shape[0] + 1, matrix.shape[1]) for matrix, _ in self.layers]
        self.A = [_variable(tf.zeros((inputs, inputs)), 'A') for inputs, _ in sizes]
        self.G = [_variable(tf.zeros((outputs, outputs)), 'G') for _, outputs in sizes]
        self.A_inverse = [_variable(tf.eye(inputs), 'A_inverse') for inputs, _ in sizes]
        self.G_inverse = [_variable(tf.eye(outputs), 'G_inverse') for _, outputs in sizes]
        self.velocity = [_variable(tf.zeros_like(weight), 'velocity') for weight in weights]
        self.step_size = _variable(step_size, 'step_size')
        self.updates = _variable(0.0, 'updates')

    @property
    def variables(self):
        """The variables that a checkpoint holds."""
        factors = self.A + self.G + self.A_inverse + self.G_inverse
        return [*factors, *self.velocity, self.step_size, self.updates]

    def update_factors(self, inputs, gradients):
        """Updates the running means of Eq. (4) with a batch.

        `inputs` are those of each layer, (N, inputs). `gradients` are those of each sample's log-likelihood at the layer's
        outputs, (N, outputs).
        """
        self.updates.assign_add(1.0)
        decay = tf.minimum(1 - 1 / self.updates, self.settings.decay)  # a plain mean over the first updates
        for A, G, a, g in zip(self.A, self.G, inputs, gradients, strict=True):
            a = tf.concat([a, tf.ones_like(a[:, :1])], axis=1)
            for factor, rows in ((A, a), (G, g)):
                factor.assign(decay * factor + (1 - decay) * tf.matmul(rows, rows, transpose_a=True) / rows.shape[0])

    def refresh_inverses(self):
        """Inverts the damped factors, Eq. (5)."""
        root = np.sqrt(self.settings.damping)
        for A, G, A_inverse, G_inverse in zip(self.A, self.G, self.A_inverse, self.G_inverse, strict=True):
            share = tf.sqrt(_mean_diagonal(A) / (_mean_diagonal(G) + 1e-12) + 1e-12)
            A_inverse.assign(_inverse(A + share * root * tf.eye(A.shape[0])))
            G_inverse.assign(_inverse(G + root / share * tf.eye(G.shape[0])))

    def precondition(self, gradients):
        """The natural gradient, Eq. (5), of gradients shaped as the weights."""
        natural = []
        layers, log_std = networks.dense_layers(gradients)
        for (matrix, biases), A_inverse, G_inverse in zip(layers, self.A_inverse, self.G_inverse, strict=True):
            joined = A_inverse @ tf.concat([matrix, biases[None]], axis=0) @ G_inverse
            natural += [joined[:-1], joined[-1]]
        return natural + [gradient / (2 + self.settings.damping) for gradient in log_std]

    def quadratic(self, v):
        """v'Fv of a vector shaped like the weights: to second order, and within Eq. (4), twice the KL divergence of step v."""
        total = 0.0
        layers, log_std = networks.dense_layers(v)
        for (matrix, biases), A, G in zip(layers, self.A, self.G, strict=True):
            joined = tf.concat([matrix, biases[None]], axis=0)
            total += tf.reduce_sum(joined * (A @ joined @ G))
        return total + sum(2 * tf.reduce_sum(tf.square(part)) for part in log_std)

    def apply_gradients(self, gradients, scale=1.0):
        """One step down the natural gradient with momentum, its length by Eq. (6) with `scale` times delta."""
        for velocity, natural in zip(self.velocity, self.precondition(gradients), strict=True):
            velocity.assign(self.settings.momentum * velocity + natural)
        region = self.delta * scale
        length = self.step_size * tf.sqrt(2 * region / (self.quadratic(self.velocity) + 1e-12))
        length = tf.minimum(length, self.longest)
        for weight, velocity in zip(self.weights, self.velocity, strict=True):
            weight.assign_sub(length * velocity)

    def adapt_step_size(self, kl, scale=1.0):
        """Adapts c, Eq. (7) with `scale` times delta, within [1e-4, 1]: above 1 a step would leave its trust region."""
        region = self.delta * scale
        factor = tf.where(kl > 2 * region, 1 / 1.5, tf.where(kl < region / 2, 1.5, 1.0))
        self.step_size.assign(tf.clip_by_value(self.step_size * factor, 1e-4, 1.0))


def _variable(value, name):
    return tf.Variable(value, trainable=False, name=name, dtype=tf.float32)


def _mean_diagonal(matrix):
    return tf.linalg.trace(matrix) / matrix.shape[0]


def _inverse(matrix):
    return tf.linalg.cholesky_solve(tf.linalg.cholesky(matrix), tf.eye(matrix.shape[0]))


class ACKTR:
    """ACKTR agent: an actor, a critic and the batch they learn from.

    A state has `state_dim` floats. `action_bound` is the largest action, or a pair (low, high), each a number or (action_dim,);
    None means discrete actions: `action_dim` is the number of choices, or a tuple if an action has several parts. `spaces` are
    the environment's Gymnasium spaces (states, actions), which `get_action` takes and returns; by default vectors and a Box,
    or numbers from 0. The same `seed` gives the same agent, bit for bit.
    """

    def __init__(self, state_dim, action_dim, action_bound, settings=None, seed=0, spaces=None):
        self.settings = settings = settings or Settings()
        self.state_space, self.action_space = agent_spaces(state_dim, action_dim, action_bound, spaces)
        self.identity = checkpoint.describe('ACKTR', self.state_space, self.action_space, settings)
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
            gain=1.0,  # gradients do not pass a last layer of zeros: the hidden layers' Fisher factors would be 0
        )  # fmt: skip
        self.actor_opt = KFAC(self.actor.trainable_weights, settings, settings.delta, settings.step_size)
        self.critic_opt = KFAC(self.critic.trainable_weights, settings, settings.critic_delta, longest=1.0)
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

    def train_actor(self, states, actions, adv, sampled, scale):
        """Takes one natural gradient step of the actor; returns the loss before it and KL(old, new).

        `sampled` are actions that the policy drew in the same states, for Eq. (4). `scale` multiplies delta.
        """
        # Eq. (4) needs every layer's inputs and outputs, which the model does not show: `layerwise` repeats the forward pass.
        bounds = self.action_space.action_bound
        with tf.GradientTape() as tape:
            old_pi, inputs, outputs = networks.layerwise(self.actor, states, self.settings.activation, bounds)
            log_prob = self.distribution.log_prob(old_pi, sampled)
        self.actor_opt.update_factors(inputs, tape.gradient(log_prob, outputs))
        with tf.GradientTape() as tape:
            loss = self.actor_loss(states, actions, adv)
        self.actor_opt.apply_gradients(tape.gradient(loss, self.actor.trainable_weights), scale)
        kl = tf.reduce_mean(self.distribution.kl(old_pi, self.actor(states)))
        self.actor_opt.adapt_step_size(kl, scale)
        return loss, kl

    def train_critic(self, states, returns, noise):
        """Takes one natural gradient step of the critic; returns the loss before it.

        `noise`, standard normal (N,), is a sample of the critic's Gaussian, for Eq. (4).
        """
        with tf.GradientTape() as tape:
            (value,), inputs, outputs = networks.layerwise(self.critic, states, self.settings.critic_activation)
            log_prob = noise * value[:, 0]  # has the gradient of -(V + noise - V(s))^2 / 2 with V fixed
        self.critic_opt.update_factors(inputs, tape.gradient(log_prob, outputs))
        with tf.GradientTape() as tape:
            loss = self.critic_loss(states, returns)
        gradients = tape.gradient(loss, self.critic.trainable_weights)
        self.critic_opt.apply_gradients([gradient / 2 for gradient in gradients])  # the gradient of half the squared error
        return loss

    @compiled(autograph=False)
    def _update(self, states, actions, adv, returns, sampled, noise, scale, remaining):
        """The steps of both networks on a batch (N, ...), in one call; `noise` (critic_epochs, N), `scale` multiplies delta."""
        adv = (adv - tf.reduce_mean(adv)) / (tf.math.reduce_std(adv) + 1e-8)
        policy_loss, kl = self.train_actor(states, actions, adv, sampled, scale)
        for one in tf.unstack(noise):
            value_loss = self.train_critic(states, returns, one)
        losses = {
            'policy_loss': policy_loss,
            'value_loss': value_loss,
            'kl': kl,
            **self.distribution.spread(self.actor(states)),
            'step_size': self.actor_opt.step_size.read_value(),
            'actor_norm': tf.linalg.global_norm(self.actor.trainable_weights),
            'critic_norm': tf.linalg.global_norm(self.critic.trainable_weights),
        }
        networks.anneal_std(self.actor, remaining)
        # The new weights come back with the call: reading them one by one would take as long as the update itself.
        return losses, networks.values(self.actor), networks.values(self.critic), self.actor_opt.updates.value()

    @compiled(xla=False, autograph=False)
    def _refresh_inverses(self):
        self.actor_opt.refresh_inverses()
        self.critic_opt.refresh_inverses()

    def update(self, remaining=1.0):
        """Learns from the full buffer and returns the losses as floats. `remaining`, from 1 to 0, scales what is annealed."""
        states, actions, adv, returns = self.buf.get()
        # Eq. (4) is about the policy's own actions, whatever their advantages: it takes a second draw in the same states.
        sampled = self.distribution.sample(self.policy(states), self.rng)
        noise = self.rng.standard_normal((self.settings.critic_epochs, len(states)), dtype=np.float32)
        scale = remaining if self.settings.anneal else 1.0
        losses, actor_weights, critic_weights, updates = self._update(
            states, actions, adv, returns, sampled, noise, np.float32(scale), np.float32(remaining)
        )
        if (int(updates) - 1) % self.settings.inverse_every == 0:
            self._refresh_inverses()
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
    with Run('ACKTR', env, settings, seed, **options) as run:
        sizes = run.envs.state_dim, run.envs.action_dim, run.envs.action_bound
        agent = ACKTR(*sizes, settings=settings, seed=seed, spaces=run.envs.spaces)
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
    record = checkpoint.load_record(path, ['ACKTR'])
    settings = settings_of(record, Settings, path)
    agent = ACKTR(*checkpoint.sizes_of(record), settings=settings, spaces=checkpoint.spaces_of(record))
    agent.load(path)
    return agent


@errors.naming_flags()
def main(argv=None):
    """The command line: --train, --test, or both in that order."""
    options, settings = command_line.parse(__doc__, Settings, PRESETS, argv)
    agent = train(options.env, settings, options.seed, **command_line.of_training(options)) if options.train else None
    if options.test:
        path = agent.path if agent else find_agent(options, 'ACKTR')
        agent = load_agent(path)
        test(agent, path, options)


if __name__ == '__main__':
    program.run(main)
