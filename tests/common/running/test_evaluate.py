"""Evaluation: what is counted, and that it is the greedy policy."""

from types import SimpleNamespace

from common.envs.making import TIME_LIMIT
from common.running import evaluate as evaluation
from common.running.evaluate import evaluate

import gymnasium as gym
import numpy as np


class Greedy:
    """Pushes the cart the way the pole falls; away from it where it is not asked to be greedy."""

    def act(self, state, greedy=False):
        right = state[..., 2] + state[..., 3] > 0
        return (right if greedy else ~right).astype(np.int64)


def test_the_greedy_action_is_taken(engine):
    assert np.mean(evaluate(Greedy(), 'CartPole-v1', 20, 5, engine=engine)) > 150


def test_episodes_are_complete_and_as_many_as_asked(engine):
    """Pendulum's episodes have 200 steps: with torque 0 the returns are those of that many rewards, each at least -16.28."""
    agent = SimpleNamespace(act=lambda state, greedy: np.zeros((len(state), 1), np.float32))
    seen = []
    returns = evaluate(agent, 'Pendulum-v1', 130, 100, engine=engine, on_episode=lambda count, r: seen.append((count, r)))
    assert len(returns) == 130
    assert [count for count, _ in seen] == list(range(1, 131))
    assert (returns < 0).all()
    assert (returns > -16.28 * 200).all()
    np.testing.assert_array_equal([r for _, r in seen], returns)


class Coin(gym.Env):
    """An episode lasts 1 step or 50, by the toss of a coin, and each step is worth 1: the mean return is 25.5."""

    observation_space, action_space = gym.spaces.Box(0, 1, (1,)), gym.spaces.Discrete(2)

    def reset(self, seed=None, **_):
        super().reset(seed=seed)
        self.left = self.np_random.choice([1, 50])
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.left -= 1
        return np.zeros(1, np.float32), 1.0, self.left == 0, False, {}


gym.register('TestCoin-v0', Coin)


def test_short_episodes_are_not_counted_more_often():
    """The first 400 to finish would be short ones, nearly all; of 400 fixed beforehand half are."""
    anything = SimpleNamespace(act=lambda state, greedy: np.zeros(len(state), int))
    returns = evaluate(anything, 'TestCoin-v0', 400, 100)
    assert set(returns) == {1, 50}
    assert 0.4 < np.mean(returns == 1) < 0.6


def test_an_environment_without_a_time_limit_gets_one():
    """CliffWalking never ends for an agent that walks into the wall."""
    up = SimpleNamespace(act=lambda state, greedy: np.zeros(len(state), int))
    for engine in ('auto', 'gymnasium'):
        assert set(evaluate(up, 'CliffWalking-v1', 3, 3, engine=engine)) == {-TIME_LIMIT}


def test_same_seed_same_returns_and_another_seed_others():
    first, second, other = (evaluate(Greedy(), 'CartPole-v1', 30, 30, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


class Restless:
    """Random actions."""

    def __init__(self, action_dim):
        self.action_dim, self.rng = action_dim, np.random.default_rng(0)

    def act(self, state, greedy=False):
        return self.rng.uniform(-1, 1, (len(state), self.action_dim)).astype(np.float32)


def test_evaluation_draws_nothing(monkeypatch):
    monkeypatch.setattr('gymnasium.envs.mujoco.mujoco_rendering.OffScreenViewer.__init__', None)
    assert len(evaluate(Restless(6), 'HalfCheetah-v4', 3, 3, engine='gymnasium', env_args={'max_episode_steps': 5})) == 3


def test_a_test_shows_the_books_line_once_where_it_is_short(capsys):
    """Not twenty times the same time, as where all environments end together."""
    with evaluation.testing(40) as show:
        for count in range(1, 41):
            show(count, float(count))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith('Testing | Episode: 40/40 | Episode Reward: 40.0000 | Running Time: 0.')
    assert lines[0].endswith(' | Mean so far: 20.50')
