"""Buffers: a rollout buffer that computes advantages by GAE, for on-policy methods, and a replay buffer for SAC."""

from typing import NamedTuple

from common.errors import UserError
from common.normalize import Identity

import numpy as np


class RolloutBuffer:
    """Holds one batch of `size` transitions from `num_envs` environments and computes their advantages.

    Arrays are (steps, num_envs, ...). A row in which an environment was being reset is not a transition (`valid` is False): it
    enters no batch, and experience is collected until `size` valid transitions are stored. A state has `state_dim` floats, an
    action has `action_shape` and `action_dtype`. `normalizer` transforms the states that the networks see and the rewards
    that they learn from; without one they stay as they are.
    """

    leaves_out = True  # transitions beyond `size`: they are steps of the run, but no update learns from them

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
        self.rows, self.transitions = 0, 0
        self.finished = False  # whether finish_path has computed the advantages of this batch

    def store(self, state, action, reward, terminated, truncated, valid):
        """Stores one step of all environments; each argument has a leading dimension of num_envs.

        UserError between `finish_path` and `get`.
        """
        self._check_unfinished('storing more')
        row = self.rows
        if row + 2 > len(self.states):  # states have one row more: the states that follow the last step
            self._grow()
        self.states[row] = state
        self.actions[row] = action
        self.rewards[row] = reward
        self.terminated[row] = terminated
        self.truncated[row] = truncated
        self.valid[row] = valid
        self.rows += 1
        self.transitions += np.count_nonzero(valid)

    def _grow(self):
        """Makes room for twice as many steps. How many a batch takes depends on how many rows are resets."""
        for name in ('states', 'actions', 'rewards', 'terminated', 'truncated', 'valid'):
            array = getattr(self, name)
            more = np.zeros((max(2, len(array)), *array.shape[1:]), array.dtype)
            setattr(self, name, np.concatenate([array, more]))

    def is_full(self):
        """Whether the batch is complete."""
        return self.transitions >= self.size

    def finish_path(self, last_state, value):
        """Computes the advantages and returns of a batch, once; `value` maps normalised states (N, state_dim) to (N,).

        `last_state`, (num_envs, state_dim), follows the last step. The value that follows a transition is 0 if the next state
        is terminal, and V(next state) otherwise, so also after a time limit and at the end of the batch. Sets `collected`:
        rewards, ends of episodes and valid rows, each (steps, num_envs), kept until the next batch.

        UserError if the batch is not complete, or has its advantages already: the normaliser counts each transition once.
        """
        self._check_complete('finish_path')
        self._check_unfinished('another finish_path')
        rows, num_envs = self.rows, last_state.shape[0]
        self.states[rows] = last_state
        self.inputs = self.normalizer.normalize(self.states[: rows + 1])
        values = value(self.inputs.reshape(-1, self.inputs.shape[-1])).reshape(rows + 1, num_envs)
        self.collected = self.rewards[:rows], self.terminated[:rows] | self.truncated[:rows], self.valid[:rows]
        rewards = self.normalizer.finish_batch(self.states[:rows], *self.collected)
        self.advantages = self.gae(rewards, values)
        self.returns = self.advantages + values[:-1]
        self.finished = True

    def gae(self, rewards, values):
        """Advantages (steps, num_envs) of the stored steps, for rewards (steps, num_envs) and values (steps + 1, num_envs)."""
        alive = ~self.terminated[: self.rows]
        continues = alive & ~self.truncated[: self.rows]
        # TD error: delta_t = r_t + gamma V(s_{t+1}) - V(s_t), without V(s_{t+1}) after a terminal state
        deltas = rewards + self.gamma * values[1:] * alive - values[:-1]
        return self._discount_cumsum(deltas, self.gamma * self.lam * continues)

    def _check_complete(self, call):
        if not self.is_full():
            raise UserError(f'the batch has {self.transitions} of {self.size} transitions: store more before {call}')

    def _check_unfinished(self, call):
        if self.finished:
            raise UserError(f'the batch has its advantages already: call update or get before {call}')

    def get(self):
        """Returns states (size, state_dim), actions (size, ...), advantages (size,) and returns (size,); clears the buffer.

        The states are normalised. `returns` are lambda-returns, advantage plus value: the critic's targets. Transitions beyond
        `size` are left out: those of the last environments in the last step. UserError if the batch is not complete, or
        `finish_path` was not called.
        """
        self._check_complete('update or get')
        if not self.finished:
            raise UserError('the batch has no advantages yet: call finish_path(next_state) before update or get')
        valid = np.flatnonzero(self.valid[: self.rows])[: self.size]
        arrays = self.inputs, self.actions, self.advantages, self.returns
        batch = [array[: self.rows].reshape(-1, *array.shape[2:])[valid] for array in arrays]
        self.clear()
        return batch

    @property
    def statistics(self):
        """The last batch's `explained_variance`: the share of the returns' variance that the critic explains, at best 1."""
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


class Transitions(NamedTuple):
    """Transitions drawn from a replay buffer. Every array has the same leading dimensions."""

    state: np.ndarray  # (..., state_dim)
    action: np.ndarray  # (..., action_dim)
    reward: np.ndarray  # (...)
    next_state: np.ndarray  # (..., state_dim)
    terminated: np.ndarray  # (...), 1.0 if the next state is terminal, else 0.0


class ReplayBuffer:
    """Holds the last `size` transitions and draws minibatches from them; `batch_steps` new ones make a batch.

    A row in which an environment was being reset is not stored. Of the two ways in which an episode ends, only `terminated` is
    kept: a time limit is not a property of the state, so the state that followed it has a value like any other.
    """

    grows = True
    leaves_out = False  # transitions beyond a batch are in the buffer like the others
    statistics = {}  # noqa: RUF012 (it reports nothing in addition to the losses)

    def __init__(self, size, batch_steps, state_dim, action_dim):
        self.size, self.batch_steps, self.state_dim, self.action_dim = size, batch_steps, state_dim, action_dim
        self.states = None
        self.stored = 0  # transitions since the beginning, including those overwritten since
        self.full_at = batch_steps  # the value of `stored` at which the batch is complete
        self.collected_rows = []

    def _allocate(self):
        """Allocates the arrays when they are first needed: an agent that only acts does not need them."""
        if self.states is None:
            self.states = np.zeros((self.size, self.state_dim), np.float32)
            self.actions = np.zeros((self.size, self.action_dim), np.float32)
            self.rewards = np.zeros(self.size, np.float32)
            self.next_states = np.zeros((self.size, self.state_dim), np.float32)
            self.terminated = np.zeros(self.size, bool)

    def store(self, state, action, reward, next_state, terminated, truncated, valid):
        """Stores one step of all environments over the oldest ones; each argument has a leading dimension of num_envs."""
        self._allocate()
        self.collected_rows.append((reward, terminated | truncated, valid))
        rows = np.flatnonzero(valid)
        slots = (self.stored + np.arange(len(rows))) % self.size
        self.states[slots] = state[rows]
        self.actions[slots] = action[rows]
        self.rewards[slots] = reward[rows]
        self.next_states[slots] = next_state[rows]
        self.terminated[slots] = terminated[rows]
        self.stored += len(rows)

    def is_full(self):
        """Whether the batch is complete."""
        return self.stored >= self.full_at

    def finish_batch(self):
        """Sets `collected`: rewards, ends of episodes and valid rows, each (steps, num_envs); then the next batch begins.

        Several environments step together, so a batch may hold a few transitions too many; the next one then needs fewer.
        UserError if the batch is not complete.
        """
        if not self.is_full():
            missing = self.full_at - self.stored
            raise UserError(f'the batch lacks {missing} of {self.batch_steps} transitions: store more before update')
        self.collected = tuple(np.array(part) for part in zip(*self.collected_rows, strict=True))
        self.full_at += self.batch_steps
        self.collected_rows = []

    def sample(self, shape, rng):
        """`Transitions` (*shape, ...), drawn uniformly and with replacement by the NumPy generator `rng`."""
        rows = rng.integers(min(self.stored, self.size), size=shape)
        return Transitions(
            state=self.states[rows],
            action=self.actions[rows],
            reward=self.rewards[rows],
            next_state=self.next_states[rows],
            terminated=self.terminated[rows].astype(np.float32),
        )

    def arrays(self):
        """What a checkpoint holds: the transitions by name, and the counts."""
        self._allocate()
        names = 'states', 'actions', 'rewards', 'next_states', 'terminated'
        filled = {name: getattr(self, name)[: self.stored] for name in names}
        return filled | {'counts': np.array([self.stored, self.full_at])}

    def assign(self, arrays):
        """Restores what `arrays` returned; ValueError if the arrays do not fit together."""
        self._allocate()
        lengths = {len(array) for name, array in arrays.items() if name != 'counts'}
        if arrays['counts'].shape != (2,) or lengths != {min(int(arrays['counts'][0]), self.size)}:
            raise ValueError(f'a replay buffer of {self.size} cannot hold {sorted(lengths)} transitions')
        stored, full_at = arrays['counts'].tolist()
        if abs(full_at - stored) > self.batch_steps:
            raise ValueError(f'a replay buffer cannot lack {full_at - stored} transitions of a batch of {self.batch_steps}')
        for name, array in arrays.items():
            if name != 'counts':
                getattr(self, name)[: len(array)] = array
        self.stored, self.full_at = stored, full_at
        self.collected_rows = []


def minibatches(size, minibatch_size, epochs, rng):
    """Row numbers of every minibatch of `epochs` shuffled passes: (epochs * size / minibatch_size, minibatch_size), int32."""
    order = np.stack([rng.permutation(size) for _ in range(epochs)])
    return order.reshape(-1, minibatch_size).astype(np.int32)
