"""How MuJoCo draws: which library it uses, and where its camera is."""

import contextlib
import os
import sys


def use_egl():
    """Whether MuJoCo draws through EGL. Chooses EGL if there is no display and nothing else was chosen."""
    if sys.platform == 'linux' and not any(map(os.environ.get, ('DISPLAY', 'WAYLAND_DISPLAY'))):
        os.environ.setdefault('MUJOCO_GL', 'egl')  # set only now: without EGL, importing MuJoCo would fail
    return os.environ.get('MUJOCO_GL') == 'egl'


def is_mujoco(env):
    """Whether MuJoCo draws an environment: one of Gymnasium's, or of DeepMind Control's through Shimmy."""
    return hasattr(env.unwrapped, 'mujoco_renderer') or _is_control(env)


def metadata(env):
    """An environment's metadata. For DeepMind Control Shimmy gives milliseconds a frame as frames a second: mended here."""
    return env.metadata | ({'render_fps': 1 / env.unwrapped.dt} if _is_control(env) else {})


def _is_control(env):
    return type(env.unwrapped).__module__ == 'shimmy.dm_control_compatibility'


def follow(env):
    """Lets MuJoCo's camera follow the robot, if its model has such a camera. In Gymnasium 1.4 the robot leaves the picture."""
    with contextlib.suppress(AttributeError, KeyError):
        env.mujoco_renderer.camera_id = env.model.camera('track').id
