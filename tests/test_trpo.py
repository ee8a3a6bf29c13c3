"""TRPO: curvature, conjugate gradient, line search, and what an update guarantees."""

import trpo
from common.running import checkpoint

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

RNG = np.random.default_rng(0)
SMALL = dict(batch_steps=64, minibatch_size=16, num_envs=4, critic_epochs=2, hidden=(6, 5), activation='tanh')


def make_agent(action_bound=2.0, action_dim=3, seed=0, **settings):
    agent = trpo.TRPO(4, action_dim, action_bound, trpo.Settings(**{**SMALL, **settings}), seed)
    agent.set_pi_params(agent.get_pi_params() + RNG.normal(0, 0.3, agent.get_pi_params().shape).astype(np.float32))
    agent.refresh()
    return agent


def make_batch(agent, size=64):
    states = RNG.normal(size=(size, 4)).astype(np.float32)
    return states, agent.act(states).astype(agent.buf.actions.dtype), RNG.normal(size=size).astype(np.float32)


def fill(agent, scale=1.0):
    state = RNG.normal(size=(4, 4)).astype(np.float32)
    no, yes = np.zeros(4, bool), np.ones(4, bool)
    while not agent.buf.is_full():
        agent.buf.store(state, agent.act(state), scale * RNG.normal(size=4), no, no, yes)
        state = RNG.normal(size=(4, 4)).astype(np.float32)
    agent.finish_path(state)


def test_without_reward_the_policy_stays(uncompiled):
    """The critic starts at 0, so that normalisation finds no noise of it to blow up."""
    agent = make_agent()
    before = agent.get_pi_params()
    fill(agent, scale=0.0)
    agent.update()
    np.testing.assert_array_equal(agent.get_pi_params(), before)


def kl_by_hand(old_pi, pi, choices=(3,)):
    """Mean of KL(old, new) over the states, all action dimensions in it; `choices`: of each part of a discrete action."""
    if len(pi) == 1:
        kl = 0.0
        for old, new in zip(tf.split(old_pi[0], choices, axis=1), tf.split(pi[0], choices, axis=1), strict=True):
            old, new = tf.nn.softmax(old), tf.nn.softmax(new)
            kl += tf.reduce_mean(tf.reduce_sum(old * tf.math.log(old / new), axis=1))
        return kl
    (old_mean, old_log_std), (mean, log_std) = old_pi, pi
    old_variance, variance = tf.exp(2 * old_log_std), tf.exp(2 * log_std)
    each = (tf.math.log(variance / old_variance) + (old_variance + (old_mean - mean) ** 2) / variance - 1) / 2
    return tf.reduce_mean(tf.reduce_sum(each, axis=1))


def pi_loss_by_hand(old_pi, pi, actions, adv, entropy):
    """Minus the surrogate, minus `entropy` times the mean entropy, by SciPy; of a Gaussian over all action dimensions."""
    if len(pi) == 1:
        probs, old_probs = (special.softmax(logits, axis=1) for (logits,) in (pi, old_pi))
        ratio = (probs / old_probs)[np.arange(len(actions)), actions]
        return -np.mean(ratio * adv) - entropy * stats.entropy(probs, axis=1).mean()
    normal, old_normal = (stats.norm(mean, np.exp(log_std)) for mean, log_std in (pi, old_pi))
    ratio = np.exp((normal.logpdf(actions) - old_normal.logpdf(actions)).sum(1))
    return -np.mean(ratio * adv) - entropy * normal.entropy().sum(-1).mean()


@pytest.mark.parametrize(('bound', 'action_dim'), [(2.0, 3), (None, 3), (None, (3, 2))])
def test_hvp_against_the_explicit_hessian(bound, action_dim):
    """The Hessian column by column, by differentiating the KL divergence twice."""
    agent = make_agent(bound, action_dim, damping=0.1)
    states, _, _ = make_batch(agent)
    old_pi = [tf.constant(part) for part in agent.actor(states)]
    weights = agent.actor.trainable_weights
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            kl = kl_by_hand(old_pi, agent.actor(states), np.atleast_1d(action_dim))
        flat = agent._flat_concat(inner.gradient(kl, weights))
        entries = tf.unstack(flat)
    hessian = np.array([agent._flat_concat(outer.gradient(entry, weights, unconnected_gradients='zero')) for entry in entries])
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-4)
    for _ in range(3):
        x = RNG.normal(size=len(flat)).astype(np.float32)
        expected = hessian @ x + 0.1 * x
        np.testing.assert_allclose(agent.hvp(states, old_pi, tf.constant(x)), expected, rtol=1e-3, atol=1e-3)


def test_cg_against_numpy():
    matrix = RNG.normal(size=(8, 8))
    matrix = (matrix @ matrix.T + np.eye(8)).astype(np.float32)
    b = RNG.normal(size=8).astype(np.float32)
    x = make_agent(cg_iters=50).cg(lambda p: tf.linalg.matvec(matrix, p), tf.constant(b))
    np.testing.assert_allclose(x, np.linalg.solve(matrix, b), rtol=1e-3, atol=1e-4)


def test_cg_stops_at_a_small_residual_and_at_its_limit():
    calls = []

    def product(p):
        calls.append(p)
        return 2.0 * p

    b = tf.constant([1.0, 2.0])
    np.testing.assert_allclose(make_agent(cg_iters=10).cg(product, b), [0.5, 1.0])
    assert len(calls) == 1, 'a multiple of the identity is solved in one iteration'
    np.testing.assert_array_equal(make_agent(cg_iters=10).cg(product, tf.zeros(2)), [0, 0])
    assert len(calls) == 1, 'nothing to solve'
    diagonal = tf.constant([1.0, 10.0, 100.0])
    x = make_agent(cg_iters=1).cg(lambda p: diagonal * p, tf.ones(3))
    np.testing.assert_allclose(x, 3 / 111 * np.ones(3), rtol=1e-6)


def test_gradient_is_that_of_the_surrogate():
    """At the old parameters the ratio is 1 and the gradient that of -A log pi."""
    agent = make_agent()
    states, actions, adv = make_batch(agent)
    g, loss = agent.gradient(states, actions, adv, agent.actor(states))
    with tf.GradientTape() as tape:
        vanilla = -tf.reduce_mean(agent.distribution.log_prob(agent.actor(states), actions) * adv)
    expected = agent._flat_concat(tape.gradient(vanilla, agent.actor.trainable_weights))
    np.testing.assert_allclose(loss, -adv.mean(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(g, expected, rtol=1e-3, atol=1e-5)


def test_kl_is_old_to_new():
    """Erratum 6: KL(old, new) and KL(new, old) differ away from the old parameters."""
    agent = make_agent(action_dim=1)
    states, _, _ = make_batch(agent)
    mean, log_std = agent.actor(states)
    old_pi = [mean, log_std + 1.0]
    np.testing.assert_allclose(agent.kl(states, old_pi), np.mean(-1 + (np.exp(2) - 1) / 2), rtol=1e-4)


@pytest.mark.parametrize(
    ('bound', 'entropy'),
    [(2.0, 0.3), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((2.0, 0.0), (None, 0.0), (None, 0.3)))],
)
def test_update_keeps_the_trust_region_and_does_not_worsen_the_surrogate(bound, entropy, uncompiled):
    agent = make_agent(bound, delta=0.01, entropy=entropy)
    for _ in range(5):
        fill(agent)
        states, actions, adv, _ = agent.buf.get()
        agent.buf.rows, agent.buf.transitions, agent.buf.finished = 16, 64, True  # the same batch once more
        adv = (adv - adv.mean()) / adv.std()
        old_pi = [tf.constant(part) for part in agent.actor(states)]
        before = pi_loss_by_hand(old_pi, old_pi, actions, adv, entropy)  # the ratio is 1
        losses = agent.update()
        assert losses['step_accepted'] == 1
        pi = agent.actor(states)
        kl, after = kl_by_hand(old_pi, pi), pi_loss_by_hand(old_pi, pi, actions, adv, entropy)
        assert 0.002 < kl <= 0.01 * (1 + 1e-4), 'inside the trust region, and most of the way to its edge'
        assert after < before
        np.testing.assert_allclose([losses['kl'], losses['policy_loss']], [kl, after], rtol=1e-3, atol=1e-5)


def test_full_step_has_the_length_of_the_trust_region():
    """sqrt(2 delta / x'Hx) x: the quadratic model of the KL divergence at the full step is delta."""
    agent = make_agent(damping=0.0, cg_iters=30)
    states, actions, adv = make_batch(agent)
    old_pi = [tf.constant(part) for part in agent.actor(states)]
    g, _ = agent.gradient(states, actions, adv, old_pi)
    x = agent.cg(lambda p: agent.hvp(states, old_pi, p), g)
    step = np.sqrt(2 * 0.0001 / np.dot(x, agent.hvp(states, old_pi, x))) * x
    agent.set_pi_params(agent.get_pi_params() - step)
    np.testing.assert_allclose(agent.kl(states, old_pi), 0.0001, rtol=0.1)


def test_failed_line_search_restores_every_bit():
    agent = make_agent(backtrack_iters=3)
    states, actions, adv = make_batch(agent)
    old_pi = [tf.constant(part) for part in agent.actor(states)]
    old_params, loss = agent.get_pi_params(), agent.pi_loss(states, actions, adv, old_pi)
    far = 100 * tf.ones_like(old_params)
    search = tf.function(agent.line_search, jit_compile=True)
    accepted, backtracks, kl, pi_l_new = search(states, actions, adv, old_pi, old_params, far, loss)
    assert not accepted
    assert backtracks == 3
    assert kl == 0
    assert pi_l_new == loss
    np.testing.assert_array_equal(agent.get_pi_params(), old_params)


def test_line_search_takes_the_first_step_that_fits():
    agent = make_agent(delta=0.01, backtrack=0.5, backtrack_iters=20)
    states, actions, adv = make_batch(agent)
    old_pi = [tf.constant(part) for part in agent.actor(states)]
    g, loss = agent.gradient(states, actions, adv, old_pi)
    old_params = agent.get_pi_params()
    search = tf.function(agent.line_search)
    accepted, backtracks, kl, _ = search(states, actions, adv, old_pi, old_params, 10 * g, loss)
    taken = old_params - agent.get_pi_params()
    shrink = float(tf.norm(taken) / tf.norm(10 * g))
    np.testing.assert_allclose(np.log2(shrink), round(np.log2(shrink)), atol=1e-2)
    assert accepted
    assert backtracks == round(-np.log2(shrink)) > 0
    assert kl <= 0.01
    agent.set_pi_params(old_params - 2 * taken)
    assert agent.kl(states, old_pi) > 0.01 or agent.pi_loss(states, actions, adv, old_pi) > loss


def test_zero_advantages_move_nothing(uncompiled):
    """Before the first reward, without an entropy bonus: the gradient is zero, and so is the step."""
    agent = make_agent(None)
    states, actions, _ = make_batch(agent)
    before = agent.get_pi_params()
    losses = agent.update_actor(states, actions, np.zeros(64, np.float32))
    np.testing.assert_array_equal(agent.get_pi_params(), before)
    assert all(np.isfinite(value) for value in losses.values())


@pytest.mark.parametrize('bound', [2.0, None])
def test_entropy_bonus_makes_the_policy_wider(bound, uncompiled):
    """With advantages of zero the bonus alone is left; the step keeps to the trust region however small its weight."""
    agent = make_agent(bound, entropy=0.01, delta=0.01)
    states, actions, _ = make_batch(agent)
    before = agent.distribution.spread(agent.actor(states))['entropy']
    losses = agent.update_actor(states, actions, np.zeros(64, np.float32))
    assert losses['entropy'] > before
    assert 0 < losses['kl'] <= 0.01 * (1 + 1e-4)


def test_advantages_near_zero_do_not_outweigh_the_bonus(uncompiled):
    """They speak for what the policy prefers already: where they count it narrows, where they are noise it widens."""
    agent = make_agent(None, entropy=0.01)
    agent.actor.trainable_weights[-1].assign([1.0, 0.0, 0.0])
    params = agent.get_pi_params()
    states, actions, _ = make_batch(agent)
    before = agent.distribution.spread(agent.actor(states))['entropy']
    entropy = {}
    for size in (1e-5, 0.03, 10.0):
        agent.set_pi_params(params)
        entropy[size] = agent.update_actor(states, actions, np.where(actions == 0, size, 0).astype(np.float32))['entropy']
    assert entropy[0.03] < before < entropy[1e-5]
    np.testing.assert_allclose(entropy[0.03], entropy[10.0], rtol=1e-4)


def test_without_a_bonus_the_size_of_advantages_is_nothing(uncompiled):
    agent = make_agent(None)
    params = agent.get_pi_params()
    states, actions, adv = make_batch(agent)
    steps = []
    for size in (1e-5, 10.0):
        agent.set_pi_params(params)
        agent.update_actor(states, actions, size * adv)
        steps.append(agent.get_pi_params() - params)
    np.testing.assert_allclose(*steps, atol=0.01 * np.abs(steps[1]).max())


@pytest.mark.parametrize('bound', [2.0, None])
def test_every_weight_learns_and_survives_the_disk(bound, tmp_path, uncompiled):
    """Erratum 1 among them: log_std, the second output, moves, is saved, and comes back."""
    agent = make_agent(bound)
    states, _, _ = make_batch(agent)
    start = agent.policy(states)
    before = checkpoint.named(**agent.variables(for_acting=True))
    fill(agent)
    agent.update()
    after = checkpoint.named(**agent.variables(for_acting=True))
    assert after
    assert all(np.any(before[name] != after[name]) for name in after)
    learnt = agent.policy(states)
    assert all(np.any(old != new) for old, new in zip(start, learnt, strict=True))
    agent.save(tmp_path / 'agent.npz', {})
    other = make_agent(bound, seed=1)
    other.load(tmp_path / 'agent.npz')
    np.testing.assert_array_equal(other.get_action(states, greedy=True), agent.get_action(states, greedy=True))
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(learnt, other.policy(states), strict=True))
    loaded = checkpoint.named(**other.variables(for_acting=True))
    assert all(np.array_equal(after[name], loaded[name]) for name in after)


def test_critic_learns_by_mean_squared_error():
    agent = make_agent()
    states, _, returns = make_batch(agent)
    expected = np.mean((agent.critic(states).numpy()[:, 0] - returns) ** 2)
    np.testing.assert_allclose(agent.critic_loss(states, returns), expected, rtol=1e-5)
    losses = [float(agent.train_vf(states, returns)) for _ in range(30)]
    assert losses[-1] < losses[0]


def test_compiled_functions_are_traced_once():
    agent = make_agent()
    for _ in range(3):
        fill(agent)
        agent.update()
    assert len(agent.update_actor.traces) == 1
    assert len(agent.update_critic.traces) == 1
