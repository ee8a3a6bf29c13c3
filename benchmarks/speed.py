"""Training speed beside the peers', interleaved in one run; writes the README's tables.

    make bench   or   python benchmarks/speed.py --repeats 5

Both sides train for real (acting, learning, logging; ours checkpoints too, and on HalfCheetah normalises) and are measured
after the first batches, with compilation behind them. The same networks, batches and numbers of updates on both sides:

Pendulum-v1: PPO with batches of 4096 steps, 10 epochs, minibatches of 256.
HalfCheetah-v4: PPO with batches of 2048 steps, 10 epochs, minibatches of 64; A2C with 5 steps of 16 environments, gradients
clipped; ACKTR with the same batches as A2C, and with its own; SAC with one update of 256 transitions a step.
Both: TRPO with batches of 2048, 10 conjugate gradient iterations, 20 critic passes in minibatches of 128. Networks are 64-64,
SAC's 256-256.

Then what the environment alone does, the cold start of `python ppo.py --train`, and the 10,000 episodes of the minimal
Gaussian agent. Run it on an idle machine.
"""

import argparse
import importlib
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
TRPO = ['--rollout-steps', '2048', '--cg-iters', '10', '--train-v-iters', '20', '--minibatch-size', '128']
FLAGS = {  # of this project's agents; what a name has behind a comma tells its variants apart
    ('PPO', 'Pendulum-v1'): ['--rollout-steps', '4096', '--epochs', '10', '--minibatch-size', '256', '--no-anneal'],
    ('TRPO', 'Pendulum-v1'): TRPO,
    ('PPO', 'HalfCheetah-v4'): ['--rollout-steps', '2048', '--epochs', '10', '--minibatch-size', '64'],
    ('TRPO', 'HalfCheetah-v4'): TRPO,
    ('A2C', 'HalfCheetah-v4'): ['--rollout-steps', '80', '--max-grad-norm', '0.5'],
    ('ACKTR, batch 80', 'HalfCheetah-v4'): ['--rollout-steps', '80'],
    ('A2C, batch 1024', 'HalfCheetah-v4'): ['--rollout-steps', '1024', '--max-grad-norm', '0.5'],
    ('ACKTR, batch 1024', 'HalfCheetah-v4'): ['--rollout-steps', '1024'],
    ('SAC', 'HalfCheetah-v4'): ['--start-steps', '500', '--hidden', '256', '256', '--batch-size', '256'],
}
MEASUREMENTS = [  # who, algorithm, environment, environments side by side, steps measured
    ('this project', 'PPO', 'Pendulum-v1', 1, 40_960),
    ('stable-baselines3', 'PPO', 'Pendulum-v1', 1, 16_384),
    ('sbx', 'PPO', 'Pendulum-v1', 1, 16_384),
    ('this project', 'PPO', 'Pendulum-v1', 16, 409_600),
    ('stable-baselines3', 'PPO', 'Pendulum-v1', 16, 40_960),
    ('sbx', 'PPO', 'Pendulum-v1', 16, 40_960),
    ('this project', 'PPO', 'Pendulum-v1', 64, 819_200),
    ('stable-baselines3', 'PPO', 'Pendulum-v1', 64, 40_960),
    ('sbx', 'PPO', 'Pendulum-v1', 64, 40_960),
    ('this project', 'TRPO', 'Pendulum-v1', 16, 204_800),
    ('sb3-contrib', 'TRPO', 'Pendulum-v1', 16, 40_960),
    ('this project', 'A2C', 'HalfCheetah-v4', 16, 160_000),
    ('stable-baselines3', 'A2C', 'HalfCheetah-v4', 16, 40_000),
    ('this project', 'PPO', 'HalfCheetah-v4', 16, 163_840),
    ('stable-baselines3', 'PPO', 'HalfCheetah-v4', 16, 20_480),
    ('this project', 'TRPO', 'HalfCheetah-v4', 16, 163_840),
    ('sb3-contrib', 'TRPO', 'HalfCheetah-v4', 16, 40_960),
    ('this project', 'ACKTR, batch 80', 'HalfCheetah-v4', 16, 80_000),
    ('this project', 'A2C, batch 1024', 'HalfCheetah-v4', 16, 163_840),
    ('this project', 'ACKTR, batch 1024', 'HalfCheetah-v4', 16, 163_840),
    ('this project', 'SAC', 'HalfCheetah-v4', 1, 3000),
    ('stable-baselines3', 'SAC', 'HalfCheetah-v4', 1, 1500),
    ('sbx', 'SAC', 'HalfCheetah-v4', 1, 2000),
    ('EnvPool alone', 'random actions', 'HalfCheetah-v4', 16, 160_000),
]


OURS = 'this project', 'EnvPool alone'  # what runs in this virtual environment


def peers_made_with():
    """`report.made_with` of the peers' virtual environment."""
    code = 'from importlib.metadata import distributions as d; print(*{f"{one.name}=={one.version}" for one in d()})'
    found = dict(one.split('==') for one in subprocess.check_output([PEERS, '-c', code], text=True).split())
    names = 'torch', 'stable_baselines3', 'sb3_contrib', 'sbx-rl', 'jax', 'gymnasium', 'mujoco', 'numpy'
    versions = {name: found[one] for name in names for one in (name, name.replace('_', '-')) if one in found}
    return report.made_with(report.provenance() | {'versions': versions})


def ours(algorithm, env, num_envs, steps):
    """Steps per second of this project's own training command, with its compilation behind it."""
    sys.path.insert(0, str(report.ROOT))
    from common import cli
    from common.run import Run

    agent = importlib.import_module(algorithm.split(',')[0].lower())
    clock, original = [], Run.end_update

    def end_update(run, losses):
        original(run, losses)
        clock.append((run.steps, time.perf_counter()))

    Run.end_update = end_update
    warm = 1000 if algorithm == 'SAC' else 8192
    with tempfile.TemporaryDirectory() as out:
        argv = ['--train', '--env', env, '--num-envs', num_envs, '--steps', steps + warm, '--episodes', 1, '--out', out]
        argv = [str(word) for word in argv + FLAGS[algorithm, env]]
        options, settings = cli.parse(agent.__doc__, agent.Settings, agent.PRESETS, argv)
        agent.train(options.env, settings, **cli.of_training(options))
    first_steps, first = next(point for point in clock if point[0] >= warm)
    last_steps, last = clock[-1]
    return (last_steps - first_steps) / (last - first)


def environment_alone(env, num_envs, steps):
    """Steps per second of the environments stepped with random actions and nothing else."""
    sys.path.insert(0, str(report.ROOT))
    from common.envs import make_envs

    envs = make_envs(env, num_envs, 'envpool')
    envs.reset(0)
    actions = np.random.default_rng(0).uniform(-1, 1, (100, num_envs, envs.action_dim)).astype(np.float32)
    started = time.perf_counter()
    for step in range(steps // num_envs):
        envs.step(actions[step % len(actions)])
    return steps / (time.perf_counter() - started)


def measure(who, algorithm, env, num_envs, steps):
    """One measurement in a process of its own."""
    if who in OURS:
        words = [sys.executable, __file__, '--worker', algorithm, env, num_envs, steps]
    else:
        words = [PEERS, 'benchmarks/peers.py', who, algorithm, env, num_envs, steps]
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
        record = json.loads(next(Path(out, 'image').glob('*/*.json')).read_text())
        return seconds, record['evaluation']['mean_return']


def minimal():
    """Seconds of 10,000 episodes of pg_gaussian_minimal.py after imports, compilation included."""
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, 'pg_gaussian_minimal.py', '--train', '--out', out]
        done = subprocess.run(words, cwd=report.ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split('Running Time: ')[1].split()[0]), ''


def medians(rows):
    """Of each (who, algorithm, environment, number of environments) the median, smallest and largest steps/s."""
    found = {}
    for row in rows:
        if row['unit'] == 'steps/s':
            found.setdefault((row['who'], row['what'], row['env'], int(row['num_envs'])), []).append(float(row['value']))
    return {key: (np.median(values), min(values), max(values)) for key, values in found.items()}


def rows_of_table(rows, own_name):
    """The lines of the Markdown table: median and range, and the median as a multiple of stable-baselines3's."""
    found = medians(rows)
    sb3 = {key[1:]: middle for key, (middle, *_) in found.items() if key[0] in ('stable-baselines3', 'sb3-contrib')}
    alone = {key[2:]: middle for key, (middle, *_) in found.items() if key[0] == 'EnvPool alone'}
    lines = []
    for (who, what, env, num_envs), (middle, low, high) in found.items():
        name = f'**{own_name}**' if who == 'this project' else who
        peers = [value for key, value in sb3.items() if key[:2] == (what, env)]
        equal = f'{middle / sb3[what, env, num_envs]:.1f}' if (what, env, num_envs) in sb3 else ''
        best = f'{middle / max(peers):.1f}' if peers else ''
        share = f'{middle / alone[env, num_envs]:.0%}' if (env, num_envs) in alone else ''
        lines.append([env, what, num_envs, name, f'{middle:,.0f}', f'{low:,.0f} - {high:,.0f}', equal, best, share])
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
    [
        'environment',
        'algorithm',
        'envs',
        'who',
        'steps/s (median)',
        'range',
        'times SB3, equal envs',
        "times SB3's best",
        "of the environment's own",
    ],
    ['seconds', 'median', 'range', 'greedy return'],
    {
        'cold start': '`python ppo.py --train` from a cold start: imports, compilation, training, evaluation, files',
        'minimal': '10,000 episodes of `pg_gaussian_minimal.py`, compilation included, imports not',
    },
)
CHINESE = (
    '本项目',
    ['环境', '算法', '环境数', '实现', '步/秒（中位数）', '范围', '相对 SB3（同环境数）', '相对 SB3 最快者', '占环境自身速度'],
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
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME', help='measure these algorithms or environments alone')
    parser.add_argument('--worker', nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        algorithm, env, num_envs, steps = args.worker
        if algorithm == 'random actions':
            print(environment_alone(env, int(num_envs), int(steps)))
        else:
            print(ours(algorithm, env, int(num_envs), int(steps)))
        return
    if not args.report_only:
        wanted = [one for one in MEASUREMENTS if not args.only or {one[1].split(',')[0], one[2]} & set(args.only)]
        timed = {'cold start': cold_start, 'minimal': minimal}
        timed = {what: function for what, function in timed.items() if not args.only or what in args.only}
        rows, ours_with, peers_with = [], report.made_with(), peers_made_with()
        for repeat in tqdm(range(args.repeats), desc='repeats'):
            for who, algorithm, env, num_envs, steps in tqdm(wanted, leave=False):
                value = round(measure(who, algorithm, env, num_envs, steps), 1)
                key = dict(repeat=repeat, who=who, what=algorithm, env=env, num_envs=num_envs)
                made_with = ours_with if who in OURS else peers_with
                rows.append(key | dict(unit='steps/s', value=value, reached='') | made_with)
            for what, function in timed.items():
                seconds, reached = function()
                key = dict(repeat=repeat, who='this project', what=what, env='', num_envs=0)
                rows.append(key | dict(unit='s', value=round(seconds, 3), reached=reached) | ours_with)
        path = report.RESULTS / 'speed.csv'
        measured = {_key(row) for row in rows}
        rows += [row for row in report.read_rows(path) if _key(row) not in measured]
        order = [one[:4] for one in MEASUREMENTS]
        place = lambda row: order.index(_key(row)) if _key(row) in order else len(order)  # noqa: E731
        report.write_rows(path, sorted(rows, key=lambda row: (int(row['repeat']), place(row))))
        print(f'{os.cpu_count()} cores')
    write_report()


def _key(row):
    return row['who'], row['what'], row['env'], int(row['num_envs'])


if __name__ == '__main__':
    main()
