"""The best return that any policy can reach, by dynamic programming over an episode's steps.

    python -m benchmarks.learning.optimum

It writes benchmarks/results/optima.csv. FrozenLake has few states, and value iteration is exact. Pendulum's states are put on a
grid of angle and angular velocity, and values between the grid's points are interpolated.
"""

from benchmarks import command_line, report

import gymnasium as gym
import numpy as np

LAKES = {
    'FrozenLake-v1': dict(map_name='4x4'),
    'FrozenLake-v1, not slippery': dict(map_name='4x4', is_slippery=False),
    'FrozenLake8x8-v1': dict(map_name='8x8'),
}
STEPS = {'4x4': 100, '8x8': 200}  # the time limits
GRID, TORQUES = (361, 321), 21  # angles, angular velocities; torques from -2 to 2


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


def pendulum(steps=200, grid=GRID, torques=TORQUES):
    """The highest undiscounted mean return over Pendulum-v1's starts: any angle, angular velocities from -1 to 1."""
    angles, speeds = np.linspace(-np.pi, np.pi, grid[0]), np.linspace(-8, 8, grid[1])
    angle, speed, torque = np.meshgrid(angles, speeds, np.linspace(-2, 2, torques), indexing='ij')
    reward = -(angle**2 + 0.1 * speed**2 + 0.001 * torque**2)
    speed = np.clip(speed + (15 * np.sin(angle) + 3 * torque) * 0.05, -8, 8)  # g 10, mass 1, length 1
    angle = (angle + speed * 0.05 + np.pi) % (2 * np.pi) - np.pi
    row, column = (angle + np.pi) / (angles[1] - angles[0]), (speed + 8) / (speeds[1] - speeds[0])
    low, left = np.minimum(row.astype(int), grid[0] - 2), np.minimum(column.astype(int), grid[1] - 2)
    row, column, corner = row - low, column - left, low * grid[1] + left
    value = np.zeros(grid)
    for _ in range(steps):
        flat = value.ravel()
        below = flat[corner] * (1 - column) + flat[corner + 1] * column
        above = flat[corner + grid[1]] * (1 - column) + flat[corner + grid[1] + 1] * column
        value = (reward + below * (1 - row) + above * row).max(axis=2)
    starts = abs(speeds) <= 1 + 1e-9
    return np.trapezoid(np.trapezoid(value[:, starts], speeds[starts], axis=1), angles) / (2 * np.pi * np.ptp(speeds[starts]))


def optima():
    """The optimum by environment: of Pendulum, of CartPole (500 steps with a reward of 1 each) and of every FrozenLake."""
    found = {'Pendulum-v1': pendulum(), 'CartPole-v1': 500.0}
    for name, args in LAKES.items():
        found[name] = frozen_lake(gym.make('FrozenLake-v1', **args).unwrapped.P, STEPS[args['map_name']])
    return found


def main(argv=None):
    """The command line."""
    command_line.Parser(__doc__).parse_args(argv)
    rows = [dict(env=env, optimum=round(float(value), 4)) for env, value in optima().items()]
    report.write_rows(report.RESULTS / 'optima.csv', rows)
    print(report.table(['environment', 'optimum'], [row.values() for row in rows]))


if __name__ == '__main__':
    command_line.run(main)
