"""Reports an experiment: a table of returns, a table of the probabilities of improvement, and learning curves."""

import itertools
from pathlib import Path

from common.running.files import writing
from common.running.plotting import thousands
from experiments import results
from experiments.statistics import improvement, improvement_interval, interquartile_mean, spread

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

CHARACTER = 0.085  # inches; the most that characters of a legend take on average


def returns_of(rows):
    """{env: {variant: mean returns of its runs, (seeds,)}}, in the order of the rows, without failed runs."""
    found = {}
    for row in rows:
        reached = found.setdefault(row['env'], {}).setdefault(row['variant'], [])
        reached += [float(row['mean_return'])] if row.get('mean_return', '') != '' else []
    return {env: {label: np.array(values) for label, values in line.items()} for env, line in found.items()}


def table(header, lines):
    """A Markdown table whose columns also line up in a terminal."""
    cells = [list(map(str, line)) for line in (header, *lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ['-' * width for width in widths])
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in cells)
    return '\n'.join(f'| {" | ".join(line)} |' for line in padded)


def summary(rows):
    """The table of all variants: their returns over the seeds, and the median steps and time of a run."""
    lines = []
    for env, found in returns_of(rows).items():
        for label, values in found.items():
            mine = [row for row in rows if (row['env'], row['variant']) == (env, label)]
            failed = sum(bool(row['error']) for row in mine)
            seeds = f'{len(values)}, {failed} failed' if failed else len(values)
            if not len(values):
                lines.append([env, label, seeds, '', '', '', '', ''])
                continue
            number = _format(found.values())
            word, *ends = spread(values)
            ends = word + ' to '.join(map(number, ends))
            steps, seconds = (np.median([float(row[name]) for row in mine if row.get(name)]) for name in ('steps', 'seconds'))
            numbers = number(interquartile_mean(values)), ends, number(values.min())
            lines.append([env, label, seeds, *numbers, f'{steps:,.0f}', f'{seconds:.1f} s'])
    return table(['environment', 'variant', 'seeds', 'IQM', '95% interval', 'worst seed', 'steps', 'time of a run'], lines)


def comparison(rows):
    """The table of all pairs of variants: how likely a run of the first ends above one of the second; '' without pairs."""
    lines = []
    for env, found in returns_of(rows).items():
        ranked = sorted((pair for pair in found.items() if len(pair[1])), key=lambda pair: -interquartile_mean(pair[1]))
        for (label, better), (other, worse) in itertools.combinations(ranked, 2):
            if improvement(better, worse) < 0.5:
                label, better, other, worse = other, worse, label, better
            low, high = improvement_interval(better, worse)
            ends = 'too few seeds' if np.isnan(low) else f'{low:.2f} to {high:.2f}'
            lines.append([env, label, other, f'{improvement(better, worse):.2f}', ends])
    header = ['environment', 'variant', 'ends above', 'probability', '95% interval']
    return table(header, lines) if lines else ''


def text(rows, title):
    """The text of table.md."""
    parts = [
        title,
        summary(rows),
        'The final agent of each run is evaluated greedily. IQM: the mean of the middle half of the seeds, with its bootstrap '
        'interval; with fewer than ten seeds the table shows their range instead.',
    ]
    pairs = comparison(rows)
    if pairs:
        parts += [
            pairs,
            'Probability: how likely it is that a run of the first variant ends above a run of the second, with its bootstrap '
            'interval.',
        ]
    return '\n\n'.join(parts) + '\n'


def plot(path, jobs):
    """Draws the training returns of finished runs, the median and middle half over seeds, with a panel for each environment.

    Leaves out the parts of a training in which fewer than half of the seeds ended an episode.
    """
    envs = list(dict.fromkeys(job.variant.env for job in jobs))
    labels = list(dict.fromkeys(job.variant.label for job in jobs))
    colours = colormaps['tab10' if len(labels) <= 10 else 'turbo']
    width = max(6.5, 5 * len(envs))
    columns = max(1, min(len(labels), int(width / (0.7 + CHARACTER * max(map(len, labels))))))
    height = 4 + 0.2 * -(-len(labels) // columns)
    figure = Figure(figsize=(width, height), dpi=120, layout='constrained')
    shown = {}
    for axes, env in zip(figure.subplots(1, len(envs), squeeze=False).flat, envs, strict=True):
        mine = [job for job in jobs if job.variant.env == env]
        steps = max(results.record_of(job)['steps'] for job in mine)
        edges = np.linspace(0, steps, results.BINS + 1)[1:]
        for i, label in enumerate(labels):
            curves = np.array([results.curve(job, steps) for job in mine if job.variant.label == label] or [[]])
            seen = 2 * np.isfinite(curves).sum(0) >= len(curves)  # a few seeds do not show how the variant learns
            if not seen.any():
                continue
            low, middle, high = np.nanpercentile(curves[:, seen], [25, 50, 75], axis=0)
            colour = colours(i if len(labels) <= 10 else i / (len(labels) - 1))
            axes.fill_between(edges[seen], low, high, color=colour, alpha=0.18, linewidth=0)
            mark = '.' if seen.sum() < 3 else None  # with so few points a line is hard to see
            shown[label] = axes.plot(edges[seen], middle, color=colour, linewidth=1.8, marker=mark)[0]
        axes.set_title(env, fontsize='medium', parse_math=False)
        axes.set_xlabel('environment steps')
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(thousands)
        axes.spines[['top', 'right']].set_visible(False)
        axes.grid(alpha=0.25)
    figure.supylabel('return, median and middle half of the seeds', fontsize='medium')
    legend = figure.legend(shown.values(), shown, frameon=False, loc='outside lower center', ncols=columns)
    for text in legend.get_texts():
        text.set_parse_math(False)
    with writing(path):
        figure.savefig(path)


def write(folder, rows, jobs, title):
    """Writes table.md, and curves.png if a run is finished; returns the text of table.md."""
    said = text(rows, title)
    with writing(folder):
        Path(folder, 'table.md').write_text(said, encoding='utf-8', newline='\n')
    done = [job for job in jobs if results.record_of(job)]
    if done:
        plot(Path(folder, 'curves.png'), done)
    return said


def _format(lines):
    digits = 1 if max(abs(values).max() for values in lines if len(values)) > 1 else 3
    return lambda value: f'{value:,.{digits}f}'
