"""What the figures show is what lies in model/ and benchmarks/results/, and their agents act as the Python ones do."""

import csv
import importlib
import json
from pathlib import Path

from benchmarks.learning import cells
from common.buffers import RolloutBuffer
from common.envs import make_env

import figures_data
import gymnasium as gym
import numpy as np
import pytest
from javascript import evaluate, needs_node

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """The folder that the script fills."""
    folder = tmp_path_factory.mktemp('data')
    figures_data.write(folder)
    return folder


def states_of(env, agent):
    """States of whole episodes under random actions: reached, so within what the networks know, and just outside."""
    env, rng, states = make_env(env), np.random.default_rng(0), []
    for seed in range(10):
        state, _ = env.reset(seed=seed)
        over = False
        while not over:
            states.append(state)
            action = env.action_space.sample() if rng.random() < 0.5 else agent.get_action(state, greedy=True)
            state, _, terminated, truncated, _ = env.step(action)
            over = terminated or truncated
    return np.array(states)[:400]


def loaded(name):
    path = ROOT / 'model' / name / 'pretrained.npz'
    return importlib.import_module(name.split('_')[0].split('-')[0].lower()).load_agent(path)


def shipped():
    names = (path.parent.name for path in sorted(ROOT.glob('model/*/pretrained.npz')))
    return [name for name in names if name.partition('_')[2] in ('Pendulum-v1', 'CartPole-v1', 'FrozenLake-v1')]


def test_every_agent_of_the_three_environments_is_there(data):
    index = json.loads((data / 'agents.json').read_text())
    assert [one['name'] for one in index] == shipped()
    assert sorted(path.stem for path in (data / 'agents').iterdir()) == shipped()
    for one in index:
        assert one['name'] == f'{one["algorithm"]}_{one["env"]}'
        assert one['evaluation']['episodes'] >= 100


@needs_node
@pytest.mark.parametrize('name', shipped())
def test_policies_and_values_against_the_agents(data, name):
    agent = loaded(name)
    env = name.partition('_')[2]
    states = states_of(env, agent)
    file = json.loads((data / 'agents' / f'{name}.json').read_text())
    actions, values, policies = evaluate(
        'math/network',
        """(({ file, states }) => {
          const agent = network.makeAgent(file);
          const policies = states.map(agent.policy).map((pi) => pi.probabilities ?? [...pi.mean, ...pi.std]);
          return [states.map(agent.action), states.map(agent.value), policies];
        })(given)""",
        file=file,
        states=states,
    )
    expected = agent.get_action(states, greedy=True)
    np.testing.assert_allclose(actions, expected, atol=1e-5)
    np.testing.assert_allclose(values, agent.get_value(states.astype(np.float32)), rtol=1e-4, atol=1e-4)
    pi = agent.policy(agent.normalizer.normalize(states) if hasattr(agent, 'normalizer') else states)
    if len(pi) == 1:
        powers = np.exp(pi[0] - pi[0].max(-1, keepdims=True))
        np.testing.assert_allclose(policies, powers / powers.sum(-1, keepdims=True), atol=1e-5)
    else:
        mean, log_std = pi
        both = np.concatenate([mean, np.exp(np.broadcast_to(log_std, mean.shape))], axis=-1)
        np.testing.assert_allclose(policies, both, rtol=1e-4, atol=1e-5)


@needs_node
@pytest.mark.parametrize(('gamma', 'lam'), [(0.99, 0.95), (0.9, 0.0), (1.0, 1.0)])
@pytest.mark.parametrize('end', ['terminated', 'truncated'])
def test_advantages_against_the_buffer(data, end, gamma, lam):
    recorded = json.loads((data / 'trajectories.json').read_text())['episodes'][end]
    found = evaluate(
        'math/advantages', 'advantages.advantages(given.one, given.gamma, given.lam)', one=recorded, gamma=gamma, lam=lam
    )
    rewards, values, ends = (recorded[part] for part in ('rewards', 'values', 'ends'))
    assert len(values) == len(rewards) + 1
    assert ends == [None] * (len(rewards) - 1) + [end]
    expected = by_the_buffer(rewards, values, ends, gamma, lam)
    np.testing.assert_allclose(found['advantages'], expected, atol=2e-4)


@needs_node
def test_advantages_across_several_ends_and_the_cut_of_a_batch():
    """Episodes follow each other; the value that stands behind an ended step is its own final state's."""
    rng = np.random.default_rng(0)
    ends = [None, 'terminated', None, None, 'truncated', None, None]
    rewards, values = rng.normal(size=7), rng.normal(size=8)
    found, weights = evaluate(
        'math/advantages',
        '[advantages.advantages(given, 0.9, 0.8), given.rewards.map((_, t) => advantages.weights(given, t, 0.9, 0.8))]',
        rewards=rewards,
        values=values,
        ends=ends,
    )
    expected = by_the_buffer(rewards, values, ends, 0.9, 0.8)
    np.testing.assert_allclose(found['advantages'], expected, atol=1e-6)
    np.testing.assert_allclose(np.array(weights) @ found['deltas'], expected, atol=1e-6)
    td_errors = by_the_buffer(rewards, values, ends, 0.9, 0.0)
    np.testing.assert_allclose(found['deltas'], td_errors, atol=1e-6)


def by_the_buffer(rewards, values, ends, gamma, lam):
    """The advantages that RolloutBuffer computes where V(s) = s."""
    buf = RolloutBuffer(len(rewards), 1, 1, (), np.int32, gamma, lam)
    for value, reward, end in zip(values[:-1], rewards, ends, strict=True):
        buf.store(np.float32([[value]]), [0], reward, [end == 'terminated'], [end == 'truncated'], [True])
    buf.finish_path(np.float32([[values[-1]]]), lambda states: states[:, 0])
    return buf.advantages[:, 0]


def test_curves_are_those_of_the_reported_runs(data):
    curves = json.loads((data / 'curves.json').read_text())
    with open(ROOT / 'benchmarks/results/curves.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    reported = {(row['env'], row['agent'], row['seed']) for found in cells.reported().values() for row in found}
    rows = [row for row in rows if (row['env'], row['agent'], row['seed']) in reported]
    points = [
        (env, agent, seed, kind, steps, value)
        for env, agents in curves.items()
        for agent, seeds in agents.items()
        for seed, kinds in seeds.items()
        for kind, line in kinds.items()
        for steps, value in line
    ]
    expected = [
        (*(row[name] for name in ('env', 'agent', 'seed', 'kind')), int(row['steps']), float(row['mean_return']))
        for row in rows
    ]
    assert min(int(seed) for _, _, seed, *_ in points) >= 100
    for (*found, value), (*key, mean_return) in zip(sorted(points), sorted(expected), strict=True):
        assert found == key
        np.testing.assert_allclose(value, mean_return, rtol=1e-6)


@needs_node
@pytest.mark.parametrize('name', [name for name in shipped() if name.endswith('Pendulum-v1')])
def test_an_agent_in_the_page_lives_through_the_same_episode_as_in_gymnasium(data, name):
    """Policy and physics together, every state of an episode from the same start: the agent corrects what rounding does."""
    agent, env = loaded(name), gym.make('Pendulum-v1')
    for seed in range(3):
        state, _ = env.reset(seed=seed)
        expected, over = [env.unwrapped.state], False
        while not over:
            state, _, _, over, _ = env.step(agent.get_action(state, greedy=True))
            expected.append(env.unwrapped.state)
        found = evaluate(
            ['math/pendulum', 'math/network'],
            """(({ file, start: [theta, speed] }) => {
              const agent = network.makeAgent(file);
              const states = [{ theta, speed }];
              while (states.length <= pendulum.STEPS) {
                const action = agent.action(pendulum.observe(states.at(-1)))[0];
                states.push(pendulum.step(states.at(-1), action).state);
              }
              return states.map((state) => [state.theta, state.speed]);
            })(given)""",
            file=json.loads((data / 'agents' / f'{name}.json').read_text()),
            start=expected[0],
        )
        np.testing.assert_allclose(found, expected, atol=1e-5)
