"""Evaluation: what is counted, and that it is the greedy policy."""

from pathlib import Path
from types import SimpleNamespace

import a2c
import ppo
import sac
from common.envs.making import TIME_LIMIT
from common.errors import UserError, naming_flags
from common.running import checkpoint, command_line, film
from common.running import evaluate as evaluation
from common.running.evaluate import evaluate

import gymnasium as gym
import numpy as np
import pytest

MODELS = Path(__file__).resolve().parents[3] / 'model'


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


def test_drawn_actions_are_those_of_an_agent_that_is_not_greedy(engine):
    assert np.mean(evaluate(Greedy(), 'CartPole-v1', 20, 5, engine=engine, greedy=False)) < 15


@pytest.mark.parametrize('number', [np.nan, np.inf])
def test_an_action_that_is_not_finite_ends_evaluation_and_film_in_one_line(number, engine, tmp_path):
    broken = SimpleNamespace(act=lambda state, greedy: np.full((len(state), 1), number, np.float32))
    with pytest.raises(UserError, match="the agent's actions are not finite numbers"):
        evaluate(broken, 'Pendulum-v1', 2, 2, engine=engine)
    if engine == 'gymnasium':
        with pytest.raises(UserError, match="the agent's actions are not finite numbers"):
            film.record(tmp_path / 'film', [(broken, '', 1)], 'Pendulum-v1', {}, 0, pictures=3, loop=2)


@naming_flags()
def play(agent, *argv):
    """What `--test` does with these flags."""
    options, _ = command_line.parse(
        agent.__doc__, agent.Settings, agent.PRESETS, ['--test', '--episodes', '2', *map(str, argv)]
    )
    path = Path(options.model)
    evaluation.test(agent.load_agent(path), path, options)


def changed(name, path, **fields):
    """A file that ships, with other fields in its record."""
    arrays, record = checkpoint.load(MODELS / name / 'pretrained.npz')
    checkpoint.save(path, arrays, record | fields)
    return path


def test_a_file_chooses_registered_environments_only(tmp_path, monkeypatch):
    """One that is in a module is imported once its name was typed, and not before."""
    (tmp_path / 'evil_file.py').write_text("open('it_ran', 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    path = changed('A2C_Pendulum-v1', 'evil.npz', env='evil_file:Evil-v0')
    with pytest.raises(UserError, match=r'evil\.npz names evil_file:Evil-v0, .* give --env evil_file:Evil-v0 yourself'):
        play(a2c, '--model', path)
    assert not (tmp_path / 'it_ran').exists()
    with pytest.raises(UserError, match='could not be made'):
        play(a2c, '--model', path, '--env', 'evil_file:Evil-v0')
    assert (tmp_path / 'it_ran').exists()


@pytest.mark.parametrize('env_args', [{'render_mode': 'human'}, {'max_episode_steps': -1}, {'disable_env_checker': True}])
def test_arguments_that_a_file_may_not_give_are_refused(env_args, tmp_path):
    path = changed('A2C_Pendulum-v1', tmp_path / 'x.npz', env_args=env_args)
    with pytest.raises(UserError, match=r'x\.npz asks for Pendulum-v1 with .*: if you trust it, give it yourself, --env-arg '):
        play(a2c, '--model', path)


def test_what_a_file_says_leaves_the_terminal_as_it_is(tmp_path, capsys):
    path = changed('A2C_Pendulum-v1', tmp_path / 'x.npz', env='\x1b]0;title\x07', processor='\x1b[31m')
    play(a2c, '--model', path, '--env', 'Pendulum-v1', '--env-arg', 'max_episode_steps=5')
    printed = ''.join(capsys.readouterr())
    assert r'trained on \x1b]0;title\x07' in printed
    assert '\x1b' not in printed


def test_an_argument_that_was_typed_replaces_that_of_the_file(tmp_path, capsys):
    path = changed('A2C_Pendulum-v1', tmp_path / 'x.npz', env_args={'max_episode_steps': -1, 'g': 9.81})
    play(a2c, '--model', path, '--env-arg', 'max_episode_steps=7')
    assert '| mean return: -' in capsys.readouterr().out


def test_an_agent_plays_in_another_environment_with_the_same_spaces(capsys):
    model = MODELS / 'PPO_HalfCheetah-v4/pretrained.npz'
    play(ppo, '--model', model, '--env', 'HalfCheetah-v5', '--sample', '--env-arg', 'max_episode_steps=20')
    printed = capsys.readouterr().out
    assert 'PPO on HalfCheetah-v5, trained on HalfCheetah-v4, 997,984 steps, seed 304' in printed
    assert 'Testing with drawn actions | mean return: ' in printed
    play(ppo, '--model', model, '--env-arg', 'max_episode_steps=20')
    printed = capsys.readouterr().out
    assert 'PPO on HalfCheetah-v4, 997,984 steps, seed 304\n' in printed
    assert 'Testing | mean return: ' in printed


def test_the_environment_of_a_file_does_not_lend_its_arguments_to_another(tmp_path, capsys):
    path = changed('A2C_Ant-v4_terminate_when_unhealthy=false', tmp_path / 'x.npz')
    play(a2c, '--model', path, '--env', 'Ant-v5', '--env-arg', 'include_cfrc_ext_in_observation=false')
    assert 'trained on Ant-v4' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('agent', 'name', 'env', 'words'),
    [
        (ppo, 'PPO_CartPole-v1', 'Pendulum-v1', 'has state_dim 4, but Pendulum-v1 has 3'),
        (ppo, 'PPO_CartPole-v1', 'TestFour-v0', 'has action_dim 2, but TestFour-v0 has 1'),
        (ppo, 'PPO_CartPole-v1', 'TestFive-v0', 'has discrete actions, but TestFive-v0 has Box ones'),
        (sac, 'SAC_Pendulum-v1', 'TestSix-v0', 'has Box actions, but TestSix-v0 has discrete ones'),
    ],
)
def test_an_environment_with_other_spaces_is_refused(agent, name, env, words):
    with pytest.raises(UserError, match=words):
        play(agent, '--model', MODELS / name / 'pretrained.npz', '--env', env)


def spaces(states, actions):
    """A class of environments that have these spaces, and nothing else."""
    return type('Spaces', (gym.Env,), dict(observation_space=gym.spaces.Box(-1, 1, (states,)), action_space=actions))


gym.register('TestFour-v0', spaces(4, gym.spaces.Box(-1, 1, (1,))))
gym.register('TestFive-v0', spaces(4, gym.spaces.Box(-1, 1, (2,))))
gym.register('TestSix-v0', spaces(3, gym.spaces.Discrete(1)))


def test_a_trial_run_is_not_taken_for_a_whole_one(tmp_path, capsys):
    path = changed('A2C_Pendulum-v1', tmp_path / 'x.npz', steps=5000)
    play(a2c, '--model', path)
    said = " (only 5,000 of the preset's 1,000,000 steps; --shipped tests the agent that ships)\n"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize('path', sorted(MODELS.glob('*_Pendulum-v1/*.npz')) + sorted(MODELS.glob('*_CartPole-v1/*.npz')))
def test_of_an_agent_that_ships_nothing_is_said(path, capsys):
    agent = {'A2C': a2c, 'PPO': ppo, 'SAC': sac}.get(path.parent.name.split('_')[0].split('-')[0])
    if agent:
        play(agent, '--model', path, '--env-arg', 'max_episode_steps=5')
        assert ' (' not in next(line for line in capsys.readouterr().out.splitlines() if line.startswith('Loaded'))
