"""The on-policy buffer: transitions as (steps, num_envs, ...), advantages by GAE, a batch of fixed size; and replay."""

from common.normalize import Identity

import numpy as np


class RolloutBuffer:
    """Holds one batch of `size` transitions from `num_envs` environments and computes their advantages.

    Rows in which an environment was being reset take part in nothing: collection goes on until `size` valid transitions
    are stored. States have (state_dim,) floats, actions `action_shape` of `action_dtype`. `normalizer`, none by default,
    gives the states that the networks see and the rewards that they learn from.
    """

    def __init__(self, size, num_envs, state_dim, action_shape, action_dtype, gamma, lam, normalizer=None):
        self.size, self.gamma, self.lam = size, gamma, lam
        self.normalizer = normalizer or Identity()
        self.states = np.zeros((0, num_envs, state_dim), np.float32)
        self.actions = np.zeros((0, num_envs, *action_shape), action_dtype)
        self.rewards = np.zeros((0, num_envs), np.float32)
        self.terminated = np.zeros((0, num_envs), bool)
        self.truncated = np.zeros((0, num_envs), bool)
        self.valid = np.zeros((0, num_envs), bool)
        self.clear()

    def clear(self):
        """Forgets every stored transition."""
        self.steps, self.transitions = 0, 0

    def store(self, state, action, reward, terminated, truncated, valid):
        """Stores one step of all environments; each argument has a leading dimension of num_envs."""
        step = self.steps
        if step + 2 > len(self.states):  # the states have one row more: what follows the last step
            self._grow()
        self.states[step] = state
        self.actions[step] = action
        self.rewards[step] = reward
        self.terminated[step] = terminated
        self.truncated[step] = truncated
        self.valid[step] = valid
        self.steps += 1
        self.transitions += np.count_nonzero(valid)

    def _grow(self):
        """Makes room for twice as many steps: how many a batch takes depends on how many rows are resets."""
        for name in ('states', 'actions', 'rewards', 'terminated', 'truncated', 'valid'):
            array = getattr(self, name)
            more = np.zeros((max(2, len(array)), *array.shape[1:]), array.dtype)
            setattr(self, name, np.concatenate([array, more]))

    def is_full(self):
        """Whether the batch is complete."""
        return self.transitions >= self.size

    def finish_path(self, last_state, value):
        """Computes advantages and returns of everything stored; `value` maps states (N, state_dim) to (N,).

        `last_state`, (num_envs, state_dim), follows the last step; `value` gets states normalised. After a terminal state
        nothing is added; after a time limit, and at the cut of the batch, the value of the state that followed is. Sets
        `collected`: rewards, ends of episodes and valid rows, each (steps, num_envs), kept until the next batch is stored.
        """
        steps, num_envs = self.steps, last_state.shape[0]
        self.states[steps] = last_state
        self.inputs = self.normalizer.states(self.states[: steps + 1])
        values = value(self.inputs.reshape(-1, self.inputs.shape[-1])).reshape(steps + 1, num_envs)
        alive = ~self.terminated[:steps]
        goes_on = alive & ~self.truncated[:steps]
        self.collected = self.rewards[:steps], ~goes_on, self.valid[:steps]
        rewards = self.normalizer.finish_batch(self.states[:steps], *self.collected)
        # TD error: delta_t = r_t + gamma V(s_{t+1}) - V(s_t), without V(s_{t+1}) after a terminal state
        deltas = rewards + self.gamma * values[1:] * alive - values[:-1]
        self.advantages = self._discount_cumsum(deltas, self.gamma * self.lam * goes_on)
        self.returns = self.advantages + values[:-1]

    def get(self):
        """The batch: states (size, state_dim), actions (size, ...), advantages (size,), returns (size,), and clears it.

        The states are normalised. `returns` are the lambda-returns, advantage plus value: the critic's targets.
        """
        rows = np.flatnonzero(self.valid[: self.steps])[: self.size]
        arrays = self.inputs, self.actions, self.advantages, self.returns
        batch = [array[: self.steps].reshape(-1, *array.shape[2:])[rows] for array in arrays]
        self.clear()
        return batch

    @property
    def statistics(self):
        """What the last batch tells beside the losses: how much of the returns' variance the critic explains, 1 at best."""
        rows = self.collected[2]
        variance = self.returns[rows].var()
        return {'explained_variance': float(1 - self.advantages[rows].var() / variance) if variance else 0.0}

    @staticmethod
    def _discount_cumsum(x, discount):
        """y_t = x_t + discount_t y_{t+1} along the first axis; both arguments (steps, num_envs)."""
        y = np.empty_like(x)
        following = np.zeros_like(x[0])
        for t in range(len(x) - 1, -1, -1):
            following = y[t] = x[t] + discount[t] * following
        return y


class ReplayBuffer:
    """Holds the last `size` transitions and draws minibatches from them; `fresh` of them make a collection.

    Rows in which an environment was being reset are not stored. Of the two ends of an episode only `terminated` is kept: a
    time limit is no property of the state, so the state that followed it has a value like any other.
    """

    grows = True
    statistics = {}  # noqa: RUF012 (nothing beside the losses)

    def __init__(self, size, fresh, state_dim, action_dim):
        self.size, self.fresh, self.state_dim, self.action_dim = size, fresh, state_dim, action_dim
        self.states = None
        self.stored = 0  # transitions since the beginning, also those that were overwritten
        self.due = fresh  # how many are stored when the collection is complete
        self.steps = []

    def _allocate(self):
        """Takes the memory when it is needed: an agent that only acts has no use for it."""
        if self.states is None:
            self.states = np.zeros((self.size, self.state_dim), np.float32)
            self.actions = np.zeros((self.size, self.action_dim), np.float32)
            self.rewards = np.zeros(self.size, np.float32)
            self.next_states = np.zeros((self.size, self.state_dim), np.float32)
            self.terminated = np.zeros(self.size, bool)

    def store(self, state, action, reward, next_state, terminated, truncated, valid):
        """Stores one step of all environments over the oldest ones; each argument has a leading dimension of num_envs."""
        self._allocate()
        self.steps.append((reward, terminated | truncated, valid))
        rows = np.flatnonzero(valid)
        slots = (self.stored + np.arange(len(rows))) % self.size
        self.states[slots] = state[rows]
        self.actions[slots] = action[rows]
        self.rewards[slots] = reward[rows]
        self.next_states[slots] = next_state[rows]
        self.terminated[slots] = terminated[rows]
        self.stored += len(rows)

    def is_full(self):
        """Whether the collection is complete."""
        return self.stored >= self.due

    def finish_collection(self):
        """Sets `collected`: rewards, ends of episodes and valid rows, each (steps, num_envs); the next collection begins.

        What a collection has too many, as several environments step together, the next one needs fewer.
        """
        self.collected = tuple(np.array(part) for part in zip(*self.steps, strict=True))
        self.due += self.fresh
        self.steps = []

    def sample(self, shape, rng):
        """Transitions drawn uniformly, with replacement: states, actions, rewards, next states, terminated, each (*shape, ...).

        `terminated` is 1.0 where no value follows, else 0.0.
        """
        rows = rng.integers(min(self.stored, self.size), size=shape)
        arrays = self.states, self.actions, self.rewards, self.next_states, self.terminated
        *batch, terminated = (array[rows] for array in arrays)
        return *batch, terminated.astype(np.float32)

    def arrays(self):
        """What a checkpoint holds: the transitions by name, and the counts."""
        self._allocate()
        names = 'states', 'actions', 'rewards', 'next_states', 'terminated'
        filled = {name: getattr(self, name)[: self.stored] for name in names}
        return filled | {'counts': np.array([self.stored, self.due])}

    def assign(self, arrays):
        """Takes back what `arrays` returned; ValueError where it does not fit together."""
        self._allocate()
        lengths = {len(array) for name, array in arrays.items() if name != 'counts'}
        if arrays['counts'].shape != (2,) or lengths != {min(int(arrays['counts'][0]), self.size)}:
            raise ValueError(f'a replay buffer of {self.size} cannot hold {sorted(lengths)} transitions')
        for name, array in arrays.items():
            if name != 'counts':
                getattr(self, name)[: len(array)] = array
        self.stored, self.due = arrays['counts'].tolist()
        self.steps = []


def minibatches(size, minibatch_size, epochs, rng):
    """Row numbers of every minibatch of `epochs` shuffled passes: (epochs * size / minibatch_size, minibatch_size), int32."""
    order = np.stack([rng.permutation(size) for _ in range(epochs)])
    return order.reshape(-1, minibatch_size).astype(np.int32)
