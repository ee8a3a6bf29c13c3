"""What a run remembers, by hand."""

from common.running import logs
from common.running.logs import EpisodeLog, LossLog, Pace

import numpy as np
import pytest


def test_episode_log_by_hand():
    """Environment 0: an episode of 3 steps (return 6), a reset row, then 1 open step. Environment 1: carried over.

    The next batch: an early truncation of environment 0, which does not count, and then an episode of one step.
    """
    log = EpisodeLog(2)
    rewards = np.array([[1, 5], [2, 5], [3, 5], [0, 5], [4, 5]], np.float32)
    ended = np.array([[0, 0], [0, 0], [1, 0], [0, 0], [0, 0]], bool)
    valid = np.array([[1, 1], [1, 1], [1, 1], [0, 1], [1, 1]], bool)
    excluded = np.zeros((5, 2), bool)
    log.add(rewards, ended, valid, excluded, steps_before=100)
    assert list(map(list, (log.end_steps, log.returns, log.lengths))) == [[106], [6], [3]]
    ended = np.array([[True, True], [True, False]])
    excluded = np.array([[True, False], [False, False]])
    log.add(np.array([[6, 7], [8, 0]]), ended, np.array([[True, True], [True, False]]), excluded, steps_before=109)
    assert list(map(list, (log.end_steps[1:], log.returns[1:], log.lengths[1:]))) == [[111, 112], [32, 8], [6, 1]]
    assert log.recent(2) == 20.0


def test_losses_are_means_over_stretches_of_the_run():
    """Of 10 stretches in 100 steps: two updates in the first, one in each that follows, and one that learnt nothing."""
    losses = LossLog(100)
    losses.stretch = 10
    for steps, update in ((5, dict(kl=1.0, std=4.0)), (10, dict(kl=3.0, std=2.0)), (15, {}), (22, dict(kl=5.0, std=1.0))):
        losses.add(update, steps)
    assert losses.columns == dict(steps=[10, 22], kl=[2.0, 5.0], std=[3.0, 1.0])


def test_a_loss_log_stays_small():
    losses = LossLog(1_000_000)
    for steps in range(80, 1_000_001, 80):
        losses.add(dict(kl=1.0), steps)
    assert logs.ROWS * 0.9 < len(losses.columns['kl']) <= logs.ROWS


def test_a_loss_log_goes_on_where_it_was_saved():
    """In the middle of a stretch, too."""
    whole, first = LossLog(30_000), LossLog(30_000)
    updates = [(20 * i, dict(kl=float(i), std=1 / i)) for i in range(1, 50)]
    for steps, update in updates:
        whole.add(update, steps)
    for steps, update in updates[:22]:
        first.add(update, steps)
    second = LossLog(30_000)
    second.assign(first.arrays())
    for steps, update in updates[22:]:
        second.add(update, steps)
    assert second.columns == whole.columns
    assert second.arrays().keys() == whole.arrays().keys()
    with pytest.raises(ValueError, match='differ in length'):
        second.assign(first.arrays() | {'losses/kl': np.zeros(3)})


def test_a_new_column_in_the_middle_of_a_run_is_nan_before():
    """Stretches of 10 steps, two updates in each. clip begins in the second update of the second stretch."""
    losses = LossLog(10_000)
    for steps, update in ((5, dict(kl=1.0)), (10, dict(kl=3.0)), (15, dict(kl=5.0)), (20, dict(kl=7.0, clip=0.5))):
        losses.add(update, steps)
    for steps in (25, 30):
        losses.add(dict(kl=9.0, clip=steps / 10), steps)
    assert losses.columns['kl'] == [2.0, 6.0, 9.0]
    np.testing.assert_array_equal(losses.columns['clip'], [np.nan, np.nan, 2.75])


def test_a_column_that_ends_in_the_middle_of_a_run_is_nan_after():
    losses = LossLog(10_000)
    for steps, update in ((10, dict(kl=1.0, old=2.0)), (15, dict(kl=3.0, old=2.0)), (20, dict(kl=5.0)), (30, dict(kl=6.0))):
        losses.add(update, steps)
    assert losses.columns['kl'] == [1.0, 4.0, 6.0]
    np.testing.assert_array_equal(losses.columns['old'], [2.0, np.nan, np.nan])


@pytest.mark.parametrize('saved_after', range(1, 8))
def test_resuming_is_exact_with_a_new_column_too(saved_after):
    """Wherever it was saved: before the column began, in the middle of its first stretch, or after it."""
    updates = [(5 * i, dict(kl=1 / i) | (dict(clip=float(i)) if i > 3 else {})) for i in range(1, 10)]
    whole, part, resumed = LossLog(10_000), LossLog(10_000), LossLog(10_000)
    for steps, update in updates:
        whole.add(update, steps)
    for steps, update in updates[:saved_after]:
        part.add(update, steps)
    resumed.assign(part.arrays())
    for steps, update in updates[saved_after:]:
        resumed.add(update, steps)
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(resumed.arrays()[name], array, err_msg=name)
    assert len(resumed.columns['clip']) == len(resumed.columns['kl']) == 4


def test_lines_come_ever_more_rarely():
    def lines(seconds):
        pace = Pace()
        return [tenth / 10 for tenth in range(seconds * 10) if pace.is_time(tenth / 10)]

    assert lines(3)[:2] == [0.5, 1.1]
    assert 3 <= len(lines(3)) <= 6
    assert len(lines(120)) < 50
    assert np.diff(lines(7200)).max() < 60.2
