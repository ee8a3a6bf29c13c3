"""The best return that any policy can reach.

    python -m benchmarks.learning.optimum

It writes benchmarks/results/optima.csv. FrozenLake has few states, and value iteration over an episode's steps is exact.
Pendulum's optimum is the mean of the best trajectories that `pendulum` finds.
"""

from benchmarks import command_line, report
from benchmarks.learning import pendulum

import gymnasium as gym
import numpy as np

LAKES = {
    'FrozenLake-v1': dict(map_name='4x4'),
    'FrozenLake-v1, not slippery': dict(map_name='4x4', is_slippery=False),
    'FrozenLake8x8-v1': dict(map_name='8x8'),
}
STEPS = {'4x4': 100, '8x8': 200}  # the time limits


def frozen_lake(transitions, steps):
    """The highest probability of reaching the goal from state 0 within `steps`. `transitions`: the environment's `P`."""
    value = np.zeros(len(transitions))
    for _ in range(steps):
        value = np.array([
            max(
                sum(chance * (reward + (not over) * value[after]) for chance, after, reward, over in outcomes)
                for outcomes in actions.values()
            )
            for actions in transitions.values()
        ])  # fmt: skip
    return value[0]


def optima():
    """The rows of the file. CartPole gives a reward of 1 in each of its 500 steps."""
    rows = []
    for name, envpool in (('Pendulum-v1', True), ("Pendulum-v1, Gymnasium's", False)):
        costs = pendulum.best_trajectories(envpool=envpool).costs.reshape(pendulum.ROWS, -1)
        rows.append(dict(env=name, optimum=-costs.mean(), error=pendulum.error(costs)))
    rows.append(dict(env='CartPole-v1', optimum=500.0))
    for name, args in LAKES.items():
        lake = gym.make('FrozenLake-v1', **args).unwrapped.P, STEPS[args['map_name']]
        rows.append(dict(env=name, optimum=frozen_lake(*lake)))
    return [{name: one if name == 'env' else round(float(one), 4) for name, one in row.items()} for row in rows]


def main(argv=None):
    """The command line."""
    command_line.Parser(__doc__).parse_args(argv)
    rows = optima()
    report.write_rows(report.RESULTS / 'optima.csv', rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    print(report.table(names, [[row.get(name, '') for name in names] for row in rows]))


if __name__ == '__main__':
    command_line.run(main)
