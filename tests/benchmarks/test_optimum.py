"""The optima of FrozenLake against cases worked by hand and brute force, and the file."""

import itertools

from benchmarks.learning import optimum
from benchmarks.learning.tables import optima

import gymnasium as gym
import numpy as np
import pytest

RNG = np.random.default_rng(0)


def test_a_lake_of_two_states_by_hand():
    """Staying costs nothing, going succeeds with 1/2, else it falls into the hole or, in the second lake, may try again."""
    hole, goal = 1, 2
    over = {0: [(1.0, hole, 1.0, True)]}  # nothing counts after the end
    transitions = {0: {0: [(1.0, 0, 0.0, False)], 1: [(0.5, goal, 1.0, True), (0.5, hole, 0.0, True)]}, hole: over, goal: over}
    assert optimum.with_time(*optimum.arrays(transitions), 5) == 0.5
    transitions[0][1] = [(0.5, goal, 1.0, True), (0.5, 0, 0.0, False)]
    assert optimum.with_time(*optimum.arrays(transitions), 3) == 1 - 0.5**3


def test_a_policy_that_does_not_see_the_time_by_hand():
    """In state 0 one action reaches the goal with 1/4, the other state 1, from where the goal is sure, with 1/2.

    With two steps left the second action is better, with one step left the first.
    """
    chances, rewards = np.zeros((2, 2, 2)), np.zeros((2, 2))
    rewards[0, 0], chances[0, 0, 0] = 0.25, 0.75
    chances[0, 1] = [0.5, 0.5]
    rewards[1] = 1
    assert optimum.with_time(chances, rewards, 2) == max(0.25 + 0.75 * 0.25, 0.5 * 0.25 + 0.5)
    assert optimum.without_time(chances, rewards, 2) == 0.5
    assert optimum.of_policy(chances, rewards, 2, np.array([0, 0])) == 0.25 + 0.75 * 0.25


def test_without_the_time_as_brute_force_finds_it():
    """All 3^4 policies of random worlds of four states, a goal and a hole; powers of a matrix give their success."""
    lower = 0
    for _ in range(5):
        world = RNG.dirichlet(np.full(6, 0.3), size=(4, 3))  # (states, actions, states, goal and hole)
        best = 0
        for actions in itertools.product(range(3), repeat=4):
            chain = np.eye(6)
            chain[:4] = world[range(4), actions]
            best = max(best, np.linalg.matrix_power(chain, 6)[0, 4])
        lake = world[..., :4], world[..., 4], 6
        assert optimum.without_time(*lake) == pytest.approx(best, abs=1e-12)
        assert best <= optimum.with_time(*lake) + 1e-12
        lower += best < optimum.with_time(*lake) - 1e-3
    assert lower


def test_a_lake_that_is_not_slippery_takes_its_six_steps():
    lake = optimum.arrays(gym.make('FrozenLake-v1', is_slippery=False).unwrapped.P)
    for best in (optimum.with_time, optimum.without_time):
        assert [best(*lake, steps) for steps in (5, 6)] == [0, 1]


def test_the_lakes_in_the_file_are_those_computed():
    for name, args in optimum.LAKES.items():
        assert gym.spec(name.partition(',')[0]).max_episode_steps == optimum.STEPS[args['map_name']]
        row = optima()[name]
        for column, value in optimum.of_lake(name).items():
            assert column == 'env' or float(row[column]) == pytest.approx(value, abs=1e-4)
        assert float(row['discounted']) <= float(row['without_time']) <= float(row['optimum'])
