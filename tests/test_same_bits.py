"""The comparison of two checkouts sees every difference, and compares what it says it does."""

import subprocess
import sys

from benchmarks import same_bits, same_speed

import numpy as np
import pytest

AGENT = """
import json, pathlib, sys, time
import numpy as np

out, total = pathlib.Path(sys.argv[sys.argv.index('--out') + 1]), TOTAL

def save(name, weights, steps):
    path = out / 'model' / 'X' / 'run' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    record = np.frombuffer(json.dumps(dict(steps=steps, seconds=time.time())).encode(), np.uint8)
    with open(path.with_suffix('.partial'), 'wb') as file:
        np.savez(file, weights=weights, **{'record.json': record})
    path.with_suffix('.partial').replace(path)

steps, weights = 0, np.zeros(2)
if '--resume' in sys.argv:
    with np.load(out / 'model' / 'X' / 'run' / 'checkpoint.npz') as file:
        weights, steps = file['weights'], json.loads(file['record.json'].tobytes())['steps'] - LOST
while steps < total:
    weights, steps = weights * FACTOR + 1 / 3, steps + 1
    save('checkpoint.npz', weights, steps)
    time.sleep(0.2)
save('agent.npz', weights, steps)
(out / 'image' / 'X').mkdir(parents=True)
(out / 'image' / 'X' / 'run.csv').write_text('RETURNS')
print('Trained')
"""


def checkout(folder, factor='0.1', returns='1.5', lost='0', total='3'):
    """A folder whose ppo.py writes the files of a training run, and resumes one; `lost` steps are forgotten by a checkpoint."""
    folder.mkdir()
    code = AGENT
    for word, value in dict(FACTOR=factor, RETURNS=returns, LOST=lost, TOTAL=total).items():
        code = code.replace(word, value)
    (folder / 'ppo.py').write_text(code)
    return folder


def test_a_digest_changes_with_bits_names_shapes_and_types_only():
    arrays = dict(a=np.array([1.0, 2.0], np.float32), b=np.zeros((2, 3), np.float32))
    changed = [
        arrays | dict(a=np.array([1.0, np.nextafter(np.float32(2), np.float32(3))], np.float32)),
        dict(c=arrays['a'], b=arrays['b']),
        arrays | dict(b=np.zeros((3, 2), np.float32)),
        arrays | dict(b=np.zeros((2, 3), np.int32)),
        arrays | dict(b=-np.zeros((2, 3), np.float32)),
        dict(a=arrays['a']),
        dict(a=arrays['b'], b=arrays['a']),
    ]
    assert len({same_bits.digest_of(one) for one in [arrays, *changed]}) == 1 + len(changed)
    other_order = dict(b=np.asfortranarray(arrays['b']), a=arrays['a'].copy())
    assert same_bits.digest_of(other_order) == same_bits.digest_of(arrays)


@pytest.mark.parametrize(
    ('there', 'verdicts'),
    [
        (dict(), ['equal', 'equal']),
        (dict(factor='0.1000001'), ['DIFFERENT here', 'DIFFERENT here']),
        (dict(returns='2.5'), ['DIFFERENT here', 'DIFFERENT here']),
        (dict(lost='1'), ['equal', 'DIFFERENT here']),
        (dict(factor='nothing'), ["FAILED there: NameError: name 'nothing' is not defined"]),
        (dict(total='1'), ['FAILED there: the run ended before a checkpoint was copied']),
    ],
)
def test_two_checkouts_are_equal_only_if_runs_and_resumed_runs_are(tmp_path, there, verdicts):
    one = same_bits.Case('one', 'ppo.py', 1)
    folders = checkout(tmp_path / 'there', **there), checkout(tmp_path / 'here')
    ((_, _, rows),) = same_bits.compare([one], *folders)
    assert all(said.startswith(expected) for (_, _, said), expected in zip(rows, verdicts, strict=True))


def test_a_resumed_run_that_differs_is_seen_in_one_checkout_too(tmp_path):
    one = same_bits.Case('one', 'ppo.py', 1)
    folders = checkout(tmp_path / 'there', lost='1'), checkout(tmp_path / 'here', lost='1')
    ((_, _, rows),) = same_bits.compare([one], *folders)
    assert [row[-1].split(': ')[0] for row in rows] == ['equal', 'DIFFERENT from the uninterrupted run']


def test_exit_code_and_table_of_a_comparison(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(same_bits, 'HERE', checkout(tmp_path / 'here'))
    monkeypatch.setattr(same_bits, 'CACHE', tmp_path / 'cache.json')
    monkeypatch.setattr(same_bits, 'CASES', [same_bits.Case('one', 'ppo.py'), same_bits.Case('two', 'trpo.py')])
    assert not same_bits.main([str(checkout(tmp_path / 'same')), '--only', 'ONE'])
    assert capsys.readouterr().out.splitlines()[-1] == '1 of 1 equal'
    assert same_bits.main([str(checkout(tmp_path / 'other', factor='0.2')), '--only', 'one'])
    assert capsys.readouterr().out.splitlines()[-1] == '0 of 1 equal'
    assert not same_bits.CACHE.exists()  # a folder's files may change
    for wrong in (['no-such-commit'], [str(tmp_path / 'same'), '--only', 'three']):
        with pytest.raises(SystemExit, match='2'):
            same_bits.main(wrong)


def test_the_commit_s_runs_are_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(same_bits, 'CACHE', tmp_path / 'cache.json')
    same_bits.keep('a', ['1 2'])
    same_bits.keep('b', ['3 4', '3 4'])
    assert same_bits.read_cache() == dict(a=['1 2'], b=['3 4', '3 4'])
    one, here = same_bits.Case('one', 'ppo.py'), checkout(tmp_path / 'here')
    ((_, found, rows),) = same_bits.compare([one], tmp_path / 'nowhere', here, {one: ['1 2']})
    assert found == ['1 2']
    assert rows[0][-1].startswith('DIFFERENT here: ')


def test_a_commit_is_checked_out_for_a_while_and_the_files_here_stay(tmp_path, monkeypatch):
    here = checkout(tmp_path / 'here')
    monkeypatch.setattr(same_bits, 'HERE', here)
    same_bits.git('init', '--quiet')
    same_bits.git('add', 'ppo.py')
    same_bits.git('-c', 'user.name=a', '-c', 'user.email=a', 'commit', '--quiet', '--message', 'a')
    committed = (here / 'ppo.py').read_text()
    (here / 'ppo.py').write_text('changed')
    with same_bits.checkout('HEAD') as (there, commit):
        assert (there / 'ppo.py').read_text() == committed
        assert commit == same_bits.git('rev-parse', 'HEAD')
    assert not there.exists()
    assert len(same_bits.git('worktree', 'list').splitlines()) == 1
    assert (here / 'ppo.py').read_text() == 'changed'


def test_speed_by_hand_of_what_a_run_prints():
    lines = [
        'Compiling the update ...',
        'Training | Episode: 0 | Running Time: 4.0000 | Steps: 1,000/9,000',
        'Training | Episode: 3/9 | Episode Reward: -1.0000 | Running Time: 5.0000 | Steps: 3,000/9,000 | Mean of 3: -1.00',
        'Training | Episode: 9/9 | Episode Reward: -1.0000 | Running Time: 6.0000 | Steps: 9,000/9,000 | Mean of 9: -1.00',
        'Testing | Episode: 1/1 | Episode Reward: 2.0000 | Running Time: 0.0100 | Mean so far: 2.00',
    ]
    assert same_speed.speed_of('\n'.join(lines)) == 4000
    with pytest.raises(ValueError, match='fewer than two lines'):
        same_speed.speed_of('\n'.join(lines[:2]))
    assert same_speed.summary([100, 200, 400], [200, 200, 200]).split() == ['200', '200', '1.000', '(0.500', 'to', '2.000)']


def test_they_are_run_as_modules():
    for module in ('same_bits', 'same_speed'):
        words = sys.executable, '-m', f'benchmarks.{module}', '--help'
        done = subprocess.run(words, cwd=same_bits.HERE, capture_output=True, text=True)
        assert done.returncode == 0
        assert f'python -m benchmarks.{module} COMMIT' in done.stdout
