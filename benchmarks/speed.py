"""Training speed beside the peers' and the book's listings', interleaved in one run; writes what the READMEs claim.

    make bench   or   python benchmarks/speed.py --repeats 5

Every side trains for real (acting, learning, logging; ours checkpoints too, and normalises on HalfCheetah and, of TRPO, on
Pendulum) and is measured after the first batches, with compilation behind it. On all sides the same networks (64-64 tanh, SAC's
256-256 ReLU), batches and numbers of updates, which the rows name as their schedule: so many steps a batch, passes over it and
steps a minibatch.

As each comes, this project has EnvPool's environments and the peers have Gymnasium's, one after the other in one process, which
is faster here than a process for each. With the same engine, ours has Gymnasium's, too. PureJaxRL has compiled its own in. Each
peer is first measured with one thread and with two, and then with what served it better.

The book's listings are `listing.py`. Beside them stand this project with their settings and what the default commands say of
themselves at their end, compilation included. Then what the environments alone do, the default commands and the book's whole,
and the 10,000 episodes of the minimal Gaussian agent. Run it on an idle machine.
"""

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import report
import speed_tables
from speed_tables import (
    A2C,
    ALONE,
    BOOK,
    DEFAULT,
    LARGE,
    LISTING,
    MINIMAL,
    OURS,
    PPO_CHEETAH,
    PPO_PENDULUM,
    PUREJAX,
    SAC,
    TRPO,
    key_of,
)
from tqdm import tqdm

PEERS = report.ROOT / '.venv-peers' / 'bin' / 'python'
RESULTS = report.RESULTS / 'speed.csv'
OUR_THREADS = 2  # for compiled updates, and apart from them for EnvPool; Gymnasium's environments are stepped in one

FLAGS = {  # of this project's agents, by algorithm and schedule
    ('PPO', PPO_PENDULUM): '--batch-steps 4096 --epochs 10 --minibatch-size 256 --no-anneal --activation tanh',
    ('PPO', PPO_CHEETAH): '--batch-steps 2048 --epochs 10 --minibatch-size 64',
    ('TRPO', TRPO): '--batch-steps 2048 --cg-iters 10 --critic-epochs 20 --minibatch-size 128 --activation tanh',
    ('A2C', A2C): '--batch-steps 80 --max-grad-norm 0.5 --critic-epochs 1',
    ('A2C', LARGE): '--batch-steps 1024 --max-grad-norm 0.5 --critic-epochs 1',
    ('ACKTR', A2C): '--batch-steps 80',
    ('ACKTR', LARGE): '--batch-steps 1024',
    ('SAC', SAC): '--start-steps 500 --hidden 256 256 --minibatch-size 256 --batch-steps 16 --updates-per-step 1',
    ('PPO', BOOK): '--book',
    ('TRPO', BOOK): '--book',
}


class Measurement(NamedTuple):
    """What is measured: steps per second of `steps` environment steps."""

    who: str
    what: str
    env: str
    num_envs: int
    engine: str
    schedule: str
    steps: int


MEASUREMENTS = [
    Measurement(OURS, 'PPO', 'Pendulum-v1', 1, 'gymnasium', PPO_PENDULUM, 61_440),
    Measurement('stable-baselines3', 'PPO', 'Pendulum-v1', 1, 'gymnasium', PPO_PENDULUM, 8192),
    Measurement('sbx', 'PPO', 'Pendulum-v1', 1, 'gymnasium', PPO_PENDULUM, 8192),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 16, 'envpool', PPO_PENDULUM, 204_800),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 16, 'gymnasium', PPO_PENDULUM, 102_400),
    Measurement('stable-baselines3', 'PPO', 'Pendulum-v1', 16, 'gymnasium', PPO_PENDULUM, 20_480),
    Measurement('sbx', 'PPO', 'Pendulum-v1', 16, 'gymnasium', PPO_PENDULUM, 32_768),
    Measurement(PUREJAX, 'PPO', 'Pendulum-v1', 16, 'compiled in', PPO_PENDULUM, 204_800),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 64, 'envpool', PPO_PENDULUM, 286_720),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 64, 'gymnasium', PPO_PENDULUM, 102_400),
    Measurement('stable-baselines3', 'PPO', 'Pendulum-v1', 64, 'gymnasium', PPO_PENDULUM, 24_576),
    Measurement('sbx', 'PPO', 'Pendulum-v1', 64, 'gymnasium', PPO_PENDULUM, 49_152),
    Measurement(PUREJAX, 'PPO', 'Pendulum-v1', 64, 'compiled in', PPO_PENDULUM, 204_800),
    Measurement(OURS, 'TRPO', 'Pendulum-v1', 16, 'envpool', TRPO, 143_360),
    Measurement(OURS, 'TRPO', 'Pendulum-v1', 16, 'gymnasium', TRPO, 81_920),
    Measurement('sb3-contrib', 'TRPO', 'Pendulum-v1', 16, 'gymnasium', TRPO, 14_336),
    Measurement(OURS, 'PPO', 'HalfCheetah-v4', 16, 'envpool', PPO_CHEETAH, 53_248),
    Measurement(OURS, 'PPO', 'HalfCheetah-v4', 16, 'gymnasium', PPO_CHEETAH, 32_768),
    Measurement('stable-baselines3', 'PPO', 'HalfCheetah-v4', 16, 'gymnasium', PPO_CHEETAH, 6144),
    Measurement('sbx', 'PPO', 'HalfCheetah-v4', 16, 'gymnasium', PPO_CHEETAH, 12_288),
    Measurement(OURS, 'TRPO', 'HalfCheetah-v4', 16, 'envpool', TRPO, 49_152),
    Measurement(OURS, 'TRPO', 'HalfCheetah-v4', 16, 'gymnasium', TRPO, 32_768),
    Measurement('sb3-contrib', 'TRPO', 'HalfCheetah-v4', 16, 'gymnasium', TRPO, 10_240),
    Measurement(OURS, 'A2C', 'HalfCheetah-v4', 16, 'envpool', A2C, 48_000),
    Measurement(OURS, 'A2C', 'HalfCheetah-v4', 16, 'gymnasium', A2C, 32_000),
    Measurement('stable-baselines3', 'A2C', 'HalfCheetah-v4', 16, 'gymnasium', A2C, 20_000),
    Measurement(OURS, 'ACKTR', 'HalfCheetah-v4', 16, 'envpool', A2C, 32_000),
    Measurement(OURS, 'A2C', 'HalfCheetah-v4', 16, 'envpool', LARGE, 65_536),
    Measurement(OURS, 'ACKTR', 'HalfCheetah-v4', 16, 'envpool', LARGE, 53_248),
    Measurement(OURS, 'SAC', 'HalfCheetah-v4', 1, 'gymnasium', SAC, 640),
    Measurement('stable-baselines3', 'SAC', 'HalfCheetah-v4', 1, 'gymnasium', SAC, 320),
    Measurement('sbx', 'SAC', 'HalfCheetah-v4', 1, 'gymnasium', SAC, 480),
    Measurement(ALONE, 'random actions', 'HalfCheetah-v4', 16, 'envpool', '', 98_304),
    Measurement(ALONE, 'random actions', 'HalfCheetah-v4', 16, 'gymnasium', '', 49_152),
    Measurement(LISTING, 'PPO', 'Pendulum-v1', 1, 'gymnasium', BOOK, 960),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 1, 'gymnasium', BOOK, 16_384),
    Measurement(LISTING, 'TRPO', 'Pendulum-v1', 1, 'gymnasium', BOOK, 1536),
    Measurement(OURS, 'TRPO', 'Pendulum-v1', 1, 'gymnasium', BOOK, 24_576),
]


def environment(threads):
    """The environment variables under which every library that computes here starts `threads` threads."""
    names = 'OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'NPROC'
    several = str(threads > 1).lower()
    return os.environ | dict.fromkeys(names, str(threads)) | {'XLA_FLAGS': f'--xla_cpu_multi_thread_eigen={several}'}


def peers_made_with():
    """`report.made_with` of the peers' virtual environment."""
    code = 'from importlib.metadata import distributions as d; print(*{f"{one.name}=={one.version}" for one in d()})'
    found = dict(one.split('==') for one in subprocess.check_output([PEERS, '-c', code], text=True).split())
    names = 'torch', 'stable_baselines3', 'sb3_contrib', 'sbx-rl', 'jax', 'flax', 'optax', 'gymnasium', 'mujoco', 'numpy'
    versions = {name: found[one] for name in names for one in (name, name.replace('_', '-')) if one in found}
    return report.made_with(report.provenance() | {'versions': versions})


def ours(algorithm, env, num_envs, engine, schedule, steps):
    """Steps per second of this project's own training command, with its compilation behind it."""
    sys.path.insert(0, str(report.ROOT))
    from common.running import command_line
    from common.running.run import Run

    agent = importlib.import_module(algorithm.lower())
    clock, original = [], Run.end_update

    def end_update(run, losses):
        original(run, losses)
        clock.append((run.steps, time.perf_counter()))

    Run.end_update = end_update
    warm = 608 if algorithm == 'SAC' else 8192
    with tempfile.TemporaryDirectory() as out:
        argv = ['--train', '--env', env, '--num-envs', num_envs, '--engine', engine, '--steps', steps + warm]
        argv += ['--episodes', 1, '--out', out, *FLAGS[algorithm, schedule].split()]
        options, settings = command_line.parse(agent.__doc__, agent.Settings, agent.PRESETS, list(map(str, argv)))
        agent.train(options.env, settings, **command_line.of_training(options))
    first_steps, first = next(point for point in clock if point[0] >= warm)
    last_steps, last = clock[-1]
    return (last_steps - first_steps) / (last - first)


def environments_alone(env, num_envs, engine, steps):
    """Steps per second of the environments stepped with random actions and nothing else."""
    sys.path.insert(0, str(report.ROOT))
    from common.envs import make_envs

    envs = make_envs(env, num_envs, engine)
    envs.reset(0)
    actions = np.random.default_rng(0).uniform(-1, 1, (100, num_envs, envs.action_dim)).astype(np.float32)
    started = time.perf_counter()
    for step in range(steps // num_envs):
        envs.step(actions[step % len(actions)])
    return steps / (time.perf_counter() - started)


def measure(one, threads):
    """Steps per second of one measurement, in a process of its own; `threads` are a peer's, '' of what has its own way."""
    if one.who in (OURS, ALONE):
        words = [sys.executable, __file__, '--worker', *one[1:]]
    elif one.who == LISTING:
        words = [sys.executable, 'benchmarks/listing.py', one.what, one.steps]
    elif one.who == PUREJAX:
        words = [PEERS, 'benchmarks/purejax.py', one.num_envs, one.steps]
    else:
        words = [PEERS, 'benchmarks/peers.py', one.who, one.what, one.env, one.num_envs, one.steps]
    variables = environment(threads) if threads else None
    done = subprocess.run([str(word) for word in words], cwd=report.ROOT, env=variables, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'{one.who} {one.what} failed:\n{done.stderr}')
    return float(done.stdout.split()[-1])


def cold_start(algorithm, *flags):
    """Of `python ALGORITHM.py --train`: the steps/s it prints, the seconds of all it does, the return it reached."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        words = [sys.executable, f'{algorithm.lower()}.py', '--train', *flags, '--out', out]
        done = subprocess.run(words, cwd=report.ROOT, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - started
        record = json.loads(next(Path(out, 'image').glob('*/*.json')).read_text())
    rate = re.search(r'\(([\d,]+) steps/s\)', done.stdout)[1].replace(',', '')
    return float(rate), seconds, record['evaluation']['mean_return']


def minimal():
    """Seconds of 10,000 episodes of pg_gaussian_minimal.py after imports, compilation included."""
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, 'pg_gaussian_minimal.py', '--train', '--out', out]
        done = subprocess.run(words, cwd=report.ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split('Running Time: ')[1].split()[0])


def row_of(one, threads, repeat, unit, value, reached=''):
    """A row of the result file, but for what it was made with."""
    key = dict(repeat=repeat, **one._asdict(), threads=threads, unit=unit, value=round(value, 3), reached=reached)
    del key['steps']
    return key


def quicker(one):
    """The number of threads, 1 or 2, with which a peer is the quicker, and the rows of what was measured to find it."""
    values = {threads: measure(one, threads) for threads in (1, 2)}
    rows = [row_of(one, threads, '', 'steps/s, first pass', value) for threads, value in values.items()]
    return max(values, key=values.get), rows


def commands(only, repeat):
    """Rows of the default commands, the book's and the minimal agent: what they print, and the seconds they take."""
    for algorithm in ('PPO', 'TRPO'):
        if not only or 'cold start' in only:
            one = Measurement(OURS, algorithm, 'Pendulum-v1', 16, 'envpool', DEFAULT, 0)
            rate, seconds, reached = cold_start(algorithm)
            yield row_of(one, OUR_THREADS, repeat, 'steps/s', rate)
            yield row_of(one, OUR_THREADS, repeat, 's', seconds, reached)
            one = Measurement(OURS, algorithm, 'Pendulum-v1', 1, 'gymnasium', BOOK, 0)
            yield row_of(one, OUR_THREADS, repeat, 's', *cold_start(algorithm, '--book')[1:])
    if not only or 'minimal' in only:
        yield row_of(Measurement(OURS, 'minimal', '', 1, '', MINIMAL, 0), OUR_THREADS, repeat, 's', minimal())


def measured(wanted, only, repeats):
    """All rows: first each peer's number of threads, then `repeats` times everything in turn."""
    rows, threads = [], {}
    for one in tqdm(wanted, desc='threads'):
        threads[one] = 1 if (one.who, one.engine) == (ALONE, 'gymnasium') else OUR_THREADS
        if one.who not in (OURS, ALONE):
            threads[one], found = quicker(one)
            rows += found
    for repeat in tqdm(range(repeats), desc='repeats'):
        for one in tqdm(wanted, leave=False):
            value = measure(one, None if one.who in (OURS, ALONE) else threads[one])
            rows.append(row_of(one, threads[one], repeat, 'steps/s', value))
        rows += commands(only, repeat)
    ours_with, peers_with = report.made_with(), peers_made_with()
    return [row | (ours_with if row['who'] in (OURS, ALONE, LISTING) else peers_with) for row in rows]


def write_rows(rows):
    """Writes rows in the order of MEASUREMENTS; what the result file has beyond them stays in it."""
    new = {key_of(row) for row in rows}
    rows = rows + [row for row in report.read_rows(RESULTS) if key_of(row) not in new]
    order = {one[:6]: place for place, one in enumerate(MEASUREMENTS)}
    rows.sort(key=lambda row: (int(row['repeat'] or -1), order.get(key_of(row), len(order))))
    report.write_rows(RESULTS, rows)


def write_report():
    """What both READMEs claim, from the result file."""
    report.put('speed-claim', *speed_tables.texts(report.read_rows(RESULTS))['speed-claim'])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--report-only', action='store_true', help='what the READMEs claim, nothing is measured')
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME', help='measure these algorithms or environments alone')
    parser.add_argument('--worker', nargs=6, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        what, env, num_envs, engine, schedule, steps = args.worker
        if what == 'random actions':
            print(environments_alone(env, int(num_envs), engine, int(steps)))
        else:
            print(ours(what, env, int(num_envs), engine, schedule, int(steps)))
        return
    if not args.report_only:
        wanted = [one for one in MEASUREMENTS if not args.only or {one.what, one.env} & set(args.only)]
        write_rows(measured(wanted, args.only, args.repeats))
        print(f'{os.cpu_count()} cores')
    write_report()


if __name__ == '__main__':
    main()
