"""Agent files and checkpoints: an npz of named arrays with a JSON record inside.

A file is written completely or not at all, and is read without pickle, so that it cannot run code.
"""

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

from common import spaces
from common.errors import UserError, one_line
from common.running import archive, schema
from common.running.files import replacing, writing

import numpy as np
from gymnasium.spaces import Discrete

written = set()  # the files that this process has written: what their records name was named by the program itself


def describe(algorithm, state_space, action_space, settings):
    """The part of a record from which an agent can be built again, a dict for JSON; spaces as `common.spaces` has them."""
    bound = action_space.action_bound
    return {
        'algorithm': algorithm,
        'state_dim': state_space.dim,
        'action_dim': action_space.action_dim,
        'action_bound': None if bound is None else [one.tolist() for one in bound],
        'state_space': spaces.describe(state_space.space),
        'action_space': spaces.describe(action_space.space),
        'settings': dataclasses.asdict(settings),
    }


def sizes_of(record) -> tuple[int, Any, Any]:
    """The state_dim, action_dim and action_bound of a record, as an agent's constructor takes them."""
    action_dim = record['action_dim']
    return record['state_dim'], tuple(action_dim) if isinstance(action_dim, list) else action_dim, record['action_bound']


def spaces_of(record):
    """The Gymnasium spaces (states, actions) of a record; None if it has none, as agents from before version 1.0.

    Of those, agents for FrozenLake get its two Discrete spaces. UserError if they are not spaces or do not have the record's
    sizes, which are compared before a space is made.
    """
    state_dim, action_dim, bound = sizes_of(record)
    if 'state_space' not in record:
        name = re.split('[:/]', record.get('env', ''))[-1]
        is_lake = name.startswith('FrozenLake') and bound is None and isinstance(action_dim, int)
        return (Discrete(state_dim), Discrete(action_dim)) if is_lake else None
    try:
        found = (
            spaces.from_description(record['state_space'], most=state_dim),
            spaces.from_description(record['action_space'], bound, most=int(np.sum(action_dim))),
        )
        _, actions = spaces.agent_spaces(state_dim, action_dim, bound, found)
        if actions.discrete != (bound is None):
            raise ValueError(f'actions of {found[1]} with action_bound {bound}')
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, AssertionError, RecursionError) as error:
        raise UserError(f'the record has spaces that are not valid ({one_line(error)}): the file is damaged') from error
    return found


def named(**parts):
    """The arrays of several parts of an agent by name: `named(actor=variables)` is `{'actor/0_weights': array, ...}`.

    A part is a list of TensorFlow variables, or an object with `arrays()`, which returns a dict of NumPy arrays, and
    `assign(arrays)`, which takes them back.
    """
    return {f'{part}/{name}': array for part, values in parts.items() for name, array in _arrays(values).items()}


def _arrays(values):
    if hasattr(values, 'arrays'):
        return values.arrays()
    return {f'{i}_{_own_name(variable)}': variable.numpy() for i, variable in enumerate(values)}


def _own_name(variable):
    """The name without the layer, which each process numbers differently.

    'weights' for 'dense_7/weights:0', 'momentum' for 'dense_7_weights_0_momentum'.
    """
    return re.sub(r'.*_\d+_', '', variable.name.split('/')[-1].removesuffix(':0'))


def assign(arrays, path, **parts):
    """Assigns arrays from `named` to the parts of an agent.

    UserError if a name, a shape or a type differs, or a number is not finite as the agent holds it; then nothing is assigned.
    If a part has a true attribute `grows`, as a replay buffer has, the first dimension of its arrays may be of any size.
    """
    found = {part: {} for part in parts}
    for part, name, value in compare(archive.layout_of(arrays), path, parts, lambda name: name.partition('/')[0] not in parts):
        with np.errstate(over='ignore'):
            found[part][name] = array = arrays[f'{part}/{name}'].astype(value.dtype, copy=False)
        if not np.isfinite(array).all():
            raise UserError(f"{path} has numbers in '{part}/{name}' that are not finite: it cannot be used")
    for part in sorted(parts, key=lambda part: not hasattr(parts[part], 'arrays')):  # those first that may refuse
        values = parts[part]
        if hasattr(values, 'arrays'):
            try:
                values.assign(found[part])
            except ValueError as error:
                raise UserError(f'{path} does not fit this agent ({error})') from error
        else:
            for variable, array in zip(values, found[part].values(), strict=True):
                variable.assign(array)


def compare(layout, path, parts, others=lambda name: False):
    """Compares the headers of a file's arrays with the parts of an agent; returns (part, name, array of the agent) of each.

    UserError if a name, a shape or a kind of number differs, or if the file has an array that is neither the agent's nor one
    of the `others`.
    """
    wanted = [(part, name, value) for part, values in parts.items() for name, value in _arrays(values).items()]
    for part, name, value in wanted:
        full = f'{part}/{name}'
        if full not in layout:
            raise UserError(f"{path} has no array '{full}': it is not a file of this agent")
        shape, dtype = layout[full]
        free = int(getattr(parts[part], 'grows', False))  # leading dimensions that are not compared
        if len(shape) != value.ndim or shape[free:] != value.shape[free:]:
            raise UserError(
                f"{path} has shape {shape} for '{full}', this agent has {value.shape}: "
                'it was trained with another network or environment'
            )
        if dtype.kind != value.dtype.kind:
            raise UserError(f"{path} has '{full}' as {dtype}, this agent as {value.dtype}: it is damaged")
    known = {f'{part}/{name}' for part, name, _ in wanted}
    unknown = [name for name in layout if name not in known and not others(name)]
    if unknown:
        raise UserError(f"{path} has an array '{unknown[0]}', which this agent has not: it is not a file of this agent")
    return wanted


def restore(path, **parts):
    """Assigns what a file holds of the parts of an agent; the file may be an agent file or a checkpoint.

    Names, shapes and kinds are compared before an array is read, and what else a checkpoint has is not read. UserError as from
    `load` and `assign`, and if an agent file has other arrays.
    """

    def choose(layout, record):
        in_checkpoint = type(record) is dict and 'rng' in record
        wanted = compare(layout, path, parts, others=lambda name: in_checkpoint and name.partition('/')[0] not in parts)
        return [f'{part}/{name}' for part, name, _ in wanted]

    assign(load(path, choose)[0], path, **parts)


def save(path, arrays, record):
    """Writes arrays and a record to a temporary file, flushes it and renames it to `path`.

    So `path` is a whole file at any time. UserError if the disk is full or the folder cannot be written; then an older file
    stays.
    """
    encoded = np.frombuffer(json.dumps(record, indent=1).encode(), np.uint8)
    if len(encoded) > archive.LARGEST_RECORD:
        said = f'the record of {path} has {len(encoded):,} bytes, and {archive.LARGEST_RECORD:,} is the most'
        raise UserError(f'{said}: let the environment read large data itself, instead of giving it as an argument')
    with writing(path), replacing(path) as (temporary,), open(temporary, 'wb') as file:
        np.savez(file, **arrays, **{archive.RECORD: encoded})
        file.flush()
        os.fsync(file.fileno())
    written.add(Path(path).resolve())


def load(path, choose=None):
    """Reads a file that `save` wrote; returns its arrays by name and its record.

    `choose(layout, record)` may refuse the file or name the arrays to be read, before any is read: see `archive.read`.
    UserError if the file is missing, truncated, of another kind, or contains a pickle.
    """
    return archive.read(path, choose)


def read_record(path):
    """Reads the record of an agent file or a checkpoint, and none of its arrays.

    UserError as from `load`, and unless the record has the fields of an agent and all fields have their kinds and ranges.
    """

    def choose(layout, record):
        schema.check_record(path, record)
        return ()

    return load(path, choose)[1]


def load_record(path, algorithms):
    """What `read_record` does. UserError also unless it is of one of the algorithms, and fits the file's arrays."""

    def choose(layout, record):
        schema.check_record(path, record)
        if record['algorithm'] not in algorithms:
            raise UserError(f'{path} holds an agent of {record["algorithm"]}, not of {" or ".join(algorithms)}')
        schema.check_sizes(path, record, layout)
        return ()

    return load(path, choose)[1]
