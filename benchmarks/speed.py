"""Training speed on Pendulum-v1 beside the peers', interleaved in one run; writes the README's table.

    make bench   or   python benchmarks/speed.py --repeats 5

Both sides train for real (acting, learning, logging; ours checkpoints too) and are measured after the first batches, with
compilation behind them. PPO: 64-64 networks, batches of 4096 steps, 10 epochs, minibatches of 256. TRPO: batches of 2048,
10 conjugate gradient iterations, 20 critic passes in minibatches of 128. Then `python ppo.py --train` from a cold start,
and the 10,000 episodes of the minimal Gaussian agent. Run it on an idle machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import report
from tqdm import tqdm

PEERS = report.ROOT / '.venv-peers' / 'bin' / 'python'
PPO = ['--rollout-steps', '4096', '--epochs', '10', '--minibatch-size', '256', '--no-anneal']
TRPO = ['--rollout-steps', '2048', '--cg-iters', '10', '--train-v-iters', '20', '--minibatch-size', '128']
MEASUREMENTS = [  # who, algorithm, environments, steps measured
    ('this project', 'PPO', 1, 40_960),
    ('stable-baselines3', 'PPO', 1, 16_384),
    ('sbx', 'PPO', 1, 16_384),
    ('this project', 'PPO', 16, 409_600),
    ('stable-baselines3', 'PPO', 16, 40_960),
    ('sbx', 'PPO', 16, 40_960),
    ('this project', 'PPO', 64, 819_200),
    ('stable-baselines3', 'PPO', 64, 40_960),
    ('sbx', 'PPO', 64, 40_960),
    ('this project', 'TRPO', 16, 204_800),
    ('sb3-contrib', 'TRPO', 16, 40_960),
]


def ours(algorithm, num_envs, steps):
    """Steps per second of this project's own training command, from its third update on."""
    sys.path.insert(0, str(report.ROOT))
    import ppo
    import trpo
    from common import cli
    from common.run import Run

    agent, flags = {'PPO': (ppo, PPO), 'TRPO': (trpo, TRPO)}[algorithm]
    clock, original = [], Run.end_update

    def end_update(run, state, losses):
        state = original(run, state, losses)
        clock.append((run.steps, time.perf_counter()))
        return state

    Run.end_update = end_update
    with tempfile.TemporaryDirectory() as out:
        argv = ['--train', '--num-envs', str(num_envs), '--steps', str(steps + 8192), '--out', out, *flags]
        agent.train(*cli.parse(agent.__doc__, agent.Settings, agent.PRESETS, argv))
    (first_steps, first), (last_steps, last) = clock[1], clock[-1]
    return (last_steps - first_steps) / (last - first)


def measure(who, algorithm, num_envs, steps):
    """One measurement in a process of its own."""
    if who == 'this project':
        words = [sys.executable, __file__, '--worker', algorithm, num_envs, steps]
    else:
        words = [PEERS, 'benchmarks/peers.py', who, algorithm, num_envs, steps]
    done = subprocess.run([str(word) for word in words], cwd=report.ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'{who} {algorithm} failed:\n{done.stderr}')
    return float(done.stdout.split()[-1])


def cold_start():
    """Seconds of `python ppo.py --train`, imports, compilation, evaluation and files included, and the return it reached."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        words = [sys.executable, 'ppo.py', '--train', '--out', out]
        subprocess.run(words, cwd=report.ROOT, capture_output=True, check=True)
        seconds = time.perf_counter() - started
        record = json.loads(next(Path(out, 'image').glob('*.json')).read_text())
        return seconds, record['evaluation']['mean_return']


def minimal():
    """Seconds of 10,000 episodes of pg_gaussian_minimal.py after imports, compilation included."""
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, 'pg_gaussian_minimal.py', '--train', '--out', out]
        done = subprocess.run(words, cwd=report.ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split('Running Time: ')[1].split()[0]), ''


def rows_of_table(rows, own_name):
    """The lines of the Markdown table: median and range, and the median as a multiple of stable-baselines3's."""
    found = {}
    for row in rows:
        if row['unit'] == 'steps/s':
            found.setdefault((row['who'], row['what'], int(row['num_envs'])), []).append(float(row['value']))
    sb3 = {key[1:]: np.median(values) for key, values in found.items() if key[0] in ('stable-baselines3', 'sb3-contrib')}
    lines = []
    for (who, what, num_envs), values in found.items():
        middle, best = np.median(values), max(value for key, value in sb3.items() if key[0] == what)
        name = f'**{own_name}**' if who == 'this project' else who
        spread = f'{min(values):,.0f} - {max(values):,.0f}'
        ratios = f'{middle / sb3[what, num_envs]:.1f}', f'{middle / best:.1f}'
        lines.append([what, num_envs, name, f'{middle:,.0f}', spread, *ratios])
    return lines


def rows_of_seconds(rows, labels):
    """The lines of the second table: median and range in seconds, and the worst return where one is reached."""
    lines = []
    for what, label in labels.items():
        values = [float(row['value']) for row in rows if row['what'] == what]
        reached = [float(row['reached']) for row in rows if row['what'] == what and row['reached']]
        spread = f'{min(values):.1f} - {max(values):.1f}'
        lines.append([label, f'{np.median(values):.1f}', spread, f'{min(reached):.1f}' if reached else ''])
    return lines


ENGLISH = (
    'this project',
    ['algorithm', 'envs', 'who', 'steps/s (median)', 'range', 'times SB3, equal envs', "times SB3's best"],
    ['seconds', 'median', 'range', 'greedy return'],
    {
        'cold start': '`python ppo.py --train` from a cold start: imports, compilation, training, evaluation, files',
        'minimal': '10,000 episodes of `pg_gaussian_minimal.py`, compilation included, imports not',
    },
)
CHINESE = (
    '本项目',
    ['算法', '环境数', '实现', '步/秒（中位数）', '范围', '相对 SB3（同环境数）', '相对 SB3 最快者'],
    ['秒', '中位数', '范围', '贪心回报'],
    {
        'cold start': '`python ppo.py --train` 冷启动：含导入、编译、训练、评估与保存',
        'minimal': '`pg_gaussian_minimal.py` 的 10,000 局：含编译，不含导入',
    },
)


def write_report():
    """Both READMEs' tables from the result file."""
    rows = report.read_rows(report.RESULTS / 'speed.csv')
    texts = []
    for own_name, header, header_of_seconds, labels in (ENGLISH, CHINESE):
        steps = report.table(header, rows_of_table(rows, own_name))
        texts.append(steps + '\n\n' + report.table(header_of_seconds, rows_of_seconds(rows, labels)))
    report.put('speed', *texts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--report-only', action='store_true', help='tables from the result file, nothing is measured')
    parser.add_argument('--worker', nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        algorithm, num_envs, steps = args.worker
        print(ours(algorithm, int(num_envs), int(steps)))
        return
    if not args.report_only:
        rows = []
        for repeat in tqdm(range(args.repeats), desc='repeats'):
            for who, algorithm, num_envs, steps in tqdm(MEASUREMENTS, leave=False):
                value = measure(who, algorithm, num_envs, steps)
                rows.append(
                    dict(repeat=repeat, who=who, what=algorithm, num_envs=num_envs, unit='steps/s', value=round(value, 1))
                    | dict(reached='')
                )
            for what, (seconds, reached) in (('cold start', cold_start()), ('minimal', minimal())):
                rows.append(
                    dict(repeat=repeat, who='this project', what=what, num_envs=0, unit='s', value=round(seconds, 3))
                    | dict(reached=reached)
                )
        report.write_rows(report.RESULTS / 'speed.csv', rows)
        print(f'{os.cpu_count()} cores')
    write_report()


if __name__ == '__main__':
    main()
