"""One speed measurement of PureJaxRL's PPO on Pendulum, in the peers' virtual environment: prints training steps per second.

    .venv-peers/bin/python -m benchmarks.speed.purejax NUM_ENVS STEPS

PureJaxRL (https://github.com/luchris429/purejaxrl, Apache-2.0) compiles environment, acting and learning into one program. This
file rewrites that program, `make_train` in its `ppo_continuous_action.py`, with our own Pendulum. It does the same work without
the packages that PureJaxRL's environments need. Networks, batches and numbers of updates are those of the other rows. Nothing
is normalised, and compilation is not counted.
"""

import sys
import time
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.linen.initializers import orthogonal
from flax.training.train_state import TrainState

BATCH, EPOCHS, MINIBATCH = 4096, 10, 256
GAMMA, LAM, CLIP, VALUE_WEIGHT, LEARNING_RATE, MAX_GRAD_NORM = 0.95, 0.95, 0.2, 0.5, 5e-4, 0.5


class Pendulum(NamedTuple):
    """A pendulum: angle, angular velocity, steps taken, the return so far, and the return of the last whole episode."""

    angle: jax.Array
    speed: jax.Array
    steps: jax.Array
    open_return: jax.Array
    last_return: jax.Array


class Transition(NamedTuple):
    """What is stored of a step. A batch of them has two leading axes, (steps, environments)."""

    state: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    reward: jax.Array
    done: jax.Array


class ActorCritic(nn.Module):
    """Two networks of 64-64 and a log standard deviation that does not depend on the state: (mean, log_std, value)."""

    @nn.compact
    def __call__(self, state):
        mean, value = (self._network(state, gain)[..., 0] for gain in (0.01, 1.0))
        return mean, self.param('log_std', nn.initializers.zeros, ()), value

    def _network(self, x, gain):
        for _ in range(2):
            x = nn.tanh(nn.Dense(64, kernel_init=orthogonal(np.sqrt(2)))(x))
        return nn.Dense(1, kernel_init=orthogonal(gain))(x)


def log_prob_of(mean, log_std, action):
    """The Gaussian log-density of actions, in their shape."""
    return -0.5 * jnp.square((action - mean) / jnp.exp(log_std)) - log_std - 0.5 * jnp.log(2 * jnp.pi)


def observe(env):
    """The state of a pendulum, (3,)."""
    return jnp.stack([jnp.cos(env.angle), jnp.sin(env.angle), env.speed])


def reset(key, last_return=0.0):
    """A pendulum at a random angle and angular velocity."""
    angle, speed = jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0) * jnp.array([jnp.pi, 1.0])
    return Pendulum(angle, speed, jnp.int32(0), jnp.float32(0), jnp.float32(last_return))


def step_env(key, env, action):
    """A step of Gymnasium's Pendulum-v1, which starts again after 200 steps. Returns (pendulum, reward, done)."""
    torque = jnp.clip(action, -2.0, 2.0)
    angle = (env.angle + jnp.pi) % (2 * jnp.pi) - jnp.pi
    reward = -(angle**2 + 0.1 * env.speed**2 + 0.001 * torque**2)
    speed = jnp.clip(env.speed + (15.0 * jnp.sin(env.angle) + 3.0 * torque) * 0.05, -8.0, 8.0)
    env = Pendulum(env.angle + 0.05 * speed, speed, env.steps + 1, env.open_return + reward, env.last_return)
    done = env.steps == 200
    env = jax.tree.map(partial(jnp.where, done), reset(key, env.open_return), env)
    return env, reward, done


def collect(carry, _):
    """Takes one step in all environments."""
    train_state, envs, key = carry
    key, key_action, key_envs = jax.random.split(key, 3)
    state = jax.vmap(observe)(envs)
    mean, log_std, value = train_state.apply_fn(train_state.params, state)
    action = mean + jnp.exp(log_std) * jax.random.normal(key_action, mean.shape)
    envs, reward, done = jax.vmap(step_env)(jax.random.split(key_envs, len(action)), envs, action)
    transition = Transition(state, action, log_prob_of(mean, log_std, action), value, reward, done)
    return (train_state, envs, key), transition


def advantages(batch, last_value):
    """GAE over a batch of transitions. A time limit counts as a death, as in PureJaxRL."""

    def backwards(carry, step):
        gae, next_value = carry
        delta = step.reward + GAMMA * next_value * (1 - step.done) - step.value
        gae = delta + GAMMA * LAM * (1 - step.done) * gae
        return (gae, step.value), gae

    start = jnp.zeros_like(last_value), last_value
    return jax.lax.scan(backwards, start, batch, reverse=True, unroll=16)[1]


def loss_of(params, apply_fn, batch, adv, targets):
    """The loss of a minibatch: PPO-Clip's, plus a clipped value loss."""
    mean, log_std, value = apply_fn(params, batch.state)
    near = batch.value + jnp.clip(value - batch.value, -CLIP, CLIP)
    value_loss = jnp.maximum(jnp.square(value - targets), jnp.square(near - targets)).mean() / 2
    ratio = jnp.exp(log_prob_of(mean, log_std, batch.action) - batch.log_prob)
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    return VALUE_WEIGHT * value_loss - jnp.minimum(ratio * adv, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * adv).mean()


def learn_minibatch(train_state, minibatch):
    """Takes one gradient step."""
    loss, gradients = jax.value_and_grad(loss_of)(train_state.params, train_state.apply_fn, *minibatch)
    return train_state.apply_gradients(grads=gradients), loss


def learn_epoch(carry, _):
    """One pass over the batch, shuffled into minibatches."""
    train_state, everything, key = carry
    key, key_order = jax.random.split(key)
    order = jax.random.permutation(key_order, BATCH)
    minibatches = jax.tree.map(lambda x: x[order].reshape(-1, MINIBATCH, *x.shape[1:]), everything)
    train_state, losses = jax.lax.scan(learn_minibatch, train_state, minibatches)
    return (train_state, everything, key), losses


def update(carry, _):
    """Collects a batch and learns from it. Also returns its losses and the mean of the environments' last returns."""
    num_envs = len(carry[1].angle)
    (train_state, envs, key), batch = jax.lax.scan(collect, carry, None, BATCH // num_envs)
    last_value = train_state.apply_fn(train_state.params, jax.vmap(observe)(envs))[2]
    adv = advantages(batch, last_value)
    everything = jax.tree.map(lambda x: x.reshape(BATCH, *x.shape[2:]), (batch, adv, adv + batch.value))
    (train_state, _, key), losses = jax.lax.scan(learn_epoch, (train_state, everything, key), None, EPOCHS)
    return (train_state, envs, key), (losses.mean(), envs.last_return.mean())


@partial(jax.jit, static_argnums=(1, 2))
def train(key, num_envs, updates):
    """Trains a new agent on `updates` batches in one compiled program. Returns the loss and the return of each batch."""
    key, key_network, key_envs = jax.random.split(key, 3)
    network = ActorCritic()
    optimiser = optax.chain(optax.clip_by_global_norm(MAX_GRAD_NORM), optax.adam(LEARNING_RATE, eps=1e-5))
    params = network.init(key_network, jnp.zeros((1, 3)))
    train_state = TrainState.create(apply_fn=network.apply, params=params, tx=optimiser)
    envs = jax.vmap(reset)(jax.random.split(key_envs, num_envs))
    return jax.lax.scan(update, (train_state, envs, key), None, updates)[1]


def main():
    num_envs, steps = map(int, sys.argv[1:])
    updates = steps // BATCH
    compiled = train.lower(jax.random.key(0), num_envs, updates).compile()
    started = time.perf_counter()
    losses, returns = jax.block_until_ready(compiled(jax.random.key(1)))
    seconds = time.perf_counter() - started
    assert np.isfinite(losses).all()
    print(f'return of the last episodes {returns[-1]:.1f}', file=sys.stderr)
    print(updates * BATCH / seconds)


if __name__ == '__main__':
    main()
