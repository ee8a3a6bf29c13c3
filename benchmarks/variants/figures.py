"""The figure of the variants: the returns of all seeds."""

from benchmarks import report
from benchmarks.variants.cells import AS_IS, MINIMAL, VARIANTS
from benchmarks.variants.tables import returns_of
from experiments.statistics import interquartile_mean

import numpy as np
from matplotlib.figure import Figure

PICTURE = report.ROOT / 'image' / 'readme' / 'variants.png'
COLOURS = {AS_IS: '#2a6f97', 'erratum': '#c8553d', 'idea': '#588157'}


def plot(found):
    """Draws the returns of all seeds and their interquartile means, a panel for each environment.

    `found`: the rows, as `results.reported` returns them.
    """
    panels = {}
    for variant in VARIANTS:
        if variant.runs and variant.name in found:
            kind = 'erratum' if variant.erratum else 'idea'
            lines = panels.setdefault(variant.place.env or MINIMAL, {})
            lines.setdefault(variant.place, [(AS_IS, AS_IS, found[variant.name][0])])
            lines[variant.place].append((variant.name, kind, found[variant.name][1]))
    heights = [sum(len(group) for group in lines.values()) + 1.2 for lines in panels.values()]
    figure = Figure(figsize=(5.2, 0.26 * sum(heights)), dpi=130, layout='constrained')
    grid = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
    for axes, (env, lines) in zip(grid.flat, panels.items(), strict=True):
        ticks = []
        for place, group in lines.items():
            for name, kind, rows in group:
                values = returns_of(rows)
                values = values[np.isfinite(values)]
                y = [len(ticks)] * len(values)
                axes.scatter(values, y, s=14, color=COLOURS[kind], alpha=0.35, linewidths=0)
                if len(values):
                    axes.scatter(interquartile_mean(values), len(ticks), s=80, marker='|', color=COLOURS[kind], linewidths=2)
                ticks.append(f'{place.agent_name}, {name}' if kind == AS_IS else name)
        axes.set_yticks(range(len(ticks)), ticks, fontsize=8)
        axes.tick_params(axis='x', labelsize=8)
        axes.set_ylim(len(ticks) - 0.5, -0.5)
        if env.startswith('FrozenLake'):
            axes.set_xlim(0, 1.05)
        axes.set_title(env, fontsize=9, loc='left')
        axes.spines[['top', 'right']].set_visible(False)
        axes.grid(alpha=0.25, axis='x')
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE)
