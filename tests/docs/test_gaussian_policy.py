"""The figure that learns the one-shot game is pg_gaussian_minimal.py in another language: gradients, Adam, a whole run."""

import pg_gaussian_minimal as pg

import numpy as np
import pytest
import tensorflow as tf
from javascript import evaluate, needs_node

pytestmark = needs_node
GAME = dict(target=4.0, range=0.25, largest=1.0)


def drawn_actor(seed, learning_rate=0.001):
    """An actor whose every weight is drawn, so that every gradient counts."""
    actor, rng = pg.GaussianActor(learning_rate=learning_rate), np.random.default_rng(seed)
    for weight in actor.weights:
        weight.assign(rng.normal(0.3, 0.5, weight.shape))
    return actor


def flat(tensors):
    return [np.asarray(tensor, np.float64).ravel() for tensor in tensors]


@pytest.mark.parametrize('seed', range(3))
def test_gradient_against_tensorflow_on_fixed_draws(seed):
    actor = drawn_actor(seed)
    draws = [[0.5, 0.7], [-2.0, 1.0], [6.0, -0.3]]
    found = evaluate(
        'math/gaussian_policy',
        'given.draws.map(([action, weight]) => gaussian_policy.gradient(given.weights, action, weight).map((g) => [...g]))',
        weights=flat(actor.weights),
        draws=draws,
    )
    for (action, weight), layers in zip(draws, found, strict=True):
        with tf.GradientTape() as tape:
            loss = pg.pseudo_loss(*actor.policy(), tf.constant(action), weight)
        expected = tape.gradient(loss, actor.weights)
        for ours, theirs in zip(layers, flat(expected), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        assert all(np.any(layer) for layer in layers)


def test_reward_and_loss_against_tensorflow():
    actions = [4.0, 4.25, 3.0, 6.0, -20.0]
    rewards, losses = evaluate(
        ['math/one_shot_game', 'math/gaussian_policy'],
        """[given.actions.map((a) => one_shot_game.reward(a, given.game)),
            given.actions.map((a) => gaussian_policy.pseudoLoss(1, 0.8, a, 0.7))]""",
        actions=actions,
        game=GAME,
    )
    np.testing.assert_allclose(rewards, pg.reward(tf.constant(actions), 4.0, 0.25, 1.0), rtol=1e-6)
    np.testing.assert_allclose(losses, pg.pseudo_loss(1.0, 0.8, tf.constant(actions), 0.7), rtol=1e-6)


@pytest.mark.parametrize(('baseline', 'learning_rate'), [(0.0, 0.001), (0.1, 0.002)])
def test_a_run_against_the_programs_own_on_the_same_draws(baseline, learning_rate):
    """500 episodes, each a step of Adam: single precision in Python, double here."""
    actor, rng = pg.GaussianActor(learning_rate=learning_rate), np.random.default_rng(3)
    actor.reset(rng)
    noise = rng.standard_normal(500, dtype=np.float32)
    weights = flat(actor.weights)
    task = [tf.constant(value) for value in (*GAME.values(), baseline)]
    expected = actor.learn(noise, *task).numpy()
    found = evaluate(
        'math/gaussian_policy',
        """(({ weights, noise, game, how }) => {
          const actor = { weights, optimizer: gaussian_policy.adam(), baseline: 0 };
          return noise.map((one) => gaussian_policy.episode(actor, one, game, how));
        })(given)""",
        weights=weights,
        noise=noise,
        game=GAME,
        how=dict(learningRate=learning_rate, baselineRate=baseline),
    )
    found = np.array([[one[name] for name in ('mu', 'sigma', 'reward', 'loss')] for one in found])
    assert np.abs(expected[-1, :2] - expected[0, :2]).max() > 0.2
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_start():
    """Hidden weights are drawn with the deviation sqrt(2 / inputs); the heads give mu and sigma."""
    found = evaluate(
        ['math/gaussian_policy', 'math/random'],
        """(() => {
          const normal = random.normal(random.uniform(1));
          const starts = Array.from({ length: 20000 }, () => gaussian_policy.startingWeights(normal, -1.5, 2));
          const { mu, sigma } = gaussian_policy.forward(starts[0]);
          return [mu, sigma, starts.map((one) => one[0][0]), starts.map((one) => one[2][7])];
        })()""",
    )
    np.testing.assert_allclose(found[:2], [-1.5, 2], rtol=1e-12)
    for drawn, inputs in zip(found[2:], (1, 5), strict=True):
        np.testing.assert_allclose([np.mean(drawn), np.std(drawn)], [0, np.sqrt(2 / inputs)], atol=0.05)


def test_random_numbers():
    """Moments, and that a seed gives the same numbers again."""
    one, again, other, normals = evaluate(
        'math/random',
        """(() => {
          const many = (draw) => Array.from({ length: 20000 }, draw);
          return [...[1, 1, 2].map((seed) => many(random.uniform(seed))), many(random.normal(random.uniform(3)))];
        })()""",
    )
    assert one == again != other
    np.testing.assert_allclose([np.mean(one), np.var(one)], [1 / 2, 1 / 12], atol=0.01)
    np.testing.assert_allclose([np.mean(normals), np.var(normals), np.mean(np.power(normals, 4))], [0, 1, 3], atol=0.1)
