"""PPO: the losses, the update, and that it learns."""

import ppo
from common.errors import UserError
from common.running import checkpoint

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

RNG = np.random.default_rng(0)
SMALL = dict(batch_steps=64, minibatch_size=16, num_envs=4, epochs=2, hidden=(8, 8))


def make_agent(action_bound=2.0, action_dim=3, seed=0, **settings):
    settings = ppo.Settings(**{**SMALL, **settings})
    return ppo.PPO(5, action_dim, action_bound, settings=settings, seed=seed)


def make_batch(agent, size=64):
    """States, actions the agent drew, and made-up advantages."""
    states = RNG.normal(size=(size, 5)).astype(np.float32)
    return states, agent.act(states).astype(agent.buf.actions.dtype), RNG.normal(size=size).astype(np.float32)


def fill(agent, scale=1.0):
    state = RNG.normal(size=(4, 5)).astype(np.float32)
    no, yes = np.zeros(4, bool), np.ones(4, bool)
    while not agent.buf.is_full():
        agent.store_transition(state, agent.act(state), scale * RNG.normal(size=4), no, no, yes)
        state = RNG.normal(size=(4, 5)).astype(np.float32)
    agent.finish_path(state)


def test_the_target_of_the_divergence_follows_the_share_that_remains(uncompiled, monkeypatch):
    """Annealed learning rates take smaller steps: against a fixed target the coefficient would be halved to nothing."""
    agent = make_agent(method='penalty', kl_coefficient=0.5, penalty_kl=0.01)
    agent.adapt_kl_coefficient(tf.constant(0.0016), scale=0.1)
    assert agent.kl_coefficient.numpy() == 1.0
    agent.adapt_kl_coefficient(tf.constant(0.001), scale=0.1)
    assert agent.kl_coefficient.numpy() == 1.0
    for anneal, share in ((True, 0.25), (False, 1.0)):
        agent, seen = make_agent(method='penalty', anneal=anneal), []
        monkeypatch.setattr(agent, 'adapt_kl_coefficient', lambda kl, scale, seen=seen: seen.append(scale))
        fill(agent)
        agent.update(remaining=0.25)
        assert seen == [share]


@pytest.mark.parametrize('method', ['clip', 'penalty'])
def test_without_reward_the_policy_stays(method, uncompiled):
    """The critic starts at 0, so that normalisation finds no noise of it to blow up."""
    agent = make_agent(method=method)
    before = [weight.numpy() for weight in agent.actor.trainable_weights]
    fill(agent, scale=0.0)
    agent.update()
    for weight, old in zip(agent.actor.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize('bound', [2.0, None])
@pytest.mark.parametrize('method', ['clip', 'penalty'])
def test_before_the_first_step_ratio_is_one_and_kl_zero(method, bound):
    """With ratio 1 the loss is minus the mean advantage, and its gradient that of -A log pi."""
    agent = make_agent(bound, method=method)
    states, actions, adv = make_batch(agent)
    old_pi = [tf.constant(part) for part in agent.actor(states)]
    weights = agent.actor.trainable_weights
    with tf.GradientTape(persistent=True) as tape:
        loss, kl = agent.actor_loss(states, actions, adv, old_pi)
        vanilla = -tf.reduce_mean(agent.distribution.log_prob(agent.actor(states), actions) * adv)
    np.testing.assert_allclose(loss, -adv.mean(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(kl, 0, atol=1e-7)
    for ours, expected in zip(tape.gradient(loss, weights), tape.gradient(vanilla, weights), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(('ratio', 'adv', 'clipped'), [(1.3, 1, True), (0.7, -1, True), (1.3, -1, False), (0.7, 1, False)])
def test_no_gradient_where_clipped(ratio, adv, clipped):
    """Eq. (2): clipped are ratios that have already moved past the range in the direction the advantage asks for."""
    agent = make_agent(None, action_dim=4, entropy=0.0)
    states = np.zeros((1, 5), np.float32)
    old_prob = 0.25 / ratio
    old_log_probs = np.log(np.float32([[old_prob, *3 * [(1 - old_prob) / 3]]]))
    with tf.GradientTape() as tape:  # the new policy is uniform, 1/4 each
        loss, _ = agent.actor_loss(states, np.int32([0]), np.float32([adv]), [tf.constant(old_log_probs)])
    expected = -(np.clip(ratio, 0.8, 1.2) if clipped else ratio) * adv
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    norm = tf.linalg.global_norm(tape.gradient(loss, agent.actor.trainable_weights, unconnected_gradients='zero'))
    assert (norm == 0) == clipped


def test_penalty_loss_by_hand():
    agent = make_agent(2.0, method='penalty', kl_coefficient=3.0)
    states, actions, adv = make_batch(agent)
    mean, log_std = agent.actor(states)
    old_pi = [mean + 0.1, log_std - 0.2]
    ratio = np.exp(agent.distribution.log_prob([mean, log_std], actions) - agent.distribution.log_prob(old_pi, actions))
    kl = np.mean(agent.distribution.kl(old_pi, [mean, log_std]))
    loss, ours = agent.actor_loss(states, actions, adv, old_pi)
    assert kl > 0.01
    np.testing.assert_allclose(ours, kl, rtol=1e-5)
    np.testing.assert_allclose(loss, -np.mean(ratio * adv) + 3 * kl, rtol=1e-4)


def test_entropy_bonus_lowers_the_loss():
    states, actions, adv = make_batch(make_agent(None))
    plain, bonus = (make_agent(None, entropy=weight) for weight in (0.0, 0.5))
    old_pi = plain.actor(states)
    difference = plain.actor_loss(states, actions, adv, old_pi)[0] - bonus.actor_loss(states, actions, adv, old_pi)[0]
    np.testing.assert_allclose(difference, 0.5 * np.log(3), rtol=1e-3)


def test_penalty_coefficient_doubles_halves_and_stays_above_its_start(uncompiled):
    """Erratum 2: the published update asked for a method of another name, and the coefficient never moved."""
    agent = make_agent(method='penalty', kl_coefficient=0.5, penalty_kl=0.01)
    for kl, expected in ((0.016, 1.0), (0.0149, 1.0), (0.0067, 1.0), (0.0066, 0.5), (0.001, 0.5)):
        agent.adapt_kl_coefficient(tf.constant(kl))
        assert agent.kl_coefficient.numpy() == expected
    fill(agent)
    kl = agent.update()['kl']
    expected = 1.0 if kl > 0.015 else 0.5
    assert agent.kl_coefficient.numpy() == expected
    clip = make_agent(method='clip', kl_coefficient=0.5)
    fill(clip)
    clip.update()
    assert clip.kl_coefficient.numpy() == 0.5


@pytest.mark.parametrize('bound', [2.0, None])
def test_every_weight_learns_and_survives_the_disk(bound, tmp_path, uncompiled):
    """Erratum 1 among them: log_std, the second output, has a gradient, moves, is saved, and comes back."""
    agent = make_agent(bound)
    for weight in agent.critic.trainable_weights:  # its last layer starts at 0, which passes nothing on
        weight.assign_add(RNG.normal(0, 0.3, weight.shape).astype(np.float32))
    before = checkpoint.named(**agent.variables(for_acting=True))
    states, actions, adv = make_batch(agent)
    start = agent.policy(states)
    old_pi = [tf.constant(part) for part in agent.actor(states)]
    with tf.GradientTape() as tape:
        loss = agent.actor_loss(states, actions, adv, old_pi)[0]
    assert all(np.any(gradient) for gradient in tape.gradient(loss, agent.actor.trainable_weights))
    with tf.GradientTape() as tape:
        loss = agent.critic_loss(states, adv)
    assert all(np.any(gradient) for gradient in tape.gradient(loss, agent.critic.trainable_weights))
    fill(agent)
    agent.update()
    after = checkpoint.named(**agent.variables(for_acting=True))
    assert after
    assert all(np.any(before[name] != after[name]) for name in after)
    learnt = agent.policy(states)
    assert all(np.any(old != new) for old, new in zip(start, learnt, strict=True))
    agent.save(tmp_path / 'agent.npz', {})
    other = make_agent(bound, seed=1)
    assert not np.array_equal(other.get_action(states, greedy=True), agent.get_action(states, greedy=True)) or bound is None
    other.load(tmp_path / 'agent.npz')
    np.testing.assert_array_equal(other.get_action(states, greedy=True), agent.get_action(states, greedy=True))
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(learnt, other.policy(states), strict=True))
    loaded = checkpoint.named(**other.variables(for_acting=True))
    assert all(np.array_equal(after[name], loaded[name]) for name in after)


def test_update_improves_the_surrogate_and_the_value(uncompiled):
    agent = make_agent(epochs=10, actor_lr=1e-3)
    fill(agent)
    states, actions, adv, returns = agent.buf.get()
    adv = (adv - adv.mean()) / adv.std()
    old_pi = [tf.constant(part) for part in agent.actor(states)]
    before = agent.actor_loss(states, actions, adv, old_pi)[0], agent.critic_loss(states, returns)
    agent.buf.rows, agent.buf.transitions, agent.buf.finished = 16, 64, True  # the same batch once more
    losses = agent.update()
    assert losses['policy_loss'] < before[0] - 0.01
    assert losses['value_loss'] < before[1]
    assert losses['kl'] > 0


def test_critic_loss_is_the_mean_squared_error():
    agent = make_agent()
    states, _, returns = make_batch(agent)
    expected = np.mean((agent.critic(states).numpy()[:, 0] - returns) ** 2)
    np.testing.assert_allclose(agent.critic_loss(states, returns), expected, rtol=1e-5)
    losses = [float(agent.train_critic(states, returns)) for _ in range(30)]
    assert losses[-1] < losses[0]


def test_stop_kl_stops_the_actor_early(uncompiled):
    free, stopped = (make_agent(epochs=10, actor_lr=5e-3, stop_kl=limit) for limit in (0.0, 1e-4))
    for agent in (free, stopped):
        RNG.bit_generator.state = np.random.default_rng(3).bit_generator.state
        fill(agent)
    assert stopped.update()['kl'] < free.update()['kl'] / 3


def test_annealed_learning_rates_follow_the_share_that_remains(uncompiled):
    agent = make_agent(anneal=True)
    fill(agent)
    agent.update(remaining=0.25)
    np.testing.assert_allclose(agent.actor_opt.learning_rate.numpy(), 0.25 * agent.settings.actor_lr)
    np.testing.assert_allclose(agent.critic_opt.learning_rate.numpy(), 0.25 * agent.settings.critic_lr)


def test_an_unknown_method_is_refused_and_the_settings_one_is_taken():
    """Erratum 2: a name the update does not know must not train something else in silence."""
    with pytest.raises(ValueError, match='kl_pen'):
        ppo.PPO(5, 3, 2.0, method='kl_pen')
    assert ppo.PPO(5, 3, 2.0, settings=ppo.Settings(method='penalty')).method == 'penalty'
    assert ppo.PPO(5, 3, 2.0, method='penalty').method == 'penalty'
    assert ppo.PPO(5, 3, 2.0).method == 'clip'


def test_gradients_are_clipped_to_the_norm():
    gradients = [tf.constant([3.0]), tf.constant([4.0])]
    np.testing.assert_allclose(make_agent(max_grad_norm=1.0)._clip_norm(gradients), [[0.6], [0.8]], rtol=1e-6)
    assert make_agent(max_grad_norm=0.0)._clip_norm(gradients) is gradients


@pytest.mark.parametrize('max_norm', [0.01, 0.0])
@pytest.mark.parametrize('network', ['actor', 'critic'])
def test_both_steps_clip_what_reaches_the_optimiser(network, max_norm):
    """The optimiser gets the loss's gradient, scaled down to the norm; with a norm of 0, as it is."""
    agent = make_agent(max_grad_norm=max_norm)
    states, actions, adv = make_batch(agent)
    weights = getattr(agent, network).trainable_weights
    if network == 'actor':
        loss, step, batch = agent.actor_loss, agent.train_actor, (states, actions, adv, agent.actor(states))
    else:
        loss, step, batch = agent.critic_loss, agent.train_critic, (states, adv)
    with tf.GradientTape() as tape:
        value = loss(*batch)
    gradient = np.concatenate([np.ravel(part) for part in tape.gradient(value[0] if network == 'actor' else value, weights)])
    received = []
    getattr(agent, f'{network}_opt').apply_gradients = received.extend
    step(*batch)
    assert all(ours is theirs for (_, ours), theirs in zip(received, weights, strict=True))
    norm = np.linalg.norm(gradient)
    assert norm > 0.02
    expected = gradient * max_norm / norm if max_norm else gradient
    np.testing.assert_allclose(np.concatenate([np.ravel(part) for part, _ in received]), expected, rtol=1e-4, atol=1e-7)


def test_compiled_functions_are_traced_once():
    agent = make_agent(stop_kl=0.01)
    for _ in range(3):
        fill(agent)
        agent.update()
    assert len(agent.update_actor.traces) == 1
    assert len(agent.update_critic.traces) == 1


def test_actions_are_stored_as_drawn_and_every_dimension_counts():
    """Errata 3 to 5: nothing is clipped before it is scored, and the ratio is the joint one of all dimensions."""
    agent = make_agent(0.1, action_dim=3, init_std=50.0)
    fill(agent)
    _, actions, _, _ = agent.buf.get()
    assert actions.shape == (64, 3)
    assert np.abs(actions).max() > 0.1
    assert len(set(np.round(actions[0], 6))) == 3
    states, actions, adv = make_batch(agent)
    mean, log_std = (part.numpy() for part in agent.actor(states))
    old_mean, old_log_std = mean + 0.5, log_std - 0.1
    new, old = stats.norm(mean, np.exp(log_std)), stats.norm(old_mean, np.exp(old_log_std))
    ratio = np.exp((new.logpdf(actions) - old.logpdf(actions)).sum(1))
    assert (np.abs(ratio - 1) > 0.2).any(), 'some are clipped'
    expected = -np.mean(np.minimum(ratio * adv, np.clip(ratio, 0.8, 1.2) * adv))
    loss, _ = agent.actor_loss(states, actions, adv, [old_mean, old_log_std])
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-6)


def test_a_file_of_another_shape_is_refused(tmp_path):
    make_agent().save(tmp_path / 'agent.npz', {})
    other = ppo.PPO(6, 3, 2.0, settings=ppo.Settings(hidden=(8, 8)))
    before = other.actor.trainable_weights[0].numpy()
    with pytest.raises(UserError, match='shape'):
        other.load(tmp_path / 'agent.npz')
    np.testing.assert_array_equal(other.actor.trainable_weights[0], before)
