"""Runs lie apart: no training takes another's place, and a test finds the agent that is meant."""

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer
from types import SimpleNamespace

import a2c
from common.errors import UserError
from common.running import checkpoint, folders
from common.running.folders import agent_name, begin_or_resume, claim, find_agent, to_resume

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[3]
SHORT = ['--steps', '800', '--batch-steps', '400', '--num-envs', '4', '--episodes', '2']


@pytest.mark.parametrize(
    ('env', 'env_args', 'expected'),
    [
        ('Pendulum-v1', {}, 'PPO_Pendulum-v1'),
        ('FrozenLake-v1', {'map_name': '8x8', 'is_slippery': False}, 'PPO_FrozenLake-v1_is_slippery=false_map_name=8x8'),
        ('aim:Aim/Thing-v0', {}, 'PPO_aim-Aim-Thing-v0'),
    ],
)
def test_agent_name(env, env_args, expected):
    assert agent_name('PPO', env, env_args) == expected


def contents(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob('*') if path.is_file()}


def test_a_second_training_replaces_nothing(tmp_path, bare_runs):
    """The same seed with another setting, another seed, a name: each has files of its own, and those before stay."""
    seen = {}
    for flags in ([], ['--gamma', '0.5'], ['--seed', '1'], ['--name', 'mine']):
        a2c.main(['--train', *SHORT, '--out', str(tmp_path), *flags])
        now = contents(tmp_path)
        assert seen.items() <= now.items()
        seen = now
    names = ['mine', 'seed0', 'seed0-2', 'seed1']
    assert sorted(path.name for path in tmp_path.glob('model/A2C_Pendulum-v1/*')) == names
    pictures = {f'{name}{kind}' for name in names for kind in ('', '.losses', '.learnt')}
    assert {path.stem for path in tmp_path.glob('image/A2C_Pendulum-v1/*.png')} == pictures


def test_a_resumed_run_waits_for_the_process_that_still_holds_it(tmp_path):
    (tmp_path / 'seed0').mkdir()
    held = FileLock(tmp_path / 'seed0' / '.lock', thread_local=False)
    held.acquire()
    with pytest.raises(UserError, match='seed0 is being trained by another process'):
        begin_or_resume(tmp_path, 'seed0', patience=0.2)
    Timer(0.2, held.release).start()
    path, lock, has_checkpoint = begin_or_resume(tmp_path, 'seed0', patience=10)
    assert (path, has_checkpoint) == (tmp_path / 'seed0', False)
    lock.release()
    (path / 'checkpoint.npz').touch()
    assert begin_or_resume(tmp_path, 'seed0')[2]


def test_two_runs_at_once_take_folders_of_their_own_and_both_end_well(tmp_path):
    flags = [*SHORT, '--steps', '2400', '--save-every', '400', '--eager', '--out', str(tmp_path)]
    command = [sys.executable, 'a2c.py', '--train', *flags]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in 'ab']
    for process in running:
        assert process.communicate()[1].count('error') == 0
        assert process.returncode == 0
    agents = sorted(tmp_path.glob('model/A2C_Pendulum-v1/*/agent.npz'))
    assert [path.parent.name for path in agents] == ['seed0', 'seed0-2']
    first, second = (checkpoint.load(path)[0] for path in agents)
    assert all((first[name] == second[name]).all() for name in first), 'the same seed gives the same agent'


def test_a_run_under_way_cannot_be_resumed_by_another_process(tmp_path):
    path, lock = claim(tmp_path, tmp_path / 'image', 'seed0')
    checkpoint.save(path / 'checkpoint.npz', {}, {})
    call = f"to_resume(Path({str(tmp_path)!r}), 'seed0', False)"
    code = f'from pathlib import Path; from common.running.folders import to_resume; {call}'
    words = [sys.executable, '-c', code]
    refused = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert 'is being trained by another process' in refused.stderr
    lock.release()
    assert subprocess.run(words, cwd=ROOT, capture_output=True).returncode == 0


def test_a_curve_whose_agent_was_thrown_away_is_not_replaced(tmp_path):
    (tmp_path / 'image').mkdir()
    (tmp_path / 'image' / 'seed0.json').write_text('{}')
    path, lock = claim(tmp_path / 'model', tmp_path / 'image', 'seed0')
    lock.release()
    assert path.name == 'seed0-2'


def test_resume_takes_the_newest_run_that_has_a_checkpoint(tmp_path):
    for number in range(12):
        path, lock = claim(tmp_path, tmp_path / 'image', 'seed1')
        lock.release()
        if number != 11:  # killed before its first checkpoint
            checkpoint.save(path / 'checkpoint.npz', {}, {})
    other, lock = claim(tmp_path, tmp_path / 'image', 'seed10')
    lock.release()
    checkpoint.save(other / 'checkpoint.npz', {}, {})
    for name, exact, expected in (('seed1', False, 'seed1-11'), ('seed1', True, 'seed1'), ('seed1-3', True, 'seed1-3')):
        path, lock = to_resume(tmp_path, name, exact)
        lock.release()
        assert path.name == expected


def test_an_unwritable_place_is_one_line(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match=r'cannot write .*file/seed0: Not a directory'):
        claim(tmp_path / 'file', tmp_path / 'image', 'seed0')


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A repository with a shipped agent, and an own one of two runs."""
    monkeypatch.setattr(folders, 'REPOSITORY', tmp_path / 'repository')
    monkeypatch.setattr(folders, 'make_env', lambda *_: SimpleNamespace(close=lambda: None))
    files = [
        'repository/model/PPO_X-v0/pretrained.npz',
        'own/model/PPO_X-v0/b/agent.npz',
        'own/model/PPO_X-v0/a/agent.npz',
        'own/model/PPO_X-v0_wheels=4/c/agent.npz',
        'own/model/PPO_Y-v0_wheels=4/d/agent.npz',
        'repository/model/PPO_Z-v0/pretrained.npz',
        'own/model/PPO_Z-v0_wheels=4/e/agent.npz',
    ]
    for number, name in enumerate(files):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text('')
        os.utime(path, (time.time() + number,) * 2)
    return tmp_path


@pytest.mark.parametrize(
    ('options', 'found'),
    [
        ({}, 'own/model/PPO_X-v0/a/agent.npz'),
        ({'name': 'b'}, 'own/model/PPO_X-v0/b/agent.npz'),
        ({'shipped': True}, 'repository/model/PPO_X-v0/pretrained.npz'),
        ({'out': 'elsewhere'}, 'repository/model/PPO_X-v0/pretrained.npz'),
        ({'model': 'some.npz'}, 'some.npz'),
        ({'name': 'none'}, None),
        ({'env': 'CartPole-v1'}, None),
        ({'env_args': {'wheels': 3}}, None),
        ({'env_args': {'wheels': 4}}, 'own/model/PPO_X-v0_wheels=4/c/agent.npz'),
        ({'env': 'Z-v0'}, 'repository/model/PPO_Z-v0/pretrained.npz'),
        ({'env': 'Y-v0'}, 'own/model/PPO_Y-v0_wheels=4/d/agent.npz'),
    ],
)
def test_which_agent_is_tested(options, found, places):
    """The newest of one's own, or the one that is named, or the one that ships."""
    given = dict(model=None, name=None, shipped=False, env='X-v0', env_args={}, out='own') | options
    given['out'] = places / given['out']
    if found:
        assert find_agent(SimpleNamespace(**given), 'PPO') == (Path(found) if 'model' in options else places / found)
    else:
        with pytest.raises(UserError, match='there is no agent'):
            find_agent(SimpleNamespace(**given), 'PPO')


def test_a_run_that_has_not_ended_is_told_how_it_goes_on(places):
    options = SimpleNamespace(model=None, name='f', shipped=False, env='X-v0', env_args={}, out=places / 'own')
    with pytest.raises(UserError, match='f: train one with --train, or'):
        find_agent(options, 'PPO')
    (places / 'own/model/PPO_X-v0/f').mkdir()
    (places / 'own/model/PPO_X-v0/f/checkpoint.npz').write_text('')
    with pytest.raises(UserError, match='f: its training has not ended; to continue, add --resume --name f to its command'):
        find_agent(options, 'PPO')
