"""What a run remembers, by hand."""

from common.running import logs
from common.running.logs import EpisodeLog, LossLog, Pace

import numpy as np
import pytest


def test_episode_log_by_hand():
    """Environment 0: an episode of 3 steps (return 6), a reset row, then 1 open step. Environment 1: carried over.

    The next batch: environment 0 is cut, which does not count, and then has an episode of one step.
    """
    log = EpisodeLog(2)
    rewards = np.array([[1, 5], [2, 5], [3, 5], [0, 5], [4, 5]], np.float32)
    ended = np.array([[0, 0], [0, 0], [1, 0], [0, 0], [0, 0]], bool)
    valid = np.array([[1, 1], [1, 1], [1, 1], [0, 1], [1, 1]], bool)
    cut = np.zeros((5, 2), bool)
    log.add(rewards, ended, valid, cut, steps_before=100)
    assert (log.steps, log.returns, log.lengths) == ([106], [6.0], [3])
    ended = np.array([[True, True], [True, False]])
    cut = np.array([[True, False], [False, False]])
    log.add(np.array([[6, 7], [8, 0]]), ended, np.array([[True, True], [True, False]]), cut, steps_before=109)
    assert (log.steps[1:], log.returns[1:], log.lengths[1:]) == ([111, 112], [32.0, 8.0], [6, 1])
    assert log.recent(2) == 20.0


def test_losses_are_means_over_stretches_of_the_run():
    """Of 10 stretches in 100 steps: two updates in the first, one in each that follows, and one that learnt nothing."""
    losses = LossLog(100)
    losses.every = 10
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
    assert second.sums == whole.sums
    with pytest.raises(ValueError, match='different lengths'):
        second.assign(first.arrays() | {'losses/kl': np.zeros(3)})


def test_lines_come_ever_more_rarely():
    def lines(seconds):
        pace = Pace()
        return [tenth / 10 for tenth in range(seconds * 10) if pace.due(tenth / 10)]

    assert lines(3)[:2] == [0.5, 1.1]
    assert 3 <= len(lines(3)) <= 6
    assert len(lines(120)) < 50
    assert np.diff(lines(7200)).max() < 60.2
