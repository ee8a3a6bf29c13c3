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
