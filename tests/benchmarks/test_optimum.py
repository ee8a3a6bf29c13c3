"""The optima of FrozenLake against cases worked by hand, and the file."""

from benchmarks import report
from benchmarks.learning import optimum

import gymnasium as gym
import pytest


def test_a_lake_of_two_states_by_hand():
    """Staying costs nothing, going succeeds with 1/2, else it falls into the hole or, in the second lake, may try again."""
    hole, goal = 1, 2
    over = {0: [(1.0, hole, 0.0, True)]}
    transitions = {0: {0: [(1.0, 0, 0.0, False)], 1: [(0.5, goal, 1.0, True), (0.5, hole, 0.0, True)]}, hole: over, goal: over}
    assert optimum.frozen_lake(transitions, 5) == 0.5
    transitions[0][1] = [(0.5, goal, 1.0, True), (0.5, 0, 0.0, False)]
    assert optimum.frozen_lake(transitions, 3) == 1 - 0.5**3


def test_a_lake_that_is_not_slippery_takes_its_six_steps():
    transitions = gym.make('FrozenLake-v1', is_slippery=False).unwrapped.P
    assert [optimum.frozen_lake(transitions, steps) for steps in (5, 6)] == [0, 1]


def test_the_file_has_what_is_computed():
    found = {row['env']: float(row['optimum']) for row in report.read_rows(report.RESULTS / 'optima.csv')}
    for name, args in optimum.LAKES.items():
        env = gym.make('FrozenLake-v1', **args)
        assert env.spec.max_episode_steps is not None
        steps = optimum.STEPS[args['map_name']]
        assert found[name] == pytest.approx(optimum.frozen_lake(env.unwrapped.P, steps), abs=1e-4)
