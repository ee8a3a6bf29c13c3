"""PyBullet's walkers made faster: every bit as the package's own."""

from common.envs.bullet import quicken, register

import gymnasium as gym
import numpy as np
import pytest

pytestmark = pytest.mark.bullet


@pytest.fixture(autouse=True)
def known():
    """PyBullet's environments are known to Gymnasium."""
    register('HopperBulletEnv-v0')


@pytest.mark.parametrize('env_id', ['HalfCheetahBulletEnv-v0', 'AntBulletEnv-v0', 'HopperBulletEnv-v0', 'Walker2DBulletEnv-v0'])
def test_a_quickened_walker_is_the_same_bit_for_bit(env_id):
    """Two hundred steps with actions beyond the bounds too, over deaths and resets."""
    plain, quick = gym.make(env_id, disable_env_checker=True), quicken(gym.make(env_id, disable_env_checker=True))
    assert 'step' in vars(quick.unwrapped)
    np.testing.assert_array_equal(plain.reset(seed=1)[0], quick.reset(seed=1)[0])
    rng = np.random.default_rng(0)
    for step in range(200):
        action = rng.uniform(-1.2, 1.2, plain.action_space.shape).astype(np.float32)
        (state, *ended), (quick_state, *quick_ended) = plain.step(action), quick.step(action)
        np.testing.assert_array_equal(state, quick_state)
        assert state.dtype == quick_state.dtype
        assert ended[:3] == quick_ended[:3]
        if ended[1] or ended[2] or step == 150:
            np.testing.assert_array_equal(plain.reset()[0], quick.reset()[0])
    plain.close()
    quick.close()


def test_a_robot_with_motors_of_its_own_is_left_alone():
    env = gym.make('HumanoidBulletEnv-v0', disable_env_checker=True)
    assert quicken(env) is env
    assert 'step' not in vars(env.unwrapped)
    assert 'calc_state' not in vars(env.unwrapped.robot)
    env.close()


def test_an_action_that_is_not_finite_is_refused():
    env = quicken(gym.make('HopperBulletEnv-v0', disable_env_checker=True))
    env.reset(seed=0)
    with pytest.raises(ValueError, match='not finite'):
        env.step(np.full(3, np.nan, np.float32))
    env.close()
