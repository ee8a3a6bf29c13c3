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
    """Writes `path`.png and `path`.csv from an episode log; `path` has no suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f'{path}.csv', 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['steps', 'episode_return', 'episode_length'])
        writer.writerows(zip(log.steps, log.returns, log.lengths, strict=True))
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
        figure.legend(loc='outside lower center', ncols=2, frameon=False)
    axes.set(xlabel='environment steps', ylabel=label, title=title)
    axes.xaxis.set_major_formatter(lambda steps, _: f'{steps / 1000:g}k' if steps else '0')
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(alpha=0.25)
    figure.savefig(f'{path}.png')
