"""PyBullet's walkers: made faster, every bit as the package's own, and the same bits with a seed."""

import hashlib
import subprocess
import sys
from pathlib import Path

from common.envs import make_env, make_envs
from common.envs.bullet import quicken, register
from common.errors import UserError

import gymnasium as gym
import numpy as np
import pytest
from rollouts import rollout

pytestmark = pytest.mark.bullet
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def known():
    """PyBullet's environments are known to Gymnasium."""
    register('HopperBulletEnv-v0')


@pytest.mark.parametrize('env_id', ['HalfCheetahBulletEnv-v0', 'AntBulletEnv-v0', 'HopperBulletEnv-v0', 'Walker2DBulletEnv-v0'])
def test_a_quickened_walker_is_the_same_bit_for_bit(env_id, known):
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


def test_a_robot_with_motors_of_its_own_is_left_alone(known):
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


def digest(env_id):
    """A fingerprint of a rollout over several episodes."""
    envs = make_envs(env_id, 2, 'auto', {'max_episode_steps': 150})
    rows = rollout(envs, 3, 500)
    return hashlib.sha256(b''.join(np.ascontiguousarray(row).tobytes() for row in rows)).hexdigest(), envs


@pytest.mark.parametrize('env_id', ['HalfCheetahBulletEnv-v0', 'AntBulletEnv-v0'])
def test_same_seed_same_bits_whatever_came_before(env_id):
    """A run that is resumed resets fresh environments, one that is not resets used ones: both must go on alike, in silence."""
    first, envs = digest(env_id)
    again = b''.join(np.ascontiguousarray(row).tobytes() for row in rollout(envs, 3, 500))
    assert hashlib.sha256(again).hexdigest() == first
    program = f'import sys; sys.path.append({str(ROOT)!r}); from test_bullet import digest; print(digest({env_id!r})[0])'
    command = [sys.executable, '-c', program]
    resumed = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    assert (resumed.stdout, resumed.stderr) == (first + '\n', '')


def test_it_runs_many_in_one_process():
    envs = make_envs('AntBulletEnv-v0', 16)
    assert (envs.engine, envs.state_dim, envs.action_dim) == ('gymnasium', 28, 8)
    alone = make_envs('AntBulletEnv-v0', 1)
    alone.reset(0)
    assert len(np.unique(envs.reset(0), axis=0)) == 16
    for _ in range(20):
        _, reward, *_ = envs.step(np.zeros((16, 8), np.float32))
    assert np.isfinite(reward).all()
    assert gym.spec('AntBulletEnv-v0').max_episode_steps == 1000
    envs.close()


def test_its_names_are_suggested():
    with pytest.raises(UserError, match='nearest: HalfCheetahBulletEnv-v0'):
        make_env('HalfCheetaBulletEnv-v0')
