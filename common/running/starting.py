"""How a run starts from an agent that is trained already: yours or one that ships, in the same environment or another one."""

from pathlib import Path
from typing import Any, NamedTuple

from common.envs import check_chosen, check_data
from common.errors import UserError, option
from common.running import checkpoint, schema, settings

import numpy as np


class Start(NamedTuple):
    """A trained agent to start from: its arrays by name, its record, where it is from, and whether that is a file."""

    arrays: dict[str, np.ndarray]
    record: dict[str, Any]
    source: str
    from_file: bool


def agent_of(start):
    """The `Start` for an agent, or the path of its file; None for None. UserError if it is neither, or damaged."""
    if start is None or isinstance(start, Start):
        return start
    if isinstance(start, str | Path):

        def choose(layout, record):
            schema.check_record(start, record)
            schema.check_sizes(start, record, layout)
            wanted = [name for name in layout if name.partition('/')[0] in schema.FOR_ACTING]
            others = [name for name in layout if name not in wanted]
            if others and 'rng' not in record:  # only a checkpoint has more
                raise UserError(f"{start} has an array '{others[0]}', which no agent has: it is not an agent file")
            return wanted

        arrays, record = checkpoint.load(start, choose)
        return Start(arrays, record, str(start), True)
    if not hasattr(start, 'variables'):
        raise UserError(f'start_from is {start!r}: it must be an agent, or the path of an agent file')
    path = getattr(start, 'path', None)
    record = checkpoint.load(path)[1] if path and Path(path).exists() else {}
    loaded = path is not None and Path(path).resolve() not in checkpoint.written
    return Start(checkpoint.named(**start.variables(for_acting=True)), record | start.identity, str(path or 'an agent'), loaded)


def settings_of(start, settings_type):
    """The settings that the agent was trained with. UserError if they are of another algorithm."""
    try:
        return settings.settings_of(start.record, settings_type, start.source)
    except (UserError, KeyError) as error:
        algorithm = start.record.get('algorithm', 'another algorithm')
        wanted = f'{option("start_from")} needs an agent of the same algorithm'
        raise UserError(f'{start.source} holds an agent of {algorithm}: {wanted}') from error


def env_of(start, env=None, env_args=None):
    """The environment that the agent was trained in: its id and its arguments, `env_args` over those of the record.

    `env` is the id if it was named as well, or None. UserError if the record has no environment, if it has only a digest of an
    argument, if a file chooses more than a file may, or if only a program can make the environment again.
    """
    if 'env' not in start.record:
        raise UserError(f'{start.source} does not say which environment its agent is for: give it with {option("env")}')
    if env is None and start.record['env'].startswith('own/'):
        raise UserError(f'the agent in {start.source} was trained in a class or a function: pass it as env again')
    arguments = {name: value for name, value in start.record.get('env_args', {}).items() if name not in (env_args or {})}
    check_data(start.source, arguments)
    if start.from_file:
        check_chosen(start.source, start.record['env'], arguments, env_typed=env is not None)
    return start.record['env'], arguments | (env_args or {})


def begin(agent, start, path):
    """Gives a new agent the networks and the normaliser of `start`; writes them to `path`, which stays with the run.

    Optimisers begin anew. Returns what the run's record says of it. UserError if the agents have other spaces or networks.
    """
    mine = agent.identity
    for name in ('state_dim', 'action_dim', 'action_bound'):
        if start.record.get(name) != mine[name] and not np.array_equal(start.record.get(name), mine[name]):
            wanted = f'{name} is {mine[name]} in the environment, but {start.record.get(name)} in the agent {start.source}'
            raise UserError(f'{wanted}: {option("start_from")} needs an agent with the same state and action spaces')
    if start.record.get('algorithm', '').partition('-')[0] != mine['algorithm'].partition('-')[0]:
        raise UserError(f'{start.source} holds an agent of {start.record.get("algorithm")}, not of {mine["algorithm"]}')
    theirs = start.record.get('settings', {})
    for name in ('hidden', 'activation', 'normalize'):
        value = getattr(agent.settings, name, None)
        wanted = tuple(theirs[name]) if isinstance(theirs.get(name), list) else theirs.get(name)
        if value != wanted:
            raise UserError(f'{option(name, value)} does not fit the agent in {start.source}: it was trained with {wanted}')
    arrays = {name: start.arrays[name] for name in checkpoint.named(**agent.variables(for_acting=True)) if name in start.arrays}
    if 'normalizer/open_returns' in arrays:  # of unfinished episodes; there are none yet
        arrays['normalizer/open_returns'] = np.zeros(agent.settings.num_envs)
    started_from = {'file': start.source, 'steps': start.record.get('steps')}
    checkpoint.save(path, arrays, start.record | mine | {'started_from': started_from})
    agent.load(path)
    return started_from


def again(path):
    """What `begin` returned when the run began that is resumed now; None if it did not start from an agent."""
    return checkpoint.read_record(path).get('started_from') if path.exists() else None
