"""GAE by hand, reset rows, batches of fixed size, and calls in the wrong order."""

from common.buffers import ReplayBuffer, RolloutBuffer, minibatches
from common.envs import make_envs
from common.errors import UserError
from common.normalize import Normalizer

import numpy as np
import pytest

GAMMA, LAM = 0.9, 0.8


def buffer(size, num_envs):
    return RolloutBuffer(size, num_envs, 1, (), np.int32, GAMMA, LAM)


def test_gae_by_hand_with_a_death_a_time_limit_and_a_reset_row():
    """Two environments, four steps each; V(s) = s, so that a state's number is its value.

    Environment 0: states 1, 2 -> dies after step 1; the row of the reset (state 3, ignored); then states 4 and 5.
    Environment 1: states 10, 20 -> time limit after step 1 with final state 30, which is the state of the reset row;
    then states 40 and 50. Rewards 1, 2, (0), 3 in both. The batch ends before states 5 and 50.
    """
    buf = buffer(6, 2)
    no, yes = [False, False], [True, True]
    rows = [
        ([1, 10], 1, no, no, yes),
        ([2, 20], 2, [True, False], [False, True], yes),
        ([3, 30], 0, no, no, no),
        ([4, 40], 3, no, no, yes),
    ]
    for state, reward, terminated, truncated, valid in rows:
        assert not buf.is_full()
        buf.store(np.float32(state)[:, None], [7, 7], reward, terminated, truncated, valid)
    assert buf.is_full()
    buf.finish_path(np.float32([5, 50])[:, None], lambda states: states[:, 0])
    # environment 0
    death = 2 - 2
    first = (1 + 0.9 * 2 - 1) + 0.9 * 0.8 * death
    last = 3 + 0.9 * 5 - 4
    # environment 1
    limit = 2 + 0.9 * 30 - 20
    first_1 = (1 + 0.9 * 20 - 10) + 0.9 * 0.8 * limit
    last_1 = 3 + 0.9 * 50 - 40
    states, actions, advantages, returns = buf.get()
    np.testing.assert_array_equal(states[:, 0], [1, 10, 2, 20, 4, 40])
    np.testing.assert_array_equal(actions, 7)
    expected = np.array([first, first_1, death, limit, last, last_1])
    np.testing.assert_allclose(advantages, expected, rtol=1e-6)
    np.testing.assert_allclose(returns, expected + np.array([1, 10, 2, 20, 4, 40]), rtol=1e-6)
    unexplained = np.var(expected) / np.var(returns)  # of what was stored as a transition, not of the reset rows
    np.testing.assert_allclose(buf.statistics['explained_variance'], 1 - unexplained, rtol=1e-5)


def test_each_transition_is_bootstrapped_from_its_own_next_state():
    """Erratum 10: with lambda 0 the advantage is the TD error, also in the last step of a batch."""
    buf = RolloutBuffer(3, 1, 1, (), np.int32, GAMMA, 0.0)
    for state in (1, 2, 3):
        buf.store(np.float32([[state]]), [0], 0, [False], [False], [True])
    buf.finish_path(np.float32([[100]]), lambda states: states[:, 0])
    np.testing.assert_allclose(buf.get()[2], [0.9 * 2 - 1, 0.9 * 3 - 2, 0.9 * 100 - 3], rtol=1e-6)


def test_batch_is_full_size_even_if_every_episode_has_length_one():
    buf, resetting = buffer(5, 2), np.array([False, False])
    while not buf.is_full():
        buf.store(np.ones((2, 1)), [0, 0], 1, ~resetting, [False, False], ~resetting)
        resetting = ~resetting
    buf.finish_path(np.ones((2, 1), np.float32), lambda states: states[:, 0])
    assert buf.get()[0].shape == (5, 1)


def test_no_reset_row_enters_a_batch(engine):
    """CartPole: the actions in rows of a reset are marked, and every mark must have been left out of the batch."""
    envs = make_envs('CartPole-v1', 3, engine)
    buf = RolloutBuffer(300, 3, 4, (), np.int32, GAMMA, LAM)
    state, ended, resets = envs.reset(0), np.zeros(3, bool), 0
    rng = np.random.default_rng(0)
    while not buf.is_full():
        action = rng.integers(2, size=3)
        marked = np.where(ended, 99, action)
        next_state, reward, terminated, truncated, valid = envs.step(action)
        np.testing.assert_array_equal(valid, ~ended)
        assert not reward[ended].any()
        assert (np.abs(next_state[ended]) <= 0.05).all(), 'after a reset row the environment is at a start state'
        buf.store(state, marked, reward, terminated, truncated, valid)
        state, ended = next_state, terminated | truncated
        resets += ended.sum()
    buf.finish_path(state, lambda states: states[:, 0])
    states, actions, _, _ = buf.get()
    assert resets >= 5
    assert states.shape == (300, 4)
    assert set(actions) == {0, 1}


def test_minibatches_visit_every_row_once_an_epoch():
    index = minibatches(12, 4, 3, np.random.default_rng(0))
    assert index.shape == (9, 4)
    for epoch in index.reshape(3, 12):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(12))
    assert not np.array_equal(index[:3], index[3:6])


def store_one(buf):
    buf.store(np.ones((1, 1)), [0], 1, [False], [False], [True])


def test_a_batch_without_its_own_advantages_is_refused():
    """Those of the batch before would fit in shape."""
    buf = buffer(2, 1)
    for _ in range(2):
        for _ in range(2):
            store_one(buf)
        with pytest.raises(UserError, match=r'no advantages yet: call finish_path\(next_state\) before update or get'):
            buf.get()
        buf.finish_path(np.ones((1, 1), np.float32), lambda states: states[:, 0])
        assert len(buf.get()[2]) == 2


def test_a_batch_is_finished_once_and_then_takes_nothing_more():
    """A second time it would enter the normaliser's statistics twice."""
    normalizer = Normalizer(1, 1, GAMMA)
    buf = RolloutBuffer(2, 1, 1, (), np.int32, GAMMA, LAM, normalizer)
    for _ in range(2):
        store_one(buf)
    buf.finish_path(np.ones((1, 1), np.float32), lambda states: states[:, 0])
    said = 'the batch has its advantages already: call update or get before '
    with pytest.raises(UserError, match=f'{said}another finish_path'):
        buf.finish_path(np.ones((1, 1), np.float32), lambda states: states[:, 0])
    with pytest.raises(UserError, match=f'{said}storing more'):
        store_one(buf)
    assert normalizer.state_moments.count == normalizer.return_moments.count == len(buf.get()[0]) == 2
    store_one(buf)


def test_an_incomplete_batch_is_refused():
    normalizer = Normalizer(1, 1, GAMMA)
    buf = RolloutBuffer(2, 1, 1, (), np.int32, GAMMA, LAM, normalizer)
    for stored in range(2):
        with pytest.raises(UserError, match=f'has {stored} of 2 transitions: store more before finish_path'):
            buf.finish_path(np.ones((1, 1), np.float32), lambda states: states[:, 0])
        with pytest.raises(UserError, match=f'has {stored} of 2 transitions: store more before update or get'):
            buf.get()
        store_one(buf)
    assert normalizer.state_moments.count == 0


def test_a_replay_buffer_refuses_to_end_an_incomplete_batch():
    buf, flags = ReplayBuffer(10, 3, 1, 1), (np.array([False]), np.array([False]), np.array([True]))
    for missing in (3, 2, 1):
        with pytest.raises(UserError, match=f'lacks {missing} of 3 transitions: store more before update'):
            buf.finish_batch()
        buf.store(np.ones((1, 1)), np.ones((1, 1)), np.ones(1), np.ones((1, 1)), *flags)
    buf.finish_batch()
    with pytest.raises(UserError, match='lacks 3 of 3'):
        buf.finish_batch()
