"""The code of the page on taking an agent elsewhere, as it stands there, against `get_action`."""

import ast
import importlib
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import ppo
from common.backend import tf

import gymnasium as gym
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'export.md').read_text(encoding='utf-8')
FILES = {name: f'# {name}{code}' for name, code in re.findall(r'^```python\n# (\w+\.py)(\n.*?)^```', PAGE, re.S | re.M)}
SHIPPED = (
    'PPO_Pendulum-v1',
    'SAC_Pendulum-v1',
    'TRPO_CartPole-v1',
    'A2C_HalfCheetah-v4',
    'SAC_HalfCheetah-v4',
    'ACKTR_CartPole-v1',
)
RNG = np.random.default_rng(0)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files of the page in a folder of their own, from which they are imported; `model/` is the project's."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / 'model').symlink_to(ROOT / 'model')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name.removesuffix('.py'), None)


def states(count, size):
    return RNG.normal(size=(count, size)).astype(np.float32)


def compare(policy, agent, exact):
    """One state after the other, then the batch at once."""
    batch = states(50, agent.state_space.dim)
    wanted = agent.get_action(batch, greedy=True)
    for found in (np.array([policy(state) for state in batch]), policy(batch)):
        assert found.shape == wanted.shape
        if exact:
            np.testing.assert_array_equal(found, wanted)
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_numpy_alone_plays_the_agents_that_ship(files):
    imported = {
        name.name for node in ast.walk(ast.parse(FILES['play.py'])) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported == {'json', 'numpy'}
    play = importlib.import_module('play')
    for name in SHIPPED:
        path = f'model/{name}/pretrained.npz'
        module = importlib.import_module(name.split('_')[0].lower())
        compare(play.load(path), module.load_agent(path), exact='CartPole' in name)


class Sorting(gym.Env):
    """Dict states and MultiDiscrete actions: name the tray and the colour that the state shows."""

    observation_space = gym.spaces.Dict({'tray': gym.spaces.Discrete(3), 'colour': gym.spaces.MultiBinary(2)})
    action_space = gym.spaces.MultiDiscrete([3, 4])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 8
        return self.shown(), {}

    def shown(self):
        self.tray, self.colour = self.np_random.integers(3), self.np_random.integers(0, 2, 2, dtype=np.int8)
        return {'tray': self.tray, 'colour': self.colour}

    def step(self, action):
        reward = float(action[0] == self.tray) + float(action[1] == 2 * self.colour[0] + self.colour[1])
        self.left -= 1
        return self.shown(), reward, self.left == 0, False, {}


@pytest.mark.slow
def test_ones_own_environment_trained_stopped_trained_on_exported_and_played(files, capsys):
    """Random actions earn 8 * (1/3 + 1/4) = 4.7 of 16."""
    heard = []

    def stop_early(run, losses):
        heard.append(run.steps)
        return len(heard) < 3

    quick = dict(out=files / 'own', steps=20_480, batch_steps=512, minibatch_size=64, num_envs=8, hidden=(32,), episodes=20)
    first = ppo.train(Sorting, on_update=stop_early, **quick)
    assert 'on_update returned False' in capsys.readouterr().out
    assert heard[-1] == 3 * 512
    agent = ppo.train(Sorting, start_from=first, stop_at=15, **quick)
    policy = importlib.import_module('play').load(agent.path)
    env, returns = Sorting(), []
    for seed in range(10):
        state, _ = env.reset(seed=seed)
        returns.append(0.0)
        while env.left:
            vector = gym.spaces.flatten(Sorting.observation_space, state)
            action = policy(vector)
            assert Sorting.action_space.contains(action)
            np.testing.assert_array_equal(action, agent.get_action(state, greedy=True))
            state, reward, *_ = env.step(action)
            returns[-1] += reward
    assert np.mean(returns) > 14


@pytest.mark.parametrize('space', [gym.spaces.Discrete(3, start=-1), gym.spaces.MultiDiscrete([2, 3], start=[5, -1])], ids=str)
def test_numpy_alone_plays_other_discrete_spaces(space, files):
    spaces = gym.spaces.Box(-1, 1, (4,)), space
    action_dim = 3 if isinstance(space, gym.spaces.Discrete) else (2, 3)
    agent = ppo.PPO(4, action_dim, None, settings=ppo.Settings(hidden=(8,), activation='tanh', normalize=True), spaces=spaces)
    for weights in agent.actor.trainable_weights:
        weights.assign(RNG.normal(size=weights.shape).astype(np.float32))
    agent.normalizer.state_moments.update(3 + 2 * states(100, 4))
    agent.save(files / 'agent.npz')
    loaded = ppo.load_agent(files / 'agent.npz')
    compare(importlib.import_module('play').load(files / 'agent.npz'), loaded, exact=True)


AGENTS = {
    'PPO_HalfCheetah-v4': {},
    'PPO_CartPole-v1': {},
    'SAC_Pendulum-v1': {
        'import ppo': 'import sac as ppo',
        'if agent.settings.normalize:': 'if False:',
        'return agent.actor(states)[0]': re.search(r'by the line `(.*?)`', PAGE)[1],
    },
}


@pytest.mark.parametrize('name', AGENTS)
@pytest.mark.parametrize('kind', ['tflite', 'onnx'])
def test_converted_agents_play_the_same_actions(kind, name, files, monkeypatch):
    if kind == 'onnx' and not all(map(find_spec, ('tf2onnx', 'onnxruntime'))):
        pytest.skip('tf2onnx and onnxruntime are installed on Linux only: see requirements-dev.txt')
    if not find_spec('ai_edge_litert'):
        monkeypatch.setitem(sys.modules, 'ai_edge_litert', ModuleType('ai_edge_litert'))
        monkeypatch.setitem(sys.modules, 'ai_edge_litert.interpreter', tf.lite)
    text = FILES['greedy.py'].replace('PPO_HalfCheetah-v4', name)
    for old, new in AGENTS[name].items():
        assert old in text
        text = text.replace(old, new)
    (files / 'greedy.py').write_text(text)
    importlib.import_module(f'to_{kind}')
    agent = importlib.import_module('greedy').agent
    policy = importlib.import_module(f'play_{kind}').policy
    batch = states(50, agent.state_space.dim)
    found, wanted = np.array([policy(state) for state in batch]), agent.get_action(batch, greedy=True)
    if agent.action_space.discrete:
        assert (found.argmax(-1) == wanted).sum() == 50
    else:
        np.testing.assert_allclose(np.clip(found, *agent.action_space.action_bound), wanted, atol=1e-5)
