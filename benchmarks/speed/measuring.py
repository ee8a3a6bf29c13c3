"""Takes the measurements, each in a process of its own, and writes them to the result file."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.speed.cells import ALONE, BOOK, DEFAULT, LISTING, MEASUREMENTS, MINIMAL, OURS, PUREJAX, SB3, Measurement, key_of

from tqdm import tqdm

PEERS = report.ROOT / '.venv-peers' / 'bin' / 'python'
RESULTS = report.RESULTS / 'speed.csv'
OUR_THREADS = 2  # of compiled updates, and 2 more of EnvPool; Gymnasium's environments are stepped in one thread


def environment(threads):
    """The environment variables that give every library that computes here `threads` threads."""
    names = 'OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'NPROC'
    several = str(threads > 1).lower()
    return os.environ | dict.fromkeys(names, str(threads)) | {'XLA_FLAGS': f'--xla_cpu_multi_thread_eigen={several}'}


def peers_made_with():
    """`report.made_with` for the peers' virtual environment."""
    code = 'from importlib.metadata import distributions as d; print(*{f"{one.name}=={one.version}" for one in d()})'
    found = dict(one.split('==') for one in subprocess.check_output([PEERS, '-c', code], text=True).split())
    names = 'torch', 'stable_baselines3', 'sb3_contrib', 'sbx-rl', 'jax', 'flax', 'optax', 'gymnasium', 'mujoco', 'numpy'
    versions = {name: found[one] for name in names for one in (name, name.replace('_', '-')) if one in found}
    return report.made_with(report.provenance() | {'versions': versions})


def words_of(one):
    """The command that takes a measurement, and prints the steps per second as its last word."""
    if one.who in (OURS, ALONE):
        words = sys.executable, 'ours', *one[1:]
    elif one.who == LISTING:
        words = sys.executable, 'listing', one.what, one.steps
    elif one.who == PUREJAX:
        words = PEERS, 'purejax', one.num_envs, one.steps
    else:
        words = PEERS, 'peers', one.who, one.what, one.env, one.num_envs, one.engine, one.steps
    python, module, *arguments = map(str, words)
    return [python, '-m', f'benchmarks.speed.{module}', *arguments]


def measure(one, threads):
    """Steps per second of one measurement, and its peak memory in MB. `threads`: of a peer; None for what chooses itself."""
    printed, _, memory = finished(words_of(one), environment(threads) if threads else None)
    return float(printed.split()[-1]), memory


def finished(words, variables=None):
    """Runs a command: what it printed, the seconds it took, and the most memory that its process had at a time, in MB."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(words, cwd=report.ROOT, env=variables, stdout=printed, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        printed.seek(0)
        errors.seek(0)
        if process.returncode:
            raise SystemExit(f'{" ".join(map(str, words))} failed:\n{errors.read().decode()}')
        return printed.read().decode(), seconds, used.ru_maxrss / 1024


def cold_start(algorithm, *flags):
    """Runs `python ALGORITHM.py --train`: the steps/s it prints, the seconds it takes, its peak memory in MB, its return."""
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, f'{algorithm.lower()}.py', '--train', *flags, '--out', out]
        printed, seconds, memory = finished(words)
        record = json.loads(next(Path(out, 'image').glob('*/*.json')).read_text())
    rate = re.search(r'\(([\d,]+) steps/s\)', printed)[1].replace(',', '')
    return float(rate), seconds, memory, record['evaluation']['mean_return']


def minimal():
    """Seconds that pg_gaussian_minimal.py takes for 10,000 episodes: with compilation, without imports."""
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, 'pg_gaussian_minimal.py', '--train', '--out', out]
        done = subprocess.run(words, cwd=report.ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split('Running Time: ')[1].split()[0])


def row_of(one, threads, repeat, unit, value, reached=''):
    """A row of the result file, without the columns of `report.made_with`."""
    key = dict(repeat=repeat, **one._asdict(), threads=threads, unit=unit, value=round(value, 3), reached=reached)
    del key['steps']
    return key


def quicker(one):
    """Measures a peer with 1 and with 2 threads: the number with which it is faster, and the rows of both."""
    values = {threads: measure(one, threads)[0] for threads in (1, 2)}
    rows = [row_of(one, threads, '', 'steps/s, first pass', value) for threads, value in values.items()]
    return max(values, key=values.get), rows


def commands(only, repeat):
    """Rows of the default commands, the book's settings and the minimal agent: the speeds they print, the seconds they take."""
    for algorithm in ('PPO', 'TRPO'):
        if not only or 'cold start' in only:
            one = Measurement(OURS, algorithm, 'Pendulum-v1', 16, 'envpool', DEFAULT, 0)
            rate, seconds, memory, reached = cold_start(algorithm)
            yield row_of(one, OUR_THREADS, repeat, 'steps/s', rate)
            yield row_of(one, OUR_THREADS, repeat, 's', seconds, reached)
            yield row_of(one, OUR_THREADS, repeat, 'MB', memory)
            one = Measurement(OURS, algorithm, 'Pendulum-v1', 1, 'gymnasium', BOOK, 0)
            _, seconds, _, reached = cold_start(algorithm, '--book')
            yield row_of(one, OUR_THREADS, repeat, 's', seconds, reached)
    if not only or 'minimal' in only:
        yield row_of(Measurement(OURS, 'minimal', '', 1, '', MINIMAL, 0), OUR_THREADS, repeat, 's', minimal())


def measured(wanted, only, repeats):
    """The rows of all measurements: first those that choose each peer's threads, then everything in turn, `repeats` times."""
    rows, threads = [], {}
    for one in tqdm(wanted, desc='threads'):
        threads[one] = 1 if (one.who, one.engine) == (ALONE, 'gymnasium') else OUR_THREADS
        if one.who not in (OURS, ALONE):
            threads[one], found = quicker(one)
            rows += found
    for repeat in tqdm(range(repeats), desc='repeats'):
        for one in tqdm(wanted, leave=False):
            value, memory = measure(one, None if one.who in (OURS, ALONE) else threads[one])
            rows.append(row_of(one, threads[one], repeat, 'steps/s', value))
            if (one.who in SB3 and one.num_envs == 16 and one.env == 'Pendulum-v1') or one.what == 'SAC':
                rows.append(row_of(one, threads[one], repeat, 'MB', memory))
        rows += commands(only, repeat)
    ours_with, peers_with = report.made_with(), peers_made_with()
    return [row | (ours_with if row['who'] in (OURS, ALONE, LISTING) else peers_with) for row in rows]


def write_rows(rows):
    """Writes rows to the result file in the order of MEASUREMENTS. Rows of what was not measured this time stay."""
    new = {key_of(row) for row in rows}
    rows = rows + [row for row in report.read_rows(RESULTS) if key_of(row) not in new]
    order = {one[:6]: place for place, one in enumerate(MEASUREMENTS)}
    rows.sort(key=lambda row: (int(row['repeat'] or -1), order.get(key_of(row), len(order))))
    report.write_rows(RESULTS, rows)
