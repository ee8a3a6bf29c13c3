"""The best return that any policy can reach.

    python -m benchmarks.learning.optimum

It writes benchmarks/results/optima.csv. FrozenLake has few states, and value iteration over an episode's steps is exact. Agents
do not see how many steps are left, so the file also has the best policy that does not see it. Pendulum's optimum is the mean of
the best trajectories that `pendulum` finds.
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
GAMMA = 0.999  # PPO's discount factor on slippery ice
GAMMAS = 0.9, 0.99, 0.995, 0.998, GAMMA  # each gives a policy to start from


def arrays(transitions):
    """The environment's `P` as arrays: chances (states, actions, states) of going on, and mean rewards (states, actions)."""
    states, actions = len(transitions), len(transitions[0])
    chances, rewards = np.zeros((states, actions, states)), np.zeros((states, actions))
    for state, choices in transitions.items():
        for action, outcomes in choices.items():
            for chance, after, reward, over in outcomes:
                rewards[state, action] += chance * reward
                chances[state, action, after] += chance * (not over)
    return chances, rewards


def with_time(chances, rewards, steps):
    """The highest probability of reaching the goal from state 0 within `steps`, for a policy that sees how many are left."""
    value = np.zeros(len(rewards))
    for _ in range(steps):
        value = (rewards + chances @ value).max(axis=1)
    return value[0]


def of_policy(chances, rewards, steps, actions):
    """The probability of reaching the goal from state 0 within `steps`, with one action for each state."""
    states, value = np.arange(len(actions)), np.zeros(len(actions))
    rewards, chances = rewards[states, actions], chances[states, actions]
    for _ in range(steps):
        value = rewards + chances @ value
    return value[0]


def for_discount(chances, rewards, gamma):
    """The best action in each state if rewards are discounted and no time limit ends an episode."""
    value = np.zeros(len(rewards))
    for _ in range(round(10 / (1 - gamma))):
        value = (rewards + gamma * chances @ value).max(axis=1)
    return (rewards + gamma * chances @ value).argmax(axis=1)


def without_time(chances, rewards, steps):
    """The highest `of_policy` that is found: from the policies `for_discount`, by changing single states until none helps."""
    found = []
    for gamma in GAMMAS:
        actions = for_discount(chances, rewards, gamma)
        best, before = of_policy(chances, rewards, steps, actions), -1.0
        while best > before:
            before = best
            for state, action in np.ndindex(rewards.shape):
                changed = np.where(np.arange(len(actions)) == state, action, actions)
                if (reached := of_policy(chances, rewards, steps, changed)) > best + 1e-12:
                    best, actions = reached, changed
        found.append(best)
    return max(found)


def of_lake(name):
    """The row of a FrozenLake."""
    args = LAKES[name]
    lake = *arrays(gym.make('FrozenLake-v1', **args).unwrapped.P), STEPS[args['map_name']]
    discounted = of_policy(*lake, for_discount(*lake[:2], GAMMA))
    return dict(env=name, optimum=with_time(*lake), without_time=without_time(*lake), discounted=discounted)


def optima():
    """The rows of the file. CartPole gives a reward of 1 in each of its 500 steps."""
    rows = []
    for name, envpool in (('Pendulum-v1', True), ("Pendulum-v1, Gymnasium's", False)):
        costs = pendulum.best_trajectories(envpool=envpool).costs.reshape(pendulum.ROWS, -1)
        rows.append(dict(env=name, optimum=-costs.mean(), error=pendulum.error(costs)))
    rows += [dict(env='CartPole-v1', optimum=500.0), *map(of_lake, LAKES)]
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
