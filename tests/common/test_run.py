"""Runs: what they leave, exact resumption, and what ends a run early."""

import csv
import dataclasses
import importlib.metadata
import importlib.util
import json
import re
import signal
from concurrent.futures import ThreadPoolExecutor

import a2c
import acktr
import ppo
import sac
import trpo
from common import checkpoint
from common import run as run_module
from common.backend import tf
from common.envs import engines
from common.errors import UserError
from common.provenance import provenance
from common.run import Run

import gymnasium as gym
import imageio.v3 as imageio
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures('bare_runs')
SHORT = {
    '--steps': 6000, '--rollout-steps': 400, '--minibatch-size': 200, '--num-envs': 4, '--save-every': 2000, '--hidden': 8,
    '--episodes': 5, '--epochs': 1, '--train-v-iters': 1, '--cg-iters': 2, '--critic-iters': 2,
}  # fmt: skip
WHOLE = pytest.mark.whole


def train(agent, out, *argv):
    settings = {f'--{field.name.replace("_", "-")}' for field in dataclasses.fields(agent.Settings)}
    known = settings | {'--episodes', '--save-every'}
    words = ['--train', '--out', str(out), *(str(word) for pair in SHORT.items() if pair[0] in known for word in pair)]
    agent.main([*words, *argv])


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
            assert 'with --resume --name seed0 goes on' in capsys.readouterr().out
        else:
            train(agent, tmp_path / 'pieces', *flags, *resume)
    whole, pieces = files(tmp_path / 'whole'), files(tmp_path / 'pieces')
    assert len(whole) == 4
    assert whole == pieces


def test_or_begin_goes_on_from_a_checkpoint_and_else_begins_in_the_folder_of_that_name(tmp_path):
    """After a kill before the first checkpoint, and after an error behind it; the files are those of a run left in peace."""
    options = dict(episodes=5, save_every=2000, name='seed0')
    settings = ppo.Settings(steps=6000, rollout_steps=400, minibatch_size=200, epochs=1, num_envs=4, hidden=(8,))
    steps, whole = [], []
    ppo.train('Pendulum-v1', settings, out=tmp_path / 'whole', on_update=lambda run: whole.append(run.steps), **options)
    killed = tmp_path / 'pieces' / 'model' / 'PPO_Pendulum-v1' / 'seed0'
    killed.mkdir(parents=True)
    (killed / '.lock').touch()

    def on_update(run):
        steps.append(run.steps)
        if len(steps) == 8:
            raise UserError('the plug was pulled')

    with pytest.raises(UserError, match='the plug was pulled'):
        ppo.train('Pendulum-v1', settings, out=tmp_path / 'pieces', resume='or begin', on_update=on_update, **options)
    ppo.train('Pendulum-v1', settings, out=tmp_path / 'pieces', resume='or begin', on_update=on_update, **options)
    assert 2000 <= whole[4] < 2400, 'where the checkpoint is'
    assert steps == whole[:8] + whole[5:]
    assert files(tmp_path / 'whole') == files(tmp_path / 'pieces')


def test_same_seed_same_run_and_another_seed_another(tmp_path):
    for out, seed in (('a', '1'), ('b', '1'), ('c', '2')):
        train(ppo, tmp_path / out, '--seed', seed)
    a, b, c = (files(tmp_path / out) for out in 'abc')
    assert a == b
    assert a['agent.npz']['actor/0_weights'] != c['agent.npz']['actor/0_weights']


@pytest.mark.parametrize(
    ('agent', 'flags'),
    [
        (ppo, ['--env', 'CartPole-v1', '--normalize']),
        (ppo, ['--engine', 'gymnasium']),
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
    sizes = ['--rollout-steps', '3200', '--minibatch-size', '3200', '--save-every', '3200']
    train(ppo, tmp_path, '--num-envs', '64', '--steps', '17000', *sizes)
    rows = list(csv.DictReader((tmp_path / 'image/PPO_Pendulum-v1/seed0.csv').open()))
    assert 12 < len(rows) < 20
    assert {row['episode_length'] for row in rows} == {'200'}


def test_interrupted_and_resumed_where_environments_are_made_anew_equals_uninterrupted(tmp_path, monkeypatch):
    """Ctrl-C after updates 4 and 7; environments are made anew after one episode each."""
    monkeypatch.setattr(engines, 'REPLAY', 1)
    monkeypatch.setattr(engines, 'EPISODES', 1)
    flags = ['--env', 'CartPole-v1', '--steps', '4000', '--env-arg', 'max_episode_steps=30']
    train(ppo, tmp_path / 'whole', *flags)
    original, renewals = Run.end_update, []

    def end_update(run, losses):
        run.interrupted = run.updates + 1 in (4, 7)
        renewals.append(run.envs.renewals)
        original(run, losses)

    monkeypatch.setattr(Run, 'end_update', end_update)
    for attempt in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(ppo, tmp_path / 'pieces', *flags, *['--resume'] * attempt)
    train(ppo, tmp_path / 'pieces', *flags, '--resume')
    assert renewals[0] > 0
    assert renewals[-1] > 10
    assert files(tmp_path / 'whole') == files(tmp_path / 'pieces')


@pytest.mark.parametrize(('agent', 'flags'), [(ppo, ['--no-anneal']), (trpo, [])])
def test_resuming_with_more_steps_is_the_longer_run_where_nothing_is_annealed(agent, flags, tmp_path, capsys):
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
        (['--steps', '8000'], 'was trained with --steps 6000, over which it anneals'),
        (['--gamma', '0.5'], r'was trained with gamma 0\.99, not 0\.5'),
        (['--engine', 'gymnasium'], 'was trained with engine envpool, not gymnasium'),
        (['--seed', '3'], 'there is no checkpoint under .*seed3'),
        (['--name', 'other'], 'there is no checkpoint under .*other'),
    ):
        with pytest.raises(UserError, match=words):
            train(ppo, tmp_path, '--resume', *flags)
    train(trpo, tmp_path)
    with pytest.raises(UserError, match=r'has taken 5\d{3} steps already: --steps 4000 is less'):
        train(trpo, tmp_path, '--resume', '--steps', '4000')
    falls = '--name', 'falls', '--final-std', '0.2'
    train(trpo, tmp_path, *falls)
    with pytest.raises(UserError, match='was trained with --steps 6000, over which it anneals'):
        train(trpo, tmp_path, '--resume', '--steps', '8000', *falls)


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
    assert record['settings']['rollout_steps'] == 400
    assert record['evaluation']['episodes'] == 5
    assert 5600 < record['steps'] <= 6000
    assert len(record['commit'].rstrip('+')) == 12
    assert record['processor'].endswith(' cores')
    assert record['versions']['tensorflow'] == importlib.metadata.version('tensorflow')
    printed = capsys.readouterr().out
    assert 'Training | Episode: ' in printed
    assert f'Agent: {tmp_path}/model/PPO_Pendulum-v1/seed0/agent.npz | curve: {image}/seed0.png, .csv' in printed


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
    seeds, training = [], [True]
    original, evaluated = engines.EnvPoolEnvs._reset, run_module.evaluate

    def reset(envs, seed):
        seeds[-1 if training[0] else -2].append(seed)
        return original(envs, seed)

    def evaluate(*words):
        training[0] = False
        returns = evaluated(*words)
        training[0] = True
        return returns

    monkeypatch.setattr(engines.EnvPoolEnvs, '_reset', reset)
    monkeypatch.setattr(run_module, 'evaluate', evaluate)
    monkeypatch.setattr(engines, 'REPLAY', 1)
    monkeypatch.setattr(engines, 'EPISODES', 1)
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
    def fails(*_):
        raise UserError('no licence is left')

    monkeypatch.setattr(run_module, 'evaluate', fails)
    with pytest.raises(UserError, match=r'the agent is trained and saved, .*agent\.npz, but not evaluated: no licence'):
        train(ppo, tmp_path)
    agent = ppo.load_agent(tmp_path / 'model/PPO_Pendulum-v1/seed0/agent.npz')
    assert -2 <= agent.get_action(np.zeros(3, np.float32), greedy=True) <= 2
    assert (tmp_path / 'image/PPO_Pendulum-v1/seed0.png').exists()


def test_after_an_error_in_an_environment_everything_is_closed_and_the_curve_so_far_is_there(tmp_path):
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


def test_an_interrupted_run_leaves_its_curve_so_far(tmp_path, monkeypatch, capsys):
    original = Run.end_update

    def end_update(run, losses):
        run.interrupted = run.updates == 9
        original(run, losses)

    monkeypatch.setattr(Run, 'end_update', end_update)
    with pytest.raises(KeyboardInterrupt):
        train(ppo, tmp_path)
    image = tmp_path / 'image/PPO_Pendulum-v1/seed0'
    assert f'Its curves so far: {image}.png, .csv, .losses.png, .losses.csv' in capsys.readouterr().out
    assert 4000 <= json.loads(image.with_suffix('.json').read_text())['steps'] < 4400
    assert {int(row['steps']) // 800 for row in csv.DictReader(image.with_suffix('.csv').open())} >= {1, 2, 3, 4}


def test_an_interrupted_evaluation_tells_where_the_agent_is(tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, 'evaluate', interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(ppo, tmp_path)
    path = tmp_path / 'model/PPO_Pendulum-v1/seed0/agent.npz'
    assert f'Interrupted in the evaluation; the agent is trained and saved: {path}' in capsys.readouterr().out
    ppo.load_agent(path)


def test_the_second_of_two_runs_of_one_name_is_the_one_that_its_message_resumes(tmp_path, monkeypatch, capsys):
    train(a2c, tmp_path, '--name', 'mine', '--steps', '800')
    original = Run.end_update

    def end_update(run, losses):
        run.interrupted = run.updates == 0
        original(run, losses)

    with monkeypatch.context() as patch:
        patch.setattr(Run, 'end_update', end_update)
        with pytest.raises(KeyboardInterrupt):
            train(a2c, tmp_path, '--name', 'mine', '--steps', '800')
    words = re.search(r'the same command with (--resume --name \S+) goes on', capsys.readouterr().out)[1]
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


@WHOLE
def test_a_run_in_a_thread_of_ones_own_code(tmp_path):
    """Only the main thread may handle Ctrl-C: the others train without."""
    settings = ppo.Settings(steps=800, rollout_steps=400, minibatch_size=100, num_envs=4, hidden=(8,))
    with ThreadPoolExecutor(1) as pool:
        agent = pool.submit(ppo.train, 'Pendulum-v1', settings, episodes=2, out=tmp_path).result()
    assert agent.path == tmp_path / 'model/PPO_Pendulum-v1/seed0/agent.npz'


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
    assert 2000 <= record['steps'] < 2400
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
    assert 2000 <= checkpoint.load(next(tmp_path.rglob('checkpoint.npz')))[1]['steps'] < 2400


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
    train(ppo, tmp_path)
    left = tmp_path / 'model/PPO_Pendulum-v1/seed0/.checkpoint.npz.123.partial'
    left.write_bytes(b'half')
    train(ppo, tmp_path, '--resume')
    assert not left.exists()


def test_a_run_that_never_began_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match='cannot write /proc/events'):
        train(ppo, tmp_path, '--tensorboard', '/proc/events')
    assert not list(tmp_path.glob('*/*'))


def test_tensorboard_has_a_folder_for_each_run(tmp_path):
    with pytest.raises(UserError, match='cannot write /proc/events'):
        train(ppo, tmp_path, '--tensorboard', '/proc/events')
    for seed in '01':
        train(ppo, tmp_path, '--tensorboard', str(tmp_path / 'events'), '--seed', seed)
    folders = sorted((tmp_path / 'events' / 'PPO_Pendulum-v1').iterdir())
    assert [folder.name for folder in folders] == ['seed0', 'seed1']
    for folder in folders:
        content = b''.join(path.read_bytes() for path in folder.iterdir())
        for name in (b'losses/policy_loss', b'losses/explained_variance', b'episodes/return', b'evaluation/return', b'hparams'):
            assert name in content
        assert b'rollout_steps' in content


@WHOLE
@pytest.mark.parametrize(
    ('agent', 'names'),
    [
        (ppo, 'policy_loss kl entropy std actor_norm actor_lr value_loss critic_norm critic_lr explained_variance'),
        (trpo, 'policy_loss kl entropy std actor_norm step_accepted value_loss critic_norm critic_lr explained_variance'),
        (a2c, 'policy_loss value_loss kl entropy std actor_lr critic_lr actor_norm critic_norm explained_variance'),
        (acktr, 'policy_loss value_loss kl entropy std step_size actor_norm critic_norm explained_variance'),
        (sac, 'policy_loss value_loss entropy std alpha actor_norm critic_norm'),
    ],
)
def test_losses_tell_how_the_update_went(agent, names, tmp_path):
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


def test_a_film_of_the_training_shows_five_agents_and_changes_nothing(tmp_path, capsys):
    """Also where the run was interrupted: the film has the moments before, and a folder of one's own may be named."""
    flags = ['--env-arg', 'max_episode_steps=20']
    train(ppo, tmp_path / 'plain', *flags)
    train(ppo, tmp_path / 'filmed', *flags, '--record', str(tmp_path / 'films'))
    plain, filmed = files(tmp_path / 'plain'), files(tmp_path / 'filmed')
    moments = sorted(int(name[4:-4]) for name in filmed if name.startswith('step'))
    assert [steps // 400 for steps in moments] == [0, 4, 8, 12], 'after the update that passes a quarter'
    assert {name: filmed[name] for name in plain} == plain
    film = tmp_path / 'films' / 'PPO_Pendulum-v1_max_episode_steps=20' / 'seed0.training.mp4'
    assert len(imageio.imread(film)) == 5 * 20
    printed = capsys.readouterr().out
    assert all(f'Filming the agent after {steps:,} steps, ' in printed for steps in moments)
    assert f'Film: {film.with_suffix("")}.mp4, .gif' in printed
    with pytest.raises(UserError, match='cannot write'):
        train(ppo, tmp_path / 'never', '--record', '/proc/films')
    assert not list((tmp_path / 'never').rglob('*.npz'))


def test_an_interrupted_filming_tells_where_the_agent_is(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module.film, 'record', interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(ppo, tmp_path, '--record')
    path = tmp_path / 'model/PPO_Pendulum-v1/seed0/agent.npz'
    assert f'Interrupted in the filming; the agent is trained and saved: {path}' in capsys.readouterr().out


def test_a_run_that_fails_before_it_learnt_anything_leaves_its_name_free(tmp_path, monkeypatch):
    """Also where it is to be filmed, and its first moment was kept."""

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(ppo.PPO, 'update', broken)
    with pytest.raises(ZeroDivisionError):
        train(ppo, tmp_path, '--record')
    assert not [path for path in tmp_path.rglob('*') if 'seed0' in path.name]


@WHOLE
@pytest.mark.parametrize('agent', [ppo, pytest.param(trpo, marks=pytest.mark.slow), acktr])
def test_uncompiled_updates_are_the_same_but_for_rounding(agent, tmp_path, capsys):
    found = {}
    for name, flags in (('compiled', []), ('eager', ['--eager'])):
        train(agent, tmp_path / name, '--steps', '800', *flags)
        found[name] = checkpoint.load(next(tmp_path.glob(f'{name}/model/*/seed0/agent.npz')))[0]
        assert ('Compiling' in capsys.readouterr().out) == (name == 'compiled')
    assert not tf.config.functions_run_eagerly()
    for name, array in found['compiled'].items():
        np.testing.assert_allclose(found['eager'][name], array, rtol=1e-2, atol=1e-3, err_msg=name)
