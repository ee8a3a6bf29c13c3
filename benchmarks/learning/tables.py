"""Tables of what was learnt, in both languages, from the result files. Table 16.1 of the chapter is one of them."""

import itertools
import re

from benchmarks import report
from benchmarks.learning.cells import (
    AGENTS,
    AIMS,
    CHAPTER,
    CLOCK,
    GOALS,
    METHODS,
    NO_PRESET_CELLS,
    OWN_AIMS,
    PUBLISHED,
    SOURCES,
    hours_per_step,
    read_reported,
    reported,
)
from benchmarks.learning.optimum import GAMMA
from experiments.statistics import interquartile_mean, spread

import numpy as np

CHINESE = {
    'not run': '未训练', 'none': '无', 'environment': '环境', 'aim': '目标', 'chapter': '第 16 章',
    'IQM': '四分位间均值', '*Table 16.1*': '*表 16.1*',
    'FrozenLake-v1, not slippery': 'FrozenLake-v1，不打滑', "Pendulum-v1, Gymnasium's": 'Pendulum-v1，Gymnasium 的',
    'SAC, an update a step': 'SAC，每步一次更新',
    'SAC, against the clock': 'SAC，与时间赛跑', 'PPO-Clip, 3M steps': 'PPO-Clip，300 万步',
}  # fmt: skip
KINDS = 'normal', 'lognormal'  # distributions of a simulation
PARTS = {
    'range ': '范围 ', 'RL Zoo of SB2': 'SB2 版 RL Zoo', 'SB3 on SAC': 'SB3 的 SAC', '; ': '；', ', SAC': '，SAC',
}  # fmt: skip


def texts():
    """All tables from the result files: {name: (in English, in Chinese)}."""
    cells = reported()
    return {
        'matrix': matrix(cells),
        'learning': textbook_table({key: found for key, found in cells.items() if key[0] in AIMS and not has_no_preset(key)}),
        'chapter': chapter_table({key: found for key, found in cells.items() if key[0] in CHAPTER}),
        'no-preset': no_preset_table({key: found for key, found in cells.items() if has_no_preset(key)}),
        'short': short_table(cells),
        'clock': clock_table(cells, read_reported('curves.csv')),
        'minimal': minimal_table(report.read_rows(report.RESULTS / 'minimal.csv')),
        'optima': optima_table(optima()),
        'coverage': coverage_sentence(report.read_rows(report.RESULTS / 'coverage.csv')),
    }


def has_no_preset(key):
    """Whether the agent of a cell, (env, agent), has no preset for the environment."""
    return key in [(env, AGENTS[agent][0]) for agent, env in NO_PRESET_CELLS]


def matrix(cells):
    """The READMEs' matrix: a row for each environment, a column for each agent.

    Below each of the chapter's environments is a row with the chapter's figures.
    """
    lines = [['environment', *METHODS, 'aim']]
    for env in [*AIMS, *CHAPTER]:
        found = [cells.get((env, agent)) for agent in METHODS]
        own = [f'{agent} {figure:g}' for (where, agent), figure in OWN_AIMS.items() if where == env]
        lines.append([env, *map(mean_and_worst, found), ', '.join([f'{AIMS[env]:g}', *own]) if env in AIMS else ''])
        if env in CHAPTER:
            figures = [CHAPTER[env].get(agent) for agent in METHODS]
            lines.append(['*Table 16.1*', *(f'*{figure:,}*' if figure else '' for figure in figures), ''])
    header_chinese, *chinese = [[in_chinese(cell) for cell in line] for line in lines]
    return report.table(lines[0], lines[1:]), report.table(header_chinese, chinese)


def mean_and_worst(found):
    """A cell of the matrix: the interquartile mean, and the worst of several seeds in brackets; '' where nothing was run."""
    if not found:
        return ''
    largest = max(abs(float(row['mean_return'])) for row in found)
    _, _, mean, _, worst = numbers(found, 0 if found[0]['env'] in CHAPTER else 1 if largest > 1 else 3)
    return f'{mean} ({worst})' if len(found) > 1 else mean


def optima():
    """The rows of optima.csv by environment: what optimum.py computes."""
    return {row['env']: row for row in report.read_rows(report.RESULTS / 'optima.csv')}


def rounded(text, digits):
    """A number of a result file, with so many digits; '' where there is none."""
    return f'{float(text):.{digits}f}' if text else ''


def aim(env, agent):
    """The return that every seed should reach, None where there is no aim."""
    return OWN_AIMS.get((env, agent), AIMS.get(env))


def textbook_table(cells):
    """A line for each cell of the textbook's environments and of Box2D's."""
    english, chinese, best = [], [], optima()
    for (env, agent), found in cells.items():
        values = np.array([float(row['mean_return']) for row in found])
        digits = 1 if abs(values).max() > 1 else 3
        best_of_all, blind = (rounded(best.get(env, {}).get(name), digits) for name in ('optimum', 'without_time'))
        optimum = f'{best_of_all} ({blind})' if blind else best_of_all or '-'
        line = [*numbers(found, digits), f'{aim(env, agent):g}', optimum, published(env, agent), command(found)]
        english.append([env, agent, *line])
        chinese.append([env.replace(', not slippery', '，不打滑'), agent, *map(in_chinese, line)])
    header = [
        'environment', 'agent', 'steps', 'seeds', 'IQM', '95% interval', 'worst seed', 'aim', 'optimum', 'elsewhere', 'command',
    ]  # fmt: skip
    header_chinese = [
        '环境', '智能体', '步数', '种子', '四分位间均值', '95% 区间', '最差种子', '目标', '最优值', '别处最高', '命令',
    ]  # fmt: skip
    return report.table(header, english), report.table(header_chinese, chinese)


def optima_table(rows):
    """The optima: of FrozenLake also the best policies that do not see the time."""
    lines = []
    for env, row in rows.items():
        digits = 3 if row['without_time'] else 2
        optimum = ' ± '.join(filter(None, (rounded(row[name], digits) for name in ('optimum', 'error'))))
        lines.append([env, optimum, *(rounded(row[name], digits) for name in ('without_time', 'discounted'))])
    header = ['environment', 'optimum', 'without the time', f'for a discount factor of {GAMMA}']
    header_chinese = ['环境', '最优值', '不看时间', f'折扣因子为 {GAMMA} 时']
    chinese = [[in_chinese(cell) for cell in line] for line in lines]
    return report.table(header, lines), report.table(header_chinese, chinese)


def coverage_sentence(rows):
    """How often the intervals and the ranges contain the true interquartile mean."""
    of = {(row['distribution'], row['seeds']): row for row in rows}
    shares = [f'{float(of[name, seeds][kind]):.1%}' for seeds, kind in (('10', 'interval'), ('5', 'range')) for name in KINDS]
    english = (
        'In a simulation, the interval of ten seeds contained the true IQM in {} of cases where returns had a normal '
        'distribution, and in {} where it was skewed (lognormal). The range of five seeds contained it in {} and {}.'
    )
    chinese = (
        '在模拟中，若回报服从正态分布，十个种子的区间有 {} 的次数包含真正的四分位间均值；'
        '若服从偏斜的对数正态分布，则为 {}。五个种子的范围分别为 {} 和 {}。'
    )
    return english.format(*shares), chinese.format(*shares)


def chapter_table(cells):
    """Table 16.1: a line for each cell, with the chapter's figure."""
    lines = []
    for env, agents in CHAPTER.items():
        for agent, figure in agents.items():
            others = ['none' if figure is None else f'{figure:,}', published(env, agent)]
            found = cells.get((env, agent))
            if not found:
                lines.append([env, agent, *['-'] * 6, *others, 'not run'])
                continue
            minutes = np.median([float(row['seconds']) for row in found]) / 60
            steps, *rest = numbers(found, 0)
            lines.append([env, agent, steps, f'{minutes:.1f}', *rest, *others, command(found)])
    header = [
        'environment', 'method', 'steps', 'minutes', 'seeds', 'IQM', 'range', 'worst seed', 'chapter', 'elsewhere', 'command',
    ]  # fmt: skip
    header_chinese = [
        '环境', '方法', '步数', '分钟', '种子', '四分位间均值', '范围', '最差种子', '第 16 章', '别处最高', '命令',
    ]  # fmt: skip
    return range_tables(header, header_chinese, lines)


def no_preset_table(cells):
    """A line for each cell without a preset."""
    lines = [[env, agent, *numbers(found, 0), published(env, agent), command(found)] for (env, agent), found in cells.items()]
    header = ['environment', 'method', 'steps', 'seeds', 'IQM', 'range', 'worst seed', 'RL Zoo', 'command']
    header_chinese = ['环境', '方法', '步数', '种子', '四分位间均值', '范围', '最差种子', 'RL Zoo', '命令']
    return range_tables(header, header_chinese, lines)


def range_tables(header, header_chinese, lines):
    """A table in both languages. All its cells have few seeds and show a range: the header says it, so the lines do not."""
    lines = [[cell.removeprefix('range ') for cell in line] for line in lines]
    chinese = [[in_chinese(cell) for cell in line] for line in lines]
    return report.table(header, lines), report.table(header_chinese, chinese)


def short_table(cells):
    """What falls short: seeds below their aim or the chapter's figure, and interquartile means below a published result.

    Runs with the book's settings are left out, because they are trained only to show what those settings do.
    """
    lines = []
    for (env, agent), found in cells.items():
        if agent.endswith('--book'):
            continue
        for whose, goal in (('aim', aim(env, agent)), ('chapter', CHAPTER.get(env, {}).get(agent))):
            below = [row for row in found if goal is not None and float(row['mean_return']) < goal]
            lines += [
                [env, agent, f'seed {row["seed"]}', in_digits(float(row['mean_return'])), f'{goal:,g}', whose] for row in below
            ]
        mean = interquartile_mean(np.array([float(row['mean_return']) for row in found]))
        lines += [
            [env, agent, 'IQM', in_digits(mean), figures, whose]
            for figures, whose in PUBLISHED.get(env, {}).get(agent, [])
            if mean < highest(figures)
        ]
    header = ['environment', 'agent', 'of', 'reached', 'to reach', 'whose']
    header_chinese = ['环境', '智能体', '对象', '达到', '应达到', '出处']
    chinese = [[in_chinese(cell.replace('seed ', '种子 ')) for cell in line] for line in lines]
    return report.table(header, lines), report.table(header_chinese, chinese)


def in_digits(value):
    """A return with as many digits as in the other tables."""
    return f'{value:,.{0 if abs(value) > 1000 else 1 if abs(value) > 1 else 3}f}'


def highest(figures):
    """The highest return in a text such as '4,471 (1M), 5,792 (3M)'; numbers of steps are in brackets."""
    return max(float(figure.replace(',', '')) for figure in re.sub(r'\(.*?\)', '', figures).split(', '))


def clock_table(cells, curves):
    """A line for each run against the clock, with the minutes until a test first reached each goal."""
    env, agents = CLOCK
    lines, hours = [], hours_per_step(cells)
    for row in itertools.chain(*(cells.get((env, agent), []) for agent in agents)):
        name = row['agent'], row['env'], row['seed']
        tests = [one for one in curves if (one['agent'], one['env'], one['seed'], one['kind']) == (*name, 'test')]
        reached = [[int(one['steps']) for one in tests if float(one['mean_return']) >= goal] for goal in GOALS]
        line = [row['agent'], row['seed'], f'{int(row["steps"]):,}', f'{float(row["seconds"]) / 60:.1f}']
        line += [f'{float(row["mean_return"]):,.0f}', *(f'{min(at) * hours[name] * 60:.1f}' if at else '-' for at in reached)]
        lines.append([*line, f'`{report.todays(row["command"])}`'])
    header = ['agent', 'seed', 'steps', 'minutes', 'return', *(f'minutes to {goal:,}' for goal in GOALS), 'command']
    header_chinese = ['智能体', '种子', '步数', '分钟', '回报', *(f'达到 {goal:,} 的分钟数' for goal in GOALS), '命令']
    chinese = [[in_chinese(cell) for cell in line] for line in lines]
    return report.table(header, lines), report.table(header_chinese, chinese)


def published(env, agent):
    """The published returns, each with a link to its source."""
    links = [f'{figures}, [{source}]({SOURCES[source]})' for figures, source in PUBLISHED.get(env, {}).get(agent, [])]
    return '; '.join(links) or 'none'


def minimal_table(rows):
    """How many seeds the minimal agent solved."""
    lines = [(f'`{row["command"]}`', f'{row["solved"]} / {row["seeds"]}') for row in rows]
    return report.table(['command', 'seeds solved'], lines), report.table(['命令', '成功的种子'], lines)


def numbers(found, digits):
    """Steps, seeds, interquartile mean, interval (or range) and worst seed of a cell's rows, all as text."""
    values, seeds = np.array([float(row['mean_return']) for row in found]), [row['seed'] for row in found]
    word, low, high = spread(values)
    return [
        f'{int(found[0]["steps"]):,}', '..'.join(dict.fromkeys([seeds[0], seeds[-1]])),
        f'{interquartile_mean(values):,.{digits}f}',
        f'{word}{low:,.{digits}f} .. {high:,.{digits}f}' if len(values) > 1 else '-', f'{values.min():,.{digits}f}',
    ]  # fmt: skip


def in_chinese(cell):
    """The Chinese text of a table's cell."""
    text = CHINESE.get(cell, str(cell))
    for english, chinese in PARTS.items():
        text = text.replace(english, chinese)
    return text


def command(found):
    """The command of a cell's rows, with S for the seed."""
    return f'`{re.sub(r"--seed [0-9]+", "--seed S", report.todays(found[0]["command"]))}`'
