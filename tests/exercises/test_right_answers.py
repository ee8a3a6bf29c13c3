"""The checker's right answers, which are independent arithmetic, are what the project's own code computes."""

import copy
import functools

import acktr
import pg_gaussian_minimal
import ppo
import sac
import trpo
from common import networks
from common.backend import tf
from common.buffers import RolloutBuffer
from common.distributions import Gaussian, SquashedGaussian
from common.log_std import LogStd
from exercises import tasks
from exercises.tasks import hessian_vector_product as hvp

import numpy as np
import pytest


@functools.cache
def agent_of(agent_class):
    """An agent for one state and one action; it takes most of a test's time to make one."""
    return agent_class(1, 1, 1.0)


def discounted_sums(rewards, gamma):
    return RolloutBuffer._discount_cumsum(rewards, np.full_like(rewards, gamma))


def gae(rewards, values, terminated, truncated, gamma, lam):
    steps, num_envs = rewards.shape
    buf = RolloutBuffer(rewards.size, num_envs, 1, (), np.float32, gamma, lam)
    for t in range(steps):
        buf.store(values[t][:, None], np.zeros(num_envs), rewards[t], terminated[t], truncated[t], np.full(num_envs, True))
    buf.finish_path(values[-1][:, None], lambda states: states[:, 0])
    return buf.get()[2].reshape(steps, num_envs)


def gaussian_log_prob(mean, log_std, actions):
    return Gaussian.log_prob([mean, log_std], actions)


def clipped_objective(log_prob, old_log_prob, adv, clip):
    """Of Gaussians whose densities at 0 are as given."""
    agent = agent_of(ppo.PPO)
    agent.settings = ppo.Settings(clip=clip)
    agent.ratio = lambda pi, old_pi, actions: tf.exp(tf.constant(log_prob - old_log_prob, tf.float32))
    old_pi = agent.actor(np.zeros((len(adv), 1), np.float32))
    loss, _ = agent.actor_loss(np.zeros((len(adv), 1), np.float32), np.zeros((len(adv), 1), np.float32), adv, old_pi)
    return -loss


def gaussian_kl(old_mean, old_log_std, mean, log_std):
    return Gaussian.kl([old_mean, old_log_std], [mean, log_std])


def penalty_coefficient(beta, kl, target, lowest):
    agent = ppo.PPO(
        1, 1, 1.0, method='penalty', settings=ppo.Settings(penalty_kl=target, kl_coefficient=lowest, batch_steps=64)
    )
    agent.kl_coefficient.assign(beta)
    agent.adapt_kl_coefficient(tf.constant(kl, tf.float32))
    return agent.kl_coefficient.numpy()


def conjugate_gradient(Ax, b, iterations):
    agent = agent_of(trpo.TRPO)
    agent.settings = trpo.Settings(cg_iters=iterations)
    return agent.cg(lambda x: tf.constant(Ax(x.numpy())), tf.constant(b))


def line_search(evaluate, old_params, full_step, old_loss, delta, backtrack, tries):
    agent, at = copy.copy(agent_of(trpo.TRPO)), [old_params]
    agent.settings = trpo.Settings(delta=delta, backtrack=backtrack, backtrack_iters=tries)
    agent.set_pi_params = lambda params: at.append(np.asarray(params))
    agent.kl, agent.pi_loss = (lambda *_, part=part: tf.constant(evaluate(at[-1])[part]) for part in (0, 1))
    agent.line_search(None, None, None, None, old_params, full_step, tf.constant(old_loss, tf.float64))
    return at[-1]


def action_mean(low, high, states, *weights):
    actor = networks.gaussian_actor(3, low, high, hidden=(4,), activation='tanh', rng=np.random.default_rng(0), init_std=1.0)
    for variable, value in zip(actor.all_weights, weights, strict=False):
        variable.assign(value)
    return actor(states.astype(np.float32))[0]


def kronecker_factors(inputs, gradients):
    inputs, gradients = inputs.astype(np.float32), gradients.astype(np.float32)
    shape = inputs.shape[1], gradients.shape[1]
    weights = [tf.Variable(tf.zeros(shape)), tf.Variable(tf.zeros(shape[1]))]
    optimiser = acktr.KFAC(weights, acktr.Settings(), 0.01)
    optimiser.update_factors([inputs], [gradients])
    return optimiser.A[0].numpy(), optimiser.G[0].numpy()


def squashed_log_prob(mean, log_std, u):
    return SquashedGaussian.log_prob([mean, log_std], u)


def soft_target(reward, terminated, truncated, q1, q2, log_prob, gamma, alpha):
    agent = agent_of(sac.SAC)
    agent.settings = sac.Settings(gamma=gamma)
    agent.log_alpha.assign(np.log(alpha))
    agent.target_critic = lambda _: [tf.constant(q[:, None], tf.float32) for q in (q1, q2)]
    with pytest.MonkeyPatch.context() as patch:
        drawn = None, tf.constant(log_prob, tf.float32)
        patch.setattr(SquashedGaussian, 'reparametrised', staticmethod(lambda pi, noise: drawn))
        return agent.critic_target(np.float32(reward), np.zeros((len(reward), 1), np.float32), np.float32(terminated), None)


PROJECT = {
    function.__name__: function
    for function in (
        discounted_sums, gae, gaussian_log_prob, clipped_objective, gaussian_kl, penalty_coefficient, conjugate_gradient,
        line_search, action_mean, kronecker_factors, squashed_log_prob, soft_target,
    )
} | {
    'pseudo_loss': pg_gaussian_minimal.pseudo_loss,
    'log_std': lambda *arguments: tasks.load('log_std').probe(LogStd, *arguments),
}  # fmt: skip


@pytest.mark.parametrize('name', [name for name in tasks.NAMES if name != 'hessian_vector_product'])
def test_the_right_answer_is_that_of_the_project(name):
    task = tasks.load(name)
    for _, draw in task.draws():
        arguments = [one.astype(np.float32) if name in FLOAT32 else one for one in draw()]
        found, right = PROJECT[name](*arguments), task.solve(*draw())
        for mine, other in zip(*(parts if task.parts else (parts,) for parts in (found, right)), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


FLOAT32 = 'gaussian_log_prob', 'gaussian_kl', 'squashed_log_prob', 'pseudo_loss', 'action_mean'


def test_the_hessian_is_that_of_the_project():
    """TRPO's shortcut holds at the old parameters."""
    task = tasks.load('hessian_vector_product')
    agent = copy.copy(agent_of(trpo.TRPO))
    for case, draw in task.draws():
        if case.draw is not hvp.at_the_old_parameters:
            continue
        states, matrix, log_std, old_mean, old_log_std, x, damping = (np.float32(one) for one in draw())
        agent.settings = trpo.Settings(damping=float(damping))
        agent.actor = Linear(matrix, log_std)
        old_pi = [tf.constant(old_mean), tf.zeros_like(old_mean) + old_log_std]
        found = agent.hvp(tf.constant(states), old_pi, tf.constant(x))
        np.testing.assert_allclose(found, task.solve(*draw()), rtol=2e-3, atol=1e-3)


class Linear:
    """An actor without hidden layers."""

    def __init__(self, matrix, log_std):
        self.trainable_weights = [tf.Variable(matrix), tf.Variable(log_std)]

    def __call__(self, states):
        matrix, log_std = self.trainable_weights
        mean = states @ matrix
        return [mean, tf.zeros_like(mean) + log_std]
