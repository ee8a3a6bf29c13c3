"""What a printed behaviour does to numbers that the agents learn from: writes results/biases.csv, a row for each place.

python benchmarks/biases.py
"""

import numpy as np
import report
import variants
from variant_cells import BY_NAME

from common.running import program  # isort: skip (variants puts it on the path)

FILE = report.RESULTS / 'biases.csv'
DEVIATIONS = 1, 2, 3, 4, 5, 6
BEFORE_THE_END = 1, 2, 4, 8, 16, 32
SEED = 300


def log_of_density():
    """(distance of an action from the mean, in standard deviations; share of the gradient that is left)."""
    import pg_gaussian_minimal as pg
    from common.backend import tf

    import errata_variants
    import pytest

    def gradient(action):
        mu = tf.constant(0.0)
        with tf.GradientTape() as tape:
            tape.watch(mu)
            loss = pg.pseudo_loss(mu, tf.constant(1.0), tf.constant(float(action)), 1.0)
        return tape.gradient(loss, mu).numpy()

    right = [gradient(action) for action in DEVIATIONS]
    with pytest.MonkeyPatch.context() as patch:
        errata_variants.log_of_the_density_and_a_little(patch)
        printed = [gradient(action) for action in DEVIATIONS]
    return [(action, one / other) for action, one, other in zip(DEVIATIONS, printed, right, strict=True)]


def first_next_state():
    """(steps to the end of the batch; mean error of the advantage there, in standard deviations of the batch's advantages).

    Of all batches of a training in which nothing is replaced: both ways are computed from each.
    """
    from common.buffers import RolloutBuffer

    import errata_variants
    import pytest

    errors = {step: [] for step in BEFORE_THE_END}
    right = RolloutBuffer.finish_path
    with pytest.MonkeyPatch.context() as patch:
        errata_variants.last_step_bootstrapped_from_the_first_next_state(patch)
        printed = RolloutBuffer.finish_path

        def both(buf, last_state, value):
            printed(buf, last_state, value)
            wrong = buf.advantages
            right(buf, last_state, value)
            valid = buf.valid[: buf.steps]
            error = np.where(valid, np.abs(wrong - buf.advantages), np.nan) / buf.advantages[valid].std()
            for step in BEFORE_THE_END:
                errors[step].extend(error[-step][valid[-step]])

        patch.setattr(RolloutBuffer, 'finish_path', both)
        variants.train(BY_NAME['first-next-state'].as_it_is, SEED)
    return [(step, np.mean(found)) for step, found in errors.items()]


def main():
    """Computes both, and replaces the file."""
    found = {'log-of-density': log_of_density(), 'first-next-state': first_next_state()}
    rows = [dict(variant=name, at=at, value=round(float(value), 6)) for name, pairs in found.items() for at, value in pairs]
    report.write_rows(FILE, [row | report.made_with() for row in rows])


if __name__ == '__main__':
    program.run(main)
