"""A2C: the losses, the advantages, the update, and that it learns."""

import a2c
from common.running import command_line

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

RNG = np.random.default_rng(0)
SMALL = dict(batch_steps=64, num_envs=4, gamma=0.9, lam=0.9, hidden=(4,), activation='tanh', critic_activation='relu')
PLAIN = dict(anneal=False, entropy=0.0, max_grad_norm=0.0, normalize=False, init_std=0.5, actor_lr=1e-3, critic_lr=2e-3)


def make_agent(action_bound=2.0, action_dim=3, seed=0, **settings):
    return a2c.A2C(5, action_dim, action_bound, a2c.Settings(**{**SMALL, **PLAIN, **settings}), seed)


def make_batch(agent, size=64):
    """States, actions the agent drew, and made-up advantages."""
    states = RNG.normal(size=(size, 5)).astype(np.float32)
    return states, agent.act(states).astype(agent.buf.actions.dtype), RNG.normal(size=size).astype(np.float32)


def fill(agent, rng=RNG):
    state = rng.normal(size=(4, 5)).astype(np.float32)
    no, yes = np.zeros(4, bool), np.ones(4, bool)
    while not agent.buf.is_full():
        agent.buf.store(state, agent.act(state), rng.normal(size=4), no, no, yes)
        state = rng.normal(size=(4, 5)).astype(np.float32)
    agent.finish_path(state)


def peek(agent):
    """The full buffer's batch, which stays in the buffer."""
    kept = agent.buf.rows, agent.buf.transitions, True
    batch = [part.copy() for part in agent.buf.get()]
    agent.buf.rows, agent.buf.transitions, agent.buf.finished = kept
    return batch


def flat(weights):
    return np.concatenate([np.ravel(weight) for weight in weights]).astype(np.float64)


def layers(vector, shapes):
    sizes = [int(np.prod(shape)) for shape in shapes]
    parts = np.split(vector, np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def actor_loss_by_hand(vector, shapes, bound, entropy, states, actions, advs):
    """The actor of one hidden layer, tanh, in NumPy and SciPy."""
    w1, b1, w2, b2, *log_std = layers(vector, shapes)
    output = np.tanh(states @ w1 + b1) @ w2 + b2
    if bound is None:
        log_probs = output - np.log(np.exp(output).sum(1, keepdims=True))
        log_prob = log_probs[np.arange(len(states)), actions]
        entropies = stats.entropy(np.exp(log_probs), axis=1)
    else:
        normal = stats.norm(bound * np.tanh(output), np.exp(log_std[0]))
        log_prob, entropies = normal.logpdf(actions).sum(1), normal.entropy().sum(1)
    return -np.mean(log_prob * advs) - entropy * np.mean(entropies)


def critic_loss_by_hand(vector, shapes, states, returns):
    w1, b1, w2, b2 = layers(vector, shapes)
    return np.mean(((np.maximum(states @ w1 + b1, 0) @ w2 + b2)[:, 0] - returns) ** 2)


def slope(function, vector, *rest, step=1e-6):
    """The gradient by central differences."""
    shifts = step * np.eye(len(vector))
    return np.array([function(vector + shift, *rest) - function(vector - shift, *rest) for shift in shifts]) / (2 * step)


def move(agent):
    """Takes the networks away from where they start, near zero."""
    for weight in agent.actor.trainable_weights + agent.critic.trainable_weights:
        weight.assign_add(RNG.normal(0, 0.3, weight.shape).astype(np.float32))
    agent.refresh()


def acts_as_learnt(agent):
    """The weights that an update returns are those after it."""
    states = make_batch(agent)[0]
    np.testing.assert_allclose(agent.policy(states)[0], agent.actor(states)[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(agent.value(states)[0], agent.critic(states), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('bound', [2.0, None])
def test_losses_by_hand(bound):
    agent = make_agent(bound, entropy=0.3)
    move(agent)
    states, actions, advs = make_batch(agent)
    weights = agent.actor.trainable_weights
    shapes = [weight.shape for weight in weights]
    loss, entropy = agent.actor_loss(states, actions, advs), agent.distribution.spread(agent.actor(states))['entropy']
    batch = bound, 0.3, states, actions, advs
    np.testing.assert_allclose(loss, actor_loss_by_hand(flat(weights), shapes, *batch), rtol=1e-4)
    of_zero = actor_loss_by_hand(flat(weights), shapes, bound, -1.0, states, actions, 0 * advs)
    np.testing.assert_allclose(entropy, of_zero, rtol=1e-4)
    weights = agent.critic.trainable_weights
    expected = critic_loss_by_hand(flat(weights), [weight.shape for weight in weights], states, advs)
    np.testing.assert_allclose(agent.critic_loss(states, advs), expected, rtol=1e-4)


def test_entropy_bonus_makes_the_policy_wider():
    """With advantages of zero the bonus alone is left, and a step raises the entropy by widening the policy."""
    agent = make_agent(2.0, entropy=0.1)
    states, actions, advs = make_batch(agent)
    log_std = agent.actor.trainable_weights[-1].numpy()
    before = agent.distribution.spread(agent.actor(states))
    agent.train_actor(states, actions, 0 * advs)
    after = agent.distribution.spread(agent.actor(states))
    assert (agent.actor.trainable_weights[-1].numpy() > log_std).all()
    assert after['entropy'] > before['entropy']
    assert after['std'] > before['std']


def test_n_step_advantages_by_hand():
    """With lambda 1: r_t + gamma r_{t+1} + ... + gamma^n V(s_{t+n}) - V(s_t), V(s) the state's last number.

    Environment 0 dies after two steps, 1 meets its time limit there (final state 30), 2 goes on; then the batch ends.
    """
    settings = a2c.Settings(**{**SMALL, **PLAIN, 'num_envs': 3, 'batch_steps': 10, 'lam': 1.0})
    agent = a2c.A2C(5, 1, 2.0, settings)
    agent.value = lambda states: [states[:, -1:]]
    no, yes = np.zeros(3, bool), np.ones(3, bool)
    rows = [
        ([1, 10, 100], [1, 2, 3], no, no, yes),
        ([2, 20, 200], [4, 5, 6], [True, False, False], [False, True, False], yes),
        ([3, 30, 300], [0, 0, 7], no, no, [False, False, True]),
        ([4, 40, 400], [8, 9, 10], no, no, yes),
    ]
    for values, reward, terminated, truncated, valid in rows:
        states = np.zeros((3, 5), np.float32)
        states[:, -1] = values
        agent.buf.store(states, np.zeros((3, 1)), reward, terminated, truncated, valid)
    assert agent.buf.is_full()
    agent.finish_path(states / 4 * 5)
    g = 0.9
    returns = [
        1 + g * 4, 2 + g * 5 + g**2 * 30, 3 + g * 6 + g**2 * 7 + g**3 * 10 + g**4 * 500,
        4, 5 + g * 30, 6 + g * 7 + g**2 * 10 + g**3 * 500,
        7 + g * 10 + g**2 * 500,
        8 + g * 5, 9 + g * 50, 10 + g * 500,
    ]  # fmt: skip
    states, _, advantages, targets = agent.buf.get()
    np.testing.assert_array_equal(states[:, -1], [1, 10, 100, 2, 20, 200, 300, 4, 40, 400])
    np.testing.assert_allclose(advantages, returns - states[:, -1], rtol=1e-5)
    np.testing.assert_allclose(targets, returns, rtol=1e-5)


@pytest.mark.parametrize(('bound', 'max_norm', 'critic_epochs'), [(2.0, 0.0, 1), (None, 0.01, 3)])
def test_two_updates_by_hand(bound, max_norm, critic_epochs, uncompiled):
    """Gradients by differences, scaled down to the norm, through RMSprop with the mean of squares corrected.

    s <- 0.99 s + 0.01 g^2, w <- w - lr g / sqrt(s / (1 - 0.99^t)). Two updates, because the first moves every weight by the
    learning rate whatever its gradient; the second is annealed to half.
    """
    agent = make_agent(bound, entropy=0.02, max_grad_norm=max_norm, critic_epochs=critic_epochs, anneal=True)
    move(agent)
    networks = agent.actor, agent.critic
    squares, updates = [0.0, 0.0], [0, 0]
    for remaining in (1.0, 0.5):
        fill(agent)
        states, actions, advs, returns = peek(agent)
        shapes = [[weight.shape for weight in network.trainable_weights] for network in networks]
        before = [flat(network.trainable_weights) for network in networks]
        losses = actor_loss_by_hand, critic_loss_by_hand
        batches = (shapes[0], bound, 0.02, states, actions, advs), (shapes[1], states, returns)
        printed = agent.update(remaining)
        np.testing.assert_allclose(printed['policy_loss'], losses[0](before[0], *batches[0]), rtol=1e-3, atol=1e-5)
        for i, (lr, steps) in enumerate(((1e-3, 1), (2e-3, critic_epochs))):
            vector = before[i]
            for _ in range(steps):
                gradient, loss = slope(losses[i], vector, *batches[i]), losses[i](vector, *batches[i])
                if max_norm:
                    assert np.linalg.norm(gradient) > max_norm
                    gradient = gradient * max_norm / np.linalg.norm(gradient)
                squares[i] = 0.99 * squares[i] + 0.01 * gradient**2
                updates[i] += 1
                corrected = (np.sqrt(squares[i]) + 1e-5) / np.sqrt(1 - 0.99 ** updates[i])
                vector = vector - remaining * lr * gradient / corrected
            clear = np.abs(gradient) > 1e-3 * np.abs(gradient).max()
            assert clear.mean() > 0.5
            moved = before[i] - flat(networks[i].trainable_weights)
            np.testing.assert_allclose(moved[clear], (before[i] - vector)[clear], rtol=2e-2, atol=1e-6)
        np.testing.assert_allclose(printed['value_loss'], loss, rtol=1e-4)  # before the last step
    acts_as_learnt(agent)


def test_learning_rates_follow_the_share_that_remains_only_where_annealed(uncompiled):
    for anneal, share in ((True, 0.25), (False, 1.0)):
        agent = make_agent(anneal=anneal)
        fill(agent)
        agent.update(remaining=0.25)
        np.testing.assert_allclose(agent.actor_opt.learning_rate.numpy(), share * 1e-3)
        np.testing.assert_allclose(agent.critic_opt.learning_rate.numpy(), share * 2e-3)


def test_compiled_once_and_the_same_seed_gives_the_same_bits():
    def learn(seed):
        agent, rng = make_agent(seed=seed, normalize=True, anneal=True), np.random.default_rng(3)
        for remaining in (1.0, 0.9, 0.8):
            fill(agent, rng)
            agent.update(remaining)
        assert len(agent._update.traces) == 1
        acts_as_learnt(agent)
        return flat(agent.actor.trainable_weights + agent.critic.trainable_weights)

    first, same, other = map(learn, (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize('bound', [2.0, None])
def test_every_weight_learns_and_survives_the_disk(bound, tmp_path, uncompiled):
    agent = make_agent(bound)
    states, _, _ = make_batch(agent)
    before = [weight.numpy() for network in (agent.actor, agent.critic) for weight in network.trainable_weights]
    for _ in range(2):  # the critic's last layer starts at 0, and passes nothing on in the first
        fill(agent)
        agent.update()
    after = [weight.numpy() for network in (agent.actor, agent.critic) for weight in network.trainable_weights]
    assert all(np.any(a != b) for a, b in zip(before, after, strict=True))
    agent.save(tmp_path / 'agent.npz', {})
    other = make_agent(bound, seed=1)
    other.load(tmp_path / 'agent.npz')
    np.testing.assert_array_equal(other.policy(states)[0], agent.policy(states)[0])
    loaded = [weight.numpy() for network in (other.actor, other.critic) for weight in network.trainable_weights]
    assert all(np.array_equal(a, b) for a, b in zip(after, loaded, strict=True))


def test_gradients_are_clipped_to_the_norm():
    gradients = [tf.constant([3.0]), tf.constant([4.0])]
    np.testing.assert_allclose(make_agent(max_grad_norm=1.0)._clip_norm(gradients), [[0.6], [0.8]], rtol=1e-6)
    assert make_agent(max_grad_norm=0.0)._clip_norm(gradients) is gradients


LEARNING = """--train --env CartPole-v1 --steps 80000 --num-envs 16 --batch-steps 160 --gamma 0.99 --lam 0.95 --actor-lr 1e-3
    --critic-lr 3e-3 --no-anneal --entropy 0.001 --max-grad-norm 0.5 --hidden 32 32 --activation tanh --normalize"""


def test_it_learns_to_balance_the_pole(tmp_path):
    """A random policy's episodes have 22 steps."""
    options, settings = command_line.parse('', a2c.Settings, a2c.PRESETS, LEARNING.split())
    logs = []
    where = dict(episodes=20, out=tmp_path)
    agent = a2c.train(options.env, settings, **where, on_update=lambda run, losses: logs.append(run.log))
    assert np.mean(logs[0].returns[:20]) < 60
    assert logs[0].recent() > 150
    assert len(agent._update.traces) == 1
