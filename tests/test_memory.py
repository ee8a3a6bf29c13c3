"""Memory stays flat over a long run, and over many runs in one process; each compiled function is traced once."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='memory is measured as Linux and its C library show it')
# What all allocators of the C library have given out and not got back: resident memory varies by megabytes without a reason.
MEASURE = r"""
import ctypes, gc, re, tempfile
libc = ctypes.CDLL(None)
libc.fopen.restype, libc.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p] * 2
libc.fclose.argtypes, libc.malloc_info.argtypes = [ctypes.c_void_p], [ctypes.c_int, ctypes.c_void_p]

def megabytes():
    gc.collect()
    with tempfile.NamedTemporaryFile() as report:
        file = libc.fopen(report.name.encode(), b'w')
        libc.malloc_info(0, file)
        libc.fclose(file)
        text = report.read().decode().rsplit('</heap>', 1)[1]
    size = {name: int(size) for name, size in re.findall(r'<(?:system|total) type="(\w+)"[^>]* size="([0-9]+)"', text)}
    return (size['current'] + size['mmap'] - size['fast'] - size['rest']) / 2**20
"""
CODE = """
import {agent} as module
from common.running import command_line

memory, last = [], [0]

def measure(run, losses):
    if run.steps - last[0] >= run.settings.steps // 10:
        last[0] = run.steps
        memory.append(megabytes())

argv = ['--train', '--env', '{env}']
argv += ['--steps', '1000000', '--num-envs', '64', *{flags}]
options, settings = command_line.parse(module.__doc__, module.Settings, module.PRESETS, [*argv, '--out', {out!r}])
options = command_line.of_training(options) | dict(on_update=measure)
agent = module.train('{env}', settings, **options)
methods = [getattr(agent, name) for name in dir(type(agent))]
compiled = [method for method in methods if hasattr(method, 'traces')]
counts = [len(function.traces) for function in compiled]
print(settings.steps, min(memory[:3]), min(memory[-3:]), *counts)  # the record of actions grows and begins anew
"""


REPLAY = ['--buffer-size', '10000', '--updates-per-step', '0.01', '--hidden', '32']
OFF_POLICY = ['--steps', '300000', '--batch-steps', '640', *REPLAY]
ACKTR = ['--batch-steps', '4096', '--anneal', '--normalize', '--inverse-every', '5']
BATCH = ['--batch-steps', '4096', '--minibatch-size', '256']


@pytest.mark.slow
@pytest.mark.parametrize(
    ('agent', 'env', 'flags'),
    [
        ('ppo', 'Pendulum-v1', ['--steps', '400000', *BATCH, '--epochs', '1']),
        ('trpo', 'Pendulum-v1', BATCH),
        ('a2c', 'Pendulum-v1', ['--batch-steps', '640', '--anneal', '--normalize']),
        ('acktr', 'Pendulum-v1', ACKTR),
        ('sac', 'Pendulum-v1', OFF_POLICY),
    ],
)
def test_memory_is_flat_over_a_million_steps(agent, env, flags, tmp_path):
    """Less than 1.5 MB for a million steps; the 24 bytes of each episode are 0.1. Of PPO 400,000 steps, of SAC 300,000."""
    code = MEASURE + CODE.format(agent=agent, env=env, flags=flags, out=str(tmp_path))
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    steps, early, late, *counts = map(float, done.stdout.split('\n')[-2].split())
    assert (late - early) / (0.6 * steps) * 1e6 < 1.5, f'{early:.2f} MB at the beginning, {late:.2f} MB at the end'
    assert counts
    assert set(counts) == {1}


AGAIN = """
import contextlib, io
import {agent} as module

for call in range({calls}):
    with contextlib.redirect_stdout(io.StringIO()):
        module.train('Pendulum-v1', seed=call, out={out!r}, episodes=1, **{settings})
    print(megabytes(), len(gc.get_objects()))
"""
BRIEF = dict(steps=2048, batch_steps=1024, num_envs=8, hidden=(16,))
LEARNERS = {
    'ppo': BRIEF | dict(minibatch_size=512, epochs=1),
    'trpo': BRIEF | dict(minibatch_size=512, critic_epochs=1),
    'a2c': BRIEF,
    'acktr': BRIEF,
    'sac': dict(steps=256, batch_steps=64, minibatch_size=32, start_steps=64, buffer_size=1000, hidden=(16,)),
}


@pytest.mark.slow
@pytest.mark.parametrize('agent', LEARNERS)
def test_training_again_in_one_process_takes_no_more_memory(agent, tmp_path):
    """Less than half a megabyte a call from the third on; it was 35, of compiled programs and traces."""
    calls = 6
    code = MEASURE + AGAIN.format(agent=agent, calls=calls, settings=LEARNERS[agent], out=str(tmp_path))
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    memory, objects = zip(*(map(float, line.split()) for line in done.stdout.splitlines()), strict=True)
    assert (memory[-1] - memory[2]) / (calls - 3) < 0.5, memory
    assert objects[-1] - objects[2] < 100 * calls, objects
