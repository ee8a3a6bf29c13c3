"""The interface that agents, evaluation and films use: several copies of one environment that step together.

An environment is reset in the step *after* its episode ended (Gymnasium calls this the autoreset mode NEXT_STEP). The action of
that step is ignored, so the row is not a transition and `valid` is False. The state before it is the true final state, from
which the value after a time limit is bootstrapped.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from common.envs import drawing
from common.envs.making import make_env, seed_decides, unflattened, what_to_write
from common.errors import UserError, one_line
from common.spaces import ActionSpace, StateSpace

import numpy as np


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
    spaces: tuple  # the environment's Gymnasium spaces: (states, actions)
    state_dim: int  # floats in a state
    discrete: bool  # whether the actions are discrete
    action_dim: int | tuple  # numbers in an action; the number of choices, or a tuple of them, if actions are discrete
    action_bound: tuple | None  # (low, high), float32 arrays (action_dim,) inside the space; None if actions are discrete

    @abstractmethod
    def reset(self, seed: int) -> np.ndarray:
        """Creates every environment from `seed` and returns the first states, (num_envs, state_dim), float32."""

    @abstractmethod
    def step(self, action: np.ndarray) -> Step:
        """Takes one step and returns a `Step`. Actions are (num_envs, ...) as an agent draws them: see `spaces.ActionSpace`.

        They are clipped to the bounds of a Box, shifted to the start of a Discrete, and get the space's shape and type.
        """

    @abstractmethod
    def close(self) -> None:
        """Closes the environments; `reset` creates new ones."""


class Engine(VectorEnvs):
    """What both engines share: the sizes of the spaces, clipping, the rows of resets, and errors in one line.

    A subclass implements `_reset(seed)` and `_step(action)`. UserError if the environment cannot be created or raises.
    """

    workers: int | str = 0  # worker processes that step the environments; 'auto' while this is being measured
    note: str = ''  # what the user should know about the workers

    def __init__(self, env_id, num_envs, env_args=None):
        env = make_env(env_id, env_args)
        self.env_id, self.num_envs, self.env_args = env_id, num_envs, env_args or {}
        self.spaces = unflattened(env).observation_space, env.action_space
        self.state_space, self.action_space = StateSpace(self.spaces[0]), ActionSpace(self.spaces[1])
        self.state_dim, self.discrete = self.state_space.dim, self.action_space.discrete
        self.action_dim, self.action_bound = self.action_space.action_dim, self.action_space.action_bound
        self.metadata, self.is_mujoco = drawing.metadata(env), drawing.is_mujoco(env)
        self.time_limit = min(env.spec.max_episode_steps, 2**31 - 1)  # no run gets that far, and arrays can count it
        self.has_default_limit = env.has_wrapper_attr('has_default_limit')
        self.seed_decides = seed_decides(env)
        self.ended = None  # (num_envs,), bool: the next step resets these environments
        self.guarded('close', env.close)

    def reset(self, seed, recreations=0):
        """Creates every environment from `seed` and from how often a run has recreated them; returns the first states."""
        self.ended = np.zeros(self.num_envs, bool)
        self.ended_early = np.zeros(self.num_envs, bool)
        try:
            return self.guarded('reset', self._reset, derive_seed(seed, recreations))
        except UserError:
            self.close()  # those that could be created
            raise

    def step(self, action):
        """See `VectorEnvs.step`. UserError before the first `reset`."""
        if self.ended is None:
            raise UserError(f'{self.env_id} was never reset: call reset(seed) before step(action)')
        valid = ~self.ended
        try:
            actions = self.action_space.to_action(action)
            next_state, reward, terminated, truncated = self.guarded('step', self._step, actions)
        except UserError as error:
            if np.isfinite(action).all():
                raise
            remedy = 'the actor has diverged: try a smaller learning rate'
            raise UserError(f'{self.env_id} was given an action that is not finite; {remedy}') from error
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

    def guarded(self, method, function, *arguments):
        """What a function returns; UserError, which names the environment's `method`, for whatever it raises."""
        try:
            return function(*arguments)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(f'{self.env_id} raised {one_line(error)} in {method}{what_to_write(error, method)}') from error


def derive_seed(*numbers):
    """A seed for environments, computed from whole numbers.

    Seeds of other numbers are most likely far away: EnvPool gives its environments consecutive seeds.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)
