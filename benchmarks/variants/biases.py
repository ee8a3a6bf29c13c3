"""Computes what two printed behaviours do to the numbers that agents learn from, and writes benchmarks/results/biases.csv.

    python -m benchmarks.variants.biases

The file has a row for each distance of an action from the mean, and for each number of steps before the end of a batch.
"""

from benchmarks import command_line, report
from benchmarks.variants import training
from benchmarks.variants.cells import BY_NAME
from common.backend import tf
from common.buffers import RolloutBuffer

import numpy as np
import pytest

FILE = report.RESULTS / 'biases.csv'
DISTANCES = 1, 2, 3, 4, 5, 6  # in standard deviations
BEFORE_THE_END = 1, 2, 4, 8, 16, 32  # steps
SEED = 300


def log_of_density():
    """How log(pdf + 1e-5) shrinks the gradient: [(distance of the action from the mean, share of the gradient left)]."""
    import pg_gaussian_minimal as pg
    from benchmarks.variants import errata

    def gradient(action):
        mu = tf.constant(0.0)
        with tf.GradientTape() as tape:
            tape.watch(mu)
            loss = pg.pseudo_loss(mu, tf.constant(1.0), tf.constant(float(action)), 1.0)
        return tape.gradient(loss, mu).numpy()

    right = [gradient(action) for action in DISTANCES]
    with pytest.MonkeyPatch.context() as patch:
        errata.log_of_the_density_and_a_little(patch)
        printed = [gradient(action) for action in DISTANCES]
    return [(action, one / other) for action, one, other in zip(DISTANCES, printed, right, strict=True)]


def first_next_state():
    """How the wrong next state changes advantages: [(steps before the end of the batch, mean error of the advantage there)].

    The unit is the standard deviation of the batch's advantages. The batches are those of a training with nothing replaced; the
    advantages of each are computed in both ways.
    """
    from benchmarks.variants import errata

    errors = {step: [] for step in BEFORE_THE_END}
    right = RolloutBuffer.finish_path
    with pytest.MonkeyPatch.context() as patch:
        errata.last_step_bootstrapped_from_the_first_next_state(patch)
        printed = RolloutBuffer.finish_path

        def both(buf, last_state, value):
            printed(buf, last_state, value)
            wrong = buf.advantages
            right(buf, last_state, value)
            valid = buf.valid[: buf.rows]
            error = np.where(valid, np.abs(wrong - buf.advantages), np.nan) / buf.advantages[valid].std()
            for step in BEFORE_THE_END:
                errors[step].extend(error[-step][valid[-step]])

        patch.setattr(RolloutBuffer, 'finish_path', both)
        training.train(BY_NAME['first-next-state'].as_it_is, SEED)
    return [(step, np.mean(found)) for step, found in errors.items()]


def main(argv=None):
    """The command line."""
    command_line.Parser(__doc__).parse_args(argv)
    found = {'log-of-density': log_of_density(), 'first-next-state': first_next_state()}
    rows = [dict(variant=name, at=at, value=round(float(value), 6)) for name, pairs in found.items() for at, value in pairs]
    report.write_rows(FILE, [row | report.made_with() for row in rows])


if __name__ == '__main__':
    command_line.run(main)
