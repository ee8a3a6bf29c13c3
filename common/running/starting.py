"""How a run starts from an agent that is trained already: yours or one that ships, in the same environment or another one."""

from pathlib import Path
from typing import Any, NamedTuple

from common.envs import check_chosen
from common.errors import UserError, option
from common.running import checkpoint, schema, settings

import numpy as np


class Start(NamedTuple):
    """A trained agent to start from: the arrays of its file by name, its record, and where it is from."""

    arrays: dict[str, np.ndarray]
    record: dict[str, Any]
    source: str


def agent_of(start):
    """The `Start` for an agent, or the path of its file; None for None. UserError if it is neither, or damaged."""
    if start is None or isinstance(start, Start):
        return start
    if isinstance(start, str | Path):

        def choose(layout, record):
            schema.check_record(start, record)
            schema.check_sizes(start, record, layout)
            return layout

        arrays, record = checkpoint.load(start, choose)
        return Start(arrays, record, str(start))
    if not hasattr(start, 'variables'):
        raise UserError(f'start_from is {start!r}: it must be an agent, or the path of an agent file')
    path = getattr(start, 'path', None)
    record = checkpoint.load(path)[1] if path and Path(path).exists() else {}
    return Start(checkpoint.named(**start.variables(for_acting=True)), record | start.identity, str(path or 'an agent'))


def settings_of(start, settings_type):
    """The settings that the agent was trained with. UserError if they are of another algorithm."""
    try:
        return settings.settings_of(start.record, settings_type, start.source)
    except (UserError, KeyError) as error:
        algorithm = start.record.get('algorithm', 'another algorithm')
        raise UserError(f'{start.source} holds an agent of {algorithm}, which this one cannot start from') from error


def env_of(start, env_args=None):
    """The environment that the agent was trained in: its id and its arguments, `env_args` over those of the record.

    UserError if the record has none, more than a file may choose, or arguments that only a program can pass.
    """
    if 'env' not in start.record:
        raise UserError(f'{start.source} does not say which environment its agent is for: give it with {option("env")}')
    arguments = start.record.get('env_args', {}) | (env_args or {})
    data = [name for name, value in arguments.items() if isinstance(value, dict) and 'digest' in value]
    if data:
        raise UserError(f'the environment of {start.source} takes data, {", ".join(data)}: pass it as env_args in a program')
    check_chosen(start.source, start.record['env'], start.record.get('env_args', {}), env_typed=False)
    return start.record['env'], arguments


def begin(agent, start, path):
    """Gives a new agent the networks and the normaliser of `start`; writes them to `path`, which stays with the run.

    Optimisers begin anew. Returns what the run's record says of it. UserError if the agents have other spaces or networks.
    """
    mine = agent.identity
    for name in ('state_dim', 'action_dim', 'action_bound'):
        if start.record.get(name) != mine[name] and not np.array_equal(start.record.get(name), mine[name]):
            wanted = f'the environment has {name} {mine[name]}, the agent in {start.source} has {start.record.get(name)}'
            raise UserError(f'{wanted}: {option("start_from")} takes an agent for the same spaces')
    arrays = {name: start.arrays[name] for name in checkpoint.named(**agent.variables(for_acting=True)) if name in start.arrays}
    if 'normalizer/open_returns' in arrays:  # of unfinished episodes; there are none yet
        arrays['normalizer/open_returns'] = np.zeros(agent.settings.num_envs)
    started_from = {'file': start.source, 'steps': start.record.get('steps')}
    checkpoint.save(path, arrays, start.record | mine | {'started_from': started_from})
    agent.load(path)
    return started_from


def again(path):
    """What `begin` returned when the run began that is resumed now; None if it did not start from an agent."""
    return checkpoint.load(path)[1]['started_from'] if path.exists() else None
