"""Films: what is drawn, how fast, and what is said where it cannot be."""

import ctypes.util
import sys

from common.backend import tf
from common.envs import GymnasiumEnvs
from common.envs.env_process import EnvProcess
from common.errors import UserError
from common.running import film

import imageio.v3 as imageio
import numpy as np
import pytest


class Restless:
    """Random actions."""

    def __init__(self, action_dim):
        self.action_dim, self.rng = action_dim, np.random.default_rng(0)

    def act(self, state, greedy=False):
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
    assert tf.config.list_physical_devices('CPU')  # TensorFlow is there, as in every agent
    _, whole = film.record(tmp_path / 'film', [(Restless(action_dim), '', 3)], env, {}, 0, pictures=8, loop=4)
    assert whole == 0
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
        EnvProcess('HalfCheetah-v4', {'wheels': 3}).receive()
    envs = EnvProcess('HalfCheetah-v4', {})
    envs.receive()
    assert envs.reset(0).shape == (1, 17)
    envs.process.kill()
    with pytest.raises(UserError, match='HalfCheetah-v4: the process of environment 0 has ended by itself, killed by signal 9'):
        envs.reset(0)
    envs.close()


class Still:
    """No torque at all: an agent whose episodes are those of the environment's starts."""

    def act(self, state, greedy=False):
        return np.zeros((len(state), 1), np.float32)


def test_scenes_follow_each_other_and_play_the_same_episode(tmp_path):
    """Each has its caption, black on white, in the corner; the rest of the picture is the same."""
    scenes = ((Still(), f'after {steps} steps', 1) for steps in (0, 2000))
    short = dict(max_episode_steps=30)
    assert film.record(tmp_path / 'film', scenes, 'Pendulum-v1', short, 7, pictures=200, loop=10) == (60, 2)
    pictures = imageio.imread(tmp_path / 'film.mp4').astype(int)
    assert len(pictures) == 60
    first, second = pictures[:30], pictures[30:]
    assert (np.abs(first[:, 60:] - second[:, 60:]) > 60).mean() < 0.001
    assert (np.abs(first[:, :60] - second[:, :60]).max(axis=(1, 2, 3)) > 100).all()
    assert (first[:, :60].min(axis=(1, 2, 3)) < 60).all()


def test_a_film_that_is_broken_off_leaves_the_older_one(tmp_path):
    """And nothing that is half a film."""

    def scenes():
        yield Still(), '', 1
        raise KeyboardInterrupt

    for suffix in ('mp4', 'gif'):
        (tmp_path / f'film.{suffix}').write_text('older')
    with pytest.raises(KeyboardInterrupt):
        film.record(tmp_path / 'film', scenes(), 'Pendulum-v1', {}, 7, pictures=5, loop=5)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {'film.mp4': 'older', 'film.gif': 'older'}


def test_what_cannot_be_filmed_is_found_out_beforehand(tmp_path):
    film.check('CartPole-v1', {}, tmp_path / 'new')
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='cannot write'):
        film.check('CartPole-v1', {}, tmp_path / 'file' / 'folder')
    with pytest.raises(UserError, match='could not be made'):
        film.check('CartPole-v1', {'wheels': 3}, tmp_path)
