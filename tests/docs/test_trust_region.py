"""The figure of the trust region: divergence, curvature, steps and line search against TensorFlow, SciPy and the agents."""

import itertools

import pg_gaussian_minimal as pg
from common.backend import tf
from common.distributions import Gaussian

import numpy as np
import pytest
from javascript import evaluate, needs_node
from scipy import integrate, stats

pytestmark = needs_node
GAME = dict(target=4.0, range=0.5, largest=1.0)
POLICIES = [[2.8, 1.8], [3.9, 0.4], [7.0, 2.5], [0.5, 0.15]]


def parts(policies):
    """`pi` of the project's Gaussian: mean and log standard deviation, each (N, 1)."""
    means, deviations = np.reshape(policies, (-1, 2)).T
    return [tf.constant(means[:, None], tf.float64), tf.constant(np.log(deviations)[:, None], tf.float64)]


def kl(old, new):
    with_many = [tf.broadcast_to(part, [len(new), 1]) for part in parts(old)]
    return Gaussian.kl(with_many, parts(new)).numpy()


def expected_reward(policy):
    """By adaptive quadrature, with the game's own reward."""
    mu, sigma = policy
    inner = [GAME['target'] - GAME['range'], GAME['target'] + GAME['range']]
    edges = sorted([mu - 9 * sigma, mu, mu + 9 * sigma, *inner])
    f = lambda a: pg.reward(tf.constant(a, tf.float64), 4.0, 0.5, 1.0).numpy() * stats.norm(mu, sigma).pdf(a)  # noqa: E731
    return sum(integrate.quad(f, low, high, epsabs=1e-7)[0] for low, high in itertools.pairwise(edges))


def test_divergence_against_the_projects():
    found = evaluate('math/trust_region', 'given.p.map((old) => given.p.map((now) => trust_region.kl(old, now)))', p=POLICIES)
    np.testing.assert_allclose(found, [kl(old, POLICIES) for old in POLICIES], rtol=1e-12, atol=1e-15)
    assert evaluate('math/trust_region', 'trust_region.kl([0, 1], [0, -0.5]) === Infinity')


@pytest.mark.parametrize('policy', POLICIES)
def test_fisher_information_is_the_hessian_of_the_divergence(policy):
    now = tf.Variable(policy, dtype=tf.float64)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            divergence = Gaussian.kl(parts(policy), [now[None, :1], tf.math.log(now[None, 1:])])
        gradient = inner.gradient(divergence, now)
    hessian = outer.jacobian(gradient, now)
    found = evaluate('math/trust_region', 'trust_region.fisher(given.policy)', policy=policy)
    np.testing.assert_allclose(np.diag(found), hessian, rtol=1e-9, atol=1e-9)


def test_expected_reward_and_its_gradient_against_quadrature():
    policies = POLICIES[:2]
    found = evaluate(
        'math/one_shot_game',
        'given.p.map((p) => [one_shot_game.expectedReward(p, given.game), ...one_shot_game.policyGradient(p, given.game)])',
        p=policies,
        game=GAME,
    )
    h = 1e-2
    for policy, (value, *gradient) in zip(policies, found, strict=True):
        np.testing.assert_allclose(value, expected_reward(policy), rtol=2e-5)
        slopes = [
            (expected_reward(np.add(policy, step)) - expected_reward(np.subtract(policy, step))) / (2 * h)
            for step in ([h, 0], [0, h])
        ]
        np.testing.assert_allclose(gradient, slopes, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize('delta', [0.001, 0.1, 0.5])
def test_ellipse_and_contour_lie_where_they_say(delta):
    for policy in POLICIES:
        ellipse, contour = evaluate(
            'math/trust_region',
            '[trust_region.ellipse(given.policy, given.delta), trust_region.contour(given.policy, given.delta)]',
            policy=policy,
            delta=delta,
        )
        np.testing.assert_allclose(kl(policy, contour), delta, rtol=1e-8)
        away = np.subtract(ellipse, policy)
        quadratic = 0.5 * (away**2 @ np.array([1, 2]) / policy[1] ** 2)
        np.testing.assert_allclose(quadratic, delta, rtol=1e-8)


def test_the_natural_gradient_gains_most_of_all_steps_to_the_ellipse():
    """x = F^-1 g solves the linearised problem: no other direction of that quadratic divergence rises as much."""
    gradient, policy, delta = [0.09, -0.2], [2.8, 1.8], 0.05
    natural, *others = evaluate(
        'math/trust_region',
        """(({ policy, gradient, delta, turns }) => {
          const F = trust_region.fisher(policy);
          const step = (direction) => trust_region.fullStep(direction, F, delta);
          const turned = turns.map((a) => step([Math.cos(a), Math.sin(a)]));
          return [step(trust_region.naturalGradient(gradient, F)), step(gradient), ...turned];
        })(given)""",
        policy=policy,
        gradient=gradient,
        delta=delta,
        turns=np.linspace(0, 2 * np.pi, 50),
    )
    gains = np.array(others) @ gradient
    assert natural @ np.array(gradient) >= gains.max()
    assert gains[0] < 0.99 * (natural @ np.array(gradient))


@pytest.mark.parametrize(('policy', 'delta'), [([2.8, 1.8], 0.1), ([2.4, 0.7], 0.1), ([3.6, 1.2], 0.01), ([4.0, 0.16], 0.5)])
def test_line_search_takes_the_first_step_inside_the_region_that_is_no_worse(policy, delta):
    tried, step = evaluate(
        ['math/trust_region', 'math/one_shot_game'],
        """(({ policy, delta, game }) => {
          const F = trust_region.fisher(policy);
          const x = trust_region.naturalGradient(one_shot_game.policyGradient(policy, game), F);
          const step = trust_region.fullStep(x, F, delta);
          return [trust_region.lineSearch(policy, step, delta, (p) => one_shot_game.expectedReward(p, game)), step];
        })(given)""",
        policy=policy,
        delta=delta,
        game=GAME,
    )
    assert 1 <= len(tried) <= 10
    for j, one in enumerate(tried):
        np.testing.assert_allclose(one['parameters'], np.add(policy, 0.8**j * np.array(step)), rtol=1e-12)
        np.testing.assert_allclose(one['kl'], kl(policy, [one['parameters']])[0], rtol=1e-10)
        gain = expected_reward(one['parameters']) - expected_reward(policy)
        np.testing.assert_allclose(one['gain'], gain, atol=2e-5)
        assert one['accepted'] == (one['kl'] <= delta and one['gain'] >= 0)
        assert one['accepted'] == (j == len(tried) - 1)


def test_a_step_that_keeps_the_divergence_but_worsens_the_objective_is_rejected():
    """The objective here rises only close by: where no try gets there, the last is rejected too."""
    near, never = evaluate(
        'math/trust_region',
        """[0.3, 0].map((radius) => {
          const objective = ([mu]) => (mu === 0 ? 0 : mu < radius ? 1 : -1);
          return trust_region.lineSearch([0, 1], [0.5, 0], 0.2, objective).map(({ accepted }) => accepted);
        })""",
    )
    assert near == [False, False, False, True]  # 0.5, 0.4, 0.32, 0.256
    assert never == [False] * 10
