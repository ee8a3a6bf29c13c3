"""Running normalisation: the statistics, when they change, the scaled rewards, and what a file holds of them."""

import copy
from pathlib import Path

import a2c
import acktr
import ppo
import trpo
from common.errors import UserError
from common.normalize import CLIP, Identity, Normalizer, make_normalizer
from common.running import checkpoint

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
AGENTS = [(ppo, ppo.PPO), (trpo, trpo.TRPO), (a2c, a2c.A2C), (acktr, acktr.ACKTR)]
GAMMA = 0.9


def make_agent(module, make, seed=0, normalize=True, bound=2.0):
    settings = module.Settings(batch_steps=32, num_envs=4, hidden=(6, 5), gamma=GAMMA, normalize=normalize)
    return make(3, 2, bound, settings=settings, seed=seed)


def collect(agent, rng):
    """Fills the agent's buffer with states far from centred and rewards far from one; returns the state after the batch."""
    no, yes = np.zeros(4, bool), np.ones(4, bool)
    while not agent.buf.is_full():
        state = draw_states(rng, 4)
        agent.buf.store(state, agent.act(state), rng.normal(300, 50, 4), no, no, yes)
    return draw_states(rng, 4)


def draw_states(rng, *shape):
    return rng.normal([100, 0, -3], [20, 0.01, 1], (*shape, 3)).astype(np.float32)


def batches(rng, count=5, steps=30, num_envs=4):
    """Batches of states, rewards, ends and valid rows as environments give them: after an end comes a reset row."""
    ended = np.zeros(num_envs, bool)
    for _ in range(count):
        batch = []
        for _ in range(steps):
            valid = ~ended
            reward = np.where(valid, rng.normal(5, 30, num_envs), 0).astype(np.float32)
            ended = valid & (rng.random(num_envs) < 0.15)
            batch.append((draw_states(rng, num_envs), reward, ended, valid))
        yield tuple(np.array(part) for part in zip(*batch, strict=True))


def returns_by_hand(all_batches):
    """Discounted return so far at every valid step, episode by episode, of each environment."""
    returns = []
    for env in range(4):
        so_far = 0.0
        for _, rewards, ended, valid in all_batches:
            for reward, end, counts in zip(rewards[:, env], ended[:, env], valid[:, env], strict=True):
                if counts:
                    so_far = float(reward) + GAMMA * so_far
                    returns.append(so_far)
                if end:
                    so_far = 0.0
    return np.array(returns)


def test_before_the_first_batch_states_pass_as_they_are():
    states = np.float32([[1, -2, 9.5]])
    np.testing.assert_allclose(Normalizer(3, 4, GAMMA).normalize(states), states, rtol=1e-6)


def test_states_are_centred_and_scaled_by_the_valid_rows_of_all_batches():
    normalizer, seen = Normalizer(3, 4, GAMMA), list(batches(np.random.default_rng(1)))
    for batch in seen:
        normalizer.finish_batch(*batch)
    rows = np.concatenate([states[valid] for states, _, _, valid in seen]).astype(np.float64)
    assert len(rows) < 600, 'some rows were of a reset'
    states = draw_states(np.random.default_rng(2), 50)
    before = states.copy()
    normal = normalizer.normalize(states)
    assert normal.dtype == np.float32
    np.testing.assert_allclose(normal, (states - rows.mean(0)) / rows.std(0), atol=2e-3)
    np.testing.assert_array_equal(states, before)
    np.testing.assert_array_equal(normalizer.normalize(states[0]), normal[0])


def test_rewards_are_divided_by_the_std_of_discounted_returns():
    normalizer, seen = Normalizer(3, 4, GAMMA), list(batches(np.random.default_rng(3)))
    for done, batch in enumerate(seen, start=1):
        scaled = normalizer.finish_batch(*batch)
        std = returns_by_hand(seen[:done]).std()
        assert scaled.dtype == np.float32
        np.testing.assert_allclose(scaled, batch[1] / std, rtol=1e-5)


def test_reset_rows_take_no_part():
    plain, odd = (Normalizer(3, 4, GAMMA) for _ in range(2))
    for states, rewards, ended, valid in batches(np.random.default_rng(4)):
        plain.finish_batch(states, rewards, ended, valid)
        states = states.copy()
        states[~valid] = 1e6
        odd.finish_batch(states, rewards, ended, valid)
    for name, array in plain.arrays().items():
        np.testing.assert_array_equal(array, odd.arrays()[name], err_msg=name)


def test_both_are_clipped_at_ten_standard_deviations():
    rng = np.random.default_rng(5)
    normalizer = Normalizer(1, 1, 0.0)
    states, rewards = rng.normal(0, 1, (1000, 1, 1)), rng.normal(0, 1, (1000, 1)).astype(np.float32)
    rewards[:2, 0] = 1e3, -1e3
    never, always = np.zeros((1000, 1), bool), np.ones((1000, 1), bool)
    scaled = normalizer.finish_batch(states, rewards, never, always)
    assert CLIP == 10
    np.testing.assert_array_equal(scaled[:2, 0], [10, -10])
    np.testing.assert_array_equal(normalizer.normalize(np.float32([[1e3], [-1e3]]))[:, 0], [10, -10])
    assert 8 < normalizer.normalize(np.float32([[9]]))[0, 0] < 10


def test_a_state_that_never_changes_is_no_division_by_zero():
    normalizer, ones = Normalizer(2, 1, GAMMA), np.ones((20, 1))
    scaled = normalizer.finish_batch(np.full((20, 1, 2), 7.0), 0 * ones, ones == 0, ones == 1)
    np.testing.assert_array_equal(scaled, 0)
    np.testing.assert_array_equal(normalizer.normalize(np.float32([[7, 7]])), 0)


@pytest.mark.parametrize(('module', 'make'), AGENTS)
def test_statistics_do_not_change_within_a_batch_or_in_acting(module, make):
    """The batch's states are those the policy saw when it acted; only afterwards does the batch enter the statistics."""
    rng = np.random.default_rng(6)
    agent = make_agent(module, make)
    agent.finish_path(collect(agent, rng))
    agent.buf.clear()
    before = agent.normalizer.arrays()
    state = collect(agent, rng)
    agent.get_action(draw_states(rng, 100), greedy=True)
    agent.get_action(draw_states(rng, 100))
    for name, array in agent.normalizer.arrays().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    raw = agent.buf.states[: agent.buf.rows].copy()
    seen = agent.normalizer.normalize(raw).reshape(-1, 3)
    agent.finish_path(state)
    np.testing.assert_array_equal(agent.buf.get()[0], seen)
    assert agent.normalizer.arrays()['state_count'] == before['state_count'] + 32
    assert not np.array_equal(agent.normalizer.normalize(raw).reshape(-1, 3), seen)


def test_advantages_are_of_scaled_rewards_and_of_values_of_normal_states():
    """With gamma 0 the advantage is the scaled reward less the value."""
    settings = a2c.Settings(batch_steps=32, num_envs=4, gamma=0.0, normalize=True)
    agent = a2c.A2C(3, 2, 2.0, settings=settings)
    agent.value = lambda states: [states[:, 2:]]
    state = collect(agent, np.random.default_rng(7))
    rewards = agent.buf.rewards[:8].copy()
    agent.finish_path(state)
    states, _, advantages, _ = agent.buf.get()
    np.testing.assert_allclose(advantages, (rewards / rewards.std()).ravel() - states[:, 2], rtol=1e-4)


def test_arrays_of_one_make_another_the_same():
    first, second = Normalizer(3, 4, GAMMA), Normalizer(3, 4, GAMMA)
    *past, last = batches(np.random.default_rng(8))
    for batch in past:
        first.finish_batch(*batch)
    second.assign({name: array.copy() for name, array in first.arrays().items()})
    states = draw_states(np.random.default_rng(9), 20)
    np.testing.assert_array_equal(first.normalize(states), second.normalize(states))
    np.testing.assert_array_equal(first.finish_batch(*last), second.finish_batch(*last))
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name], err_msg=name)


@pytest.mark.parametrize('bound', [2.0, None])
@pytest.mark.parametrize(('module', 'make'), AGENTS)
def test_an_agent_from_the_file_acts_the_same_bits(module, make, bound, tmp_path):
    rng = np.random.default_rng(10)
    agent = make_agent(module, make, bound=bound)
    agent.finish_path(collect(agent, rng))
    agent.save(tmp_path / 'agent.npz', {})
    other = make_agent(module, make, seed=1, bound=bound)
    other.load(tmp_path / 'agent.npz')
    states = draw_states(rng, 100)
    np.testing.assert_array_equal(
        other.policy(other.normalizer.normalize(states))[0], agent.policy(agent.normalizer.normalize(states))[0]
    )
    np.testing.assert_array_equal(other.get_action(states, greedy=True), agent.get_action(states, greedy=True))
    names = {'state_mean', 'state_var', 'state_count', 'return_mean', 'return_var', 'return_count', 'open_returns'}
    assert {f'normalizer/{name}' for name in names} <= set(checkpoint.load(tmp_path / 'agent.npz')[0])


@pytest.mark.parametrize(('module', 'make'), AGENTS)
def test_without_normalisation_nothing_of_it_is_saved_or_changed(module, make):
    agent = make_agent(module, make, normalize=False)
    assert isinstance(agent.normalizer, Identity)
    assert not [name for name in checkpoint.named(**agent.variables()) if 'normalizer' in name]
    state = collect(agent, np.random.default_rng(11))
    raw, rewards = agent.buf.states[:8].reshape(-1, 3).copy(), agent.buf.rewards[:8].copy()
    agent.value = lambda states: [0 * states[:, :1]]
    agent.finish_path(state)
    states, _, advantages, _ = agent.buf.get()
    np.testing.assert_array_equal(states, raw)
    np.testing.assert_allclose(advantages.reshape(8, 4)[-1], rewards[-1], rtol=1e-6)
    assert isinstance(make_normalizer(False, 3, 4, GAMMA), Identity)


def test_a_trained_agent_and_its_files_agree(tmp_path):
    """A real run: checkpoint and agent file hold the agent's statistics, those of every state the run has stored."""
    kept = []

    def on_update(run, losses):
        buf = run.agent.buf
        kept.append(buf.states[: len(buf.collected[2])][buf.collected[2]])

    settings = a2c.Settings(normalize=True, steps=1200, batch_steps=400, num_envs=4, hidden=(8,))
    agent = a2c.train('Pendulum-v1', settings, episodes=3, out=tmp_path, on_update=on_update)
    folder = tmp_path / 'model/A2C_Pendulum-v1/seed0'
    statistics = {f'normalizer/{name}': array for name, array in agent.normalizer.arrays().items()}
    rows = np.concatenate(kept).astype(np.float64)
    np.testing.assert_allclose(statistics['normalizer/state_mean'], rows.mean(0), rtol=1e-9)
    np.testing.assert_allclose(statistics['normalizer/state_var'], rows.var(0), rtol=1e-9)
    for name in ('agent.npz', 'checkpoint.npz'):
        arrays, _ = checkpoint.load(folder / name)
        for array in statistics:
            np.testing.assert_array_equal(arrays[array], statistics[array], err_msg=f'{name} {array}')
    states = np.random.default_rng(12).normal(0, 3, (100, 3)).astype(np.float32)
    loaded = a2c.load_agent(folder / 'agent.npz')
    np.testing.assert_array_equal(loaded.get_action(states, greedy=True), agent.get_action(states, greedy=True))


def test_returns_go_on_over_a_checkpoint(tmp_path, monkeypatch):
    """No episode of Pendulum is over after 30 steps, and the run is saved after each 10: its returns are of one piece."""
    batches, original = [], Normalizer.finish_batch
    monkeypatch.setattr(Normalizer, 'finish_batch', lambda *args: batches.append(copy.deepcopy(args[1:])) or original(*args))
    settings = a2c.Settings(normalize=True, steps=120, batch_steps=40, num_envs=4, hidden=(8,), gamma=GAMMA)
    a2c.train('Pendulum-v1', settings, episodes=1, out=tmp_path, save_every=40)
    assert not any(ended.any() for _, _, ended, _ in batches)
    arrays, _ = checkpoint.load(tmp_path / 'model/A2C_Pendulum-v1/seed0/checkpoint.npz')
    returns = returns_by_hand(batches)
    np.testing.assert_allclose(arrays['normalizer/return_var'], returns.var(), rtol=1e-5)
    assert np.abs(arrays['normalizer/open_returns']).min() > 0


def test_missing_and_misshapen_arrays_are_one_line_and_nothing_is_assigned(tmp_path):
    agent, other, path = make_agent(a2c, a2c.A2C), make_agent(a2c, a2c.A2C, seed=1), tmp_path / 'agent.npz'
    agent.save(path, {})
    arrays, record = checkpoint.load(path)
    before = checkpoint.named(**other.variables(for_acting=True))
    for name in (name for name in arrays if name.startswith('normalizer/')):
        for damaged, words in (
            ({key: array for key, array in arrays.items() if key != name}, f"no array '{name}'"),
            (arrays | {name: np.zeros((7, 2))}, f"has shape .* for '{name}'"),
            (arrays | {name: np.zeros(7)}, f"has shape .* for '{name}'"),
        ):
            checkpoint.save(path, damaged, record)
            with pytest.raises(UserError, match=words) as caught:
                other.load(path)
            assert '\n' not in str(caught.value)
    for name, array in checkpoint.named(**other.variables(for_acting=True)).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


@pytest.mark.parametrize(('name', 'module'), [('PPO_CartPole-v1', ppo), ('TRPO_CartPole-v1', trpo)])
def test_agents_from_before_there_was_a_normaliser_still_load(name, module, tmp_path):
    arrays, record = checkpoint.load(ROOT / 'model' / name / 'pretrained.npz')
    assert record['settings'].pop('normalize') is False
    path = tmp_path / 'agent.npz'
    checkpoint.save(path, arrays, record)
    agent = module.load_agent(path)
    assert isinstance(agent.normalizer, Identity)
    np.testing.assert_array_equal(agent.actor.trainable_weights[0], arrays['actor/0_weights'])
