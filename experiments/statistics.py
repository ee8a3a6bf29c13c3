"""Statistics over a few seeds (Agarwal et al., 2021): interquartile mean, its interval, probability of improvement."""

import numpy as np
from scipy import stats

ENOUGH = 10  # seeds needed for an interval: with fewer, a bootstrap shows no more than their range


def interquartile_mean(values, axis=-1):
    """Mean of the middle half. If the number of values is not divisible by four, the outermost of this half count in part."""
    edges = np.linspace(0, 1, values.shape[axis] + 1)
    weights = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0, None)
    return np.average(np.sort(values, axis), axis=axis, weights=weights)


def interval(values, resamples=9999):
    """95% bootstrap interval of the interquartile mean of (..., N), (low, high).

    With ten values it contains the true mean in about 93% of cases (`python -m benchmarks.learning.coverage`). Intervals of
    the BCa bootstrap do no better.
    """
    if np.ptp(values) == 0:
        return values[0], values[0]
    rng = np.random.default_rng(0)
    found = stats.bootstrap((values,), interquartile_mean, axis=-1, n_resamples=resamples, method='percentile', rng=rng)
    return found.confidence_interval.low, found.confidence_interval.high


def spread(values):
    """The `interval`, or the range of fewer than ENOUGH seeds: ('', low, high) or ('range ', lowest, highest)."""
    return ('', *interval(values)) if len(values) >= ENOUGH else ('range ', values.min(), values.max())


def improvement(better, worse, axis=-1):
    """The probability that a run of `better` (..., N) ends above a run of `worse` (..., M); a tie counts half."""
    one, other = np.expand_dims(np.moveaxis(better, axis, -1), -1), np.expand_dims(np.moveaxis(worse, axis, -1), -2)
    return ((one > other) + 0.5 * (one == other)).mean((-2, -1))


def improvement_interval(better, worse):
    """95% bootstrap interval of `improvement` of (N,) over (M,), both resampled; (nan, nan) for fewer than ENOUGH seeds."""
    if min(len(better), len(worse)) < ENOUGH:
        return np.nan, np.nan
    rng, drawn = np.random.default_rng(0), []
    for _ in range(20):  # in parts, so that hundreds of seeds fit into memory
        draws = [values[rng.integers(len(values), size=(100, len(values)))] for values in (better, worse)]
        drawn.append(improvement(*draws))
    return tuple(np.percentile(np.concatenate(drawn), [2.5, 97.5]))
