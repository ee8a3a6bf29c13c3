"""Pictures of a run and their numbers as CSV files: the learning curve, the losses, and what was learnt about the pendulum.

Margins are fixed. Matplotlib could compute them, but that takes as long as drawing, and a run waits for its pictures.
"""

import csv

from common.running.files import replacing

import numpy as np
from matplotlib.figure import Figure

COLOUR = '#2a6f97'
WORDS = {  # titles for what updates report
    'policy_loss': "the policy's loss",
    'value_loss': "the critic's loss",
    'kl': 'KL divergence of an update, nats',
    'clip_fraction': 'share of ratios outside the clip range',
    'entropy': 'entropy, nats',
    'std': 'standard deviation of the actions',
    'explained_variance': "the critic's explained variance",
    'step_accepted': 'share of accepted steps',
    'backtracks': 'shortenings in the line search',
    'actor_lr': "the actor's learning rate",
    'critic_lr': "the critic's learning rate",
    'kl_coefficient': 'coefficient of the KL penalty',
    'step_size': "factor of the actor's step, c",
    'alpha': 'temperature',
    'actor_norm': "norm of the actor's weights",
    'critic_norm': "norm of the critic's weights",
}


def smooth(returns, window):
    """Means over the last `window` episodes, or as many as there are; the same shape as `returns`."""
    sums = np.cumsum(np.insert(np.asarray(returns, np.float64), 0, 0.0))
    ends = np.arange(1, len(returns) + 1)
    starts = np.maximum(0, ends - window)
    return (sums[ends] - sums[starts]) / (ends - starts)


def thousands(steps, _=None):
    """A number of steps as an axis label: 0, 500, 20k, 1.5M."""
    for size, letter in ((1_000_000, 'M'), (1000, 'k')):
        if steps >= size:
            return f'{steps / size:g}{letter}'
    return f'{steps:g}'


def learning_curve(path, log, label, title):
    """Writes an episode log as `path`.png and `path`.csv, and its tests as `path`.test.csv; `path` has no suffix."""
    _write(f'{path}.csv', steps=log.end_steps, episode_return=log.returns, episode_length=log.lengths)
    if log.test_steps:
        _write(f'{path}.test.csv', steps=log.test_steps, mean_return=log.test_returns)
    figure = Figure(figsize=(7, 4), dpi=120)
    figure.subplots_adjust(left=0.12, right=0.98, bottom=0.2, top=0.92)
    axes = figure.subplots()
    if log.returns:
        window = max(1, len(log.returns) // 20)
        axes.plot(log.end_steps, log.returns, '.', color=COLOUR, alpha=0.25, markersize=3, label='each episode')
        axes.plot(*_smoothed(log, window), color=COLOUR, linewidth=2, label=f'mean of the last {window}')
        if log.test_steps:
            axes.plot(log.test_steps, log.test_returns, 'k.-', linewidth=1, label='greedy tests')
        figure.legend(loc='lower center', ncols=3, frameon=False)
    _dress(axes, title)
    axes.set(xlabel='environment steps', ylabel=label)
    _draw(figure, f'{path}.png')


def loss_curves(path, losses, log, label, title):
    """Writes a loss log as `path`.losses.csv and `path`.losses.png: a panel for the returns and one for each column.

    Where a column has no number yet, the file says nan and the panel shows no line.
    """
    columns = losses.columns
    names = [name for name in columns if name != 'steps']
    rounded = {name: [f'{value:.7g}' for value in columns[name]] for name in names}
    _write(f'{path}.losses.csv', steps=columns['steps'], **rounded)
    rows = (len(names) + 3) // 3
    figure = Figure(figsize=(11, 2.3 * rows), dpi=100)
    inch = 1 / (2.3 * rows)
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.55 * inch, top=1 - 0.65 * inch, wspace=0.22, hspace=0.3)
    figure.suptitle(title, y=1 - 0.05 * inch, va='top')
    first, *others = figure.subplots(rows, 3, sharex=True, squeeze=False).flat
    if log.returns:
        first.plot(*_smoothed(log, max(1, len(log.returns) // 20)), color=COLOUR)
    _dress(first, label)
    for axes, name in zip(others, names, strict=False):
        axes.plot(columns['steps'], columns[name], color='#c8553d', linewidth=1)
        _dress(axes, WORDS.get(name, name.replace('_', ' ')))
        if name == 'explained_variance':  # -20 is as bad as -1
            axes.set_ylim(max(-1.05, axes.get_ylim()[0]), 1.05)
    for axes in others[len(names) :]:
        axes.set_visible(False)
    figure.supxlabel('environment steps', y=0.08 * inch, fontsize='medium')
    _draw(figure, f'{path}.losses.png')


def pendulum_maps(path, agent, title):
    """Writes `path`.learnt.png: the greedy torque and the value for each angle and velocity of the pendulum."""
    angles, speeds = np.linspace(-np.pi, np.pi, 181), np.linspace(-8, 8, 161)
    angle, speed = np.meshgrid(angles, speeds)
    states = np.stack([np.cos(angle), np.sin(angle), speed], axis=-1).reshape(-1, 3).astype(np.float32)
    action = np.clip(agent.get_action(states, greedy=True), -2, 2)
    maps = (('greedy torque', action, dict(cmap='RdBu', vmin=-2, vmax=2)), ('value', agent.get_value(states), {}))
    figure = Figure(figsize=(10, 4), dpi=110)
    figure.subplots_adjust(left=0.06, right=0.99, bottom=0.13, top=0.84, wspace=0.14)
    figure.suptitle(title)
    for axes, (name, values, options) in zip(figure.subplots(1, 2), maps, strict=True):
        place = dict(origin='lower', aspect='auto', interpolation='bilinear', extent=(-180, 180, -8, 8))
        picture = axes.imshow(values.reshape(angle.shape), **place, **options)
        figure.colorbar(picture, ax=axes)
        axes.plot(0, 0, 'k+')
        axes.set(title=name, xlabel='angle from upright, degrees', ylabel='angular velocity, radians/s')
        axes.set_xticks(range(-180, 181, 90))
    _draw(figure, f'{path}.learnt.png')


def _smoothed(log, window):
    """Steps and moving averages of an episode log. Of episodes that ended at the same step only the last one is kept."""
    last = np.append(np.diff(log.end_steps) > 0, True)
    return np.array(log.end_steps)[last], smooth(log.returns, window)[last]


def _dress(axes, title):
    axes.set_title(title, fontsize='medium')
    axes.xaxis.set_major_formatter(thousands)
    axes.spines[['top', 'right']].set_visible(False)
    axes.grid(alpha=0.25)


def _write(path, **columns):
    with replacing(path) as (temporary,), open(temporary, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _draw(figure, path):
    with replacing(path) as (temporary,):
        figure.savefig(temporary)
