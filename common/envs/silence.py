"""What libraries say that is no concern of the user's."""

import contextlib
import ctypes
import os
import sys
import warnings


@contextlib.contextmanager
def no_warnings():
    """Gymnasium and EnvPool warn about casts and about replaced versions."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield


@contextlib.contextmanager
def no_output():
    """PyBullet prints from C: both file descriptors point nowhere for a while."""
    _flush()
    with open(os.devnull, 'w') as nowhere:
        kept = [(number, os.dup(number)) for number in (1, 2)]
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
    with contextlib.suppress(TypeError, OSError):  # not where the C library has no name
        ctypes.CDLL(None).fflush(None)
