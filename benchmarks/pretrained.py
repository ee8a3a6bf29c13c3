"""Trains the agents that ship for the textbook's environments and Box2D's, with their curves in image/pretrained/.

They are of seed 0, Box2D's of the median seed of the block that is reported. Those of the continuous-control
chapter are the best of the benchmark: python benchmarks/learning.py --ship.

make agents
"""

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import report
from learning import AGENTS as NAMES
from learning import BLOCKS, BOX2D, is_reported
from learning import ENVS as CELLS

ENVS = 'Pendulum-v1', 'CartPole-v1', 'FrozenLake-v1'
AGENTS = [
    *itertools.product([['ppo.py'], ['ppo.py', '--method', 'penalty'], ['trpo.py']], ENVS),
    *itertools.product([['a2c.py'], ['acktr.py']], ENVS[:2]),
    (['sac.py'], 'Pendulum-v1'),
    *itertools.product([['ppo.py']], BOX2D),
    *itertools.product([['trpo.py']], BOX2D[:2]),
]


def row_that_ships(script, env):
    """The row of the result file whose agent ships for an environment of BLOCKS: that of the median seed, the upper of two."""
    name = next(name for name, file, method in NAMES.values() if [file, *method] == script)
    rows = filter(is_reported, report.read_rows(report.RESULTS / 'learning.csv'))
    rows = [row for row in rows if (row['agent'], row['env']) == (name, env)]
    return sorted(rows, key=lambda row: float(row['mean_return']))[len(rows) // 2]


def main():
    for script, env in AGENTS:
        episodes = str(CELLS[env][1])
        seed = row_that_ships(script, env)['seed'] if env in BLOCKS else '0'
        with tempfile.TemporaryDirectory() as out:
            words = [*script, '--train', '--env', env, '--seed', seed, '--episodes', episodes, '--out', out]
            print('python', *words[:-2])
            subprocess.run([sys.executable, *words], cwd=report.ROOT, check=True)
            agent = next(Path(out, 'model').glob('*/*/agent.npz'))
            report.ship(agent, Path(out, 'image', agent.parent.parent.name))


if __name__ == '__main__':
    main()
