"""`train` in a reader's own program: environments as classes and functions, settings by name, and what is wrong in one line."""

import functools
import json
import random

import ppo
import sac
from common.envs import in_words, recorded, registered
from common.envs.own import split_data
from common.errors import UserError
from common.running.call import check_options
from common.running.folders import agent_name

import gymnasium as gym
import numpy as np
import pytest
from own_envs import Track, Unseeded

QUICK = dict(steps=1024, batch_steps=512, num_envs=4, epochs=1, minibatch_size=256, hidden=(8,), episodes=2)


def train(env, out, agent=ppo, **options):
    return agent.train(env, out=out, **QUICK | options)


def weights(agent):
    return b''.join(weight.numpy().tobytes() for weight in agent.actor.all_weights)


@pytest.mark.usefixtures('bare_runs')
def test_a_class_a_function_and_an_id_train_the_same_agent(tmp_path):
    gym.register('Track-v0', Track)
    agents = [train(env, tmp_path / str(i)) for i, env in enumerate((Track, lambda: Track(), 'Track-v0'))]
    assert len({weights(agent) for agent in agents}) == 1
    del gym.registry['Track-v0']
    assert train(Track, tmp_path, name='again').path.parent.parent.name == 'PPO_own-Track-v0'


@pytest.mark.usefixtures('bare_runs')
def test_arguments_may_be_data_and_the_record_describes_them(tmp_path):
    pushes = np.linspace(0, 1, 10_000)
    agent = train(Track, tmp_path, env_args={'push': pushes})
    assert len(agent.path.parent.parent.name) < 40
    record = json.loads((tmp_path / 'image' / agent.path.parent.parent.name / 'seed0.json').read_text())
    assert record['env_args']['push'] == recorded({'push': pushes.copy()})['push']
    assert record['env_args']['push'] != recorded({'push': pushes + 1})['push']
    with pytest.raises(UserError, match='was trained in a class or a function: pass it as env again'):
        ppo.train(start_from=agent.path, out=tmp_path)


def test_a_registered_class_keeps_its_time_limit():
    gym.register('Limited-v0', Track, max_episode_steps=7)
    assert registered(Track) == 'Limited-v0'
    del gym.registry['Limited-v0']


@pytest.mark.parametrize(
    ('arguments', 'name'),
    [
        ({}, 'PPO_X-v0'),
        ({'is_slippery': False}, 'PPO_X-v0_is_slippery=false'),
        ({'b': 1, 'a': 'x/y'}, 'PPO_X-v0_a=x-y_b=1'),
        ({'desc': ['SF', 'HG']}, 'PPO_X-v0_with_'),
        ({'text': 'x' * 300}, 'PPO_X-v0_with_'),
        ({'data': np.zeros((1000, 1000))}, 'PPO_X-v0_with_'),
    ],
)
def test_the_name_of_a_folder_is_short_whatever_the_arguments(arguments, name):
    found = agent_name('PPO', 'X-v0', arguments)
    assert found.startswith(name)
    assert len(found) == len(name) + 8 * name.endswith('with_')


@pytest.mark.usefixtures('bare_runs')
def test_environments_that_draw_from_global_generators_repeat(tmp_path):
    random.seed(1)
    np.random.seed(1)
    first = train(Unseeded, tmp_path, seed=3)
    left = random.random(), np.random.random()
    again = train(Unseeded, tmp_path, seed=3, test_every=300)  # tests draw, too
    other = train(Unseeded, tmp_path, seed=4)
    assert weights(first) == weights(again) != weights(other)
    random.seed(1)
    np.random.seed(1)
    assert left == (random.random(), np.random.random()), "the program's own random numbers are as without the training"


@pytest.mark.usefixtures('bare_runs')
def test_numbers_may_be_numpys(tmp_path):
    numpys = dict(seed=np.int64(3), gamma=np.float32(0.5), steps=np.int32(1024), hidden=np.array([8]), episodes=np.int64(2))
    assert train(Track, tmp_path, **numpys).settings.gamma == 0.5


@pytest.mark.usefixtures('bare_runs')
def test_numbers_may_be_written_as_for_the_flags(tmp_path):
    seen = []
    callback = functools.partial(lambda more, run, losses: seen.append(more), 1)
    agent = train(Track, tmp_path, steps=1.024e3, hidden=8, batch_steps=np.float64(512), test_every=1e3, on_update=callback)
    assert (agent.settings.steps, agent.settings.hidden, agent.settings.batch_steps) == (1024, (8,), 512)
    assert type(agent.settings.steps) is int
    assert seen == [1, 1]


@pytest.mark.parametrize('function', [print, dict, lambda *_: None, lambda run, losses, more=1: None])
def test_other_functions_of_two_may_be_called_after_updates(function):
    check_options({'on_update': function})


def test_tuples_are_recorded_as_lists():
    assert recorded({'size': (2, 3), 'map': [(1, 2), {'a': (3,)}]}) == {'size': [2, 3], 'map': [[1, 2], {'a': [3]}]}
    assert set(recorded({'data': (np.zeros(2), 3)})['data']) == {'type', 'shape', 'digest'}
    plain = split_data({'size': (2, 3)})[0]
    assert plain == {'size': (2, 3)}, 'the environment gets what was given'
    assert in_words({'size': (2, 3)}) == 'size=(2, 3)'


@pytest.mark.parametrize(
    ('env', 'options', 'words'),
    [
        (Track(), {}, 'env is a Track object, but a run makes several environments: pass the class, Track, or a function'),
        (7, {}, 'env is 7: it must be an id such as CartPole-v1, a class, or a function'),
        ('CartPole-v1', dict(clp=0.3), r'train\(\) takes no clp \(nearest: clip'),
        ('CartPole-v1', dict(learning_rate=3e-4), r'train\(\) takes no learning_rate \(nearest: actor_lr, critic_lr'),
        ('CartPole-v1', dict(ent_coef=0.0), r'train\(\) takes no ent_coef \(nearest: entropy'),
        ('CartPole-v1', dict(steps=20_000.5), '^steps=20000.5 does not have the type of its default'),
        ('CartPole-v1', dict(hidden=True), '^hidden=True does not have the type of its default'),
        ('CartPole-v1', dict(hidden='64'), "^hidden='64' does not have the type of its default"),
        ('CartPole-v1', dict(clip='0.3'), "^clip='0.3' does not have the type of its default"),
        ('CartPole-v1', dict(gamma=2.0), r'^gamma=2.0 is out of range: it must be at most'),
        ('CartPole-v1', dict(batch_steps=1000, minibatch_size=300), 'minibatch_size=300 does not divide batch_steps=1000; 250'),
        ('CartPole-v1', dict(steps=10), '^steps=10 is less than one batch of batch_steps='),
        ('CartPole-v1', dict(seed=-1), '^seed=-1 is out of range'),
        ('CartPole-v1', dict(seed=None), '^seed=None is out of range: it must be a whole number'),
        ('CartPole-v1', dict(seed='0'), "^seed='0' is out of range: it must be a whole number"),
        ('CartPole-v1', dict(episodes=0), '^episodes=0 is out of range: it must be at least 1'),
        ('CartPole-v1', dict(test_every=2.5), '^test_every=2.5 is not valid: it must be a whole number of at least 0'),
        ('CartPole-v1', dict(engine='gpu'), "^engine='gpu' is not one of auto, envpool, gymnasium"),
        ('CartPole-v1', dict(name='a/b'), "^name='a/b' cannot name a run"),
        ('CartPole-v1', dict(on_update=3), '^on_update=3 is not valid: it must be a function'),
        ('CartPole-v1', dict(on_update=lambda run: None), 'is not valid: it must be a function of the run and the losses$'),
        ('CartPole-v1', dict(on_update=lambda run, losses, more: None), 'it must be a function of the run and the losses$'),
        ('CartPole-v1', dict(stop_at='high'), "^stop_at='high' is not valid: it must be a finite number"),
        ('CartPole-v1', dict(stop_at=float('nan')), '^stop_at=nan is not valid: it must be a finite number'),
        ('CartPole-v1', dict(stop_at=-float('inf')), '^stop_at=-inf is not valid: it must be a finite number'),
        ('CartPole-v1', dict(keep_best=True), '^keep_best keeps the agent that does best in the tests of test_every'),
        ('CartPole-v1', dict(env_args=['a']), r"^env_args is \['a'\]: it must be a dict"),
        ('CartPole-v1', dict(env_args=3), '^env_args is 3: it must be a dict'),
        ('CartPole-v1', dict(settings={'clip': 0.3}), 'it must be an object of ppo.Settings'),
        ('CartPole-v1', dict(start_from=3), '^start_from is 3: it must be an agent, or the path of an agent file'),
        ('CartPole-v1', dict(start_from='nowhere.npz'), 'there is no file nowhere.npz'),
        ('CartPole-v1', dict(batch_steps=512, rollout_steps=256), 'rollout_steps and batch_steps are the same setting'),
    ],
)  # fmt: skip
def test_a_wrong_call_is_answered_in_the_words_of_python(env, options, words, tmp_path):
    with pytest.raises(UserError, match=words) as caught:
        ppo.train(env, out=tmp_path, **options)
    assert '\n' not in str(caught.value)
    assert '--' not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_missing_time_limit_is_said(tmp_path, capsys, bare_runs):
    train(lambda: Track(), tmp_path)
    assert "own/lambda-v0 sets no time limit, so its episodes end after 1,000 steps; env_args={'max_episode_steps': N}" in (
        capsys.readouterr().out
    )
    train(Track, tmp_path, env_args={'max_episode_steps': 10})
    assert 'time limit' not in capsys.readouterr().out


def test_an_agent_of_another_algorithm_is_no_start(tmp_path):
    with pytest.raises(UserError, match='holds an agent of PPO: start_from needs an agent of the same algorithm'):
        sac.train('Pendulum-v1', start_from='model/PPO_Pendulum-v1/pretrained.npz', out=tmp_path)
