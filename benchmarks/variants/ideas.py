"""Patches for variants: ideas that have no flag, and what some printed behaviours need in addition so that they can be trained.

Each takes a pytest.MonkeyPatch, like those of errata.py, and is undone with it.
"""

import a2c
import ppo
import trpo
from common.backend import compiled, tf
from common.buffers import RolloutBuffer

import numpy as np


def no_line_search(patch):
    """TRPO always takes the full step, whatever that does to the KL divergence and the objective."""

    def full_step(agent, states, actions, adv, old_pi, old_params, full_step, pi_l_old):
        agent.set_pi_params(old_params - full_step)
        return tf.constant(True), tf.constant(0), agent.kl(states, old_pi), agent.pi_loss(states, actions, adv, old_pi)

    patch.setattr(trpo.TRPO, 'line_search', full_step)


def plain_gradient(patch):
    """TRPO follows the gradient itself, as far as the KL limit allows: the step is sqrt(2 delta / g'Hg) g."""
    patch.setattr(trpo.TRPO, 'cg', lambda agent, Ax, b: b)


def death_as_time_limit(patch):
    """A death is bootstrapped as if a time limit had ended the episode."""
    store = RolloutBuffer.store

    def as_time_limit(buf, state, action, reward, terminated, truncated, valid):
        store(buf, state, action, reward, np.zeros_like(terminated), terminated | truncated, valid)

    patch.setattr(RolloutBuffer, 'store', as_time_limit)


def raw_advantages(patch):
    """PPO's minibatches get the advantages before they are standardised."""
    right_update, train_actor = ppo.PPO.update_actor.method, ppo.PPO.train_actor

    def update_actor(agent, states, actions, adv, index, scale):
        agent.mean, agent.std = tf.reduce_mean(adv), tf.math.reduce_std(adv)
        return right_update(agent, states, actions, adv, index, scale)

    def with_raw(agent, states, actions, adv, old_pi):
        return train_actor(agent, states, actions, agent.mean + agent.std * adv, old_pi)

    patch.setattr(ppo.PPO, 'update_actor', compiled(update_actor))
    patch.setattr(ppo.PPO, 'train_actor', with_raw)


def advantage_for_each_dimension(patch):
    """A2C multiplies each action dimension's log-density by the advantage. It goes with densities that are not summed."""
    actor_loss = a2c.A2C.actor_loss
    patch.setattr(a2c.A2C, 'actor_loss', lambda agent, states, actions, adv: actor_loss(agent, states, actions, adv[:, None]))
