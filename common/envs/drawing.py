"""How MuJoCo draws: through which library, and from where."""

import contextlib
import os
import sys


def use_egl():
    """Whether MuJoCo draws through EGL; chooses that where there is no display and no other choice was made."""
    if sys.platform == 'linux' and not any(map(os.environ.get, ('DISPLAY', 'WAYLAND_DISPLAY'))):
        os.environ.setdefault('MUJOCO_GL', 'egl')  # not before MuJoCo is imported: without EGL that would fail
    return os.environ.get('MUJOCO_GL') == 'egl'


def follow(env):
    """Lets MuJoCo's camera follow the robot where its model has such a camera: Gymnasium 1.4 lets it run out of the picture."""
    with contextlib.suppress(AttributeError, KeyError):
        env.mujoco_renderer.camera_id = env.model.camera('track').id
