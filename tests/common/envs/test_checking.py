"""What a first environment gets wrong: its spaces, and what reset and step return. Each gets one line with what to write."""

import types

from common.envs import make_env, make_envs
from common.errors import UserError

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple


class Given(gym.Env):
    """Returns what it was given; `later` is what its third step returns."""

    def __init__(self, states=None, actions=None, reset=None, step=None, later=None):
        self.observation_space = Box(-1, 1, (2,)) if states is None else states
        self.action_space = Discrete(2) if actions is None else actions
        self.given, self.stepped, self.later = reset, step, later

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return (self.observation_space.sample(), {}) if self.given is None else self.given

    def step(self, action):
        self.steps += 1
        if self.steps == 3 and self.later is not None:
            return self.later
        return (self.observation_space.sample(), 0.0, False, False, {}) if self.stepped is None else self.stepped


gym.register('Given-v0', Given, disable_env_checker=True)


def play(steps, copies=2, **env_args):
    """What the last of a few steps returns."""
    envs = make_envs('Given-v0', copies, 'auto', env_args)
    envs.reset(0)
    return [envs.step(np.zeros((copies, *envs.action_space.draw_shape), envs.action_space.draw_dtype)) for _ in range(steps)][
        -1
    ]


def refusal(steps=1, copies=2, **env_args):
    """The line with which an environment is refused within a few steps."""
    with pytest.raises(UserError) as caught:
        play(steps, copies, **env_args)
    assert '\n' not in str(caught.value)
    assert 'Given-v0' in str(caught.value)
    return str(caught.value)


FINE = np.zeros(2, np.float32)
SPACES = Dict({'place': Discrete(5, start=-1), 'speed': Box(-1, 1, (2,)), 'lamps': MultiBinary(3)})
PARTS = {'place': 3, 'speed': FINE, 'lamps': np.zeros(3, np.int8)}


@pytest.mark.parametrize(
    ('states', 'state', 'words'),
    [
        (Box(-1, 1, (2,)), None, 'returned None as the state, but its observation_space is shape (2,); return numbers'),
        (
            Box(-1, 1, (2,)),
            [0.0],
            'a list of 1 as the state, but its observation_space is shape (2,); return an array',
        ),
        (
            Box(-1, 1, (2,)),
            0.5,
            'returned 0.5 as the state, but its observation_space is shape (2,); return an array of',
        ),
        (Box(-1, 1, (2,)), [[0.0], [0.0, 1.0]], 'a list of 2 as the state'),
        (Box(-1, 1, (2,)), np.array(['a', 'b']), 'return numbers: numpy.array(state, numpy.float32)'),
        (Box(-1, 1, (2,)), {'x': 0.0}, "a dict with the keys 'x' as the state"),
        (Box(-1, 1, (2, 2)), np.zeros(4), 'an array [0. 0. 0. 0.] of shape (4,) and dtype float64 as the state'),
        (Discrete(5), 5, 'returned 5 as the state, but its observation_space is Discrete(5); return whole numbers from 0 to 4'),
        (Discrete(5), -1, 'return whole numbers from 0 to 4'),
        (Discrete(5, start=2), np.int64(7), 'returned 7 (int64) as the state'),
        (Discrete(5), 3.0, 'returned 3.0 as the state'),
        (Discrete(5), float('nan'), 'returned nan as the state'),
        (Discrete(5), np.zeros(5), 'an array of shape (5,) and dtype float64 as the state'),
        (MultiDiscrete([2, 3]), np.array([1, 3]), 'an array [1 3] of shape (2,) and dtype int64 as the state'),
        (MultiDiscrete([2, 3], start=[1, 1]), np.array([0, 1]), 'return whole numbers from [1 1] to [2 3]'),
        (MultiBinary(3), np.array([0, 2, 1]), 'its observation_space is MultiBinary(3); return zeros and ones'),
        (MultiBinary(2), [0.5, 1.0], 'return zeros and ones'),
        (Tuple([Discrete(2), Discrete(2)]), (1,), 'a tuple of 1 as the state'),
        (Tuple([Discrete(2), Discrete(2)]), (1, 2), "returned 2 as the state's part 1"),
        (SPACES, np.zeros(2), "return a dict with the keys 'lamps', 'place', 'speed'"),
        (SPACES, {'place': 0, 'Speed': FINE}, "a dict with the keys 'place', 'Speed' as the state"),
        (SPACES, {'place': 0, 'speed': FINE}, "add the keys 'lamps'"),
        (SPACES, PARTS | {'place': 4}, "returned 4 as the state's 'place'"),
        (SPACES, PARTS | {'speed': np.zeros(3)}, "of shape (3,) and dtype float64 as the state's 'speed'"),
    ],
)
def test_a_state_that_its_space_does_not_have_is_refused(states, state, words):
    for method, returned in (
        ('reset()', {'reset': (state, {})}),
        ('step()', {'step': (state, 0.0, False, False, {})}),
        ('step()', {'later': (state, 0.0, False, False, {})}),
    ):
        line = refusal(3, states=states, **returned)
        assert words in line
        assert f"Given-v0's {method} returned " in line


def test_a_state_of_objects_is_refused_by_its_kind_or_its_value():
    objects = np.array([None, 1.0])
    assert 'returned an array [None 1.0] of shape (2,) and dtype object as the state' in refusal(reset=(objects, {}))
    assert "Given-v0's step() returned a state with nan at [0]" in refusal(step=(objects, 0.0, False, False, {}))


@pytest.mark.parametrize(
    ('states', 'state'),
    [
        (Box(-1, 1, (2,)), [0, 1]),
        (Box(-1, 1, (2,)), np.float64([5, 1])),
        (Box(-1, 1, (2,)), np.array([1, 0.5], object).astype(float)),
        (Box(0, 255, (2, 2), np.uint8), np.zeros((2, 2), np.int64)),
        (Discrete(5), np.array(3)),
        (Discrete(5, start=-2), -2),
        (Discrete(2), np.True_),
        (MultiDiscrete([2, 3]), [1, 2]),
        (MultiBinary(2), [True, False]),
        (Tuple([Discrete(2), Box(0, 1)]), [1, [0.5]]),
        (SPACES, PARTS | {'place': -1, 'note': 'more than it says'}),
    ],
)
def test_a_state_of_another_type_or_beyond_a_boxs_bounds_is_taken(states, state):
    returned = {'reset': (state, {}), 'step': (state, 0.0, False, False, {})}
    envs = make_envs('Given-v0', 2, 'auto', {'states': states, **returned})
    first = envs.reset(0)
    if isinstance(states, Box):
        np.testing.assert_array_equal(first[0], np.ravel(state))
    for _ in range(3):
        np.testing.assert_array_equal(envs.step(np.zeros(2, int)).next_state, first)


@pytest.mark.parametrize(
    ('returned', 'words'),
    [
        (None, "Given-v0's step() returned None as the reward; return one number, float(reward)"),
        ('1.5', "returned '1.5' as the reward"),
        ([1.0], 'returned a list of 1 as the reward'),
        (np.zeros(1), 'returned an array [0.] of shape (1,) and dtype float64 as the reward'),
        (1 + 2j, 'returned a complex as the reward'),
        (10**400, 'as the reward'),
        (float('nan'), "Given-v0's step() returned a reward with nan; return finite numbers below 3e38: look for a division"),
        (-float('inf'), 'returned a reward with -inf'),
        (np.float64(1e39), 'returned a reward with inf; return finite numbers below 3e38'),
    ],
)
@pytest.mark.filterwarnings('ignore:overflow encountered in cast')
def test_a_reward_that_is_not_one_finite_number_is_refused(returned, words):
    assert words in refusal(1, step=(FINE, returned, False, False, {}))
    assert words in refusal(3, later=(FINE, returned, False, False, {}))
    assert words in refusal(1, copies=1, step=(FINE, returned, False, False, {}))


@pytest.mark.parametrize('flag', [None, 'no', 0, 1, np.array([True]), {}, [False]])
def test_a_flag_that_is_not_true_or_false_is_refused(flag):
    assert 'as terminated; step() must return (state, reward, terminated' in refusal(3, later=(FINE, 0.0, flag, False, {}))
    assert ' as truncated; ' in refusal(3, later=(FINE, 0.0, False, flag, {}))


@pytest.mark.parametrize('flag', [np.True_, np.array(True), True])
@pytest.mark.parametrize('reward', [1, np.float32(1), np.int64(1), True, np.array(1.0), 1.0])
def test_numbers_and_flags_of_numpy_are_taken(flag, reward):
    step = play(3, later=(FINE, reward, flag, False, {}))
    np.testing.assert_array_equal(step.reward, [1, 1])
    np.testing.assert_array_equal(step.terminated, [True, True])
    assert (step.reward.dtype, step.terminated.dtype) == (np.float32, bool)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_state_that_is_not_finite_is_the_environments_fault_and_names_its_place(value):
    bad = np.float32([0, value])
    assert f"Given-v0's reset() returned a state with {value} at [1]; return finite numbers" in refusal(reset=(bad, {}))
    assert f"Given-v0's step() returned a state with {value} at [1]" in refusal(3, later=(bad, 0.0, False, False, {}))


def test_a_state_that_an_action_spoiled_is_not_blamed_on_the_environment():
    envs = make_envs('Given-v0', 1, 'auto', {'actions': Box(-1, 1, (2,))})
    envs.reset(0)
    envs.envs[0].unwrapped.step = lambda action: (action, 0.0, False, False, {})
    envs.step(np.float32([[0, 1]]))
    with pytest.raises(UserError, match='Given-v0 was given an action that is not finite; the actor has diverged'):
        envs.step(np.float32([[0, np.nan]]))


def test_a_state_after_a_later_reset_is_checked_too(monkeypatch):
    envs = make_envs('Given-v0', 2, 'auto', {'later': (FINE, 0.0, True, False, {})})
    envs.reset(0)
    for _ in range(3):
        envs.step(np.zeros(2, int))
    envs.envs[1].unwrapped.given = np.float32([np.nan, 0]), {}
    with pytest.raises(UserError, match=r"Given-v0's reset\(\) returned a state with nan at \[0\]"):
        envs.step(np.zeros(2, int))


@pytest.mark.parametrize(
    ('returned', 'words'),
    [
        ({'reset': FINE}, "Given-v0's reset() returned an array [0. 0.] of shape (2,) and dtype float32; reset() must return"),
        ({'reset': {'a': 1, 'b': 2}}, "reset() returned a dict with the keys 'a', 'b'; reset() must return (state, info)"),
        ({'reset': (FINE, FINE)}, 'reset() must return (state, info), info a dict'),
        ({'reset': (FINE, {}, 0)}, 'reset() returned a tuple of 3'),
        ({'step': (FINE, 0.0, False, {})}, 'step() must return (state, reward, terminated, truncated, info)'),
        ({'step': 3}, 'step() must return (state, reward, terminated, truncated, info)'),
        ({'step': (FINE, 0.0, False, {}, False)}, 'returned an empty dict as truncated'),
        ({'step': (FINE, False, 0.0, False, {})}, 'returned 0.0 as terminated'),
    ],
)
def test_what_is_returned_in_another_order_or_number_is_refused(returned, words):
    assert words in refusal(**returned)


def test_a_reset_that_returns_nothing_and_a_missing_step_are_said(monkeypatch):
    monkeypatch.delattr(Given, 'step')
    assert refusal().endswith('; write def step(self, action) in its class')
    monkeypatch.delattr(Given, 'reset')
    assert "Given-v0's reset() returned" in refusal()


@pytest.mark.parametrize('name', ['observation_space', 'action_space'])
@pytest.mark.parametrize(
    ('space', 'words'), [(Box, 'the class Box'), (4, '4'), ((2, 3), 'a tuple of 2'), (np.zeros(2), 'an array [0. 0.]')]
)
def test_what_is_no_space_is_refused(name, space, words):
    line = refusal(**{'states' if name == 'observation_space' else 'actions': space})
    assert f"Given-v0's {name} is {words}" in line
    assert line.endswith(
        "not one of Gymnasium's spaces: write gymnasium.spaces.Box(low, high, shape) or another, with arguments"
    )


@pytest.mark.parametrize(
    ('low', 'high', 'words'),
    [
        (-1e38, 1e38, 'too large or too close together to compute with'),
        (0, np.float64(1e300), 'too large or too close together to compute with'),
        (0.1, np.float64(0.1 + 1e-12), 'too large or too close together to compute with'),
        (0, 1e-30, 'give the Box bounds such as -1 and 1, and scale the action in step()'),
        (1, 1, 'in which low is not below high everywhere'),
    ],
)
def test_bounds_that_cannot_be_computed_with_are_refused(low, high, words):
    assert words in refusal(actions=Box(low, high, (2,), np.float64))


@pytest.mark.parametrize(('low', 'high'), [(-1e9, 1e9), (0, 1e-9), (1e6, 1e6 + 1)])
def test_large_and_narrow_bounds_are_taken(low, high):
    assert make_envs('Given-v0', 2, 'auto', {'actions': Box(low, high, (2,), np.float64)}).action_dim == 2


def test_spaces_without_a_number_are_refused():
    assert 'an empty observation_space' in refusal(states=Box(0, 1, (0,)))
    assert 'an empty action_space' in refusal(actions=Box(0, 1, (0,)))


def test_what_was_written_for_the_old_gym_is_told_so(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'written_long_ago.py').write_text("""raise ModuleNotFoundError("No module named 'gym'")""")
    with pytest.raises(UserError, match=r'gym is the old package: write import gymnasium as gym$'):
        make_env('written_long_ago:Own-v0')
    old = types.ModuleType('gym.core')
    exec('class Env: pass', old.__dict__)  # its module must be gym's
    gym.register('Old-v0', type('Old', (old.Env,), {}))
    with pytest.raises(UserError, match=r'Gym is incompatible with Gymnasium.*write import gymnasium as gym$'):
        make_env('Old-v0')
    space = type('Box', (), {'__module__': 'gym.spaces.box'})
    assert 'is a Box, not one of' in refusal(states=space())
    assert refusal(states=space()).endswith('gym is the old package: write import gymnasium as gym')


def test_an_argument_without_a_value_is_named():
    class Needs(Given):
        def __init__(self, prices):
            super().__init__()

    gym.register('Needs-v0', Needs)
    with pytest.raises(UserError, match=r"argument: 'prices'.*a value: env_args=\{'NAME': VALUE\}$"):
        make_env('Needs-v0')


@pytest.mark.parametrize(
    ('old', 'new'), [('HalfCheetah-v3', 'HalfCheetah-v5'), ('Walker2d-v2', 'Walker2d-v5'), ('Pusher-v4', 'Pusher-v5')]
)
def test_a_version_that_can_no_longer_be_made_names_one_that_can(old, new):
    with pytest.raises(UserError, match=f'; use {new}$'):
        make_env(old)
    make_env(new).close()


def test_states_of_float64_warn_of_nothing(recwarn):
    envs = make_envs('Given-v0', 1, 'auto', {'states': Dict({'a': Box(-0.1, 0.1, (2,), np.float64)})})
    envs.reset(0)
    assert not recwarn.list
