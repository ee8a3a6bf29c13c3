"""The one-shot game: reward and pseudo-loss by hand, the start, and that it learns."""

import pg_gaussian_minimal as pg

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

TASK = [tf.constant(value) for value in (4.0, 0.25, 1.0)]


def play(seed, episodes=10_000, baseline=0.0):
    """The history of a new actor: mu, sigma, reward and loss of each episode, shape (episodes, 4)."""
    actor = pg.GaussianActor()
    rng = np.random.default_rng(seed)
    actor.reset(rng)
    return actor.learn(rng.standard_normal(episodes, dtype=np.float32), *TASK, tf.constant(baseline)).numpy()


@pytest.mark.parametrize(('action', 'expected'), [(4.0, 1.0), (4.25, 1.0), (3.75, 1.0), (3.0, 0.25), (6.0, 0.125)])
def test_reward(action, expected):
    assert pg.reward(tf.constant(action), 4.0, 0.25, 1.0) == expected
    assert pg.reward(tf.constant(action), 4.0, 0.25, 3.0) == 3 * expected


def test_pseudo_loss_against_scipy_also_in_the_tails():
    """Erratum 14: log(pdf + 1e-5) is wrong by tens of nats where the density is small."""
    for action in (0.5, 3.0, 12.0):
        loss = pg.pseudo_loss(tf.constant(1.0), tf.constant(0.8), tf.constant(action), 0.7)
        np.testing.assert_allclose(loss, -0.7 * stats.norm(1.0, 0.8).logpdf(action), rtol=1e-5)


def test_start():
    actor = pg.GaussianActor(start_mu=-1.5, start_sigma=2.0)
    actor.reset(np.random.default_rng(0))
    np.testing.assert_allclose(actor.policy(), [-1.5, 2.0], rtol=1e-6)
    np.testing.assert_allclose(pg.GaussianActor(start_sigma=1000.0).policy(), [0, 1000], rtol=1e-6)
    shapes = [tuple(weight.shape) for weight in actor.weights]
    assert shapes == [(1, 5), (5,), (5, 5), (5,), (5, 1), (1,), (5, 1), (1,)]


def test_gradient_is_the_policy_gradient_of_williams():
    """For the bias of mu it is -R (a - mu) / sigma^2; for the bias of sigma the chain rule adds the slope of softplus."""
    actor = pg.GaussianActor(start_mu=0.0, start_sigma=1.0)
    actor.reset(np.random.default_rng(0))
    with tf.GradientTape() as tape:
        loss = pg.pseudo_loss(*actor.policy(), tf.constant(1.5), 0.4)
    gradients = tape.gradient(loss, actor.weights)
    np.testing.assert_allclose(gradients[5], [-0.4 * 1.5], rtol=1e-5)
    slope = 1 - np.exp(-1.0)  # of softplus, where softplus is 1
    np.testing.assert_allclose(gradients[7], [-0.4 * (1.5**2 - 1) * slope], rtol=1e-4)


def test_the_compiled_loop_is_the_loop_as_written():
    """Python plays the same episodes one by one. The baseline is the sum that the running mean of the rewards amounts to."""
    actor, rng, rate = pg.GaussianActor(), np.random.default_rng(5), 0.3
    actor.reset(rng)
    rewards, expected = [], []
    for one in rng.standard_normal(20, dtype=np.float32):
        mu, sigma = actor.policy()
        action = mu + sigma * one
        reward = pg.reward(action, *TASK)
        baseline = sum(rate * (1 - rate) ** age * earlier for age, earlier in enumerate(reversed(rewards)))
        expected.append([mu, sigma, reward, actor.update(action, reward - baseline)])
        rewards.append(reward)
    np.testing.assert_allclose(play(5, episodes=20, baseline=rate), expected, rtol=1e-4, atol=1e-5)


def test_it_learns_as_the_article_says():
    """mu reaches the target, the loss falls, sigma first grows and then shrinks; the same seed gives the same bits."""
    history = play(3)
    assert pg.solved(history[None], 4.0, 0.25).all()
    mu, sigma, reward, loss = history.T
    np.testing.assert_allclose([mu[0], sigma[0]], [0, 1], atol=1e-6)
    assert sigma.max() > 1.1
    assert sigma[-1] < 0.2
    assert reward[-1000:].mean() > 0.9 > 0.2 > reward[:200].mean()
    assert loss[-1000:].mean() < loss[:200].mean() - 1
    np.testing.assert_array_equal(history, play(3))


def test_the_baseline_keeps_mu_on_the_target():
    """Seed 28 ends far from the target with the article's settings, and on it with the baseline."""
    assert not pg.solved(play(28)[None], 4.0, 0.25).all()
    assert pg.solved(play(28, baseline=0.1)[None], 4.0, 0.25).all()


def test_command_line(tmp_path, capsys):
    pg.main(['--train', '--episodes', '200', '--seeds', '3', '--out', str(tmp_path)])
    assert (tmp_path / 'image/pg_gaussian_minimal.png').read_bytes().startswith(b'\x89PNG')
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert printed[-1].startswith('0 of 3 seeds ended within 0.25 of the target')


@pytest.mark.parametrize(
    ('argv', 'words'),
    [
        ([], 'say what to do: --train'),
        (['--train', '--target-range', '0'], '--target-range 0.0 is out of range'),
        (['--train', '--episodes', '0'], '--episodes 0 is out of range'),
        (['--train', '--learning-rate', 'nan'], '--learning-rate nan is not a finite number'),
        (['--train', '--target', 'nan'], '--target nan is not a finite number'),
        (['--train', '--max-reward', '-1'], '--max-reward -1.0 is out of range'),
        (['--train', '--out', '/proc'], 'cannot write /proc/image'),
        (['--train', '--nonsense'], '--nonsense'),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(argv, words, capsys):
    with pytest.raises(SystemExit) as caught:
        pg.main([*argv, '--episodes', '5'] if '--episodes' not in argv else argv)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count('\n') == 1


def test_it_imports_nothing_from_common():
    with open(pg.__file__) as file:
        assert 'common' not in file.read().replace('common/', '')
