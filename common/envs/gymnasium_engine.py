"""Gymnasium's environments, stepped one after the other in this process: for cheap ones faster than any pool of workers."""

import contextlib
import importlib

from common.envs import bullet, drawing
from common.envs.interface import Engine
from common.envs.making import make_env
from common.envs.randomness import seed_all
from common.envs.silence import no_output
from common.errors import UserError, one_line

import numpy as np


class GymnasiumEnvs(Engine):
    """Gymnasium's environments; `render_mode` is Gymnasium's, None if nothing is to be drawn."""

    engine = 'gymnasium'

    def __init__(self, env_id, num_envs, env_args=None, render_mode=None):
        super().__init__(env_id, num_envs, env_args)
        self.render_mode, self.envs = render_mode, []

    def render(self):
        """A picture of the first environment, (height, width, 3) bytes; UserError if it cannot be drawn."""
        hint = ''
        try:
            if self.is_mujoco and drawing.use_egl():
                hint = '; MuJoCo draws through EGL: apt-get install libegl1'
                importlib.import_module('mujoco.egl')  # fails if EGL is missing, with a shorter message than render()
            frame = self.envs[0].render()
        except Exception as error:
            raise UserError(f'{self.env_id} cannot be drawn ({one_line(error)}){hint}') from error
        picture = np.asarray(frame)
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype.kind not in 'uif':
            returned = 'nothing' if frame is None else f'{type(frame).__name__} of shape {picture.shape}'
            wanted = "where render_mode is 'rgb_array' it must return an array (height, width, 3) of bytes"
            raise UserError(f'{self.env_id} draws no pictures: its render() returned {returned}; {wanted}')
        return picture.astype(np.uint8)

    def close(self):
        """Closes every environment; `reset` creates new ones. UserError if one of them raises."""
        envs, self.envs, refused = self.envs, [], None
        for env in envs:
            try:
                env.close()
            except Exception as error:
                refused = error
        if refused:
            raise UserError(f'{self.env_id} raised {one_line(refused)} in close')

    def _reset(self, seed):
        self.close()  # and new ones are created: PyBullet's physics remembers earlier episodes whatever the seed
        seed_all(seed)
        for _ in range(self.num_envs):
            self.envs.append(make_env(self.env_id, self.env_args, self.render_mode))
        seeds = np.random.SeedSequence(seed).generate_state(self.num_envs)
        with no_output() if bullet.is_bullet(self.env_id) else contextlib.nullcontext():
            states = [self._reset_one(env, seed=int(one)) for env, one in zip(self.envs, seeds, strict=True)]
        return np.array(states, np.float32)

    def _reset_one(self, env, **seed):
        state, _ = env.reset(**seed)
        return self._checked(state)

    def _checked(self, state):
        if np.shape(state) != (self.state_dim,):
            wanted = f'its observation_space says ({self.state_dim},)'
            raise UserError(f'{self.env_id} gave a state of shape {np.shape(state)}, {wanted}; make them the same')
        return state

    def _step(self, action):
        next_state = np.zeros((self.num_envs, self.state_dim), np.float32)
        reward = np.zeros(self.num_envs, np.float32)
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        for i, env in enumerate(self.envs):
            if self.ended[i]:
                next_state[i] = self._reset_one(env)
            else:
                state, reward[i], terminated[i], truncated[i], _ = env.step(action[i])
                next_state[i] = self._checked(state)
        return next_state, reward, terminated, truncated
