"""Films of agents, as mp4 and gif, drawn without a display."""

import contextlib
import math
import os

from common.envs import GymnasiumEnvs, kept_random_state
from common.envs.env_process import EnvProcess
from common.running.files import check_room, replacing, writing
from common.running.interface import act

import numpy as np

# Most pictures in the mp4 (up to 30 a second) and in the gif (up to 15 a second): for a test, and for a stage of a training.
TESTED = dict(pictures=620, loop=125)
IN_TRAINING = dict(pictures=200, loop=45)
ROOM = 2**21  # bytes that a film may take


def check(env, env_args, folder):
    """Raises UserError if the environment cannot be drawn or `folder` cannot be written."""
    check_room(folder, ROOM)
    with contextlib.closing(_drawn(env, env_args)[0]) as envs:
        envs.reset(0)
        envs.render()


def record(path, scenes, env, env_args, seed, pictures, loop, greedy=True):
    """Films agents one after the other as `path`.mp4 and `path`.gif; `path` has no suffix.

    `scenes` yields (agent, caption, episodes). Each agent plays so many episodes from the same `seed`; its scene ends after
    `pictures` pictures. The gif has the first `loop` small pictures of a scene. Without `greedy` agents draw their actions.
    Returns the steps played and the number of episodes that were filmed to their end. UserError if the film cannot be made; an
    older film stays until the new one is complete.
    """
    import imageio.v2 as imageio

    envs, rate = _drawn(env, env_args)
    every = math.ceil(rate / 30)  # steps for one picture
    thin = math.ceil(rate / every / 15)  # pictures for one in the gif
    small, steps, ended = [], 0, 0
    with (
        kept_random_state(),
        contextlib.closing(envs),
        writing(path.parent),
        replacing(f'{path}.mp4', f'{path}.gif') as (mp4, gif),
    ):
        with imageio.get_writer(mp4, fps=rate / every, codec='libx264', macro_block_size=2) as film:
            for agent, caption, episodes in scenes:
                state, step, drawn = envs.reset(seed), 0, 0
                while episodes and drawn < pictures:
                    if step % every == 0:
                        frame = _captioned(envs.render(), caption)
                        film.append_data(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])  # H.264 needs even sides
                        if drawn % thin == 0 and drawn // thin < loop:
                            small.append(_little(frame))
                        drawn += 1
                    state, _, terminated, truncated, _ = envs.step(act(agent, state, greedy))
                    step += 1
                    if terminated[0] or truncated[0]:
                        episodes, ended = episodes - 1, ended + 1
                steps += step
        imageio.mimwrite(gif, small, duration=1000 * thin * every / rate, loop=0)
    return steps, ended


def _drawn(env, env_args):
    """One environment that can be drawn, and how many steps of it are a second."""
    os.environ.setdefault('SDL_VIDEODRIVER', 'dummy')
    envs = GymnasiumEnvs(env, 1, env_args, 'rgb_array')
    rate = envs.metadata.get('render_fps', 30)
    if not envs.is_mujoco:
        return envs, rate
    process = EnvProcess(env, env_args, render_mode='rgb_array', quiet=True)
    process.receive()  # that it was made
    return process, rate


def _captioned(frame, caption):
    if not caption:
        return frame
    from PIL import Image, ImageDraw

    picture = Image.fromarray(frame)
    size = max(10, frame.shape[1] // 22)
    ImageDraw.Draw(picture).text((size // 2, size // 3), caption, 'black', font_size=size, stroke_width=2, stroke_fill='white')
    return np.array(picture)


def _little(frame):
    from PIL import Image

    picture = Image.fromarray(frame)
    picture.thumbnail((240, 240))
    return np.array(picture)
