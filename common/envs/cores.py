"""Which cores EnvPool's threads are pinned to: no two processes' to the same.

Pinned, two threads never share a core by chance, which can double the time of a step. But EnvPool counts cores from 0, so
processes side by side would all take the first ones: here a core that is taken is locked, by a file, while its process lives.
"""

import functools
import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

FOLDER = Path(tempfile.gettempdir()) / 'envpool-cores'
held = []  # the locks of this process


@functools.cache
def first_core(threads):
    """The first of `threads` cores in a row that no process has taken, or -1: the threads are then free to run anywhere.

    -1, too, where this process may not use every core, and on systems that cannot tell.
    """
    try:
        if len(os.sched_getaffinity(0)) < os.cpu_count():
            return -1
    except AttributeError:  # not Linux
        return -1
    for first in range(0, os.cpu_count() - threads + 1, threads):
        locks = _take(range(first, first + threads))
        if locks:
            held.extend(locks)
            return first
    return -1


def _take(cores):
    """The locks of all these cores, or none of them where one is taken."""
    locks = []
    try:
        FOLDER.mkdir(exist_ok=True)
        for core in cores:
            locks.append(FileLock(FOLDER / str(core), thread_local=False))
            locks[-1].acquire(blocking=False)
    except (Timeout, OSError):  # taken, or another user's
        for lock in locks:
            lock.release()
        return []
    return locks
