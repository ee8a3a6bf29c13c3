"""Learning of every agent in every environment over seeds; writes the README's table and the band plots.

    make learning   or   python benchmarks/learning.py --agents ppo trpo --envs Pendulum-v1 --seeds 0 1 2 3 4

Each run is the command printed beside its result. Evaluated is the final agent, greedily, by the run itself. Reported over
seeds: the worst, and the interquartile mean with a 95% bootstrap interval (Agarwal et al., 2021).
"""

import argparse
import functools
import itertools
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import report
from matplotlib.figure import Figure
from scipy import stats
from tqdm import tqdm

AGENTS = {
    'ppo': ('PPO-Clip', 'ppo.py', []),
    'ppo-penalty': ('PPO-Penalty', 'ppo.py', ['--method', 'penalty']),
    'trpo': ('TRPO', 'trpo.py', []),
}
ENVS = {  # flags, episodes of the evaluation, what to reach
    'Pendulum-v1': ([], 100, -160),
    'CartPole-v1': (['--env', 'CartPole-v1'], 100, 500),
    'FrozenLake-v1': (['--env', 'FrozenLake-v1'], 5000, 0.72),
    'FrozenLake-v1, not slippery': (['--env', 'FrozenLake-v1', '--env-arg', 'is_slippery=false'], 5000, 1.0),
    'FrozenLake8x8-v1': (['--env', 'FrozenLake8x8-v1'], 5000, 0.85),
}
COLOURS = {'PPO-Clip': '#2a6f97', 'PPO-Penalty': '#c8553d', 'TRPO': '#588157'}
BINS = 40


def train(agent, env, seed):
    """One run by its command; returns its row of the result file and its learning curve."""
    name, script, method = AGENTS[agent]
    flags, episodes, _ = ENVS[env]
    words = [script, '--train', *method, *flags, '--seed', str(seed), '--episodes', str(episodes)]
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([sys.executable, *words, '--out', out], cwd=report.ROOT, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f'{" ".join(words)} failed:\n{done.stderr}')
        record = json.loads(next(Path(out, 'image').glob('*.json')).read_text())
        episodes_done = report.read_rows(next(Path(out, 'image').glob('*.csv')))
    row = dict(agent=name, env=env, seed=seed, steps=record['steps'], seconds=record['seconds'])
    row |= record['evaluation'] | dict(command=f'python {" ".join(words)}')
    steps = np.array([int(episode['steps']) for episode in episodes_done])
    returns = np.array([float(episode['episode_return']) for episode in episodes_done])
    edges = np.linspace(0, record['settings']['steps'], BINS + 1)
    curve = []
    for low, high in itertools.pairwise(edges):
        inside = returns[(steps > low) & (steps <= high)]
        if len(inside):
            curve.append(dict(agent=name, env=env, seed=seed, steps=round(high), mean_return=round(float(inside.mean()), 4)))
    return row, curve


def minimal(flags):
    """Seeds 0..99 of the minimal Gaussian agent; returns the row of the result file."""
    words = ['pg_gaussian_minimal.py', '--train', '--seeds', '100', *flags]
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, *words, '--out', out]
        done = subprocess.run(command, cwd=report.ROOT, capture_output=True, text=True, check=True)
    count, seeds = re.search(r'^(\d+) of (\d+) seeds', done.stdout, re.M).groups()
    return dict(seeds=seeds, solved=count, command=f'python {" ".join(words)}')


def merge(file, new, agent, env):
    """Puts new rows in the place of the old ones of the same agent and environment."""
    path = report.RESULTS / file
    kept = report.read_rows(path) if path.exists() else []
    rows = [row for row in kept if (row['agent'], row['env']) != (agent, env)] + new
    agents, envs = [name for name, *_ in AGENTS.values()], list(ENVS)
    report.write_rows(path, sorted(rows, key=lambda row: (envs.index(row['env']), agents.index(row['agent']))))


def interquartile_mean(values, axis=-1):
    """Mean of the middle half, the lowest and highest quarter left out."""
    return stats.trim_mean(values, 0.25, axis=axis)


def interval(values):
    """95% bootstrap interval of the interquartile mean, (low, high)."""
    if np.ptp(values) == 0:
        return values[0], values[0]
    found = stats.bootstrap((values,), interquartile_mean, method='percentile', rng=np.random.default_rng(0))
    return found.confidence_interval.low, found.confidence_interval.high


def write_report():
    """Both READMEs' tables and the band plot, from the result files."""
    rows = report.read_rows(report.RESULTS / 'learning.csv')
    cells = {}
    for row in rows:
        cells.setdefault((row['env'], row['agent']), []).append(row)
    english, chinese = [], []
    for (env, agent), found in cells.items():
        values = np.array([float(row['mean_return']) for row in found])
        low, high = interval(values)
        digits = 1 if abs(values).max() > 1 else 3
        command = re.sub(r'--seed \d+', '--seed S', found[0]['command'])
        numbers = [
            f'{int(found[0]["steps"]):,}', len(values), f'{interquartile_mean(values):.{digits}f}',
            f'{low:.{digits}f} .. {high:.{digits}f}', f'{values.min():.{digits}f}',
        ]  # fmt: skip
        target = f'{ENVS[env][2]:g}'
        english.append([env, agent, *numbers, target, f'`{command}`'])
        chinese.append([env.replace(', not slippery', '，不打滑'), agent, *numbers, target, f'`{command}`'])
    header = ['environment', 'agent', 'steps', 'seeds', 'IQM', '95% interval', 'worst seed', 'aim', 'command']
    header_chinese = ['环境', '智能体', '步数', '种子数', '四分位间均值', '95% 区间', '最差种子', '目标', '命令']
    report.put('learning', report.table(header, english), report.table(header_chinese, chinese))
    lines = [
        (f'`{row["command"]}`', f'{row["solved"]} / {row["seeds"]}') for row in report.read_rows(report.RESULTS / 'minimal.csv')
    ]
    header, header_chinese = ['command', 'seeds solved'], ['命令', '成功的种子']
    report.put('minimal', report.table(header, lines), report.table(header_chinese, lines))
    plot(report.read_rows(report.RESULTS / 'curves.csv'))


def plot(rows):
    """Median and range over seeds of the training return against steps, one panel an environment."""
    envs = list(dict.fromkeys(row['env'] for row in rows))
    figure = Figure(figsize=(11, 3 * -(-len(envs) // 3)), dpi=110, layout='constrained')
    panels = list(figure.subplots(-(-len(envs) // 3), 3, squeeze=False).flat)
    for axes in panels[len(envs) :]:
        axes.set_axis_off()
    for axes, env in zip(panels, envs, strict=False):
        for agent in dict.fromkeys(row['agent'] for row in rows):
            points = {}
            for row in rows:
                if (row['env'], row['agent']) == (env, agent):
                    points.setdefault(int(row['steps']), []).append(float(row['mean_return']))
            steps = sorted(points)
            middle = [np.median(points[step]) for step in steps]
            axes.plot(steps, middle, color=COLOURS[agent], label=agent, linewidth=1.8)
            low, high = [min(points[step]) for step in steps], [max(points[step]) for step in steps]
            axes.fill_between(steps, low, high, color=COLOURS[agent], alpha=0.18, linewidth=0)
        axes.axhline(ENVS[env][2], color='black', linestyle='--', linewidth=0.8)
        axes.set(title=env, xlabel='environment steps')
        axes.xaxis.set_major_formatter(lambda step, _: f'{step / 1000:g}k' if step else '0')
        axes.spines[['top', 'right']].set_visible(False)
        axes.grid(alpha=0.25)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc='lower right')
    figure.supylabel('training return')
    path = report.ROOT / 'image' / 'readme' / 'learning.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--agents', nargs='+', choices=AGENTS, default=list(AGENTS))
    parser.add_argument('--envs', nargs='+', choices=ENVS, default=list(ENVS))
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument('--jobs', type=int, default=1, help='runs side by side')
    parser.add_argument('--report-only', action='store_true', help='table and figure from the result files, no training')
    args = parser.parse_args()
    if not args.report_only:
        cells = [(agent, env) for env in args.envs for agent in args.agents]
        with ThreadPoolExecutor(args.jobs) as pool, tqdm(total=len(cells) * len(args.seeds), desc='runs') as bar:
            for agent, env in cells:  # written cell by cell: what is finished is kept
                done = []
                for result in pool.map(functools.partial(train, agent, env), args.seeds):
                    done.append(result)
                    bar.update()
                merge('learning.csv', [row for row, _ in done], AGENTS[agent][0], env)
                merge('curves.csv', [point for _, curve in done for point in curve], AGENTS[agent][0], env)
        report.write_rows(report.RESULTS / 'minimal.csv', [minimal([]), minimal(['--baseline', '0.1'])])
    write_report()


if __name__ == '__main__':
    main()
