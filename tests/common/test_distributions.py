"""The distributions against SciPy, at three action dimensions."""

from common.distributions import Categorical, Gaussian, MultiCategorical

import numpy as np
import pytest
from scipy import special, stats

RNG = np.random.default_rng(0)
N, DIM = 50, 3
MEAN, OLD_MEAN, ACTION = (RNG.normal(size=(N, DIM)).astype(np.float32) for _ in range(3))
LOG_STD, OLD_LOG_STD = (RNG.normal(size=(N, DIM)).astype(np.float32) / 3 for _ in range(2))
LOGITS, OLD_LOGITS = (2 * RNG.normal(size=(N, DIM)).astype(np.float32) for _ in range(2))
CHOICE = RNG.integers(DIM, size=N).astype(np.int32)


def test_gaussian_log_prob():
    expected = stats.norm(MEAN, np.exp(LOG_STD)).logpdf(ACTION).sum(axis=1)
    np.testing.assert_allclose(Gaussian.log_prob([MEAN, LOG_STD], ACTION), expected, rtol=1e-4, atol=1e-5)


def test_gaussian_entropy():
    expected = stats.norm(MEAN, np.exp(LOG_STD)).entropy().sum(axis=1)
    np.testing.assert_allclose(Gaussian.entropy([MEAN, LOG_STD]), expected, rtol=1e-5)


def test_gaussian_kl_is_the_expected_log_ratio_under_the_old_policy():
    """By Gauss-Hermite quadrature of SciPy's densities; the order of the arguments matters."""
    x, weight = special.roots_hermitenorm(40)
    weight = weight / weight.sum()
    old, new = stats.norm, stats.norm
    a = OLD_MEAN[..., None] + np.exp(OLD_LOG_STD)[..., None] * x
    log_old = old.logpdf(a, OLD_MEAN[..., None], np.exp(OLD_LOG_STD)[..., None])
    log_new = new.logpdf(a, MEAN[..., None], np.exp(LOG_STD)[..., None])
    expected = ((log_old - log_new) * weight).sum(axis=(1, 2))
    kl = Gaussian.kl([OLD_MEAN, OLD_LOG_STD], [MEAN, LOG_STD])
    np.testing.assert_allclose(kl, expected, rtol=1e-4)


def test_gaussian_samples_have_the_stated_moments():
    """And are scored by the density they are drawn from (erratum 11): their mean log-density is minus its entropy."""
    mean, log_std = np.float32([1, -2, 0]), np.float32([0, -1, 0.5])
    draws = Gaussian.sample([np.tile(mean, (200_000, 1)), log_std], np.random.default_rng(1))
    assert draws.dtype == np.float32
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.02)
    np.testing.assert_allclose(draws.std(0), np.exp(log_std), rtol=0.01)
    entropy = stats.norm(mean, np.exp(log_std)).entropy().sum()
    np.testing.assert_allclose(np.mean(Gaussian.log_prob([mean, log_std], draws)), -entropy, atol=0.02)
    assert Gaussian.mode([mean, log_std]) is mean


def test_categorical_log_prob_entropy_and_kl():
    probs, old_probs = special.softmax(LOGITS, axis=1), special.softmax(OLD_LOGITS, axis=1)
    expected = np.log(probs[np.arange(N), CHOICE])
    np.testing.assert_allclose(Categorical.log_prob([LOGITS], CHOICE), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(Categorical.entropy([LOGITS]), stats.entropy(probs, axis=1), rtol=1e-4)
    kl = Categorical.kl([OLD_LOGITS], [LOGITS])
    np.testing.assert_allclose(kl, stats.entropy(old_probs, probs, axis=1), rtol=1e-3, atol=1e-6)


def test_categorical_samples_have_the_stated_frequencies():
    logits = np.float32([0.0, 1.0, -1.0])
    draws = Categorical.sample([np.tile(logits, (200_000, 1))], np.random.default_rng(2))
    np.testing.assert_allclose(np.bincount(draws, minlength=3) / len(draws), special.softmax(logits), atol=0.005)
    assert Categorical.mode([logits]) == 1


@pytest.mark.parametrize('shape', [(3,), (1, 3)])
def test_one_state_or_a_batch(shape):
    logits = np.ones(shape, np.float32)
    assert Categorical.sample([logits], np.random.default_rng(0)).shape == shape[:-1]
    assert Gaussian.sample([logits, logits], np.random.default_rng(0)).shape == shape


def test_multi_categorical_is_a_product_of_independent_choices():
    """Log-density, entropy and KL against SciPy on the joint distribution over all pairs; sampling by frequencies."""
    distribution = MultiCategorical((3, 2))
    logits, old = RNG.normal(size=(4, 5)).astype(np.float32), RNG.normal(size=(4, 5)).astype(np.float32)

    def joint(row):
        first, second = special.softmax(row[:3]), special.softmax(row[3:])
        return np.outer(first, second)

    for i in range(3):
        for j in range(2):
            expected = [np.log(joint(row)[i, j]) for row in logits]
            np.testing.assert_allclose(distribution.log_prob([logits], np.tile([i, j], (4, 1))), expected, rtol=1e-4)
    np.testing.assert_allclose(distribution.entropy([logits]), [stats.entropy(joint(row).ravel()) for row in logits], rtol=1e-4)
    divergences = [stats.entropy(joint(before).ravel(), joint(row).ravel()) for before, row in zip(old, logits, strict=True)]
    np.testing.assert_allclose(distribution.kl([old], [logits]), divergences, rtol=1e-4)
    drawn = distribution.sample([np.tile(logits[:1], (20_000, 1))], np.random.default_rng(0))
    frequencies = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=(range(4), range(3)))[0] / len(drawn)
    np.testing.assert_allclose(frequencies, joint(logits[0]), atol=0.02)
    np.testing.assert_array_equal(distribution.mode([logits]), np.stack([logits[:, :3].argmax(1), logits[:, 3:].argmax(1)], 1))
