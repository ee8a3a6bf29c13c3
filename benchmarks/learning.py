"""Learning of every agent over seeds; makes the tables, Table 16.1 of the chapter among them, and writes the figures.

    make learning   or   python benchmarks/learning.py --agents ppo trpo --envs Pendulum-v1 --seeds 0 1 2 3 4

Each run is the command printed beside its result. Evaluated is the final agent, greedily, by the run itself. Reported over
seeds: the worst, and the interquartile mean with a 95% bootstrap interval (Agarwal et al., 2021), of fewer than ten the
range. What a run found is written as soon as it ends, in the place of an earlier run of the same agent, environment and seed;
its files stay under results/learning/, where `--resume` takes up what was interrupted, and from where `pretrained.py` ships
agents. What runs them side by side, and starts again what is lost, is the project's experiments.
"""

import argparse
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import report
from matplotlib.figure import Figure

# Half an update a step, of half a minibatch: a third of the textbook's hours, docs/agents/sac.md.
QUICK_SAC = ['--num-envs', '8', '--rollout-steps', '64', '--updates-per-step', '0.5', '--batch-size', '128']
AGENTS = {
    'a2c': ('A2C', 'a2c.py', []),
    'ppo': ('PPO-Clip', 'ppo.py', []),
    'ppo-penalty': ('PPO-Penalty', 'ppo.py', ['--method', 'penalty']),
    'trpo': ('TRPO', 'trpo.py', []),
    'acktr': ('ACKTR', 'acktr.py', []),
    'sac': ('SAC', 'sac.py', []),
    'ppo-3m': ('PPO-Clip, 3M steps', 'ppo.py', ['--steps', '3000000']),
    'sac-textbook': ('SAC, an update a step', 'sac.py', []),
    'sac-clock': ('SAC, against the clock', 'sac.py', [*QUICK_SAC, '--steps', '2000000']),
    'ppo-book': ('PPO-Clip, --book', 'ppo.py', ['--book']),
    'trpo-book': ('TRPO, --book', 'trpo.py', ['--book']),
}  # fmt: skip
ENVS = {  # flags, episodes of the evaluation
    'Pendulum-v1': ([], 1000),
    'CartPole-v1': (['--env', 'CartPole-v1'], 1000),
    'FrozenLake-v1': (['--env', 'FrozenLake-v1'], 5000),
    'FrozenLake-v1, not slippery': (['--env', 'FrozenLake-v1', '--env-arg', 'is_slippery=false'], 5000),
    'FrozenLake8x8-v1': (['--env', 'FrozenLake8x8-v1'], 5000),
    'LunarLander-v3': (['--env', 'LunarLander-v3'], 100),
    'LunarLanderContinuous-v3': (['--env', 'LunarLanderContinuous-v3'], 100),
    'BipedalWalker-v3': (['--env', 'BipedalWalker-v3'], 100),
    'HalfCheetahBulletEnv-v0': (['--env', 'HalfCheetahBulletEnv-v0'], 100),
    'HalfCheetah-v4': (['--env', 'HalfCheetah-v4'], 100),
    'AntBulletEnv-v0': (['--env', 'AntBulletEnv-v0'], 100),
    'Ant-v4': (['--env', 'Ant-v4', '--env-arg', 'terminate_when_unhealthy=false'], 100),
}
AIMS = {  # what to reach in the textbook's environments and in Box2D's
    'Pendulum-v1': -160,
    'CartPole-v1': 500,
    'FrozenLake-v1': 0.72,
    'FrozenLake-v1, not slippery': 1.0,
    'FrozenLake8x8-v1': 0.85,
    'LunarLander-v3': 200,
    'LunarLanderContinuous-v3': 200,
    'BipedalWalker-v3': 300,
}
BOX2D = ['LunarLander-v3', 'LunarLanderContinuous-v3', 'BipedalWalker-v3']
# Settings are chosen on seeds 0 to 9. Reported is a block, which is run once: where a setting of its cell changes afterwards it
# is spent, and the next one is reported. Of A2C on HalfCheetah-v4 300 was stopped after two seeds; of PPO on
# HalfCheetahBulletEnv-v0, where the first block was looked at in a choice of steps, 300 after one.
CHOICE, BLOCK = range(10), 200
NEXT_BLOCKS = dict.fromkeys([*(('ppo-penalty', env) for env in AIMS), ('acktr', 'CartPole-v1')], 300)
NEXT_BLOCKS |= {
    ('a2c', 'Pendulum-v1'): 300, ('a2c', 'CartPole-v1'): 300, ('a2c', 'HalfCheetah-v4'): 500,
    ('ppo', 'HalfCheetahBulletEnv-v0'): 400,
    ('ppo', 'HalfCheetah-v4'): 300, ('ppo-penalty', 'HalfCheetah-v4'): 300, ('trpo', 'HalfCheetah-v4'): 300,
}  # fmt: skip
CHAPTER = {  # Table 16.1: the best model of one run
    'HalfCheetahBulletEnv-v0': {'A2C': 2189, 'PPO-Clip': 2567, 'PPO-Penalty': None, 'TRPO': 2419, 'ACKTR': 250, 'SAC': 1765},
    'HalfCheetah-v4': {
        'A2C': 4718, 'PPO-Clip': 1623, 'PPO-Clip, 3M steps': 1623, 'PPO-Penalty': None, 'TRPO': 5753, 'ACKTR': 3100,
        'SAC': 7063,
    },
    'AntBulletEnv-v0': {'A2C': 2425, 'PPO-Clip': 2560, 'PPO-Penalty': None, 'TRPO': 834, 'ACKTR': 1820, 'SAC': 630},
    'Ant-v4': {'A2C': 5380, 'PPO-Clip': 5108, 'PPO-Penalty': None, 'TRPO': 993, 'ACKTR': None, 'SAC': None},
}  # fmt: skip
SOURCES = {
    'Tianshou': 'https://github.com/thu-ml/tianshou/tree/master/examples/mujoco',
    'SB3 on SAC': 'https://stable-baselines3.readthedocs.io/en/master/modules/sac.html#results',
    'RL Zoo': 'https://github.com/DLR-RM/rl-baselines3-zoo/blob/master/benchmark.md',
    'RL Zoo of SB2': 'https://github.com/araffin/rl-baselines-zoo/blob/master/benchmark.md',
}
PUBLISHED = {  # the highest elsewhere, with its millions of steps, and whose; docs/results.md tells how they differ
    'HalfCheetahBulletEnv-v0': {
        'A2C': [('2,107 (2M)', 'RL Zoo')], 'PPO-Clip': [('2,925 (2M)', 'RL Zoo')], 'PPO-Penalty': [],
        'TRPO': [('2,759 (2M)', 'RL Zoo')], 'ACKTR': [('2,535 (2M)', 'RL Zoo of SB2')],
        'SAC': [('2,984 (1M)', 'SB3 on SAC')],
    },
    'HalfCheetah-v4': {
        'A2C': [('3,041 (1M)', 'RL Zoo')],
        'PPO-Clip': [('5,819 (1M)', 'RL Zoo')], 'PPO-Clip, 3M steps': [('7,337 (3M)', 'Tianshou')],
        'PPO-Penalty': [], 'TRPO': [('4,471 (1M), 5,792 (3M)', 'Tianshou')], 'ACKTR': [('1,876 (1M), 2,520 (3M)', 'Tianshou')],
        'SAC': [('12,139 (1M)', 'Tianshou')],
    },
    'AntBulletEnv-v0': {
        'A2C': [('2,497 (2M)', 'RL Zoo')], 'PPO-Clip': [('2,866 (2M)', 'RL Zoo')], 'PPO-Penalty': [],
        'TRPO': [('2,561 (2M)', 'RL Zoo')], 'ACKTR': [], 'SAC': [('3,146 (1M)', 'SB3 on SAC')],
    },
    'Ant-v4': {
        'A2C': [('3,485 (1M), 5,237 (3M)', 'Tianshou')], 'PPO-Clip': [('3,258 (1M), 4,079 (3M)', 'Tianshou')],
        'PPO-Penalty': [], 'TRPO': [('4,982 (1M)', 'RL Zoo')], 'ACKTR': [('1,368 (1M), 3,946 (3M)', 'Tianshou')],
        'SAC': [('5,850 (1M)', 'Tianshou')],
    },
}  # fmt: skip
CELLS = [
    *itertools.product(['ppo', 'ppo-penalty', 'trpo'], [env for env in AIMS if env not in BOX2D]),
    *itertools.product(['a2c', 'acktr'], ['Pendulum-v1', 'CartPole-v1']),
    *itertools.product(['sac', 'ppo-book', 'trpo-book'], ['Pendulum-v1']),
    *itertools.product(['ppo'], BOX2D),
    *itertools.product(['trpo'], BOX2D[:2]),
    *itertools.product(['a2c', 'ppo', 'ppo-penalty', 'trpo', 'acktr', 'sac'], CHAPTER),
    *itertools.product(['ppo-3m', 'sac-textbook', 'sac-clock'], ['HalfCheetah-v4']),
]
COLOURS = {
    'A2C': '#7a5195', 'PPO-Clip': '#2a6f97', 'PPO-Penalty': '#c8553d', 'TRPO': '#588157', 'ACKTR': '#bc8034', 'SAC': '#444444',
    'SAC, an update a step': '#444444', 'SAC, against the clock': '#d17a9c',
}  # fmt: skip
METHODS = list(CHAPTER['Ant-v4'])
CLOCK = 'HalfCheetah-v4', ['SAC, an update a step', 'SAC, against the clock']
GOALS = 7000, 12000  # of the latter
BINS = 40
CHINESE = {
    'not run': '未运行', 'none': '无', 'environment': '环境', 'aim': '目标', '*Table 16.1*': '*表 16.1*',
    'FrozenLake-v1, not slippery': 'FrozenLake-v1，不打滑', 'SAC, an update a step': 'SAC，每步一次更新',
    'SAC, against the clock': 'SAC，与时钟赛跑', 'PPO-Clip, 3M steps': 'PPO-Clip，3M 步',
}  # fmt: skip


def seeds_of(agent, env):
    """The seeds of the block: no setting was chosen on them."""
    few = agent.startswith('sac') or agent.endswith('-book') or env in BOX2D
    first = NEXT_BLOCKS.get((agent, env), BLOCK)
    return list(range(first, first + (3 if few else 5 if env in CHAPTER else 10)))


def read_reported(file):
    """The rows of a result file, which keeps all, that are reported: of each agent and environment the block.

    Where that has not been run, the seeds of the choice, and what is made of them names them.
    """
    rows = report.read_rows(report.RESULTS / file)
    keys = {name: agent for agent, (name, *_) in AGENTS.items()}
    cell = lambda row: (row['agent'], row['env'])  # noqa: E731
    in_block = lambda row: int(row['seed']) in seeds_of(keys[row['agent']], row['env'])  # noqa: E731
    run = {cell(row) for row in rows if in_block(row)}
    return [row for row in rows if (in_block(row) if cell(row) in run else int(row['seed']) in CHOICE)]


def folder_of(agent, env, seed):
    """Where a run's files lie."""
    return report.ROOT / 'results' / 'learning' / agent / env.replace(', not ', '-not-') / str(seed)


def train(runs, jobs, resume):
    """Trains runs, (agent, env, seed) each, `jobs` of them side by side; what they found is written as each ends.

    With `resume` they go on where they were, else they begin anew. SystemExit where some failed, with their commands, when the
    others have ended.
    """
    from experiments import plan, schedule
    from experiments.display import Display

    todo, steps, failed = {}, [], []
    for agent, env, seed in runs:
        name, script, _ = AGENTS[agent]
        variant = plan.Variant(name, env, str(len(todo)), script, flags_of(agent, env))
        steps.append(variant.parse()[1].steps)
        folder = folder_of(agent, env, seed)
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        todo[plan.Job(variant, seed, str(folder))] = agent, env, seed
    display = Display(list(todo), steps, schedule.start(cores=jobs))

    def on_end(job, error):
        command = job.variant.command(job.seed)
        if error:
            failed.append(f'{command} failed: {error}')
        else:
            write(*todo[job], Path(job.folder), command)
        display.say(f'{command} | {error or "done"} | {display.time_left()}')

    try:
        schedule.train_all(list(todo), report.ROOT, display, on_end)
    finally:
        display.close()
    if failed:
        raise SystemExit('\n'.join(failed))


def flags_of(agent, env):
    """The flags of a cell's runs."""
    _, _, method = AGENTS[agent]
    flags, episodes = ENVS[env]
    quick = [*QUICK_SAC, '--steps', '1000000'] if agent == 'sac' and env in CHAPTER else []
    tests = ['--test-every', str(between_tests(agent))] if env in CHAPTER else []
    return (*method, *quick, *flags, '--episodes', str(episodes), *tests)


def between_tests(agent):
    """Steps between tests, in the chapter's environments."""
    return 25_000 if agent.startswith('sac') else 100_000


def write(agent, env, seed, out, command):
    """Writes the row of a run under `out`, and its learning curve, to the result files."""
    name = AGENTS[agent][0]
    image = str(next(out.glob('image/*/*.json'))).removesuffix('.json')
    record = json.loads(Path(f'{image}.json').read_text())
    episodes_done = report.read_rows(f'{image}.csv')
    tests = report.read_rows(f'{image}.test.csv') if env in CHAPTER else []
    key = dict(agent=name, env=env, seed=seed)
    row = key | dict(steps=record['steps'], seconds=record['seconds'])
    row |= record['evaluation'] | dict(command=command) | report.made_with(record)
    steps = np.array([int(episode['steps']) for episode in episodes_done])
    returns = np.array([float(episode['episode_return']) for episode in episodes_done])
    edges = np.linspace(0, record['settings']['steps'], BINS + 1)
    curve = []
    for low, high in itertools.pairwise(edges):
        inside = returns[(steps > low) & (steps <= high)]
        if len(inside):
            curve.append(key | dict(kind='training', steps=round(high), mean_return=round(float(inside.mean()), 4)))
    for one in tests:  # each at the first whole batch behind a multiple; seeds differ in it where episodes end early
        steps = int(one['steps']) // between_tests(agent) * between_tests(agent)
        curve.append(key | dict(kind='test', steps=steps, mean_return=round(float(one['mean_return']), 4)))
    merge('learning.csv', [row])
    merge('curves.csv', curve)


def minimal(flags):
    """A hundred seeds of the minimal Gaussian agent, which no choice was made on; returns the row of the result file."""
    words = ['pg_gaussian_minimal.py', '--train', '--seed', '1000', '--seeds', '100', *flags]
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, *words, '--out', out]
        done = subprocess.run(command, cwd=report.ROOT, capture_output=True, text=True, check=True)
    count, seeds = re.search(r'^(\d+) of (\d+) seeds', done.stdout, re.M).groups()
    return dict(seeds=seeds, solved=count, command=f'python {" ".join(words)}') | report.made_with()


def merge(file, new):
    """Puts new rows in the place of the old ones of the same agent, environment and seed."""
    path = report.RESULTS / file
    agents, envs = [name for name, *_ in AGENTS.values()], list(ENVS)
    place = lambda row: (envs.index(row['env']), agents.index(row['agent']), int(row['seed']))  # noqa: E731
    replaced = {place(row) for row in new}
    kept = report.read_rows(path) if path.exists() else []
    report.write_rows(path, sorted([row for row in kept if place(row) not in replaced] + new, key=place))


def reported():
    """The rows of the result file that are reported, {(env, agent): rows}."""
    cells = {}
    for row in read_reported('learning.csv'):
        cells.setdefault((row['env'], row['agent']), []).append(row)
    return cells


def write_report():
    """Both READMEs' matrix and the figures, from the result files."""
    cells = reported()
    report.put('matrix', *matrix(cells))
    curves = read_reported('curves.csv')
    plot_each('learning', AIMS, curves)
    hours = rates(cells)
    rows = [row for (env, _), found in cells.items() if env in CHAPTER for row in found]
    ends = [row | dict(kind='test', steps=str(round(int(row['steps']), -4))) for row in rows]  # whole batches end about there
    place = lambda row: tuple(row[name] for name in ('agent', 'env', 'seed', 'kind', 'steps'))  # noqa: E731
    ended = set(map(place, ends))
    curves = [row for row in curves if place(row) not in ended] + ends
    for file, clock in (('chapter_steps', None), ('chapter_hours', hours)):
        plot(file, METHODS, [[(env, kind, clock) for env in CHAPTER] for kind in ('training', 'test')], curves)
    env, agents = CLOCK
    plot('clock', agents, [[(env, 'test', None), (env, 'test', hours)]], curves)


def rates(cells):
    """Hours a step of every run, {(agent, env, seed): hours}; the clock of a run goes evenly."""
    rows = itertools.chain(*cells.values())
    return {(row['agent'], row['env'], row['seed']): float(row['seconds']) / int(row['steps']) / 3600 for row in rows}


def texts():
    """All tables from the result files: {name: (in English, in Chinese)}."""
    cells = reported()
    return {
        'matrix': matrix(cells),
        'learning': textbook_table({key: found for key, found in cells.items() if key[0] in AIMS}),
        'chapter': chapter_table({key: found for key, found in cells.items() if key[0] in CHAPTER}),
        'clock': clock_table(cells, read_reported('curves.csv')),
        'minimal': minimal_table(report.read_rows(report.RESULTS / 'minimal.csv')),
    }


def matrix(cells):
    """All at a glance: a row an environment, a column an agent, and below the chapter's environments the chapter's figures."""
    lines = [['environment', *METHODS, 'aim']]
    for env in ENVS:
        found = [cells.get((env, agent)) for agent in METHODS]
        lines.append([env, *map(mean_and_worst, found), f'{AIMS[env]:g}' if env in AIMS else ''])
        if env in CHAPTER:
            figures = [CHAPTER[env].get(agent) for agent in METHODS]
            lines.append(['*Table 16.1*', *(f'*{figure:,}*' if figure else '' for figure in figures), ''])
    header_chinese, *chinese = [[in_chinese(cell) for cell in line] for line in lines]
    return report.table(lines[0], lines[1:]), report.table(header_chinese, chinese)


def mean_and_worst(found):
    """A cell of the matrix: the interquartile mean and, of several seeds, the worst; nothing where nothing ran.

    A star marks seeds on which settings were chosen.
    """
    if not found:
        return ''
    largest = max(abs(float(row['mean_return'])) for row in found)
    _, _, mean, _, worst = numbers(found, 0 if found[0]['env'] in CHAPTER else 1 if largest > 1 else 3)
    return (f'{mean} ({worst})' if len(found) > 1 else mean) + r'\*' * (int(found[0]['seed']) in CHOICE)


def optima():
    """What no policy can exceed, {environment: return}, where `optimum.py` has computed it."""
    return {row['env']: float(row['optimum']) for row in report.read_rows(report.RESULTS / 'optima.csv')}


def textbook_table(cells):
    """The textbook's environments and Box2D's: one line a cell."""
    english, chinese, best = [], [], optima()
    for (env, agent), found in cells.items():
        values = np.array([float(row['mean_return']) for row in found])
        digits = 1 if abs(values).max() > 1 else 3
        optimum = f'{best[env]:.{digits}f}' if env in best else '-'
        line = [*numbers(found, digits), f'{AIMS[env]:g}', optimum, command(found)]
        english.append([env, agent, *line])
        chinese.append([env.replace(', not slippery', '，不打滑'), agent, *map(in_chinese, line)])
    header = ['environment', 'agent', 'steps', 'seeds', 'IQM', '95% interval', 'worst seed', 'aim', 'optimum', 'command']
    header_chinese = ['环境', '智能体', '步数', '种子数', '四分位间均值', '95% 区间', '最差种子', '目标', '最优值', '命令']
    return report.table(header, english), report.table(header_chinese, chinese)


def chapter_table(cells):
    """Table 16.1: one line a cell, the chapter's figure beside it."""
    lines = []
    for env, agents in CHAPTER.items():
        for agent, figure in agents.items():
            beside = ['none' if figure is None else f'{figure:,}', published(env, agent)]
            found = cells.get((env, agent))
            if not found:
                lines.append([env, agent, *['-'] * 6, *beside, 'not run'])
                continue
            minutes = np.median([float(row['seconds']) for row in found]) / 60
            steps, *rest = numbers(found, 0)
            lines.append([env, agent, steps, f'{minutes:.1f}', *rest, *beside, command(found)])
    header = [
        'environment', 'method', 'steps', 'minutes', 'seeds', 'IQM', '95% interval', 'worst seed', 'chapter', 'elsewhere',
        'command',
    ]  # fmt: skip
    header_chinese = [
        '环境', '方法', '步数', '分钟', '种子数', '四分位间均值', '95% 区间', '最差种子', '原书', '别处最高', '命令',
    ]  # fmt: skip
    chinese = [[in_chinese(cell) for cell in line] for line in lines]
    return report.table(header, lines), report.table(header_chinese, chinese)


def clock_table(cells, curves):
    """How long runs took to the goals: one line a run, with the minutes until a test first reached each of them."""
    env, agents = CLOCK
    lines, hours = [], rates(cells)
    for row in itertools.chain(*(cells.get((env, agent), []) for agent in agents)):
        name = row['agent'], row['env'], row['seed']
        tests = [one for one in curves if (one['agent'], one['env'], one['seed'], one['kind']) == (*name, 'test')]
        reached = [[int(one['steps']) for one in tests if float(one['mean_return']) >= goal] for goal in GOALS]
        line = [row['agent'], row['seed'], f'{int(row["steps"]):,}', f'{float(row["seconds"]) / 60:.1f}']
        line += [f'{float(row["mean_return"]):,.0f}', *(f'{min(at) * hours[name] * 60:.1f}' if at else '-' for at in reached)]
        lines.append([*line, f'`{row["command"]}`'])
    header = ['agent', 'seed', 'steps', 'minutes', 'return', *(f'minutes to {goal:,}' for goal in GOALS), 'command']
    header_chinese = ['智能体', '种子', '步数', '分钟', '回报', *(f'达到 {goal:,} 的分钟数' for goal in GOALS), '命令']
    chinese = [[in_chinese(cell) for cell in line] for line in lines]
    return report.table(header, lines), report.table(header_chinese, chinese)


def published(env, agent):
    """The highest figures elsewhere, each with a link to whose it is."""
    links = [f'{figures}, [{source}]({SOURCES[source]})' for figures, source in PUBLISHED[env][agent]]
    return '; '.join(links) or 'none'


def minimal_table(rows):
    """The minimal agent's: how many seeds it solved."""
    lines = [(f'`{row["command"]}`', f'{row["solved"]} / {row["seeds"]}') for row in rows]
    return report.table(['command', 'seeds solved'], lines), report.table(['命令', '成功的种子'], lines)


def numbers(found, digits):
    """Steps, seeds, interquartile mean, interval and worst seed of a cell's rows, as text."""
    from experiments.statistics import interquartile_mean, spread

    values, seeds = np.array([float(row['mean_return']) for row in found]), [row['seed'] for row in found]
    word, low, high = spread(values)
    return [
        f'{int(found[0]["steps"]):,}', '..'.join(dict.fromkeys([seeds[0], seeds[-1]])),
        f'{interquartile_mean(values):,.{digits}f}',
        f'{word}{low:,.{digits}f} .. {high:,.{digits}f}' if len(values) > 1 else '-', f'{values.min():,.{digits}f}',
    ]  # fmt: skip


def in_chinese(cell):
    """A cell of a table in Chinese."""
    return CHINESE.get(cell, str(cell).replace('range ', '范围 '))


def command(found):
    """The command of a cell's rows."""
    return f'`{re.sub(r"--seed [0-9]+", "--seed S", found[0]["command"])}`'


def plot_each(file, envs, rows):
    """Training returns against steps, a row an environment and a column an agent, each with a step axis of its own."""
    figure = Figure(figsize=(2.5 * len(METHODS), 2 * len(envs)), dpi=90, layout='constrained')
    grid = figure.subplots(len(envs), len(METHODS), sharey='row')
    for line, env in zip(grid, envs, strict=True):
        ran = [axes for axes, agent in zip(line, METHODS, strict=True) if draw(axes, rows, env, 'training', agent)]
        for axes, agent in zip(line, METHODS, strict=True):
            if axes not in ran:
                axes.set_axis_off()
                continue
            axes.axhline(AIMS[env], color='black', linestyle='--', linewidth=0.8)
            dress(axes, agent)
            axes.tick_params(labelleft=axes is ran[0])
        ran[0].set_ylabel(env.replace(', ', ',\n'))
    figure.supxlabel('environment steps', fontsize='medium')
    save(figure, file)


def plot(file, agents, panels, rows):
    """Returns of agents; `panels`: rows of (env, kind, rates), against steps, or hours where there are `rates`."""
    height, width = len(panels), max(map(len, panels))
    figure = Figure(figsize=(3.6 * width, 3 * height), dpi=110, layout='constrained')
    grid = figure.subplots(height, width, squeeze=False)
    shown = {}
    for axes, (env, kind, rates) in zip(grid.flat, itertools.chain(*panels), strict=True):
        for agent in agents:
            line = draw(axes, rows, env, kind, agent, rates)
            if line:
                shown[agent] = line
        dress(axes, f'{env}, {kind}', in_steps=not rates)
    figure.legend(shown.values(), shown, frameon=False, loc='outside lower center', ncols=len(shown))
    figure.supylabel('return')
    for axes, (*_, rates) in zip(grid[-1], panels[-1], strict=True):
        axes.set_xlabel('hours' if rates else 'environment steps')
    save(figure, file)


def draw(axes, rows, env, kind, agent, rates=None):
    """Median and range over seeds of an agent's returns against steps, or hours; returns the line, None where none ran."""
    points = {}
    for row in rows:
        if (row['env'], row['kind'], row['agent']) == (env, kind, agent):
            points.setdefault(int(row['steps']), []).append(row)
    if not points:
        return None
    x = np.array(sorted(points))
    values = [[float(row['mean_return']) for row in points[step]] for step in x]
    if rates:
        x = x * np.median([rates[row['agent'], row['env'], row['seed']] for row in points[x[0]]])
    axes.fill_between(x, list(map(min, values)), list(map(max, values)), color=COLOURS[agent], alpha=0.18, linewidth=0)
    return axes.plot(x, list(map(np.median, values)), color=COLOURS[agent], linewidth=1.8)[0]


def dress(axes, title, in_steps=True):
    """Title, grid and step axis."""
    from common.plotting import thousands

    axes.set_title(title, fontsize='medium')
    axes.set_xlim(left=0)
    if in_steps:
        axes.xaxis.set_major_formatter(thousands)
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(alpha=0.25)


def save(figure, file):
    """Writes a figure that the companion shows."""
    path = report.ROOT / 'image' / 'readme' / f'{file}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    agents = [*AGENTS, 'minimal']
    parser.add_argument('--agents', nargs='+', choices=agents, default=agents)
    parser.add_argument('--envs', nargs='+', choices=ENVS, default=list(ENVS))
    parser.add_argument('--seeds', nargs='+', type=int, help='default those that are reported')
    parser.add_argument('--jobs', type=int, default=1, help='runs side by side')
    parser.add_argument('--resume', action='store_true', help='go on with the runs under results/learning/')
    parser.add_argument('--report-only', action='store_true', help='matrix and figures from the result files, no training')
    args = parser.parse_args()
    sys.path.insert(0, str(report.ROOT))
    if not args.report_only:
        cells = [(agent, env) for agent, env in CELLS if agent in args.agents and env in args.envs]
        runs = [(agent, env, seed) for agent, env in cells for seed in args.seeds or seeds_of(agent, env)]
        if runs:
            train(runs, max(1, args.jobs), args.resume)
        if 'minimal' in args.agents:
            report.write_rows(report.RESULTS / 'minimal.csv', [minimal([]), minimal(['--baseline', '0.1'])])
    write_report()


if __name__ == '__main__':
    main()
