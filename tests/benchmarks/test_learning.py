"""What is reported of learning: seeds, flags and tables, worked by hand."""

import importlib
import itertools
import re
from pathlib import Path

from benchmarks import report
from benchmarks.learning import cells as learning_cells
from benchmarks.learning import tables

ROOT = Path(__file__).resolve().parents[2]
PENDULUM = 'Pendulum-v1'


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
        for text in tables.matrix(cells)
    )
    assert english['environment'] == [*chinese['环境'][:-1], 'aim']
    assert english[PENDULUM] == ['', '-154.0 (-160.0)', '', '', '', '', '-160, SAC -148']
    assert chinese['FrozenLake-v1，不打滑'] == ['', '', '', '0.375 (0.250)', '', '', '1']
    assert english['FrozenLake-v1, not slippery'] == chinese['FrozenLake-v1，不打滑']
    assert english['HalfCheetah-v4'] == ['4,500 (4,000)', '', '', '', '', '8,000', '']
    assert english['*Table 16.1*'] == chinese['*表 16.1*']
    below = tables.matrix(cells)[0].partition('| HalfCheetah-v4 |')[2].splitlines()[1]
    assert below == '| *Table 16.1* | *4,718* | *1,623* |  | *5,753* | *3,100* | *7,063* |  |'


def test_what_falls_short_by_hand():
    cells = rows_of_learning(PENDULUM, 'SAC', -147, -148, -149.26) | rows_of_learning(PENDULUM, 'A2C', -160)
    cells |= rows_of_learning(PENDULUM, 'PPO-Clip, --book', -700) | rows_of_learning('FrozenLake-v1', 'TRPO', 0.7194, 0.72)
    cells |= rows_of_learning('HalfCheetah-v4', 'A2C', 4717.4, 4719) | rows_of_learning('HalfCheetah-v4', 'SAC', 12000, 12200)
    cells |= rows_of_learning('HalfCheetah-v4', 'TRPO', 5791, 5791) | rows_of_learning('HalfCheetah-v4', 'ACKTR', 5445)
    english, chinese = (
        [[cell.strip() for cell in row.split('|')[1:-1]] for row in text.splitlines()[2:]] for text in tables.short_table(cells)
    )
    assert english == [
        [PENDULUM, 'SAC', 'seed 202', '-149.3', '-148', 'aim'],
        ['FrozenLake-v1', 'TRPO', 'seed 200', '0.719', '0.72', 'aim'],
        ['HalfCheetah-v4', 'A2C', 'seed 200', '4,717', '4,718', 'chapter'],
        ['HalfCheetah-v4', 'SAC', 'IQM', '12,100', '12,139 (1M)', 'Tianshou'],
        ['HalfCheetah-v4', 'TRPO', 'IQM', '5,791', '4,471 (1M), 5,792 (3M)', 'Tianshou'],
    ]
    assert chinese[0] == [PENDULUM, 'SAC', '种子 202', '-149.3', '-148', '目标']
    assert chinese[2][-1] == '第 16 章'


def test_the_tables_name_seeds_aim_and_figures_elsewhere():
    cells = rows_of_learning(PENDULUM, 'TRPO', -150, -152, first=0) | rows_of_learning(PENDULUM, 'SAC', -144)
    for rows in cells.values():
        rows[0]['command'] = ''
    found = [[cell.strip() for cell in line.split('|')] for line in tables.textbook_table(cells)[0].splitlines()[2:]]
    zoo = f'[RL Zoo]({learning_cells.SOURCES["RL Zoo"]})'
    assert [(line[4], line[8], line[10]) for line in found] == [
        ('0..1', '-160', f'-175 (0.1M), {zoo}'),
        ('200', '-148', f'-157 (0.02M), {zoo}'),
    ]


def test_optima_are_shown_with_what_is_possible_without_the_time(monkeypatch):
    rows = {
        PENDULUM: dict(optimum='-136.6889', error='0.0279', without_time='', discounted=''),
        'FrozenLake-v1': dict(optimum='0.7442', error='', without_time='0.7402', discounted='0.739'),
    }
    monkeypatch.setattr(tables, 'optima', lambda: rows)
    cells = rows_of_learning(PENDULUM, 'TRPO', -150) | rows_of_learning('FrozenLake-v1', 'TRPO', 0.7)
    cells |= rows_of_learning('LunarLander-v3', 'TRPO', 250)
    for found in cells.values():
        found[0]['command'] = ''
    lines = [[cell.strip() for cell in line.split('|')] for line in tables.textbook_table(cells)[0].splitlines()[2:]]
    assert [line[9] for line in lines] == ['-136.7', '0.744 (0.740)', '-']
    lines = [[cell.strip() for cell in line.split('|')[1:-1]] for line in tables.optima_table(rows)[0].splitlines()[2:]]
    assert lines == [[PENDULUM, '-136.69 ± 0.03', '', ''], ['FrozenLake-v1', '0.744', '0.740', '0.739']]


def test_the_sentence_on_coverage_by_hand():
    rows = [
        dict(distribution=name, seeds=seeds, interval=of_interval, range=of_range)
        for name, seeds, of_interval, of_range in [
            ('normal', '10', '0.9', '0.99'), ('normal', '5', '0.8', '0.92'),
            ('lognormal', '10', '0.91', '0.98'), ('lognormal', '5', '0.7', '0.93'),
        ]
    ]  # fmt: skip
    for text in tables.coverage_sentence(rows):
        assert re.findall(r'[0-9.]+%', text) == ['90.0%', '91.0%', '92.0%', '93.0%']


def test_the_cells_of_chinese_tables_have_no_english_words():
    assert tables.in_chinese('-163 (1M), [RL Zoo](x); 2, [RL Zoo of SB2](y)') == '-163 (1M), [RL Zoo](x)；2, [SB2 版 RL Zoo](y)'
    assert tables.in_chinese('2,984 (1M), [SB3 on SAC](z)') == '2,984 (1M), [SB3 的 SAC](z)'
    assert tables.in_chinese('range 1 .. 2') == '范围 1 .. 2'
    assert tables.in_chinese('-160, SAC -148') == '-160，SAC -148'
    assert tables.in_chinese('`python ppo.py --seed S`') == '`python ppo.py --seed S`'


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
    assert tables.has_no_preset(('LunarLander-v3', 'A2C'))
    assert not tables.has_no_preset(('LunarLander-v3', 'PPO-Clip'))


def test_the_table_of_environments_without_a_preset_by_hand():
    cells = rows_of_learning('MountainCar-v0', 'TRPO', -100, -110, -120) | rows_of_learning('CliffWalking-v1', 'TRPO', -13)
    for rows in cells.values():
        rows[0]['command'] = 'run --seed 200'
    english, _ = tables.no_preset_table(cells)
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
    assert cells_of(tables.clock_table(cells, curves)) == line
    assert cells_of(tables.clock_table(cells, curves[:1])) == [*line[:5], '-', '-', '`run`']


def test_the_page_has_the_command_of_the_runs_against_the_clock():
    flags = ' '.join(learning_cells.AGENTS['sac-clock'][2])
    page = (ROOT / 'docs' / 'agents' / 'sac.md').read_text(encoding='utf-8')
    assert f'python sac.py --train --env {learning_cells.CLOCK[0]} {flags}\n' in page
