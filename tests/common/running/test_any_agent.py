"""A run needs of an agent what interface.py says, and nothing else."""

import csv
from dataclasses import dataclass

import a2c
import acktr
import ppo
import sac
import trpo
from common.running import checkpoint
from common.running.interface import Acting, Agent
from common.running.run import Run
from common.running.settings import setting
from common.spaces import agent_spaces

import numpy as np
import pytest
from short_runs import ctrl_c


@dataclass(frozen=True)
class Settings:
    steps: int = setting(600, 'steps in all')
    num_envs: int = setting(2, 'environments')
    batch_steps: int = setting(100, 'steps in a batch')
    hidden: tuple = setting((), 'no layers')


class Batch:
    """The rewards, ends and valid rows of a batch."""

    statistics = {'luck': 0.5}  # noqa: RUF012

    def __init__(self):
        self.rows = []

    @property
    def collected(self):
        return tuple(map(np.array, zip(*self.rows, strict=True)))


class Coin:
    """Pushes the cart to a random side, and learns nothing but how many batches it has seen."""

    def __init__(self):
        self.settings, self.rng, self.buf = Settings(), np.random.default_rng(0), Batch()
        state_space, action_space = agent_spaces(4, 2, None)
        self.identity = checkpoint.describe('Coin', state_space, action_space, self.settings)
        self.batches = np.zeros(1)

    def arrays(self):
        return {'batches': self.batches}

    def assign(self, arrays):
        self.batches = arrays['batches']

    def act(self, states, greedy=False):
        return self.rng.integers(2, size=len(states))

    def get_value(self, state):
        return np.zeros(len(state))

    def variables(self, for_acting=False):
        return {'coin': self}

    def refresh(self):
        pass

    def save(self, path, record=None):
        checkpoint.save(path, checkpoint.named(**self.variables()), self.identity | (record or {}))

    def load(self, path):
        checkpoint.assign(checkpoint.load(path)[0], path, **self.variables())


def train(out, **options):
    with Run('Coin', 'CartPole-v1', Settings(), episodes=3, out=out, **options) as run:
        agent = Coin()
        state = run.begin(agent)
        while run.goes_on():
            agent.buf.rows = []
            while sum(valid.sum() for *_, valid in agent.buf.rows) < 100:
                state, reward, terminated, truncated, valid = run.envs.step(agent.act(state))
                agent.buf.rows.append((reward, terminated | truncated, valid))
            agent.batches += 1
            run.end_update({'loss': float(agent.batches[0])})
        run.finish()
    return agent


def test_an_agent_of_the_interface_is_trained_interrupted_resumed_and_filmed(tmp_path, bare_runs):
    whole = train(tmp_path / 'whole', record='')
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / 'pieces', record='', on_update=ctrl_c(3))
    pieces = train(tmp_path / 'pieces', record='', resume=True)
    assert whole.batches == pieces.batches == 5
    curves = [next(tmp_path.glob(f'{out}/image/*/seed0.csv')).read_text() for out in ('whole', 'pieces')]
    assert curves[0] == curves[1]
    with next(tmp_path.glob('pieces/image/*/seed0.losses.csv')).open() as file:
        assert [(row['loss'], row['luck']) for row in csv.DictReader(file)] == [(str(i), '0.5') for i in range(1, 6)]
    assert list(tmp_path.glob('pieces/image/*/seed0.training.mp4'))
    assert isinstance(whole, Agent)


@pytest.mark.parametrize(('agent', 'name'), [(ppo, 'PPO'), (trpo, 'TRPO'), (a2c, 'A2C'), (acktr, 'ACKTR'), (sac, 'SAC')])
def test_the_agents_have_the_interface(agent, name):
    made = getattr(agent, name)(3, 1, 2.0, settings=agent.Settings(hidden=(4,)))
    assert isinstance(made, Agent)
    assert isinstance(made, Acting)
    assert not isinstance(Batch(), Acting)
