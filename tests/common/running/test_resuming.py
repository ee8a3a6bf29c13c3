"""Runs that end early and go on: the same bits, and nothing lost."""

import csv
import json
import os
import re

import a2c
import acktr
import ppo
import sac
import trpo
from common.envs import training
from common.errors import UserError
from common.running import checkpoint, run

import numpy as np
import pytest
from short_runs import ctrl_c, files, train

pytestmark = pytest.mark.usefixtures('bare_runs')


@pytest.mark.parametrize(
    ('agent', 'flags'),
    [
        (ppo, ['--env', 'CartPole-v1', '--anneal']),
        pytest.param(ppo, ['--method', 'penalty', '--engine', 'gymnasium'], marks=pytest.mark.slow),
        pytest.param(trpo, ['--env', 'CartPole-v1', '--normalize'], marks=pytest.mark.slow),
        (a2c, ['--env', 'CartPole-v1', '--normalize', '--anneal']),
        pytest.param(a2c, ['--final-std', '0.2'], marks=pytest.mark.slow),
        pytest.param(acktr, ['--normalize', '--inverse-every', '4', '--momentum', '0.5', '--anneal'], marks=pytest.mark.slow),
    ],
)
def test_interrupted_and_resumed_equals_uninterrupted(agent, flags, tmp_path, capsys):
    """Ctrl-C after updates 2 (before any scheduled checkpoint), 7 and 8; the files are the same, bit for bit."""
    train(agent, tmp_path / 'whole', *flags)
    for attempt in range(4):
        resume = ['--resume'] if attempt else []
        if attempt < 3:
            with pytest.raises(KeyboardInterrupt):
                train(agent, tmp_path / 'pieces', *flags, *resume, on_update=ctrl_c(2, 7, 8))
            assert 'to continue, add --resume --name seed0 to the same command' in capsys.readouterr().out
        else:
            train(agent, tmp_path / 'pieces', *flags, *resume)
    whole, pieces = files(tmp_path / 'whole'), files(tmp_path / 'pieces')
    assert len(whole) == 4
    assert whole == pieces


def test_or_begin_continues_from_a_checkpoint_and_otherwise_begins(tmp_path):
    """After a kill before the first checkpoint, and after an error in on_update; the files are those of an undisturbed run."""
    options = dict(episodes=5, save_every=2000, name='seed0')
    settings = ppo.Settings(steps=6000, batch_steps=400, minibatch_size=200, epochs=1, num_envs=4, hidden=(8,))
    steps, whole = [], []
    ppo.train('Pendulum-v1', settings, out=tmp_path / 'whole', on_update=lambda run, _: whole.append(run.steps), **options)
    killed = tmp_path / 'pieces' / 'model' / 'PPO_Pendulum-v1' / 'seed0'
    killed.mkdir(parents=True)
    (killed / '.lock').touch()

    def on_update(run, losses):
        steps.append(run.steps)
        if len(steps) == 8:
            raise UserError('the plug was pulled')

    with pytest.raises(UserError, match='the plug was pulled'):
        ppo.train('Pendulum-v1', settings, out=tmp_path / 'pieces', resume='or begin', on_update=on_update, **options)
    ppo.train('Pendulum-v1', settings, out=tmp_path / 'pieces', resume='or begin', on_update=on_update, **options)
    assert steps == whole, 'the error left a checkpoint'
    assert files(tmp_path / 'whole') == files(tmp_path / 'pieces')


@pytest.mark.parametrize(
    ('agent', 'flags'),
    [
        (ppo, ['--env', 'CartPole-v1', '--normalize']),
        pytest.param(ppo, ['--engine', 'gymnasium'], marks=pytest.mark.slow),
        pytest.param(trpo, ['--env', 'CartPole-v1'], marks=pytest.mark.slow),
        pytest.param(a2c, [], marks=pytest.mark.slow),
        pytest.param(acktr, ['--env', 'CartPole-v1'], marks=pytest.mark.slow),
    ],
)
def test_saving_changes_nothing(agent, flags, tmp_path):
    """However often a run is saved, its weights, returns and record are the same, bit for bit."""
    for out, every in (('often', 400), ('seldom', 10**9)):
        train(agent, tmp_path / out, *flags, '--save-every', str(every))
    assert files(tmp_path / 'often') == files(tmp_path / 'seldom')


def test_no_episode_is_cut_by_a_checkpoint(tmp_path):
    """Each of 64 pendulums takes 250 steps: some 16, whose first episode is cut soon or not at all, finish one of 200."""
    sizes = ['--batch-steps', '3200', '--minibatch-size', '3200', '--save-every', '3200']
    train(ppo, tmp_path, '--num-envs', '64', '--steps', '17000', *sizes)
    rows = list(csv.DictReader((tmp_path / 'image/PPO_Pendulum-v1/seed0.csv').open()))
    assert 12 < len(rows) < 20
    assert {row['episode_length'] for row in rows} == {'200'}


def test_interrupted_and_resumed_equals_uninterrupted_with_new_environments(tmp_path, monkeypatch):
    """Ctrl-C after updates 4 and 7; environments are made anew after one episode each."""
    monkeypatch.setattr(training, 'RECREATE_AFTER', 1)
    monkeypatch.setattr(training, 'MIN_EPISODES', 1)
    flags = ['--env', 'CartPole-v1', '--steps', '4000', '--env-arg', 'max_episode_steps=30']
    train(ppo, tmp_path / 'whole', *flags)
    press, recreations = ctrl_c(4, 7), []

    def on_update(run, losses):
        recreations.append(run.envs.recreations)
        press(run, losses)

    for attempt in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(ppo, tmp_path / 'pieces', *flags, *['--resume'] * attempt, on_update=on_update)
    train(ppo, tmp_path / 'pieces', *flags, '--resume', on_update=on_update)
    assert recreations[0] > 0
    assert recreations[-1] > 10
    assert files(tmp_path / 'whole') == files(tmp_path / 'pieces')


@pytest.mark.slow
@pytest.mark.parametrize(('agent', 'flags'), [(ppo, ['--no-anneal']), (trpo, [])])
def test_resuming_with_more_steps_is_the_longer_run_without_annealing(agent, flags, tmp_path, capsys):
    flags = ['--env', 'CartPole-v1', *flags]
    train(agent, tmp_path / 'pieces', *flags)
    train(agent, tmp_path / 'pieces', *flags, '--resume', '--steps', '8000')
    assert 'Resumed' in capsys.readouterr().out
    train(agent, tmp_path / 'whole', *flags, '--steps', '8000')
    assert files(tmp_path / 'whole') == files(tmp_path / 'pieces')


def test_resume_refuses_what_no_command_would_repeat(tmp_path):
    """Learning rates that fell towards step 6000 cannot fall towards 8000 after all; other settings are another run."""
    with pytest.raises(UserError, match=r'there is no checkpoint under .*PPO_Pendulum-v1/seed0 to resume from'):
        train(ppo, tmp_path, '--resume')
    train(ppo, tmp_path)
    for flags, words in (
        (['--steps', '8000'], 'was trained with --steps 6000, and its settings were annealed over these'),
        (['--gamma', '0.5'], r'was trained with gamma 0\.99, not 0\.5'),
        (['--engine', 'gymnasium'], 'was trained with engine envpool, not gymnasium'),
        (['--seed', '3'], 'there is no checkpoint under .*seed3'),
        (['--name', 'other'], 'there is no checkpoint under .*other'),
    ):
        with pytest.raises(UserError, match=words):
            train(ppo, tmp_path, '--resume', *flags)
    train(trpo, tmp_path)
    with pytest.raises(UserError, match=r'has already taken 5\d{3} steps, more than --steps 4000'):
        train(trpo, tmp_path, '--resume', '--steps', '4000')
    falls = '--name', 'falls', '--final-std', '0.2'
    train(trpo, tmp_path, *falls)
    with pytest.raises(UserError, match='was trained with --steps 6000, and its settings were annealed over these'):
        train(trpo, tmp_path, '--resume', '--steps', '8000', *falls)


@pytest.mark.parametrize(
    ('begun', 'words'),
    [
        (['--book'], 'settings, --book among them, or'),
        (['--epochs', '3'], 'settings, or'),
        (['--book', '--gamma', '0.5'], 'settings, or'),
    ],
)
def test_where_only_book_is_missing_the_message_names_it(begun, words, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(ppo, tmp_path, *begun, on_update=ctrl_c(2))
    with pytest.raises(UserError, match=re.escape(words)):
        train(ppo, tmp_path, '--resume')


def test_an_interrupted_run_leaves_its_curve_so_far(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        train(ppo, tmp_path, on_update=ctrl_c(10))
    image = tmp_path / 'image/PPO_Pendulum-v1/seed0'
    *_, curves, last = capsys.readouterr().out.splitlines()
    assert curves == f'The curves so far: {image}.png, .csv, .losses.png, .losses.csv'
    assert last.startswith('Interrupted at step 4,')
    steps = json.loads(image.with_suffix('.json').read_text())['steps']
    assert 4000 <= steps < 4400
    assert checkpoint.load(next(tmp_path.rglob('checkpoint.npz')))[1]['steps'] == steps
    assert {int(row['steps']) // 800 for row in csv.DictReader(image.with_suffix('.csv').open())} >= {1, 2, 3, 4}


def test_the_message_of_the_second_run_of_a_name_resumes_the_second(tmp_path, capsys):
    train(a2c, tmp_path, '--name', 'mine', '--steps', '800')
    with pytest.raises(KeyboardInterrupt):
        train(a2c, tmp_path, '--name', 'mine', '--steps', '800', on_update=ctrl_c(1))
    words = re.search(r'add (--resume --name \S+) to the same command', capsys.readouterr().out)[1]
    train(a2c, tmp_path, '--steps', '800', *words.split())
    assert (tmp_path / 'model/A2C_Pendulum-v1/mine-2/agent.npz').exists()


@pytest.mark.parametrize(
    'damage',
    [
        {'envs/actions': np.zeros((3, 7, 2), np.float32)},
        {'envs/actions': np.full((3, 4, 1), np.nan, np.float32)},
        {'episodes/steps': np.zeros(3)},
        {'episodes/open_returns': np.zeros(9)},
        {'actor/0_weights': np.array([['a'] * 8] * 3)},
        {'actor/0_weights': np.zeros((3, 8), complex)},
    ],
)
def test_a_damaged_checkpoint_is_one_line(damage, tmp_path):
    """EnvPool would end the process over actions of another shape."""
    path = tmp_path / 'model/A2C_Pendulum-v1/seed0/checkpoint.npz'
    train(a2c, tmp_path, '--steps', '800')
    arrays, record = checkpoint.load(path)
    checkpoint.save(path, arrays | damage, record)
    with pytest.raises(UserError, match=r'checkpoint\.npz'):
        train(a2c, tmp_path, '--steps', '800', '--resume')


def test_a_checkpoint_of_a_version_that_reported_less_is_resumed(tmp_path):
    """Its losses lack a column: NaN before the interruption, and the rest is as in a run that was not interrupted."""
    train(a2c, tmp_path / 'whole')
    with pytest.raises(KeyboardInterrupt):
        train(a2c, tmp_path / 'pieces', on_update=ctrl_c(6))
    path = tmp_path / 'pieces/model/A2C_Pendulum-v1/seed0/checkpoint.npz'
    arrays, record = checkpoint.load(path)
    checkpoint.save(path, {name: array for name, array in arrays.items() if not name.endswith('/std')}, record)
    train(a2c, tmp_path / 'pieces', '--resume')
    whole, pieces = files(tmp_path / 'whole'), files(tmp_path / 'pieces')
    assert whole['agent.npz'] == pieces['agent.npz']
    assert whole['seed0.csv'] == pieces['seed0.csv']
    whole, pieces = (list(csv.DictReader(left['seed0.losses.csv'].splitlines())) for left in (whole, pieces))
    assert [row.pop('std') for row in pieces] == ['nan'] * 6 + [row['std'] for row in whole[6:]]
    assert pieces == [{name: value for name, value in row.items() if name != 'std'} for row in whole]


def test_a_failing_save_keeps_the_checkpoint_before_it(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, 'No space left on device')

    def on_update(run, losses):
        if run.steps >= 4000:
            monkeypatch.setattr(os, 'fsync', full)

    with pytest.raises(UserError, match='No space left on device'):
        train(ppo, tmp_path, on_update=on_update)
    assert 2000 <= checkpoint.load(next(tmp_path.rglob('checkpoint.npz')))[1]['steps'] < 2400


def test_what_a_killed_save_left_is_cleared_away(tmp_path):
    train(ppo, tmp_path)
    left = tmp_path / 'model/PPO_Pendulum-v1/seed0/.checkpoint.123.partial.npz'
    curve = tmp_path / 'image/PPO_Pendulum-v1/.seed0.losses.123.partial.csv'
    others = tmp_path / 'image/PPO_Pendulum-v1/.seed01.123.partial.csv'  # of a run that may be writing
    for file in (left, curve, others):
        file.write_bytes(b'half')
    train(ppo, tmp_path, '--resume')
    assert not left.exists()
    assert not curve.exists()
    assert others.exists()


@pytest.mark.parametrize(
    ('agent', 'flags'),
    [
        (sac, ['--steps', '3000', '--start-steps', '1000', '--batch-steps', '100', '--updates-per-step', '0.01']),
        (ppo, ['--steps', '4000']),
    ],
)
def test_the_room_that_is_looked_for_is_that_of_the_first_checkpoint(agent, flags, tmp_path, monkeypatch):
    rooms, sizes = [], []
    monkeypatch.setattr(run, 'check_room', lambda folder, size: rooms.append(size))

    def on_update(run, losses):
        sizes.extend(path.stat().st_size for path in tmp_path.rglob('checkpoint.npz') if not sizes)

    train(agent, tmp_path, *flags, on_update=on_update)
    assert sizes[0] < rooms[0] < sizes[0] + 2 * 10**6


def test_a_run_may_change_its_workers(tmp_path):
    """Interrupted with two, resumed with none: the files are those of a run in this process, bit for bit."""
    flags = ['--engine', 'gymnasium', '--steps', '2400']
    train(ppo, tmp_path / 'whole', *flags, '--workers', '0')
    with pytest.raises(KeyboardInterrupt):
        train(ppo, tmp_path / 'pieces', *flags, '--workers', '2', on_update=ctrl_c(2))
    train(ppo, tmp_path / 'pieces', *flags, '--workers', '0', '--resume')
    assert files(tmp_path / 'whole') == files(tmp_path / 'pieces')


def test_slow_runs_are_saved_by_the_clock(tmp_path, monkeypatch):
    """Fifty thousand steps of a slow environment take hours: an error must not cost them."""
    monkeypatch.setattr(run, 'SAVE_AFTER', 0)
    saved = []

    def on_update(run, losses):
        saved.append(run.files.checkpoint.exists())

    train(ppo, tmp_path, '--steps', '1600', '--save-every', str(10**9), on_update=on_update)
    assert saved == [False, True, True]
