"""What a file may choose: an environment that is registered, with arguments of its constructor. The rest its reader types."""

import inspect
import json

from common.envs.making import check_env
from common.envs.own import NAMESPACE
from common.errors import UserError, env_arg, one_line, option

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

LONGEST_EPISODE = 10**6  # steps; a file that asks for more may want a test that never ends
MOST_TEXT = 10_000  # characters of all arguments; a large map takes minutes and gigabytes
OF_DISPLAY = {  # arguments of constructors that say how to draw: 'human' ends a process that has no display
    'render_mode', 'render_fps', 'width', 'height', 'camera_id', 'camera_name', 'default_camera_config', 'max_geom',
    'visual_options',
}  # fmt: skip
OF_MAKE = {'self', *inspect.signature(gym.make).parameters}


def check_data(path, env_args):
    """Raises UserError if the record of `path` has no more than a digest of one of the environment's arguments."""
    data = [name for name, value in env_args.items() if isinstance(value, dict) and 'digest' in value]
    if data:
        lacks = f'the environment of {path} was made with data that a file does not hold ({", ".join(data)})'
        raise UserError(f'{lacks}: pass it as env_args in a program')


def check_chosen(path, env_id, env_args, env_typed):
    """Raises UserError if the file `path` chooses more than a file may; nothing is imported but modules that are registered.

    `env_typed` says whether the reader has named the environment. `env_args` are the arguments that only the file names.
    """
    check_data(path, env_args)
    if ':' in env_id and not env_typed:
        asks = f'{path} names {env_id}, whose module would be imported and run'
        raise UserError(f'{asks}: if you trust it, give {option("env", env_id)} yourself')
    if ':' not in env_id:
        check_env(env_id)
    if len(json.dumps(env_args)) > MOST_TEXT:
        too_many = f'more than {MOST_TEXT:,} characters of arguments for {env_id}'
        raise UserError(f'{path} holds {too_many}: if you trust it, give them yourself, {env_arg()}')
    # An environment of a module or a program that was typed is the reader's own: it refuses by itself what it does not take.
    own = ':' in env_id or env_id.startswith(f'{NAMESPACE}/')
    known = env_args.keys() if own or not env_args else _parameters(env_id)
    for name, value in env_args.items():
        if name == 'max_episode_steps':
            right = type(value) is int and 1 <= value <= LONGEST_EPISODE
        else:
            right = name in known - OF_DISPLAY - OF_MAKE and not _names_file_or_module(value)
        if not right:
            asks = f'{path} asks for {env_id} with {name}={_short(value)}, which a file may not choose'
            raise UserError(f'{asks}: if you trust it, give it yourself, {env_arg(name)}')


def _parameters(env_id):
    """The names that an environment's constructor takes; those of the base classes, too, where it hands arguments on."""
    made_by = gym.spec(env_id).entry_point
    try:
        creator = made_by if callable(made_by) else load_env_creator(made_by)
    except Exception as error:  # a package that is not installed, for instance
        raise UserError(f'{env_id} could not be made: {one_line(error)}') from error
    names = set(gym.spec(env_id).kwargs)
    for one in inspect.getmro(creator) if inspect.isclass(creator) else [creator]:
        made_by = vars(one).get('__init__') if inspect.isclass(one) else one
        if made_by is None:
            continue
        parameters = inspect.signature(made_by).parameters.values()
        names |= {one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            break
    return names


def _names_file_or_module(value):
    if isinstance(value, dict | list):
        return any(map(_names_file_or_module, [*value, *value.values()] if isinstance(value, dict) else value))
    return isinstance(value, str) and any(one in value for one in ':/\\~')


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
