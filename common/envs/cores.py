"""Chooses the cores for the runs of an experiment, and those for EnvPool's threads.

Runs that share all cores wait for each other's threads, so each run of an experiment keeps to cores of its own. EnvPool pins
each of its threads to a core: two threads that share one by chance can double the time of a step. EnvPool counts cores from 0,
so several processes would all take the first ones. A file lock therefore marks a core as taken while its process lives.
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
    """Keeps this thread, and all threads it starts from now on, to `count` cores in a row that no other process has taken.

    Nothing changes if `first_core` finds none.
    """
    first = first_core(count)
    if first >= 0:
        with contextlib.suppress(OSError):  # some sandboxes forbid it
            os.sched_setaffinity(0, range(first, first + count))


def first_core(count):
    """The first of `count` cores in a row that no other process has taken, or -1: then threads may run anywhere.

    Also -1 if this process may only use some of the cores, unless it took them itself, and on systems that cannot tell.
    """
    if count not in taken and getattr(os, 'sched_getaffinity', lambda _: ())(0) == set(range(os.cpu_count())):
        for first in range(0, os.cpu_count() - count + 1, count):
            locks = _take(range(first, first + count))
            if locks:
                taken[count] = first, locks
                break
    return taken[count][0] if count in taken else -1


def _take(cores):
    """The locks of all these cores, or [] if one of them is taken."""
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
