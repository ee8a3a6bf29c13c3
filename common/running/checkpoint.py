"""Agent files and checkpoints: an npz of named arrays with a JSON record inside.

A file is written completely or not at all, and is read without pickle, so that it cannot run code.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import re
import sys
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

from common import spaces
from common.errors import UserError, one_line

import numpy as np

RECORD = 'record.json'
RECORDED = {  # in the record of every agent: what `describe` returns
    'algorithm': str, 'state_dim': int, 'action_dim': int | list, 'action_bound': list | None, 'settings': dict,
}  # fmt: skip
TRAINED = {'env': str, 'env_args': dict, 'engine': str, 'seed': int, 'steps': int}  # and if a run has trained it
PATIENCE = 10  # seconds to wait, on Windows, for other programs to close a file that is to be replaced
UNREADABLE = OSError, EOFError, KeyError, ValueError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error


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

    UserError if they are not spaces or do not have the record's sizes.
    """
    if 'state_space' not in record:
        return None
    try:
        found = (
            spaces.from_description(record['state_space']),
            spaces.from_description(record['action_space'], record['action_bound']),
        )
        spaces.agent_spaces(*sizes_of(record), found)
    except (KeyError, TypeError, ValueError, OverflowError, AssertionError) as error:
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

    UserError if a name, a shape or a type differs, or a number is not finite; then nothing is assigned. If a part has a true
    attribute `grows`, as a replay buffer has, the first dimension of its arrays may be of any size.
    """
    found = {}
    for part, values in parts.items():
        found[part] = {}
        free = int(getattr(values, 'grows', False))  # leading dimensions that are not compared
        for name, value in _arrays(values).items():
            full = f'{part}/{name}'
            if full not in arrays:
                raise UserError(f"{path} has no array '{full}': it is not a file of this agent")
            if arrays[full].shape[free:] != value.shape[free:]:
                raise UserError(
                    f"{path} has shape {arrays[full].shape} for '{full}', this agent has {value.shape}: "
                    'it was trained with another network or environment'
                )
            if arrays[full].dtype.kind != value.dtype.kind:
                raise UserError(f"{path} has '{full}' as {arrays[full].dtype}, this agent as {value.dtype}: it is damaged")
            if not np.isfinite(arrays[full]).all():
                raise UserError(f"{path} has numbers in '{full}' that are not finite: it cannot be used")
            found[part][name] = arrays[full]
    for part, values in parts.items():
        if hasattr(values, 'arrays'):
            try:
                values.assign(found[part])
            except ValueError as error:
                raise UserError(f'{path} does not fit this agent ({error})') from error
        else:
            for variable, array in zip(values, found[part].values(), strict=True):
                variable.assign(array)


def save(path, arrays, record):
    """Writes arrays and a record to a temporary file, flushes it and renames it to `path`.

    So `path` is a whole file at any time. UserError if the disk is full or the folder cannot be written; then an older file
    stays.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.partial')
    encoded = np.frombuffer(json.dumps(record, indent=1).encode(), np.uint8)
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, 'wb') as file:
                np.savez(file, **arrays, **{RECORD: encoded})
                file.flush()
                os.fsync(file.fileno())
            replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def replace(temporary, path):
    """Renames a file to `path`; a file that is there is replaced.

    Windows refuses that while another program has `path` open: a test that loads the agent, a virus scanner, a spreadsheet.
    There it is tried again for PATIENCE seconds.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return os.replace(temporary, path)
        except PermissionError:
            if sys.platform != 'win32' or time.monotonic() > until:
                raise
        time.sleep(0.05)


@contextlib.contextmanager
def writing(path):
    """Raises UserError instead of OSError: `path` cannot be written."""
    try:
        yield
    except OSError as error:
        advice = 'free some space or name another folder'
        if sys.platform == 'win32' and isinstance(error, PermissionError):
            advice = 'close it in other programs or name another folder'
        raise UserError(f'cannot write {path}: {error.strerror or error}; {advice}') from error


def load(path):
    """Reads a file that `save` wrote; returns its arrays by name and its record.

    UserError if the file is missing, truncated, of another kind, or contains a pickle.
    """
    try:
        if not zipfile.is_zipfile(path):
            with open(path, 'rb') as file:
                pickled = file.read(1) == b'\x80'
            raise ValueError('a pickle' if pickled else 'no npz archive')
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        record = json.loads(arrays.pop(RECORD).tobytes())
    except FileNotFoundError:
        raise UserError(f'there is no file {path}') from None
    except UNREADABLE as error:
        if 'pickle' in str(error).lower():
            raise UserError(f'{path} contains a pickle, which could run code; this project reads only its own files') from None
        reason = getattr(error, 'strerror', None) or error
        raise UserError(f'{path} is not an agent file, or it is damaged ({reason})') from error
    return arrays, record


def load_record(path, algorithms):
    """Reads the record of an agent file. UserError unless it is of one of the algorithms and fits the file's arrays."""
    arrays, record = load(path)
    found = record if isinstance(record, dict) else {}
    wrong = [name for name, kind in RECORDED.items() if name not in found or not isinstance(found[name], kind)]
    wrong += [name for name, kind in TRAINED.items() if name in found and not isinstance(found[name], kind)]
    if wrong:
        raise UserError(f'{path} is not an agent file: its record lacks {", ".join(sorted(wrong))}, or has it as another type')
    if record['algorithm'] not in algorithms:
        raise UserError(f'{path} holds an agent of {record["algorithm"]}, not of {" or ".join(algorithms)}')
    _check_sizes(arrays, record, path)
    return record


def _check_sizes(arrays, record, path):
    """Compares the sizes in a record with the arrays, so that a damaged record cannot ask for a network of 10^9 units."""
    try:
        outputs = sum(record['action_dim']) if isinstance(record['action_dim'], list) else record['action_dim']
        sizes = [record['state_dim'], *record['settings']['hidden'], outputs]
        wanted = {f'actor/{2 * i}_weights': layer for i, layer in enumerate(itertools.pairwise(sizes))}
        with np.errstate(over='ignore'):
            bounds = np.array([[-1.0], [1.0]] if record['action_bound'] is None else record['action_bound']).astype(np.float32)
        dims = 1 if record['action_bound'] is None else record['action_dim']
        fits = bounds.shape == (2, dims) and np.isfinite(bounds).all() and (bounds[0] < bounds[1]).all()
        returns = arrays.get('normalizer/open_returns')
        fits = fits and (returns is None or returns.shape == (record['settings']['num_envs'],))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f'{path} is not an agent file: its record has sizes that are not valid ({error})') from error
    differing = [name for name, shape in wanted.items() if name not in arrays or arrays[name].shape != shape]
    if differing or not fits:
        other = (*differing, 'action_bound or normalizer/open_returns')[0]
        raise UserError(f'{path} has sizes in its record, {sizes}, that do not fit its {other}')
