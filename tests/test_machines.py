"""Other machines: which interpreter make takes, what is said where none will do, and what works without PyBullet."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
AGENTS = ['a2c.py', 'acktr.py', 'pg_gaussian_minimal.py', 'ppo.py', 'sac.py', 'trpo.py']
PRETEND = """
import pathlib, platform, sys, sysconfig, types
name, version, *argv = sys.argv[1:]
if name == 'free':
    name, sysconfig.get_config_var = 'CPython', {'Py_GIL_DISABLED': 1}.get
sys.version_info, platform.python_version = tuple(map(int, version.split('.'))), lambda: version
platform.python_implementation = lambda: name
if argv[0] == '-c':
    sys.modules['pip'] = types.ModuleType('pip') if pathlib.Path('.venv/pip').exists() else None
    if name == 'bare':
        platform.python_implementation, sys.modules['ensurepip'] = lambda: 'CPython', None
    exec(argv[1])
    sys.exit()
with open('log', 'a') as log:
    print(version, *argv, file=log)
if argv[1] == 'ensurepip' and pathlib.Path('no-ensurepip').exists():
    sys.exit(1)
if argv[1] in ('venv', 'ensurepip'):
    pathlib.Path('.venv').mkdir(exist_ok=True)
    pathlib.Path('.venv/pip').touch()
if argv[1] == 'venv':
    python = pathlib.Path('.venv/bin/python')
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\\nexec {sys.executable} -I -S {__file__} {name} {version} "$@"\\n')
    python.chmod(0o755)
if '--only-binary' in argv and pathlib.Path('no-wheel').exists():
    sys.exit('WARNING: nothing\\nERROR: No matching distribution found for pybullet==3.2.7')
"""


class Machine:
    """A folder with the Makefile, and a path of interpreters that pretend to be of some version and install nothing."""

    def __init__(self, folder, interpreters):
        self.folder, self.path = folder, folder / 'path'
        self.path.mkdir()
        for tool in ('rm', 'tail', 'touch'):
            (self.path / tool).symlink_to(shutil.which(tool))
        for name in ('Makefile', *(f'requirements{kind}.txt' for kind in ('', '-dev', '-docs', '-experiment', '-pybullet'))):
            shutil.copy(ROOT / name, folder)
        (folder / 'pretend.py').write_text(PRETEND)
        for name, what in interpreters.items():
            command = f'{sys.executable} -I -S {folder}/pretend.py {what} "$@"' if what else 'nothing-like-it'
            (self.path / name).write_text(f'#!/bin/sh\nexec {command}\n')
            (self.path / name).chmod(0o755)

    def make(self, *argv):
        """Runs make; returns its exit code, output, errors and what it had the interpreters do."""
        (self.folder / 'log').write_text('')
        command = [shutil.which('make'), *argv]
        done = subprocess.run(command, cwd=self.folder, env={'PATH': str(self.path)}, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr, (self.folder / 'log').read_text().splitlines()


@pytest.mark.skipif(not shutil.which('make'), reason='there is no make')
class TestMake:
    @pytest.mark.parametrize(
        ('interpreters', 'argv', 'version'),
        [
            ({'python3': 'CPython 3.13.5', 'python3.12': 'CPython 3.12.1'}, [], '3.13.5'),
            ({'python3': 'CPython 3.14.0', 'python3.12': 'CPython 3.12.1'}, [], '3.14.0'),
            ({'python3': 'CPython 3.15.0', 'python3.12': 'CPython 3.12.1'}, [], '3.12.1'),
            ({'python3': 'free 3.14.0', 'python3.14': 'CPython 3.14.0'}, [], '3.14.0'),
            ({'python3': 'CPython 3.10.13', 'python3.13': None, 'python3.11': 'CPython 3.11.0'}, [], '3.11.0'),
            ({'python3': 'bare 3.13.5', 'python3.11': 'CPython 3.11.0'}, [], '3.11.0'),
            ({'python3': 'CPython 3.13.5', 'mine': 'CPython 3.12.1'}, ['PYTHON=mine'], '3.12.1'),
        ],
    )
    def test_takes_the_first_interpreter_that_will_do(self, interpreters, argv, version, tmp_path):
        code, _, errors, log = Machine(tmp_path, interpreters).make('.venv/.run', *argv)
        assert (code, errors) == (0, '')
        assert log[0] == f'{version} -m venv --clear .venv'
        assert [line.split()[0] for line in log] == [version] * 2

    @pytest.mark.parametrize(
        ('interpreters', 'argv', 'said'),
        [
            ({'python3': 'CPython 3.10.13', 'python3.12': None}, [], 'python3 (CPython 3.10.13), python3.12 (does not run)'),
            ({'python3': 'CPython 3.15.0'}, [], 'python3 (CPython 3.15.0)'),
            ({'python3': 'free 3.14.0'}, [], 'python3 (CPython 3.14.0, free-threaded)'),
            ({'python3': 'PyPy 3.11.9'}, [], 'python3 (PyPy 3.11.9)'),
            ({'python3': 'CPython 3.12.1', 'old': 'CPython 3.8.18'}, ['PYTHON=old'], 'old (CPython 3.8.18)'),
            ({'python3': 'bare 3.13.5'}, [], 'on Debian apt-get install python3.13-venv'),
            ({}, [], 'no python3 python3.13'),
        ],
    )
    def test_says_in_one_line_that_none_will_do(self, interpreters, argv, said, tmp_path):
        for target in ('train', 'test'):
            folder = tmp_path / target
            folder.mkdir()
            code, output, errors, log = Machine(folder, interpreters).make(target, *argv)
            assert (code, output, log) == (2, '', [])
            assert errors.count('\n') == 1
            assert said in errors
            assert 'needs CPython 3.11 to 3.14' in errors
            assert not (folder / '.venv').exists()

    def test_installs_once_and_again_where_a_pin_changed(self, tmp_path):
        machine = Machine(tmp_path, {'python3': 'CPython 3.11.0'})
        _, output, _, log = machine.make('.venv/.dev')
        assert 'PyBullet is not installed' not in output
        installs = [line.split('-r ')[1] for line in log[1:]]
        assert installs == ['requirements.txt', 'requirements-dev.txt', 'requirements-pybullet.txt']
        assert machine.make('.venv/.dev')[3] == []
        os.utime(tmp_path / 'requirements-pybullet.txt', (2**32, 2**32))
        assert [line.split('-r ')[1] for line in machine.make('.venv/.dev')[3]] == installs[1:]

    def test_an_environment_whose_interpreter_went_is_made_anew(self, tmp_path):
        machine = Machine(tmp_path, {'python3': 'CPython 3.11.0'})
        machine.make('.venv/.dev')
        (tmp_path / '.venv/bin/python').unlink()
        assert len(machine.make('.venv/.dev')[3]) == 4

    def test_an_environment_of_another_python_is_not_used(self, tmp_path):
        machine = Machine(tmp_path, {'python3': 'CPython 3.11.0'})
        subprocess.run([tmp_path / 'path/python3', '-m', 'venv'], cwd=tmp_path)
        python = tmp_path / '.venv/bin/python'
        python.write_text(python.read_text().replace('3.11.0', '3.10.13'))
        code, output, errors, log = machine.make('train')
        assert (code, output, log, errors.count('\n')) == (2, '', [], 1)
        assert 'make clean' in errors

    def test_an_environment_without_pip_as_uv_makes_it_gets_one(self, tmp_path):
        machine = Machine(tmp_path, {'python3': 'CPython 3.12.1'})
        subprocess.run([tmp_path / 'path/python3', '-m', 'venv'], cwd=tmp_path)
        (tmp_path / '.venv/pip').unlink()
        code, _, errors, log = machine.make('.venv/.run')
        assert (code, errors, log[0]) == (0, '', '3.12.1 -m ensurepip')
        assert log[1].endswith('-r requirements.txt')

    def test_an_environment_without_pip_or_ensurepip_gets_it_from_uv_or_a_line(self, tmp_path):
        machine = Machine(tmp_path, {'python3': 'CPython 3.12.1'})
        subprocess.run([tmp_path / 'path/python3', '-m', 'venv'], cwd=tmp_path)
        (tmp_path / '.venv/pip').unlink()
        (tmp_path / 'no-ensurepip').touch()
        code, _, errors, log = machine.make('.venv/.run')
        assert (code, log) == (2, ['3.12.1 -m ensurepip'])
        assert 'make clean removes .venv' in errors.splitlines()[0]
        uv = tmp_path / 'path/uv'
        uv.write_text('#!/bin/sh\necho uv "$@" >>log\n')
        uv.chmod(0o755)
        code, _, errors, log = machine.make('.venv/.run')
        assert (code, errors, log[1]) == (0, '', 'uv pip install --python .venv/bin/python pip')

    def test_goes_on_without_pybullet(self, tmp_path):
        machine = Machine(tmp_path, {'python3': 'CPython 3.13.5'})
        (tmp_path / 'no-wheel').touch()
        code, output, errors, _ = machine.make('.venv/.dev')
        assert (code, errors) == (0, '')
        assert [line for line in output.splitlines() if 'PyBullet' in line] == [
            'PyBullet is not installed (ERROR: No matching distribution found for pybullet==3.2.7): its tests are skipped; '
            'make pybullet builds it, with g++ and python3-dev'
        ]

    def test_builds_pybullet_only_with_a_compiler(self, tmp_path):
        machine = Machine(tmp_path, {'python3': 'CPython 3.13.5'})
        assert machine.make('pybullet')[0] == 0
        (tmp_path / 'no-wheel').touch()
        code, _, errors, log = machine.make('pybullet')
        assert (code, len(log)) == (2, 1)
        assert errors.startswith('make: PyBullet needs a C++ compiler and Python.h here')


@pytest.mark.parametrize('agent', AGENTS)
def test_an_agent_outside_the_environment_says_so_in_one_line(agent):
    done = subprocess.run([sys.executable, '-S', agent, '--train'], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count('\n')) == (2, '', 1)
    assert done.stderr.startswith(f'{agent}: error: ')
    assert 'TensorFlow' in done.stderr
    assert sys.executable in done.stderr
    assert f'run make train once, then .venv/bin/python {agent}' in done.stderr


@pytest.mark.parametrize('agent', AGENTS)
@pytest.mark.parametrize('version', [(3, 8, 18), (3, 15, 0)])
def test_an_agent_on_another_python_says_so_in_one_line(agent, version):
    program = f'import runpy, sys; sys.version_info, sys.argv = {version}, [{agent!r}]; runpy.run_path({agent!r})'
    done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count('\n')) == (2, '', 1)
    assert done.stderr.startswith(f'{agent}: error: ')
    assert '3.11' in done.stderr
    assert 'make train' in done.stderr


@pytest.mark.parametrize('file', [*AGENTS, 'common/__init__.py'])
def test_an_old_python_can_read_as_far_as_that_line(file):
    ast.parse((ROOT / file).read_text(), feature_version=(3, 8))


def test_one_line_says_how_many_tests_were_skipped_without_pybullet(tmp_path):
    (tmp_path / 'hide.py').write_text(
        'import importlib.util as u\nfind = u.find_spec\nu.find_spec = lambda one: None if one == "pybullet" else find(one)\n'
    )
    (tmp_path / 'test_some.py').write_text(
        'import pytest\nbullet = pytest.mark.bullet\n\n'
        '@pytest.mark.parametrize("x", [1, pytest.param(2, marks=bullet)])\ndef test(x):\n    pass\n\n'
        '@bullet\ndef test_more():\n    raise ValueError\n'
    )
    command = [sys.executable, '-m', 'pytest', '-q', '-n2', '-phide', '-pconftest', '-cnone.ini', 'test_some.py']
    (tmp_path / 'none.ini').write_text('[pytest]\nmarkers = bullet\n')
    environment = {**os.environ, 'PYTHONPATH': f'{tmp_path}{os.pathsep}{ROOT / "tests"}'}
    printed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout
    assert '1 passed, 2 skipped' in printed
    assert printed.count('PyBullet') == 2
    assert '\n2 tests of PyBullet skipped: PyBullet is not installed; make pybullet installs it\n' in printed
