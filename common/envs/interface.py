"""The interface that agents, evaluation and films use: several copies of one environment that step together.

An environment is reset in the step *after* its episode ended (Gymnasium calls this the autoreset mode NEXT_STEP). The action of
that step is ignored, so the row is not a transition and `valid` is False. The state before it is the true final state, from
which the value after a time limit is bootstrapped.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from common.envs.making import make_env, what_to_write
from common.errors import UserError, one_line

import numpy as np
from gymnasium.spaces import Discrete


class Step(NamedTuple):
    """What one step of all environments returns. The first dimension of every array is num_envs."""

    next_state: np.ndarray  # (num_envs, state_dim), float32
    reward: np.ndarray  # (num_envs,), float32
    terminated: np.ndarray  # (num_envs,), bool: a terminal state, whose value is 0
    truncated: np.ndarray  # (num_envs,), bool: the episode was stopped, by a time limit for example
    valid: np.ndarray  # (num_envs,), bool: False where the action was ignored because the environment was being reset


class VectorEnvs(ABC):
    """Several copies of one environment that step together."""

    engine: str  # 'envpool' or 'gymnasium'
    num_envs: int
    state_dim: int
    discrete: bool  # whether the actions are discrete
    action_dim: int  # numbers in an action, or the number of choices if actions are discrete
    action_bound: tuple | None  # (low, high), float32 arrays (action_dim,) inside the space; None if actions are discrete

    @abstractmethod
    def reset(self, seed: int) -> np.ndarray:
        """Creates every environment from `seed` and returns the first states, (num_envs, state_dim), float32."""

    @abstractmethod
    def step(self, action: np.ndarray) -> Step:
        """Takes one step with actions (num_envs,) or (num_envs, action_dim) and returns a `Step`.

        Actions for a Box are clipped to its bounds.
        """

    @abstractmethod
    def close(self) -> None:
        """Closes the environments; `reset` creates new ones."""


class Engine(VectorEnvs):
    """What both engines share: the sizes of the spaces, clipping, the rows of resets, and errors in one line.

    A subclass implements `_reset(seed)` and `_step(action)`. UserError if the environment cannot be created or raises.
    """

    def __init__(self, env_id, num_envs, env_args=None):
        env = make_env(env_id, env_args)
        self.env_id, self.num_envs, self.env_args = env_id, num_envs, env_args or {}
        self.state_dim = env.observation_space.shape[0]
        self.discrete = isinstance(env.action_space, Discrete)
        self.action_dim = int(env.action_space.n) if self.discrete else env.action_space.shape[0]
        self.action_bound = None if self.discrete else _rounded_inwards(env.action_space)
        self.action_start = int(env.action_space.start) if self.discrete else 0
        self.metadata, self.is_mujoco = env.metadata, hasattr(env.unwrapped, 'mujoco_renderer')
        self.time_limit = env.spec.max_episode_steps
        self.ended = None  # (num_envs,), bool: the next step resets these environments
        env.close()

    def reset(self, seed, recreations=0):
        """Creates every environment from `seed` and from how often a run has recreated them; returns the first states."""
        self.ended = np.zeros(self.num_envs, bool)
        self.ended_early = np.zeros(self.num_envs, bool)
        try:
            return self._reset(derive_seed(seed, recreations))
        except UserError:
            self.close()  # those that could be created
            raise
        except Exception as error:
            self.close()
            raise self._raised(error, 'reset') from error

    def step(self, action):
        """See `VectorEnvs.step`. UserError before the first `reset`."""
        if self.ended is None:
            raise UserError(f'{self.env_id} was never reset: call reset(seed) before step(action)')
        valid = ~self.ended
        if self.discrete:
            action = action + self.action_start
        else:
            action = np.minimum(np.maximum(action, self.action_bound[0]), self.action_bound[1])
        try:
            next_state, reward, terminated, truncated = self._step(action)
        except UserError:
            raise
        except Exception as error:
            raise self._raised(error, 'step') from error
        self.ended = terminated | truncated
        self.ended_early = np.zeros(self.num_envs, bool)
        return Step(next_state, reward, terminated, truncated, valid)

    def end_episodes(self, which):
        """Ends the episodes of the environments `which`, (num_envs,), bool: the next step resets them."""
        self.ended, self.ended_early = self.ended | which, which

    @abstractmethod
    def _reset(self, seed):
        """Creates the environments and returns their first states."""

    @abstractmethod
    def _step(self, action):
        """Returns next states, rewards, terminated and truncated; resets environments that have `ended`."""

    def _raised(self, error, method):
        return UserError(f'{self.env_id} raised {one_line(error)} in {method}{what_to_write(error, method)}')


def derive_seed(*numbers):
    """A seed for environments, computed from whole numbers.

    Seeds of other numbers are most likely far away: EnvPool gives its environments consecutive seeds.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def _rounded_inwards(space):
    """The bounds of a Box as float32, never outside the space: 0.1 would be rounded up, and an action of 0.1 refused."""
    low, high = np.float32(space.low), np.float32(space.high)
    low = np.where(low < space.low, np.nextafter(low, np.float32(np.inf)), low)
    return low, np.where(high > space.high, np.nextafter(high, np.float32(-np.inf)), high)
