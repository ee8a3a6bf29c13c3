"""Spaces: states as Gymnasium flattens them, actions that the space contains, and descriptions that survive JSON."""

import json

from common import spaces
from common.spaces import ActionSpace, StateSpace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple
from gymnasium.vector.utils import concatenate, create_empty_array

STATES = [
    Box(-1, 1, (3,)),
    Box(0, 255, (2, 3), np.uint8),
    Box(-1, 1, ()),
    Discrete(4, start=-1),
    MultiDiscrete([3, 2], start=[1, 5]),
    MultiDiscrete([[2, 3], [4, 5]]),
    MultiBinary([2, 2]),
    Dict({'b': Discrete(3), 'a': Box(-1, 1, (2,)), 't': Tuple([MultiBinary(2), Box(0, 1, (1, 2))])}),
]
ACTIONS = [
    Box(-1, 1, (2,)),
    Box(np.array([0.1, -3]), np.array([0.3, 5.0]), dtype=np.float64),
    Box(-2, 1, (2, 3)),
    Discrete(3, start=-1),
    MultiDiscrete([3, 2], start=[1, 5]),
    MultiDiscrete([[2, 3], [4, 5]]),
    MultiBinary([2, 2]),
]


@pytest.mark.parametrize('space', STATES, ids=str)
def test_states_are_flattened_as_gymnasium_does(space):
    """One state, and a batch as Gymnasium's vector environments return it; also by a space read back from a record."""
    space.seed(0)
    drawn = [space.sample() for _ in range(5)]
    batch = concatenate(space, drawn, create_empty_array(space, 5))
    expected = np.stack([gym.spaces.flatten(space, one) for one in drawn]).astype(np.float32)
    again = spaces.from_description(json.loads(json.dumps(spaces.describe(space))))
    for states in (StateSpace(space), StateSpace(again)):
        assert states.dim == expected.shape[1]
        for one, vector in zip(drawn, expected, strict=True):
            np.testing.assert_array_equal(states.to_vector(one), vector)
        np.testing.assert_array_equal(states.to_vector(batch), expected)
        np.testing.assert_array_equal(states.to_vector(expected), expected, 'vectors stay as they are')


@pytest.mark.parametrize(
    ('space', 'state'),
    [(STATES[0], np.zeros(4)), (STATES[3], 3), (STATES[3], 0.5), (STATES[7], {'a': np.zeros(2)}), (STATES[0], 'north')],
)
def test_a_state_of_another_space_is_refused(space, state):
    with pytest.raises(ValueError, match=r'a state of the space .* was expected'):
        StateSpace(space).to_vector(state)


def test_what_reset_returns_is_no_state():
    for space in (space for space in STATES if not isinstance(space, Tuple)):
        with pytest.raises(ValueError, match=r'(?s)a state of the space .*: pass the state, not \(state, info\)$'):
            StateSpace(space).to_vector((space.sample(), {}))
    ends_in_a_dict = Tuple([Discrete(2), Dict(a=Discrete(3))])
    np.testing.assert_array_equal(StateSpace(ends_in_a_dict).to_vector((1, {'a': 0})), [0, 1, 1, 0, 0])


@pytest.mark.parametrize('space', ACTIONS, ids=str)
def test_actions_are_contained_in_their_space(space):
    actions, rng, seen = ActionSpace(space), np.random.default_rng(0), set()
    for _ in range(100):
        if actions.discrete:
            draws = rng.integers(np.array(actions.action_dim), size=(4, *actions.draw_shape))
        else:
            draws = rng.normal(0, 3, (4, *actions.draw_shape)).astype(np.float32)
        batch = actions.to_action(draws)
        assert all(space.contains(one) for one in batch)
        for one, draw in zip(batch, draws, strict=True):
            np.testing.assert_array_equal(actions.to_action(draw), one)
            assert space.contains(actions.to_action(draw))
            seen.add(str(one))
    if isinstance(space, Discrete):
        assert seen == {'-1', '0', '1'}
    again = spaces.from_description(json.loads(json.dumps(spaces.describe(space))), actions.action_bound)
    np.testing.assert_array_equal(ActionSpace(again).to_action(draws), batch)


def test_a_bound_that_float32_rounds_up_is_not_exceeded():
    space = Box(-0.1, 0.1, (1,), np.float64)
    action = ActionSpace(space).to_action(np.float32([5.0]))
    assert space.contains(action)
    np.testing.assert_allclose(action, 0.1, rtol=1e-7)


def test_spaces_that_do_not_have_the_sizes_are_refused():
    with pytest.raises(ValueError, match='state_dim 3 and action_dim 2, not 4 and 2'):
        spaces.agent_spaces(4, 2, 1.0, (Box(-1, 1, (3,)), Box(-1, 1, (2,))))
