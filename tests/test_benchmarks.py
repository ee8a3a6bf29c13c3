"""What is said of the results: the statistics behind the tables, which agents ship, and that the READMEs are current."""

import importlib
import itertools
import json
import re
from pathlib import Path

import a2c
import acktr
import ppo
import sac
import trpo
from common.backend import tf
from common.running import checkpoint, command_line

import gymnasium
import learning
import learning_cells
import learning_tables
import listing
import numpy as np
import peers
import pretrained
import pytest
import report
import speed
import speed_tables
from speed_tables import ALONE, BOOK, CHINESE, DEFAULT, ENGLISH, LISTING, OURS, PPO_PENDULUM, PUREJAX

ROOT = Path(__file__).resolve().parent.parent


def test_the_median_seed_of_the_block_ships_and_only_from_the_run_of_its_row(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, 'ROOT', tmp_path)
    monkeypatch.setattr(report, 'RESULTS', tmp_path)
    (tmp_path / 'image' / 'pretrained').mkdir(parents=True)
    cell = dict(agent='TRPO', env='CartPole-v1')
    returns = {0: 500.0, 200: 499.0, 201: 480.0, 202: 490.0}
    rows = [cell | dict(seed=seed, mean_return=value, commit='c') for seed, value in returns.items()]
    report.write_rows(tmp_path / 'learning.csv', rows)
    shipped = tmp_path / 'model' / 'TRPO_CartPole-v1' / 'pretrained.npz'
    for commit in ('older', 'c'):
        for seed, value in returns.items():
            out = learning.folder_of('trpo', 'CartPole-v1', seed)
            record = dict(commit=commit, evaluation=dict(mean_return=value))
            checkpoint.save(out / 'model' / 'TRPO_CartPole-v1' / f'seed{seed}' / 'agent.npz', {}, record)
            (out / 'image' / 'TRPO_CartPole-v1').mkdir(parents=True, exist_ok=True)
            for suffix in ('.json', '.losses.csv'):
                (out / 'image' / 'TRPO_CartPole-v1' / f'seed{seed}{suffix}').write_text(json.dumps(record))
        pretrained.main()
        assert shipped.exists() == (commit == 'c')
        assert 'ppo | Pendulum-v1 | stays: the block was not run' in capsys.readouterr().out
    assert checkpoint.load(shipped)[1]['evaluation']['mean_return'] == 490
    assert json.loads((tmp_path / 'image' / 'pretrained' / 'TRPO_CartPole-v1.json').read_text())['commit'] == 'c'
    assert [path.name for path in (tmp_path / 'image' / 'pretrained').iterdir()] == ['TRPO_CartPole-v1.json']


def test_reported_is_the_block_and_nothing_where_it_was_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr(report, 'RESULTS', tmp_path)
    monkeypatch.setattr(learning_cells, 'NEXT_BLOCKS', {('acktr', 'A'): 300})
    rows = [('PPO-Clip', 'A', seed) for seed in (0, 1, 100, 200, 201)] + [('TRPO', 'A', seed) for seed in (0, 9, 10, 100)]
    rows += [('ACKTR', 'A', seed) for seed in (0, 200, 309, 310)]
    report.write_rows(tmp_path / 'rows.csv', [dict(zip(('agent', 'env', 'seed'), row, strict=True)) for row in rows])
    found = [(row['agent'], int(row['seed'])) for row in learning_cells.read_reported('rows.csv')]
    assert found == [('PPO-Clip', 200), ('PPO-Clip', 201), ('ACKTR', 309)]


def test_a_block_is_spent_for_runs_of_the_same_method_with_other_steps_too():
    rows = report.read_rows(report.RESULTS / 'learning.csv')
    for (agent, env), (other, other_env) in itertools.permutations(learning_cells.CELLS, 2):
        (_, script, flags), (name, other_script, other_flags) = learning_cells.AGENTS[agent], learning_cells.AGENTS[other]
        if (env, script, '--method' in flags) == (other_env, other_script, '--method' in other_flags):
            of_other = {int(row['seed']) for row in rows if (row['agent'], row['env']) == (name, env)}
            spent = {seed for seed in of_other if 100 <= seed < learning_cells.seeds_of(other, env)[0]}
            assert not spent.intersection(learning_cells.seeds_of(agent, env)), (agent, other, env)


def test_a_row_names_what_it_was_made_with_and_older_rows_stay(tmp_path):
    made_with = report.made_with()
    assert list(made_with) == ['commit', 'processor', 'versions']
    assert f'numpy {np.__version__}' in made_with['versions']
    assert report.made_with(dict(commit='c', processor='p', versions=dict(a='1', b='2')))['versions'] == 'a 1 b 2'
    report.write_rows(tmp_path / 'rows.csv', [dict(seed=0), dict(seed=1) | made_with])
    old, new = report.read_rows(tmp_path / 'rows.csv')
    assert old == dict.fromkeys(made_with, '') | dict(seed='0')
    assert new == dict(seed='1') | made_with


def test_matrix_and_claim_of_both_readmes_are_those_of_the_result_files():
    texts = learning_tables.texts() | speed_tables.texts(report.read_rows(speed.RESULTS))
    for name in ('matrix', 'speed-claim'):
        for file, text in zip(('README.md', 'README.zh-CN.md'), texts[name], strict=True):
            found = re.search(rf'<!-- {name} -->\n(.*?)\n<!-- /{name} -->', (ROOT / file).read_text(encoding='utf-8'), re.S)
            assert found[1] == text


def test_what_is_put_into_the_readmes_replaces_what_stood_there(tmp_path, monkeypatch):
    monkeypatch.setattr(report, 'ROOT', tmp_path)
    for file in ('README.md', 'README.zh-CN.md'):
        (tmp_path / file).write_text('before\n<!-- one -->\nold\n<!-- /one -->\nafter\n')
    report.put('one', 'new', '新')
    assert (tmp_path / 'README.md').read_text() == 'before\n<!-- one -->\nnew\n<!-- /one -->\nafter\n'
    assert '<!-- one -->\n新\n<!-- /one -->' in (tmp_path / 'README.zh-CN.md').read_text(encoding='utf-8')
    with pytest.raises(SystemExit, match=r'README\.md has no place marked two'):
        report.put('two', '', '')


def rows_of_learning(env, agent, *returns, first=200):
    """The rows of a cell, a seed each."""
    cell = dict(env=env, agent=agent, steps='1')
    return {(env, agent): [cell | dict(seed=str(seed), mean_return=str(value)) for seed, value in enumerate(returns, first)]}


def test_matrix_by_hand():
    cells = rows_of_learning(PENDULUM, 'PPO-Clip', -160, -150, -152, -154, -156)
    cells |= rows_of_learning('FrozenLake-v1, not slippery', 'TRPO', 0.5, 0.25)
    cells |= rows_of_learning('HalfCheetah-v4', 'SAC', 8000.4) | rows_of_learning('HalfCheetah-v4', 'A2C', 4000, 5000)
    english, chinese = (
        {line[0]: line[1:] for line in ([cell.strip() for cell in row.split('|')[1:-1]] for row in text.splitlines())}
        for text in learning_tables.matrix(cells)
    )
    assert english['environment'] == [*chinese['环境'][:-1], 'aim']
    assert english[PENDULUM] == ['', '-154.0 (-160.0)', '', '', '', '', '-160, SAC -148']
    assert chinese['FrozenLake-v1，不打滑'] == ['', '', '', '0.375 (0.250)', '', '', '1']
    assert english['FrozenLake-v1, not slippery'] == chinese['FrozenLake-v1，不打滑']
    assert english['HalfCheetah-v4'] == ['4,500 (4,000)', '', '', '', '', '8,000', '']
    assert english['*Table 16.1*'] == chinese['*表 16.1*']
    below = learning_tables.matrix(cells)[0].partition('| HalfCheetah-v4 |')[2].splitlines()[1]
    assert below == '| *Table 16.1* | *4,718* | *1,623* |  | *5,753* | *3,100* | *7,063* |  |'


def test_what_falls_short_by_hand():
    cells = rows_of_learning(PENDULUM, 'SAC', -147, -148, -149.26) | rows_of_learning(PENDULUM, 'A2C', -160)
    cells |= rows_of_learning(PENDULUM, 'PPO-Clip, --book', -700) | rows_of_learning('FrozenLake-v1', 'TRPO', 0.7194, 0.72)
    cells |= rows_of_learning('HalfCheetah-v4', 'A2C', 4717.4, 4719) | rows_of_learning('HalfCheetah-v4', 'SAC', 12000, 12200)
    cells |= rows_of_learning('HalfCheetah-v4', 'TRPO', 5791, 5791) | rows_of_learning('HalfCheetah-v4', 'ACKTR', 5445)
    english, chinese = (
        [[cell.strip() for cell in row.split('|')[1:-1]] for row in text.splitlines()[2:]]
        for text in learning_tables.short_table(cells)
    )
    assert english == [
        [PENDULUM, 'SAC', 'seed 202', '-149.3', '-148', 'aim'],
        ['FrozenLake-v1', 'TRPO', 'seed 200', '0.719', '0.72', 'aim'],
        ['HalfCheetah-v4', 'A2C', 'seed 200', '4,717', '4,718', 'chapter'],
        ['HalfCheetah-v4', 'SAC', 'IQM', '12,100', '12,139 (1M)', 'Tianshou'],
        ['HalfCheetah-v4', 'TRPO', 'IQM', '5,791', '4,471 (1M), 5,792 (3M)', 'Tianshou'],
    ]
    assert chinese[0] == [PENDULUM, 'SAC', '种子 202', '-149.3', '-148', '目标']
    assert chinese[2][-1] == '原书'


def test_the_tables_name_seeds_aim_and_figures_elsewhere():
    cells = rows_of_learning(PENDULUM, 'TRPO', -150, -152, first=0) | rows_of_learning(PENDULUM, 'SAC', -144)
    for rows in cells.values():
        rows[0]['command'] = ''
    found = [[cell.strip() for cell in line.split('|')] for line in learning_tables.textbook_table(cells)[0].splitlines()[2:]]
    zoo = f'[RL Zoo]({learning_cells.SOURCES["RL Zoo"]})'
    assert [(line[4], line[8], line[10]) for line in found] == [
        ('0..1', '-160', f'-175 (0.1M), {zoo}'),
        ('200', '-148', f'-157 (0.02M), {zoo}'),
    ]


def test_the_flags_of_a_cell_by_hand():
    words = {cell: ' '.join(learning_cells.flags_of(*cell)) for cell in learning_cells.CELLS}
    assert words['trpo', 'MountainCar-v0'] == '--env MountainCar-v0 --steps 100000 --episodes 100'
    assert words['ppo-penalty', 'CartPole-v1'] == '--method penalty --env CartPole-v1 --episodes 1000'
    assert words['sac', PENDULUM] == '--episodes 1000'
    half_pace = '--num-envs 8 --batch-steps 64 --updates-per-step 0.5 --minibatch-size 128 --steps 1000000'
    assert words['sac', 'HalfCheetah-v4'] == f'{half_pace} --env HalfCheetah-v4 --episodes 100 --test-every 25000'
    assert words['sac-textbook', 'HalfCheetah-v4'] == '--env HalfCheetah-v4 --episodes 100 --test-every 25000'
    assert words['ppo', 'LunarLander-v3'] == '--env LunarLander-v3 --episodes 100'
    assert words['a2c', 'LunarLander-v3'] == '--env LunarLander-v3 --steps 500000 --episodes 100'


def test_where_an_agent_has_a_preset_and_where_not():
    for agent, env in learning_cells.CELLS:
        _, script, _ = learning_cells.AGENTS[agent]
        presets = importlib.import_module(script.removesuffix('.py')).PRESETS
        assert (env.partition(',')[0] in presets) == ((agent, env) not in learning_cells.NO_PRESET_CELLS)
    assert learning_tables.has_no_preset(('LunarLander-v3', 'A2C'))
    assert not learning_tables.has_no_preset(('LunarLander-v3', 'PPO-Clip'))


def test_of_the_agents_without_a_preset_those_that_are_filmed_ship():
    without = {cell for cell in pretrained.SHIPS if cell in learning_cells.NO_PRESET_CELLS}
    assert without == {('trpo', 'BipedalWalker-v3')}


def test_the_table_of_environments_without_a_preset_by_hand():
    cells = rows_of_learning('MountainCar-v0', 'TRPO', -100, -110, -120) | rows_of_learning('CliffWalking-v1', 'TRPO', -13)
    for rows in cells.values():
        rows[0]['command'] = 'run --seed 200'
    english, _ = learning_tables.no_preset_table(cells)
    lines = [[cell.strip() for cell in row.split('|')[1:-1]] for row in english.splitlines()[2:]]
    zoo = f'-107, [RL Zoo]({learning_cells.SOURCES["RL Zoo"]})'
    command = '`run --seed S`'
    assert lines[0] == ['MountainCar-v0', 'TRPO', '1', '200..202', '-110', '-120 .. -100', '-120', zoo, command]
    assert lines[1] == ['CliffWalking-v1', 'TRPO', '1', '200', '-13', '-', '-13', 'none', command]


def test_minutes_to_the_goals_by_hand():
    run = dict(agent='SAC, against the clock', env='HalfCheetah-v4', seed='200')
    cells = {(run['env'], run['agent']): [run | dict(steps='1000', seconds='600', mean_return='11999.6', command='run')]}
    curves = [
        run | dict(kind=kind, seed=seed, steps=steps, mean_return=value)
        for kind, seed, steps, value in [
            ('test', '200', '100', '6999'), ('test', '200', '200', '7000'), ('test', '200', '300', '5000'),
            ('test', '200', '400', '13000'), ('test', '201', '50', '20000'), ('training', '200', '50', '20000'),
        ]
    ]  # fmt: skip
    cells_of = lambda table: [cell.strip() for cell in table[0].splitlines()[2].split('|')[1:-1]]  # noqa: E731
    line = ['SAC, against the clock', '200', '1,000', '10.0', '12,000', '2.0', '4.0', '`run`']
    assert cells_of(learning_tables.clock_table(cells, curves)) == line
    assert cells_of(learning_tables.clock_table(cells, curves[:1])) == [*line[:5], '-', '-', '`run`']


def test_the_page_has_the_command_of_the_runs_against_the_clock():
    flags = ' '.join(learning_cells.AGENTS['sac-clock'][2])
    page = (ROOT / 'docs' / 'agents' / 'sac.md').read_text(encoding='utf-8')
    assert f'python sac.py --train --env {learning_cells.CLOCK[0]} {flags}\n' in page


AGENTS = {'PPO': ppo, 'TRPO': trpo, 'A2C': a2c, 'ACKTR': acktr, 'SAC': sac}


def rows_of_speed(*keys_and_values, unit='steps/s'):
    """Rows as `speed.py` writes them: (who, what, env, num_envs, engine, schedule, threads) and their values."""
    rows = []
    for key, *values in keys_and_values:
        one = speed.Measurement(*key[:6], steps=0)
        rows += [speed.row_of(one, key[6], repeat, unit, value, reached=-repeat) for repeat, value in enumerate(values)]
    return [{name: str(value) for name, value in row.items()} for row in rows]


def settings_of_ours(one):
    """The settings this project has in a measurement."""
    agent = AGENTS[one.what]
    argv = ['--train', '--env', one.env, '--num-envs', str(one.num_envs), *speed.FLAGS[one.what, one.schedule].split()]
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
    found = speed_tables.summaries(rows_of_speed(*SPEEDS))
    lines = [line[3:] for line in speed_tables.rows_as_each_comes(found, ENGLISH)]
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
    found = speed_tables.summaries(rows_of_speed(*SPEEDS))
    assert speed_tables.rows_same_engine(found, ENGLISH) == [
        [PENDULUM, 'PPO', PPO_PENDULUM, 16, 1, '60', '30 (sbx)', '2.0', '3.0', '6.0']
    ]
    assert [[line[0], line[2], line[-1]] for line in speed_tables.rows_of_listing(found, ENGLISH)] == [
        ['PPO', "the book's", '1'],
        ['PPO', "the book's", '45'],
        ['PPO', '`python ppo.py --train`', '55'],
        ['TRPO', "the book's", '1'],
        ['TRPO', "the book's", '7'],
        ['TRPO', '`python trpo.py --train`', '13'],
    ]


def test_sentences_say_what_the_rows_do():
    rows = rows_of_speed(*SPEEDS)
    seconds = rows_of_speed(((OURS, 'PPO', PENDULUM, 16, 'envpool', DEFAULT, 2), 12.3), unit='s')
    said = speed_tables.summary(speed_tables.summaries(rows), ENGLISH).replace('\n', ' ')
    assert 'as each comes: PPO 6.0 to 10; with the same engine: PPO 3.0.' in said
    assert 'As a multiple of PureJaxRL, which compiles the environment in: 0.50 at 16 environments.' in said
    for words in (ENGLISH, CHINESE):
        assert re.findall(r'\d+', speed_tables.claim(rows + seconds, words)) == ['45', '7', '55', '13', '12']


def test_seconds_have_their_worst_return():
    rows = rows_of_speed(((OURS, 'PPO', PENDULUM, 16, 'envpool', DEFAULT, 2), 12, 11, 14), unit='s')
    lines = speed_tables.rows_of_seconds(rows, ENGLISH)
    assert lines == [[ENGLISH['cold start'].format('ppo', ''), '12.0', '11.0 - 14.0', 3, '-2.0']]
    rows = rows_of_speed(((OURS, 'PPO', PENDULUM, 1, 'gymnasium', BOOK, 2), 36), unit='s')
    assert speed_tables.rows_of_seconds(rows, ENGLISH)[0][0].startswith('`python ppo.py --train --book` ')


def test_a_peer_is_measured_with_the_threads_that_serve_it_better_and_all_rows_equally_often(monkeypatch, tmp_path):
    speeds = {('sbx', 1): 3.0, ('sbx', 2): 2.0, ('stable-baselines3', 1): 2.0, ('stable-baselines3', 2): 3.0}
    monkeypatch.setattr(speed, 'measure', lambda one, threads: speeds.get((one.who, threads), 9.0))
    monkeypatch.setattr(speed, 'commands', lambda only, repeat: [])
    monkeypatch.setattr(speed, 'peers_made_with', lambda: dict(versions='peers'))
    monkeypatch.setattr(report, 'made_with', lambda: dict(versions='ours'))
    wanted = [one for one in speed.MEASUREMENTS if one.what == 'SAC']
    rows = speed.measured(wanted, ['SAC'], 3)
    first = [row for row in rows if row['repeat'] == '']
    assert [(row['who'], row['threads'], row['value']) for row in first] == [
        ('stable-baselines3', 1, 2.0), ('stable-baselines3', 2, 3.0), ('sbx', 1, 3.0), ('sbx', 2, 2.0),
    ]  # fmt: skip
    found = {row['who']: (row['threads'], row['versions']) for row in rows if row['repeat'] == 2}
    assert found == {OURS: (2, 'ours'), 'stable-baselines3': (2, 'peers'), 'sbx': (1, 'peers')}
    monkeypatch.setattr(speed, 'RESULTS', tmp_path / 'speed.csv')
    report.write_rows(speed.RESULTS, [rows[-1] | dict(value=1.0), rows[-1] | dict(who='another', value=1.0)])
    speed.write_rows(rows)
    found = speed_tables.summaries(report.read_rows(speed.RESULTS))
    assert {key[0]: (one.middle, one.repeats) for key, one in found.items()} == {
        OURS: (9.0, 3), 'stable-baselines3': (3.0, 3), 'sbx': (3.0, 3), 'another': (1.0, 1),
    }  # fmt: skip


def test_the_number_of_threads_reaches_every_library():
    for threads, several in ((1, 'false'), (2, 'true')):
        variables = speed.environment(threads)
        names = 'OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'NPROC'
        assert {variables[name] for name in names} == {str(threads)}
        assert variables['XLA_FLAGS'].endswith(several)


OF_PEERS = [one for one in speed.MEASUREMENTS if one.who in peers.LIBRARIES]


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
        assert theirs['batch_size'] == (ours.batch_size if one.what == 'SAC' else ours.minibatch_size)
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


def test_the_listings_and_ours_beside_them_have_the_same_settings():
    books = {one.what: settings_of_ours(one) for one in speed.MEASUREMENTS if one.who == OURS and one.schedule == BOOK}
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


def test_what_ships_is_the_median_seed_of_the_block():
    for agent, env in pretrained.SHIPS:
        row = pretrained.row_that_ships(agent, env)
        if row:
            name = learning_cells.AGENTS[agent][0].removesuffix('-Clip')
            folder = f'{name}_{env}' + '_terminate_when_unhealthy=false' * (env == 'Ant-v4')
            record = checkpoint.load(ROOT / 'model' / folder / 'pretrained.npz')[1]
            assert (record['env'], record['seed'], record['commit']) == (env, int(row['seed']), row['commit'])
            assert record['evaluation']['mean_return'] == float(row['mean_return'])
