"""With the solutions in the place of the reader's functions, a training is the project's own."""

from importlib import import_module

from exercises import tasks, training
from exercises.__main__ import main
from exercises.folder import solution
from exercises.training import PROGRAMS, learn

import numpy as np
import pytest

SMALL = dict(num_envs=2, batch_steps=128, hidden=(8, 8), init_std=0.3)  # a standard deviation of 1 would hide mistakes
SHORT = {
    'minimal': dict(steps=10),
    'ppo': dict(SMALL, steps=256, epochs=3, minibatch_size=128),
    'ppo-penalty': dict(SMALL, steps=256, epochs=3, minibatch_size=128, penalty_kl=1e-6),
    'trpo': dict(SMALL, steps=256, critic_epochs=1, minibatch_size=128, cg_iters=2),
    'a2c': dict(SMALL, steps=256, critic_epochs=1),
    'sac': dict(steps=32, start_steps=16, hidden=(8, 8), minibatch_size=16, updates_per_step=0.125),
}


def solutions(name):
    """The functions that a training needs, as the reader's folder would give them."""
    return {one: getattr(import_module(f'exercises.solutions.{one}'), tasks.load(one).function) for one in tasks.NEEDED[name]}


def weights(agent):
    """What a training changes: the weights of all networks, and the penalty's coefficient."""
    variables = agent.weights if hasattr(agent, 'weights') else [*agent.actor.all_weights, *agent.critic.all_weights]
    if hasattr(agent, 'kl_coefficient'):
        variables.append(agent.kl_coefficient)
    return [variable.numpy() for variable in variables]


def test_every_training_knows_what_it_needs():
    assert list(PROGRAMS) == list(tasks.NEEDED)
    assert set().union(*tasks.NEEDED.values()) < set(tasks.NAMES)


@pytest.fixture(autouse=True)
def short_evaluations(monkeypatch):
    monkeypatch.setattr(training, 'EPISODES', 2)


@pytest.mark.parametrize('name', PROGRAMS)
def test_the_solutions_train_as_the_project_does(name, tmp_path, uncompiled, bare_runs):
    used = set()

    def noted(one, function):
        return lambda *arguments: used.add(one) or function(*arguments)

    mine = {one: noted(one, function) for one, function in solutions(name).items()}
    agent, (steps, returns) = learn(name, mine, tmp_path, **SHORT[name])
    reference, (their_steps, their_returns) = learn(name, None, tmp_path, called='reference', **SHORT[name])
    assert used == set(tasks.NEEDED[name])
    for one, other in zip(weights(agent), weights(reference), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(steps, their_steps)
    np.testing.assert_allclose(returns, their_returns, rtol=1e-3, atol=1e-3)


def test_another_function_trains_another_agent(tmp_path, uncompiled, bare_runs):
    mine = solutions('ppo')
    mine['gae'] = lambda rewards, values, *_: rewards - values[:-1]
    agent, _ = learn('ppo', mine, tmp_path, **SHORT['ppo'])
    reference, _ = learn('ppo', None, tmp_path, called='reference', **SHORT['ppo'])
    assert max(np.abs(one - other).max() for one, other in zip(weights(agent), weights(reference), strict=True)) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize('name', PROGRAMS)
def test_the_command_trains_compiled_and_draws_both_curves(name, tmp_path, capsys):
    main(['start', '--folder', str(tmp_path)])
    for one in tasks.NEEDED[name]:
        (tmp_path / f'{one}.py').write_text(solution(one), encoding='utf-8')
    main(['train', name, '--steps', '1300' if name == 'sac' else '4096', '--folder', str(tmp_path)])
    assert f'both curves: {tmp_path / name}.png' in capsys.readouterr().out
    assert (tmp_path / f'{name}.png').read_bytes()[:4] == b'\x89PNG'
