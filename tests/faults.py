"""Faults at random moments of real trainings, outside `make test`: are the files whole, and does each run end as it should?

    python tests/faults.py             20 faults for each agent, two at a time: about half an hour
    python tests/faults.py ppo 80      one agent, another number

Every training is compared with one that nothing disturbed: agent, checkpoint and curve must be the same, bit for bit. If a
fault has ended a run, the command is typed again, with --resume if there is a checkpoint. The page about runs shows the table
that this prints.
"""

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SHORT = ['--env', 'CartPole-v1', '--steps', '24000', '--save-every', '2000', '--episodes', '3']
AGENTS = {  # long enough to be disturbed before they end
    'ppo': [*SHORT, '--minibatch-size', '8', '--epochs', '4'],
    'trpo': [*SHORT, '--minibatch-size', '8'],
    'a2c': [*SHORT, '--batch-steps', '40', '--normalize'],
    'acktr': [*SHORT, '--batch-steps', '80', '--normalize'],
    'sac': ['--steps', '4000', '--save-every', '400', '--start-steps', '200', '--updates-per-step', '0.1', '--episodes', '3'],
}
JUMP = """
import random, runpy, sys, threading, time
moment, path, real, begun = float(sys.argv[1]), sys.argv[2], time.time, time.monotonic()
time.time = lambda: real() + (random.choice([-1, 1]) * 3e7 if time.monotonic() - begun > moment else 0)
sys.argv = sys.argv[2:]
runpy.run_path(path, run_name='__main__')
"""


class Over(Exception):
    """A training has ended before it could be disturbed."""


class Training:
    """One training in a process of its own, which writes to `out`."""

    def __init__(self, agent, out, *flags, jump=None):
        begin = [sys.executable, f'{agent}.py'] if jump is None else [sys.executable, '-c', JUMP, str(jump), f'{agent}.py']
        words = [*begin, '--train', '--out', str(out), *AGENTS[agent], *flags]
        self.agent, self.out = agent, out
        self.process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait(self, moment):
        """Waits until the moment of the fault; Over if the training ends before it."""
        try:
            self.process.wait(moment)
        except subprocess.TimeoutExpired:
            return
        self.process.communicate()
        raise Over

    def ends(self):
        """Waits for the end; returns the exit code and what was printed."""
        printed = self.process.communicate()[0]
        return self.process.returncode, printed

    def goes_on(self):
        """Types the command again: with --resume if there is a checkpoint, else in an empty folder."""
        resume = ['--resume'] if list(self.out.rglob('checkpoint.npz')) else []
        if not resume:
            shutil.rmtree(self.out, ignore_errors=True)
        code, printed = Training(self.agent, self.out, *resume).ends()
        assert code == 0, printed


def whole(out):
    """Whether every file under `out` that has its final name can be read."""
    for path in out.rglob('*'):
        if path.name.startswith('.') or not path.is_file():
            continue
        if path.suffix == '.npz':
            with np.load(path) as arrays, zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None, path
                json.loads(arrays['record.json'].tobytes())
        elif path.suffix == '.json':
            json.loads(path.read_text())
        elif path.suffix == '.csv':
            assert path.read_text().endswith('\n'), path
        elif path.suffix == '.png':
            assert path.read_bytes().endswith(b'IEND\xaeB`\x82'), path
    return True


def same(out, undisturbed):
    """Whether the runs in two folders have the same agent, checkpoint and curve."""
    for name in ('agent.npz', 'checkpoint.npz'):
        one, other = (next(folder.rglob(name)) for folder in (out, undisturbed))
        with np.load(one) as mine, np.load(other) as right:
            assert mine.files == right.files
            records = [json.loads(arrays['record.json'].tobytes()) for arrays in (mine, right)]
            for record in records:
                del record['seconds']
            assert records[0] == records[1], one
            names = set(mine.files) - {'record.json'}
            assert all(np.array_equal(mine[array], right[array], equal_nan=True) for array in names), one
    curves = [next(folder.rglob('seed0.csv')).read_bytes() for folder in (out, undisturbed)]
    assert curves[0] == curves[1]
    return True


def stopped_by(number, code):
    """The fault of a signal, after which the process ends with `code`."""

    def fault(agent, out, undisturbed, moment):
        training = Training(agent, out)
        training.wait(moment)
        training.process.send_signal(number)
        found, printed = training.ends()
        outside = 'Loading TensorFlow' not in printed or 'Agent: ' in printed  # while Python imports, or closes
        assert found in ([0, code, -number] if outside else [code]), printed
        assert whole(out)
        training.goes_on()

    return fault


def halted(agent, out, undisturbed, moment):
    """SIGSTOP and, two seconds later, SIGCONT."""
    training = Training(agent, out)
    training.wait(moment)
    training.process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    assert whole(out)
    training.process.send_signal(signal.SIGCONT)
    code, printed = training.ends()
    assert code == 0, printed


def full_disk(agent, out, undisturbed, moment):
    """From a moment on no file can grow, which ends a write as a full disk does."""
    training = Training(agent, out)
    training.wait(moment)
    resource.prlimit(training.process.pid, resource.RLIMIT_FSIZE, (0, 0))
    code, printed = training.ends()
    assert code in (0, 2), printed
    assert whole(out)
    if code:
        assert 'Traceback' not in printed, printed
        training.goes_on()


def removed(agent, out, undisturbed, moment):
    """The folder of the run is removed while it trains."""
    training = Training(agent, out)
    training.wait(moment)
    shutil.rmtree(out, ignore_errors=True)
    code, printed = training.ends()
    assert code in (0, 2), printed
    assert 'Traceback' not in printed, printed
    assert whole(out)
    if code:
        training.goes_on()


def jumping_clock(agent, out, undisturbed, moment):
    """From a moment on Python's clock is a year ahead or behind, and changes between the two."""
    training = Training(agent, out, jump=moment)
    training.wait(moment)
    code, printed = training.ends()
    assert code == 0, printed


def copied(agent, out, undisturbed, moment):
    """The folder is copied while the run trains, once there is a checkpoint, and the copy is continued in another place."""
    training = Training(agent, out)
    while not list(out.rglob('checkpoint.npz')):
        training.wait(0.05)
    training.wait(moment / 10)
    there = out.with_name(f'{out.name}-copy')
    for path in sorted(out.rglob('*')):  # file by file: some are renamed meanwhile
        if path.is_file() and not path.name.startswith('.'):
            target = there / path.relative_to(out)
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path, target)
    code, printed = training.ends()
    assert code == 0, printed
    if not list(there.rglob('checkpoint.npz')):
        raise Over  # or not begun: there was nothing to be copied
    code, printed = Training(agent, there, '--resume').ends()
    assert code == 0, printed
    assert whole(there)
    assert same(there, undisturbed)


FAULTS = {
    '`kill -9`': stopped_by(signal.SIGKILL, -signal.SIGKILL),
    'SIGTERM': stopped_by(signal.SIGTERM, 143),
    'SIGHUP': stopped_by(signal.SIGHUP, -signal.SIGHUP),
    'SIGSTOP, then SIGCONT': halted,
    'a full disk': full_disk,
    'the folder is removed': removed,
    'the clock jumps': jumping_clock,
    'a copy is continued': copied,
}


def main(agents, count):
    """Tries `count` faults for each agent, of every kind in turn, and prints the table; returns whether all went well.

    A moment that comes after the end of the training is drawn again.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored, here and in what starts here
    draw = random.Random(seed := int.from_bytes(os.urandom(4)))
    print(f'moments drawn with seed {seed}', flush=True)
    tried, well = Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as two:
        for agent in agents:
            undisturbed, begun = Path(folder, agent, 'undisturbed'), time.monotonic()
            code, printed = Training(agent, undisturbed).ends()
            assert code == 0, printed
            length = time.monotonic() - begun

            def attempt(number, fault, agent=agent, undisturbed=undisturbed, length=length):
                for again in range(9):
                    out, moment = undisturbed.with_name(f'{number}-{again}'), draw.uniform(0, length)
                    try:
                        FAULTS[fault](agent, out, undisturbed, moment)
                        return fault, whole(out) and same(out, undisturbed)
                    except Over:
                        continue  # the moment came too late
                    except Exception as error:
                        print(f'{agent}, {fault}, after {moment:.2f} s: {type(error).__name__}: {error}', flush=True)
                        return fault, False
                    finally:
                        for left in undisturbed.parent.glob(f'{number}-{again}*'):
                            shutil.rmtree(left, ignore_errors=True)
                return fault, None

            kinds = [list(FAULTS)[i % len(FAULTS)] for i in range(count)]
            for fault, right in two.map(attempt, range(count), kinds):
                tried[fault] += right is not None
                well[fault] += bool(right)
            print(f'{agent}: {length:.1f} s undisturbed, {count} faults', flush=True)
    print('\n| fault | tried | files whole, run equal |\n|---|---|---|')
    for fault in FAULTS:
        print(f'| {fault} | {tried[fault]} | {well[fault]} |')
    return well == tried


if __name__ == '__main__':
    chosen = [word for word in sys.argv[1:] if word in AGENTS] or list(AGENTS)
    sys.exit(not main(chosen, next((int(word) for word in sys.argv[1:] if word.isdigit()), 20)))
