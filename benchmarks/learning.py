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

import learning_figures
import learning_tables
import numpy as np
import report
from learning_cells import AGENTS, CELLS, CHAPTER, ENVS, between_tests, flags_of, reported, seeds_of

BINS = 40


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
    display = Display(list(todo), steps, schedule.start(runs=min(jobs, len(todo))))

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


def write_report():
    """Both READMEs' matrix and the figures, from the result files."""
    report.put('matrix', *learning_tables.matrix(reported()))
    learning_figures.draw_all()


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
