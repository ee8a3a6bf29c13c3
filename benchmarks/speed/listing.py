"""One speed measurement of the work of the book's listings on Pendulum: prints training steps per second.

    python -m benchmarks.speed.listing PPO 4000

The listings are those for PPO (5.10.6) and TRPO (5.10.5). This file does not repeat their text. It makes a computer do the same
work, with today's packages and the book's settings: it steps one environment from Python, calls TensorLayer's networks eagerly
for every single state, learns from batches of 32 steps (PPO) or 512 (TRPO), and makes every gradient and every step of Adam an
eager call. Only its time is measured; what it learns is not checked here.

It uses the fastest Adam for this work, with one fused operation per weight, as in the TensorFlow of the book's time. Today's
Adam, in Keras, takes a dozen operations per weight and would slow the listings down.
"""

import argparse
import time

import gymnasium
import numpy as np
import tensorflow as tf
import tensorlayer as tl

MAX_STEPS = 200  # of an episode


class FusedAdam:
    """Adam with one operation for each weight."""

    def __init__(self, learning_rate):
        self.learning_rate, self.step, self.moments = learning_rate, 0, {}

    def apply_gradients(self, pairs):
        """Takes one step along (gradient, weight) pairs."""
        self.step += 1
        powers = 0.9**self.step, 0.999**self.step
        for gradient, weight in pairs:
            if weight.ref() not in self.moments:
                self.moments[weight.ref()] = [tf.Variable(tf.zeros_like(weight)) for _ in range(2)]
            m, v = self.moments[weight.ref()]
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle, m=m.handle, v=v.handle, beta1_power=powers[0], beta2_power=powers[1],
                lr=self.learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-7, grad=gradient,
            )  # fmt: skip


class Agent:
    """What both listings share: two networks of 64-64, and a log standard deviation that is not one of their weights."""

    def __init__(self, env):
        inputs, layer = self._hidden(env)
        self.critic = tl.models.Model(inputs, tl.layers.Dense(1)(layer))
        inputs, layer = self._hidden(env)
        bound = env.action_space.high
        mean = tl.layers.Lambda(lambda x: x * bound)(tl.layers.Dense(len(bound), tf.nn.tanh)(layer))
        self.actor, self.bound = tl.models.Model(inputs, mean), bound
        self.log_std = tf.Variable(np.zeros(len(bound), np.float32))
        self.actor.train()
        self.critic.train()
        self.critic_opt, self.buffer = FusedAdam(self.CRITIC_LR), []

    def _hidden(self, env):
        inputs = layer = tl.layers.Input([None, *env.observation_space.shape])
        for _ in range(2):
            layer = tl.layers.Dense(64, tf.nn.relu)(layer)
        return inputs, layer

    def log_prob(self, mean, action):
        """The Gaussian log-density of each action dimension, (N, action_dim)."""
        return -0.5 * tf.square((action - mean) / tf.exp(self.log_std)) - self.log_std - 0.5 * np.log(2 * np.pi)

    def sample(self, state):
        """An action for one state and the mean of its Gaussian, both (1, action_dim)."""
        mean = self.actor(state)
        return mean + tf.exp(self.log_std) * tf.random.normal(mean.shape), mean

    def train_critic(self, states, returns):
        """Takes one step of the critic on the whole batch."""
        weights = self.critic.trainable_weights
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(returns - self.critic(states)))
        self.critic_opt.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    def batch(self):
        """Empties the buffer and returns its columns, each (N, ...)."""
        columns = [np.array(column, np.float32) for column in zip(*self.buffer, strict=True)]
        self.buffer = []
        return columns


def discounted(values, factor):
    """For each value the discounted sum of it and all that follow it. `factor`: the discount of a step."""
    sums = []
    for value in reversed(values):
        sums.append(value + factor * (sums[-1] if sums else 0))
    return sums[::-1]


class PPO(Agent):
    """PPO-Clip: on each batch of 32 steps, ten steps of the actor and ten of the critic."""

    GAMMA, CRITIC_LR, ACTOR_LR, BATCH, UPDATES, CLIP = 0.9, 2e-4, 1e-4, 32, 10, 0.2

    def __init__(self, env):
        super().__init__(env)
        self.actor_opt, self.returns = FusedAdam(self.ACTOR_LR), []

    def act(self, state):
        """An action for one state, (action_dim,)."""
        self.state = state
        self.action = np.clip(self.sample(np.float32([state]))[0][0], -self.bound, self.bound)
        return self.action

    def store(self, reward):
        """Stores the last step."""
        self.buffer.append((self.state, self.action, (reward + 8) / 8))

    def finish_path(self, next_state):
        """Computes the discounted returns of the steps since the last call."""
        value = float(self.critic(np.float32([next_state]))[0, 0])
        rewards = [reward for *_, reward in self.buffer[len(self.returns) :]]
        self.returns += discounted([*rewards, value], self.GAMMA)[:-1]

    def train_actor(self, states, actions, adv, old_log_prob):
        """Takes one step of the actor on the whole batch."""
        weights = self.actor.trainable_weights
        with tf.GradientTape() as tape:
            ratio = tf.exp(self.log_prob(self.actor(states), actions) - old_log_prob)
            clipped = tf.clip_by_value(ratio, 1 - self.CLIP, 1 + self.CLIP)
            loss = -tf.reduce_mean(tf.minimum(ratio * adv, clipped * adv))
        self.actor_opt.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    def update(self):
        """Learns from the batch."""
        states, actions, _ = self.batch()
        returns, self.returns = np.float32(self.returns)[:, None], []
        adv, old_log_prob = returns - self.critic(states), self.log_prob(self.actor(states), actions)
        for _ in range(self.UPDATES):
            self.train_actor(states, actions, adv, old_log_prob)
        for _ in range(self.UPDATES):
            self.train_critic(states, returns)


class TRPO(Agent):
    """TRPO: on each batch of 512 steps, a natural gradient step with line search and a hundred steps of the critic."""

    GAMMA, LAM, CRITIC_LR, BATCH, DELTA, DAMPING = 0.99, 0.97, 1e-3, 512, 0.01, 0.1
    CG_ITERS, BACKTRACK_ITERS, BACKTRACK, TRAIN_V_ITERS = 10, 10, 0.8, 100

    def __init__(self, env):
        super().__init__(env)
        self.advantages = []

    def act(self, state):
        """An action for one state, (action_dim,). It also computes value and log-density, as the listing does."""
        states = np.float32([state])
        action, mean = self.sample(states)
        action = tf.clip_by_value(action, -self.bound, self.bound)
        step = action[0], self.critic(states)[0, 0], self.log_prob(mean, action)[0], mean[0]
        self.step = state, *(part.numpy() for part in step)
        return self.step[1]

    def store(self, reward):
        """Stores the last step."""
        self.buffer.append((*self.step, reward))

    def finish_path(self, next_state):
        """Computes the advantages (GAE) of the steps since the last call."""
        steps = self.buffer[len(self.advantages) :]
        values = np.float32([*(step[2] for step in steps), self.critic(np.float32([next_state]))[0, 0]])
        rewards = np.float32([step[5] for step in steps])
        deltas = rewards + self.GAMMA * values[1:] - values[:-1]
        self.advantages += discounted(deltas, self.GAMMA * self.LAM)

    def pi_loss(self, states, actions, adv, old_log_prob):
        """Minus the surrogate objective."""
        return -tf.reduce_mean(tf.exp(self.log_prob(self.actor(states), actions) - old_log_prob) * adv)

    def kl(self, states, old_mean):
        """Mean KL divergence between the old policy and the new one, which have the same standard deviation."""
        return tf.reduce_mean(tf.square((self.actor(states) - old_mean) / tf.exp(self.log_std)) / 2)

    def flat(self, tensors):
        """Tensors as one flat vector."""
        return tf.concat([tf.reshape(one, [-1]) for one in tensors], 0)

    def assign(self, flat):
        """Sets the actor's weights to a flat vector."""
        weights = self.actor.trainable_weights
        pieces = tf.split(flat, [weight.shape.num_elements() for weight in weights])
        for weight, piece in zip(weights, pieces, strict=True):
            weight.assign(tf.reshape(piece, weight.shape))

    def hvp(self, states, old_mean, x):
        """Hessian-vector product of the KL divergence, by differentiating twice, plus damping."""
        weights = self.actor.trainable_weights
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                kl = self.kl(states, old_mean)
            product = tf.reduce_sum(self.flat(inner.gradient(kl, weights)) * x)
        return self.flat(outer.gradient(product, weights)) + self.DAMPING * x

    def cg(self, Ax, b):
        """Conjugate gradient in NumPy. Every product with the Hessian is a call."""
        x, r, p = np.zeros_like(b), b.copy(), b.copy()
        r_dot_r = np.dot(r, r)
        for _ in range(self.CG_ITERS):
            z = Ax(p).numpy()
            step = r_dot_r / (np.dot(p, z) + 1e-8)
            x, r = x + step * p, r - step * z
            r_dot_r, old = np.dot(r, r), r_dot_r
            p = r + r_dot_r / old * p
        return x

    def update(self):
        """Learns from the batch."""
        states, actions, values, old_log_prob, old_mean, _ = self.batch()
        adv, self.advantages = np.float32(self.advantages)[:, None], []
        returns = adv + values[:, None]
        adv = (adv - adv.mean()) / (adv.std() + 1e-8)
        weights = self.actor.trainable_weights
        with tf.GradientTape() as tape:
            old_loss = self.pi_loss(states, actions, adv, old_log_prob)
        Hx = lambda x: self.hvp(states, old_mean, x)  # noqa: E731
        x = self.cg(Hx, self.flat(tape.gradient(old_loss, weights)).numpy())
        full_step = np.sqrt(2 * self.DELTA / (np.dot(x, Hx(x)) + 1e-8)) * x
        old = self.flat(weights)
        for j in range(self.BACKTRACK_ITERS):
            self.assign(old - self.BACKTRACK**j * full_step)
            kl, loss = self.kl(states, old_mean), self.pi_loss(states, actions, adv, old_log_prob)
            if kl <= self.DELTA and loss <= old_loss:
                break
        else:
            self.assign(old)
        for _ in range(self.TRAIN_V_ITERS):
            self.train_critic(states, returns)


def train(agent, env, steps):
    """Trains for `steps` steps in episodes of MAX_STEPS."""
    for step in range(steps):
        if step % MAX_STEPS == 0:
            state, _ = env.reset()
        state, reward, *_ = env.step(agent.act(state))
        agent.store(reward)
        full, over = len(agent.buffer) == agent.BATCH, (step + 1) % MAX_STEPS == 0
        if full or over:
            agent.finish_path(state)
        if full:
            agent.update()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('algorithm', choices=['PPO', 'TRPO'])
    parser.add_argument('steps', type=int)
    args = parser.parse_args()
    env = gymnasium.make('Pendulum-v1').unwrapped
    agent = {'PPO': PPO, 'TRPO': TRPO}[args.algorithm](env)
    train(agent, env, agent.BATCH)  # not measured: the first batch also creates variables
    started = time.perf_counter()
    train(agent, env, args.steps)
    print(args.steps / (time.perf_counter() - started))


if __name__ == '__main__':
    main()
