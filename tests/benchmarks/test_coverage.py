"""How often intervals contain the truth: against the median's exact range, another mean, and the file."""

from benchmarks import report
from benchmarks.learning import coverage

import numpy as np
import pytest
from scipy import stats


def test_the_true_mean_is_that_of_many_draws():
    for distribution in coverage.DISTRIBUTIONS.values():
        draws = distribution.rvs(1_000_000, random_state=np.random.default_rng(1))
        assert coverage.true_mean(distribution) == pytest.approx(stats.trim_mean(draws, 0.25), abs=0.005)


def test_the_file_has_what_is_computed_and_its_ranges_are_the_exact_ones():
    """A normal distribution's interquartile mean is its median, which is outside the range if all values are on one side."""
    found = report.read_rows(report.RESULTS / 'coverage.csv')
    for row, computed in zip(found, coverage.rows(), strict=True):
        assert (row['distribution'], int(row['seeds'])) == (computed['distribution'], computed['seeds'])
        for name in ('interval', 'range'):
            assert float(row[name]) == pytest.approx(computed[name], abs=0.003)
        if row['distribution'] == 'normal':
            assert float(row['range']) == pytest.approx(1 - 2 * 0.5 ** computed['seeds'], abs=0.015)
