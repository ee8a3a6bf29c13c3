"""What a folder from somebody else can do, and who can reach Ray."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import experiment
from common.errors import UserError
from common.running import checkpoint

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_folder_that_runs_code_of_others_is_resumed_only_once_that_was_typed(tmp_path, monkeypatch):
    """Its agent and its environment lie where it says that it was begun; nothing there is imported before they are named."""
    theirs = tmp_path / 'theirs'
    theirs.mkdir()
    for name in ('their_agent', 'their_env'):
        (theirs / f'{name}.py').write_text(f"open({str(tmp_path / name)!r}, 'w')\nraise ImportError('it ran')\n")
    said = dict(scripts=['their_agent.py'], flags=['--env', 'their_env:X-v0'], vary=[], seeds=[0], command='x', commit='')
    (tmp_path / 'experiment.json').write_text(json.dumps(said | dict(cwd=str(theirs))))
    monkeypatch.chdir(ROOT)
    how = f'their_agent.py --resume {tmp_path} --env their_env:X-v0'
    for words in (how.split()[1:3], how.split()[:3], how.split()[1:]):
        with pytest.raises(UserError, match='which is not part of this project; if you trust it, type') as refused:
            experiment.main(words)
        assert str(refused.value).endswith(how)
    assert os.getcwd() == str(ROOT)
    assert not (tmp_path / 'their_agent').exists()
    with pytest.raises(UserError, match=r'their_agent\.py cannot be loaded \(it ran\)'):
        experiment.main(how.split())
    with pytest.raises(UserError, match='--clip does not go with --resume'):
        experiment.main([*how.split(), '--clip', '3'])


def test_comparing_imports_no_agent_and_no_environment(tmp_path):
    """Not even where what is written of the experiment names some."""
    (tmp_path / 'their_agent.py').write_text("open('it_ran', 'w')\n")
    variant = dict(label='their', env='their_agent:X-v0', folder='their', script='their_agent.py', flags=[])
    said = dict(scripts=['their_agent.py'], flags=['--env', 'their_agent:X-v0'], vary=[], seeds=[0], command='x', commit='')
    (tmp_path / 'experiment.json').write_text(json.dumps(said | dict(cwd=str(tmp_path), variants=[variant])))
    shipped = ROOT / 'model/PPO_Pendulum-v1/pretrained.npz'
    run = tmp_path / 'their/model/x/seed0/agent.npz'
    run.parent.mkdir(parents=True)
    shutil.copy(shipped, run)
    curve = tmp_path / 'their/image/x/seed0'
    curve.parent.mkdir(parents=True)
    curve.with_suffix('.json').write_text(json.dumps(checkpoint.read_record(shipped)))
    curve.with_suffix('.csv').write_text('steps,episode_return\n1000,-3\n')
    code = f"""
import sys, experiment
experiment.main(['--compare', {str(tmp_path)!r}, '--storage', {str(tmp_path)!r}, '--name', 'both'])
sys.exit(bool({{'ppo', 'their_agent', 'tensorflow'}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (ROOT / 'it_ran').exists()
    assert (tmp_path / 'both' / 'curves.png').exists()
    curve.with_suffix('.csv').write_text('steps,episode_return\nlate,-3\n')
    with pytest.raises(UserError, match=r'seed0\.csv is not a learning curve, or it is damaged'):
        experiment.main(['--compare', str(tmp_path), '--storage', str(tmp_path), '--name', 'damaged'])


def test_an_experiment_of_an_earlier_version_says_how_to_renew_it(tmp_path):
    said = dict(scripts=['ppo.py'], flags=[], vary=[], seeds=[0], command='x', commit='')
    (tmp_path / 'experiment.json').write_text(json.dumps(said))
    with pytest.raises(
        UserError, match=rf'earlier version of this project; to update it, type python experiment\.py --resume {tmp_path}'
    ):
        experiment.main(['--compare', str(tmp_path)])


def test_here_ray_listens_to_this_machine_only():
    code = """
import ray
import psutil
from experiments import schedule
schedule.start(None, 1)
ray.get(ray.remote(lambda: 1).remote())
mine = [psutil.Process(), *psutil.Process().children(recursive=True)]
found = [one.laddr.ip for process in mine for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
assert len(found) > 3
print(*{ip.removeprefix('::ffff:') for ip in found})
"""
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == '127.0.0.1\n', done.stderr


@pytest.mark.parametrize(
    'path', sorted((ROOT / 'docs' / 'experiments').glob('*/experiment.json')), ids=lambda path: path.parent.name
)
def test_an_experiment_that_ships_names_no_folder_of_a_machine(path):
    """It was begun in the repository's folder, which is another one for each reader."""
    assert json.loads(path.read_text(encoding='utf-8')).get('cwd', '.') == '.'
