"""Windows and macOS, as far as Linux can act them: what they lack, and what they refuse."""

import io
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

from common import backend
from common.envs import cores, drawing, env_process, make_envs, silence
from common.errors import UserError
from common.running import checkpoint, files, provenance
from common.running.folders import agent_name
from experiments import plan, results

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def system(request, monkeypatch):
    monkeypatch.setattr(sys, 'platform', request.param)


@pytest.fixture
def opened_elsewhere(monkeypatch):
    """Files that another program has open, as Windows sees them: nothing can be renamed over one of them."""
    paths, rename = set(), os.replace

    def replace(old, new):
        if str(new) in paths:
            raise PermissionError(13, 'The process cannot access the file because it is being used by another process')
        rename(old, new)

    monkeypatch.setattr(os, 'replace', replace)
    return paths


@pytest.mark.parametrize('system', ['win32'], indirect=True)
class TestFilesInUse:
    def test_an_agent_is_saved_as_soon_as_its_reader_is_done(self, system, opened_elsewhere, tmp_path):
        path = tmp_path / 'agent.npz'
        checkpoint.save(path, {'a/0': np.zeros(2)}, {})
        opened_elsewhere.add(str(path))
        threading.Timer(0.3, opened_elsewhere.clear).start()
        checkpoint.save(path, {'a/0': np.ones(2)}, {})
        assert checkpoint.load(path)[0]['a/0'].tolist() == [1, 1]

    def test_a_table_that_stays_open_is_named_and_the_older_one_stays(self, system, opened_elsewhere, tmp_path, monkeypatch):
        monkeypatch.setattr(files, 'PATIENCE', 0.1)
        path = tmp_path / 'results.csv'
        results.write_rows(path, [dict(seed=0)])
        opened_elsewhere.add(str(path))
        with pytest.raises(UserError, match=r'cannot write .*results.csv.*close it in other programs'):
            results.write_rows(path, [dict(seed=1)])
        assert results.read_rows(path) == [dict(seed='0')]

    def test_an_experiment_and_a_film_wait_too(self, system, opened_elsewhere, tmp_path):
        for file in ('experiment.json', 'a.mp4'):
            opened_elsewhere.add(str(tmp_path / file))
        threading.Timer(0.3, opened_elsewhere.clear).start()
        plan.Experiment(['ppo.py'], [], [], [0], 'python experiment.py ppo.py', '', '').save(tmp_path)
        opened_elsewhere.add(str(tmp_path / 'a.mp4'))
        threading.Timer(0.3, opened_elsewhere.clear).start()
        with files.replacing(tmp_path / 'a.mp4') as (partial,):
            partial.write_bytes(b'film')
        assert (tmp_path / 'a.mp4').read_bytes() == b'film'
        assert plan.read(tmp_path).scripts == ['ppo.py']


def test_elsewhere_a_folder_that_may_not_be_written_is_named_at_once(opened_elsewhere, tmp_path):
    opened_elsewhere.add(str(tmp_path / 'agent.npz'))
    started = time.monotonic()
    with pytest.raises(UserError, match='free some space or name another folder'):
        checkpoint.save(tmp_path / 'agent.npz', {}, {})
    assert time.monotonic() - started < 1


def test_without_affinity_no_core_is_taken_and_envpool_pins_nothing(monkeypatch):
    monkeypatch.delattr(os, 'sched_getaffinity', raising=False)
    monkeypatch.delattr(os, 'sched_setaffinity', raising=False)
    monkeypatch.setattr(cores, 'taken', {})
    monkeypatch.setattr(cores, '_take', None)
    assert cores.usable() == os.cpu_count()
    assert cores.first_core(2) == -1
    cores.keep_to(1)
    envs = make_envs('CartPole-v1', 2, 'envpool')
    assert envs.reset(0).shape == (2, 4)
    envs.close()


def test_without_proc_the_processor_has_the_name_that_python_knows(monkeypatch):
    monkeypatch.setattr(provenance.Path, 'exists', lambda path: False)
    monkeypatch.setattr(provenance.platform, 'processor', lambda: 'Intel64 Family 6 Model 85')
    assert provenance.processor().startswith('Intel64 Family 6 Model 85, ')
    monkeypatch.setattr(provenance.platform, 'processor', lambda: '')
    monkeypatch.setattr(provenance.platform, 'machine', lambda: 'arm64')
    assert provenance.processor().startswith('arm64, ')


@pytest.mark.parametrize('system', ['win32', 'darwin'], indirect=True)
def test_mujoco_chooses_its_own_library_where_there_is_no_egl(system, monkeypatch):
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'MUJOCO_GL'):
        monkeypatch.delenv(name, raising=False)
    assert not drawing.use_egl()
    assert 'MUJOCO_GL' not in os.environ


def test_ctrl_c_does_not_reach_the_processes_of_environments(monkeypatch):
    """Windows has groups of processes instead of sessions."""
    asked = {}

    def popen(*words, **options):
        asked.update(options)
        raise NotImplementedError

    monkeypatch.setattr(subprocess, 'CREATE_NEW_PROCESS_GROUP', 512, raising=False)
    monkeypatch.setattr(env_process.subprocess, 'Popen', popen)
    with pytest.raises(NotImplementedError):
        env_process.EnvProcess('Ant-v4', {})
    assert (asked['creationflags'], asked['start_new_session']) == (512, True)


def test_what_a_program_prints_never_fails_for_its_letters():
    """Output that goes to a file has the code page of the system, which on most lacks Chinese letters."""
    program = 'from common.running import program; program.run(lambda: print("Agent: C:\\\\用户\\\\agent.npz"))'
    environment = os.environ | {'PYTHONIOENCODING': 'cp1252'}
    done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b'')
    assert done.stdout.decode('cp1252').strip() == r'Agent: C:\\u7528\u6237\agent.npz'


def test_tensorflow_loads_where_there_is_no_standard_error(monkeypatch):
    """As in IDLE on Windows, whose process has no terminal."""

    def refuse(number):
        raise OSError(9, 'Bad file descriptor')

    monkeypatch.setattr(os, 'dup', refuse)
    with backend._hushed_stderr(), silence.no_output():
        ran = True
    monkeypatch.setattr(sys, 'stderr', None)
    with backend._hushed_stderr():
        assert ran


def test_folders_have_names_that_every_system_can_have():
    name = agent_name('PPO', r'my\file:Env-v0', {'text': 'a<b>c?d|e*"f'})
    assert not set(name) & set('\\/:*?"<>|')


@pytest.mark.parametrize('system', ['win32'], indirect=True)
def test_commands_are_quoted_for_the_windows_prompt(system):
    words = ['python', 'experiment.py', '--resume', r'C:\Users\An Na\results\ppo']
    assert plan.typed(words) == r'python experiment.py --resume "C:\Users\An Na\results\ppo"'
    plain = plan.Variant('', 'Pendulum-v1', '', 'ppo.py', ('--clip', '0.1')).command(3)
    assert plain == 'python ppo.py --train --clip 0.1 --seed 3'


def test_tables_and_records_have_the_same_bytes_on_every_system(tmp_path, monkeypatch):
    """Windows would end lines of text with a carriage return, and write letters in its own code page."""
    write = io.open

    def as_on_windows(file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, *rest):
        if 'b' not in mode and 'w' in mode:
            encoding, newline = encoding or 'cp1252', '\r\n' if newline is None else newline
        return write(file, mode, buffering, encoding, errors, newline, *rest)

    row = dict(env='Pendulum-v1', variant='größer, 裁剪', seed=0)
    results.write_rows(tmp_path / 'here.csv', [row])
    monkeypatch.setattr('builtins.open', as_on_windows)
    monkeypatch.setattr(io, 'open', as_on_windows)
    results.write_rows(tmp_path / 'there.csv', [row])
    assert (tmp_path / 'here.csv').read_bytes() == (tmp_path / 'there.csv').read_bytes()
    assert results.read_rows(tmp_path / 'there.csv')[0]['variant'] == 'größer, 裁剪'


def test_text_files_are_checked_out_with_the_same_bytes_on_every_system():
    asked = ['git', 'check-attr', 'text', 'eol', '--', 'ppo.py', 'README.zh-CN.md', 'benchmarks/results/learning.csv']
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    if said.returncode:
        pytest.skip('there is no git here')
    assert said.stdout.splitlines() == [
        'ppo.py: text: auto',
        'ppo.py: eol: lf',
        'README.zh-CN.md: text: auto',
        'README.zh-CN.md: eol: lf',
        'benchmarks/results/learning.csv: text: unset',
        'benchmarks/results/learning.csv: eol: lf',
    ]


@pytest.mark.parametrize(('agent', 'hidden'), [('ppo.py', 'tensorflow'), ('experiment.py', 'ray')])
def test_what_is_missing_is_said_with_the_commands_of_windows(agent, hidden):
    already = 'numpy' if agent == 'ppo.py' else 'common.running.command_line, common.running.checkpoint'
    program = (
        f'import importlib.util as util, runpy, sys, {already}\n'
        'find = util.find_spec\n'
        f'util.find_spec = lambda name, *rest: None if name == {hidden!r} else find(name, *rest)\n'
        f'sys.argv, sys.platform = [{agent!r}], "win32"\n'
        f'runpy.run_path({agent!r}, run_name="__main__")\n'
    )
    done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count('\n')) == (2, '', 1)
    assert rf'.venv\Scripts\python {agent}' in done.stderr
    assert 'make' not in done.stderr


def test_a_process_of_environments_ends_where_there_are_no_groups_of_processes(monkeypatch):
    monkeypatch.delattr(os, 'killpg')
    monkeypatch.delattr(env_process.select, 'poll')
    process = env_process.EnvProcess('CartPole-v1', {})
    process.receive()
    assert process.reset(0).shape == (1, 4)
    assert process.end() == -9


GUARDED = {
    ('workers.py', 'import resource'), ('serving.py', 'signal.SIGKILL'), ('env_process.py', 'os.killpg'),
    ('env_process.py', 'signal.SIGKILL'),
}  # fmt: skip


@pytest.mark.parametrize('folder', ['.', 'common', 'experiments', 'benchmarks'])
def test_nothing_is_used_that_windows_lacks(folder):
    """What asks for the affinity asks first whether the system has it, as do the `GUARDED`; that is tested above."""
    lacking = re.compile(
        r'import (fcntl|resource|pwd|grp|termios)\b|os\.(fork|kill|killpg|setsid|getuid|mkfifo|symlink|nice)\b|'
        r'signal\.(SIGKILL|SIGHUP|SIGALRM|SIGUSR\d|alarm|pause)\b|get_context\(.fork|os\.rename\b'
    )
    files = (ROOT / folder).glob('*.py' if folder == '.' else '**/*.py')
    found = {(path.name, match[0]) for path in files for match in lacking.finditer(path.read_text(encoding='utf-8'))}
    assert not found - GUARDED
