"""XLA's cache of compiled programs on disk: a process need not compile what an earlier one has compiled.

This saves a run more than a second, and 140 MB of memory at its peak. TensorFlow writes and reads the files. XLA looks for a
program by all that it computes, so a changed setting or equation finds nothing old. A program fits the processor it was
compiled for, so each kind of processor has its own folder.
"""

import hashlib
import importlib
import os
import platform
import shutil
import sys
import time
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

ROOM = 100 * 2**20  # bytes that must be free, or nothing is kept
MOST = 400  # programs that are kept, half a megabyte each; those unused for longest are deleted
WHERE = 'linux', 'x86_64'  # where it has been tried
OPTION = 'tf_xla_persistent_cache'
folder = None  # of this process's cache; None: it has none


@contextmanager
def used():
    """Within it, importing TensorFlow makes it use the cache of this user and this processor, where that can be written.

    Your own choice in TF_XLA_FLAGS is kept; `--tf_xla_persistent_cache_directory=` turns the cache off.
    """
    global folder
    flags = os.environ.get('TF_XLA_FLAGS')
    if 'tensorflow' not in sys.modules and OPTION not in (flags or '') and (sys.platform, platform.machine()) == WHERE:
        with suppress(OSError, RuntimeError, StopIteration):  # no home, no room, a processor without a description
            folder = _usable_folder()
    if not folder:
        yield
        return
    os.environ['TF_XLA_FLAGS'] = f'{flags or ""} --{OPTION}_directory={folder} --{OPTION}_device_types=CPU'.strip()
    try:
        yield
        # TensorFlow reads all its flags for XLA when it needs the first one of them, which this call asks for.
        importlib.import_module('tensorflow.python.pywrap_tfe').TF_GetXlaConstantFoldingDisabled()
    finally:  # for the programs that this one starts
        if flags is None:
            del os.environ['TF_XLA_FLAGS']
        else:
            os.environ['TF_XLA_FLAGS'] = flags


def failed(error):
    """Whether TensorFlow raised `error` because it could not read or write a file of the cache; then the cache is emptied."""
    errors = importlib.import_module('tensorflow').errors
    damaged = isinstance(error, errors.DataLossError | errors.OutOfRangeError)
    if not folder or not (damaged or 'cache key' in error.message or str(folder) in error.message):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.mkdir(parents=True)
    return True


def _usable_folder():
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    features = next(line for line in Path('/proc/cpuinfo').read_text().splitlines() if line.startswith('flags'))
    key = hashlib.sha256(features.encode()).hexdigest()[:16]
    found = Path(base) / 'textbook-agents' / f'tensorflow-{version("tensorflow")}-{key}'
    found.mkdir(parents=True, exist_ok=True)
    unusable = any(map(str.isspace, str(found))) or not os.access(found, os.W_OK) or shutil.disk_usage(found).free < ROOM
    if unusable:
        return None
    _tidy(found)
    return found


def _tidy(found):
    """Deletes the files that have not been read for longest, and what a killed process has left half-written."""
    now, files = time.time(), []
    for one in os.scandir(found):
        with suppress(OSError):  # another process has deleted it
            status = one.stat()
            if one.name.endswith('.tmp') and now - status.st_mtime > 3600:
                os.remove(one)
            elif one.name.endswith('.pb'):
                files.append((max(status.st_atime, status.st_mtime), one.path))
    for _, path in sorted(files)[: max(0, len(files) - MOST)]:
        with suppress(OSError):
            os.remove(path)
