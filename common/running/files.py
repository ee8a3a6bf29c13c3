"""Writing files so that each is whole at any time: under another name first, then renamed."""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from common.errors import UserError

PATIENCE = 10  # seconds to wait, on Windows, for other programs to close a file that is to be replaced


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


@contextlib.contextmanager
def replacing(*paths):
    """Yields other paths to write to. At the end these files get the names `paths`; after an exception they are removed.

    They are in the same folder, which is made if there is none, and begin with a dot, as `clear_left_over` finds them.
    """
    paths = [Path(path) for path in paths]
    partial = [path.with_name(f'.{path.stem}.{os.getpid()}.partial{path.suffix}') for path in paths]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        for one, path in zip(partial, paths, strict=True):
            replace(one, path)
    finally:
        for one in partial:
            with contextlib.suppress(OSError):
                one.unlink(missing_ok=True)


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


def clear_left_over(folder, name=''):
    """Removes what a process that was killed has left of files whose names begin with `name`."""
    for left in folder.glob(f'.{name}*.partial*'):
        with contextlib.suppress(OSError):  # on Windows: another program has it open
            left.unlink(missing_ok=True)


def check_room(folder, size):
    """Writes so many bytes to `folder`, to the disk itself, and removes them; makes the folder. UserError if it cannot."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            block = os.urandom(2**20)  # some file systems do not store zeros
            for begun in range(0, size, len(block)):
                file.write(block[: size - begun])
            file.flush()
            os.fsync(file.fileno())
