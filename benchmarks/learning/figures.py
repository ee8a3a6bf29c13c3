"""Figures of what was learnt: returns against environment steps and against hours, from the result files."""

import itertools

from benchmarks import report
from benchmarks.learning.cells import AIMS, CHAPTER, CLOCK, METHODS, hours_per_step, read_reported, reported
from common.running.plotting import thousands

import numpy as np
from matplotlib.figure import Figure

COLOURS = {
    'A2C': '#7a5195', 'PPO-Clip': '#2a6f97', 'PPO-Penalty': '#c8553d', 'TRPO': '#588157', 'ACKTR': '#bc8034', 'SAC': '#444444',
    'SAC, an update a step': '#444444', 'SAC, against the clock': '#d17a9c',
}  # fmt: skip


def draw_all():
    """Writes the companion's figures from the result files."""
    cells = reported()
    curves = read_reported('curves.csv')
    plot_each('learning', AIMS, curves)
    rates = hours_per_step(cells)
    rows = [row for (env, _), found in cells.items() if env in CHAPTER for row in found]
    ends = [row | dict(kind='test', steps=str(round(int(row['steps']), -4))) for row in rows]  # the last batch ends near it
    place = lambda row: tuple(row[name] for name in ('agent', 'env', 'seed', 'kind', 'steps'))  # noqa: E731
    ended = set(map(place, ends))
    curves = [row for row in curves if place(row) not in ended] + ends
    for file, shown in (('chapter_steps', None), ('chapter_hours', rates)):
        plot(file, METHODS, [[(env, kind, shown) for env in CHAPTER] for kind in ('training', 'test')], curves)
    env, agents = CLOCK
    plot('clock', agents, [[(env, 'test', None), (env, 'test', rates)]], curves)


def plot_each(file, envs, rows):
    """Training returns against steps. An environment has a row, an agent a column, and each panel its own step axis."""
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
    """Returns of agents in a grid of panels.

    `panels`: rows of (env, kind, rates). `rates`: None for a panel against steps; hours per step, as `hours_per_step` returns
    them, for a panel against hours.
    """
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
    """Draws the median and the range over seeds of an agent's returns. Returns the line, or None where there are no rows."""
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
    """Gives a panel its title, grid and axes."""
    axes.set_title(title, fontsize='medium')
    axes.set_xlim(left=0)
    if in_steps:
        axes.xaxis.set_major_formatter(thousands)
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(alpha=0.25)


def save(figure, file):
    """Writes a figure to image/readme/, where the companion finds it."""
    path = report.ROOT / 'image' / 'readme' / f'{file}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
