"""The adapter: both engines alike, spaces, names, seeds."""

import hashlib
import subprocess
import sys
from pathlib import Path

from common.envs import derive_seed, engines, make_env, make_envs, parse_env_args
from common.errors import UserError

import envpool
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


class Unsupported(Odd):
    action_space = gym.spaces.MultiBinary(3)


class Unbounded(Odd):
    action_space = gym.spaces.Box(-np.inf, np.inf, (2,))


OWN = Raises, Odd, Narrow, Short, ShortLater, NoSpaces, OldReset, OldState, OldStep, Unpacks, Refuses, Draws
OWN += Shifted, Unsupported, Unbounded
for cls in OWN:
    gym.register(f'Test{cls.__name__}-v0', cls, disable_env_checker=True)


bullet = pytest.mark.bullet
ROOT = Path(__file__).resolve().parents[3]


def rollout(envs, seed, steps=250):
    rng, rows = np.random.default_rng(5), [envs.reset(seed)]
    for _ in range(steps):
        if envs.discrete:
            action = rng.integers(envs.action_dim, size=envs.num_envs)
        else:
            action = rng.normal(0, 3, (envs.num_envs, envs.action_dim)).astype(np.float32)
        rows += envs.step(action)
    return rows


@pytest.mark.parametrize(
    'env_id', ['Pendulum-v1', 'CartPole-v1', 'FrozenLake-v1', 'FrozenLake8x8-v1', 'HalfCheetah-v4', 'Ant-v5']
)
def test_same_seed_same_bits_and_another_seed_others(env_id, engine):
    envs = make_envs(env_id, 5, engine)
    first, second, other = rollout(envs, 1), rollout(envs, 1), rollout(envs, 2)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert first[0].dtype == np.float32
    assert first[0].shape == (5, envs.state_dim)
    envs.close()


@pytest.mark.parametrize('env_id', ['Pendulum-v1', 'CartPole-v1', 'FrozenLake-v1', 'Ant-v4'])
def test_envpools_own_calls_give_what_its_public_step_gives(env_id):
    """The adapter calls `_send` and `_recv`; the released package is pinned, and this holds it to its public interface."""
    ours = make_envs(env_id, 4, 'envpool')
    public = envpool.make_gymnasium(env_id, num_envs=4, seed=derive_seed(11, 0))
    public.reset()
    ours.reset(11)
    rng = np.random.default_rng(0)
    for _ in range(230):
        if ours.discrete:
            action = rng.integers(ours.action_dim, size=4).astype(np.int32)
        else:
            action = rng.uniform(*ours.action_bound, (4, ours.action_dim)).astype(np.float32)
        state, reward, terminated, truncated, _ = ours.step(action)
        expected, *signals, _ = public.step(action)
        np.testing.assert_array_equal(state, expected.astype(np.float32) if expected.ndim == 2 else np.eye(16)[expected])
        for mine, theirs in zip((reward, terminated, truncated), signals, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.fixture
def often(monkeypatch):
    """Environments are made anew after 1500 steps in all, or after one episode each, whichever is more."""
    monkeypatch.setattr(engines, 'REPLAY', 1500)
    monkeypatch.setattr(engines, 'EPISODES', 1)


@pytest.mark.parametrize('steps', [60, 166, 167, 499, 500, 501, 700])
def test_replay_reaches_the_same_states_and_goes_on_alike(steps, engine, often):
    """Around the first cut, of the second environment after 166 steps, and before and after all are made anew."""
    envs, again = (make_envs('CartPole-v1', 3, engine, training=True) for _ in range(2))
    reached = rollout(envs, 7, steps)[-5]
    assert (envs.renewals > 0) == (steps > 500)
    np.testing.assert_array_equal(again.replay(7, envs.renewals, list(envs.actions)), reached)
    for left, right in zip(envs.step(np.array([0, 1, 0])), again.step(np.array([0, 1, 0])), strict=True):
        np.testing.assert_array_equal(left, right)
    assert len(envs.take_uncounted()) == steps + 1
    assert len(again.take_uncounted()) == 1, 'what was taken again is in the log already'


def test_environments_of_equal_episodes_are_kept_out_of_step(engine):
    """Their first episodes are cut after a quarter, a half and three quarters of the 200 steps; all others are whole."""
    envs, together = make_envs('Pendulum-v1', 4, engine, training=True), make_envs('Pendulum-v1', 4, engine)
    state, other = envs.reset(5), together.reset(5)
    rng, ends, first = np.random.default_rng(0), [[], [], [], []], np.ones(4, bool)
    for step in range(1, 701):
        action = rng.uniform(-2, 2, (4, 1)).astype(np.float32)
        np.testing.assert_array_equal(state[first], other[first])
        state, reward, terminated, truncated, valid = envs.step(action)
        other = together.step(action)[0]
        assert not terminated.any()
        assert not truncated[~valid].any()
        assert not reward[~valid].any()
        assert np.abs(state[~valid, 2]).max(initial=0) <= 1, 'a fresh start'
        for i in np.flatnonzero(truncated):
            ends[i].append(step)
            first[i] = False
    assert ends == [[200, 401, 602], [50, 251, 452, 653], [100, 301, 502], [150, 351, 552]]
    assert [list(np.flatnonzero(ends) + 1) for ends in envs.take_uncounted().T] == [[], [50], [100], [150]]
    assert not len(envs.take_uncounted())


def test_environments_are_made_anew_with_their_episodes_cut(engine, often):
    """After 500 steps, and again after 500 more; the cuts are told, and nothing else ends there."""
    envs = make_envs('Pendulum-v1', 2, engine, {'max_episode_steps': 150}, training=True)
    envs.reset(0)
    assert envs.due == 750
    for step in range(1, 1503):
        before = envs.renewals
        state, *_, valid = envs.step(np.zeros((2, 1), np.float32))
        renewed = step in (751, 1502)
        assert (envs.renewals > before) == renewed
        if renewed:
            assert not valid.any()
            assert np.abs(state[:, 2]).max() <= 1, 'a fresh start'
        if step in (750, 1501):
            assert envs.ended.all()
    cuts = envs.take_uncounted()
    assert cuts.shape == (1502, 2)
    assert [(step + 1, env) for step, env in np.argwhere(cuts)] == [(75, 1), (750, 0), (750, 1), (826, 1), (1501, 0), (1501, 1)]


def test_first_episodes_do_not_count_where_long_ones_are_cut(engine):
    """The pole that is always pushed one way falls within a dozen steps: its fall before the cut does not count either."""
    envs = make_envs('CartPole-v1', 3, engine, training=True)
    envs.reset(0)
    ends = np.array([np.logical_or(*envs.step(np.ones(3, int))[2:4]) for _ in range(400)])
    uncounted = envs.take_uncounted()
    assert uncounted.shape == ends.shape
    assert not uncounted[:, 0].any()
    for env, cut in ((1, 166), (2, 333)):
        first, *later = np.flatnonzero(uncounted[:, env])
        assert first == ends[:, env].argmax() < 12
        assert later in ([], [cut - 1]), 'no cut where it fell in just that step, or is being reset'


def test_no_episode_is_cut_but_in_training(engine, often):
    envs = make_envs('Pendulum-v1', 2, engine)
    rows = rollout(envs, 0, 1650)
    assert envs.renewals == len(envs.actions) == 0
    assert np.sum(~np.array(rows[5::5])) == 2 * (1650 // 201)


def test_what_a_resumed_run_takes_again_is_bounded():
    """100,000 steps in all, or ten episodes of each environment."""
    for env_id, num_envs, episodes in (('Pendulum-v1', 16, 31), ('HalfCheetah-v4', 64, 10), ('BipedalWalker-v3', 64, 10)):
        envs = make_envs(env_id, num_envs)
        limit = gym.spec(env_id).max_episode_steps
        assert envs.due == episodes * limit
        assert envs.due * num_envs <= max(100_000, 10 * limit * num_envs)


@pytest.mark.parametrize('env_id', ['CartPole-v1', 'Acrobot-v1', 'MountainCar-v0', 'MountainCarContinuous-v0', 'Pendulum-v1'])
def test_engines_have_the_same_dynamics(env_id):
    """Gymnasium's environment, set to the state EnvPool's is in, moves, pays and ends alike, over 600 steps of any action.

    But for Pendulum at its speed limit: EnvPool moves the angle by the speed before it is limited, Gymnasium after.
    """
    envs, env = make_envs(env_id, 4, 'envpool'), gym.make(env_id).unwrapped
    state, rng, limited = envs.reset(3), np.random.default_rng(0), 0
    env.reset(seed=0)
    for _ in range(150):
        action = rng.integers(envs.action_dim, size=4) if envs.discrete else rng.normal(0, 3, (4, 1)).astype(np.float32)
        before, (state, reward, terminated, _, valid) = state, envs.step(action)
        for i in np.flatnonzero(valid):
            env.state, env.steps_beyond_terminated = inner_state(env_id, before[i]), None
            taken = action[i] if envs.discrete else np.clip(action[i], *(bound for bound in envs.action_bound))
            expected_state, expected_reward, expected_end, *_ = env.step(taken)
            np.testing.assert_allclose(reward[i], expected_reward, atol=1e-5)
            assert terminated[i] == expected_end
            at_limit = env_id == 'Pendulum-v1' and abs(expected_state[2]) == 8
            limited += at_limit
            np.testing.assert_allclose(state[i], expected_state, atol=0.06 if at_limit else 1e-5)
    assert (limited > 0) == (env_id == 'Pendulum-v1')


def inner_state(env_id, state):
    """The variables an environment moves, from what it shows of them."""
    state = state.astype(np.float64)
    if env_id == 'Pendulum-v1':
        return np.array([np.arctan2(state[1], state[0]), state[2]])
    if env_id == 'Acrobot-v1':
        return np.array([np.arctan2(state[1], state[0]), np.arctan2(state[3], state[2]), state[4], state[5]])
    return state


MUJOCO = [
    'Ant', 'HalfCheetah', 'Hopper', 'Humanoid', 'HumanoidStandup', 'InvertedDoublePendulum', 'InvertedPendulum', 'Reacher',
    'Swimmer', 'Walker2d',
]  # fmt: skip


@pytest.mark.parametrize('version', ['v4', 'v5'])
@pytest.mark.parametrize('name', MUJOCO)
def test_engines_have_the_same_mujoco(name, version):
    """Set going without noise, or from EnvPool's start, and given the same actions, both engines show the same states, every
    bit, rewards and ends; Reacher's start is known as far as its float32 state tells it."""
    ours, theirs = (make_envs(f'{name}-{version}', 1, engine) for engine in ('envpool', 'gymnasium'))
    assert (ours.state_dim, ours.action_dim) == (theirs.state_dim, theirs.action_dim)
    np.testing.assert_array_equal(ours.action_bound, theirs.action_bound)
    if name != 'Reacher':
        ours.env_args = {'reset_noise_scale': 0}
    state = ours.reset(0)
    theirs.reset(0)
    env = theirs.envs[0].unwrapped
    position, speed = env.init_qpos.copy(), np.zeros_like(env.init_qvel)
    if name == 'Reacher':
        position[:2], position[2:], speed[:2] = np.arctan2(state[0, 2:4], state[0, :2]), state[0, 4:6], state[0, 6:8]
    env.set_state(position, speed)
    rng, tolerance = np.random.default_rng(5), 1e-5 if name == 'Reacher' else 0
    for _ in range(100):
        action = rng.normal(0, 3, (1, ours.action_dim)).astype(np.float32)
        (state, *signals), (expected, *expected_signals) = ours.step(action), theirs.step(action)
        np.testing.assert_allclose(state, expected, rtol=0, atol=tolerance)
        np.testing.assert_allclose(signals, expected_signals, atol=1e-5)
        if ours.ended[0]:
            break


@pytest.mark.parametrize('env_id', ['CartPole-v1', 'Pendulum-v1', 'FrozenLake-v1'])
def test_gymnasiums_environments_step_as_its_own_vector_of_them_does(env_id):
    """Whose loop does the same, and costs a tenth to a half more."""
    ours = make_envs(env_id, 3, 'gymnasium')
    vector = gym.vector.SyncVectorEnv([lambda: make_env(env_id)] * 3, autoreset_mode=gym.vector.AutoresetMode.NEXT_STEP)
    seeds = np.random.SeedSequence(derive_seed(4, 0)).generate_state(3)
    np.testing.assert_array_equal(ours.reset(4), vector.reset(seed=[int(seed) for seed in seeds])[0])
    rng = np.random.default_rng(0)
    for _ in range(450):
        action = rng.integers(ours.action_dim, size=3) if ours.discrete else rng.uniform(-2, 2, (3, 1)).astype(np.float32)
        *mine, _ = ours.step(action)
        *theirs, _ = vector.step(action)
        for left, right in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-6)


def test_ant_dies_in_both_engines_or_in_neither(engine):
    envs = make_envs('Ant-v4', 2, engine)
    assert any(terminated.any() for terminated in rollout(envs, 0, 400)[3::5])
    immortal = make_envs('Ant-v4', 2, engine, {'terminate_when_unhealthy': False, 'max_episode_steps': 400})
    rows = rollout(immortal, 0, 400)
    assert not np.any(rows[3::5])
    assert [truncated.all() for truncated in rows[4::5]] == [False] * 399 + [True]


@pytest.mark.parametrize('env_id', ['HalfCheetah-v4', 'Ant-v4', 'HalfCheetah-v5', 'Ant-v5'])
def test_time_limits_of_mujoco(env_id):
    assert gym.spec(env_id).max_episode_steps == envpool.make_spec(env_id).config.max_episode_steps == 1000


def digest(env_id):
    """A fingerprint of a rollout over several episodes."""
    envs = make_envs(env_id, 2, 'auto', {'max_episode_steps': 150})
    rows = rollout(envs, 3, 500)
    return hashlib.sha256(b''.join(np.ascontiguousarray(row).tobytes() for row in rows)).hexdigest(), envs


@bullet
@pytest.mark.parametrize('env_id', ['HalfCheetahBulletEnv-v0', 'AntBulletEnv-v0'])
def test_bullet_same_seed_same_bits_whatever_came_before(env_id):
    """A run that is resumed resets fresh environments, one that is not resets used ones: both must go on alike, in silence."""
    first, envs = digest(env_id)
    again = b''.join(np.ascontiguousarray(row).tobytes() for row in rollout(envs, 3, 500))
    assert hashlib.sha256(again).hexdigest() == first
    program = f'import sys; sys.path.append({str(ROOT)!r}); from test_engines import digest; print(digest({env_id!r})[0])'
    command = [sys.executable, '-c', program]
    resumed = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    assert (resumed.stdout, resumed.stderr) == (first + '\n', '')


@bullet
def test_bullet_runs_many_in_one_process():
    envs = make_envs('AntBulletEnv-v0', 16)
    assert (envs.engine, envs.state_dim, envs.action_dim) == ('gymnasium', 28, 8)
    alone = make_envs('AntBulletEnv-v0', 1)
    alone.reset(0)
    assert len(np.unique(envs.reset(0), axis=0)) == 16
    for _ in range(20):
        _, reward, *_ = envs.step(np.zeros((16, 8), np.float32))
    assert np.isfinite(reward).all()
    assert gym.spec('AntBulletEnv-v0').max_episode_steps == 1000
    envs.close()


@bullet
def test_bullet_names_are_suggested():
    with pytest.raises(UserError, match='nearest: HalfCheetahBulletEnv-v0'):
        make_env('HalfCheetaBulletEnv-v0')


def test_bullet_says_how_to_install_it(monkeypatch):
    monkeypatch.delitem(gym.registry, 'AntBulletEnv-v0', raising=False)
    monkeypatch.setitem(sys.modules, 'pybullet', None)
    with pytest.raises(UserError, match=r'^AntBulletEnv-v0 needs PyBullet: make pybullet installs it$'):
        make_envs('AntBulletEnv-v0', 4)


def test_time_limit_is_truncation_and_the_next_row_is_a_reset(engine):
    """Errata 7 and 9: Pendulum never terminates; each episode has 200 steps, and the 201st row is none."""
    envs = make_envs('Pendulum-v1', 2, engine)
    envs.reset(0)
    for step in range(1, 405):
        _, _, terminated, truncated, valid = envs.step(np.zeros((2, 1), np.float32))
        assert not terminated.any()
        assert truncated.all() == (step in (200, 401))
        assert valid.all() == (step not in (201, 402))


def test_death_is_termination(engine):
    envs = make_envs('CartPole-v1', 2, engine)
    envs.reset(0)
    for _ in range(20):
        _, _, terminated, truncated, _ = envs.step(np.array([1, 1]))
        assert not truncated.any()
        if terminated.any():
            break
    assert terminated.any()


def test_one_hot_states(engine):
    envs = make_envs('FrozenLake-v1', 4, engine)
    np.testing.assert_array_equal(envs.reset(0), np.eye(16)[[0] * 4])
    assert make_env('FrozenLake-v1').reset()[0].shape == (16,)


def test_frozen_lake_maps_and_slipperiness():
    assert make_envs('FrozenLake-v1', 2, 'auto', {'map_name': '8x8'}).engine == 'envpool'
    assert make_envs('FrozenLake-v1', 2, 'envpool', {'map_name': '8x8'}).reset(0).shape == (2, 64)
    envs = make_envs('FrozenLake-v1', 2, 'auto', {'is_slippery': False})
    assert envs.engine == 'gymnasium'
    envs.reset(0)
    path = [2, 2, 1, 1, 1, 2]  # right, right, down, down, down, right: the goal
    rewards = [envs.step(np.array([move, move]))[1] for move in path]
    np.testing.assert_array_equal(np.sum(rewards, axis=0), [1, 1])


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
    with pytest.raises(UserError, match=r'gave a state of shape \(1,\), its observation_space says \(3,\)'):
        first_step(f'Test{cls.__name__}-v0')


@pytest.mark.parametrize(
    ('env_id', 'words'),
    [
        ('TestNoSpaces-v0', r'write observation_space = '),
        ('TestOldReset-v0', r'write def reset\(self, \*, seed=None, options=None\)'),
        ('TestOldState-v0', r'reset\(\) must return \(state, info\)'),
        ('TestOldStep-v0', r'step\(\) must return \(state, reward, terminated, truncated, info\)'),
        ('no_such_module:Own-v0', 'put the folder of the module on PYTHONPATH'),
        ('json:Own-v0', r"write gymnasium\.register\('NAME-v0', CLASS\) in its module"),
        ('Own-v0', r'your own: --env my_module:MyEnv-v0'),
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


def test_what_could_be_made_is_closed_where_the_rest_cannot_be_and_every_one_is_tried(monkeypatch):
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
    envs = engines.GymnasiumEnvs('TestDraws-v0', 1, {'picture': picture}, 'rgb_array')
    envs.reset(0)
    with pytest.raises(UserError, match=r'TestDraws-v0 draws no pictures: its render\(\) returned .* must return an array'):
        envs.render()


def test_an_environment_that_cannot_be_drawn_is_told_how():
    with pytest.raises(UserError, match=r'write def __init__\(self, render_mode=None\)'):
        make_env('TestOdd-v0', render_mode='rgb_array')


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
        ('TestUnsupported-v0', None, 'MultiBinary(3)'),
        ('TestUnbounded-v0', None, 'bounded'),
        ('Blackjack-v1', None, 'Tuple'),
        ('CartPole-v1', {'wheels': 3}, 'wheels'),
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
