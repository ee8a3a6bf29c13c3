"""Training the cells over their seeds, and writing what each run reached to the result files."""

import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.learning.cells import AGENTS, CHAPTER, ENVS, between_tests, flags_of

import numpy as np

POINTS = 40  # of a learning curve in the result file


def folder_of(agent, env, seed):
    """The folder of a run's files."""
    return report.ROOT / 'results' / 'learning' / agent / env.replace(', not ', '-not-') / str(seed)


def train(runs, jobs, resume):
    """Trains runs, (agent, env, seed) each, `jobs` at a time. The result files get each run's rows as soon as it ends.

    With `resume` the runs continue from their last checkpoints; otherwise they start again. Where runs fail, the others go on,
    and SystemExit at the end names the failed commands.
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
    """Writes the row and the learning curve of the run under `out` to the result files."""
    name = AGENTS[agent][0]
    image = str(next(out.glob('image/*/*.json'))).removesuffix('.json')
    record = json.loads(Path(f'{image}.json').read_text())
    episodes = report.read_rows(f'{image}.csv')
    tests = report.read_rows(f'{image}.test.csv') if env in CHAPTER else []
    key = dict(agent=name, env=env, seed=seed)
    row = key | dict(steps=record['steps'], seconds=record['seconds'])
    row |= record['evaluation'] | dict(command=command) | report.made_with(record)
    steps = np.array([int(episode['steps']) for episode in episodes])
    returns = np.array([float(episode['episode_return']) for episode in episodes])
    edges = np.linspace(0, record['settings']['steps'], POINTS + 1)
    curve = []
    for low, high in itertools.pairwise(edges):
        inside = returns[(steps > low) & (steps <= high)]
        if len(inside):
            curve.append(key | dict(kind='training', steps=round(high), mean_return=round(float(inside.mean()), 4)))
    for test in tests:  # a test comes with the first batch that ends past a multiple, which differs between seeds: round down
        steps = int(test['steps']) // between_tests(agent) * between_tests(agent)
        curve.append(key | dict(kind='test', steps=steps, mean_return=round(float(test['mean_return']), 4)))
    merge('learning.csv', [row])
    merge('curves.csv', curve)


def minimal(flags):
    """Trains the minimal Gaussian agent on a hundred seeds that no setting was chosen on; returns the result file's row."""
    words = ['pg_gaussian_minimal.py', '--train', '--seed', '1000', '--seeds', '100', *flags]
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, *words, '--out', out]
        done = subprocess.run(command, cwd=report.ROOT, capture_output=True, text=True, check=True)
    count, seeds = re.search(r'^(\d+) of (\d+) seeds', done.stdout, re.M).groups()
    return dict(seeds=seeds, solved=count, command=f'python {" ".join(words)}') | report.made_with()


def merge(file, new):
    """Adds rows to a result file, and removes older rows of the same agent, environment and seed."""
    path = report.RESULTS / file
    agents, envs = [name for name, *_ in AGENTS.values()], list(ENVS)
    place = lambda row: (envs.index(row['env']), agents.index(row['agent']), int(row['seed']))  # noqa: E731
    replaced = {place(row) for row in new}
    kept = report.read_rows(path) if path.exists() else []
    report.write_rows(path, sorted([row for row in kept if place(row) not in replaced] + new, key=place))
