"""The agent file: round trips, refusals, and writes that never leave a half."""

import contextlib
import dataclasses
import json
import os
import pickle

from common.errors import UserError
from common.running import checkpoint, schema
from common.spaces import agent_spaces

import numpy as np
import pytest
import tensorflow as tf

ARRAYS = {'actor/0_weights': np.arange(6, dtype=np.float32).reshape(2, 3), 'episodes/steps': np.array([], int)}


def test_round_trip(tmp_path):
    path = tmp_path / 'new' / 'agent.npz'
    record = {'algorithm': 'PPO', 'rng': {'state': 2**127 + 1}, 'word': '雪'}
    checkpoint.save(path, ARRAYS, record)
    arrays, loaded = checkpoint.load(path)
    assert loaded == record
    assert arrays.keys() == ARRAYS.keys()
    assert all(np.array_equal(arrays[name], ARRAYS[name]) and arrays[name].dtype == ARRAYS[name].dtype for name in ARRAYS)
    assert os.listdir(path.parent) == ['agent.npz']


def test_named_and_assign():
    weights = [tf.Variable([[1.0, 2.0]], name='dense_7/weights'), tf.Variable([3.0], name='dense_7/biases')]
    arrays = checkpoint.named(actor=weights)
    assert list(arrays) == ['actor/0_weights', 'actor/1_biases']
    others = [tf.Variable([[0.0, 0.0]], name='x/weights'), tf.Variable([0.0], name='x/biases')]
    checkpoint.assign(arrays, 'file', actor=others)
    np.testing.assert_array_equal(others[0], [[1, 2]])
    with pytest.raises(UserError, match="no array 'actor/1_log_std'"):
        checkpoint.assign(arrays, 'file', actor=[others[0], tf.Variable([0.0], name='log_std')])


@pytest.mark.parametrize('keep', [0, 10, 200, -1])
def test_truncated_file(tmp_path, keep):
    path = tmp_path / 'agent.npz'
    checkpoint.save(path, ARRAYS, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r'agent\.npz is not an agent file, or it is damaged'):
        checkpoint.load(path)


def test_a_file_with_any_bit_flipped_is_refused_or_has_the_same_content(tmp_path):
    path, weights, record = tmp_path / 'agent.npz', [tf.Variable([1.0, 2.0]), tf.Variable([3.0])], {'algorithm': 'PPO'}
    arrays = checkpoint.named(actor=weights)
    checkpoint.save(path, arrays, record)
    whole, taken = path.read_bytes(), 0
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with contextlib.suppress(UserError):
            loaded = checkpoint.load(path)
            checkpoint.assign(loaded[0], path, actor=weights)
            taken += 1
            assert loaded[1] == record
            assert all(np.array_equal(loaded[0][name], array) for name, array in arrays.items())
    assert 0 < taken < 4 * len(whole), 'a zip has fields that say nothing, but not so many'


def test_a_flipped_bit_does_not_pass_unnoticed(tmp_path):
    path = tmp_path / 'agent.npz'
    checkpoint.save(path, ARRAYS, {'algorithm': 'PPO'})
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(ARRAYS['actor/0_weights'].tobytes())] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UserError, match='damaged'):
        checkpoint.load(path)


class Exploit:
    def __reduce__(self):
        return os.mkdir, ('pickle_was_run',)


def test_a_pickle_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bare, inside = tmp_path / 'bare.npz', tmp_path / 'inside.npz'
    bare.write_bytes(pickle.dumps(Exploit()))
    np.savez(inside, weights=np.array([Exploit()], dtype=object))
    for path in (bare, inside):
        with pytest.raises(UserError, match='pickle'):
            checkpoint.load(path)
    assert not (tmp_path / 'pickle_was_run').exists()


def test_other_files(tmp_path):
    with pytest.raises(UserError, match='there is no file'):
        checkpoint.load(tmp_path / 'nothing.npz')
    np.savez(tmp_path / 'foreign.npz', x=np.ones(2))
    with pytest.raises(UserError, match='record'):
        checkpoint.load(tmp_path / 'foreign.npz')
    (tmp_path / 'text.npz').write_text('# A text')
    with pytest.raises(UserError, match='no npz archive'):
        checkpoint.load(tmp_path / 'text.npz')
    np.save(tmp_path / 'array.npy', np.ones(2))
    with pytest.raises(UserError, match='not an agent file'):
        checkpoint.load(tmp_path / 'array.npy')
    with pytest.raises(UserError, match='not an agent file'):
        checkpoint.load(tmp_path)
    for no_path in (3, None, b'agent.npz'):
        with pytest.raises(UserError, match=f'^path is {no_path!r}: it must be the path of an agent file'):
            checkpoint.load(no_path)
    checkpoint.save(tmp_path / 'bare.npz', {}, {'algorithm': 'PPO'})
    with pytest.raises(UserError, match='its record lacks'):
        checkpoint.load_record(tmp_path / 'bare.npz', ['PPO'])
    whole = checkpoint.describe('PPO', *agent_spaces(2, 3, None), Settings(hidden=()))
    arrays = {'actor/0_weights': np.zeros((2, 3), np.float32)}
    checkpoint.save(tmp_path / 'whole.npz', arrays, whole | dict(env='X-v0', env_args={}, seed=0, steps=1))
    assert checkpoint.load_record(tmp_path / 'whole.npz', ['PPO'])['settings'] == {'hidden': []}
    trained = dict(env='X-v0', env_args={}, engine='gymnasium', seed=0, steps=1)
    for damaged, named in (
        (5, 'is not names with values'),
        *(({key: value for key, value in whole.items() if key != name}, f'lacks {name}') for name in schema.IDENTITY),
        *((whole | trained | {name: 1.5}, f'has {name} 1.5') for name in whole | trained),
    ):
        if 'lacks' in named and named.endswith('_space'):  # agents from before version 1.0 have none
            continue
        checkpoint.save(tmp_path / 'damaged.npz', arrays, damaged)
        with pytest.raises(UserError, match=rf'its record {named}'):
            checkpoint.load_record(tmp_path / 'damaged.npz', ['PPO'])


@dataclasses.dataclass
class Settings:
    hidden: tuple = (4,)


@pytest.mark.parametrize(
    'wrong',
    [
        dict(settings={'hidden': [10**9]}),
        dict(settings={'hidden': [4, 10**9]}),
        dict(settings={'hidden': []}),
        dict(settings={'hidden': 4}),
        dict(settings={}),
        dict(state_dim=10**9),
        dict(action_dim=10**9),
        dict(action_bound=[[-1.0] * 3]),
        dict(action_bound=[[-1.0], [1.0]]),
        dict(action_bound=[[-1.0] * 3, [float('inf')] * 3]),
        dict(action_bound=['low', 'high']),
        dict(action_bound=[[1.0] * 3, [-1.0] * 3]),
        dict(action_bound=[[-1e300] * 3, [1e300] * 3]),
    ],
)
def test_a_record_whose_sizes_its_arrays_do_not_have_is_refused(wrong, tmp_path):
    arrays = {'actor/0_weights': np.zeros((2, 4), np.float32), 'actor/2_weights': np.zeros((4, 3), np.float32)}
    right = checkpoint.describe('PPO', *agent_spaces(2, 3, 1.0), Settings())
    checkpoint.save(tmp_path / 'right.npz', arrays, right)
    assert checkpoint.load_record(tmp_path / 'right.npz', ['PPO'])['action_bound'] == [[-1.0] * 3, [1.0] * 3]
    checkpoint.save(tmp_path / 'wrong.npz', arrays, right | wrong)
    with pytest.raises(
        UserError, match=r'wrong\.npz (has sizes in its record|is not an agent file|is damaged: its record has action_bound)'
    ):
        checkpoint.load_record(tmp_path / 'wrong.npz', ['PPO'])


@pytest.mark.parametrize('kind', [complex, bool, 'U3', 'S3', 'datetime64[s]', int])
def test_weights_of_another_kind_are_refused(kind):
    weights = [tf.Variable([1.0, 2.0])]
    (name,) = checkpoint.named(actor=weights)
    with pytest.raises(UserError, match=rf"file has '{name}' as .*, this agent as float32"):
        checkpoint.assign({name: np.zeros(2, kind)}, 'file', actor=weights)


@pytest.mark.parametrize('number', [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_and_nothing_is_assigned(number):
    weights = [tf.Variable([1.0, 2.0]), tf.Variable([3.0])]
    arrays = checkpoint.named(actor=weights)
    first, second = arrays
    damaged = {first: np.float32([7, 7]), second: np.float32([number])}
    with pytest.raises(UserError, match=rf"file has numbers in '{second}' that are not finite"):
        checkpoint.assign(damaged, 'file', actor=weights)
    np.testing.assert_array_equal(weights[0], [1, 2])


def test_a_failed_write_leaves_the_previous_file_whole(tmp_path, monkeypatch):
    path = tmp_path / 'agent.npz'
    checkpoint.save(path, ARRAYS, {'version': 1})

    def full(*_):
        raise OSError(28, 'No space left on device')

    for step in ('fsync', 'replace'):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, full)
            with pytest.raises(UserError, match=r'cannot write .*agent\.npz: No space left on device'):
                checkpoint.save(path, ARRAYS, {'version': 2})
        assert checkpoint.load(path)[1] == {'version': 1}
        assert os.listdir(tmp_path) == ['agent.npz']


def test_json_of_the_record_is_readable_text(tmp_path):
    checkpoint.save(tmp_path / 'agent.npz', {}, {'algorithm': 'PPO'})
    with np.load(tmp_path / 'agent.npz') as file:
        assert json.loads(file['record.json'].tobytes())['algorithm'] == 'PPO'
