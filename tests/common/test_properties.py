"""What holds for any experience, tried on many that hypothesis draws: advantages, running statistics, the replay buffer."""

from collections import deque

from common.buffers import ReplayBuffer, RolloutBuffer
from common.normalize import Normalizer, RunningMoments

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from repeatable import repeatable

SHARES = st.floats(0, 1)  # gamma, lambda
NUMBERS = st.floats(-10, 10, width=32)  # rewards, values


@st.composite
def episodes(draw, max_steps=12):
    """Terminated, truncated and valid as engines give them, each (T, num_envs): the row after an end is a reset."""
    shape = draw(st.integers(1, max_steps)), draw(st.integers(1, 4))
    ends = draw(arrays(np.int8, shape, elements=st.integers(0, 3)))  # one bit for each way to end
    valid = np.ones(shape, bool)
    for t in range(1, len(ends)):
        valid[t] = ends[t - 1] == 0
        ends[t] *= valid[t]
    return ends & 1 > 0, ends & 2 > 0, valid


def of_shape(shape, dtype=np.float32, elements=NUMBERS):
    return arrays(dtype, shape, elements=elements)


def generalised_advantages(rewards, values, terminated, truncated, valid, gamma, lam):
    """Of each transition, in the order of a batch, the mean of its n-step advantages with the weights (1 - lam) lam^(n-1).

    Schulman et al., High-Dimensional Continuous Control Using Generalized Advantage Estimation, 2016, Eq. (16). The last one
    has the weight of all that would follow. An n-step advantage ends where the episode or the batch ends.
    """
    advantages = []
    for start, env in np.argwhere(valid):
        ends = np.flatnonzero(terminated[start:, env] | truncated[start:, env])
        longest = ends[0] + 1 if len(ends) else len(rewards) - start
        total = 0.0
        for n in range(1, longest + 1):
            stop = start + n
            following = 0.0 if terminated[stop - 1, env] else float(values[stop, env])
            discounted = sum(gamma**i * float(reward) for i, reward in enumerate(rewards[start:stop, env]))
            weight = lam ** (n - 1) * (1 if n == longest else 1 - lam)
            total += weight * (discounted + gamma**n * following - float(values[start, env]))
        advantages.append(total)
    return np.array(advantages)


@repeatable
@given(episodes(), SHARES, SHARES, st.data())
def test_advantages_of_any_experience_are_those_of_the_definition(experience, gamma, lam, data):
    """Deaths, time limits and resets anywhere, in batches of any size, one after the other through the same buffer."""
    valid = experience[2]
    steps, num_envs = valid.shape
    size = data.draw(st.integers(1, np.count_nonzero(valid)), 'size')
    rewards = data.draw(of_shape(valid.shape), 'rewards')
    values = data.draw(of_shape((steps + 1, num_envs)), 'values')
    states = np.stack([values, np.arange(values.size, dtype=np.float32).reshape(values.shape)], axis=2)
    buf, begin = RolloutBuffer(size, num_envs, 2, (), np.int32, gamma, lam), 0
    for t in range(steps):
        buf.store(states[t], states[t, :, 1], rewards[t], *(part[t] for part in experience))
        if buf.is_full():
            buf.finish_path(states[t + 1], lambda states: states[:, 0])
            batch, begin = slice(begin, t + 1), t + 1
            expected = generalised_advantages(
                rewards[batch], values[batch.start : t + 2], *(part[batch] for part in experience), gamma, lam
            )
            transitions = states[batch][valid[batch]][:size]
            got, actions, advantages, returns = buf.get()
            np.testing.assert_array_equal(got, transitions)
            np.testing.assert_array_equal(actions, transitions[:, 1])
            np.testing.assert_allclose(advantages, expected[:size], atol=1e-3)
            np.testing.assert_allclose(returns, expected[:size] + transitions[:, 0], atol=1e-3)
    assert begin, 'at least one batch was full'


def pieces(cut, *parts):
    """The parts, each (T, ...), in pieces: a new one begins where `cut`, (T,), is set."""
    return zip(*(np.split(part, np.flatnonzero(cut[1:]) + 1) for part in parts), strict=True)


@repeatable
@given(st.data())
def test_moments_of_pieces_are_those_of_the_whole(data):
    shape = data.draw(st.integers(1, 30), 'rows'), data.draw(st.integers(1, 3), 'columns')
    rows = data.draw(of_shape(shape, np.float64, st.floats(-1e6, 1e6)), 'rows')
    cut = data.draw(of_shape(shape[0], bool, st.booleans()), 'cut')
    whole, joined = RunningMoments(shape[1]), RunningMoments(shape[1])
    whole.update(rows)
    for (piece,) in pieces(cut, rows):
        joined.update(piece)
    size = 1 + np.abs(rows).max()
    for moments in (whole, joined):
        assert moments.count == len(rows)
        np.testing.assert_allclose(moments.mean, rows.mean(0), rtol=0, atol=1e-14 * size)
        np.testing.assert_allclose(moments.var, rows.var(0), rtol=0, atol=1e-14 * size**2)


def discounted_returns(rewards, ended, valid, gamma):
    """Of each transition the discounted return of its episode so far, and those of the episodes that are still open."""
    so_far, returns = np.zeros(rewards.shape[1]), []
    for t, env in np.ndindex(rewards.shape):
        if valid[t, env]:
            so_far[env] = float(rewards[t, env]) + gamma * so_far[env]
            returns.append(so_far[env])
        so_far[env] *= not ended[t, env]
    return np.array(returns), so_far


@repeatable
@given(episodes(), SHARES, st.data())
def test_statistics_of_pieces_are_those_of_the_whole(experience, gamma, data):
    """Each piece, as each batch, begins with a row that has a transition."""
    terminated, truncated, valid = experience
    ended = terminated | truncated
    states = data.draw(of_shape((*valid.shape, 2)), 'states')
    rewards = data.draw(of_shape(valid.shape), 'rewards') * valid
    cut = data.draw(of_shape(len(valid), bool, st.booleans()), 'cut') & valid.any(1)
    whole, joined = (Normalizer(2, valid.shape[1], gamma) for _ in range(2))
    whole.finish_batch(states, rewards, ended, valid)
    for piece in pieces(cut, states, rewards, ended, valid):
        joined.finish_batch(*piece)
    returns, so_far = discounted_returns(rewards, ended, valid, gamma)
    transitions = states[valid].astype(np.float64)
    expected = {
        'state_mean': transitions.mean(0), 'state_var': transitions.var(0), 'state_count': len(transitions),
        'return_mean': returns.mean(), 'return_var': returns.var(), 'return_count': len(returns), 'open_returns': so_far,
    }  # fmt: skip
    for normalizer in (whole, joined):
        assert set(normalizer.arrays()) == set(expected)
        for name, array in normalizer.arrays().items():
            np.testing.assert_allclose(array, expected[name], atol=1e-10, err_msg=name)


class EveryRow:
    """In place of a random generator: draws every row once."""

    def integers(self, high, size):
        return np.arange(high)


@repeatable
@given(episodes(max_steps=20), st.integers(4, 30), st.integers(4, 12), st.data())
def test_a_replay_buffer_holds_the_last_transitions(experience, size, batch_steps, data):
    """Compared with a queue after every step; between any two steps the buffer may be saved and restored."""
    terminated, truncated, valid = experience
    saved = data.draw(of_shape(len(valid), bool, st.booleans()), 'saved')
    buf, queue = ReplayBuffer(size, batch_steps, 2, 1), deque(maxlen=size)
    numbers = np.arange(valid.size, dtype=np.float32).reshape(valid.shape)
    stored = batches = 0
    for t, number in enumerate(numbers):
        state, next_state = np.stack([number, -number], 1), np.stack([number + 1, -number - 1], 1)
        buf.store(state, number[:, None] / 100, number / 10, next_state, terminated[t], truncated[t], valid[t])
        for env in np.flatnonzero(valid[t]):
            queue.append((number[env], terminated[t, env]))
            stored += 1
        if saved[t]:
            old, buf = buf, ReplayBuffer(size, batch_steps, 2, 1)
            buf.assign(old.arrays())
        drawn = buf.sample((), EveryRow())
        order = np.argsort(drawn.state[:, 0])
        expected, ends = (np.array(column) for column in zip(*queue, strict=True))
        np.testing.assert_array_equal(drawn.state[order], np.stack([expected, -expected], 1))
        np.testing.assert_array_equal(drawn.next_state[order], np.stack([expected + 1, -expected - 1], 1))
        np.testing.assert_array_equal(drawn.action[order, 0], expected / np.float32(100))
        np.testing.assert_array_equal(drawn.reward[order], expected / np.float32(10))
        np.testing.assert_array_equal(drawn.terminated[order], ends)
        assert buf.is_full() == (stored >= (batches + 1) * batch_steps)
        if buf.is_full():
            buf.finish_batch()
            batches += 1
