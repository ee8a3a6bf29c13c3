"""Training on from a trained agent, stopping early, keeping the best agent, and what a replay that differs says."""

import json
import signal
from pathlib import Path
from typing import ClassVar

import a2c
import acktr
import ppo
import sac
import trpo
from common.errors import Terminated, UserError
from common.running import checkpoint, program

import gymnasium as gym
import numpy as np
import pytest
from own_envs import Forgetful, Growing, Track
from short_runs import train

pytestmark = pytest.mark.usefixtures('bare_runs')
SMALL = dict(hidden=(8,), num_envs=4, episodes=2)
QUICK = SMALL | dict(steps=1024, batch_steps=512, epochs=1, minibatch_size=256)
SHIPPED = 'model/PPO_CartPole-v1/pretrained.npz'


def acts(agent):
    states = np.linspace(-1, 1, 40).reshape(10, -1).astype(np.float32)
    return agent.act(np.resize(states, (10, agent.identity['state_dim'])), greedy=True)


def settings_of(agent):
    brief = dict(
        steps=400,
        batch_steps=200,
        epochs=1,
        minibatch_size=100,
        critic_epochs=1,
        cg_iters=1,
        start_steps=100,
        updates_per_step=0.02,
    )
    return SMALL | {name: value for name, value in brief.items() if hasattr(agent.Settings(), name)}


SLOW = [pytest.param(agent, True, marks=pytest.mark.slow) for agent in (trpo, a2c, acktr)]


@pytest.mark.parametrize(('agent', 'by_file'), [(ppo, False), (ppo, True), (sac, True), *SLOW])
def test_a_run_starts_with_the_networks_of_a_trained_agent(agent, by_file, tmp_path):
    trained, begun = agent.train('Pendulum-v1', out=tmp_path, **settings_of(agent)), []
    later = agent.train(
        start_from=trained.path if by_file else trained, steps=600, num_envs=2, out=tmp_path,
        on_update=lambda run, losses: begun.append(run.files.start),
    )  # fmt: skip
    assert np.array_equal(acts(agent.load_agent(begun[-1])), acts(trained))
    assert not np.array_equal(acts(later), acts(trained))
    assert later.settings.hidden == (8,), "the trained agent's settings, with those of the call over them"
    assert (later.settings.steps, later.settings.num_envs) == (600, 2)


def test_a_shipped_agent_trains_on_by_flag(tmp_path, capsys):
    brief = '--steps 1024 --batch-steps 512 --minibatch-size 512 --epochs 1 --num-envs 4 --episodes 2'
    words = ['--train', '--start-from', SHIPPED, *brief.split(), '--out', str(tmp_path)]
    ppo.main(words)
    printed = capsys.readouterr().out
    assert f'Starts from the agent in {SHIPPED}.' in printed
    record = json.loads(next(tmp_path.rglob('seed0.json')).read_text())
    shipped = checkpoint.load(SHIPPED)[1]
    assert record['env'] == 'CartPole-v1'
    same = 'hidden', 'activation', 'gamma', 'clip', 'actor_lr'
    assert [record['settings'][name] for name in same] == [shipped['settings'][name] for name in same]
    assert record['started_from'] == {'file': SHIPPED, 'steps': shipped['steps']}
    ppo.main([*words, '--resume'])  # has all its steps: nothing is left to train, and the start is not taken again


def test_an_agent_for_other_spaces_is_no_start(tmp_path):
    with pytest.raises(
        UserError, match=r'state_dim is 3 in the environment, but 4 in the agent .* needs an agent with the same'
    ):
        ppo.train('Pendulum-v1', start_from=SHIPPED, out=tmp_path)
    assert not list(tmp_path.rglob('*.npz'))


def test_an_agent_from_a_file_chooses_no_module(tmp_path, monkeypatch):
    """By its path, or loaded before."""
    (tmp_path / 'evil_start.py').write_text("open('it_ran', 'w')\n")
    arrays, record = checkpoint.load(SHIPPED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    checkpoint.save('from_elsewhere.npz', arrays, record | {'env': 'evil_start:Evil-v0'})
    checkpoint.written.clear()  # as if another process had written it
    for start in ('from_elsewhere.npz', ppo.load_agent('from_elsewhere.npz')):
        with pytest.raises(
            UserError, match="whose module would be imported and run: if you trust it, give env='evil_start:Evil-v0'"
        ):
            ppo.train(start_from=start)
    assert not (tmp_path / 'it_ran').exists()


def test_a_start_with_an_array_that_no_agent_has_is_refused(tmp_path):
    arrays, record = checkpoint.load(SHIPPED)
    checkpoint.save(tmp_path / 'more.npz', arrays | {'junk/0': np.zeros(3)}, record)
    with pytest.raises(UserError, match=r"more\.npz has an array 'junk/0', which no agent has"):
        ppo.train(start_from=tmp_path / 'more.npz', out=tmp_path)


class Towards(Track):
    """A Track with more arguments."""

    seen: ClassVar = []

    def __init__(self, target=0, push=0.1, render_mode=None):
        super().__init__(render_mode, push)
        self.seen.append((target, push))


@pytest.mark.parametrize('by_file', [False, True])
def test_an_environment_of_a_program_keeps_its_arguments(by_file, tmp_path):
    trained = ppo.train(Towards, env_args={'target': 5, 'push': 0.2}, out=tmp_path, **QUICK)
    with pytest.raises(UserError, match='was trained in a class or a function: pass it as env again'):
        ppo.train(start_from=trained.path if by_file else trained, out=tmp_path)
    Towards.seen.clear()
    later = ppo.train(Towards, start_from=trained.path if by_file else trained, env_args={'push': 0.3}, out=tmp_path)
    assert set(Towards.seen) == {(5, 0.3)}
    assert checkpoint.load(later.path)[1]['env_args'] == {'target': 5, 'push': 0.3}


@pytest.mark.parametrize('by_file', [False, True])
@pytest.mark.parametrize('by_id', [False, True])
def test_data_of_an_environment_has_to_be_passed_again(by_file, by_id, tmp_path, monkeypatch):
    if by_id:
        monkeypatch.setitem(gym.registry, 'Towards-v0', gym.envs.registration.EnvSpec('Towards-v0', entry_point=Towards))
    env, data = 'Towards-v0' if by_id else Towards, np.ones(3)
    trained = ppo.train(env, env_args={'target': 5, 'push': data}, out=tmp_path, **QUICK)
    start = trained.path if by_file else trained
    with pytest.raises(UserError, match=r'was made with data that a file does not hold \(push\): pass it as env_args'):
        ppo.train(env, start_from=start, out=tmp_path)
    Towards.seen.clear()
    ppo.train(env, start_from=start, env_args={'push': data}, out=tmp_path)
    assert all(target == 5 and push is data for target, push in Towards.seen)


def test_a_finished_run_is_trained_longer(tmp_path):
    ppo.train('CartPole-v1', out=tmp_path, **QUICK, anneal=False)
    longer = ppo.train('CartPole-v1', out=tmp_path, **QUICK | dict(steps=2048), anneal=False, resume=True)
    assert checkpoint.load(longer.path)[1]['steps'] > 1024 * 1.5
    ppo.train('CartPole-v1', out=tmp_path, **QUICK, name='a')
    with pytest.raises(UserError, match=r"annealed over these.*start_from='.*agent.npz'"):
        ppo.train('CartPole-v1', out=tmp_path, **QUICK | dict(steps=2048), name='a', resume=True)


@pytest.mark.parametrize('answer', [False, np.False_])
def test_on_update_ends_the_training_and_the_agent_is_kept(answer, tmp_path, capsys):
    updates = []
    agent = ppo.train(
        'CartPole-v1', out=tmp_path, **QUICK | dict(steps=8192), on_update=lambda run, losses: updates.append(run) or answer
    )
    assert len(updates) == 1
    assert agent.path.exists()
    assert 'on_update returned False at step 5' in capsys.readouterr().out
    assert checkpoint.load(agent.path)[1]['evaluation']['episodes'] == 2


@pytest.mark.parametrize('answer', [None, 0, True, 'no'])
def test_other_answers_of_on_update_change_nothing(answer, tmp_path):
    updates = []
    ppo.train('CartPole-v1', out=tmp_path, **QUICK, on_update=lambda run, losses: updates.append(run) or answer)
    assert len(updates) == 2


def test_an_error_in_on_update_leaves_a_checkpoint_that_loads_and_resumes(tmp_path):
    def fails(run, losses):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ppo.train('CartPole-v1', out=tmp_path, **QUICK, on_update=fails)
    path = next(tmp_path.rglob('checkpoint.npz'))
    assert ppo.load_agent(path).get_action(np.zeros(4, np.float32)) in (0, 1)
    whole = ppo.train('CartPole-v1', out=tmp_path / 'whole', **QUICK)
    assert np.array_equal(acts(ppo.train('CartPole-v1', out=tmp_path, **QUICK, resume=True)), acts(whole))


def test_training_stops_at_a_return_over_a_hundred_episodes(tmp_path, capsys):
    words = ['--env', 'CartPole-v1', '--steps', '40000']
    train(ppo, tmp_path, *words, '--stop-at', '15')
    record = json.loads(next(tmp_path.rglob('seed0.json')).read_text())
    assert 100 <= record['episodes'] < 200
    assert record['steps'] < 8000
    assert ': --stop-at 15.0.' in capsys.readouterr().out


def test_the_best_agent_of_the_tests_is_kept(tmp_path, capsys):
    train(ppo, tmp_path, '--test-every', '800', '--keep-best')
    best = next(tmp_path.rglob('best.npz'))
    rows = [line.split(',') for line in next(tmp_path.rglob('*.test.csv')).read_text().splitlines()[1:]]
    highest = max(rows, key=lambda row: float(row[1]))
    record = checkpoint.load(best)[1]
    assert record['steps'] == int(highest[0])
    assert record['test']['mean_return'] == pytest.approx(float(highest[1]))
    assert f'The best agent of the {len(rows)} tests: {best}' in capsys.readouterr().out
    ppo.main(['--test', '--model', str(best), '--episodes', '2'])


@pytest.mark.parametrize(
    ('number', 'error', 'code'), [(signal.SIGINT, KeyboardInterrupt, 130), (signal.SIGTERM, Terminated, 143)]
)
def test_a_signal_saves_the_run_and_has_its_own_exit_code(number, error, code, tmp_path, capsys):
    def raises(run, losses):
        signal.raise_signal(number)

    with pytest.raises(error) as caught:
        ppo.train('CartPole-v1', out=tmp_path, **QUICK, on_update=raises)
    assert caught.type is error
    path = next(tmp_path.rglob('checkpoint.npz'))
    printed = capsys.readouterr().out
    assert "to continue, add resume=True, name='seed0' to the same call of train()" in printed
    assert f"load_agent('{path}')" in printed
    ppo.load_agent(path)

    def main():
        raise error

    with pytest.raises(SystemExit) as ended:
        program.run(main)
    assert ended.value.code == code


def test_environments_that_remember_are_never_made_anew(tmp_path):
    levels = []
    options = QUICK | dict(steps=131072, batch_steps=16384, minibatch_size=16384, num_envs=16)
    watch = lambda run, losses: levels.append(max(env.unwrapped.level for env in run.envs.envs.envs))  # noqa: E731
    ppo.train(Growing, out=tmp_path, **options, env_args={'max_episode_steps': 20}, on_update=watch)
    assert len(levels) > 5
    assert levels == sorted(levels)


def test_a_replay_that_comes_to_other_states_is_said_and_the_run_goes_on(tmp_path, capsys):
    stop = lambda run, losses: signal.raise_signal(signal.SIGINT)  # noqa: E731
    for env, said in ((Track, False), (Forgetful, True)):
        with pytest.raises(KeyboardInterrupt):
            ppo.train(env, out=tmp_path, **QUICK, on_update=stop)
        capsys.readouterr()
        agent = ppo.train(env, out=tmp_path, **QUICK, resume=True)
        assert ('came to other states: they depend on more than their seed' in capsys.readouterr().out) == said
        assert Path(agent.path).name == 'agent.npz'


def test_a_replay_that_stops_is_said_and_the_run_goes_on(tmp_path, capsys, monkeypatch):
    stop = lambda run, losses: signal.raise_signal(signal.SIGINT)  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        ppo.train(Track, out=tmp_path, **QUICK, on_update=stop)
    original, steps = Track.step, []

    def fails_once(env, action):
        steps.append(action)
        if len(steps) == 100:
            raise ValueError('the simulator is gone')
        return original(env, action)

    monkeypatch.setattr(Track, 'step', fails_once)
    agent = ppo.train(Track, out=tmp_path, **QUICK, resume=True)
    assert 'the simulator is gone' in capsys.readouterr().out
    assert checkpoint.load(agent.path)[1]['steps'] >= 1024


def test_the_error_names_what_was_too_large(tmp_path):
    class Huge(Track):
        def step(self, action):
            state, reward, *rest = super().step(action)
            return state, reward * 1e30, *rest

    with pytest.raises(UserError, match=r'rewards as large as \de\+3\d, too large to compute with'):
        ppo.train(Huge, out=tmp_path, **QUICK, normalize=False)
    with pytest.raises(UserError, match=r'critic_lr=10000000000\.0 is a large learning rate'):
        ppo.train(Track, out=tmp_path, **QUICK, critic_lr=1e10, actor_lr=1e-3)
