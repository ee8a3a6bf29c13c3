"""Interquartile means, probabilities of improvement, and their intervals."""

from experiments.statistics import improvement, improvement_interval, interquartile_mean, interval

import numpy as np
from scipy import stats

RNG = np.random.default_rng(0)


def test_interquartile_mean():
    rng = np.random.default_rng(0)
    for size in (4, 8, 100):
        values = rng.normal(size=size)
        np.testing.assert_allclose(interquartile_mean(values), stats.trim_mean(values, 0.25))
    np.testing.assert_allclose(interquartile_mean(np.array([6.0, 0.0, 2.0])), (0 + 4 * 2 + 6) / 6)
    np.testing.assert_allclose(interquartile_mean(np.array([9.0, 1.0, 5.0, 2.0, 3.0])), (0.75 * (2 + 5) + 3) / 2.5)
    assert interquartile_mean(np.array([7.0])) == 7


def test_the_interval_is_around_the_mean_and_narrows_with_more_seeds():
    rng = np.random.default_rng(0)
    few, many = rng.normal(size=5), rng.normal(size=500)
    for values in (few, many):
        low, high = interval(values)
        assert values.min() <= low < interquartile_mean(values) < high <= values.max()
    assert np.ptp(interval(many)) < np.ptp(interval(few)) / 3
    assert interval(np.ones(3)) == (1, 1)


def test_improvement_by_hand_and_as_mann_whitney_counts_it():
    assert improvement(np.array([1.0, 3.0]), np.array([2.0, 3.0])) == (0 + 0 + 1 + 0.5) / 4
    one, other = RNG.normal(0.5, size=9), RNG.normal(size=7)
    np.testing.assert_allclose(improvement(one, other), stats.mannwhitneyu(one, other).statistic / 63)
    np.testing.assert_allclose(improvement(one, other) + improvement(other, one), 1)
    assert improvement(np.ones(3), np.ones(4)) == 0.5


def test_its_interval_lies_around_it_holds_the_truth_and_needs_ten_seeds():
    truth, held = stats.norm.cdf(1 / np.sqrt(2)), 0
    for _ in range(40):
        one, other = RNG.normal(1, size=20), RNG.normal(size=20)
        low, high = improvement_interval(one, other)
        assert low <= improvement(one, other) <= high
        held += low <= truth <= high
    assert held >= 34
    assert improvement_interval(np.arange(11.0, 21), np.arange(10.0)) == (1, 1)
    assert np.isnan(improvement_interval(np.arange(11.0, 20), np.arange(10.0))).all()
