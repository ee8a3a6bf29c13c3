"""One speed measurement of this project, or of its environments alone: prints steps per second.

    python -m benchmarks.speed.ours ALGORITHM ENV NUM_ENVS ENGINE SCHEDULE STEPS

The algorithm 'random actions' steps the environments and learns nothing.
"""

import importlib
import sys
import tempfile
import time

from benchmarks.speed.cells import FLAGS, ONE_PROCESS, SLOW
from common.envs import make_envs
from common.running import command_line

import numpy as np


def training(algorithm, env, num_envs, engine, schedule, steps):
    """Steps per second of the algorithm's own training, from the first update after its compilation to the last."""
    agent = importlib.import_module(algorithm.lower())
    clock = []
    warm = 608 if algorithm == 'SAC' else 2048 if env == SLOW else 8192
    with tempfile.TemporaryDirectory() as out:
        argv = ['--train', '--env', env, '--num-envs', num_envs, '--engine', engine.split(',')[0], '--steps', steps + warm]
        argv += ['--workers', 0] if engine == ONE_PROCESS else []
        argv += ['--episodes', 1, '--out', out, *FLAGS[algorithm, schedule].split()]
        options, settings = command_line.parse(agent.__doc__, agent.Settings, agent.PRESETS, list(map(str, argv)))
        given = command_line.of_training(options)
        given['on_update'] = lambda run, _: clock.append((run.steps, time.perf_counter()))
        agent.train(options.env, settings, **given)
    first_steps, first = next(point for point in clock if point[0] >= warm)
    last_steps, last = clock[-1]
    return (last_steps - first_steps) / (last - first)


def environments_alone(env, num_envs, engine, steps):
    """Steps per second of the environments under random actions."""
    envs = make_envs(env, num_envs, engine)
    envs.reset(0)
    actions = np.random.default_rng(0).uniform(-1, 1, (100, num_envs, envs.action_dim)).astype(np.float32)
    started = time.perf_counter()
    for step in range(steps // num_envs):
        envs.step(actions[step % len(actions)])
    return steps / (time.perf_counter() - started)


def main():
    what, env, num_envs, engine, schedule, steps = sys.argv[1:]
    if what == 'random actions':
        print(environments_alone(env, int(num_envs), engine, int(steps)))
    else:
        print(training(what, env, int(num_envs), engine, schedule, int(steps)))


if __name__ == '__main__':
    main()
