"""Trains the agents that ship for the textbook's environments: model/*/pretrained.npz, with their curves in image/pretrained/.

Those of the continuous-control chapter are the best of the benchmark: python benchmarks/learning.py --ship.

make agents
"""

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import report

ENVS = 'Pendulum-v1', 'CartPole-v1', 'FrozenLake-v1'
AGENTS = [
    *itertools.product([['ppo.py'], ['ppo.py', '--method', 'penalty'], ['trpo.py']], ENVS),
    *itertools.product([['a2c.py'], ['acktr.py']], ENVS[:2]),
    (['sac.py'], 'Pendulum-v1'),
]


def main():
    for script, env in AGENTS:
        episodes = '5000' if env.startswith('FrozenLake') else '100'
        with tempfile.TemporaryDirectory() as out:
            words = [*script, '--train', '--env', env, '--seed', '0', '--episodes', episodes, '--out', out]
            print('python', *words[:-2])
            subprocess.run([sys.executable, *words], cwd=report.ROOT, check=True)
            agent = next(Path(out, 'model').glob('*/*/agent.npz'))
            report.ship(agent, Path(out, 'image', agent.parent.parent.name))


if __name__ == '__main__':
    main()
