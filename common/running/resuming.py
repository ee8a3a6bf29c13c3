"""How a run continues after an interruption: what a checkpoint holds, whether it fits, and how it is restored."""

import dataclasses
import json
import math

from common import errors
from common.errors import UserError, option
from common.running import checkpoint, schema
from common.running.settings import book_settings, renamed
from common.spaces import ActionSpace

import numpy as np


def save(path, agent, log, losses, envs, record):
    """Writes a checkpoint: agent, random numbers, logs, the actions that lead the environments to their states, the record."""
    arrays = checkpoint.named(**agent.variables()) | log.arrays() | losses.arrays()
    arrays['envs/state'] = envs.state
    if envs.actions:
        arrays['envs/actions'] = np.stack(envs.actions)
    checkpoint.save(path, arrays, record | {'rng': agent.rng.bit_generator.state})


def room(agent, envs, steps):
    """The bytes that the first checkpoint may take after so many steps: the agent's arrays, a million for logs, and the steps'.

    A step adds its action, and a row to what `grows`, such as a replay buffer.
    """
    parts = agent.variables()
    rows = [array for part in parts.values() if getattr(part, 'grows', False) for array in part.arrays().values()]
    of_step = 8 * math.prod(ActionSpace(envs.spaces[1]).draw_shape)
    of_step += sum(array.itemsize * math.prod(array.shape[1:]) for array in rows)
    return 10**6 + sum(array.nbytes for array in checkpoint.named(**parts).values()) + steps * of_step


def resume(path, agent, log, losses, envs, settings, seed):
    """Restores agent, logs and environments from a checkpoint; all of them are new.

    Returns the environments' states (num_envs, state_dim), and the steps, updates and seconds of the run so far. UserError
    if the checkpoint is from a run with other settings, or damaged.
    """

    def choose(layout, record):
        schema.check_record(path, record, schema.OF_CHECKPOINT)
        if not {'recreations', 'renewals'} & record.keys():  # today's name and its former one
            raise UserError(f'{path} is not a checkpoint: its record lacks recreations')
        check(path, record, settings, seed, envs.engine)
        schema.check_rng(path, record['rng'], agent.rng)
        checkpoint.compare(layout, path, agent.variables(), schema.of_run)
        schema.check_run(path, layout, envs)
        return layout

    arrays, record = checkpoint.load(path, choose)
    try:
        schema.check_numbers(path, arrays, envs)
        checkpoint.assign(arrays, path, **agent.variables())
        agent.rng.bit_generator.state = record['rng']
        agent.refresh()
        log.assign(arrays)
        losses.assign(arrays)
        actions = arrays.get('envs/actions', np.empty((0, envs.num_envs)))
        print(f'Resumed {path} at step {record["steps"]:,}; its environments repeat {len(actions):,} steps each.')
        recreations = record['recreations' if 'recreations' in record else 'renewals']
        state = _repeat(envs, log, seed, recreations, actions, arrays.get('envs/state'))
        return state, (record['steps'], record['updates'], record['seconds'])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f'{path} was written by another version of this project, or it is damaged ({error})') from error


def _repeat(envs, log, seed, recreations, actions, expected):
    """The environments' states after they have repeated their actions; says so if these are not the `expected` ones.

    Checkpoints of version 1.0 and before have no `expected` states, None.
    """
    try:
        state = envs.replay(seed, recreations, actions)
        if expected is None or np.array_equal(state, expected):
            return state
        happened = 'came to other states'
    except UserError as error:
        happened, state = f'stopped ({error})', envs.reset_elsewhere()
    log.forget_open()
    print(
        f'The environments repeated their actions and {happened}: they depend on more than their seed. '
        'The run goes on from there; it will not equal a run without the interruption.'
    )
    return state


def check(path, record, settings, seed, engine):
    """Raises UserError if a run with these settings would not continue the run that the checkpoint is from."""
    saved = renamed(record['settings'], type(settings)) | {'seed': record['seed'], 'engine': record['engine']}
    wanted = _plain(settings) | {'seed': seed, 'engine': engine}
    differing = [name for name, value in wanted.items() if name != 'steps' and value != saved.get(name)]
    if differing:
        name = differing[0]
        of_book = _plain(book_settings(type(settings)))
        by_book = errors.as_flags and all(one in saved and saved[one] == of_book.get(one) for one in differing)
        raise UserError(
            f'{path} was trained with {name} {saved.get(name)}, not {wanted[name]}; '
            f'give the same settings{", --book among them" if by_book else ""}, or the {option("name")} of the run you mean, '
            f'or start a new run without {option("resume")}'
        )
    anneals = any(getattr(settings, name, False) for name in ('anneal', 'final_std'))
    if settings.steps != saved['steps'] and anneals:
        kept = next(one for one in (path.with_name('agent.npz'), path) if one.exists())
        raise UserError(
            f'{path} was trained with {option("steps", saved["steps"])}, and its settings were annealed over these: with '
            f'{option("steps", settings.steps)} no command would repeat the run; give the same, or train on in a new run: '
            f'{option("start_from", str(kept))}'
        )
    if settings.steps < record['steps'] and settings.steps != saved['steps']:  # a last batch may exceed them
        given = option('steps', settings.steps)
        raise UserError(f'{path} has already taken {record["steps"]} steps, more than {given}; give more')


def _plain(settings):
    """Settings by name, as a record has them after JSON."""
    return json.loads(json.dumps(dataclasses.asdict(settings)))
