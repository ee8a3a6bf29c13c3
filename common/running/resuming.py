"""How a run goes on after an interruption: what a checkpoint holds, whether it fits, and how it is taken up."""

import dataclasses
import json

from common.errors import UserError
from common.running import checkpoint
from common.running.settings import renamed

import numpy as np


def save(path, agent, log, losses, envs, record):
    """Writes everything a run needs to go on: agent, logs, environments, the state of its random numbers, and its record."""
    arrays = checkpoint.named(**agent.variables()) | log.arrays() | losses.arrays()
    if envs.actions:
        arrays['envs/actions'] = np.stack(envs.actions)
    checkpoint.save(path, arrays, record | {'rng': agent.rng.bit_generator.state})


def resume(path, agent, log, losses, envs, settings, seed):
    """Takes up a run where its checkpoint left it; returns the environments' states, and the run's steps, updates and seconds.

    Agent, logs and environments are new, and are brought to where they were. UserError where the checkpoint is of another run,
    or damaged.
    """
    arrays, record = checkpoint.load(path)
    try:
        check(path, record, settings, seed, envs.engine)
        checkpoint.assign(arrays, path, **agent.variables())
        agent.rng.bit_generator.state = record['rng']
        agent.refresh()
        log.assign(arrays)
        losses.assign(arrays)
        actions = arrays.get('envs/actions', np.empty((0, envs.num_envs)))
        print(f'Resumed {path} at step {record["steps"]:,}; its environments take {len(actions):,} steps each again.')
        return envs.replay(seed, record['renewals'], actions), (record['steps'], record['updates'], record['seconds'])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f'{path} was written by another version, or is damaged ({error})') from error


def check(path, record, settings, seed, engine):
    """Raises UserError where a run with these settings would not be the one that the checkpoint was saved in."""
    saved = renamed(record['settings'], type(settings)) | {'seed': record['seed'], 'engine': record['engine']}
    wanted = dataclasses.asdict(settings) | {'seed': seed, 'engine': engine}
    for name, value in wanted.items():
        if name != 'steps' and json.loads(json.dumps(value)) != saved.get(name):
            raise UserError(
                f'{path} was trained with {name} {saved.get(name)}, not {value}; '
                'give the same flags, or the --name of the run that is meant, or start anew without --resume'
            )
    anneals = any(getattr(settings, name, False) for name in ('anneal', 'final_std'))
    if settings.steps != saved['steps'] and anneals:
        raise UserError(
            f'{path} was trained with --steps {saved["steps"]}, over which it anneals: with --steps '
            f'{settings.steps} no command would repeat the run; give the same, or start anew without --resume'
        )
    if settings.steps < record['steps']:
        raise UserError(f'{path} has taken {record["steps"]} steps already: --steps {settings.steps} is less')
