"""Gymnasium's environments, stepped one after the other in this process; `workers` steps them in several."""

import contextlib
import importlib

from common.envs import bullet, drawing
from common.envs.checking import LARGE, as_flag, check_finite, check_reset, check_state, check_step
from common.envs.interface import Engine, derive_seed
from common.envs.making import make_env, unflattened
from common.envs.randomness import seed_all
from common.envs.silence import no_output
from common.errors import UserError, one_line

import numpy as np


class GymnasiumEnvs(Engine):
    """Gymnasium's environments; `render_mode` is Gymnasium's, None if nothing is to be drawn.

    `rows`: which of a run's environments these are, a range, where other processes have the others.
    """

    engine = 'gymnasium'

    def __init__(self, env_id, num_envs, env_args=None, render_mode=None, rows=None):
        super().__init__(env_id, num_envs, env_args)
        self.render_mode, self.envs, self.rows = render_mode, [], rows or range(num_envs)

    def render(self):
        """A picture of the first environment, (height, width, 3) bytes; UserError if it cannot be drawn."""
        hint = ''
        try:
            if self.is_mujoco and drawing.use_egl():
                hint = '; MuJoCo draws through EGL: apt-get install libegl1, on newer systems libopengl0 too'
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
        seed_all(self.seed_of_random(seed))
        for _ in range(self.num_envs):
            self.envs.append(make_env(self.env_id, self.env_args, self.render_mode))
        seeds = np.random.SeedSequence(seed).generate_state(self.rows.stop)[self.rows.start :]
        with no_output() if bullet.is_bullet(self.env_id) else contextlib.nullcontext():
            states = [self._reset_one(env, seed=int(one)) for env, one in zip(self.envs, seeds, strict=True)]
        states = np.array(states, np.float32)
        check_finite(self.env_id, states, 'state', ~self.ended)
        return states

    def seed_of_random(self, seed):
        """The seed for `random` and `numpy.random`, from which environments may draw: another one in each process."""
        return derive_seed(seed, self.rows.start) if self.rows.start else seed

    def _reset_one(self, env, **seed):
        returned = self._inner(env).reset(**seed)
        if type(returned) is not tuple or len(returned) != 2 or type(returned[1]) is not dict:
            check_reset(self.env_id, returned)
        if getattr(returned[0], 'dtype', None) != np.float32:
            check_state(self.env_id, returned[0], self.spaces[0], 'reset')
        return self._vector(env, returned[0], 'reset')

    def _inner(self, env):
        return env if self.state_space.is_vector else unflattened(env)

    def _vector(self, env, state, method):
        """A state that an environment's method returned as a vector, (state_dim,); UserError if its space has no such state."""
        if self.state_space.is_vector and getattr(state, 'shape', None) == (self.state_dim,):
            return state
        check_state(self.env_id, state, self.spaces[0], method)
        return state if self.state_space.is_vector else env.observation(env.env.observation(state))

    def _step(self, action):
        next_state = np.zeros((self.num_envs, self.state_dim), np.float32)
        reward, total = np.zeros(self.num_envs, np.float32), 0.0
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        for i, (env, ended) in enumerate(zip(self.envs, self.ended.tolist(), strict=True)):
            if ended:
                next_state[i] = self._reset_one(env)
                continue
            returned = self._inner(env).step(action[i])
            try:
                state, reward[i], died, stopped, _ = returned
                next_state[i] = self._vector(env, state, 'step')
                total += returned[1]
                if died is not False:
                    terminated[i] = as_flag(self.env_id, died, 'terminated')
                if stopped is not False:
                    truncated[i] = as_flag(self.env_id, stopped, 'truncated')
            except (TypeError, ValueError, OverflowError):
                check_step(self.env_id, returned, self.spaces[0])
                raise
        check_finite(self.env_id, next_state, 'state', self.ended)
        if not abs(total) < LARGE:  # so a NaN or an infinity costs no look at the array in every step
            check_finite(self.env_id, reward, 'reward', self.ended)
        return next_state, reward, terminated, truncated
