"""Archives from anywhere: sizes are compared before bytes are read, and nothing is read that nobody asked for."""

import io
import json
import tracemalloc
import zipfile

from common.errors import UserError
from common.running import archive, checkpoint

import numpy as np
import pytest

SMALL = {'actor/0_weights': np.ones((2, 3), np.float32)}


def npy(array):
    """The bytes of an array's member."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), version=(1, 0))
    return file.getvalue()


def write(path, members, record=None, compression=zipfile.ZIP_STORED):
    """An archive with members as bytes, and a record."""
    with zipfile.ZipFile(path, 'w', compression) as file:
        for name, data in (members | {'record.json.npy': npy(np.frombuffer(json.dumps(record).encode(), np.uint8))}).items():
            file.writestr(name, data)


def peak_of(read):
    """The most memory, in bytes, that Python and NumPy had while `read` ran."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_compressed_member_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / 'bomb.npz'
    write(path, {'more.npy': npy(np.zeros(10**7))}, {}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**6

    def read():
        with pytest.raises(UserError, match='it is compressed, and files of this project are not'):
            archive.read(path)

    assert peak_of(read) < 10**6


@pytest.mark.parametrize('shape', [(10**9,), (2, 10**12), (3,), (0,), (10**400,)])
def test_a_header_that_claims_another_size_is_refused(shape, tmp_path):
    data = npy(np.ones(4, np.float32)).replace(b'(4,), }', repr(shape).encode() + b', }')
    data = data[:8] + (len(data) - 16 - 10).to_bytes(2, 'little') + data[10:]
    write(tmp_path / 'claims.npz', {'a/0.npy': data}, {})
    with pytest.raises(UserError, match=r"claims\.npz is not an agent file, or it is damaged \('a/0\.npy' is not as large"):
        archive.read(tmp_path / 'claims.npz')


def test_a_directory_that_claims_more_than_the_file_has_is_refused(tmp_path):
    """A thousand entries that all name the same bytes."""
    path = tmp_path / 'overlap.npz'
    write(path, {'a/0.npy': npy(np.zeros(1000))}, {})
    whole, entry = path.read_bytes(), b'PK\x01\x02'
    start, end = whole.index(entry), whole.index(b'PK\x05\x06')
    first = whole[start : whole.index(entry, start + 1)]
    more = b''.join(first.replace(b'a/0.npy', b'%03d.npy' % i) for i in range(999))
    entries = (2 + 999).to_bytes(2, 'little')
    size = (end - start + len(more)).to_bytes(4, 'little')
    tail = whole[end : end + 8] + entries * 2 + size + whole[end + 16 :]
    path.write_bytes(whole[:start] + whole[start:end] + more + tail)
    with pytest.raises(UserError, match='its members claim to be larger than the file'):
        archive.read(path)


@pytest.mark.filterwarnings('ignore:Duplicate name')
@pytest.mark.parametrize('member', ['a/0', 'a/0.npy'])
def test_members_that_are_no_arrays_or_come_twice_are_refused(member, tmp_path):
    write(tmp_path / 'odd.npz', {'a/0.npy': npy(1.0)}, {})
    with zipfile.ZipFile(tmp_path / 'odd.npz', 'a') as file:
        file.writestr(member, npy(2.0))
    with pytest.raises(UserError, match='is no array, or it is there twice'):
        archive.read(tmp_path / 'odd.npz')


def test_a_record_has_a_largest_size_read_and_written(tmp_path):
    long = 'x' * archive.LARGEST_RECORD
    write(tmp_path / 'long.npz', {}, long)
    with pytest.raises(UserError, match=r'its record\.json is no text of at most'):
        archive.read(tmp_path / 'long.npz')
    with pytest.raises(UserError, match=r'the record of .*own\.npz has 4,194,306 bytes, and 4,194,304 is the most'):
        checkpoint.save(tmp_path / 'own.npz', {}, long)


def test_what_is_chosen_is_read_and_nothing_else(tmp_path):
    arrays = SMALL | {'b/large': np.zeros(10**6)}
    checkpoint.save(tmp_path / 'x.npz', arrays, {'a': 1})
    seen = {}

    def choose(layout, record):
        seen.update(layout=layout, record=record)
        return ['actor/0_weights']

    found = {}
    assert peak_of(lambda: found.update(archive.read(tmp_path / 'x.npz', choose)[0])) < 10**6
    assert seen == {'layout': archive.layout_of(arrays), 'record': {'a': 1}}
    assert found.keys() == {'actor/0_weights'}


@pytest.mark.parametrize('text', ['[' * 100_000, '1' * 10_000, '{"a": ', '\ud800'.encode('utf-8', 'surrogatepass')])
def test_a_record_that_is_no_json_is_refused(text, tmp_path):
    data = text if isinstance(text, bytes) else text.encode()
    with zipfile.ZipFile(tmp_path / 'x.npz', 'w') as file:
        file.writestr('record.json.npy', npy(np.frombuffer(data, np.uint8)))
    with pytest.raises(UserError, match=r'x\.npz is not an agent file, or it is damaged'):
        archive.read(tmp_path / 'x.npz')
