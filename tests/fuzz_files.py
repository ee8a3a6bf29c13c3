"""Thousands of damaged files, outside `make test`: each is refused in one line, or loaded and sound.

    python tests/fuzz_files.py          5,000 cases
    python tests/fuzz_files.py 100000   as many as you like

Agent files, checkpoints, records and folders of experiments are damaged by Hypothesis: bytes, headers of arrays, fields of
records. Whatever else is raised ends the program with the smallest case that raises it. It takes a few minutes.
"""

import contextlib
import copy
import io
import json
import os
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import a2c
import experiment
from common.envs import make_envs
from common.errors import UserError
from common.running import checkpoint, command_line, evaluate, resuming
from common.running.interface import act
from common.running.logs import EpisodeLog, LossLog
from experiments import plan, results

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

SHORT = dict(steps=2400, batch_steps=400, num_envs=4, hidden=(4,), normalize=True, episodes=5, save_every=2000)
NUMBERS = some.integers(-3, 300) | some.integers() | some.floats() | some.sampled_from([2**31, 2**63, 2**64, 1e300, -1e300])
ATOMS = some.none() | some.booleans() | NUMBERS | some.text(max_size=8) | some.sampled_from(['\x1b]0;x\x07', 'a:B-v0', '../x'])
VALUES = some.recursive(
    ATOMS, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3)
)
ENVS = some.sampled_from(['Pendulum-v1', 'CartPole-v1', 'FrozenLake-v1', 'MountainCarContinuous-v0', 'a:B-v0']) | some.text(
    max_size=9
)
WORDS = some.sampled_from(
    ['g', 'render_mode', 'max_episode_steps', 'is_slippery', 'map_name', 'desc', 'id', 'kwargs', 'self', 'goal_velocity']
)
ARGUMENTS = some.dictionaries(WORDS | some.text(max_size=5), VALUES, max_size=2)
DTYPES = some.sampled_from(['f4', 'f8', 'i4', 'i8', 'u1', '?', 'c8', 'U2', 'S3', 'M8[s]', '>f4'])
SHAPES = some.lists(some.integers(0, 5), max_size=3).map(tuple)
FILLS = some.sampled_from([0, 1, -1, 7, 1e30, 1e300, np.nan, np.inf])


@some.composite
def arrays_of(draw):
    """An array of any kind, shape and numbers."""
    with np.errstate(all='ignore'), warnings.catch_warnings(action='ignore'):
        dtype = np.dtype(draw(DTYPES))
        array = np.zeros(draw(SHAPES), dtype)
        fill = draw(FILLS)
        return np.full(array.shape, fill, np.float64).astype(dtype) if dtype.kind in 'fiu?c' else array


def places(value, here=()):
    """The paths to all parts of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, part in inner for place in places(part, (*here, key)))]


@some.composite
def damaged_json(draw, whole):
    """A JSON value in which one to three parts are replaced, removed or joined by others."""
    found = copy.deepcopy(whole)
    for _ in range(draw(some.integers(1, 3))):
        place = draw(some.sampled_from(places(found)))
        if not place:
            continue
        part = found
        for key in place[:-1]:
            part = part[key]
        how = draw(some.sampled_from(['replace', 'replace', 'remove', 'add']))
        if how == 'remove':
            del part[place[-1]]
        elif how == 'add' and isinstance(part, dict):
            part[draw(some.text(max_size=6))] = draw(VALUES)
        else:
            part[place[-1]] = draw(VALUES)
    return found


@some.composite
def damaged_bytes(draw, whole):
    """Bytes of which some are changed, cut out, doubled or cut off."""
    found = bytearray(whole)
    for _ in range(draw(some.integers(1, 4))):
        at = draw(some.integers(0, max(0, len(found) - 1)))
        count = draw(some.integers(1, 40))
        how = draw(some.sampled_from(['change', 'cut', 'double', 'end']))
        if how == 'change':
            found[at : at + count] = draw(some.binary(min_size=count, max_size=count))
        elif how == 'cut':
            del found[at : at + count]
        elif how == 'double':
            found[at:at] = found[at : at + count]
        else:
            del found[at:]
    return bytes(found)


@some.composite
def damaged_archive(draw, arrays, record):
    """A file as `checkpoint.save` writes it, of which the record, arrays, headers or bytes are damaged: its bytes."""
    arrays, how = dict(arrays), draw(some.sampled_from(['record', 'arrays', 'header', 'bytes', 'zip']))
    compression = zipfile.ZIP_STORED
    if how == 'record':
        record = draw(damaged_json(record))
    if how == 'arrays':
        for name in draw(some.lists(some.sampled_from(sorted(arrays)), min_size=1, max_size=3)):
            arrays.pop(name, None)
            if draw(some.booleans()):
                arrays[draw(some.just(name) | some.text(max_size=6))] = draw(arrays_of())
    members = {f'{name}.npy': _npy(array) for name, array in arrays.items()}
    members['record.json.npy'] = _npy(np.frombuffer(json.dumps(record).encode(), np.uint8))
    if how == 'header':
        name = draw(some.sampled_from(sorted(members)))
        members[name] = draw(damaged_bytes(members[name][:128])) + members[name][128:]
    if how == 'zip':
        compression = draw(some.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]))
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', compression) as archive, warnings.catch_warnings(action='ignore'):
        for name, data in members.items():
            archive.writestr(name or 'x', data)
            if how == 'zip' and draw(some.integers(0, 9)) == 0:
                archive.writestr(draw(some.just(name) | some.text(max_size=4)) or 'x', data)
    return draw(damaged_bytes(file.getvalue())) if how == 'bytes' else file.getvalue()


def _npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=(1, 0))
    return file.getvalue()


class Tried:
    """Counts what came of the cases."""

    def __init__(self):
        self.counts = Counter()

    def __call__(self, kind, use):
        """Uses a damaged file: a UserError must be one line that a terminal can show, and anything else is a finding."""
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(printed):
                use()
            came_to = 'loaded'
        except UserError as error:
            said = str(error)
            assert said.isprintable(), said
            came_to = 'refused'
        assert all(line.isprintable() for line in printed.getvalue().replace('\t', ' ').splitlines()), printed.getvalue()
        self.counts[kind, came_to] += 1


def play(path):
    """Loads an agent and lets it act."""
    agent = a2c.load_agent(path)
    states = np.zeros((2, agent.state_space.dim), np.float32)
    assert act(agent, states).shape[0] == 2


def resume(path, agent, envs):
    """Does what `train` does with a checkpoint, and saves it again: then it is resumed again."""
    own = agent.settings
    for again in (False, True):
        log, losses = EpisodeLog(own.num_envs), LossLog(own.steps)
        states, (steps, *_) = resuming.resume(path, agent, log, losses, envs, own, 0)
        assert np.isfinite(states).all()
        assert 0 <= steps <= own.steps
        act(agent, states)
        if not again:
            _, record = checkpoint.load(path)
            resuming.save(path, agent, log, losses, envs, record)


def test(path):
    """Does what `--test --model` does, for one episode."""
    words = ['--test', '--episodes', '1', '--model', str(path)]
    options, _ = command_line.parse(a2c.__doc__, a2c.Settings, a2c.PRESETS, words)
    evaluate.test(a2c.load_agent(path), path, options)


def take_up(folder):
    """What `experiment.py --resume` reads before it starts anything."""
    found = plan.read(folder)
    experiment.check_named(([], []), found, folder)
    for job in found.jobs(folder):
        results.record_of(job)


def fuzz(cases, folder):
    """Tries that many cases; returns what they came to."""
    agent = a2c.train('Pendulum-v1', out=folder, eager=True, **SHORT)
    envs = make_envs('Pendulum-v1', agent.settings.num_envs, 'envpool', {}, training=True)
    kept = folder / 'model/A2C_Pendulum-v1/seed0'
    whole = {name: checkpoint.load(kept / f'{name}.npz') for name in ('agent', 'checkpoint')}
    tried, path = Tried(), folder / 'damaged.npz'
    place = folder / 'experiment'
    of_experiment = plan.Experiment(['a2c.py'], ['--steps', '2400', '--hidden', '4'], ['gamma=0.9,0.99'], [0, 1], 'x', '')
    place.mkdir()
    of_experiment.save(place)
    described = json.loads((place / 'experiment.json').read_text())
    job = of_experiment.jobs(place)[0]
    image = Path(job.folder, 'image/x/seed0')
    for one in (image, Path(job.folder, 'model/x/seed0/agent.npz')):
        one.parent.mkdir(parents=True)
    record, curve = whole['agent'][1], (folder / 'image/A2C_Pendulum-v1/seed0.csv').read_bytes()

    def each(share):
        return settings(
            max_examples=max(1, cases * share // 100), deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip

    @each(35)
    @given(damaged_archive(*whole['agent']))
    def agents(data):
        path.write_bytes(data)
        tried('agent file', lambda: play(path))

    @each(30)
    @given(damaged_archive(*whole['checkpoint']))
    def checkpoints(data):
        path.write_bytes(data)
        tried('checkpoint', lambda: resume(path, agent, envs))
        tried('checkpoint as an agent', lambda: play(path))

    @each(10)
    @given(ENVS | some.text(max_size=9), ARGUMENTS)
    def choices(env, env_args):
        if isinstance(env_args.get('max_episode_steps'), int):
            env_args['max_episode_steps'] = min(300, env_args['max_episode_steps'])
        checkpoint.save(path, whole['agent'][0], record | dict(env=env, env_args=env_args))
        tried('test of what a record names', lambda: test(path))

    @each(15)
    @given(damaged_json(described) | damaged_bytes(json.dumps(described).encode()))
    def descriptions(found):
        (place / 'experiment.json').write_bytes(found if isinstance(found, bytes) else json.dumps(found).encode())
        tried('experiment, to compare', lambda: plan.recorded_jobs(place))
        tried('experiment, to resume', lambda: take_up(place))

    @each(10)
    @given(damaged_json(record), damaged_bytes(curve), some.booleans())
    def folders(found, line, of_record):
        (place / 'experiment.json').write_text(json.dumps(described))
        checkpoint.save(Path(job.folder, 'model/x/seed0/agent.npz'), whole['agent'][0], found if of_record else record)
        image.with_suffix('.json').write_text(json.dumps(found if of_record else record))
        image.with_suffix('.csv').write_bytes(curve if of_record else line)
        out = tempfile.mkdtemp(dir=folder)
        tried('runs to compare', lambda: experiment.main(['--compare', str(place), '--storage', out]))

    for one in (agents, checkpoints, choices, descriptions, folders):
        one()
    return tried.counts


def main():
    """Prints what came of as many cases as were asked for."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as folder:
        os.environ['MPLBACKEND'] = 'agg'
        counts = fuzz(cases, Path(folder))
    for (kind, came_to), count in sorted(counts.items()):
        print(f'{kind}: {count} {came_to}')
    print(f'{sum(counts.values())} cases, nothing but refusals in one line and sound loads')


if __name__ == '__main__':
    main()
