"""Reads npz archives from anywhere: no pickle, sizes before bytes, and never more memory than the file has bytes.

`checkpoint.save` writes them with `numpy.savez`: members are not compressed, each is an array of numbers, one of them the JSON
record.
"""

import contextlib
import json
import math
import os
import zipfile
import zlib
from typing import NamedTuple

from common.errors import UserError, one_line

import numpy as np
from numpy.lib import format as npy

RECORD = 'record.json'
LARGEST_RECORD = 2**22  # bytes; a record has a few thousand, and more if arguments of the environment are data
LARGEST_HEADER = 10_000  # bytes, NumPy's own limit
UNREADABLE = (
    OSError, EOFError, KeyError, ValueError, TypeError, RuntimeError, NotImplementedError, MemoryError, SyntaxError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class Header(NamedTuple):
    """What an archive says of an array before its bytes."""

    shape: tuple
    dtype: np.dtype


def layout_of(arrays):
    """The headers of arrays by name, as `read` passes them to `choose`."""
    return {name: Header(array.shape, array.dtype) for name, array in arrays.items()}


def read(path, choose=None):
    """Returns the arrays of a file by name, and its record.

    `choose(layout, record)` is called before any array is read; `layout` has the `Header` of each by name. It returns the
    names to read and may raise UserError. Without it all arrays are read. UserError if the file is missing, truncated, of
    another kind, or contains a pickle.
    """
    if not isinstance(path, str | os.PathLike):
        raise UserError(f'path is {path!r}: it must be the path of an agent file')
    with _refusals(path), open(path, 'rb') as file, _archive(file) as archive:
        members = {}
        for info in archive.infolist():
            name = info.filename.removesuffix('.npy')
            if name in members or name == info.filename:
                raise ValueError(f'member {info.filename!r} is no array, or it is there twice')
            members[name] = info
        layout = {name: _header(archive, info) for name, info in members.items()}
        if RECORD not in layout:
            raise ValueError(f'it has no {RECORD}')
        if math.prod(layout[RECORD].shape) > LARGEST_RECORD or layout[RECORD].dtype != np.uint8:
            raise ValueError(f'its {RECORD} is no text of at most {LARGEST_RECORD} bytes')
        del layout[RECORD]
        record = json.loads(_array(archive, members[RECORD]).tobytes())
        names = layout if choose is None else choose(layout, record)
        return {name: _array(archive, members[name]) for name in names}, record


@contextlib.contextmanager
def _refusals(path):
    """Raises UserError for whatever goes wrong while a file is read."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f'there is no file {path}') from None
    except UNREADABLE as error:
        if 'pickle' in str(error).lower():
            raise UserError(f'{path} contains a pickle, which could run code; this project reads only its own files') from None
        reason = getattr(error, 'strerror', None) or error
        raise UserError(f'{path} is not an agent file, or it is damaged ({reason})') from error


@contextlib.contextmanager
def _archive(file):
    """The zip archive in an open file. ValueError unless its members, as its directory has them, fit into the file."""
    if not zipfile.is_zipfile(file):
        file.seek(0)
        raise ValueError('a pickle' if file.read(1) == b'\x80' else 'no npz archive')
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if any(info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size for info in infos):
            raise ValueError('it is compressed, and files of this project are not')
        if sum(info.file_size for info in infos) > os.fstat(file.fileno()).st_size:
            raise ValueError('its members claim to be larger than the file')
        yield archive


def _header(archive, info):
    """The `Header` of a member. ValueError unless it is an array of numbers that is exactly as large as the member."""
    with archive.open(info) as file:
        if npy.read_magic(file) != (1, 0):
            raise ValueError(f'{info.filename!r} has a header of another version')
        try:
            shape, _, dtype = npy.read_array_header_1_0(file, max_header_size=LARGEST_HEADER)
        except Exception as error:  # NumPy reads a header as Python, and raises what Python's parsers do
            raise ValueError(f'{info.filename!r} has no header of an array ({one_line(error)})') from error
        if dtype.hasobject:
            raise ValueError(f'{info.filename!r} is a pickle')
        if dtype.kind not in 'biuf' or any(type(size) is not int or size < 0 for size in shape):
            raise ValueError(f'{info.filename!r} is no array of numbers: it has type {dtype} and shape {shape}')
        if file.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise ValueError(f'{info.filename!r} is not as large as its shape {shape}')
    return Header(shape, dtype)


def _array(archive, info):
    with archive.open(info) as file:
        return npy.read_array(file, allow_pickle=False, max_header_size=LARGEST_HEADER)
