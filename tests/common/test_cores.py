"""Cores: no two processes keep to the same."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='threads are looked at as Linux shows them')
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
from common import cores
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
            pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            process = running.enter_context(
                subprocess.Popen([sys.executable, '-c', program], cwd=ROOT, env=environment, **pipes)
            )
            threads = json.loads(process.stdout.readline())
            running.callback(process.communicate, '\n')
            yield threads


def test_threads_of_two_processes_are_never_pinned_to_the_same_core(tmp_path):
    """The first process gets cores of its own, one a thread; the second others, or leaves its threads free."""
    everywhere, taken = sorted(os.sched_getaffinity(0)), []
    for number, threads in enumerate(of_processes(POOL, 2, tmp_path)):
        taken += [one[0] for one in threads if one != everywhere]
        if number == 0 and len(everywhere) == os.cpu_count():
            assert len(taken) == min(8, os.cpu_count())
    assert len(set(taken)) == len(taken)


def test_processes_keep_to_a_core_each_while_there_are_any(tmp_path):
    """And so does a thread that one starts afterwards; where every core is taken, a process runs anywhere."""
    everywhere = sorted(os.sched_getaffinity(0))
    if len(everywhere) < os.cpu_count():
        pytest.skip('some cores only are free to use here, and then nobody keeps to one')
    held = [threads[0] for threads in of_processes(KEPT, len(everywhere) + 1, tmp_path)]
    assert sorted(held[:-1]) == [[core] for core in everywhere]
    assert held[-1] == everywhere
