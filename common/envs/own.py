"""Environments that a program passes as a class or a function, with arguments of any kind, without registering them."""

import hashlib
import json
import pickle

from common.errors import UserError

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec

NAMESPACE = 'own'  # of the ids that classes and functions get


def registered(env):
    """The id of an environment: the id itself, or for a class or a function that makes one, `own/` and its name.

    UserError for an environment that is made already: a run makes several, and makes them anew.
    """
    if isinstance(env, str):
        return env
    name = getattr(env, '__name__', type(env).__name__).strip('<>')
    if not isinstance(env, type) and hasattr(env, 'step'):
        kind = type(env).__name__
        raise UserError(
            f'env is a {kind} object, but a run makes several environments: pass the class, {kind}, '
            f'or a function that makes one, such as lambda: {kind}(...)'
        )
    if not callable(env):
        wanted = 'an id such as CartPole-v1, a class, or a function that makes an environment'
        raise UserError(f'env is {env!r}: it must be {wanted}')
    known = [spec.id for spec in gym.registry.values() if spec.entry_point is env and spec.namespace != NAMESPACE]
    if known:
        return known[0]  # with the time limit it was registered with
    env_id = f'{NAMESPACE}/{name}-v0'
    gym.registry[env_id] = EnvSpec(env_id, entry_point=env)  # a class that was edited in a notebook replaces the one before
    return env_id


def split_data(env_args):
    """Arguments of an environment that JSON can hold, and those that it cannot: data, such as arrays and frames."""
    plain = {name: value for name, value in (env_args or {}).items() if _is_plain(value)}
    return plain, {name: value for name, value in (env_args or {}).items() if name not in plain}


def recorded(env_args):
    """Arguments of an environment as a record holds them: tuples as lists; data, such as arrays and frames, as its digest."""
    return {name: _as_json(value) if _is_plain(value) else _described(value) for name, value in env_args.items()}


def in_words(env_args):
    """Arguments of an environment as a title shows them: `map_name=8x8`; data by its type, long text shortened."""
    words = {name: value if _is_plain(value) else type(value).__name__ for name, value in env_args.items()}
    return ', '.join(f'{name}={str(value)[:30]}' for name, value in words.items())


def _is_plain(value):
    """Whether JSON can hold a value as it is, but for tuples, which become lists."""
    try:
        return json.loads(json.dumps(value)) == _as_json(value)
    except (TypeError, ValueError):
        return False


def _as_json(value):
    """A value with lists for the tuples in it."""
    if isinstance(value, dict):
        return {name: _as_json(one) for name, one in value.items()}
    return [_as_json(one) for one in value] if isinstance(value, tuple | list) else value


def _described(value):
    try:
        data = np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else pickle.dumps(value, protocol=4)
    except Exception:  # an object may refuse in any way
        data = repr(type(value)).encode()
    shape = list(getattr(value, 'shape', ()))
    return {'type': type(value).__name__, 'shape': shape, 'digest': hashlib.sha256(data).hexdigest()[:16]}
