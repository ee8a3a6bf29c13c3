"""What is measured of speed, and what tables and sentences say of it, worked by hand."""

import re
import subprocess
import sys
from pathlib import Path

import a2c
import acktr
import ppo
import sac
import trpo
from benchmarks import report
from benchmarks.speed import listing, measuring, peers, tables
from benchmarks.speed.cells import (
    ALONE,
    BOOK,
    DEFAULT,
    FLAGS,
    LISTING,
    MEASUREMENTS,
    ONE_PROCESS,
    OURS,
    PPO_CHEETAH,
    PPO_PENDULUM,
    PROCESSES,
    PUREJAX,
    SLOW,
    Measurement,
)
from benchmarks.speed.tables import CHINESE, ENGLISH
from common.backend import tf
from common.running import command_line

import gymnasium
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
AGENTS = {'PPO': ppo, 'TRPO': trpo, 'A2C': a2c, 'ACKTR': acktr, 'SAC': sac}


def rows_of_speed(*keys_and_values, unit='steps/s'):
    """Rows as they are written: (who, what, env, num_envs, engine, schedule, threads), and a value for each repeat."""
    rows = []
    for key, *values in keys_and_values:
        one = Measurement(*key[:6], steps=0)
        rows += [measuring.row_of(one, key[6], repeat, unit, value, reached=-repeat) for repeat, value in enumerate(values)]
    return [{name: str(value) for name, value in row.items()} for row in rows]


def settings_of_ours(one):
    """The settings this project has in a measurement."""
    agent = AGENTS[one.what]
    argv = ['--train', '--env', one.env, '--num-envs', str(one.num_envs), *FLAGS[one.what, one.schedule].split()]
    return command_line.parse('', agent.Settings, agent.PRESETS, argv)[1]


PENDULUM = 'Pendulum-v1'
SPEEDS = [
    ((OURS, 'PPO', PENDULUM, 16, 'envpool', PPO_PENDULUM, 2), 100, 1000, 120),
    ((OURS, 'PPO', PENDULUM, 16, 'gymnasium', PPO_PENDULUM, 2), 60),
    (('stable-baselines3', 'PPO', PENDULUM, 16, 'gymnasium', PPO_PENDULUM, 1), 20),
    (('stable-baselines3', 'PPO', PENDULUM, 64, 'gymnasium', PPO_PENDULUM, 2), 40),
    (('sbx', 'PPO', PENDULUM, 16, 'gymnasium', PPO_PENDULUM, 1), 30),
    ((PUREJAX, 'PPO', PENDULUM, 16, 'compiled in', PPO_PENDULUM, 1), 240),
    ((OURS, 'PPO', PENDULUM, 64, 'envpool', PPO_PENDULUM, 2), 400),
    ((ALONE, 'random actions', PENDULUM, 16, 'envpool', '', 2), 480),
    ((LISTING, 'PPO', PENDULUM, 1, 'gymnasium', BOOK, 1), 2),
    ((OURS, 'PPO', PENDULUM, 1, 'gymnasium', BOOK, 2), 90),
    ((OURS, 'PPO', PENDULUM, 16, 'envpool', DEFAULT, 2), 110),
    ((LISTING, 'TRPO', PENDULUM, 1, 'gymnasium', BOOK, 2), 5),
    ((OURS, 'TRPO', PENDULUM, 1, 'gymnasium', BOOK, 2), 35),
    ((OURS, 'TRPO', PENDULUM, 16, 'envpool', DEFAULT, 2), 65),
]


def test_table_as_each_comes_by_hand():
    found = tables.summaries(rows_of_speed(*SPEEDS))
    lines = [line[3:] for line in tables.rows_as_each_comes(found, ENGLISH)]
    assert lines == [  # over SB3's 20, over PureJaxRL's 240, over EnvPool's 480
        [16, '**this project**', 'EnvPool', '2', 3, '120', '100 - 1,000', '6.0', '0.50', '25%'],
        [16, 'stable-baselines3', 'Gymnasium', '1', 1, '20', '20 - 20', '1.0', '0.08', ''],
        [64, 'stable-baselines3', 'Gymnasium', '2', 1, '40', '40 - 40', '1.0', '0.17', ''],
        [16, 'sbx', 'Gymnasium', '1', 1, '30', '30 - 30', '1.5', '0.12', ''],
        [16, 'PureJaxRL', 'compiled in', '1', 1, '240', '240 - 240', '12.0', '1.0', ''],
        [64, '**this project**', 'EnvPool', '2', 1, '400', '400 - 400', '10.0', '1.7', ''],
        [16, 'environments alone', 'EnvPool', '2', 1, '480', '480 - 480', '', '', '100%'],
    ]


def test_tables_of_the_same_engine_and_of_the_listings_by_hand():
    found = tables.summaries(rows_of_speed(*SPEEDS))
    assert tables.rows_same_engine(found, ENGLISH) == [
        [PENDULUM, 'PPO', PPO_PENDULUM, 16, 1, '60', '30 (sbx)', '2.0', '3.0', '6.0']
    ]
    assert [[line[0], line[2], line[-1]] for line in tables.rows_of_listing(found, ENGLISH)] == [
        ['PPO', "the book's", '1'],
        ['PPO', "the book's", '45'],
        ['PPO', '`python ppo.py --train`', '55'],
        ['TRPO', "the book's", '1'],
        ['TRPO', "the book's", '7'],
        ['TRPO', '`python trpo.py --train`', '13'],
    ]


def test_table_of_slow_environments_by_hand():
    rows = rows_of_speed(
        ((OURS, 'PPO', SLOW, 8, 'gymnasium', PPO_CHEETAH, 2), 900, 940, 980),
        ((OURS, 'PPO', SLOW, 8, ONE_PROCESS, PPO_CHEETAH, 2), 400),
        (('stable-baselines3', 'PPO', SLOW, 2, PROCESSES, PPO_CHEETAH, 1), 500),
        (('stable-baselines3', 'PPO', SLOW, 8, PROCESSES, PPO_CHEETAH, 1), 600),
    )
    assert tables.rows_of_slow(tables.summaries(rows), ENGLISH) == [
        ['a step computes 2 ms', '**this project**', 8, ENGLISH['workers'], 3, '940', '900 - 980', '2.4', '1.6'],
        ['a step computes 2 ms', 'this project', 8, 'one process', 1, '400', '400 - 400', '1.0', '0.67'],
        ['a step computes 2 ms', 'stable-baselines3', 2, 'a process each', 1, '500', '500 - 500', '1.2', '0.83'],
        ['a step computes 2 ms', 'stable-baselines3', 8, 'a process each', 1, '600', '600 - 600', '1.5', '1.0'],
    ]


def test_a_command_is_measured_from_outside():
    """By a process that is as small as the bench itself: Linux counts the memory of the process that starts another to it."""
    held = 'import time; held = bytearray(200_000_000); held[::4096] = bytes(len(held[::4096])); time.sleep(0.3); print(7)'
    code = f'import sys; from benchmarks.speed import measuring; print(*measuring.finished([sys.executable, "-c", {held!r}]))'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    printed, seconds, memory = done.stdout.split()
    assert printed == '7'
    assert 0.3 < float(seconds) < 5
    assert 190 < float(memory) < 250
    with pytest.raises(SystemExit, match='wrong'):
        measuring.finished([sys.executable, '-c', 'raise ValueError("wrong")'])


def test_sentences_say_what_the_rows_do():
    rows = rows_of_speed(*SPEEDS)
    seconds = rows_of_speed(((OURS, 'PPO', PENDULUM, 16, 'envpool', DEFAULT, 2), 12.3), unit='s')
    said = tables.summary(tables.summaries(rows), ENGLISH).replace('\n', ' ')
    assert 'each with its own engine: PPO 6.0 to 10; with the same engine: PPO 3.0.' in said
    assert 'As a multiple of PureJaxRL, which compiles the environment in: 0.50 at 16 environments.' in said
    for words in (ENGLISH, CHINESE):
        assert re.findall(r'\d+', tables.claim(rows + seconds, words)) == ['45', '7', '55', '13', '12']


def test_seconds_have_their_worst_return():
    rows = rows_of_speed(((OURS, 'PPO', PENDULUM, 16, 'envpool', DEFAULT, 2), 12, 11, 14), unit='s')
    lines = tables.rows_of_seconds(rows, ENGLISH)
    assert lines == [[ENGLISH['cold start'].format('ppo', ''), '12.0', '11.0 - 14.0', 3, '-2.0']]
    rows = rows_of_speed(((OURS, 'PPO', PENDULUM, 1, 'gymnasium', BOOK, 2), 36), unit='s')
    assert tables.rows_of_seconds(rows, ENGLISH)[0][0].startswith('`python ppo.py --train --book` ')


def test_a_peer_gets_its_faster_number_of_threads_and_each_row_is_repeated(monkeypatch, tmp_path):
    speeds = {('sbx', 1): 3.0, ('sbx', 2): 2.0, ('stable-baselines3', 1): 2.0, ('stable-baselines3', 2): 3.0}
    monkeypatch.setattr(measuring, 'measure', lambda one, threads: (speeds.get((one.who, threads), 9.0), 70.0))
    monkeypatch.setattr(measuring, 'commands', lambda only, repeat: [])
    monkeypatch.setattr(measuring, 'peers_made_with', lambda: dict(versions='peers'))
    monkeypatch.setattr(report, 'made_with', lambda: dict(versions='ours'))
    wanted = [one for one in MEASUREMENTS if one.what == 'SAC']
    rows = measuring.measured(wanted, ['SAC'], 3)
    first = [row for row in rows if row['repeat'] == '']
    assert [(row['who'], row['threads'], row['value']) for row in first] == [
        ('stable-baselines3', 1, 2.0), ('stable-baselines3', 2, 3.0), ('sbx', 1, 3.0), ('sbx', 2, 2.0),
    ]  # fmt: skip
    found = {row['who']: (row['threads'], row['versions']) for row in rows if row['repeat'] == 2}
    assert found == {OURS: (2, 'ours'), 'stable-baselines3': (2, 'peers'), 'sbx': (1, 'peers')}
    monkeypatch.setattr(measuring, 'RESULTS', tmp_path / 'speed.csv')
    report.write_rows(measuring.RESULTS, [rows[-2] | dict(value=1.0), rows[-2] | dict(who='another', value=1.0)])
    measuring.write_rows(rows)
    found = tables.summaries(report.read_rows(measuring.RESULTS))
    assert {key[0]: (one.middle, one.repeats) for key, one in found.items()} == {
        OURS: (9.0, 3), 'stable-baselines3': (3.0, 3), 'sbx': (3.0, 3), 'another': (1.0, 1),
    }  # fmt: skip
    memory = tables.summaries(report.read_rows(measuring.RESULTS), 'MB')
    assert {key[0]: (one.middle, one.repeats) for key, one in memory.items()} == {
        OURS: (70.0, 3), 'stable-baselines3': (70.0, 3), 'sbx': (70.0, 3),
    }  # fmt: skip


def test_the_number_of_threads_reaches_every_library():
    for threads, several in ((1, 'false'), (2, 'true')):
        variables = measuring.environment(threads)
        names = 'OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'NPROC'
        assert {variables[name] for name in names} == {str(threads)}
        assert variables['XLA_FLAGS'].endswith(several)


def test_each_side_is_measured_by_its_own_program_in_its_own_python():
    first = {one.who: measuring.words_of(one) for one in reversed(MEASUREMENTS)}
    of_peers = [str(measuring.PEERS), '-m', 'benchmarks.speed.peers']
    assert first[OURS] == [
        sys.executable, '-m', 'benchmarks.speed.ours', 'PPO', PENDULUM, '1', 'gymnasium', PPO_PENDULUM, '61440',
    ]  # fmt: skip
    assert first['sbx'] == [*of_peers, 'sbx', 'PPO', PENDULUM, '1', 'gymnasium', '8192']
    assert first[PUREJAX] == [str(measuring.PEERS), '-m', 'benchmarks.speed.purejax', '16', '204800']
    assert first[LISTING] == [sys.executable, '-m', 'benchmarks.speed.listing', 'PPO', '960']


def test_the_peers_programs_are_found_without_this_projects_packages():
    """`-S` leaves out site-packages. The peers' environment lacks TensorFlow and TensorLayer, so common/ would not load."""
    code = 'import sys, benchmarks.speed.peers; print(*sorted(name for name in sys.modules if name.startswith("benchmarks")))'
    done = subprocess.run([sys.executable, '-S', '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ['benchmarks', 'benchmarks.speed', 'benchmarks.speed.peers'], done.stderr


OF_PEERS = [one for one in MEASUREMENTS if one.who in peers.LIBRARIES]


@pytest.mark.parametrize('one', OF_PEERS, ids=lambda one: '-'.join(map(str, one[:4])))
def test_ours_and_the_peers_have_the_schedule_that_the_row_names(one):
    ours = settings_of_ours(one)
    batch, theirs = peers.settings(one.what, one.env, one.num_envs)
    assert batch == ours.batch_steps == theirs.get('n_steps', batch // one.num_envs) * one.num_envs
    numbers = [int(number) for number in re.findall(r'\d+', one.schedule)]
    assert (
        numbers
        == {
            'PPO': [batch, theirs.get('n_epochs'), theirs.get('batch_size')],
            'TRPO': [batch, theirs.get('n_critic_updates'), theirs.get('batch_size')],
            'A2C': [batch],
            'SAC': [theirs.get('gradient_steps'), theirs.get('train_freq')],
        }[one.what]
    )
    if one.what != 'A2C':
        assert theirs['batch_size'] == ours.minibatch_size
    if one.what == 'PPO':
        assert theirs['n_epochs'] == ours.epochs
    if one.what == 'TRPO':
        assert (theirs['cg_max_steps'], theirs['n_critic_updates']) == (ours.cg_iters, ours.critic_epochs)
    if one.what == 'A2C':
        assert ours.critic_epochs == 1
    if one.what == 'SAC':
        assert theirs['gradient_steps'] == ours.updates_per_step * batch
    assert ours.hidden == ((256, 256) if one.what == 'SAC' else (64, 64))
    assert ours.activation == ('relu' if one.what == 'SAC' else 'tanh')


def test_the_listings_have_the_settings_of_ours_under_book():
    books = {one.what: settings_of_ours(one) for one in MEASUREMENTS if one.who == OURS and one.schedule == BOOK}
    ours, theirs = books['PPO'], listing.PPO
    assert (ours.num_envs, ours.batch_steps, ours.minibatch_size) == (1, theirs.BATCH, theirs.BATCH)
    assert (ours.epochs, ours.actor_lr, ours.critic_lr) == (theirs.UPDATES, theirs.ACTOR_LR, theirs.CRITIC_LR)
    assert (ours.gamma, ours.lam, ours.clip, ours.max_grad_norm, ours.anneal) == (theirs.GAMMA, 1, theirs.CLIP, 0, False)
    ours, theirs = books['TRPO'], listing.TRPO
    assert (ours.num_envs, ours.batch_steps, ours.minibatch_size) == (1, theirs.BATCH, theirs.BATCH)
    assert (ours.gamma, ours.lam, ours.delta, ours.damping) == (theirs.GAMMA, theirs.LAM, theirs.DELTA, theirs.DAMPING)
    assert (ours.cg_iters, ours.critic_epochs, ours.critic_lr) == (theirs.CG_ITERS, theirs.TRAIN_V_ITERS, theirs.CRITIC_LR)
    assert (ours.backtrack_iters, ours.backtrack) == (theirs.BACKTRACK_ITERS, theirs.BACKTRACK)


def test_fused_adam_is_adam():
    weights = [tf.Variable([1.0, -2.0]), tf.Variable([1.0, -2.0])]
    optimisers = listing.FusedAdam(0.1), tf.optimizers.Adam(0.1)
    for gradient in ([1.0, 0.5], [-2.0, 0.5], [0.1, 0.0]):
        for optimiser, weight in zip(optimisers, weights, strict=True):
            optimiser.apply_gradients([(tf.constant(gradient), weight)])
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-5)


@pytest.mark.parametrize('algorithm', [listing.PPO, listing.TRPO])
def test_the_listing_does_the_work_of_a_batch(algorithm):
    env = gymnasium.make(PENDULUM).unwrapped
    env.reset(seed=0)
    tf.random.set_seed(0)
    agent = algorithm(env)
    weights = agent.actor.trainable_weights + agent.critic.trainable_weights
    before, steps = [weight.numpy() for weight in weights], []
    agent.train_critic, of_class = lambda *batch: steps.append(of_class(*batch)), agent.train_critic
    listing.train(agent, env, agent.BATCH - 1)
    assert not steps
    agent.buffer, agent.returns, agent.advantages = [], [], []
    listing.train(agent, env, agent.BATCH)
    assert len(steps) == (100 if algorithm is listing.TRPO else 10)
    assert all((old != weight.numpy()).any() for old, weight in zip(before, weights, strict=True))


def test_what_a_listing_learns_from_by_hand():
    np.testing.assert_allclose(listing.discounted([1.0, 2.0, 4.0], 0.5), [3.0, 4.0, 4.0])
