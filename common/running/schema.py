"""What agent files and checkpoints hold: the name, kind and range of every field of a record and of every array of a run.

All of it is checked before anything is used. Fields that nobody here knows, as `save(path, record)` can add, may be anything.
"""

import copy
import itertools
import json
import math

from common.errors import UserError
from common.spaces import ActionSpace

import numpy as np


def _whole(low, high=2**63 - 1):
    said = f'a whole number of at least {low}' if high > 2**32 else f'a whole number from {low} to {high}'
    return lambda value: type(value) is int and low <= value <= high, said


def _is_number(value):
    return type(value) in (int, float)


def _is_finite(value):
    return _is_number(value) and abs(value) < math.inf


def _is_setting(value):
    return all(type(one) is str or type(one) is bool or _is_finite(one) for one in (value if type(value) is list else [value]))


def _is_bound(value):
    return type(value) is list and len(value) == 2 and all(type(end) is list and all(map(_is_finite, end)) for end in value)


def _are_choices(value):
    return type(value) is list and value and all(type(one) is int and 1 <= one < 2**63 for one in value)


def _is_evaluation(value):
    wanted = {'mean_return': _is_number, 'std': _is_number, 'episodes': _whole(1)[0]}
    return type(value) is dict and all(name in value and right(value[name]) for name, right in wanted.items())


_TEXT = lambda value: type(value) is str, 'text'
DEEPEST = 30  # dicts and lists within each other in a record


def _is_shallow(value, left=DEEPEST):
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return left > 0 and all(_is_shallow(one, left - 1) for one in inner)


_DICT = lambda value: type(value) is dict and _is_shallow(value), f'names with values, at most {DEEPEST} within each other'
IDENTITY = {  # what `checkpoint.describe` returns
    'algorithm': _TEXT,
    'state_dim': _whole(1),
    'action_dim': (lambda value: _whole(1)[0](value) or _are_choices(value), 'a whole number of at least 1, or a list of them'),
    'action_bound': (lambda value: value is None or _is_bound(value), 'null, or two lists of finite numbers'),
    'settings': (
        lambda value: type(value) is dict and all(map(_is_setting, value.values())),
        'names with finite numbers, true, false, text or lists of these',
    ),
    'state_space': _DICT,
    'action_space': _DICT,
}
TRAINED = {  # and what `results.describe` adds
    'env': _TEXT,
    'env_args': _DICT,
    'engine': (lambda value: value in ('envpool', 'gymnasium'), 'envpool or gymnasium'),
    'seed': _whole(0, 2**31 - 1),
    'recreations': _whole(0),
    'renewals': _whole(0),  # its former name
    'steps': _whole(0),
    'left_out': _whole(0),
    'updates': _whole(0),
    'episodes': _whole(0),
    'seconds': (lambda value: _is_finite(value) and value >= 0, 'a finite number of at least 0'),
    'commit': _TEXT,
    'processor': _TEXT,
    'versions': (lambda value: type(value) is dict and all(type(one) is str for one in value.values()), 'names with text'),
    'evaluation': (_is_evaluation, 'mean_return, std and episodes'),
    'rng': _DICT,
}
FOR_ACTING = 'actor', 'critic', 'normalizer'  # the parts of an agent that its file holds
# Fields that a record must have: of an agent (those from before version 1.0 lack the spaces), and of a run's checkpoint.
OF_AGENT = 'algorithm', 'state_dim', 'action_dim', 'action_bound', 'settings'
OF_CHECKPOINT = 'settings', 'engine', 'seed', 'steps', 'updates', 'seconds', 'rng'
EPISODES = {  # the arrays of an `EpisodeLog`: kind of number, and what must be as long
    'steps': ('i', 'steps'), 'returns': ('f', 'steps'), 'lengths': ('i', 'steps'),
    'test_steps': ('i', 'test_steps'), 'test_returns': ('f', 'test_steps'),
    'open_returns': ('f', None), 'open_lengths': ('i', None),
}  # fmt: skip


def check_record(path, record, needed=OF_AGENT):
    """Raises UserError unless a record has the fields `needed`, and every field that is known here has its kind and range."""
    if type(record) is not dict:
        raise UserError(f'{path} is not an agent file: its record is not names with values')
    lacking = [name for name in needed if name not in record]
    if lacking:
        raise UserError(f'{path} is not an agent file: its record lacks {", ".join(lacking)}')
    for name, (right, wanted) in (IDENTITY | TRAINED).items():
        if name in record and not right(record[name]):
            raise UserError(f'{path} is damaged: its record has {name} {_short(record[name])}, and it must be {wanted}')


def check_sizes(path, record, layout):
    """Raises UserError unless the sizes in a record are those of the arrays.

    So a damaged record cannot ask for a network of 10^9 units. `layout`: the arrays' headers by name.
    """
    bound, choices = record['action_bound'], record['action_dim']
    hidden, num_envs = (record['settings'].get(name) for name in ('hidden', 'num_envs'))
    if type(hidden) is not list or not all(map(_is_finite, hidden)):
        raise UserError(f'{path} is not an agent file: its record has no sizes of hidden layers')
    sizes = [record['state_dim'], *hidden, sum(choices) if type(choices) is list else choices]
    wanted = {f'actor/{2 * i}_weights': layer for i, layer in enumerate(itertools.pairwise(sizes))}
    differing = [name for name, shape in wanted.items() if name not in layout or layout[name].shape != shape]
    if not _fits(bound, choices):
        differing.append('action_bound')
    returns = layout.get('normalizer/open_returns')
    if returns and returns.shape != (num_envs,):
        differing.append('normalizer/open_returns')
    if differing:
        raise UserError(f'{path} has sizes in its record, {_short(sizes)}, that do not fit its {differing[0]}')


def _fits(bound, choices):
    if bound is None:
        return True
    with np.errstate(over='ignore'):
        low, high = (np.array(end).astype(np.float32) for end in bound)
    return low.shape == high.shape == (choices,) and bool(np.isfinite([low, high]).all() and (low < high).all())


def check_rng(path, state, rng):
    """Raises UserError unless the random generator `rng` could be put into this state; it stays as it is."""
    tried = copy.deepcopy(rng.bit_generator)
    try:
        tried.state = state
        taken = json.dumps(tried.state, sort_keys=True) == json.dumps(state, sort_keys=True)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        taken = False
    if not taken:
        raise UserError(f'{path} is damaged: its record has a state of random numbers that no generator has')


def check_run(path, layout, envs):
    """Raises UserError unless the arrays of a checkpoint that are a run's, not its agent's, have their kinds and shapes."""
    drawn = ActionSpace(envs.spaces[1])
    found = {name: header for name, header in layout.items() if of_run(name)}
    wanted = {f'episodes/{name}': kind for name, kind in EPISODES.items()}
    missing = [*(wanted.keys() | {'losses/steps', 'losses/updates/count'}) - found.keys()]
    if missing:
        raise UserError(f'{path} is damaged: it has no array {min(missing)}')
    rows = layout['losses/steps'].shape
    for name, (shape, dtype) in found.items():
        if name in wanted:
            kind, like = wanted[name]
            right = shape == ((envs.num_envs,) if like is None else layout[f'episodes/{like}'].shape) and len(shape) == 1
        elif name == 'envs/actions':
            kind, right = 'i' if drawn.discrete else 'f', shape[1:] == (envs.num_envs, *drawn.draw_shape)
        elif name == 'envs/state':
            kind, right = 'f', shape == (envs.num_envs, envs.state_dim)
        else:
            single = name.startswith(('losses/sums/', 'losses/updates/'))
            kind = 'i' if name in ('losses/steps', 'losses/updates/count') else 'f'
            right = name.startswith('losses/') and shape == (() if single else rows) and len(shape) < 2
        if not right or (dtype.kind != kind and 0 not in shape):  # NumPy makes floats of an empty list
            raise UserError(f'{path} is damaged: it has {_short(name)} as {dtype} of shape {shape}')


def check_numbers(path, arrays, envs):
    """Raises UserError unless the numbers in a checkpoint's arrays are in their ranges.

    The floats of an agent are left out: they are checked as the agent holds them.
    """
    for name, array in arrays.items():
        if not of_run(name) and array.dtype.kind != 'i':
            continue
        if name == 'envs/actions' and envs.discrete:
            right = ((array >= 0) & (array < np.array(envs.action_dim))).all()
        elif array.dtype.kind == 'i':
            right = (array >= 0).all()
        else:  # what an update did not report is NaN
            right = name.startswith('losses/') or np.isfinite(array).all()
        if not right:
            raise UserError(f'{path} is damaged: it has numbers out of range in {name}')


def of_run(name):
    """Whether an array of a checkpoint belongs to its run: to its episodes, its losses or its environments."""
    return name.startswith(('episodes/', 'losses/', 'envs/'))


def _short(value):
    text = str(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
