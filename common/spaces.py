"""The spaces of an environment as an agent sees them: states become vectors of floats, what it draws becomes actions.

`StateSpace` flattens states as Gymnasium's `flatten` does. `ActionSpace` turns draws into actions that the space contains.
"""

import math

import numpy as np
from gymnasium import spaces
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple


class StateSpace:
    """Turns states of a Gymnasium space into vectors of `dim` floats.

    A Box is flattened, a Discrete or MultiDiscrete number becomes one-hot, the parts of a Dict or Tuple are joined in the
    space's order, as by `gymnasium.spaces.flatten`.
    """

    def __init__(self, space):
        self.space, self.dim = space, spaces.flatdim(space)
        self.is_vector = isinstance(space, Box) and len(space.shape) == 1

    def to_vector(self, state):
        """States as vectors: (dim,) for one state, (N, dim) for a batch of N states.

        Takes states as the environment returns them, one or a batch (a Dict of batches), and floats that are vectors already.
        ValueError if `state` is none of these.
        """
        looks_flat = isinstance(state, np.ndarray) and state.ndim in (1, 2) and state.shape[-1] == self.dim
        if looks_flat and (self.is_vector or (state.dtype.kind == 'f' and self.space.shape != state.shape)):
            return state.astype(np.float32, copy=False)
        if isinstance(state, tuple) and state and isinstance(state[-1], dict) and not isinstance(self.space, Tuple):
            raise ValueError(f'a state of the space {self.space} was expected: pass the state, not (state, info)')
        try:
            batch = _batch_shape(self.space, state)
            if len(batch) > 1:
                raise ValueError('it has more than one leading dimension')
            return np.concatenate(_parts(self.space, state, batch), axis=-1)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f'a state of the space {self.space} was expected, or a batch of them ({error})') from error


def _batch_shape(space, state):
    """The leading dimensions that `state` has in addition to those of the space."""
    if isinstance(space, Dict):
        name, part = next(iter(space.spaces.items()))
        return _batch_shape(part, state[name])
    if isinstance(space, Tuple):
        return _batch_shape(space.spaces[0], state[0])
    shape = np.shape(state)
    count = len(shape) - len(space.shape)
    if count < 0 or shape[count:] != space.shape:
        raise ValueError(f'this one has shape {shape}')
    return shape[:count]


def _parts(space, state, batch):
    """The vectors, (*batch, size), of which a state consists."""
    if isinstance(space, Dict):
        return [vector for name, part in space.spaces.items() for vector in _parts(part, state[name], batch)]
    if isinstance(space, Tuple):
        return [vector for part, one in zip(space.spaces, state, strict=True) for vector in _parts(part, one, batch)]
    if np.shape(state) != (*batch, *space.shape):
        raise ValueError(f'one part has shape {np.shape(state)}')
    if isinstance(space, Discrete):
        return [_one_hot(np.asarray(state) - space.start, space.n)]
    if isinstance(space, MultiDiscrete):
        numbers = (np.asarray(state) - space.start).reshape(*batch, -1)
        return [_one_hot(numbers[..., i], n) for i, n in enumerate(space.nvec.ravel())]
    return [np.asarray(state, np.float32).reshape(*batch, -1)]


def _one_hot(number, n):
    if np.any(number != np.round(number)) or np.any(number < 0) or np.any(number >= n):
        raise ValueError(f'{number} is not among its {n} numbers')
    return np.eye(n, dtype=np.float32)[number.astype(int)]


class ActionSpace:
    """What an agent knows of its actions; `space` is a Gymnasium space: Box, Discrete, MultiDiscrete or MultiBinary.

    `action_dim` and `action_bound` are what the agents' constructors take: numbers in an action and (low, high), float32 arrays
    inside the space, for a Box; the number of choices, or a tuple of them, and None for the others. A draw has `draw_shape` and
    `draw_dtype`: floats that may lie outside the bounds, or whole numbers that begin at 0.
    """

    def __init__(self, space):
        self.space, self.discrete = space, not isinstance(space, Box)
        self.shape, self.dtype = space.shape, space.dtype
        self.start = 0
        if isinstance(space, Box):
            self.action_dim = int(np.prod(space.shape))
            self.action_bound = tuple(bound.reshape(-1) for bound in _rounded_inwards(space))
            self.draw_shape, self.draw_dtype = (self.action_dim,), np.float32
            return
        self.action_bound, self.draw_dtype = None, np.int32
        if isinstance(space, Discrete):
            self.action_dim, self.draw_shape, self.start = int(space.n), (), int(space.start)
        else:
            choices = space.nvec if isinstance(space, MultiDiscrete) else np.full(space.shape, 2)
            self.action_dim, self.draw_shape = tuple(map(int, choices.ravel())), (choices.size,)
            self.start = space.start if isinstance(space, MultiDiscrete) else 0

    def to_action(self, draw):
        """Actions that the space contains, from draws (*draw_shape,) or (N, *draw_shape): clipped, shaped, of its type."""
        if not self.discrete:
            draw = np.minimum(np.maximum(draw, self.action_bound[0]), self.action_bound[1])
        draw = np.asarray(draw)
        shaped = draw.reshape(draw.shape[: draw.ndim - len(self.draw_shape)] + self.shape)
        return (shaped + self.start if self.discrete else shaped).astype(self.dtype, copy=False)[()]


def agent_spaces(state_dim, action_dim, action_bound, spaces=None):
    """The `StateSpace` and `ActionSpace` of an agent: of the Gymnasium spaces (states, actions), or of the sizes alone.

    ValueError if spaces are given that do not have these sizes.
    """
    states, actions = spaces or default_spaces(state_dim, action_dim, action_bound)
    states, actions = StateSpace(states), ActionSpace(actions)
    if (states.dim, actions.action_dim) != (state_dim, action_dim):
        sizes = f'state_dim {states.dim} and action_dim {actions.action_dim}'
        raise ValueError(f'the spaces have {sizes}, not {state_dim} and {action_dim} as the other arguments say')
    return states, actions


def default_spaces(state_dim, action_dim, action_bound):
    """The Gymnasium spaces (of states, of actions) that the arguments of an agent's constructor stand for.

    States are vectors of floats. Actions are a Box of float32 within `action_bound`; if that is None they are Discrete for a
    number of choices, MultiDiscrete for a tuple of numbers.
    """
    if action_bound is not None:
        actions = Box(*bounds(action_bound, action_dim))
    else:
        actions = Discrete(action_dim) if np.ndim(action_dim) == 0 else MultiDiscrete(action_dim)
    return Box(-np.inf, np.inf, (state_dim,)), actions


def bounds(action_bound, action_dim):
    """(low, high), float32 arrays (action_dim,), of the largest action or a pair; a number holds for every dimension."""
    low, high = action_bound if isinstance(action_bound, tuple | list) else (-np.asarray(action_bound), action_bound)
    return tuple(np.broadcast_to(np.asarray(bound, np.float32), action_dim) for bound in (low, high))


def describe(space):
    """A space as JSON can hold it, for an agent's record. The bounds of a Box are left out."""
    if isinstance(space, Dict):
        return {'type': 'Dict', 'spaces': {name: describe(part) for name, part in space.spaces.items()}}
    if isinstance(space, Tuple):
        return {'type': 'Tuple', 'spaces': [describe(part) for part in space.spaces]}
    described = {'type': type(space).__name__, 'shape': list(space.shape), 'dtype': space.dtype.name}
    if isinstance(space, Discrete):
        described |= {'n': int(space.n), 'start': int(space.start)}
    if isinstance(space, MultiDiscrete):
        described |= {'n': space.nvec.tolist(), 'start': space.start.tolist()}
    return described


def from_description(described, action_bound=None, most=None):
    """The space that `describe` described; a Box gets `action_bound`, a pair of flat lists, or the widest bounds there are.

    With `most` a space that has more numbers or choices is refused before it is made. Raises KeyError, TypeError, ValueError or
    another error of Python's if there is no such space.
    """
    if most is not None and _size(described) > most:
        raise ValueError(f'a {described["type"]} of size {_size(described)}, more than {most}')
    kind = described['type']
    if kind == 'Dict':
        return Dict([(name, from_description(part)) for name, part in described['spaces'].items()])
    if kind == 'Tuple':
        return Tuple([from_description(part) for part in described['spaces']])
    shape, dtype = tuple(described['shape']), np.dtype(described['dtype'])
    if kind == 'Discrete':
        return Discrete(described['n'], start=described['start'], dtype=dtype)
    if kind == 'MultiDiscrete':
        return MultiDiscrete(described['n'], dtype=dtype, start=described['start'])
    if kind == 'MultiBinary':
        return MultiBinary(list(shape))
    if action_bound is not None:
        low, high = (np.asarray(bound, dtype).reshape(shape) for bound in action_bound)
    elif dtype.kind == 'f':
        low, high = -np.inf, np.inf
    else:
        low, high = (0, 1) if dtype.kind == 'b' else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return Box(low, high, shape, dtype)


def _size(described):
    """How many numbers or choices a described space has. ValueError unless it is of a kind that `describe` describes."""
    kind = described['type']
    if kind in ('Dict', 'Tuple'):
        parts = described['spaces'].values() if kind == 'Dict' else described['spaces']
        return sum(map(_size, parts))
    if kind not in ('Box', 'Discrete', 'MultiDiscrete', 'MultiBinary'):
        raise ValueError(f'there is no space {kind}')
    if np.dtype(described['dtype']).kind not in 'biuf':
        raise ValueError(f'numbers of type {described["dtype"]}')
    sizes = np.ravel(described['n'] if 'n' in described else described['shape']).tolist()
    if not all(type(one) is int and one >= 0 for one in sizes):
        raise ValueError(f'sizes {sizes}')
    return sum(sizes) if 'n' in described else math.prod(sizes)


def _rounded_inwards(space):
    """The bounds of a Box as float32, never outside the space: 0.1 would be rounded up, and an action of 0.1 refused."""
    low, high = np.float32(space.low), np.float32(space.high)
    low = np.where(low < space.low, np.nextafter(low, np.float32(np.inf)), low)
    return low, np.where(high > space.high, np.nextafter(high, np.float32(-np.inf)), high)
