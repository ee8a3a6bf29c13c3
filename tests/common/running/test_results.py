"""What a run leaves: its files, the record in them, and the columns of its losses."""

import csv
import importlib.metadata
import importlib.util
import json
import re
from types import SimpleNamespace

import a2c
import acktr
import ppo
import sac
import trpo
from common import buffers
from common.running import checkpoint, results
from common.running.provenance import provenance, version

import numpy as np
import pytest
from short_runs import train

pytestmark = pytest.mark.usefixtures('bare_runs')
WHOLE = pytest.mark.whole


@WHOLE
def test_what_a_run_leaves(tmp_path, capsys):
    train(ppo, tmp_path)
    image = tmp_path / 'image/PPO_Pendulum-v1'
    rows = list(csv.DictReader((image / 'seed0.csv').open()))
    assert list(rows[0]) == ['steps', 'episode_return', 'episode_length']
    assert {row['episode_length'] for row in rows} == {'200'}
    assert all(-2000 < float(row['episode_return']) < 0 for row in rows)
    assert (image / 'seed0.png').read_bytes().startswith(b'\x89PNG')
    record = json.loads((image / 'seed0.json').read_text())
    assert record == checkpoint.load(tmp_path / 'model/PPO_Pendulum-v1/seed0/agent.npz')[1]
    assert record['settings']['batch_steps'] == 400
    assert record['evaluation']['episodes'] == 5
    assert 5600 < record['steps'] <= 6000
    assert len(record['commit'].rstrip('+')) == 12
    assert record['processor'].endswith(' cores')
    assert record['versions']['project'] == version()
    assert record['versions']['tensorflow'] == importlib.metadata.version('tensorflow')
    printed = capsys.readouterr().out
    assert 'Training | Episode: ' in printed
    assert f'Agent: {tmp_path}/model/PPO_Pendulum-v1/seed0/agent.npz | curve: {image}/seed0.png, .csv' in printed


def test_the_steps_left_out_of_the_batches_by_hand(tmp_path, capsys):
    """Three environments take two steps each for a batch of four, so two steps of six are left out.

    60 steps would be 15 batches. There are 10: after 60 steps none is left. Two environments leave out nothing.
    """
    for num_envs, updates, left_out in ((3, 10, 20), (2, 15, 0)):
        flags = '--num-envs', num_envs, '--batch-steps', 4, '--steps', 60, '--name', f'envs{num_envs}'
        train(a2c, tmp_path, *map(str, flags))
        record = json.loads((tmp_path / f'image/A2C_Pendulum-v1/envs{num_envs}.json').read_text())
        assert (record['steps'], record['updates'], record['left_out']) == (60, updates, left_out)
        said = re.findall(r'^.* of the steps did not fit .*$', capsys.readouterr().out, re.M)
        assert [line.split()[0] for line in said] == ['33.3%'] * bool(left_out)
        assert all('a larger --batch-steps or a smaller --num-envs' in line for line in said)


def test_few_steps_left_out_are_not_printed(tmp_path):
    files = SimpleNamespace(image=tmp_path / 'seed0', agent=tmp_path / 'agent.npz')
    of_run = dict(steps=1000, seconds=1.0, evaluation=dict(mean_return=1.0, std=0.0, episodes=1))
    lines = {few: results.Results(files, '', 'X').trained(of_run | dict(left_out=few)) for few in (0, 20, 21)}
    assert lines[0] == lines[20]
    assert '2.1% of the steps' in lines[21]
    assert lines[21].count('\n') == lines[0].count('\n') + 1


def test_a_replay_buffer_leaves_nothing_out():
    run = SimpleNamespace(steps=7, updates=1, settings=SimpleNamespace(batch_steps=4), agent=SimpleNamespace())
    for buffer, left_out in ((buffers.ReplayBuffer, 0), (buffers.RolloutBuffer, 3), (object, 0)):
        run.agent.buf = buffer
        assert results.left_out(run) == left_out


def test_a_package_that_is_not_installed_has_no_version_and_stops_nothing(tmp_path, monkeypatch):
    """As where EnvPool has no wheel: Gymnasium runs, and the record says nothing of EnvPool."""
    find_spec, version = importlib.util.find_spec, importlib.metadata.version

    def lacking(name):
        if name == 'envpool':
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.util, 'find_spec', lambda name, *rest: (name != 'envpool' and find_spec(name, *rest)) or None)
    monkeypatch.setattr(importlib.metadata, 'version', lacking)
    provenance.cache_clear()
    train(ppo, tmp_path)
    provenance.cache_clear()
    record = checkpoint.load(next(tmp_path.rglob('agent.npz')))[1]
    assert record['engine'] == 'gymnasium'
    assert 'envpool' not in record['versions']
    assert 'numpy' in record['versions']


@WHOLE
@pytest.mark.parametrize(
    ('agent', 'names'),
    [
        (
            ppo,
            'policy_loss kl entropy std clip_fraction actor_norm actor_lr value_loss critic_norm critic_lr explained_variance',
        ),
        (
            trpo,
            'policy_loss kl entropy std actor_norm step_accepted backtracks value_loss critic_norm critic_lr '
            'explained_variance',
        ),
        (a2c, 'policy_loss value_loss kl entropy std actor_lr critic_lr actor_norm critic_norm explained_variance'),
        pytest.param(
            acktr,
            'policy_loss value_loss kl entropy std step_size actor_norm critic_norm explained_variance',
            marks=pytest.mark.slow,
        ),
        pytest.param(sac, 'policy_loss value_loss entropy std alpha actor_norm critic_norm', marks=pytest.mark.slow),
    ],
)
def test_losses_have_the_columns_of_their_agent(agent, names, tmp_path):
    """The last row's standard deviation is that of the agent's file; annealed rates fall; what is a share is one."""
    flags = ['--start-steps', '1000', '--updates-per-step', '0.02'] if agent is sac else []
    train(agent, tmp_path, *flags)
    path = next(tmp_path.glob('image/*/seed0.losses.csv'))
    rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(path.open())]
    assert set(rows[0]) == {'steps', *names.split()}
    assert len(rows) == 13 if agent is sac else 14
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    arrays, _ = checkpoint.load(next(tmp_path.glob('model/*/seed0/agent.npz')))
    if agent is not sac:
        log_std = next(array for name, array in arrays.items() if name.startswith('actor/') and 'log_std' in name)
        np.testing.assert_allclose(rows[-1]['std'], np.exp(log_std).mean(), rtol=1e-4)
        assert all(row['explained_variance'] <= 1 for row in rows)
    if agent in (ppo, a2c):
        assert rows[0]['actor_lr'] > 5 * rows[-1]['actor_lr'] > 0
    if agent is not sac:
        assert all(-1e-6 <= row['kl'] < 1 for row in rows)
        assert sum(row['kl'] for row in rows) > 0
    assert (path.parent / 'seed0.losses.png').stat().st_size > 10_000
    assert (path.parent / 'seed0.learnt.png').stat().st_size > 10_000
