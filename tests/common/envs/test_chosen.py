"""What a file may choose: environments that are registered, and arguments of their constructors."""

import sys

from common.envs import check_chosen
from common.errors import UserError

import gymnasium as gym
import pytest


def test_a_module_is_imported_only_where_its_name_was_typed(tmp_path, monkeypatch):
    (tmp_path / 'evil_env.py').write_text("open('it_ran', 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"agent\.npz names evil_env:X-v0, .*, give env='evil_env:X-v0' yourself"):
        check_chosen('agent.npz', 'evil_env:X-v0', {}, False)
    check_chosen('agent.npz', 'evil_env:X-v0', {'any': 1}, True)
    with pytest.raises(UserError, match='asks for evil_env:X-v0 with render_mode="human"'):
        check_chosen('agent.npz', 'evil_env:X-v0', {'render_mode': 'human'}, True)
    assert 'evil_env' not in sys.modules
    assert not (tmp_path / 'it_ran').exists()


@pytest.mark.parametrize(
    ('env', 'env_args'),
    [
        ('FrozenLake-v1', {'is_slippery': False, 'map_name': '8x8', 'max_episode_steps': 100}),
        ('FrozenLake-v1', {'desc': ['SFF', 'FHF', 'FFG']}),
        ('HalfCheetah-v4', {'forward_reward_weight': 2.0, 'exclude_current_positions_from_observation': False}),
        ('Ant-v4', {'terminate_when_unhealthy': False, 'frame_skip': 5}),
        ('LunarLander-v3', {'continuous': True}),
    ],
)
def test_arguments_of_the_constructor_pass(env, env_args):
    check_chosen('agent.npz', env, env_args, False)


@pytest.mark.parametrize(
    'env_args',
    [
        {'render_mode': 'human'},
        {'width': 10**9},
        {'camera_id': 0},
        {'disable_env_checker': False},
        {'id': 'CartPole-v1'},
        {'apply_api_compatibility': True},
        {'nonsense': 1},
        {'self': 1},
        {'kwargs': {}},
        {'max_episode_steps': -1},
        {'max_episode_steps': 0},
        {'max_episode_steps': True},
        {'max_episode_steps': 2.5},
        {'max_episode_steps': None},
        {'max_episode_steps': 10**7},
        {'xml_file': '/dev/zero'},
        {'xml_file': './mine.xml'},
        {'forward_reward_weight': {'a': ['module:Env-v0']}},
        {'forward_reward_weight': [0.5] * 10_000},
    ],
)
def test_other_arguments_are_named_and_refused(env_args):
    with pytest.raises(
        UserError, match=r'^agent\.npz (asks for|holds more than 10,000 .* for) HalfCheetah-v5.*env_args='
    ) as refused:
        check_chosen('agent.npz', 'HalfCheetah-v5', env_args, False)
    assert len(str(refused.value)) < 250


def test_an_environment_that_nobody_registered_is_refused():
    with pytest.raises(UserError, match=r"unknown environment 'Pendulun-v1'"):
        check_chosen('agent.npz', 'Pendulun-v1', {}, False)


def test_a_function_that_makes_an_environment_has_arguments_too():
    gym.register('TestChosen-v0', lambda size, *, depth=1: None, kwargs={'colour': 1})
    check_chosen('agent.npz', 'TestChosen-v0', {'size': 3, 'depth': 2, 'colour': 2}, False)
    with pytest.raises(UserError, match='asks for TestChosen-v0 with other=3'):
        check_chosen('agent.npz', 'TestChosen-v0', {'other': 3}, False)
