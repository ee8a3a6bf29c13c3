"""Learning curves: raw returns, smoothed returns, and the same numbers as CSV."""

import csv

import numpy as np
from matplotlib.figure import Figure

COLOUR = '#2a6f97'


def smooth(returns, window):
    """Moving average over the last `window` episodes, shorter at the start; shape of `returns`."""
    sums = np.cumsum(np.insert(np.asarray(returns, np.float64), 0, 0.0))
    ends = np.arange(1, len(returns) + 1)
    starts = np.maximum(0, ends - window)
    return (sums[ends] - sums[starts]) / (ends - starts)


def learning_curve(path, log, label, title):
    """Writes `path`.png and `path`.csv from an episode log, and `path`.test.csv of its tests; `path` has no suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(f'{path}.csv', steps=log.steps, episode_return=log.returns, episode_length=log.lengths)
    if log.test_steps:
        _write(f'{path}.test.csv', steps=log.test_steps, mean_return=log.test_returns)
    figure = Figure(figsize=(7, 4), dpi=120, layout='constrained')
    axes = figure.subplots()
    if log.returns:
        window = max(1, len(log.returns) // 20)
        axes.plot(log.steps, log.returns, '.', color=COLOUR, alpha=0.25, markersize=3, label='each episode')
        last = np.append(np.diff(log.steps) > 0, True)  # environments side by side end together: one point of the line a step
        axes.plot(
            np.array(log.steps)[last],
            smooth(log.returns, window)[last],
            color=COLOUR,
            linewidth=2,
            label=f'mean of the last {window}',
        )
        if log.test_steps:
            axes.plot(log.test_steps, log.test_returns, 'k.-', linewidth=1, label='greedy tests')
        figure.legend(loc='outside lower center', ncols=3, frameon=False)
    axes.set(xlabel='environment steps', ylabel=label, title=title)
    axes.xaxis.set_major_formatter(lambda steps, _: f'{steps / 1000:g}k' if steps else '0')
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(alpha=0.25)
    figure.savefig(f'{path}.png')


def _write(path, **columns):
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
