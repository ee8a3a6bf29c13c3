"""The optima of the environments against cases worked by hand and an agent's own play."""

from benchmarks import report
from benchmarks.learning import optimum

import gymnasium as gym
import numpy as np
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


def test_the_first_step_of_a_pendulum_is_what_its_starts_cost():
    """The mean of angle^2 + speed^2 / 10 over the starts; no torque is best when nothing follows."""
    assert optimum.pendulum(steps=1) == pytest.approx(-(np.pi**2 / 3 + 0.1 / 3), rel=1e-3)


def test_a_finer_grid_changes_little():
    coarse, fine = (optimum.pendulum(steps=20, grid=grid, torques=11) for grid in ((91, 81), (181, 161)))
    assert coarse == pytest.approx(fine, rel=0.01)


def test_the_file_has_what_is_computed():
    found = {row['env']: float(row['optimum']) for row in report.read_rows(report.RESULTS / 'optima.csv')}
    for name, args in optimum.LAKES.items():
        env = gym.make('FrozenLake-v1', **args)
        assert env.spec.max_episode_steps is not None
        steps = optimum.STEPS[args['map_name']]
        assert found[name] == pytest.approx(optimum.frozen_lake(env.unwrapped.P, steps), abs=1e-4)
    assert -139 < found['Pendulum-v1'] < -137
