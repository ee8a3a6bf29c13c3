"""Silences messages of libraries that do not concern the user."""

import contextlib
import ctypes
import os
import sys
import warnings


@contextlib.contextmanager
def no_warnings():
    """Hides warnings: Gymnasium and EnvPool warn about casts and about versions that have a successor."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield


@contextlib.contextmanager
def no_output():
    """Hides output. PyBullet prints from C, so both file descriptors point to nothing for a while."""
    _flush()
    with open(os.devnull, 'w') as nowhere:
        kept = []
        for number in (1, 2):
            with contextlib.suppress(OSError):  # a program without a terminal has neither
                kept.append((number, os.dup(number)))
        try:
            for number, _ in kept:
                os.dup2(nowhere.fileno(), number)
            yield
        finally:
            _flush()
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        if stream:
            stream.flush()
    with contextlib.suppress(TypeError, OSError):  # TypeError: on systems where the C library has no name
        ctypes.CDLL(None).fflush(None)
