"""The episode log on episodes that hypothesis draws."""

from common.running.logs import EpisodeLog

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from repeatable import repeatable


@repeatable
@given(st.integers(1, 20), st.integers(1, 4), st.data())
def test_a_log_that_is_split_anywhere_has_the_same_episodes(steps, num_envs, data):
    """Compared with a walk through the steps. At every split the log is also saved and restored, as in a resumed run."""

    def draw(name, elements, dtype=bool, shape=(steps, num_envs)):
        return data.draw(arrays(dtype, shape, elements=elements), name)

    rewards = draw('rewards', st.integers(-100, 100), np.float32)  # whole numbers: their sums are exact
    ended, excluded, valid = (draw(name, st.booleans()) for name in ('ended', 'excluded', 'valid'))
    ended &= valid
    rewards *= valid
    split = draw('split', st.booleans(), shape=steps)
    whole, parts = EpisodeLog(num_envs), EpisodeLog(num_envs)
    columns = rewards, ended, valid, excluded
    whole.add(*columns, steps_before=1000)
    before = 1000
    for part in zip(*(np.split(column, np.flatnonzero(split[1:]) + 1) for column in columns), strict=True):
        parts.add(*part, steps_before=before)
        before += np.count_nonzero(part[2])
        saved, parts = parts.arrays(), EpisodeLog(num_envs)
        parts.assign(saved)

    episodes, so_far, lengths = [], np.zeros(num_envs), np.zeros(num_envs, int)
    for t, env in np.ndindex(steps, num_envs):
        so_far[env] += rewards[t, env]
        lengths[env] += valid[t, env]
        if ended[t, env]:
            if not excluded[t, env]:
                episodes.append((1000 + np.count_nonzero(valid[: t + 1]), so_far[env], lengths[env]))
            so_far[env] = lengths[env] = 0
    for log in (whole, parts):
        assert list(zip(log.end_steps, log.returns, log.lengths, strict=True)) == episodes
        np.testing.assert_array_equal(log.open_returns, so_far)
        np.testing.assert_array_equal(log.open_lengths, lengths)
