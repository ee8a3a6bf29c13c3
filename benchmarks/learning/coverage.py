"""How often the 95% interval of an interquartile mean contains the true one, by simulation.

    python -m benchmarks.learning.coverage

It writes benchmarks/results/coverage.csv: for returns with a normal and with a skewed distribution, for as many seeds as the
tables have, the share of intervals that contain the interquartile mean of the distribution, and the share of ranges that do.
"""

from benchmarks import command_line, report
from experiments.statistics import interval

import numpy as np
from scipy import stats

DISTRIBUTIONS = {'normal': stats.norm(), 'lognormal': stats.lognorm(1)}
SEEDS = 10, 5
TRIALS, RESAMPLES = 2000, 999


def true_mean(distribution):
    """The interquartile mean of a distribution: the mean of its quantiles from 1/4 to 3/4."""
    shares = (np.arange(10_000) + 0.5) / 20_000 + 0.25
    return distribution.ppf(shares).mean()


def covered(distribution, seeds):
    """The shares of intervals and of ranges that contain the true mean, over TRIALS draws of so many seeds."""
    truth, draws = true_mean(distribution), distribution.rvs((TRIALS, seeds), random_state=np.random.default_rng(0))
    within = []
    for some in np.array_split(draws, 20):  # all resamples at once would need gigabytes
        ends = interval(some, RESAMPLES), (some.min(axis=1), some.max(axis=1))
        within.append([(low <= truth) & (truth <= high) for low, high in ends])
    return np.concatenate(within, axis=1).mean(axis=1)


def rows():
    """The rows of the file."""
    found = []
    for name, distribution in DISTRIBUTIONS.items():
        for seeds in SEEDS:
            of_interval, of_range = map(float, covered(distribution, seeds))
            found.append(dict(distribution=name, seeds=seeds, interval=of_interval, range=of_range))
    return found


def main(argv=None):
    """The command line."""
    command_line.Parser(__doc__).parse_args(argv)
    found = rows()
    report.write_rows(report.RESULTS / 'coverage.csv', found)
    print(report.table(found[0], [row.values() for row in found]))


if __name__ == '__main__':
    command_line.run(main)
