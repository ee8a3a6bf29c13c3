"""Environments by name, two engines behind one adapter: EnvPool (C++) and Gymnasium. PyBullet's are Gymnasium's, if installed.

Both reset an environment on the step *after* its episode ended. That step's action is ignored, so it is no transition
(`valid` is False), and the state before it is the true final one, from which a time limit is bootstrapped.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import json
import os
import re
import sys
import warnings

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete

from common import bullet
from common.errors import UserError, nearest

ENGINES = ('auto', 'envpool', 'gymnasium')
TIME_LIMIT = 1000  # steps of an episode in an environment that sets no limit itself


def derive_seed(*numbers):
    """A seed for environments from a few whole numbers, far from all others: EnvPool numbers its environments on from it."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def parse_env_args(pairs):
    """`['is_slippery=false', 'size=8']` as `{'is_slippery': False, 'size': 8}`; UserError on a pair without '='."""
    arguments = {}
    for pair in pairs or ():
        key, equals, text = pair.partition('=')
        if not (key and equals):
            raise UserError(f"--env-arg '{pair}' is not of the form NAME=VALUE, such as is_slippery=false")
        try:
            arguments[key] = json.loads(text.lower() if text.lower() in ('true', 'false') else text)
        except json.JSONDecodeError:
            arguments[key] = text
    return arguments


def preset_name(env_id, env_args):
    """The name whose preset fits an environment with these arguments: FrozenLake's variants differ much."""
    if env_id == 'FrozenLake-v1' and env_args.get('map_name') == '8x8':
        env_id = 'FrozenLake8x8-v1'
    if env_id == 'FrozenLake-v1' and env_args.get('is_slippery') is False:
        env_id = 'FrozenLake-v1 is_slippery=false'
    return env_id


def make_env(env_id, env_args=None, render_mode=None):
    """One Gymnasium environment whose states are vectors: a Discrete state becomes one-hot, a Box is flattened.

    Raises UserError for an unknown or outdated name, an argument the environment does not take, or an unsupported space.
    """
    if env_id not in gym.registry and ':' not in env_id:
        _register_bullet(env_id)
    if env_id not in gym.registry and ':' not in env_id:
        name, _, version = env_id.rpartition('-v')
        current = sorted((known for known in gym.registry if known.rpartition('-v')[0] == name), key=_version)
        if name and version and current:
            raise UserError(f'{env_id} is not a version that Gymnasium has; use {current[-1]}')
        raise UserError(f"unknown environment '{env_id}'{nearest(env_id, gym.registry)}")
    try:
        with _quiet():
            rendering = {'render_mode': render_mode} if render_mode else {}  # not every environment knows the word
            env = gym.make(env_id, disable_env_checker=True, **rendering, **(env_args or {}))
            if env.spec.max_episode_steps is None:
                env = gym.wrappers.TimeLimit(env, TIME_LIMIT)
            if str(env.spec.entry_point).startswith('pybullet_envs_gymnasium'):
                env = bullet.quicken(env)
            if render_mode == 'rgb_array' and not {'camera_id', 'camera_name'} & set(env_args or ()):
                _follow(env.unwrapped)
    except Exception as error:  # an environment's constructor may raise anything
        raise UserError(f'{env_id} could not be made{_with_arguments(env_args)}: {one_line(error)}') from error
    _check_spaces(env_id, env.observation_space, env.action_space)
    return gym.wrappers.FlattenObservation(env) if needs_flattening(env.observation_space) else env


def make_envs(env_id, num_envs, engine='auto', env_args=None):
    """`num_envs` copies of an environment behind the adapter; call `reset(seed)` before `step`.

    `auto` takes EnvPool where it has the environment with these arguments, else Gymnasium; and Gymnasium for a single
    environment, which steps faster alone than by waking a thread. Raises UserError as `make_env` does, and where EnvPool
    is asked for and lacks the environment.
    """
    make_env(env_id, env_args).close()  # names and spaces are Gymnasium's to judge, whichever engine runs
    if engine == 'envpool' or (engine == 'auto' and num_envs > 1):
        missing = _envpool_lacks(env_id, env_args)
        if not missing:
            return EnvPoolEnvs(env_id, num_envs, env_args)
        if engine == 'envpool':
            raise UserError(f'--engine envpool: {missing}; use --engine gymnasium')
    return GymnasiumEnvs(env_id, num_envs, env_args)


def needs_flattening(space):
    """Whether a state of this space is not yet a vector."""
    return isinstance(space, Discrete) or len(space.shape) != 1


class VectorEnvs:
    """What both engines share: sizes, clipping, the reset rows, and a record of actions from which a run resumes.

    Attributes: `state_dim`; `action_dim` (number of choices where the actions are discrete); `action_bound`, a pair of
    float32 arrays (low, high), or None for discrete actions; `metadata`, Gymnasium's, with the pictures a second; `is_mujoco`.
    """

    def __init__(self, env_id, num_envs, env_args):
        env = make_env(env_id, env_args)
        self.env_id, self.num_envs, self.env_args = env_id, num_envs, env_args or {}
        self.state_dim = env.observation_space.shape[0]
        self.discrete = isinstance(env.action_space, Discrete)
        self.action_dim = int(env.action_space.n) if self.discrete else env.action_space.shape[0]
        low_high = None if self.discrete else (env.action_space.low, env.action_space.high)
        self.action_bound = low_high and tuple(np.float32(bound) for bound in low_high)
        self.action_start = int(env.action_space.start) if self.discrete else 0
        env.close()
        self.metadata, self.is_mujoco = env.metadata, hasattr(env.unwrapped, 'mujoco_renderer')
        self.actions = []

    def reset(self, seed):
        """Starts every environment anew from `seed`; returns states (num_envs, state_dim), float32."""
        self.actions = []
        self.ended = np.zeros(self.num_envs, bool)
        try:
            return self._reset(seed)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f'{self.env_id} raised {one_line(error)} in reset') from error

    def step(self, action):
        """Takes one step with actions (num_envs,) or (num_envs, action_dim); what a Box receives is clipped to its bounds.

        Returns next states (num_envs, state_dim) and, each (num_envs,), rewards, terminated, truncated, and valid, which
        is False where the action was ignored because the environment was being reset.
        """
        self.actions.append(action)
        if self.discrete:
            taken = action + self.action_start
        else:
            taken = np.minimum(np.maximum(action, self.action_bound[0]), self.action_bound[1])
        valid = ~self.ended
        try:
            next_state, reward, terminated, truncated = self._step(taken)
        except Exception as error:
            raise UserError(f'{self.env_id} raised {one_line(error)} in step') from error
        self.ended = terminated | truncated
        return next_state, reward, terminated, truncated, valid

    def replay(self, seed, actions):
        """Resets from `seed` and takes `actions` (steps, num_envs, ...) again; returns the states reached."""
        state = self.reset(seed)
        for action in actions:
            state = self.step(action)[0]
        return state


class EnvPoolEnvs(VectorEnvs):
    """EnvPool's environments, stepped through its own send and receive calls (its Python wrapper costs 40 microseconds)."""

    engine = 'envpool'

    def __init__(self, env_id, num_envs, env_args=None):
        super().__init__(env_id, num_envs, env_args)
        self.ids = np.arange(num_envs, dtype=np.int32)
        self.one_hot = np.eye(self.state_dim, dtype=np.float32)

    def _reset(self, seed):
        import envpool

        with _quiet():  # its environments take their seed when they are made, so a new seed makes them anew
            self.pool = envpool.make_gymnasium(
                self.env_id,
                num_envs=self.num_envs,
                seed=seed,
                thread_affinity_offset=_affinity_offset(),
                **_envpool_arguments(self.env_id, self.env_args),
            )
            state = self.pool.reset()[0]
        self.rows = [self.pool._state_keys.index(key) for key in ('obs', 'reward', 'done', 'trunc')]
        return self._vectors(state)

    def _step(self, action):
        self.pool._send([self.ids, self.ids, action.astype(np.int32) if self.discrete else action])
        received = self.pool._recv()
        state, reward, done, truncated = (received[row] for row in self.rows)
        return self._vectors(state), reward, done & ~truncated, truncated

    def _vectors(self, state):
        if state.ndim == 1:
            return self.one_hot[state]
        return state.reshape(self.num_envs, -1).astype(np.float32, copy=False)

    def close(self):
        self.pool.close()


class GymnasiumEnvs(VectorEnvs):
    """Gymnasium's environments one after the other in this process: for cheap ones faster than any worker pool."""

    engine = 'gymnasium'

    def __init__(self, env_id, num_envs, env_args=None, render_mode=None):
        super().__init__(env_id, num_envs, env_args)
        self.render_mode, self.envs = render_mode, []

    def _reset(self, seed):
        self.close()  # made anew: PyBullet's physics remembers former episodes whatever the seed
        self.envs = [make_env(self.env_id, self.env_args, self.render_mode) for _ in range(self.num_envs)]
        seeds = np.random.SeedSequence(seed).generate_state(self.num_envs)
        with _silent() if is_bullet(self.env_id) else contextlib.nullcontext():
            states = [env.reset(seed=int(one))[0] for env, one in zip(self.envs, seeds, strict=True)]
        return np.array(states, np.float32)

    def _step(self, action):
        next_state = np.empty((self.num_envs, self.state_dim), np.float32)
        reward = np.zeros(self.num_envs, np.float32)
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        for i, env in enumerate(self.envs):
            if self.ended[i]:
                next_state[i] = env.reset()[0]
            else:
                next_state[i], reward[i], terminated[i], truncated[i], _ = env.step(action[i])
        return next_state, reward, terminated, truncated

    def render(self):
        """What the first environment looks like, (height, width, 3) bytes; UserError where it cannot be drawn."""
        hint = ''
        try:
            if self.is_mujoco and _use_egl():
                hint = '; MuJoCo draws through EGL: apt-get install libegl1'
                importlib.import_module('mujoco.egl')  # fails where EGL is missing, and more quietly than render()
            frame = self.envs[0].render()
        except Exception as error:
            raise UserError(f'{self.env_id} cannot be drawn ({one_line(error)}){hint}') from error
        if frame is None:
            raise UserError(f'{self.env_id} draws no pictures: its render() returned nothing')
        return np.asarray(frame, np.uint8)

    def close(self):
        for env in self.envs:
            env.close()
        self.envs = []


def is_bullet(env_id):
    """Whether an environment is PyBullet's, by its name."""
    return 'Bullet' in env_id


def _register_bullet(env_id):
    """Makes PyBullet's environments known where one of them is asked for; UserError where they are not installed."""
    if not is_bullet(env_id):
        return
    try:
        with _quiet(), _silent():
            importlib.import_module('pybullet')
            importlib.import_module('pybullet_envs_gymnasium')
    except ImportError as error:
        raise UserError(f'{env_id} needs PyBullet: pip install -r requirements-pybullet.txt') from error


def _use_egl():
    """Whether MuJoCo draws through EGL; chooses that where there is no display and no other choice was made."""
    if sys.platform == 'linux' and not any(map(os.environ.get, ('DISPLAY', 'WAYLAND_DISPLAY'))):
        os.environ.setdefault('MUJOCO_GL', 'egl')  # not before MuJoCo is imported: without EGL that would fail
    return os.environ.get('MUJOCO_GL') == 'egl'


def _follow(env):
    """Lets MuJoCo's camera follow the robot where its model has such a camera: Gymnasium 1.4 lets it run out of the picture."""
    with contextlib.suppress(AttributeError, KeyError):
        env.mujoco_renderer.camera_id = env.model.camera('track').id


def _check_spaces(env_id, observations, actions):
    supported = 'supported are Box and Discrete states, and Discrete or bounded one-dimensional Box actions'
    if not isinstance(observations, Box | Discrete):
        raise UserError(f'{env_id} has states of type {observations}; {supported}')
    if isinstance(actions, Box):
        if len(actions.shape) == 1 and np.issubdtype(actions.dtype, np.floating) and actions.is_bounded():
            if not (actions.low < actions.high).all():
                raise UserError(f'{env_id} has an action whose lowest value is not below its highest: {actions}')
            return
    elif isinstance(actions, Discrete):
        return
    raise UserError(f'{env_id} has actions of type {actions}; {supported}')


def _envpool_arguments(env_id, env_args):
    """Gymnasium's arguments in EnvPool's words: FrozenLake's map is a size there."""
    arguments = dict(env_args or {})
    if env_id.startswith('FrozenLake'):
        if arguments.get('is_slippery') is True:
            del arguments['is_slippery']
        if arguments.get('map_name') in ('4x4', '8x8'):
            arguments['size'] = int(arguments.pop('map_name')[0])
    return arguments


def _envpool_lacks(env_id, env_args):
    """Why EnvPool cannot run this environment, or '' where it can."""
    if importlib.util.find_spec('envpool') is None:
        return 'EnvPool is not installed'
    import envpool

    if env_id not in envpool.list_all_envs():
        return f'EnvPool has no {env_id}'
    if gym.spec(env_id).max_episode_steps is None:
        return f"EnvPool's {env_id} has no time limit"  # nor takes one
    known = envpool.make_spec(env_id).config._fields
    unknown = [key for key in _envpool_arguments(env_id, env_args) if key not in known]
    return f"EnvPool's {env_id} takes no {', '.join(unknown)}" if unknown else ''


def _affinity_offset():
    """0, which pins EnvPool's threads to cores and saves a tenth of a step, or -1 where this process may not use them all."""
    try:
        return 0 if len(os.sched_getaffinity(0)) == os.cpu_count() else -1
    except AttributeError:  # not Linux
        return -1


def _version(env_id):
    return int(re.sub(r'\D', '', env_id.rpartition('-v')[2]) or 0)


def _with_arguments(env_args):
    return f' with {", ".join(f"{key}={value}" for key, value in env_args.items())}' if env_args else ''


def one_line(error):
    """An exception's type and message in one line."""
    return f'{type(error).__name__}: {" ".join(str(error).split())}'


@contextlib.contextmanager
def _quiet():
    """Gymnasium and EnvPool warn about casts that are no concern of the user's."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield


@contextlib.contextmanager
def _silent():
    """PyBullet prints from C: both file descriptors point nowhere for a while."""
    _flush()
    with open(os.devnull, 'w') as nowhere:
        kept = [(number, os.dup(number)) for number in (1, 2)]
        try:
            for number, _ in kept:
                os.dup2(nowhere.fileno(), number)
            yield
        finally:
            _flush()
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.flush()
    with contextlib.suppress(TypeError, OSError):  # not where the C library has no name
        ctypes.CDLL(None).fflush(None)
