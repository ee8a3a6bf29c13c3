"""Cores: no two processes keep to the same."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from common.envs import cores

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[3]
EVERY_CORE = sys.platform == 'linux' and len(os.sched_getaffinity(0)) == os.cpu_count()
free = pytest.mark.skipif(not EVERY_CORE, reason='nothing is pinned but on Linux, where every core may be used')
POOL = """
import os
from common.envs import make_envs
envs = make_envs('Pendulum-v1', 8, 'envpool')
envs.reset(0)
print([sorted(os.sched_getaffinity(int(thread))) for thread in os.listdir('/proc/self/task')], flush=True)
input()
"""
KEPT = """
import os, threading
from common.envs import cores
cores.keep_to(1)
held = []
thread = threading.Thread(target=lambda: held.append(sorted(os.sched_getaffinity(0))))
thread.start()
thread.join()
print(held, flush=True)
input()
"""


def of_processes(program, count, tmp_path):
    """The cores of each thread that each of so many processes tells of, which live side by side."""
    environment = os.environ | {'TMPDIR': str(tmp_path)}
    with contextlib.ExitStack() as running:
        for _ in range(count):
            pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            process = running.enter_context(
                subprocess.Popen([sys.executable, '-c', program], cwd=ROOT, env=environment, **pipes)
            )
            threads = json.loads(process.stdout.readline())
            running.callback(process.communicate, '\n')
            yield threads


@free
def test_threads_of_two_processes_are_never_pinned_to_the_same_core(tmp_path):
    """The first process gets cores of its own, one a thread; the second others, or leaves its threads free."""
    everywhere, taken = sorted(os.sched_getaffinity(0)), []
    for number, threads in enumerate(of_processes(POOL, 2, tmp_path)):
        taken += [one[0] for one in threads if one != everywhere]
        if number == 0:
            assert len(taken) == min(8, os.cpu_count())
    assert len(set(taken)) == len(taken)


@free
def test_processes_keep_to_a_core_each_while_there_are_any(tmp_path):
    """And so does a thread that one starts afterwards; where every core is taken, a process runs anywhere."""
    everywhere = sorted(os.sched_getaffinity(0))
    held = [threads[0] for threads in of_processes(KEPT, len(everywhere) + 1, tmp_path)]
    assert sorted(held[:-1]) == [[core] for core in everywhere]
    assert held[-1] == everywhere


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of four cores, all of which may be used."""
    monkeypatch.setattr(cores, 'FOLDER', tmp_path)
    monkeypatch.setattr(cores, 'taken', {})
    monkeypatch.setattr(os, 'cpu_count', lambda: 4)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(os, 'sched_setaffinity', lambda *_: None, raising=False)
    return monkeypatch


def test_what_was_taken_stays_and_what_was_not_is_looked_for_again(machine, tmp_path):
    with FileLock(tmp_path / '0'), FileLock(tmp_path / '3'):
        assert cores.first_core(2) == -1
        assert cores.first_core(1) == 1
    assert cores.first_core(1) == 1, 'the same, though the first is free now'
    assert cores.first_core(2) == 2


def test_a_thread_keeps_to_so_many_cores_that_are_free(machine, tmp_path):
    kept = []
    machine.setattr(os, 'sched_setaffinity', lambda *which: kept.append(which))
    with FileLock(tmp_path / '1'):
        cores.keep_to(2)
    assert [(thread, list(which)) for thread, which in kept] == [(0, [2, 3])]


@pytest.mark.parametrize('some', [{1, 2, 3, 4}, {0, 1}])
def test_nobody_keeps_to_cores_where_not_all_are_free_to_use_or_bear_other_numbers(some, machine):
    machine.setattr(os, 'sched_getaffinity', lambda _: some)
    assert cores.first_core(1) == -1
    assert cores.usable() == len(some)


def test_without_linux_all_cores_are_used_and_none_is_taken(machine):
    machine.delattr(os, 'sched_getaffinity')
    machine.delattr(os, 'sched_setaffinity')
    cores.keep_to(1)
    assert cores.first_core(2) == -1
    assert cores.usable() == 4
