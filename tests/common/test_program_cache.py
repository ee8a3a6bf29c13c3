"""XLA's cache on disk: a second process compiles nothing, computes the same bits, and no file or disk can end a training.

What TensorFlow 2.21 does on its own: the key of a program has the name of its function, which counts the traces of the process;
and a damaged file or a full disk fails the call.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from common import program_cache

import pytest

ROOT = Path(__file__).parents[2]
HERE = sys.platform == 'linux' and os.uname().machine == 'x86_64'
pytestmark = pytest.mark.skipif(not HERE, reason='the cache is used on x86-64 Linux only')
PROGRAM = """
import sys, numpy as np
from common.backend import compiled, tf
from common import program_cache
class Agent:
    def __init__(self, factor):
        self.factor, self.weight = factor, tf.Variable(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4))
    @compiled
    def update(self, x):
        for _ in tf.range(3):
            self.weight.assign_add(self.factor * tf.tanh(tf.matmul(x, self.weight, transpose_a=True)) / 7.0)
        return tf.reduce_sum(self.weight)
answers = []
for factor in map(float, sys.argv[1:]):
    answers.append(Agent(factor).update(np.eye(3, dtype=np.float32) / 3).numpy().tobytes().hex())
print(program_cache.folder is not None, *answers[-1:])
"""


def run(cache, *factors, before='', **environment):
    environment = os.environ | {'XDG_CACHE_HOME': str(cache), 'PYTHONPATH': str(ROOT)} | environment
    file = cache.with_suffix('.py')  # AutoGraph reads it
    file.write_text(before + PROGRAM)
    done = subprocess.run([sys.executable, file, *map(str, factors)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def files(cache):
    return {path.name: path.stat().st_mtime_ns for path in cache.rglob('*.pb')}


@pytest.fixture(scope='module')
def filled(tmp_path_factory):
    """A cache with one program, and the program's answer."""
    cache = tmp_path_factory.mktemp('cache')
    used, answer = run(cache, 2)
    assert (used, len(files(cache))) == ('True', 1)
    return cache, answer


def test_a_second_process_compiles_nothing_and_computes_the_same(filled):
    cache, answer = filled
    first = files(cache)
    assert run(cache, 3, 2) == ['True', answer]  # after another trace, so that its functions have other numbers
    after = files(cache)
    assert len(after) == 2
    assert first.items() <= after.items()


@pytest.mark.slow
def test_without_the_cache_the_answer_is_the_same(filled):
    cache, answer = filled
    before = files(cache)
    assert run(cache, 2, TF_XLA_FLAGS='--tf_xla_persistent_cache_directory=') == ['False', answer]
    assert files(cache) == before


@pytest.mark.parametrize(
    'damage', ['cut', *(pytest.param(one, marks=pytest.mark.slow) for one in ('garbage', 'empty', 'removed'))]
)
def test_a_damaged_file_is_compiled_anew(filled, tmp_path, damage):
    cache, answer = filled
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    for path in tmp_path.rglob('*.pb'):
        whole = path.read_bytes()
        if damage == 'removed':
            path.unlink()
        else:
            path.write_bytes({'cut': whole[: len(whole) // 3], 'garbage': bytes(range(256)) * 40, 'empty': b''}[damage])
    assert run(tmp_path, 2) == ['True', answer]
    assert all(path.stat().st_size > 1000 for path in tmp_path.rglob('*.pb'))


@pytest.fixture
def begun(monkeypatch):
    """The flags under which TensorFlow is imported with a folder for caches; None: without a cache."""
    monkeypatch.delitem(sys.modules, 'tensorflow', raising=False)

    def begin(cache, flags=''):
        monkeypatch.setenv('XDG_CACHE_HOME', str(cache))
        monkeypatch.setenv('TF_XLA_FLAGS', flags)
        monkeypatch.setattr(program_cache, 'folder', None)
        with program_cache.used():
            meanwhile = os.environ['TF_XLA_FLAGS']
        assert os.environ['TF_XLA_FLAGS'] == flags
        return meanwhile if program_cache.folder else None

    return begin


def test_flags_of_yours_stay(begun, tmp_path):
    assert begun(tmp_path, '--tf_xla_auto_jit=0').startswith('--tf_xla_auto_jit=0 --tf_xla_persistent_cache_directory=')
    assert str(program_cache.folder).startswith(str(tmp_path))


def test_without_a_place_for_it_there_is_no_cache(begun, tmp_path, monkeypatch):
    (tmp_path / 'file').touch()
    assert begun(tmp_path / 'file') is None
    assert begun(tmp_path / 'with a space') is None
    assert begun(tmp_path, '--tf_xla_persistent_cache_directory=/elsewhere') is None
    with monkeypatch.context() as patch:
        patch.setattr(os, 'access', lambda *_: False)
        assert begun(tmp_path) is None
    with monkeypatch.context() as patch:
        patch.setattr('shutil.disk_usage', lambda _: type('Usage', (), {'free': 1000}))
        assert begun(tmp_path) is None
    assert begun(tmp_path)


def test_programs_unused_for_longest_and_remains_of_killed_processes_go(begun, tmp_path, monkeypatch):
    begun(tmp_path)
    now = time.time()
    for i in range(6):
        path = program_cache.folder / f'{i}.pb'
        path.touch()
        os.utime(path, (now - i * 100, now - 10_000))
    for name, age in (('young.pb.tmp', 60), ('old.pb.tmp', 7200)):
        path = program_cache.folder / name
        path.touch()
        os.utime(path, (now - age, now - age))
    monkeypatch.setattr(program_cache, 'MOST', 4)
    begun(tmp_path)
    assert {path.name for path in program_cache.folder.iterdir()} == {'0.pb', '1.pb', '2.pb', '3.pb', 'young.pb.tmp'}


@pytest.mark.slow
@pytest.mark.skipif(not HERE or os.getuid() != 0, reason='mounts a small disk')
def test_a_disk_that_fills_up_gives_one_line(tmp_path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=16k', 'none', disk], check=True)
    try:
        with pytest.raises(AssertionError, match=r'UserError: a compiled program cannot be kept in .*No space left'):
            run(disk, 2, before='from common import program_cache\nprogram_cache.ROOM = 0\n')
    finally:
        subprocess.run(['umount', disk], check=True)
