"""Checks an environment's spaces and what its `reset` and `step` return. One line says what is wrong and what to write."""

from textwrap import shorten

from common.errors import UserError
from common.spaces import ActionSpace

import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Space, Tuple, flatdim

WIDEST = 1e15  # the largest action and, one over it, the smallest range: squares and their products must be float32
LARGE = 1e30  # a sum of rewards that is smaller has no NaN, no infinity, nothing beyond float32
STEP = 'step() must return (state, reward, terminated, truncated, info)'
OLD_GYM = 'gym is the old package: write import gymnasium as gym'


def check_spaces(env_id, observations, actions):
    """Raises UserError unless agents can take states of the space `observations` and choose from the space `actions`."""
    for name, space in (('observation_space', observations), ('action_space', actions)):
        if not isinstance(space, Space):
            raise UserError(f"{env_id}'s {name} is {_what(space)}, not one of Gymnasium's spaces: {_instead(space)}")
    for space in _parts(observations):
        if not isinstance(space, Box | Discrete | MultiDiscrete | MultiBinary):
            remedy = 'turn it into numbers of a Box in an ObservationWrapper'
            raise UserError(f'{env_id} has states of type {space}, which no agent takes: {remedy}')
    if flatdim(observations) == 0:
        raise UserError(f'{env_id} has an empty observation_space, {observations}: a state must hold at least one number')
    if isinstance(actions, Discrete | MultiDiscrete | MultiBinary):
        return
    if not isinstance(actions, Box):
        remedy = 'make it a Box, Discrete, MultiDiscrete or MultiBinary in an ActionWrapper'
        raise UserError(f'{env_id} has actions of type {actions}, which no agent supports: {remedy}')
    if not np.issubdtype(actions.dtype, np.floating):
        remedy = 'use Discrete(n, start=low) or MultiDiscrete for whole numbers, a Box of numpy.float32 for real ones'
        raise UserError(f'{env_id} has a Box of {actions.dtype} as actions, but agents return floats for a Box: {remedy}')
    if not actions.is_bounded():
        raise UserError(f'{env_id} has a Box without bounds as actions, {actions}: give it a finite low and high')
    if actions.low.size == 0:
        raise UserError(f'{env_id} has an empty action_space, {actions}: an action must hold at least one number')
    low, high = actions.low.astype(np.float64), actions.high.astype(np.float64)
    if not (low < high).all():
        wrong = f'a Box of actions in which low is not below high everywhere, {actions}'
        raise UserError(f'{env_id} has {wrong}: make every low smaller than its high')
    if max(-low.min(), high.max()) > WIDEST or not np.subtract(*reversed(ActionSpace(actions).action_bound)).min() > 1 / WIDEST:
        remedy = 'give the Box bounds such as -1 and 1, and scale the action in step()'
        raise UserError(f'{env_id} has action bounds too large or too close together to compute with, {actions}: {remedy}')


def check_reset(env_id, returned):
    """Raises UserError unless `returned`, which an environment's `reset` returned, is a state and a dict."""
    pair = isinstance(returned, tuple | list) and len(returned) == 2
    if not pair or not isinstance(returned[1], dict):
        raise UserError(f"{env_id}'s reset() returned {_what(returned)}; reset() must return (state, info), info a dict")


def check_step(env_id, returned, space):
    """Raises UserError if something is wrong with what an environment's `step` returned. Its states are of `space`."""
    if not isinstance(returned, tuple | list) or len(returned) != 5:
        raise UserError(f"{env_id}'s step() returned {_what(returned)}; {STEP}")
    check_state(env_id, returned[0], space, 'step')
    if not _is_single(returned[1], 'biuf'):
        remedy = 'return one number, float(reward)'
        raise UserError(f"{env_id}'s step() returned {_what(returned[1])} as the reward; {remedy}")
    as_flag(env_id, returned[2], 'terminated')
    as_flag(env_id, returned[3], 'truncated')


def as_flag(env_id, flag, name):
    """What an environment's `step` returned as `name`, terminated or truncated. Raises UserError unless it is true or false."""
    if not (isinstance(flag, bool | np.bool) or _is_single(flag, 'b')):
        raise UserError(f"{env_id}'s step() returned {_what(flag)} as {name}; {STEP}, and {name} is True or False")
    return flag


def check_state(env_id, state, space, method, part='the state'):
    """Raises UserError unless `state`, from the environment's `method`, has the kind and the shape that `space` says.

    Whole numbers must be those of the space. The bounds of a Box are not checked.
    """
    if type(state) is int and isinstance(space, Discrete) and 0 <= state - space.start < space.n:
        return  # at once: this is looked at in every step
    if isinstance(space, Dict):
        if not isinstance(state, dict):
            raise _refused(env_id, state, space, method, part, f'return a dict with {_keys(space)}')
        missing = [key for key in space if key not in state]
        if missing:
            raise _refused(env_id, state, space, method, part, f'add {_keys(missing)}')
        for key, one in space.items():
            check_state(env_id, state[key], one, method, f"{part}'s '{key}'")
    elif isinstance(space, Tuple):
        if not isinstance(state, tuple | list) or len(state) != len(space.spaces):
            raise _refused(env_id, state, space, method, part, f'return a tuple of {len(space.spaces)}')
        for i, (one, inner) in enumerate(zip(state, space.spaces, strict=True)):
            check_state(env_id, one, inner, method, f"{part}'s part {i}")
    else:
        wrong = _wrong_number(state, space)
        if wrong:
            raise _refused(env_id, state, space, method, part, wrong)


def check_finite(env_id, values, what, from_reset):
    """Raises UserError unless the states or rewards `values`, float32 (num_envs, ...), are finite.

    `what` is 'state' or 'reward'; `from_reset`, (num_envs,), bool, tells which come from `reset`, the others from `step`.
    """
    finite = np.isfinite(values)
    if 0 in finite.tobytes():  # a fifth of the time that finite.all() takes
        row, *place = map(int, np.argwhere(~finite)[0])
        where = f' at [{place[0]}]' if place else ''
        method = 'reset' if from_reset[row] else 'step'
        remedy = 'return finite numbers below 3e38: look for a division by zero, a logarithm or missing data'
        raise UserError(f"{env_id}'s {method}() returned a {what} with {values[row, *place]}{where}; {remedy}")


def _wrong_number(state, space):
    """What to return instead of `state` in a space of numbers; None if nothing is wrong with it."""
    try:
        array = np.asarray(state)
    except ValueError:  # rows of different lengths
        return f'return an array of shape {space.shape}'
    if array.dtype.kind not in 'biuf':
        return f'return numbers: numpy.array(state, numpy.{space.dtype})'
    if array.shape != space.shape:
        return f'return an array of shape {space.shape}'
    if isinstance(space, Discrete | MultiDiscrete):
        last = space.start + (space.n if isinstance(space, Discrete) else space.nvec) - 1
        if array.dtype.kind == 'f' or (array < space.start).any() or (array > last).any():
            return f'return whole numbers from {space.start} to {last}'
    if isinstance(space, MultiBinary) and not np.isin(array, (0, 1)).all():
        return 'return zeros and ones'
    return None


def _refused(env_id, state, space, method, part, remedy):
    """The UserError for a state that an environment's method returned, and that its space does not have."""
    says = f'shape {space.shape}' if isinstance(space, Box) else space
    return UserError(f"{env_id}'s {method}() returned {_what(state)} as {part}, but its observation_space is {says}; {remedy}")


def _is_single(value, kinds):
    """Whether a value is one number or flag, not an array, of one of NumPy's `kinds`."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return False
    return array.shape == () and array.dtype.kind in kinds


def _instead(space):
    """What to write instead of something that is no space."""
    if (space if isinstance(space, type) else type(space)).__module__.partition('.')[0] == 'gym':
        return OLD_GYM
    return 'write gymnasium.spaces.Box(low, high, shape) or another, with arguments'


def _parts(space):
    """The spaces of which a Dict or Tuple consists, or the space itself."""
    if isinstance(space, Dict | Tuple):
        spaces = space.spaces.values() if isinstance(space, Dict) else space.spaces
        return [part for one in spaces for part in _parts(one)]
    return [space]


def _keys(names):
    return 'the keys ' + ', '.join(map(repr, names))


def _what(value):
    """What a value is, in few words."""
    kind = type(value)
    if isinstance(value, type):
        return f'the class {value.__name__}'
    if isinstance(value, dict):
        return f'a dict with {_keys(value)}' if value else 'an empty dict'
    if isinstance(value, np.ndarray):
        shown = f' {" ".join(str(value).split())}' if 0 < value.size <= 4 else ''
        return f'an array{shown} of shape {value.shape} and dtype {value.dtype}'
    if isinstance(value, tuple | list):
        return f'a {kind.__name__} of {len(value)}'
    if value is None or isinstance(value, bool | int | float | str):
        return shorten(repr(value), 40)
    return f'{value} ({kind.__name__})' if np.ndim(value) == 0 and isinstance(value, np.generic) else f'a {kind.__name__}'
