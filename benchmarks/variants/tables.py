"""What the runs of a variant and of the code as it is reached, as the numbers of a table."""

from experiments.statistics import improvement, improvement_interval, interquartile_mean

import numpy as np


def returns_of(rows):
    """The returns that rows reached, (seeds,). A run that an error stopped counts as -inf, below all others."""
    return np.array([-np.inf if row['error'] else float(row['mean_return']) for row in rows])


def in_words(as_it_is, other):
    """Compares the rows of the code as it is with those of a variant, as texts for a table.

    They are the interquartile mean and the worst seed of each; the number of seeds on which the code as it is ended better, and
    worse; and the probability that a run of it ends above a run of the variant, with its interval.
    """
    both = returns_of(as_it_is), returns_of(other)
    largest, said = max(abs(values[np.isfinite(values)]).max(initial=0) for values in both), []
    digits = 3 if largest <= 1 else 2 if largest < 20 else 1
    for values in both:
        finished = values[np.isfinite(values)]
        said.append(f'{interquartile_mean(finished):,.{digits}f}' if len(finished) else '-')
        said.append(f'{values.min():,.{digits}f}' if len(finished) == len(values) else 'broke off')
    low, high = improvement_interval(*both)
    said.append(f'{np.sum(both[0] > both[1])} : {np.sum(both[0] < both[1])}')
    return [*said, f'{improvement(*both):.2f} ({low:.2f} - {high:.2f})']
