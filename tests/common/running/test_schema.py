"""Damaged records and arrays: one line each, before anything is used."""

import a2c
from common.envs import make_envs
from common.errors import UserError
from common.running import checkpoint, resuming
from common.running.logs import EpisodeLog, LossLog

import numpy as np
import pytest
from short_runs import train

INF, NAN = float('inf'), float('nan')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """What a short run has left: its folder, and the settings of its agent."""
    from common.backend import tf

    out = tmp_path_factory.mktemp('trained')
    eagerly = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    agent = train(a2c, out, '--env', 'CartPole-v1', '--normalize', '--steps', '2400')
    tf.config.run_functions_eagerly(eagerly)
    return out / 'model/A2C_CartPole-v1/seed0', agent.settings


def resume(path, settings):
    """What `train` does with a checkpoint; returns the states, the counts and the agent."""
    envs = make_envs('CartPole-v1', settings.num_envs, 'envpool', {}, training=True)
    agent = a2c.A2C(envs.state_dim, envs.action_dim, envs.action_bound, settings=settings, spaces=envs.spaces)
    try:
        parts = agent, EpisodeLog(settings.num_envs), LossLog(settings.steps), envs
        return *resuming.resume(path, *parts, settings, 0), agent
    finally:
        envs.close()


def test_a_whole_checkpoint_is_resumed_and_loaded_as_an_agent(trained):
    folder, settings = trained
    states, counts, agent = resume(folder / 'checkpoint.npz', settings)
    assert states.shape == (4, 4)
    assert counts[0] == checkpoint.load(folder / 'checkpoint.npz')[1]['steps']
    loaded = a2c.load_agent(folder / 'checkpoint.npz')
    last = a2c.load_agent(folder / 'agent.npz')
    for one in (loaded, last):
        np.testing.assert_array_equal(one.act(states, greedy=True), agent.act(states, greedy=True))


def deep(levels):
    return [deep(levels - 1)] if levels else []


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        *(('steps', value) for value in (2.5, True, -1, '3', None, NAN, 2**70)),
        *(('updates', value) for value in (2.5, -1, [])),
        *(('episodes', value) for value in (2.5, -1)),
        *(('recreations', value) for value in (2.5, True, -1)),
        *(('seconds', value) for value in (-1, INF, NAN, 'long', True, None)),
        *(('seed', value) for value in (-1, 2**31, 0.0, True)),
        *(('engine', value) for value in ('other', 1, None)),
        *(('env_args', value) for value in ([], None, 'x', {'deep': deep(40)})),
        *(('settings', value) for value in ([], {'gamma': NAN}, {'gamma': {}}, {'gamma': None}, None)),
        *(('env', value) for value in (1, None, ['x'])),
        *(('versions', value) for value in ([], {'python': 3})),
        *(('state_dim', value) for value in (0, 4.0, True)),
        *(('action_dim', value) for value in (0, [], [2, 0], [2.0], '2')),
        *(('evaluation', value) for value in (1, {}, {'mean_return': 'x', 'std': 1, 'episodes': 1})),
    ],
)
def test_a_field_of_another_kind_or_range_is_one_line(field, value, trained, tmp_path):
    """In a checkpoint and in an agent file alike."""
    folder, settings = trained
    path = tmp_path / 'damaged.npz'
    for name, use in (('checkpoint', lambda: resume(path, settings)), ('agent', lambda: a2c.load_agent(path))):
        arrays, record = checkpoint.load(folder / f'{name}.npz')
        checkpoint.save(path, arrays, record | {field: value})
        with pytest.raises(UserError, match=rf'damaged\.npz is damaged: its record has {field} .*, and it must be'):
            use()


@pytest.mark.parametrize('field', ['steps', 'updates', 'seconds', 'seed', 'engine', 'settings', 'rng', 'recreations'])
def test_a_checkpoint_that_lacks_a_field_is_one_line(field, trained, tmp_path):
    folder, settings = trained
    arrays, record = checkpoint.load(folder / 'checkpoint.npz')
    checkpoint.save(tmp_path / 'damaged.npz', arrays, {name: value for name, value in record.items() if name != field})
    with pytest.raises(UserError, match=rf'its record lacks {field}'):
        resume(tmp_path / 'damaged.npz', settings)


@pytest.mark.parametrize(
    'damage',
    [
        dict(has_uint32=True), dict(uinteger=-1), dict(uinteger=2.5), dict(uinteger=2**40),
        dict(state={}), dict(state={'state': -1, 'inc': 3}), dict(state={'state': 1.5, 'inc': 3}),
        dict(state={'state': 2**130, 'inc': 3}), dict(bit_generator='MT19937'), dict(bit_generator=None), dict(more=1),
    ],
)  # fmt: skip
def test_a_state_of_random_numbers_that_none_has_is_one_line(damage, trained, tmp_path):
    folder, settings = trained
    arrays, record = checkpoint.load(folder / 'checkpoint.npz')
    checkpoint.save(tmp_path / 'damaged.npz', arrays, record | {'rng': record['rng'] | damage})
    with pytest.raises(UserError, match=r'damaged\.npz is damaged: .* state of random numbers'):
        resume(tmp_path / 'damaged.npz', settings)


@pytest.mark.parametrize(
    'change',
    [
        {'episodes/steps': lambda array: array.astype(float)},
        {'episodes/steps': lambda array: -array},
        {'episodes/steps': lambda array: array[:-1]},
        {'episodes/steps': None},
        {'episodes/lengths': lambda array: array > 0},
        {'episodes/returns': lambda array: array * NAN},
        {'episodes/returns': lambda array: array.astype(int)},
        {'episodes/open_returns': lambda array: array[:2]},
        {'episodes/open_lengths': lambda array: array - 10**6},
        {'episodes/test_steps': lambda array: np.zeros((0, 2))},
        {'episodes/more': lambda array: np.zeros(3)},
        {'losses/steps': None},
        {'losses/steps': lambda array: array + 0.5},
        {'losses/kl': lambda array: array[:1]},
        {'losses/kl': lambda array: array > 0},
        {'losses/sums/kl': lambda array: np.zeros(2)},
        {'losses/updates/count': lambda array: np.array(2.5)},
        {'losses/updates/count': lambda array: np.array(True)},
        {'losses/updates/count': lambda array: np.array(-1)},
        {'losses/updates/count': lambda array: np.array([1])},
        {'envs/actions': lambda array: array + 2},
        {'envs/actions': lambda array: array - 2},
        {'envs/actions': lambda array: array.astype(np.float32)},
        {'envs/actions': lambda array: array[:, :3]},
        {'envs/state': lambda array: np.zeros((4, 5))},
        {'envs/more': lambda array: np.zeros(3)},
        {'unknown/0': lambda array: np.zeros(3)},
        {'actor/99_weights': lambda array: np.zeros(3, np.float32)},
        {'actor_opt/0_iteration': lambda array: array.astype(float)},
        {'normalizer/state_var': lambda array: -array},
        {'normalizer/return_count': lambda array: -array},
        {'normalizer/state_mean': lambda array: array + 1e300},
        {'normalizer/state_mean': lambda array: array * NAN},
    ],
)
def test_an_array_that_no_run_has_is_one_line_and_nothing_is_assigned(change, trained, tmp_path):
    folder, settings = trained
    arrays, record = checkpoint.load(folder / 'checkpoint.npz')
    ((name, make),) = change.items()
    before = arrays.pop(name, np.zeros(3))
    checkpoint.save(tmp_path / 'damaged.npz', arrays if make is None else arrays | {name: make(before)}, record)
    with pytest.raises(UserError, match=r'damaged\.npz (is damaged|has|does not fit)'):
        resume(tmp_path / 'damaged.npz', settings)


@pytest.mark.parametrize('name', ['unknown/0', 'actor/99_weights', 'actor_opt/0_iteration', 'episodes/steps'])
def test_an_agent_file_with_an_array_that_its_agent_lacks_is_refused(name, trained, tmp_path):
    arrays, record = checkpoint.load(trained[0] / 'agent.npz')
    checkpoint.save(tmp_path / 'more.npz', arrays | {name: np.zeros(10**6)}, record)
    with pytest.raises(UserError, match=rf"more\.npz has an array '{name}', which this agent has not"):
        a2c.load_agent(tmp_path / 'more.npz')


def test_weights_that_the_cast_to_float32_makes_infinite_are_refused(trained, tmp_path):
    arrays, record = checkpoint.load(trained[0] / 'agent.npz')
    checkpoint.save(tmp_path / 'large.npz', arrays | {'actor/1_biases': np.full(8, 1e300)}, record)
    with pytest.raises(UserError, match=r"large\.npz has numbers in 'actor/1_biases' that are not finite"):
        a2c.load_agent(tmp_path / 'large.npz')


@pytest.mark.parametrize(
    'spaces',
    [
        dict(state_space={'type': 'Box', 'shape': [10**9], 'dtype': 'float32'}),
        dict(state_space={'type': 'Dict', 'spaces': {'a': {'type': 'Discrete', 'shape': [], 'n': 10**9, 'dtype': 'int64'}}}),
        dict(state_space={'type': 'Box', 'shape': [4], 'dtype': 'O'}),
        dict(state_space={'type': 'Box', 'shape': [2.0, 2], 'dtype': 'float32'}),
        dict(state_space={'type': 'Tuple', 'spaces': 3}),
        dict(state_space={'type': 'Graph', 'shape': [4], 'dtype': 'float32'}),
        dict(action_space={'type': 'Box', 'shape': [2], 'dtype': 'float32'}),
        dict(action_space={'type': 'MultiBinary', 'shape': [1], 'dtype': 'int8'}),
        dict(action_space={'type': 'Discrete', 'shape': [], 'n': 3, 'start': 0, 'dtype': 'int64'}),
        dict(action_space={}),
    ],
)
def test_spaces_that_the_agent_cannot_have_are_one_line(spaces, trained, tmp_path):
    arrays, record = checkpoint.load(trained[0] / 'agent.npz')
    checkpoint.save(tmp_path / 'odd.npz', arrays, record | spaces)
    with pytest.raises(UserError, match='the record has spaces that are not valid'):
        a2c.load_agent(tmp_path / 'odd.npz')


def test_a_negative_counter_of_an_optimiser_is_one_line(trained, tmp_path):
    folder, settings = trained
    arrays, record = checkpoint.load(folder / 'checkpoint.npz')
    checkpoint.save(tmp_path / 'damaged.npz', arrays | {'actor_opt/0_iteration': np.int64(-5)}, record)
    with pytest.raises(UserError, match='it has numbers out of range in actor_opt/0_iteration'):
        resume(tmp_path / 'damaged.npz', settings)


def test_a_run_that_overshot_its_steps_can_be_resumed(trained, tmp_path):
    """The last batch of environments out of step may be longer."""
    folder, settings = trained
    arrays, record = checkpoint.load(folder / 'checkpoint.npz')
    checkpoint.save(tmp_path / 'over.npz', arrays, record | {'steps': settings.steps + 2})
    assert resume(tmp_path / 'over.npz', settings)[1][0] == settings.steps + 2
