"""What is made by name, one's own environments above all: what they forget, and how every error is said in one line."""

import sys

from common.envs import GymnasiumEnvs, make_env, make_envs, parse_env_args
from common.errors import UserError

import gymnasium as gym
import numpy as np
import pytest


class Raises(gym.Env):
    """Fails in its fifth step."""

    observation_space, action_space = gym.spaces.Box(-1, 1, (2,)), gym.spaces.Discrete(2)

    def reset(self, **_):
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        if self.steps == 5:
            raise RuntimeError('the wheel\ncame off')
        return np.zeros(2, np.float32), 0.0, False, False, {}


class Odd(gym.Env):
    """Asymmetric bounds, an image for a state, action dimensions of different size."""

    observation_space = gym.spaces.Box(0, 255, (2, 3), np.uint8)
    action_space = gym.spaces.Box(np.float32([-1, 0, 5]), np.float32([1, 10, 6]))

    def reset(self, **_):
        return np.zeros((2, 3), np.uint8), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        return np.full((2, 3), 9, np.uint8), float(action[1]), False, False, {}


class Narrow(Odd):
    """Bounds that round to a float32 outside the space."""

    action_space = gym.spaces.Box(-0.1, 0.1, (3,), np.float64)


class Short(Odd):
    """Says three numbers, gives one: NumPy would spread it over all three."""

    observation_space = gym.spaces.Box(-1, 1, (3,))

    def reset(self, **_):
        return np.zeros(1, np.float32), {}


class ShortLater(Short):
    def reset(self, **_):
        return np.zeros(3, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), 0.0, False, False, {}


class NoSpaces(gym.Env):
    pass


class OldReset(Odd):
    def reset(self):
        return np.zeros((2, 3), np.uint8), {}


class OldState(Short):
    def reset(self, **_):
        return np.zeros(3, np.float32)


class OldStep(Odd):
    def step(self, action):
        return np.zeros((2, 3), np.uint8), 0.0, False, {}


class Unpacks(Short):
    """Fails in its own arithmetic with words that a forgotten return value has, too."""

    def reset(self, **_):
        return np.zeros(3, np.float32), {}

    def step(self, action):
        self.x, self.y = 1, 2, 3


class Refuses(Odd):
    """The third copy cannot be made, and none of them closes without a complaint."""

    made = closed = 0

    def __init__(self):
        if Refuses.made == 4:  # the first is looked at only for its spaces
            raise RuntimeError('no licence is left')
        Refuses.made += 1

    def close(self):
        Refuses.closed += 1
        raise RuntimeError('it is stuck')


class Draws(Odd):
    def __init__(self, render_mode=None, picture=None):
        self.picture = picture

    def render(self):
        return self.picture


class Shifted(Odd):
    action_space = gym.spaces.Discrete(3, start=-1)


class Text(Odd):
    observation_space = gym.spaces.Dict({'order': gym.spaces.Text(5), 'place': gym.spaces.Discrete(3)})


class Sequence(Odd):
    action_space = gym.spaces.Sequence(gym.spaces.Discrete(2))


class Counts(Odd):
    action_space = gym.spaces.Box(0, 10, (1,), dtype=np.int64)


class Unbounded(Odd):
    action_space = gym.spaces.Box(-np.inf, np.inf, (2,))


OWN = Raises, Odd, Narrow, Short, ShortLater, NoSpaces, OldReset, OldState, OldStep, Unpacks, Refuses, Draws
OWN += Shifted, Text, Sequence, Counts, Unbounded
for cls in OWN:
    gym.register(f'Test{cls.__name__}-v0', cls, disable_env_checker=True)


def test_actions_are_clipped_only_for_the_environment():
    envs = make_envs('TestOdd-v0', 2, training=True)
    assert (envs.engine, envs.state_dim, envs.action_dim) == ('gymnasium', 6, 3)
    envs.reset(0)
    action = np.float32([[-7, 99, 5.5], [0, -99, 9]])
    _, reward, *_ = envs.step(action)
    np.testing.assert_array_equal(reward, [10, 0])
    np.testing.assert_array_equal(envs.actions[0], np.float32([[-7, 99, 5.5], [0, -99, 9]]))


def test_bounds_of_float64_stay_inside_the_space():
    """0.1 rounds up to a float32 that Box(-0.1, 0.1, float64) does not contain: its step asserts that each action is inside."""
    envs = make_envs('TestNarrow-v0', 2)
    envs.reset(0)
    envs.step(np.float32([[-9, 9, 0.1], [9, -9, -0.1]]))
    np.testing.assert_allclose(envs.action_bound, [[-0.1] * 3, [0.1] * 3], rtol=1e-6)
    whole = make_envs('Pendulum-v1', 1).action_bound
    np.testing.assert_array_equal(whole, [[-2], [2]])


def first_step(env_id):
    envs = make_envs(env_id, 1)
    envs.reset(0)
    envs.step(np.zeros((1, 3), np.float32))


@pytest.mark.parametrize('cls', [Short, ShortLater])
def test_a_state_of_another_shape_is_refused_and_not_spread(cls):
    with pytest.raises(UserError, match=r'of shape \(1,\).*its observation_space is shape \(3,\)'):
        first_step(f'Test{cls.__name__}-v0')


@pytest.mark.parametrize(
    ('env_id', 'words'),
    [
        ('TestNoSpaces-v0', r'write observation_space = '),
        ('TestOldReset-v0', r'write def reset\(self, \*, seed=None, options=None\)'),
        ('TestOldState-v0', r'reset\(\) must return \(state, info\)'),
        ('TestOldStep-v0', r'step\(\) must return \(state, reward, terminated, truncated, info\)'),
        ('no_such_module:Own-v0', 'put the folder of the module on PYTHONPATH'),
        ('json.py:Own-v0', r"; leave out '\.py': env='json:Own-v0'$"),
        ('json/json.py:Own-v0', r"; leave out '\.py': env='json:Own-v0', with its folder on PYTHONPATH$"),
        ('json:Own-v0', r"write gymnasium\.register\('NAME-v0', CLASS\) in its module"),
        ('Own-v0', r"your own: env='my_module:MyEnv-v0'"),
    ],
)
def test_what_ones_own_environment_forgets_is_said_with_what_to_write(env_id, words):
    with pytest.raises(UserError, match=words) as caught:
        first_step(env_id)
    assert '\n' not in str(caught.value)


def test_an_error_of_ones_own_gets_no_advice_that_is_not_meant(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r'ValueError: too many values to unpack \(expected 2.*\) in step$'):
        first_step('TestUnpacks-v0')
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'needs_package.py').write_text('import no_such_package')
    with pytest.raises(UserError, match=r"No module named 'no_such_package'") as caught:
        make_env('needs_package:Own-v0')
    assert 'PYTHONPATH' not in str(caught.value)


def test_environments_are_closed_if_one_cannot_be_created_or_closed(monkeypatch):
    monkeypatch.setattr(Refuses, 'close', lambda self: setattr(Refuses, 'closed', Refuses.closed + 1))
    envs = make_envs('TestRefuses-v0', 5)
    Refuses.closed = 0
    with pytest.raises(UserError, match='no licence is left'):
        envs.reset(0)
    assert Refuses.closed == 3
    monkeypatch.undo()
    Refuses.made = Refuses.closed = 0
    envs.envs = [Refuses() for _ in range(3)]
    with pytest.raises(UserError, match='TestRefuses-v0 raised RuntimeError: it is stuck in close'):
        envs.close()
    assert Refuses.closed == 3


@pytest.mark.parametrize('picture', [None, 'a text', np.zeros(5), np.zeros((2, 2))])
def test_what_is_no_picture_is_said(picture):
    envs = GymnasiumEnvs('TestDraws-v0', 1, {'picture': picture}, 'rgb_array')
    envs.reset(0)
    with pytest.raises(UserError, match=r'TestDraws-v0 draws no pictures: its render\(\) returned .* must return an array'):
        envs.render()


def test_an_environment_that_cannot_be_drawn_is_told_how():
    with pytest.raises(UserError, match=r'write def __init__\(self, render_mode=None\)'):
        make_env('TestOdd-v0', render_mode='rgb_array')


def test_deepmind_control_is_drawn_by_mujoco_at_its_own_speed():
    """Shimmy says 10 frames a second for steps of 0.01 s."""
    control = type(
        'Control', (Odd,), {'__module__': 'shimmy.dm_control_compatibility', 'dt': 0.01, 'metadata': {'render_fps': 10}}
    )
    gym.register('TestControl-v0', control)
    envs = make_envs('TestControl-v0', 1)
    assert envs.is_mujoco
    assert envs.metadata['render_fps'] == 100
    other = make_envs('TestOdd-v0', 1)
    assert not other.is_mujoco
    assert 'render_fps' not in other.metadata


def test_discrete_actions_that_start_elsewhere():
    envs = make_envs('TestShifted-v0', 1)
    envs.reset(0)
    taken = []
    envs.envs[0].unwrapped.step = lambda action: (taken.append(action), (np.zeros((2, 3)), 0.0, False, False, {}))[1]
    for action in range(3):
        envs.step(np.array([action]))
    assert taken == [-1, 0, 1]


@pytest.mark.parametrize(
    ('env_id', 'env_args', 'words'),
    [
        ('Pendulum-v0', None, 'Pendulum-v1'),
        ('Pendulum-v7', None, 'Pendulum-v1'),
        ('CartPole', None, 'CartPole-v1'),
        ('Pendlum-v1', None, 'Pendulum-v1'),
        ('Nothing-like-it', None, 'unknown environment'),
        ('TestText-v0', None, 'has states of type Text(1, 5'),
        ('TestSequence-v0', None, 'which no agent supports: make it a Box, Discrete, MultiDiscrete or MultiBinary'),
        (
            'TestCounts-v0',
            None,
            'has a Box of int64 as actions, but agents return floats for a Box: use Discrete(n',
        ),
        ('TestUnbounded-v0', None, 'give it a finite low and high'),
        ('CartPole-v1', {'wheels': 3}, 'wheels'),
        ('FrozenLake-v1', {'is_slippery': 'no'}, 'with is_slippery=no: ValueError: is_slippery takes true or false'),
    ],
)
def test_what_cannot_be_made_is_named(env_id, env_args, words):
    with pytest.raises(UserError, match=words.replace('(', r'\(').replace(')', r'\)')) as caught:
        make_envs(env_id, 2, 'auto', env_args)
    assert '\n' not in str(caught.value)


def test_envpool_says_what_it_lacks():
    with pytest.raises(UserError, match='is_slippery'):
        make_envs('FrozenLake-v1', 2, 'envpool', {'is_slippery': False})
    with pytest.raises(UserError, match='EnvPool has no TestOdd-v0'):
        make_envs('TestOdd-v0', 2, 'envpool')


def test_an_environment_that_raises_is_named_in_one_line():
    envs = make_envs('TestRaises-v0', 1)
    envs.reset(0)
    for _ in range(4):
        envs.step(np.array([0]))
    with pytest.raises(UserError, match='TestRaises-v0 raised RuntimeError: the wheel came off in step'):
        envs.step(np.array([0]))


def test_env_args():
    parsed = parse_env_args(['is_slippery=False', 'map_name=8x8', 'g=9.8', 'n=3', 'desc=["SF","FG"]'])
    assert parsed == {'is_slippery': False, 'map_name': '8x8', 'g': 9.8, 'n': 3, 'desc': ['SF', 'FG']}
    with pytest.raises(UserError, match='NAME=VALUE'):
        parse_env_args(['slippery'])


def test_pybullet_says_how_to_install_it(monkeypatch):
    monkeypatch.delitem(gym.registry, 'AntBulletEnv-v0', raising=False)
    monkeypatch.setitem(sys.modules, 'pybullet', None)
    with pytest.raises(UserError, match=r'^AntBulletEnv-v0 needs PyBullet: make pybullet installs it$'):
        make_envs('AntBulletEnv-v0', 4)
