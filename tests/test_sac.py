"""SAC: the squashed density, the replay buffer, the losses, the update, and that it learns."""

import signal

import sac
from common import networks
from common.buffers import ReplayBuffer
from common.distributions import SquashedGaussian
from common.errors import UserError
from common.running import checkpoint, command_line

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

RNG = np.random.default_rng(0)
SMALL = dict(batch_steps=8, minibatch_size=16, num_envs=4, start_steps=0, buffer_size=100, hidden=(8, 8))
BOUNDS = np.float32([-1, 0, -3]), np.float32([1, 10, 3])


def make_agent(action_bound=BOUNDS, action_dim=3, seed=0, **settings):
    return sac.SAC(5, action_dim, action_bound, sac.Settings(**{**SMALL, **settings}), seed)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def fill(agent):
    no, yes = np.zeros(4, bool), np.ones(4, bool)
    while not agent.buf.is_full():
        state = normal(4, 5)
        agent.store_transition(state, agent.explore(state), normal(4), normal(4, 5), no, no, yes)


def weights(agent):
    return {name: array.copy() for name, array in checkpoint.named(**agent.variables()).items()}


def test_log_density_is_that_of_the_change_of_variables():
    mean, log_std = normal(50, 3), normal(50, 3) / 3
    u = mean + np.exp(log_std) * normal(50, 3)
    exact = np.float64(u)
    expected = (stats.norm(mean, np.exp(log_std)).logpdf(exact) - np.log(1 - np.tanh(exact) ** 2)).sum(1)
    np.testing.assert_allclose(SquashedGaussian.log_prob([mean, log_std], u), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(('mean', 'log_std'), [(0.0, 0.0), (0.7, -0.5), (-1.5, 0.3)])
def test_density_integrates_to_one_over_the_actions(mean, log_std):
    a = np.linspace(-1, 1, 200_001)[1:-1]
    u = np.arctanh(a)[:, None]
    pi = [np.full_like(u, mean), np.full_like(u, log_std)]
    np.testing.assert_allclose(np.trapezoid(np.exp(SquashedGaussian.log_prob(pi, tf.constant(u))), a), 1, atol=1e-3)


def test_log_density_and_its_gradient_are_finite_and_right_far_out():
    u = tf.constant([[20.0], [-20.0], [9.5], [0.0]])
    pi = [tf.zeros_like(u), tf.zeros_like(u)]
    with tf.GradientTape() as tape:
        tape.watch(u)
        log_prob = SquashedGaussian.log_prob(pi, u)
    exact = np.float64(u)[:, 0]
    expected = stats.norm.logpdf(exact) + 2 * (np.logaddexp(exact, -exact) - np.log(2))  # 1 - tanh^2 is 1 / cosh^2
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(log_prob, u)[:, 0], -exact + 2 * np.tanh(exact), rtol=1e-5)


def test_reparametrised_samples_and_mode_agree():
    mean, log_std = 0.5 * normal(20, 3), 0.5 * normal(20, 3) - 1  # far from where tanh is 1 in float32
    action, log_prob = SquashedGaussian.reparametrised([mean, log_std], normal(20, 3))
    u = np.arctanh(np.float64(action))
    np.testing.assert_allclose(log_prob, SquashedGaussian.log_prob([mean, log_std], tf.constant(u, tf.float32)), rtol=1e-2)
    np.testing.assert_array_equal(SquashedGaussian.mode([mean, log_std]), np.tanh(mean))
    drawn = SquashedGaussian.sample([np.zeros((100_000, 1), np.float32), np.float32([0.5])], np.random.default_rng(1))
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(np.arctanh(np.float64(drawn)).std(), np.exp(0.5), rtol=0.02)


def test_the_numpy_copy_equals_the_actor_and_both_heads_depend_on_the_state():
    actor = networks.squashed_gaussian_actor(5, 3, hidden=(8, 7), activation='relu', rng=np.random.default_rng(0))
    for weight in actor.trainable_weights:
        weight.assign_add(1.5 * normal(*weight.shape))
    states = 1.5 * normal(50, 5)
    mean, log_std = actor(states)
    assert all(np.ptp(part.numpy(), axis=0).any() for part in (mean, log_std))
    assert log_std.numpy().max() == 2, 'some are clipped'
    assert log_std.numpy().min() == -20
    ours = networks.NumpyCopy(actor, 'relu', networks.squashed_head)(states)
    np.testing.assert_allclose(ours[0], mean, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours[1], log_std, rtol=1e-4, atol=1e-4)


def test_actions_fill_asymmetric_bounds_and_are_stored_in_minus_one_to_one():
    agent = make_agent(start_steps=8)
    states = normal(2000, 5)
    for action in (agent.explore(states), agent.get_action(states)):
        assert np.all((action >= BOUNDS[0]) & (action <= BOUNDS[1]))
        assert np.all(np.ptp(action, axis=0) > 0.8 * (BOUNDS[1] - BOUNDS[0]))
    assert abs(agent.explore(states)[:, 1].std() - 10 / np.sqrt(12)) < 0.2, 'uniform before start_steps'
    np.testing.assert_allclose(agent.get_action(0 * states[0], greedy=True), [0, 5, 0], atol=0.2)
    assert agent.get_action(states[0]).shape == (3,)
    action = agent.get_action(states[:4])
    agent.store_transition(states[:4], action, normal(4), states[:4], *np.zeros((2, 4), bool), np.ones(4, bool))
    np.testing.assert_allclose(5 + 5 * agent.buf.actions[:4, 1], action[:, 1], rtol=1e-5)


def store(buf, rewards, terminated=(0, 0), truncated=(0, 0), valid=(1, 1)):
    """A step of two environments in which every number is the reward's."""
    rewards = np.float32(rewards)
    column = rewards[:, None]
    flags = (np.array(flag, bool) for flag in (terminated, truncated, valid))
    buf.store(column, 10 * column, rewards, column + 0.5, *flags)


def test_replay_ring_wraps_over_the_oldest():
    buf = ReplayBuffer(5, 4, 1, 1)
    for step in range(4):
        store(buf, [2 * step, 2 * step + 1])
    np.testing.assert_array_equal(buf.rewards, [5, 6, 7, 3, 4])
    np.testing.assert_array_equal(buf.states[:, 0], buf.rewards)
    np.testing.assert_array_equal(buf.actions[:, 0], 10 * buf.rewards)
    np.testing.assert_array_equal(buf.next_states[:, 0], buf.rewards + 0.5)
    drawn = buf.sample((100, 2), np.random.default_rng(0))
    assert [part.shape for part in drawn] == [(100, 2, 1), (100, 2, 1), (100, 2), (100, 2, 1), (100, 2)]
    assert set(drawn[2].ravel()) == {3, 4, 5, 6, 7}
    np.testing.assert_array_equal(drawn[0][..., 0] + 0.5, drawn[3][..., 0])


def test_only_a_termination_cuts_and_reset_rows_are_not_stored():
    buf = ReplayBuffer(8, 4, 1, 1)
    store(buf, [1, 2], terminated=(1, 0), truncated=(0, 1))
    store(buf, [3, 4], valid=(0, 0))
    store(buf, [5, 6], terminated=(0, 1), truncated=(0, 1), valid=(0, 1))
    assert buf.stored == 3
    assert not buf.is_full()
    np.testing.assert_array_equal(buf.rewards[:4], [1, 2, 6, 0])
    np.testing.assert_array_equal(buf.terminated[:4], [1, 0, 1, 0])
    _, _, rewards, _, terminated = buf.sample(200, np.random.default_rng(0))
    assert terminated.dtype == np.float32
    assert set(zip(rewards, terminated, strict=True)) == {(1, 1), (2, 0), (6, 1)}
    store(buf, [7, 8])
    assert buf.is_full()
    buf.finish_batch()
    rewards, ended, valid = buf.collected
    np.testing.assert_array_equal(rewards, [[1, 2], [3, 4], [5, 6], [7, 8]])
    np.testing.assert_array_equal(ended, [[1, 1], [0, 0], [0, 1], [0, 0]])
    np.testing.assert_array_equal(valid, [[1, 1], [0, 0], [0, 1], [1, 1]])
    store(buf, [9, 10])
    assert not buf.is_full()
    store(buf, [11, 12], valid=(1, 0))
    assert buf.is_full(), 'one more than needed was left over'


@pytest.mark.parametrize('steps', [0, 2, 4])
def test_replay_buffer_survives_a_round_trip(steps):
    buf, other = ReplayBuffer(5, 4, 1, 1), ReplayBuffer(5, 4, 1, 1)
    for step in range(steps):
        store(buf, [2 * step, 2 * step + 1], terminated=(1, 0))
    if steps == 4:
        buf.finish_batch()
    arrays = {name: array.copy() for name, array in checkpoint.named(buffer=buf).items()}
    assert len(arrays['buffer/states']) == min(5, 2 * steps)
    checkpoint.assign(arrays, 'a file', buffer=other)
    for each in (buf, other):
        store(each, [100, 101])
    for name, array in buf.arrays().items():
        np.testing.assert_array_equal(other.arrays()[name], array)
    assert other.is_full() == buf.is_full()
    with pytest.raises(UserError, match='shape'):
        checkpoint.assign(arrays, 'a file', buffer=ReplayBuffer(5, 4, 2, 1))
    with pytest.raises(UserError, match='no array'):
        checkpoint.assign({}, 'a file', buffer=other)


def test_critic_target_and_loss_by_hand():
    agent = make_agent(gamma=0.9, alpha=0.3)
    for weight in agent.target_critic.trainable_weights:
        weight.assign_add(normal(*weight.shape) / 10)
    state, action, next_state, noise, reward = normal(60, 5), normal(60, 3), normal(60, 5), normal(60, 3), normal(60)
    terminated = np.float32([0, 1, 0, 1, 0, 0] * 10)
    mean, log_std = (part.numpy() for part in agent.actor(next_state))
    u = mean + np.exp(log_std) * noise
    log_prob = (stats.norm.logpdf(noise) - log_std - np.log(1 - np.tanh(u) ** 2)).sum(1)
    q1, q2 = (q.numpy()[:, 0] for q in agent.target_critic([next_state, np.tanh(u)]))
    first_bias = next(weight for weight in agent.target_critic.trainable_weights if weight.shape == (1,))
    first_bias.assign_sub([np.median(q1 - q2)])  # so that each critic is the lesser in half of the states
    q1 -= np.median(q1 - q2)
    assert 20 < np.sum(q1 < q2) < 40
    expected = reward + 0.9 * np.where(terminated, 0, np.minimum(q1, q2) - 0.3 * log_prob)
    target = agent.critic_target(reward, next_state, terminated, noise)
    np.testing.assert_allclose(target, expected, rtol=1e-4, atol=1e-5)
    q1, q2 = (q.numpy()[:, 0] for q in agent.critic([state, action]))
    expected = np.mean((q1 - expected) ** 2) + np.mean((q2 - expected) ** 2)
    np.testing.assert_allclose(agent.critic_loss(state, action, target), expected, rtol=1e-4)


def test_q_network_by_hand():
    """Each of the two is a network of its own of both arguments."""
    agent = make_agent()
    state, action = normal(6, 5), normal(6, 3)
    layers = [weight.numpy() for weight in agent.critic.trainable_weights]
    shapes = [(8, 8), (8,), (8, 8), (8,), (8, 1), (1,)]
    assert sorted(layer.shape for layer in layers) == sorted(2 * shapes)
    values = [q.numpy() for q in agent.critic([state, action])]
    assert np.abs(values[0] - values[1]).min() > 0
    for changed in ([state + 1, action], [state, action + 1]):
        assert all(np.abs(q - old).max() > 0 for q, old in zip(agent.critic(changed), values, strict=True))


def test_targets_are_copies_that_follow_by_tau():
    agent = make_agent(tau=0.1)
    pairs = list(zip(agent.target_critic.trainable_weights, agent.critic.trainable_weights, strict=True))
    assert all(np.array_equal(target, weight) for target, weight in pairs)
    for _, weight in pairs:
        weight.assign_add(normal(*weight.shape))
    expected = [0.9 * target.numpy() + 0.1 * weight.numpy() for target, weight in pairs]
    agent.update_targets()
    for (target, _), value in zip(pairs, expected, strict=True):
        np.testing.assert_allclose(target, value, rtol=1e-5, atol=1e-6)


def test_entropy_rises_where_the_critics_are_flat():
    agent = make_agent(actor_lr=1e-2, alpha=0.5)
    for weight in agent.critic.trainable_weights:
        weight.assign(tf.zeros_like(weight))
    for weight in agent.actor.trainable_weights[-1:]:
        weight.assign_sub(tf.ones_like(weight))
    state, noise = normal(64, 5), normal(64, 3)
    before = float(tf.reduce_mean(agent.actor_loss(state, noise)[1]))
    np.testing.assert_allclose(agent.actor_loss(state, noise)[0], 0.5 * before, rtol=1e-5)
    for _ in range(10):
        agent.train_actor(state, noise)
    assert float(tf.reduce_mean(agent.actor_loss(state, noise)[1])) < before - 0.1


def test_actor_climbs_the_lesser_critic_and_leaves_the_critics_alone():
    agent = make_agent(actor_lr=1e-2, alpha=1e-6)
    state, noise = normal(64, 5), normal(64, 3)
    action = SquashedGaussian.reparametrised(agent.actor(state), noise)[0]
    q = np.minimum(*agent.critic([state, action]))
    np.testing.assert_allclose(agent.actor_loss(state, noise)[0], -q.mean(), rtol=1e-3, atol=1e-5)
    before = [weight.numpy() for weight in agent.critic.trainable_weights]
    losses = [float(agent.train_actor(state, noise)[0]) for _ in range(20)]
    assert losses[-1] < losses[0] - 0.01
    assert all(np.array_equal(a, b) for a, b in zip(before, agent.critic.trainable_weights, strict=True))


@pytest.mark.parametrize(('entropy', 'sign'), [(-3.5, 1), (-2.5, -1)])
def test_temperature_rises_below_the_target_entropy_and_falls_above(entropy, sign):
    """The target is -3 for three action dimensions."""
    agent = make_agent(alpha_lr=0.01)
    assert agent.log_alpha.numpy() == 0
    agent.train_temperature(tf.fill([16], -entropy))
    np.testing.assert_allclose(agent.log_alpha.numpy(), sign * 0.01, rtol=1e-3)
    agent.log_alpha.assign(2.0)
    np.testing.assert_allclose(agent.temperature_loss(tf.fill([16], -entropy)), -2 * (-entropy - 3), rtol=1e-5)


def test_fixed_temperature_stays_and_learnt_one_moves(uncompiled):
    fixed, learnt = make_agent(alpha=0.2), make_agent()
    for agent in (fixed, learnt):
        fill(agent)
    np.testing.assert_allclose(fixed.update()['alpha'], 0.2, rtol=1e-6)
    assert learnt.update()['alpha'] != 1


def test_every_weight_learns_and_survives_the_disk(tmp_path, uncompiled):
    agent = make_agent()
    before = weights(agent)
    fill(agent)
    losses = agent.update()
    assert all(np.isfinite(value) for value in losses.values())
    after = weights(agent)
    learnt = [name for name in before if name.split('/')[0] in ('actor', 'critic', 'target_critic', 'temperature')]
    assert len(learnt) == 8 + 12 + 12 + 1
    assert all(np.any(after[name] != before[name]) for name in learnt)
    agent.save(tmp_path / 'agent.npz', {})
    other = make_agent(seed=1)
    states = normal(10, 5)
    assert not np.array_equal(other.get_action(states, greedy=True), agent.get_action(states, greedy=True))
    other.load(tmp_path / 'agent.npz')
    np.testing.assert_array_equal(other.get_action(states, greedy=True), agent.get_action(states, greedy=True))


def test_update_is_the_steps_one_after_the_other():
    """The compiled loop against the same steps taken one by one."""
    compiled, plain = make_agent(tau=0.1), make_agent(tau=0.1)
    batch = normal(4, 16, 5), np.tanh(normal(4, 16, 3)), normal(4, 16), normal(4, 16, 5), np.float32(RNG.random((4, 16)) < 0.3)
    noise = normal(4, 2, 16, 3)
    losses = compiled._update(noise, *batch)
    for i in range(4):
        state, action, reward, next_state, terminated = (part[i] for part in batch)
        value_loss = plain.train_critic(state, action, plain.critic_target(reward, next_state, terminated, noise[i, 0]))
        policy_loss, log_prob = plain.train_actor(state, noise[i, 1])
        plain.train_temperature(log_prob)
        plain.update_targets()
    np.testing.assert_allclose(losses['value_loss'], value_loss, rtol=1e-4)
    np.testing.assert_allclose(losses['policy_loss'], policy_loss, rtol=1e-4)
    np.testing.assert_allclose(losses['entropy'], -np.mean(log_prob), rtol=1e-4)
    for name, array in weights(plain).items():
        np.testing.assert_allclose(weights(compiled)[name], array, rtol=1e-3, atol=1e-5, err_msg=name)


def test_nothing_is_learnt_before_start_steps_and_the_update_is_traced_once():
    agent = make_agent(start_steps=16, updates_per_step=0.5)
    before = weights(agent)
    fill(agent)
    assert agent.update() == {}
    assert all(np.array_equal(array, before[name]) for name, array in weights(agent).items() if 'buffer' not in name)
    for _ in range(3):
        fill(agent)
        assert agent.update()
    assert len(agent._update.traces) == 1
    assert agent.critic_opt.iterations.numpy() == 3 * 4, 'half an update a step, eight steps a collection'


def test_discrete_actions_are_refused():
    with pytest.raises(UserError, match=r'SAC needs Box actions.*ppo\.py'):
        make_agent(None)


SHORT = {
    '--steps': 1200, '--start-steps': 200, '--save-every': 400, '--hidden': 8, '--minibatch-size': 16, '--episodes': 2,
    '--buffer-size': 700, '--num-envs': 3, '--updates-per-step': 1 / 16,
}  # fmt: skip


def train(out, *argv, on_update=None):
    words = ['--train', '--out', str(out), *(str(word) for pair in SHORT.items() for word in pair)]
    options, settings = command_line.parse(sac.__doc__, sac.Settings, sac.PRESETS, [*words, *argv])
    sac.train(options.env, settings, options.seed, **command_line.of_training(options), on_update=on_update)


def files(out):
    """The arrays that a run leaves, as bytes, and its curve."""
    left = {path.name: path.read_text() for path in out.rglob('*.csv')}
    for path in out.rglob('*.npz'):
        left |= {f'{path.name}/{name}': array.tobytes() for name, array in checkpoint.load(path)[0].items()}
    return left


@pytest.mark.slow
def test_interrupted_and_resumed_equals_uninterrupted_and_the_seed_decides(tmp_path, bare_runs):
    """Ctrl-C after updates 5 (before anything is learnt or saved), 40 and 60; the files are the same, bit for bit."""
    train(tmp_path / 'whole')
    train(tmp_path / 'other', '--seed', '1')

    def ctrl_c(run, losses):
        if run.updates in (5, 40, 60):
            signal.raise_signal(signal.SIGINT)

    for attempt in range(3):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / 'pieces', *['--resume'] * bool(attempt), on_update=ctrl_c)
    train(tmp_path / 'pieces', '--resume')
    whole, other, pieces = (files(tmp_path / out) for out in ('whole', 'other', 'pieces'))
    assert any(name.startswith('checkpoint.npz/buffer/') for name in whole)
    assert not any(name.startswith('agent.npz/buffer') for name in whole)
    assert whole == pieces
    assert whole['agent.npz/actor/0_weights'] != other['agent.npz/actor/0_weights']


@pytest.mark.slow
def test_it_learns_pendulum(tmp_path, capsys):
    """Far from a random policy's -1200: the test fails if it only runs."""
    sac.main(['--train', '--test', '--steps', '6000', '--out', str(tmp_path)])
    printed = capsys.readouterr().out
    assert float(printed.split('mean return: ')[1].split()[0]) > -200
