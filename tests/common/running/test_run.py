"""Runs: what they leave, and what ends a run in an error."""

import csv
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import a2c
import acktr
import ppo
import trpo
from common.backend import tf
from common.envs import envpool_engine, training
from common.errors import UserError
from common.running import checkpoint
from common.running import run as run_module
from common.running.run import Run

import gymnasium as gym
import numpy as np
import pytest
from short_runs import files, train

pytestmark = pytest.mark.usefixtures('bare_runs')
WHOLE = pytest.mark.whole


def test_same_seed_same_run_and_another_seed_another(tmp_path):
    for out, seed in (('a', '1'), ('b', '1'), ('c', '2')):
        train(ppo, tmp_path / out, '--seed', seed)
    a, b, c = (files(tmp_path / out) for out in 'abc')
    assert a == b
    assert a['agent.npz']['actor/0_weights'] != c['agent.npz']['actor/0_weights']


def test_tests_between_are_made_when_asked_for_and_change_nothing(tmp_path):
    train(ppo, tmp_path / 'without', '--steps', '6800')
    train(ppo, tmp_path / 'with', '--steps', '6800', '--test-every', '2000')
    rows = list(csv.DictReader((tmp_path / 'with/image/PPO_Pendulum-v1/seed0.test.csv').open()))
    assert [int(row['steps']) // 400 for row in rows] == [5, 10, 15], 'after the update that passes the step'
    without, with_tests = files(tmp_path / 'without'), files(tmp_path / 'with')
    assert 'seed0.test.csv' not in without
    assert without['agent.npz'] == with_tests['agent.npz']


def test_evaluation_draws_episodes_of_its_own_for_every_seed(tmp_path, monkeypatch):
    """What seeds the environments of training, and of a run's tests and evaluation, over three runs: all different."""
    seeds, in_training = [], [True]
    original, evaluated = envpool_engine.EnvPoolEnvs._reset, run_module.evaluate

    def reset(envs, seed):
        seeds[-1 if in_training[0] else -2].append(seed)
        return original(envs, seed)

    def evaluate(*words):
        in_training[0] = False
        returns = evaluated(*words)
        in_training[0] = True
        return returns

    monkeypatch.setattr(envpool_engine.EnvPoolEnvs, '_reset', reset)
    monkeypatch.setattr(run_module, 'evaluate', evaluate)
    monkeypatch.setattr(training, 'RECREATE_AFTER', 1)
    monkeypatch.setattr(training, 'MIN_EPISODES', 1)
    for seed in range(3):
        seeds += [], []
        train(ppo, tmp_path, '--seed', str(seed), '--test-every', '3000')
    assert all(len(set(one)) > 3 for one in seeds[1::2])
    assert all(seeds)
    assert len(set().union(*seeds)) == sum(len(set(one)) for one in seeds)


class Few(gym.Env):
    """Allows a few copies at a time, as a simulator with so many licences; an episode has ten steps."""

    observation_space, action_space = gym.spaces.Box(-1, 1, (2,)), gym.spaces.Discrete(2)
    copies, most = 0, 6

    def __init__(self):
        if Few.copies == Few.most:
            raise RuntimeError('no licence is left')
        Few.copies += 1

    def reset(self, **_):
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.zeros(2, np.float32), 1.0, self.steps == 10, False, {}

    def close(self):
        Few.copies -= 1


class Breaks(Few):
    """Fails in its 300th step."""

    total = 0

    def step(self, action):
        Breaks.total += 1
        if Breaks.total == 1200:
            raise RuntimeError('the wheel came off')
        return super().step(action)


for cls in (Few, Breaks):
    gym.register(f'TestRun{cls.__name__}-v0', cls)


@pytest.mark.parametrize('most', [4, 5])
def test_evaluation_makes_no_more_environments_than_training_did(most, tmp_path, monkeypatch, capsys):
    """Four at a time; tests between need a fifth, and where there is none they end, not the run. Every one is closed."""
    monkeypatch.setattr(Few, 'most', most)
    train(ppo, tmp_path, '--env', 'TestRunFew-v0', '--episodes', '100', '--test-every', '2000')
    assert checkpoint.load(next(tmp_path.rglob('agent.npz')))[1]['evaluation'] == dict(mean_return=10, std=0, episodes=100)
    assert Few.copies == 0
    assert ('No more tests in this run: ' in capsys.readouterr().out) == (most == 4)
    assert len(list(tmp_path.rglob('*.test.csv'))) == (most == 5)


def test_the_agent_is_saved_before_it_is_evaluated(tmp_path, monkeypatch):
    """While it trains, the licences for other environments are lost."""
    monkeypatch.setattr(Few, 'most', 4)

    def on_update(run, losses):
        Few.most = 1

    with pytest.raises(UserError, match=r'the agent is trained and saved, .*agent\.npz, but not evaluated: .* no licence'):
        train(ppo, tmp_path, '--env', 'TestRunFew-v0', on_update=on_update)
    assert Few.copies == 0
    agent = ppo.load_agent(tmp_path / 'model/PPO_TestRunFew-v0/seed0/agent.npz')
    assert agent.get_action(np.zeros(2, np.float32), greedy=True) in (0, 1)
    assert (tmp_path / 'image/PPO_TestRunFew-v0/seed0.png').exists()


def test_an_error_in_an_environment_closes_everything_and_leaves_the_curve_so_far(tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(UserError, match='TestRunBreaks-v0 raised RuntimeError: the wheel came off in step'):
        train(ppo, tmp_path, '--env', 'TestRunBreaks-v0')
    assert signal.getsignal(signal.SIGINT) is handler
    assert Few.copies == 0
    curve = (tmp_path / 'image/PPO_TestRunBreaks-v0/seed0.csv').read_text()
    assert 60 < curve.count('\n') < 120
    train(ppo, tmp_path, '--env', 'TestRunBreaks-v0')
    assert (tmp_path / 'image/PPO_TestRunBreaks-v0/seed0.csv').read_text() == curve, 'the next run replaced it'
    assert (tmp_path / 'model/PPO_TestRunBreaks-v0/seed0-2/agent.npz').exists()


@WHOLE
def test_a_run_in_a_thread_of_ones_own_code(tmp_path):
    """Only the main thread may handle Ctrl-C: the others train without."""
    settings = ppo.Settings(steps=800, batch_steps=400, minibatch_size=100, num_envs=4, hidden=(8,))
    with ThreadPoolExecutor(1) as pool:
        agent = pool.submit(ppo.train, 'Pendulum-v1', settings, episodes=2, out=tmp_path).result()
    assert agent.path == tmp_path / 'model/PPO_Pendulum-v1/seed0/agent.npz'


@pytest.mark.parametrize(('agent', 'flags'), [(ppo, []), (trpo, []), (a2c, []), (acktr, ['--inverse-every', '1'])])
def test_nan_stops_the_run_and_keeps_the_checkpoint(agent, flags, tmp_path):
    def on_update(run, losses):
        if run.updates == 6:
            run.agent.critic.trainable_weights[0].assign_add(np.full((3, 8), np.nan, np.float32))
            run.agent.refresh()

    with pytest.raises(UserError, match=r'in update 7, .* is nan; the last good checkpoint is'):
        train(agent, tmp_path, *flags, on_update=on_update)
    arrays, record = checkpoint.load(next(tmp_path.rglob('checkpoint.npz')))
    assert 2000 <= record['steps'] < 2400
    assert all(np.isfinite(array).all() for array in arrays.values())
    train(agent, tmp_path, *flags, '--resume')


def test_on_update_gets_the_run_and_what_the_update_reported(tmp_path):
    """An update takes more than a thousandth of the steps here: the file has a row for each."""
    seen = []
    train(ppo, tmp_path, on_update=lambda run, losses: seen.append(dict(steps=run.steps) | losses))
    with next(tmp_path.rglob('*.losses.csv')).open() as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert len(rows) == len(seen) > 10
    for row, reported in zip(rows, seen, strict=True):
        assert row == pytest.approx(reported, rel=1e-6)


@pytest.mark.parametrize('name', ['model', 'image'])
def test_an_unwritable_folder_is_said_before_training(name, tmp_path):
    (tmp_path / name).write_text('a file where a folder should be')
    with pytest.raises(UserError, match=f'cannot write {tmp_path}/{name}'):
        train(ppo, tmp_path)
    assert not list(tmp_path.rglob('*.npz'))


@pytest.mark.parametrize('agent', [ppo, trpo, a2c, acktr])
def test_training_stores_actions_as_drawn(agent, tmp_path):
    """Erratum 5: with a standard deviation far beyond Pendulum's bounds most of what was drawn lies outside them."""
    trained = train(agent, tmp_path, '--init-std', '10', '--steps', '400')
    assert np.mean(np.abs(trained.buf.actions[:100]) > 2) > 0.5


@WHOLE
@pytest.mark.parametrize('agent', [ppo, *(pytest.param(one, marks=pytest.mark.slow) for one in (trpo, acktr))])
def test_uncompiled_updates_are_the_same_but_for_rounding(agent, tmp_path, capsys):
    found = {}
    for name, flags in (('compiled', []), ('eager', ['--eager'])):
        train(agent, tmp_path / name, '--steps', '800', *flags)
        found[name] = checkpoint.load(next(tmp_path.glob(f'{name}/model/*/seed0/agent.npz')))[0]
        assert ('Compiling' in capsys.readouterr().out) == (name == 'compiled')
    assert not tf.config.functions_run_eagerly()
    for name, array in found['compiled'].items():
        np.testing.assert_allclose(found['eager'][name], array, rtol=1e-2, atol=1e-3, err_msg=name)


def test_a_run_that_never_began_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match='cannot write /proc/events'):
        train(ppo, tmp_path, '--tensorboard', '/proc/events')
    assert not list(tmp_path.glob('*/*'))


def test_a_run_that_fails_before_it_learnt_anything_leaves_its_name_free(tmp_path):
    """Even if it is to be filmed and its first stage was saved."""

    def broken():
        with Run('PPO', 'Pendulum-v1', ppo.Settings(), out=tmp_path, record='') as run:
            run.begin(ppo.PPO(3, 1, 2.0))
            assert list(tmp_path.rglob('step0.npz'))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert not [path for path in tmp_path.rglob('*') if 'seed0' in path.name]


def test_an_interrupted_evaluation_says_where_the_agent_is(tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, 'evaluate', interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(ppo, tmp_path)
    path = tmp_path / 'model/PPO_Pendulum-v1/seed0/agent.npz'
    assert f'Interrupted during the evaluation; the agent is trained and saved: {path}' in capsys.readouterr().out
    ppo.load_agent(path)


def test_a_disk_that_is_full_at_the_start_ends_the_run_before_it_begins(tmp_path, monkeypatch):
    """As many bytes are written, and reach the disk, as a checkpoint takes; nothing is left of the run."""
    sizes = []

    def full(number):
        sizes.append(os.fstat(number).st_size)
        raise OSError(28, 'No space left on device')

    updates = []
    monkeypatch.setattr(os, 'fsync', full)
    settings = ppo.Settings(steps=2048, batch_steps=1024, minibatch_size=1024, epochs=1, hidden=(64, 64))
    with pytest.raises(UserError, match=r'cannot write .*seed0: No space left on device; free some space'):
        ppo.train('Pendulum-v1', settings, out=tmp_path, on_update=lambda run, _: updates.append(run.steps), eager=True)
    assert not updates
    assert not list(tmp_path.rglob('*.npz'))
    monkeypatch.undo()
    ppo.train('Pendulum-v1', settings, out=tmp_path, episodes=1, eager=True)
    assert sizes[0] >= (tmp_path / 'model/PPO_Pendulum-v1/seed0/checkpoint.npz').stat().st_size
