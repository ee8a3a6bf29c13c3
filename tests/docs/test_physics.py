"""The environments of the figures are Gymnasium's: whole episodes, state by state and reward by reward."""

from pathlib import Path

import ppo

import gymnasium as gym
import numpy as np
import pytest
from javascript import evaluate, needs_node

pytestmark = needs_node
ROOT = Path(__file__).resolve().parents[2]
# Upright is unstable: a difference in the last bit of a sine grows by about 50 in a second, and with the same actions nothing
# brings it back. Episodes that agents balance are compared in stretches of this many steps, others as wholes.
STRETCH = {True: 50, False: 500}


def agent(env):
    return ppo.load_agent(ROOT / 'model' / f'PPO_{env}' / 'pretrained.npz')


def play(env, choose, seed):
    """An episode of Gymnasium: states (steps + 1, ...) as the physics has them, observations, actions, rewards, the end."""
    env = gym.make(env)
    observation, _ = env.reset(seed=seed)
    states, observations, actions, rewards = [np.array(env.unwrapped.state)], [observation], [], []
    over = False
    while not over:
        action = choose(observation)
        observation, reward, terminated, truncated, _ = env.step(action)
        actions.append(float(np.reshape(action, -1)[0]))
        states.append(np.array(env.unwrapped.state))
        observations.append(observation)
        rewards.append(float(reward))
        over = terminated or truncated
    return np.array(states), np.array(observations), actions, rewards, terminated


def torques(kind, rng):
    if kind == 'agent':
        policy = agent('Pendulum-v1')
        return lambda state: policy.get_action(state, greedy=True)
    scale = {'too much': 5.0, 'random': 2.0}[kind]
    return lambda _: rng.uniform(-scale, scale, 1).astype(np.float32)


@pytest.mark.parametrize('kind', ['agent', 'random', 'too much'])
def test_pendulum(kind):
    for seed in range(5):
        expected, observations, actions, rewards, _ = play('Pendulum-v1', torques(kind, np.random.default_rng(seed)), seed)
        states, seen, received = evaluate(
            'math/pendulum',
            """(({ expected, actions, stretch }) => {
              let state;
              const results = actions.map((action, t) => {
                if (t % stretch === 0) state = { theta: expected[t][0], speed: expected[t][1] };
                const result = pendulum.step(state, action);
                state = result.state;
                return result;
              });
              return [
                results.map(({ state }) => [state.theta, state.speed]),
                results.map(({ state }) => pendulum.observe(state)),
                results.map(({ reward }) => reward),
              ];
            })(given)""",
            expected=expected,
            actions=actions,
            stretch=STRETCH[kind == 'agent'],
        )
        assert len(actions) == 200
        np.testing.assert_allclose(states, expected[1:], atol=1e-5)
        np.testing.assert_allclose(seen, observations[1:], atol=1e-5)
        np.testing.assert_allclose(received, rewards, atol=1e-5)


def directions(kind, rng):
    if kind == 'agent':
        policy = agent('CartPole-v1')
        return lambda state: int(policy.get_action(state, greedy=True))
    return lambda _: int(rng.integers(2))


@pytest.mark.parametrize('kind', ['agent', 'random'])
def test_cart_pole(kind):
    for seed in range(3):
        choose = directions(kind, np.random.default_rng(seed))
        expected, observations, actions, rewards, terminated = play('CartPole-v1', choose, seed)
        states, seen, received, falls = evaluate(
            'math/cart_pole',
            """(({ expected, actions, stretch }) => {
              let state;
              const results = actions.map((action, t) => {
                const [x, xSpeed, theta, thetaSpeed] = expected[t];
                if (t % stretch === 0) state = { x, xSpeed, theta, thetaSpeed };
                const result = cart_pole.step(state, action);
                state = result.state;
                return result;
              });
              return [
                results.map(({ state: s }) => [s.x, s.xSpeed, s.theta, s.thetaSpeed]),
                results.map(({ state }) => cart_pole.observe(state)),
                results.map(({ reward }) => reward),
                results.map(({ terminated }) => terminated),
              ];
            })(given)""",
            expected=expected,
            actions=actions,
            stretch=STRETCH[kind == 'agent'],
        )
        assert terminated == (kind == 'random')
        np.testing.assert_allclose(states, expected[1:], atol=1e-5)
        np.testing.assert_allclose(seen, observations[1:], atol=1e-5)
        np.testing.assert_array_equal(received, rewards)
        assert falls == [False] * (len(actions) - 1) + [terminated]


@pytest.mark.parametrize('state', [[2.39, 1, 0, 0], [-2.39, -1, 0, 0], [0, 0, 0.2, 1], [0, 0, -0.2, -1], [2.3, 1, 0.1, 0.1]])
def test_cart_pole_ends_at_either_limit(state):
    env = gym.make('CartPole-v1').unwrapped
    env.reset()
    env.state = np.array(state, np.float64)
    *_, expected, _, _ = env.step(1)
    found = evaluate(
        'math/cart_pole',
        '(([x, xSpeed, theta, thetaSpeed]) => cart_pole.step({ x, xSpeed, theta, thetaSpeed }, 1).terminated)(given.state)',
        state=state,
    )
    assert found == expected == (state[0] != 2.3)


def test_a_push_is_a_torque_or_a_force_more():
    """Beyond the agent's limit, too: two units of torque and three of push turn as five units would."""
    still, pushed, cart = evaluate(
        ['math/pendulum', 'math/cart_pole'],
        """[
          pendulum.step({ theta: 0, speed: 0 }, 2).state.speed,
          pendulum.step({ theta: 0, speed: 0 }, 2, 3).state.speed,
          [[0, 0], [1, -20]].map((how) => cart_pole.step({ x: 0, xSpeed: 0, theta: 0, thetaSpeed: 0 }, ...how).state.xSpeed),
        ]""",
    )
    np.testing.assert_allclose([still, pushed], [3 * 2 * 0.05, 3 * 5 * 0.05])
    assert cart[0] == cart[1] < 0


@pytest.mark.parametrize('slippery', [True, False])
def test_frozen_lake_whole_episodes_on_the_same_draws(slippery):
    env = gym.make('FrozenLake-v1', is_slippery=slippery)
    rng = np.random.default_rng(0)
    expected, cases = [], []
    for seed in range(40):
        state, _ = env.reset(seed=seed)
        over = False
        while not over:
            action = int(rng.integers(4))
            generator = env.unwrapped.np_random.bit_generator
            before = generator.state
            drawn = env.unwrapped.np_random.random()  # the number that the step is about to draw
            generator.state = before
            next_state, reward, terminated, truncated, _ = env.step(action)
            cases.append([int(state), action, drawn])
            expected.append([int(next_state), int(reward), bool(terminated)])
            state, over = next_state, terminated or truncated
    found = evaluate(
        'math/frozen_lake',
        """given.cases.map(([state, action, drawn]) => {
          const result = frozen_lake.step(state, action, drawn, given.slippery);
          return [result.state, result.reward, result.terminated];
        })""",
        cases=cases,
        slippery=slippery,
    )
    assert found == expected
    assert {3, 5, 7, 11, 12}.intersection(state for state, *_ in expected)


def test_frozen_lake_transitions_are_gymnasiums():
    """Every field and action, probabilities included; the rest of the map as well."""
    for slippery in (True, False):
        env = gym.make('FrozenLake-v1', is_slippery=slippery).unwrapped
        found = evaluate(
            'math/frozen_lake',
            """Array.from({ length: 16 }, (_, state) => [0, 1, 2, 3].map((action) =>
              frozen_lake.transitions(action, given.slippery).map(([p, moved]) => [p, frozen_lake.move(state, moved)])))""",
            slippery=slippery,
        )
        for state, actions in env.P.items():
            if env.desc.ravel()[state] in b'GH':
                continue
            for action, ways in actions.items():
                np.testing.assert_allclose(found[state][action], [way[:2] for way in ways])
    board = evaluate('math/frozen_lake', '[frozen_lake.MAP, frozen_lake.observe(6)]')
    assert board == [[row.tobytes().decode() for row in env.desc], np.eye(16)[6].tolist()]


@pytest.mark.parametrize(
    ('module', 'env', 'steps', 'seconds'), [('pendulum', 'Pendulum-v1', 200, 0.05), ('cart_pole', 'CartPole-v1', 500, 0.02)]
)
def test_limits(module, env, steps, seconds):
    made = gym.make(env)
    physics = made.unwrapped
    found = evaluate(f'math/{module}', f'[{module}.STEPS, {module}.SECONDS]')
    assert found == [steps, seconds] == [made.spec.max_episode_steps, getattr(physics, 'dt', None) or physics.tau]
    assert evaluate('math/frozen_lake', 'frozen_lake.STEPS') == gym.make('FrozenLake-v1').spec.max_episode_steps


def test_starts_are_drawn_as_gymnasiums_are():
    starts = evaluate(
        ['math/pendulum', 'math/cart_pole'],
        """(() => {
          const ends = [() => 0, () => 0.5, () => 1];
          return [ends.map(pendulum.reset).map(Object.values), ends.map(cart_pole.reset).map(Object.values)];
        })()""",
    )
    np.testing.assert_allclose(starts[0], [[-np.pi, -1], [0, 0], [np.pi, 1]])
    np.testing.assert_allclose(starts[1], np.outer([-0.05, 0, 0.05], np.ones(4)), atol=1e-15)
