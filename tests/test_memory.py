"""A million steps (of SAC 300,000): resident memory stays flat, and each compiled function is traced once."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = """
import re, sys
import {agent} as module
from common.running import command_line

def resident():
    return int(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024

memory = []
argv = ['--train', '--env', '{env}']
argv += ['--steps', '1000000', '--num-envs', '64', *{flags}]
options, settings = command_line.parse(module.__doc__, module.Settings, module.PRESETS, [*argv, '--out', {out!r}])
options = command_line.of_training(options) | dict(on_update=lambda run, losses: memory.append(resident()))
agent = module.train('{env}', settings, **options)
methods = [getattr(agent, name) for name in dir(type(agent))]
compiled = [method for method in methods if hasattr(method, 'traces')]
counts = [len(function.traces) for function in compiled]
print(memory[len(memory) // 10], memory[-1], *counts)
"""


REPLAY = ['--buffer-size', '10000', '--updates-per-step', '0.01', '--hidden', '32']
OFF_POLICY = ['--steps', '300000', '--batch-steps', '640', *REPLAY]
ACKTR = ['--batch-steps', '4096', '--anneal', '--normalize', '--inverse-every', '5']
BATCH = ['--batch-steps', '4096', '--minibatch-size', '256']


@pytest.mark.parametrize(
    ('agent', 'env', 'flags'),
    [
        ('ppo', 'Pendulum-v1', [*BATCH, '--epochs', '1']),
        pytest.param('trpo', 'FrozenLake-v1', BATCH, marks=pytest.mark.slow),
        pytest.param('a2c', 'FrozenLake-v1', ['--batch-steps', '640', '--anneal', '--normalize'], marks=pytest.mark.slow),
        pytest.param('acktr', 'Pendulum-v1', ACKTR, marks=pytest.mark.slow),
        pytest.param('sac', 'Pendulum-v1', OFF_POLICY, marks=pytest.mark.slow),
    ],
)
def test_memory_is_flat_over_a_million_steps(agent, env, flags, tmp_path):
    code = CODE.format(agent=agent, env=env, flags=flags, out=str(tmp_path))
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    early, late, *counts = map(float, done.stdout.split('\n')[-2].split())
    assert late - early < 20, f'{early:.0f} MB after a tenth of the run, {late:.0f} MB at its end'
    assert counts
    assert set(counts) == {1}


AGAIN = """
import contextlib, ctypes, gc, io, re
import {agent} as module

def resident():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024

for call in range({calls}):
    with contextlib.redirect_stdout(io.StringIO()):
        module.train('Pendulum-v1', seed=call, out={out!r}, episodes=1, **{settings})
    print(resident(), len(gc.get_objects()))
"""
BRIEF = dict(steps=2048, batch_steps=1024, num_envs=8, hidden=(16,))
LEARNERS = {
    'ppo': BRIEF | dict(minibatch_size=512, epochs=1),
    'trpo': BRIEF | dict(minibatch_size=512, critic_epochs=1),
    'a2c': BRIEF,
    'acktr': BRIEF,
    'sac': dict(steps=256, batch_steps=64, minibatch_size=32, start_steps=64, buffer_size=1000, hidden=(16,)),
}


@pytest.mark.skipif(sys.platform != 'linux', reason='resident memory is read as Linux shows it')
@pytest.mark.parametrize('agent', ['ppo', *(pytest.param(one, marks=pytest.mark.slow) for one in LEARNERS if one != 'ppo')])
def test_training_again_in_one_process_takes_no_more_memory(agent, tmp_path):
    """Less than one megabyte a call from the third on; it was 35 of compiled programs and traces."""
    calls = 9
    code = AGAIN.format(agent=agent, calls=calls, settings=LEARNERS[agent], out=str(tmp_path))
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    memory, objects = zip(*(map(float, line.split()) for line in done.stdout.splitlines()), strict=True)
    grown = min(memory[-3:]) - min(memory[2:5])  # what the allocator keeps varies from call to call
    assert grown < calls - 5, memory
    assert objects[-1] - objects[2] < 100 * calls, objects
