"""Runs: the episode log, exact resumption, and what ends a run early."""

import csv
import dataclasses
import json

import numpy as np
import pytest

import a2c
import acktr
import ppo
import trpo
from common import checkpoint, cli
from common.errors import UserError
from common.run import EpisodeLog, Run

SHORT = {
    '--steps': 6000, '--rollout-steps': 400, '--minibatch-size': 100, '--num-envs': 4, '--save-every': 2000, '--hidden': 8,
    '--episodes': 5,
}  # fmt: skip


def train(agent, out, *argv):
    known = {'--episodes', '--save-every', *(f'--{field.name.replace("_", "-")}' for field in dataclasses.fields(agent.Settings))}
    words = ['--train', '--out', str(out), *(str(word) for pair in SHORT.items() if pair[0] in known for word in pair)]
    options, settings = cli.parse(agent.__doc__, agent.Settings, agent.PRESETS, [*words, *argv])
    return agent.train(options.env, settings, options.seed, **cli.of_training(options))


def files(out):
    """Everything a run leaves that must not depend on interruptions: arrays, curve, and the record but for the clock."""
    left = {}
    for path in sorted(out.rglob('*.npz')):
        arrays, record = checkpoint.load(path)
        record.pop('seconds')
        left[path.name] = {name: array.tobytes() for name, array in arrays.items()} | {'record': record}
    for path in sorted(out.rglob('*.csv')):
        left[path.name] = path.read_text()
    return left


def test_episode_log_by_hand():
    """Environment 0: an episode of 3 steps (return 6), a reset row, then 1 open step. Environment 1: carried over."""
    log = EpisodeLog(2)
    rewards = np.array([[1, 5], [2, 5], [3, 5], [0, 5], [4, 5]], np.float32)
    ended = np.array([[0, 0], [0, 0], [1, 0], [0, 0], [0, 0]], bool)
    valid = np.array([[1, 1], [1, 1], [1, 1], [0, 1], [1, 1]], bool)
    log.add(rewards, ended, valid, steps_before=100)
    assert (log.steps, log.returns, log.lengths) == ([106], [6.0], [3])
    log.add(np.array([[6, 7]]), np.array([[True, True]]), np.array([[True, True]]), steps_before=109)
    assert (log.steps[1:], log.returns[1:], log.lengths[1:]) == ([111, 111], [10.0, 32.0], [2, 6])
    assert log.recent(2) == 21.0


@pytest.mark.parametrize(
    ('agent', 'flags'),
    [
        (ppo, ['--env', 'CartPole-v1', '--anneal']),
        pytest.param(ppo, ['--method', 'penalty', '--engine', 'gymnasium'], marks=pytest.mark.slow),
        pytest.param(trpo, ['--env', 'CartPole-v1', '--normalize'], marks=pytest.mark.slow),
        (a2c, ['--env', 'CartPole-v1', '--normalize', '--anneal']),
        (acktr, ['--normalize', '--inverse-every', '4', '--momentum', '0.5', '--anneal']),
    ],
)
def test_interrupted_and_resumed_equals_uninterrupted(agent, flags, tmp_path, monkeypatch, capsys):
    """Ctrl-C after updates 2 (before any scheduled checkpoint), 7 and 8; the files are the same, bit for bit."""
    train(agent, tmp_path / 'whole', *flags)
    original = Run.end_update

    def end_update(run, losses):
        run.interrupted = run.updates + 1 in (2, 7, 8)
        original(run, losses)

    monkeypatch.setattr(Run, 'end_update', end_update)
    for attempt in range(4):
        resume = ['--resume'] if attempt else []
        if attempt < 3:
            with pytest.raises(KeyboardInterrupt):
                train(agent, tmp_path / 'pieces', *flags, *resume)
            assert 'with --resume goes on' in capsys.readouterr().out
        else:
            train(agent, tmp_path / 'pieces', *flags, *resume)
    whole, pieces = files(tmp_path / 'whole'), files(tmp_path / 'pieces')
    assert len(whole) == 3
    assert whole == pieces


def test_same_seed_same_run_and_another_seed_another(tmp_path):
    for out, seed in (('a', '1'), ('b', '1'), ('c', '2')):
        train(ppo, tmp_path / out, '--seed', seed)
    a, b, c = (files(tmp_path / out) for out in 'abc')
    assert a == b
    assert a['agent.npz']['actor/0_weights'] != c['agent.npz']['actor/0_weights']


def test_resume_goes_on_farther_with_more_steps(tmp_path, capsys):
    train(ppo, tmp_path)
    train(ppo, tmp_path, '--resume', '--steps', '8000')
    assert 'Resumed' in capsys.readouterr().out
    assert checkpoint.load(tmp_path / 'model/PPO_Pendulum-v1/agent.npz')[1]['steps'] == 8000


def test_resume_refuses_other_settings_and_an_empty_folder(tmp_path):
    with pytest.raises(UserError, match='there is no file'):
        train(ppo, tmp_path, '--resume')
    train(ppo, tmp_path)
    with pytest.raises(UserError, match=r'was trained with gamma 0\.95, not 0\.5'):
        train(ppo, tmp_path, '--resume', '--gamma', '0.5')
    with pytest.raises(UserError, match='was trained with seed 0, not 3'):
        train(ppo, tmp_path, '--resume', '--seed', '3')


def test_what_a_run_leaves(tmp_path, capsys):
    train(ppo, tmp_path)
    image = tmp_path / 'image'
    rows = list(csv.DictReader((image / 'PPO_Pendulum-v1.csv').open()))
    assert list(rows[0]) == ['steps', 'episode_return', 'episode_length']
    assert {row['episode_length'] for row in rows} == {'200'}
    assert all(-2000 < float(row['episode_return']) < 0 for row in rows)
    assert (image / 'PPO_Pendulum-v1.png').read_bytes().startswith(b'\x89PNG')
    record = json.loads((image / 'PPO_Pendulum-v1.json').read_text())
    assert record['settings']['rollout_steps'] == 400
    assert record['evaluation']['episodes'] == 5
    assert record['steps'] == 6000
    printed = capsys.readouterr().out
    assert 'Training | Episode: ' in printed
    assert f'Agent: {tmp_path}/model/PPO_Pendulum-v1/agent.npz' in printed


@pytest.mark.parametrize(('agent', 'flags'), [(ppo, []), (trpo, []), (a2c, []), (acktr, ['--inverse-every', '1'])])
def test_nan_stops_the_run_names_the_update_and_keeps_the_checkpoint(agent, flags, tmp_path, monkeypatch):
    original = Run.end_update

    def end_update(run, losses):
        original(run, losses)
        if run.updates == 6:
            run.agent.critic.trainable_weights[0].assign_add(np.full((3, 8), np.nan, np.float32))
            run.agent.refresh()

    monkeypatch.setattr(Run, 'end_update', end_update)
    with pytest.raises(UserError, match=r'update 7 made .* nan; the last good checkpoint is'):
        train(agent, tmp_path, *flags)
    arrays, record = checkpoint.load(next(tmp_path.rglob('checkpoint.npz')))
    assert record['steps'] == 2000
    assert all(np.isfinite(array).all() for array in arrays.values())
    monkeypatch.undo()
    train(agent, tmp_path, *flags, '--resume')


def test_a_failing_save_keeps_the_checkpoint_before_it(tmp_path, monkeypatch):
    import os

    def full(*_):
        raise OSError(28, 'No space left on device')

    original = Run._save

    def save(run):
        if run.steps >= 4000:
            monkeypatch.setattr(os, 'fsync', full)
        original(run)

    monkeypatch.setattr(Run, '_save', save)
    with pytest.raises(UserError, match='No space left on device'):
        train(ppo, tmp_path)
    assert checkpoint.load(next(tmp_path.rglob('checkpoint.npz')))[1]['steps'] == 2000


@pytest.mark.parametrize('name', ['model', 'image'])
def test_an_unwritable_folder_is_said_before_training(name, tmp_path):
    (tmp_path / name).write_text('a file where a folder should be')
    with pytest.raises(UserError, match=f'cannot write {tmp_path}/{name}'):
        train(ppo, tmp_path)
    assert not list(tmp_path.rglob('*.npz'))


@pytest.mark.parametrize(('agent', 'name'), [(ppo, 'PPO'), (trpo, 'TRPO'), (a2c, 'A2C'), (acktr, 'ACKTR')])
def test_training_stores_actions_as_drawn(agent, name, tmp_path, monkeypatch):
    """Erratum 5: with a standard deviation far beyond Pendulum's bounds most of what was drawn lies outside them."""
    agents, original = [], getattr(agent, name)
    monkeypatch.setattr(agent, name, lambda *args, **keywords: agents.append(original(*args, **keywords)) or agents[-1])
    train(agent, tmp_path, '--init-std', '10', '--steps', '400')
    assert np.mean(np.abs(agents[0].buf.actions[:100]) > 2) > 0.5


def test_what_a_killed_save_left_is_cleared_away(tmp_path):
    left = tmp_path / 'model/PPO_Pendulum-v1/.checkpoint.npz.123.partial'
    left.parent.mkdir(parents=True)
    left.write_bytes(b'half')
    train(ppo, tmp_path)
    assert not left.exists()


def test_tensorboard_scalars(tmp_path):
    with pytest.raises(UserError, match='cannot write /proc/events'):
        train(ppo, tmp_path, '--tensorboard', '/proc/events')
    train(ppo, tmp_path, '--tensorboard', str(tmp_path / 'events'))
    content = b''.join(path.read_bytes() for path in (tmp_path / 'events').iterdir())
    for name in (b'losses/policy_loss', b'losses/value_loss', b'losses/kl', b'episodes/return'):
        assert name in content
