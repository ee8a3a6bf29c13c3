"""Creates environments by name, checks their arguments and spaces, and says in one line what is wrong with them."""

import contextlib
import copy
import importlib
import inspect
import json
import re

from common.envs import bullet, drawing
from common.envs.checking import OLD_GYM, STEP, check_spaces
from common.envs.own import NAMESPACE, split_data
from common.envs.randomness import kept_random_state
from common.envs.silence import no_warnings
from common.errors import UserError, env_arg, nearest, one_line, option

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import load_env_creator
from gymnasium.spaces import Box

TIME_LIMIT = 1000  # steps of an episode in an environment that sets no limit itself
FORGOTTEN = (  # what a reader's own environment may lack: the method that fails, Python's message, and what to write
    ('make', r"no attribute 'observation_space'", 'write observation_space = gymnasium.spaces.Box(low, high) in its class'),
    ('make', r"no attribute 'action_space'", 'write action_space = gymnasium.spaces.Box(low, high) in its class'),
    ('make', r"(unexpected keyword|takes no) argument.*'render_mode'", 'write def __init__(self, render_mode=None)'),
    ('make', r"No module named 'gym'", OLD_GYM),
    ('make', r'Gym is incompatible with Gymnasium', OLD_GYM),
    ('make', r'missing \d+ required', 'give it a default there, or a value: {env_arg}'),
    ('make', r"doesn't exist", "write gymnasium.register('NAME-v0', CLASS) in its module"),
    ('reset', r"unexpected keyword argument '(seed|options)'", 'write def reset(self, *, seed=None, options=None)'),
    ('reset', r'values to unpack \(expected 2', 'reset() must return (state, info)'),
    ('step', r'values to unpack \(expected 5', STEP),
    ('step', r'cannot unpack non-iterable', STEP),
    ('step', r'^NotImplementedError', 'write def step(self, action) in its class'),
)


class _DefaultTimeLimit(gym.wrappers.TimeLimit):
    """The time limit of an environment that sets none."""

    has_default_limit = True


def what_to_write(error, place):
    """'; ' and what to write, if `error`, raised in `place`, comes from something FORGOTTEN lists; else ''."""
    text = one_line(error)
    advice = [advice for where, pattern, advice in FORGOTTEN if where == place and re.search(pattern, text)]
    return ''.join(f'; {one}' for one in advice).replace('{env_arg}', env_arg())


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
    """The name of the preset for an environment with these arguments. FrozenLake's variants, for example, differ a lot."""
    if env_id == 'FrozenLake-v1' and env_args.get('map_name') == '8x8':
        env_id = 'FrozenLake8x8-v1'
    if env_id == 'FrozenLake-v1' and env_args.get('is_slippery') is False:
        env_id = 'FrozenLake-v1 is_slippery=false'
    if env_id == 'LunarLander-v3' and env_args.get('continuous') is True:
        env_id = 'LunarLanderContinuous-v3'
    return env_id


def has_box_actions(env_id, env_args=None):
    """Whether an environment's actions are a Box. False for one that cannot be created; the run will report that."""
    try:
        with kept_random_state():
            env = make_env(env_id, env_args)
    except UserError:
        return False
    with contextlib.suppress(Exception):  # which the run will report
        env.close()
    return isinstance(env.action_space, Box)


def check_env(env_id):
    """Raises UserError for a name that Gymnasium does not know. A name with a module, `module:Name-v0`, passes unchecked."""
    if env_id in gym.registry or ':' in env_id:
        return
    if env_id.startswith(f'{NAMESPACE}/'):
        raise UserError(f'{env_id} is a class or a function of a program: only that program can make it')
    bullet.register(env_id)
    if env_id in gym.registry:
        return
    name, _, version = env_id.rpartition('-v')
    current = sorted((known for known in gym.registry if _name(known) == name), key=_version)
    if name and version and current:
        raise UserError(f'{env_id} is not a version that Gymnasium has; use {current[-1]}')
    newest = {_name(known): known for known in sorted([*gym.registry, *bullet.WALKERS], key=_version)}
    known = [
        *newest.values(),
        *(f'{name}-v4' for name in newest if newest[name] == f'{name}-v5'),
    ]  # MuJoCo's v4 are still in use
    likely = sorted((one for one in known if env_id.lower() in one.lower()), key=len)
    meant = nearest(env_id, known, likely=likely)
    raise UserError(f"unknown environment '{env_id}'{meant}; your own: {option('env', 'my_module:MyEnv-v0')}")


def make_env(env_id, env_args=None, render_mode=None):
    """One Gymnasium environment whose states are vectors of float32, flattened as `gymnasium.spaces.flatten` does it.

    Raises UserError for an unknown or outdated name, for an argument that the environment does not take, and for a space that
    is not supported.
    """
    check_env(env_id)
    try:
        with no_warnings():
            rendering = {'render_mode': render_mode} if render_mode else {}  # not every environment takes render_mode
            plain, data = split_data(env_args)
            env = gym.make(_with_data(env_id, data), disable_env_checker=True, **rendering, **plain)
            if env_args:
                _check_truth_values(env, env_args)
            if env.spec.max_episode_steps is None:
                env = _DefaultTimeLimit(env, TIME_LIMIT)
            env = bullet.quicken(env)
            if render_mode == 'rgb_array' and not {'camera_id', 'camera_name'} & set(env_args or ()):
                drawing.follow(env.unwrapped)
            observations, actions = env.observation_space, env.action_space
    except Exception as error:  # an environment's constructor may raise anything
        said = f'{one_line(error)}{what_to_write(error, "make")}{_newer_version(env_id, error)}'
        if isinstance(error, ModuleNotFoundError):
            said += _where_the_module_is(env_id, error)
        raise UserError(f'{env_id} could not be made{_with_arguments(env_args)}: {said}') from error
    check_spaces(env_id, observations, actions)
    if isinstance(observations, Box) and len(observations.shape) == 1:
        return env
    with no_warnings():
        return gym.wrappers.DtypeObservation(gym.wrappers.FlattenObservation(env), np.float32)


def _with_data(env_id, data):
    """What `gym.make` takes to make an environment with data: not as its arguments, of which it would keep copies."""
    if not data:
        return env_id
    module, _, name = env_id.rpartition(':')
    if module:
        importlib.import_module(module)
    spec = copy.deepcopy(gym.spec(name))
    creator = spec.entry_point if callable(spec.entry_point) else load_env_creator(spec.entry_point)
    spec.entry_point = lambda **arguments: creator(**arguments, **data)
    return spec


def seed_decides(env):
    """Whether an environment is known to depend on nothing but its seed and its actions since it was created.

    Gymnasium's and PyBullet's are. Another one may count its episodes, for instance, to become harder.
    """
    known = str(env.spec.entry_point).startswith(('gymnasium.envs.', 'pybullet_envs'))
    return known and not gym.spec(env.spec.id).additional_wrappers


def unflattened(env):
    """An environment from `make_env` without the wrappers that turn its states into vectors."""
    return env.env.env if isinstance(env, gym.wrappers.DtypeObservation) else env


def _check_truth_values(env, env_args):
    """Raises ValueError if an argument that is true or false by default is given as text, which would count as true."""
    for name, parameter in inspect.signature(type(env.unwrapped)).parameters.items():
        if isinstance(parameter.default, bool) and isinstance(env_args.get(name), str):
            env.close()
            raise ValueError(f'{name} takes true or false')


def _newer_version(env_id, error):
    """'; use ' and the newest version, if one of Gymnasium's own environments says that this one can no longer be made."""
    newest = max((known for known in gym.registry if _name(known) == _name(env_id)), key=_version, default=env_id)
    return f'; use {newest}' if type(error) is ImportError and newest != env_id else ''


def _where_the_module_is(env_id, error):
    """'; ' and what to do, if the module that an environment's id names was not found; else ''."""
    module, _, name = env_id.partition(':')
    if name and module.endswith('.py'):
        *folders, module = re.split(r'[/\\]', module.removesuffix('.py'))
        typed = option('env', f'{module}:{name}')
        return f"; leave out '.py': {typed}" + ', with its folder on PYTHONPATH' * bool(folders)
    return '; put the folder of the module on PYTHONPATH' if f"No module named '{module}'" in str(error) else ''


def _name(env_id):
    return env_id.rpartition('-v')[0]


def _version(env_id):
    return int(re.sub(r'\D', '', env_id.rpartition('-v')[2]) or 0)


def _with_arguments(env_args):
    return f' with {", ".join(f"{key}={value}" for key, value in env_args.items())}' if env_args else ''
