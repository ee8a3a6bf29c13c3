"""Every agent in environments with the spaces that people bring: it learns, plays outside, and its file remembers them."""

import copy

import a2c
import acktr
import ppo
import sac
import trpo

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete

AGENTS = [ppo, trpo, a2c, acktr]
STATES = {
    'dict': Dict({'where': Box(-1, 1, (2, 2)), 'what': Discrete(3, start=2)}),
    'multi-discrete': MultiDiscrete([3, 4]),
    'multi-binary': MultiBinary(3),
    'whole numbers': Box(0, 9, (2,), np.int64),
    'start': Discrete(5, start=-2),
}
ACTIONS = {
    'start': Discrete(3, start=-1),
    'multi-discrete': MultiDiscrete([3, 2], start=[5, 0]),
    'multi-binary': MultiBinary((1, 2)),
    'matrix': Box(np.float64([[0.0, -1.0]]), np.float64([[0.1, 3.0]]), dtype=np.float64),
}
WANTED = {'start': -1, 'multi-discrete': [5, 1], 'multi-binary': [[1, 0]], 'matrix': [[0.1, 3.0]]}


class Wish(gym.Env):
    """Five steps that pay for being near one action; any action outside the space is an error."""

    def __init__(self, states, actions):
        spaces = copy.deepcopy((STATES[states], ACTIONS[actions]))  # each environment draws its own states
        (self.observation_space, self.action_space), self.wanted = spaces, WANTED[actions]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(int(self.np_random.integers(2**31)))
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.steps += 1
        reward = -float(np.abs(np.subtract(action, self.wanted)).sum())
        return self.observation_space.sample(), reward, False, self.steps == 5, {}


gym.register('Wish-v0', Wish, max_episode_steps=5)
QUICK = dict(steps=8192, batch_steps=512, num_envs=8, hidden=[16], episodes=20)
OWN = {ppo: dict(minibatch_size=64, epochs=4), trpo: dict(minibatch_size=64, critic_epochs=2), sac: dict(start_steps=512)}


@pytest.mark.whole
@pytest.mark.parametrize(
    ('agent', 'states', 'actions'),
    [
        (ppo, 'dict', 'multi-discrete'),
        pytest.param(trpo, 'multi-discrete', 'multi-discrete', marks=pytest.mark.slow),
        pytest.param(acktr, 'multi-binary', 'multi-discrete', marks=pytest.mark.slow),
        pytest.param(a2c, 'whole numbers', 'multi-binary', marks=pytest.mark.slow),
        pytest.param(ppo, 'start', 'start', marks=pytest.mark.slow),
        pytest.param(trpo, 'whole numbers', 'matrix', marks=pytest.mark.slow),
        pytest.param(sac, 'dict', 'matrix', marks=pytest.mark.slow),
    ],
)
def test_an_agent_learns_with_these_spaces_and_plays_outside(agent, states, actions, tmp_path):
    settings = dict(QUICK, **OWN.get(agent, {}))
    if agent is sac:
        settings |= dict(steps=3072, batch_steps=16, updates_per_step=1.0, minibatch_size=64, actor_lr=3e-3)
    if states == 'start':
        settings['steps'] *= 2
    trained = agent.train('Wish-v0', env_args=dict(states=states, actions=actions), out=tmp_path, **settings)
    loaded, env = agent.load_agent(trained.path), gym.make('Wish-v0', states=states, actions=actions).unwrapped
    state, _ = env.reset(seed=0)
    total = 0.0
    for _ in range(5):
        action = loaded.get_action(state, greedy=True)
        assert env.action_space.contains(action)
        assert env.action_space.contains(loaded.get_action(state))
        np.testing.assert_array_equal(action, trained.get_action(state, greedy=True))
        assert np.shape(loaded.get_value(state)) == ()
        state, reward, *_ = env.step(action)
        total += reward
    env.action_space.seed(0)
    random = np.mean([np.abs(np.subtract(env.action_space.sample(), env.wanted)).sum() for _ in range(500)])
    assert total / 5 > -0.35 * random, 'far better than random actions'


@pytest.mark.parametrize('agent', AGENTS)
def test_a_tuple_of_choices_makes_an_agent_without_an_environment(agent, tmp_path):
    name = agent.__name__.upper()
    made = getattr(agent, name)(4, (3, 2), None, settings=agent.Settings(hidden=(8,)))
    assert made.get_action(np.zeros(4)).shape == (2,)
    assert made.get_action(np.zeros((5, 4))).shape == (5, 2)
    made.save(tmp_path / 'agent.npz')
    loaded = agent.load_agent(tmp_path / 'agent.npz')
    states = np.random.default_rng(0).normal(size=(6, 4))
    np.testing.assert_array_equal(loaded.get_action(states, greedy=True), made.get_action(states, greedy=True))


@pytest.mark.parametrize(('agent', 'name'), [(ppo, 'PPO'), (ppo, 'PPO-Penalty'), (trpo, 'TRPO')])
def test_a_shipped_agent_takes_what_frozen_lake_gives(agent, name):
    """Whole numbers, one and several; and the one-hot vectors that the training sees."""
    shipped = agent.load_agent(f'model/{name}_FrozenLake-v1/pretrained.npz')
    env = gym.make('FrozenLake-v1')
    state, _ = env.reset(seed=0)
    vectors = np.eye(16, dtype=np.float32)
    assert shipped.get_action(0, greedy=True) == shipped.get_action(vectors[0], greedy=True)
    assert env.action_space.contains(shipped.get_action(state))
    assert np.shape(shipped.get_value(0)) == ()
    for method in (shipped.get_value, lambda states: shipped.get_action(states, greedy=True)):
        np.testing.assert_array_equal(method(np.arange(16)), method(vectors))


def test_a_new_agent_takes_what_frozen_lake_gives():
    env = gym.make('FrozenLake-v1')
    agent = ppo.PPO(16, 4, None, spaces=(env.observation_space, env.action_space))
    assert env.action_space.contains(agent.get_action(env.reset(seed=0)[0]))
    assert agent.get_action(np.arange(16)).shape == (16,)
