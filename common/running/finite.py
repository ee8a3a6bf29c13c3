"""What to say when an update has made a number that is not finite: which number, and what was too large."""

import dataclasses

from common.errors import UserError, option

import numpy as np

LARGE = 1e9  # the square of a much larger number does not fit into float32, and losses are squares


def check(losses, agent, envs, update, kept):
    """Raises UserError if one of the losses of an update is not finite; `kept` says what is left of the run."""
    bad = [name for name, value in losses.items() if not np.isfinite(value)]
    if bad:
        raise UserError(f'in update {update}, {bad[0]} is {losses[bad[0]]}; {kept}; {_advice(agent, envs)}')


def _advice(agent, envs):
    rewards, _, _ = agent.buf.collected
    sizes = {'rewards': rewards, 'states': envs.state, 'actions may be': envs.action_bound or 0}
    for name, numbers in sizes.items():
        largest = float(np.max(np.abs(numbers)))
        if largest > LARGE:
            return f'{name} as large as {largest:.0e}, too large to compute with: scale them in the environment'
    for field in dataclasses.fields(agent.settings):
        value = getattr(agent.settings, field.name)
        if field.name.endswith('_lr') and value > 0.1:
            return f'{option(field.name, value)} is a large learning rate: try a smaller one'
    steps = [option(field.name) for field in dataclasses.fields(agent.settings) if field.name.endswith(('_lr', 'delta'))]
    return f'try a smaller {" or ".join(steps)}'
