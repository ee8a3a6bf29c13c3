"""What a run and an evaluation need of an agent.

The agents have no base class: any class with these attributes and methods can be trained, evaluated and filmed.
"""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from common.errors import UserError

import numpy as np


@runtime_checkable
class Acting(Protocol):
    """What can act: evaluations, films and windows need nothing else."""

    def act(self, states: np.ndarray, greedy: bool = False) -> np.ndarray:
        """Actions as `VectorEnvs.step` takes them, (N, ...), for states (N, state_dim): drawn, or the most likely ones."""


def act(agent: Acting, states, greedy=True):
    """The agent's actions for states (N, state_dim), as `VectorEnvs.step` takes them. UserError if one is not finite."""
    actions = agent.act(states, greedy=greedy)
    if not np.isfinite(actions).all():
        raise UserError("the agent's actions are not finite numbers: its file is damaged, or its training came to nothing")
    return actions


class Batch(Protocol):
    """The experience an update has learnt from, in the agent's buffer."""

    @property
    def collected(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rewards, ends of episodes and valid rows of all steps since the update before, each (T, num_envs)."""

    @property
    def statistics(self) -> dict[str, float]:
        """Numbers by name that describe the batch, to be logged with the losses; there may be none."""


@runtime_checkable
class Agent(Acting, Protocol):
    """What can be trained in a run."""

    settings: Any  # a frozen dataclass of `common.running.settings.setting` fields
    identity: dict[str, Any]  # how to build the agent again: what `checkpoint.describe` returns
    rng: np.random.Generator  # the only source of random numbers

    @property
    def buf(self) -> Batch:
        """The buffer that an update learns from."""

    def get_value(self, state: np.ndarray) -> np.ndarray:
        """Values (N,) of states (N, state_dim)."""

    def variables(self, for_acting: bool = False) -> dict[str, Any]:
        """Everything that learning changes, by part, as `checkpoint.named` takes it; `for_acting`: only what acting needs."""

    def refresh(self) -> None:
        """Brings copies of the weights up to date; a run calls it after it has restored the variables."""

    def save(self, path: Path, record: dict[str, Any] | None = None) -> None:
        """Writes an agent file: what acting needs, `identity`, and `record`."""

    def load(self, path: Path) -> None:
        """Reads what acting needs from an agent file; UserError if the file does not fit."""
