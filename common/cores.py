"""Which cores a run keeps to, and the threads that step its environments: no two processes' to the same.

Side by side on all cores, runs wait for each other's threads more than these help: an experiment's keep to cores of their own.
The threads of a run that is alone are pinned one to a core, by EnvPool: two that share one by chance can double the time of a
step. But EnvPool counts cores from 0, so processes side by side would all take the first ones: a core that is taken is locked
here, by a file, while its process lives.
"""

import functools
import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

FOLDER = Path(tempfile.gettempdir()) / 'envpool-cores'
held = []  # the locks of this process


def usable():
    """The cores this process may run on; none where the system cannot tell, which only Linux can."""
    return getattr(os, 'sched_getaffinity', lambda _: set())(0)


def keep_to(count):
    """Keeps this process, with all threads it starts from now on, to `count` cores that no other has taken.

    Where there are none, or only some cores are its own to use, it stays free to run anywhere there.
    """
    first = first_core(count)
    if first >= 0:
        os.sched_setaffinity(0, range(first, first + count))


@functools.cache
def first_core(threads):
    """The first of `threads` cores in a row that no process has taken, or -1: the threads are then free to run anywhere.

    -1, too, where this process may not use every core, and on systems that cannot tell.
    """
    if len(usable()) < os.cpu_count():
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
