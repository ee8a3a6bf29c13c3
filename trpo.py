"""Trust Region Policy Optimization (TRPO), section 5.10.5 of the textbook.

Idea: improve the policy by a step that is as long as possible within a trust region: the mean KL divergence between the old
policy and the new one stays below a limit. Direction and length of the step come from the curvature of this divergence, its
Hessian H. H is never built: conjugate gradient only needs its products with vectors.

    maximise L(theta) = E[pi_theta(a|s) / pi_old(a|s) A(s, a)]  subject to  E[KL(pi_old, pi_theta)] <= delta        (1)
    x ~ H^-1 g,  g the gradient of L, H the Hessian of E[KL] at the old parameters                                  (2)
    theta = theta_old + alpha^j sqrt(2 delta / x'Hx) x,  j the first that keeps the KL and improves L               (3)
    A_t = sum_l (gamma lambda)^l delta_{t+l},  delta_t = r_t + gamma V(s_{t+1}) - V(s_t)                            (4)

The code minimises: its loss is -L, minus `--entropy` times the policy's entropy (0 in the book and the papers), g is the
gradient of this loss, and the step is subtracted.
Reference: Schulman et al., Trust Region Policy Optimization, 2015: (1) its Eq. 14, (2) and (3) its Appendix C; and
Schulman et al., High-Dimensional Continuous Control Using Generalized Advantage Estimation, 2016: (4) its Eq. 16.
Environment: Pendulum-v1 by default; any Gymnasium environment with Box or Discrete spaces by --env.
To run: python trpo.py --train, python trpo.py --test, python trpo.py --train --env CartPole-v1
"""

from dataclasses import dataclass

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
    batch_steps: int = setting(2048, 'steps in a batch, over all environments; the few beyond it are left out', book=512, low=2)

    # advantages
    gamma: float = setting(0.99, 'discount factor, gamma', group='advantages', book=0.99, low=0, high=1)
    lam: float = setting(0.97, "GAE's lambda", book=0.97, low=0, high=1)

    # actor
    delta: float = setting(0.01, 'limit of the KL divergence in nats, delta', group='actor', book=0.01, low=1e-8)

    # critic
    critic_lr: float = setting(1e-3, "the critic's learning rate", group='critic', book=1e-3, low=0)
    critic_epochs: int = setting(20, "the critic's passes over a batch", book=100, low=1)
    minibatch_size: int = setting(128, "steps in the critic's minibatches", book=512, low=1, divides='batch_steps')

    # exploration
    entropy: float = setting(0.0, 'weight of the entropy bonus', group='exploration', book=0.0, low=0)
    init_std: float = setting(0.5, 'initial standard deviation, in halves of the action range', book=0.5, low=1e-6)
    final_std: float = setting(0.0, 'final standard deviation, to which it falls; 0: it is learnt instead', low=0)

    # machinery
    damping: float = setting(0.1, "added to the Hessian's diagonal", group='machinery', book=0.1, low=0)
    cg_iters: int = setting(10, 'conjugate gradient iterations', book=10, low=1)
    backtrack_iters: int = setting(10, 'line search steps', book=10, low=1)
    backtrack: float = setting(0.8, 'factor from one line search step to the next, alpha', book=0.8, low=0, high=1)
    hidden: tuple = setting((64, 64), 'units of each hidden layer', book=(64, 64), low=1)
    activation: str = setting('relu', 'activation of the hidden layers', book='relu', choices=networks.ACTIVATIONS)
    normalize: bool = setting(False, 'normalise states and scale rewards by running statistics')


EPS = 1e-8  # keeps the step length finite where the gradient is zero [1e-8]
MIN_ADV_STD = 0.01  # with an entropy bonus, never divide advantages by less; otherwise their noise would outweigh the bonus

CONTROL = dict(activation='tanh', normalize=True, final_std=0.2)  # for Box actions
# Batches of half the default size, so twice as many updates, each with twice the KL divergence.
LARGE_STEPS = dict(CONTROL, steps=2_000_000, batch_steps=1024, lam=0.95, delta=0.02)
PYBULLET = dict(LARGE_STEPS, gamma=0.98)
# Ant's reported results are with a learnt standard deviation.
ANT = dict(LARGE_STEPS, final_std=0.0)
BOX2D = dict(num_envs=32, batch_steps=4096, minibatch_size=256, gamma=0.999, lam=0.95, activation='tanh', normalize=True)
FROZEN_LAKE = dict(num_envs=64, batch_steps=4096, gamma=0.999, lam=0.95, entropy=0.01, critic_epochs=40, activation='tanh')
PRESETS = {
    'Pendulum-v1': dict(steps=300_000, delta=0.003, normalize=True),
    'CartPole-v1': dict(steps=100_000),
    'FrozenLake-v1': FROZEN_LAKE,
    'FrozenLake-v1 is_slippery=false': dict(steps=100_000, activation='tanh'),
    'FrozenLake8x8-v1': dict(FROZEN_LAKE, steps=1_000_000, gamma=0.997),
    'LunarLander-v3': dict(steps=1_000_000, **BOX2D),
    'LunarLanderContinuous-v3': dict(steps=1_000_000, **BOX2D),
    'HalfCheetah-v4': dict(steps=2_000_000, **CONTROL),
    'HalfCheetah-v5': dict(steps=2_000_000, **CONTROL),
    'Ant-v4': ANT,
    'Ant-v5': ANT,
    'HalfCheetahBulletEnv-v0': PYBULLET,
    'AntBulletEnv-v0': PYBULLET,
    OTHERS_DISCRETE: dict(activation='tanh', normalize=True, entropy=0.01),
    OTHERS_BOX: CONTROL,
}


class TRPO:
    """TRPO agent: an actor, a critic and the batch they learn from.

    A state has `state_dim` floats. `action_bound` is the largest action, or a pair (low, high), each a number or (action_dim,);
    None means discrete actions: `action_dim` is the number of choices, or a tuple if an action has several parts. `spaces` are
    the environment's Gymnasium spaces (states, actions), which `get_action` takes and returns; by default vectors and a Box,
    or numbers from 0. The same `seed` gives the same agent, bit for bit.
    """

    def __init__(self, state_dim, action_dim, action_bound, settings=None, seed=0, spaces=None):
        self.settings = settings = settings or Settings()
        self.state_space, self.action_space = agent_spaces(state_dim, action_dim, action_bound, spaces)
        self.identity = checkpoint.describe('TRPO', self.state_space, self.action_space, settings)
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
        self.critic_opt = tf.optimizers.Adam(settings.critic_lr, epsilon=1e-5)
        self.critic_opt.build(self.critic.trainable_weights)
        self.policy = networks.NumpyCopy(self.actor, settings.activation, head)
        self.value = networks.NumpyCopy(self.critic, settings.activation, networks.linear_head)
        self.normalizer = make_normalizer(settings.normalize, state_dim, settings.num_envs, settings.gamma)
        self.buf = RolloutBuffer(
            size=settings.batch_steps, num_envs=settings.num_envs, state_dim=state_dim, gamma=settings.gamma, lam=settings.lam,
            action_shape=self.action_space.draw_shape, action_dtype=self.action_space.draw_dtype, normalizer=self.normalizer,
        )  # fmt: skip

    def pi_loss(self, states, actions, adv, old_pi):
        """Minus L of Eq. (1), minus the entropy bonus, a scalar; `old_pi` is what the actor returned, each (N, action_dim)."""
        pi = self.actor(states)
        ratio = tf.exp(self.distribution.log_prob(pi, actions) - self.distribution.log_prob(old_pi, actions))
        objective = tf.reduce_mean(ratio * adv)  # Eq. (1)
        entropy = tf.reduce_mean(self.distribution.entropy(pi))
        return -objective - self.settings.entropy * entropy

    def gradient(self, states, actions, adv, old_pi):
        """The flat gradient of `pi_loss`, (number of parameters,), and the loss."""
        with tf.GradientTape() as tape:
            loss = self.pi_loss(states, actions, adv, old_pi)
        return self._flat_concat(tape.gradient(loss, self.actor.trainable_weights)), loss

    def kl(self, states, old_pi):
        """Mean of KL(old, new) over the states, in nats, a scalar."""
        return tf.reduce_mean(self.distribution.kl(old_pi, self.actor(states)))

    def hvp(self, states, old_pi, x):
        """The product of the KL divergence's Hessian at the old parameters with a flat vector x, plus damping times x.

        At the old parameters the divergence has its minimum, so its Hessian is J'MJ: J is the Jacobian of the network's
        outputs, M the Hessian with respect to these outputs. This takes one forward and one backward pass, half the cost of
        differentiating twice.
        """
        pi_params = self.actor.trainable_weights
        with tf.GradientTape() as tape, tf.autodiff.ForwardAccumulator(pi_params, self._unflatten(x)) as forward:
            pi = self.actor(states)
        Jx = forward.jvp(pi, tf.UnconnectedGradients.ZERO)  # zero for a standard deviation that is not learnt
        with tf.GradientTape() as tape1:
            tape1.watch(pi)
            with tf.GradientTape() as tape0:
                tape0.watch(pi)
                d_kl = tf.reduce_mean(self.distribution.kl(old_pi, pi))
            g = tape0.gradient(d_kl, pi)
            gJx = tf.add_n([tf.reduce_sum(a * b) for a, b in zip(g, Jx, strict=True)])
        MJx = tape1.gradient(gJx, pi)
        return self._flat_concat(tape.gradient(pi, pi_params, output_gradients=MJx)) + self.settings.damping * x

    def cg(self, Ax, b):
        """Conjugate gradient: an x with A x ~ b, for a function Ax and a vector b. Stops early if the residual is near zero."""
        x, r, p = tf.zeros_like(b), b, b
        r_dot_r = tf.reduce_sum(r * r)
        i = tf.constant(0)
        while i < self.settings.cg_iters and r_dot_r > 1e-10:
            z = Ax(p)
            step = r_dot_r / tf.reduce_sum(p * z)
            x += step * p
            r -= step * z
            r_dot_r_new = tf.reduce_sum(r * r)
            p = r + r_dot_r_new / r_dot_r * p
            r_dot_r = r_dot_r_new
            i += 1
        return x

    def _flat_concat(self, xs):
        """Tensors of any shapes as one flat vector."""
        return tf.concat([tf.reshape(x, [-1]) for x in xs], axis=0)

    def _unflatten(self, flat):
        """A flat vector as a list of tensors with the shapes of the actor's parameters."""
        shapes = [weight.shape for weight in self.actor.trainable_weights]
        pieces = tf.split(flat, [shape.num_elements() for shape in shapes])
        return [tf.reshape(piece, shape) for piece, shape in zip(pieces, shapes, strict=True)]

    def get_pi_params(self):
        """The actor's parameters as one flat vector."""
        return self._flat_concat(self.actor.trainable_weights)

    def set_pi_params(self, flat_params):
        """Sets the actor's parameters from one flat vector."""
        for weight, piece in zip(self.actor.trainable_weights, self._unflatten(flat_params), strict=True):
            weight.assign(piece)

    @compiled
    def update_actor(self, states, actions, adv):
        """One step of the actor on a batch, Eq. (2) and (3): states (N, state_dim), actions (N, ...), adv (N,)."""
        min_std = MIN_ADV_STD if self.settings.entropy else 0.0
        adv = (adv - tf.reduce_mean(adv)) / tf.maximum(tf.math.reduce_std(adv) + 1e-8, min_std)
        old_pi = self.actor(states)  # the policy that collected the batch: at its parameters the ratio is 1
        g, pi_l_old = self.gradient(states, actions, adv, old_pi)
        Hx = lambda x: self.hvp(states, old_pi, x)  # noqa: E731 (as the book writes it)
        x = self.cg(Hx, g)
        step_length = tf.sqrt(2 * self.settings.delta / (tf.reduce_sum(x * Hx(x)) + EPS))
        old_params = self.get_pi_params()
        accepted, backtracks, kl, pi_l_new = self.line_search(
            states, actions, adv, old_pi, old_params, step_length * x, pi_l_old
        )
        losses = {'policy_loss': pi_l_new, 'kl': kl, **self.distribution.spread(self.actor(states))}
        norm = tf.linalg.global_norm(self.actor.trainable_weights)
        return losses | {'actor_norm': norm, 'step_accepted': tf.cast(accepted, tf.float32), 'backtracks': backtracks}

    def line_search(self, states, actions, adv, old_pi, old_params, full_step, pi_l_old):
        """Backtracking, Eq. (3): the first of ever smaller steps that keeps the KL within delta and does not worsen the loss.

        If none does, the old parameters are restored, bit for bit. Returns whether a step was accepted, how often it was
        shortened (the exponent j, or all tries if none was accepted), the KL divergence and the loss.
        """
        accepted, step, j = tf.constant(False), tf.constant(1.0), tf.constant(0)
        kl, pi_l_new = tf.constant(0.0), pi_l_old
        while j < self.settings.backtrack_iters and not accepted:
            self.set_pi_params(old_params - step * full_step)
            kl, pi_l_new = self.kl(states, old_pi), self.pi_loss(states, actions, adv, old_pi)
            accepted = kl <= self.settings.delta and pi_l_new <= pi_l_old
            step *= self.settings.backtrack
            j += 1
        if not accepted:
            self.set_pi_params(old_params)
            kl, pi_l_new = tf.constant(0.0), pi_l_old
        backtracks = j - 1 if accepted else j
        return accepted, backtracks, kl, pi_l_new

    def critic_loss(self, states, returns):
        """Mean squared error of V(states), (N, state_dim), against the lambda-returns, (N,)."""
        return tf.reduce_mean(tf.square(returns - self.critic(states)[:, 0]))

    def train_vf(self, states, returns):
        """One gradient step of the critic on a minibatch; returns the loss before it."""
        weights = self.critic.trainable_weights
        with tf.GradientTape() as tape:
            loss = self.critic_loss(states, returns)
        self.critic_opt.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    @compiled
    def update_critic(self, states, returns, index):
        """Takes all gradient steps of the critic on a batch; `index` (minibatches, minibatch_size) holds their rows."""
        for rows in index:
            self.train_vf(tf.gather(states, rows), tf.gather(returns, rows))
        loss = self.critic_loss(states, returns)
        norm = tf.linalg.global_norm(self.critic.trainable_weights)
        return {'value_loss': loss, 'critic_norm': norm, 'critic_lr': tf.identity(self.critic_opt.learning_rate)}

    def update(self, remaining=1.0):
        """Learns from the full buffer and returns the losses as floats. `remaining`, from 1 to 0, scales what is annealed."""
        states, actions, adv, returns = self.buf.get()
        index = minibatches(len(states), self.settings.minibatch_size, self.settings.critic_epochs, self.rng)
        critic = in_second_thread(self.update_critic, states, returns, index)  # actor and critic share no weights
        losses = self.update_actor(states, actions, adv)
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
        """Computes advantages, Eq. (4), and the critic's targets; `next_state` (num_envs, state_dim) follows the batch."""
        self.buf.finish_path(next_state, lambda states: self.value(states)[0][:, 0])

    def variables(self, for_acting=False):
        """The parts of a checkpoint, as `checkpoint.named` takes them; `for_acting`, those of an agent file: no optimisers."""
        parts = {'actor': self.actor.all_weights, 'critic': self.critic.all_weights, 'normalizer': self.normalizer}
        if for_acting:
            return parts
        return parts | {'critic_opt': self.critic_opt.variables}

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
    with Run('TRPO', env, settings, seed, **options) as run:
        sizes = run.envs.state_dim, run.envs.action_dim, run.envs.action_bound
        agent = TRPO(*sizes, settings=settings, seed=seed, spaces=run.envs.spaces)
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
    record = checkpoint.load_record(path, ['TRPO'])
    settings = settings_of(record, Settings, path)
    agent = TRPO(*checkpoint.sizes_of(record), settings=settings, spaces=checkpoint.spaces_of(record))
    agent.load(path)
    return agent


@errors.naming_flags()
def main(argv=None):
    """The command line: --train, --test, or both in that order."""
    options, settings = command_line.parse(__doc__, Settings, PRESETS, argv)
    agent = train(options.env, settings, options.seed, **command_line.of_training(options)) if options.train else None
    if options.test:
        path = agent.path if agent else find_agent(options, 'TRPO')
        agent = load_agent(path)
        test(agent, path, options)


if __name__ == '__main__':
    program.run(main)
