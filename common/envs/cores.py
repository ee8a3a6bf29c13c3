"""Which cores a run of an experiment keeps to, and which the threads that step environments are pinned to.

Side by side on all cores, runs wait for each other's threads more than these help: an experiment's keep to cores of their own.
EnvPool pins its threads, one to a core: two that share one by chance can double the time of a step. But it counts cores from 0,
so processes side by side would all take the first: a core that is taken is locked by a file here, while its process lives.
"""

import contextlib
import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

FOLDER = Path(tempfile.gettempdir()) / 'taken-cores'
taken = {}  # by this process: {how many in a row: (the first, their locks)}


def usable():
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()


def keep_to(count):
    """Keeps this thread, and all it starts from now on, to `count` cores in a row that no other process has taken.

    Where `first_core` finds none nothing changes.
    """
    first = first_core(count)
    if first >= 0:
        with contextlib.suppress(OSError):  # of sandboxes that forbid it
            os.sched_setaffinity(0, range(first, first + count))


def first_core(count):
    """The first of `count` cores in a row that no other process has taken, or -1: threads are then free to run anywhere.

    -1, too, where this process may use some cores only, unless it has taken them, and on systems that cannot tell.
    """
    if count not in taken and getattr(os, 'sched_getaffinity', lambda _: ())(0) == set(range(os.cpu_count())):
        for first in range(0, os.cpu_count() - count + 1, count):
            locks = _take(range(first, first + count))
            if locks:
                taken[count] = first, locks
                break
    return taken[count][0] if count in taken else -1


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
