"""How MuJoCo draws: which library it uses, and where its camera is."""

import contextlib
import os
import sys


def use_egl():
    """Whether MuJoCo draws through EGL. Chooses EGL if there is no display and nothing else was chosen."""
    if sys.platform == 'linux' and not any(map(os.environ.get, ('DISPLAY', 'WAYLAND_DISPLAY'))):
        os.environ.setdefault('MUJOCO_GL', 'egl')  # set only now: without EGL, importing MuJoCo would fail
    return os.environ.get('MUJOCO_GL') == 'egl'


def follow(env):
    """Lets MuJoCo's camera follow the robot, if its model has such a camera. In Gymnasium 1.4 the robot leaves the picture."""
    with contextlib.suppress(AttributeError, KeyError):
        env.mujoco_renderer.camera_id = env.model.camera('track').id
