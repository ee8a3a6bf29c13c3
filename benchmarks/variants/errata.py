"""The printed behaviour of each erratum, as patches that put it back into the project's code.

Each takes a pytest.MonkeyPatch. The variants are trained with them, and the tests that docs/ERRATA.md names must fail on them.
"""

from pathlib import Path

import ppo
import sac
import trpo
from common import distributions, networks
from common.backend import tf, tl
from common.buffers import RolloutBuffer
from common.distributions import LOG_2PI, Gaussian
from common.envs import engines, gymnasium_engine, interface, training
from common.errors import UserError
from common.log_std import LogStd
from common.running import checkpoint

import gymnasium as gym
import numpy as np

BEHAVIOURS = {}  # {number of the erratum: [patch, ...]}


def erratum(number, *raises):
    """Lists a behaviour in BEHAVIOURS. An erratum whose row states several behaviours has several.

    `raises`: errors with which the printed code breaks off, in addition to what a failed test raises.
    """

    def register(behaviour):
        behaviour.raises = raises
        BEHAVIOURS.setdefault(number, []).append(behaviour)
        return behaviour

    return register


@erratum(1)
def log_std_appended_to_a_copy(patch):
    gaussian_actor, gaussian_head = networks.gaussian_actor, networks.gaussian_head

    def build(layer, _):
        layer.log_std = tf.Variable(np.zeros(layer.init.shape, np.float32))

    def printed_actor(state_dim, low, high, **others):
        actor = gaussian_actor(state_dim, low, high, **others)
        actor.trainable_weights.append(tf.Variable(np.zeros(len(low), np.float32), name='log_std'))
        return actor

    def printed_head(low, high):  # with a standard deviation that stays 1
        head = gaussian_head(low, high)
        return lambda layers, _: head(layers, [np.zeros(len(low), np.float32)])

    patch.setattr(LogStd, 'build', build)
    patch.setattr(LogStd, 'forward', lambda layer, mean: 0 * mean + layer.log_std)  # with gradients of 0, not None
    patch.setattr(networks, 'gaussian_actor', printed_actor)
    patch.setattr(networks, 'gaussian_head', printed_head)


@erratum(2)
def update_asks_for_kl_pen(patch):
    adapt = ppo.PPO.adapt_kl_coefficient
    patch.setattr(ppo.PPO, 'adapt_kl_coefficient', lambda agent, *kl: adapt(agent, *kl) if agent.method == 'kl_pen' else None)


def log_prob_per_dimension(pi, action):
    mean, log_std = pi
    return -0.5 * (tf.square((action - mean) * tf.exp(-log_std)) + 2 * log_std + LOG_2PI)


@erratum(3)
def ratio_per_dimension(patch):
    actor_loss = ppo.PPO.actor_loss
    patch.setattr(Gaussian, 'log_prob', log_prob_per_dimension)
    patch.setattr(ppo.PPO, 'actor_loss', lambda agent, states, actions, adv, old_pi: actor_loss(
        agent, states, actions, adv[:, None], old_pi
    ))  # fmt: skip


@erratum(3)
def sample_of_the_first_dimension(patch):
    sample = Gaussian.sample
    patch.setattr(Gaussian, 'sample', lambda pi, rng: sample(pi, rng)[..., :1])


@erratum(4)
def log_prob_of_the_first_dimension(patch):
    patch.setattr(Gaussian, 'log_prob', lambda pi, action: log_prob_per_dimension(pi, action)[:, 0])


@erratum(4)
def one_number_for_mean_and_log_std(patch):
    kl = Gaussian.kl
    patch.setattr(Gaussian, 'kl', lambda old_pi, pi: kl(*([part[:, :1] for part in both] for both in (old_pi, pi))))


@erratum(5)
def clipped_by_the_agent(patch):
    for cls in (ppo.PPO, trpo.TRPO):
        patch.setattr(cls, 'act', lambda agent, states, greedy=False, act=cls.act: np.clip(
            act(agent, states, greedy), *agent.action_space.action_bound
        ))  # fmt: skip


@erratum(5, UserError)
def not_clipped_for_the_environment(patch):
    step = interface.Engine.step

    def printed(envs, action):
        space = envs.action_space
        bound, space.action_bound = space.action_bound, (-np.inf, np.inf)
        try:
            return step(envs, action)
        finally:
            space.action_bound = bound

    patch.setattr(interface.Engine, 'step', printed)


@erratum(6)
def kl_new_to_old(patch):
    for cls in (distributions.Gaussian, distributions.Categorical):
        patch.setattr(cls, 'kl', lambda old_pi, pi, kl=cls.kl: kl(pi, old_pi))


@erratum(7)
def one_flag_done(patch):
    """The environment returns one flag and the buffer takes one: a time limit of the environment counts as a death."""
    step = interface.Engine.step

    def printed_step(envs, action):
        next_state, reward, terminated, truncated, valid = step(envs, action)
        done = terminated | truncated
        return interface.Step(next_state, reward, done, done, valid)

    patch.setattr(interface.Engine, 'step', printed_step)
    one_flag_in_the_buffer(patch)


def one_flag_in_the_buffer(patch):
    """Every end that the environment reports counts as a death. This project's own early truncations remain truncations."""
    store, end_episodes, early = RolloutBuffer.store, interface.Engine.end_episodes, [False]

    def printed_store(buf, state, action, reward, terminated, truncated, valid):
        done = np.logical_or(terminated, truncated) & ~np.array(early[0])
        store(buf, state, action, reward, done, truncated, valid)

    def remembered(envs, which):
        early[0] = which
        end_episodes(envs, which)

    patch.setattr(RolloutBuffer, 'store', printed_store)
    patch.setattr(interface.Engine, 'end_episodes', remembered)


@erratum(8, gym.error.DeprecatedEnv)
def old_names_go_to_gymnasium_as_they_are(patch):
    make_env = gymnasium_engine.make_env
    patch.setattr(engines, 'check_env', lambda env_id: None)
    for module in (interface, gymnasium_engine):
        patch.setattr(module, 'make_env', lambda env_id, *others: (
            make_env(env_id, *others) if env_id in gym.registry else gym.make(env_id)
        ))  # fmt: skip


@erratum(8)
def seed_and_four_values(patch):
    def reset(envs, seed):
        envs.envs = [gym.make(envs.env_id).unwrapped for _ in range(envs.num_envs)]
        for env in envs.envs:
            env.seed(seed)
        return np.array([env.reset() for env in envs.envs], np.float32)

    def step(envs, action):
        rows = [env.step(one) for env, one in zip(envs.envs, action, strict=True)]
        state, reward, done, _ = zip(*rows, strict=True)
        return np.array(state, np.float32), np.array(reward), np.array(done), np.zeros(envs.num_envs, bool)

    patch.setattr(gymnasium_engine.GymnasiumEnvs, '_reset', reset)
    patch.setattr(gymnasium_engine.GymnasiumEnvs, '_step', step)


@erratum(9)
def while_not_done_or_truncated(patch):
    for cls, engine_of in ((interface.Engine, lambda envs: envs), (training.TrainingEnvs, lambda envs: envs.envs)):

        def printed(envs, action, step=cls.step, engine_of=engine_of):
            next_state, reward, done, truncated, valid = step(envs, action)
            goes_on = ~done | truncated
            engine_of(envs).ended = ~goes_on
            return interface.Step(next_state, reward, done, truncated, valid)

        patch.setattr(cls, 'step', printed)


@erratum(10)
def last_step_bootstrapped_from_the_first_next_state(patch):
    finish_path = RolloutBuffer.finish_path
    patch.setattr(RolloutBuffer, 'finish_path', lambda buf, _, value: finish_path(buf, buf.states[1].copy(), value))


@erratum(11)
def variance_of_exp_log_std(patch):
    log_prob = Gaussian.log_prob
    patch.setattr(Gaussian, 'log_prob', lambda pi, action: log_prob([pi[0], pi[1] / 2], action))


@erratum(11)
def log_prob_not_summed(patch):
    patch.setattr(Gaussian, 'log_prob', log_prob_per_dimension)


@erratum(12)
def time_limit_is_death(patch):
    one_flag_in_the_buffer(patch)


@erratum(12)
def actor_loss_without_entropy(patch):
    def printed(agent, state, noise):
        action, log_prob = distributions.SquashedGaussian.reparametrised(agent.actor(state), noise)
        return -tf.reduce_mean(agent.critic([state, action])[0]), log_prob

    patch.setattr(sac.SAC, 'actor_loss', printed)


@erratum(12)
def one_standard_deviation_for_all_states(patch):
    def printed(state_dim, action_dim, *, hidden, activation, rng):
        inputs, layer = networks._hidden_layers(state_dim, hidden, activation, rng)
        mean = tl.layers.Dense(action_dim, W_init=networks.Orthogonal(rng, 0.01))(layer)
        return networks._model(inputs, [mean, LogStd(np.zeros(action_dim, np.float32))(mean)])

    def printed_head(layers, log_std):
        *hidden, last = layers
        return hidden, last, lambda output: [output, *log_std]

    patch.setattr(networks, 'squashed_gaussian_actor', printed)
    patch.setattr(networks, 'squashed_head', printed_head)


@erratum(13, AttributeError)
def placeholders(patch):
    pi_loss = trpo.TRPO.pi_loss

    def printed(agent, states, actions, adv, old_pi):
        adv = tf.placeholder(tf.float32, shape=(None, 1))
        return pi_loss(agent, states, actions, adv, old_pi)

    patch.setattr(trpo.TRPO, 'pi_loss', printed)


@erratum(13)
def conjugate_gradient_that_is_none(patch):
    def printed(agent, Ax, b):
        """Adds multiples of the gradient to zero. The first factor is 0 / 0, and no two directions are conjugate."""
        x, product = tf.zeros_like(b), Ax(b)
        for _ in range(10):
            alpha = tf.reduce_sum(x * b) / tf.reduce_sum(x * product)
            x += alpha * b
        return x

    patch.setattr(trpo.TRPO, 'cg', printed)


@erratum(14)
def log_of_the_density_and_a_little(patch):
    import pg_gaussian_minimal as pg

    def printed(mu, sigma, action, reward):
        pdf = tf.exp(-0.5 * ((action - mu) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
        return -reward * tf.math.log(pdf + 1e-5)

    patch.setattr(pg, 'pseudo_loss', printed)


@erratum(15, TypeError, ValueError)
def files_by_tensorlayer(patch):
    """TensorLayer's own functions. The arrays that they write have different lengths, and what they read was pickled."""

    def printed_save(path, arrays, record):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        tl.files.save_npz([tf.constant(array) for array in arrays.values()], name=str(path))

    patch.setattr(checkpoint, 'save', printed_save)
    patch.setattr(checkpoint, 'load', lambda path: (tl.files.load_npz(name=str(path)), {}))
