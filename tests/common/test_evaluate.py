"""Evaluation: what is counted, and that it is the greedy policy."""

import ctypes.util
import sys
from types import SimpleNamespace

from common import evaluate as evaluation
from common.backend import tf
from common.envs import GymnasiumEnvs
from common.envs.apart import Apart
from common.envs.making import TIME_LIMIT
from common.errors import UserError
from common.evaluate import evaluate, record_film

import gymnasium as gym
import imageio.v3 as imageio
import numpy as np
import pytest


class Greedy:
    """Pushes the cart the way the pole falls; away from it where it is not asked to be greedy."""

    def get_action(self, state, greedy=False):
        right = state[..., 2] + state[..., 3] > 0
        return (right if greedy else ~right).astype(np.int64)


def test_the_greedy_action_is_taken(engine):
    assert np.mean(evaluate(Greedy(), 'CartPole-v1', 20, 5, engine=engine)) > 150


def test_episodes_are_complete_and_as_many_as_asked(engine):
    """Pendulum's episodes have 200 steps: with torque 0 the returns are those of that many rewards, each at least -16.28."""
    agent = SimpleNamespace(get_action=lambda state, greedy: np.zeros((len(state), 1), np.float32))
    seen = []
    returns = evaluate(agent, 'Pendulum-v1', 130, 100, engine=engine, on_episode=lambda count, r: seen.append((count, r)))
    assert len(returns) == 130
    assert [count for count, _ in seen] == list(range(1, 131))
    assert (returns < 0).all()
    assert (returns > -16.28 * 200).all()
    np.testing.assert_array_equal([r for _, r in seen], returns)


class Coin(gym.Env):
    """An episode lasts 1 step or 50, by the toss of a coin, and each step is worth 1: the mean return is 25.5."""

    observation_space, action_space = gym.spaces.Box(0, 1, (1,)), gym.spaces.Discrete(2)

    def reset(self, seed=None, **_):
        super().reset(seed=seed)
        self.left = self.np_random.choice([1, 50])
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.left -= 1
        return np.zeros(1, np.float32), 1.0, self.left == 0, False, {}


gym.register('TestCoin-v0', Coin)


def test_short_episodes_are_not_counted_more_often():
    """The first 400 to finish would be short ones, nearly all; of 400 fixed beforehand half are."""
    anything = SimpleNamespace(get_action=lambda state, greedy: np.zeros(len(state), int))
    returns = evaluate(anything, 'TestCoin-v0', 400, 100)
    assert set(returns) == {1, 50}
    assert 0.4 < np.mean(returns == 1) < 0.6


def test_an_environment_without_a_time_limit_gets_one():
    """CliffWalking never ends for an agent that walks into the wall."""
    up = SimpleNamespace(get_action=lambda state, greedy: np.zeros(len(state), int))
    for engine in ('auto', 'gymnasium'):
        assert set(evaluate(up, 'CliffWalking-v1', 3, 3, engine=engine)) == {-TIME_LIMIT}


def test_same_seed_same_returns_and_another_seed_others():
    first, second, other = (evaluate(Greedy(), 'CartPole-v1', 30, 30, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


class Restless:
    """Random actions."""

    def __init__(self, action_dim):
        self.action_dim, self.rng = action_dim, np.random.default_rng(0)

    def get_action(self, state, greedy=False):
        return self.rng.uniform(-1, 1, (len(state), self.action_dim)).astype(np.float32)


egl = pytest.mark.skipif(ctypes.util.find_library('EGL') is None, reason='MuJoCo draws through EGL: no libegl1 here')
bullet = pytest.mark.bullet


@pytest.mark.parametrize(
    ('env', 'action_dim', 'shape', 'rate', 'pause'),
    [
        ('Pendulum-v1', 1, (500, 500, 3), 30, 66),
        pytest.param('Ant-v5', 8, (480, 480, 3), 20, 100, marks=egl),
        pytest.param('AntBulletEnv-v0', 8, (240, 320, 3), 30, 66, marks=bullet),
    ],
)
def test_film_without_a_display(env, action_dim, shape, rate, pause, tmp_path, monkeypatch):
    """Long episodes are cut; the mp4 has every picture at no more than 30 a second, the gif small ones at no more than 15."""
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'MUJOCO_GL'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(evaluation, 'FILM', 8)
    monkeypatch.setattr(evaluation, 'LOOP', 4)
    assert tf.config.list_physical_devices('CPU')  # TensorFlow is there, as in every agent
    record_film(Restless(action_dim), SimpleNamespace(env=env, env_args={}, seed=0, record=tmp_path), 'film')
    pictures = imageio.imread(tmp_path / 'film.mp4')
    assert pictures.shape == (8, *shape)
    assert pictures.std(axis=(1, 2)).max() > 20
    assert (pictures[0] != pictures[-1]).any()
    assert imageio.immeta(tmp_path / 'film.mp4')['fps'] == rate
    small = imageio.imread(tmp_path / 'film.gif')
    assert len(small) == 4
    assert max(small.shape[1:3]) == 240
    assert abs(imageio.immeta(tmp_path / 'film.gif')['duration'] - pause) <= 10


def test_film_where_egl_is_missing(monkeypatch):
    monkeypatch.setenv('MUJOCO_GL', 'egl')
    monkeypatch.setitem(sys.modules, 'mujoco.egl', None)
    envs = GymnasiumEnvs('HalfCheetah-v4', 1, None, 'rgb_array')
    envs.reset(0)
    with pytest.raises(UserError, match=r'HalfCheetah-v4 cannot be drawn .*libegl1') as caught:
        envs.render()
    assert '\n' not in str(caught.value)


def test_film_says_what_went_wrong_in_the_other_process():
    with pytest.raises(UserError, match='HalfCheetah-v4 could not be made with wheels=3'):
        Apart('HalfCheetah-v4', {'wheels': 3})
    envs = Apart('HalfCheetah-v4', {})
    assert envs.reset(0).shape == (1, 17)
    envs.process.kill()
    with pytest.raises(UserError, match='HalfCheetah-v4 cannot be drawn: the process that draws ended with -9'):
        envs.reset(0)
    envs.close()


def test_evaluation_draws_nothing(monkeypatch):
    monkeypatch.setattr('gymnasium.envs.mujoco.mujoco_rendering.OffScreenViewer.__init__', None)
    assert len(evaluate(Restless(6), 'HalfCheetah-v4', 3, 3, engine='gymnasium', env_args={'max_episode_steps': 5})) == 3
