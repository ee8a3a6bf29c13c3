"""Trains an agent with the reader's functions in place of the project's, and next to it the project's own, of the same seed.

The agents are subclasses whose methods call the reader's functions. They are trained by the project's own `train`.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple
from unittest import mock

from common import networks
from common.backend import compiled, tf, tl
from common.distributions import Gaussian
from common.errors import UserError
from common.running import plotting
from common.running.files import replacing, writing
from common.running.logs import EpisodeLog
from exercises.task import Words

import numpy as np
from matplotlib.figure import Figure

EPISODES = 20  # of the evaluation after a training


def with_gae(agent, mine):
    """Lets the buffer of an agent compute its advantages by the reader's function."""
    buf = agent.buf

    def gae(rewards, values):
        rows = len(rewards)
        return np.float32(mine['gae'](rewards, values, buf.terminated[:rows], buf.truncated[:rows], buf.gamma, buf.lam))

    buf.gae = gae


def gaussian(mine):
    """The distribution of actions, with the reader's density and, where it was written, the reader's divergence."""

    class Mine(Gaussian):
        @staticmethod
        def log_prob(pi, action):
            return mine['gaussian_log_prob'](*pi, action)

    if 'gaussian_kl' in mine:
        Mine.kl = staticmethod(lambda old_pi, pi: mine['gaussian_kl'](*old_pi, *pi))
    return Mine


def ppo_of(base, mine):
    """PPO-Clip."""

    class Mine(base):
        def __init__(self, *sizes, **others):
            super().__init__(*sizes, **others)
            self.distribution = gaussian(mine)
            with_gae(self, mine)

        def actor_loss(self, states, actions, adv, old_pi):
            pi = self.actor(states)
            log_prob, old_log_prob = (self.distribution.log_prob(one, actions) for one in (pi, old_pi))
            objective = mine['clipped_objective'](log_prob, old_log_prob, adv, self.settings.clip)
            return -objective, tf.reduce_mean(self.distribution.kl(old_pi, pi))

    return Mine


def penalty_of(base, mine):
    """PPO-Penalty. The reader's coefficient is plain Python, so it changes after the compiled update, not within it."""

    class Mine(base):
        def __init__(self, *sizes, **others):
            super().__init__(*sizes, **others)
            self.distribution = gaussian(mine)
            with_gae(self, mine)

        def adapt_kl_coefficient(self, kl, scale=1.0):
            pass

        def update(self, remaining=1.0):
            losses = super().update(remaining)
            target = self.settings.penalty_kl * (remaining if self.settings.anneal else 1.0)
            beta = float(self.kl_coefficient)
            beta = mine['penalty_coefficient'](beta, losses['kl'], target, self.settings.kl_coefficient)
            self.kl_coefficient.assign(beta)
            return losses | {'kl_coefficient': beta}

    return Mine


def trpo_of(base, mine):
    """TRPO. Conjugate gradient and line search are NumPy and plain Python; what they call is compiled."""

    class Mine(base):
        def __init__(self, *sizes, **others):
            super().__init__(*sizes, **others)
            self.distribution = gaussian(mine)
            with_gae(self, mine)

        @compiled
        def old_policy(self, states):
            return self.actor(states)

        @compiled
        def flat_gradient(self, states, actions, adv, mean, log_std):
            return self.gradient(states, actions, adv, [mean, log_std])

        @compiled
        def product(self, states, mean, log_std, x):
            kl = lambda: self.kl(states, [mean, log_std])  # noqa: E731 (as in trpo.py)
            return mine['hessian_vector_product'](kl, self.actor.trainable_weights, x, self.settings.damping)

        @compiled
        def kl_and_loss(self, states, actions, adv, mean, log_std, params):
            self.set_pi_params(params)
            return self.kl(states, [mean, log_std]), self.pi_loss(states, actions, adv, [mean, log_std])

        def update_actor(self, states, actions, adv):
            settings = self.settings
            adv = (adv - adv.mean()) / (adv.std() + 1e-8)
            old_pi = self.old_policy(states)
            g, old_loss = (one.numpy() for one in self.flat_gradient(states, actions, adv, *old_pi))

            def Hx(x):
                return self.product(states, *old_pi, np.float32(x)).numpy()

            def evaluate(params):
                return tuple(float(one) for one in self.kl_and_loss(states, actions, adv, *old_pi, np.float32(params)))

            x = mine['conjugate_gradient'](Hx, g, settings.cg_iters)
            full_step = np.sqrt(2 * settings.delta / (x @ Hx(x) + 1e-8)) * x
            limits = settings.delta, settings.backtrack, settings.backtrack_iters
            params = mine['line_search'](evaluate, self.get_pi_params().numpy(), full_step, float(old_loss), *limits)
            kl, loss = evaluate(params)
            return {'policy_loss': loss, 'kl': kl, **self.distribution.spread(self.old_policy(states))}

    return Mine


def a2c_of(base, mine):
    """A2C, whose actor ends in the reader's layers. It begins with the weights of the project's actor."""

    class Mine(base):
        def __init__(self, state_dim, *sizes, **others):
            super().__init__(state_dim, *sizes, **others)
            self.distribution = gaussian(mine)
            with_gae(self, mine)
            low, high = self.action_space.action_bound
            activation = getattr(tf.nn, self.settings.activation)
            state = layer = tl.layers.Input([None, state_dim], tf.float32)
            for units in self.settings.hidden:
                layer = tl.layers.Dense(units, activation)(layer)
            mean = mine['action_mean'](layer, low, high)
            log_std = mine['log_std'](np.log(self.settings.init_std * (high - low) / 2))(mean)
            theirs, self.actor = self.actor, tl.models.Model(state, [mean, log_std])
            self.actor.train()
            for weight, value in zip(self.actor.all_weights, theirs.all_weights, strict=True):
                weight.assign(value)
            self.actor_opt = type(self.actor_opt).from_config(self.actor_opt.get_config())
            self.actor_opt.build(self.actor.trainable_weights)
            self.policy = networks.NumpyCopy(self.actor, self.settings.activation, networks.gaussian_head(low, high))

    return Mine


def sac_of(base, mine):
    """SAC."""

    class Mine(base):
        def drawn(self, states, noise):
            mean, log_std = self.actor(states)
            u = mean + tf.exp(log_std) * noise
            return tf.tanh(u), mine['squashed_log_prob'](mean, log_std, u)

        def critic_target(self, reward, next_state, terminated, noise):
            next_action, log_prob = self.drawn(next_state, noise)
            q1, q2 = (q[:, 0] for q in self.target_critic([next_state, next_action]))
            truncated = tf.zeros_like(terminated)  # the replay buffer does not keep it: a time limit changes no target
            return mine['soft_target'](reward, terminated, truncated, q1, q2, log_prob, self.settings.gamma, self.alpha)

        def actor_loss(self, state, noise):
            action, log_prob = self.drawn(state, noise)
            q = tf.minimum(*self.critic([state, action]))[:, 0]
            return tf.reduce_mean(self.alpha * log_prob - q), log_prob

    return Mine


def minimal_of(base, mine):
    """The minimal agent."""

    class Mine(base):
        def update(self, action, reward):
            with tf.GradientTape() as tape:
                loss = mine['pseudo_loss'](*self.policy(), action, reward)
            gradients = tape.gradient(loss, self.weights)
            self.optimizer.apply_gradients(zip(gradients, self.weights, strict=True))
            return loss

    return Mine


class Program(NamedTuple):
    """What `train` trains: a class of a module, the same with the reader's functions, and a short preset for Pendulum."""

    module: str
    agent: str
    with_functions: Callable
    settings: dict


PROGRAMS = {
    'minimal': Program('pg_gaussian_minimal', 'GaussianActor', minimal_of, dict(steps=5000)),
    'ppo': Program('ppo', 'PPO', ppo_of, dict(steps=150_000)),
    'ppo-penalty': Program('ppo', 'PPO', penalty_of, dict(steps=150_000, method='penalty')),
    'trpo': Program('trpo', 'TRPO', trpo_of, dict(steps=200_000)),
    'a2c': Program('a2c', 'A2C', a2c_of, dict(steps=300_000)),
    'sac': Program('sac', 'SAC', sac_of, dict(steps=6000)),
}


def learn(name, mine, out, seed=0, called='mine', **settings):
    """Trains an agent of PROGRAMS with the reader's functions `mine`, by exercise; with None, the project's own.

    Returns the agent, and its curve: steps and returns. `out` gets the files of the run, which is named `called`.
    """
    program = PROGRAMS[name]
    module = importlib.import_module(program.module)
    base = getattr(module, program.agent)
    agent_class = program.with_functions(base, mine) if mine else base
    settings = program.settings | settings
    if name == 'minimal':
        return learn_minimal(agent_class, seed, settings['steps'])
    runs = []
    keep = lambda run, losses: runs.append(run) if not runs else None  # noqa: E731 (it returns nothing)
    with mock.patch.object(module, program.agent, agent_class):  # `train` makes an agent of the class by this name
        agent = module.train(seed=seed, out=out, name=called, episodes=EPISODES, on_update=keep, **settings)
    log = runs[0].log if runs else EpisodeLog(1)
    return agent, (np.array(log.end_steps), np.array(log.returns))


def learn_minimal(agent_class, seed, episodes):
    """Trains a minimal agent, which plays one step an episode; its returns are the rewards."""
    agent, rng = agent_class(), np.random.default_rng(seed)
    agent.reset(rng)
    noise = rng.standard_normal(episodes, dtype=np.float32)
    history = agent.learn(noise, *(tf.constant(one) for one in (4.0, 0.25, 1.0, 0.0))).numpy()
    return agent, (np.arange(1, episodes + 1), history[:, 2])


def draw(path, curves, title):
    """Writes a picture of both learning curves, smoothed over a twentieth of the episodes: the reader's and the project's."""
    figure = Figure(figsize=(7, 4), dpi=120)
    figure.subplots_adjust(left=0.12, right=0.98, bottom=0.2, top=0.92)
    axes = figure.subplots()
    looks = (
        (dict(color='#bbbbbb', linewidth=6), 'the project'),
        (dict(color=plotting.COLOUR, linewidth=2), 'yours'),
    )
    for (steps, returns), (look, label) in zip(curves, looks, strict=True):
        axes.plot(steps, plotting.smooth(returns, max(1, len(returns) // 20)), label=label, **look)
    axes.set(title=title, xlabel='environment steps', ylabel='return of an episode')
    axes.xaxis.set_major_formatter(plotting.thousands)
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(alpha=0.25)
    figure.legend(loc='lower center', ncols=2, frameon=False)
    with writing(path), replacing(path) as (temporary,):
        figure.savefig(temporary)


def train(name, mine, folder, seed, language, **settings):
    """Trains with the reader's functions, then the project's own agent, draws both curves and says where they are."""
    curves = []
    for functions, called, says in (
        (mine, 'mine', Words('With your functions:', '用你的函数训练：')),
        (None, 'reference', Words("The project's own:", '项目自己的训练：')),
    ):
        print(says.of(language), flush=True)
        curves.append(learn(name, functions, folder / 'training', seed, called, **settings)[1])
        if not len(curves[-1][1]):
            raise UserError(Words('no episode has ended: use more --steps', '没有一个回合结束：请增加 --steps').of(language))
    picture = folder / f'{name}.png'
    draw(picture, curves[::-1], f'{name}, seed {seed}')
    last = [np.mean(returns[-max(1, len(returns) // 10) :]) for _, returns in curves]
    print(
        Words(
            f'Mean return of the last tenth of the episodes: yours {last[0]:.1f}, the project {last[1]:.1f} | both curves: '
            f'{picture}',
            f'最后十分之一回合的平均回报：你的 {last[0]:.1f}，项目的 {last[1]:.1f} | 两条曲线：{picture}',
        ).of(language)
    )
