"""One interface for one's own code: train, save, load and get_action are the same in every agent."""

import inspect
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import a2c
import acktr
import ppo
import sac
import trpo
from common.errors import UserError
from common.running import checkpoint
from common.running.plotting import WORDS
from common.running.settings import grouped

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
AGENTS = {ppo: 'PPO', trpo: 'TRPO', a2c: 'A2C', acktr: 'ACKTR', sac: 'SAC'}
STATES = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def settings_of(agent):
    own = {
        ppo: dict(minibatch_size=64, epochs=1),
        trpo: dict(minibatch_size=64, critic_epochs=1, cg_iters=1),
        sac: dict(start_steps=64, updates_per_step=1 / 64),
    }
    return agent.Settings(steps=256, batch_steps=64, num_envs=2, hidden=(8,), **own.get(agent, {}))


def test_signatures_are_the_same():
    for name in ('train', 'load_agent', 'main'):
        assert len({str(inspect.signature(getattr(agent, name))) for agent in AGENTS}) == 1
    for name in ('save', 'load', 'get_action'):
        assert len({str(inspect.signature(getattr(vars(agent)[cls], name))) for agent, cls in AGENTS.items()}) == 1


@pytest.mark.parametrize('agent', AGENTS)
def test_an_agent_is_trained_saved_and_loaded_without_a_command_line(agent, tmp_path, bare_runs):
    """What train returns acts as the file it wrote, and as a copy it saves itself, with and without more to say."""
    trained = agent.train('Pendulum-v1', settings_of(agent), seed=3, episodes=2, out=tmp_path)
    action = trained.get_action(STATES, greedy=True)
    assert action.shape == (5, 1)
    trained.save(tmp_path / 'plain.npz')
    trained.save(tmp_path / 'more.npz', {'note': 'mine'})
    assert checkpoint.load(tmp_path / 'more.npz')[1]['note'] == 'mine'
    files = next(tmp_path.rglob('agent.npz')), tmp_path / 'plain.npz', tmp_path / 'more.npz'
    for path in files:
        np.testing.assert_array_equal(agent.load_agent(path).get_action(STATES, greedy=True), action)
    agent.main(['--test', '--episodes', '1', '--env', 'Pendulum-v1', '--model', str(tmp_path / 'plain.npz')])
    with pytest.raises(UserError, match='does not say which environment its agent is for: give it with --env'):
        agent.main(['--test', '--model', str(tmp_path / 'plain.npz')])


@pytest.mark.parametrize('agent', AGENTS)
def test_an_agent_of_ones_own_spaces_is_saved_and_loaded_untrained(agent, tmp_path):
    """Asymmetric bounds, discrete actions, the method as an argument: whatever the constructor takes."""
    made = [getattr(agent, AGENTS[agent])(4, 2, ([-1.0, 0.0], [1.0, 7.0]), settings=settings_of(agent), seed=1)]
    if agent is not sac:
        made.append(getattr(agent, AGENTS[agent])(4, 3, None, settings=settings_of(agent)))
    if agent is ppo:
        made.append(ppo.PPO(4, 2, 2.0, method='penalty'))
    states = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    for one in made:
        one.save(tmp_path / 'own.npz')
        loaded = agent.load_agent(tmp_path / 'own.npz')
        np.testing.assert_array_equal(loaded.get_action(states, greedy=True), one.get_action(states, greedy=True))
        assert loaded.settings == one.settings


@pytest.mark.parametrize(('agent', 'own'), [*((agent, {}) for agent in AGENTS), (ppo, dict(method='penalty'))])
def test_what_updates_report_has_a_title_and_is_explained(agent, own, tmp_path, bare_runs):
    """The curves' titles are in WORDS; the table of debugging.md explains all but losses, learning rates and weights."""
    reported = set()
    settings = replace(settings_of(agent), **own)
    agent.train('Pendulum-v1', settings, out=tmp_path, eager=True, on_update=lambda run, losses: reported.update(losses))
    assert len(reported) > 5
    assert reported <= set(WORDS)
    rows = [line for line in (ROOT / 'docs/debugging.md').read_text(encoding='utf-8').splitlines() if line.startswith('| `')]
    explained = {name for row in rows for name in re.findall('`(\\w+)`', row.split('|')[1])}
    assert {name for name in reported if not name.endswith(('_loss', '_lr', '_norm'))} <= explained


@pytest.mark.parametrize('agent', AGENTS)
def test_a_comment_names_each_group_of_settings(agent):
    """Where the group begins: in the file its name would otherwise be at the far end of a line."""
    source = inspect.getsource(agent.Settings)
    for title, fields in grouped(agent.Settings).items():
        name = fields[0].metadata['group']
        assert f'    # {name}\n    {fields[0].name}: ' in source, title


@pytest.mark.parametrize('agent', [ppo, trpo, a2c, acktr])
def test_a_std_falls_over_the_training_and_comes_with_the_agent(agent, tmp_path, bare_runs):
    """Four batches: when the last is learnt from, a quarter is left. Nothing else that is annealed takes part in it."""
    flags = {} if agent is trpo else dict(anneal=False)
    settings = replace(settings_of(agent), final_std=0.2, **flags)
    trained = agent.train('Pendulum-v1', settings, out=tmp_path)
    loaded = agent.load_agent(next(tmp_path.rglob('agent.npz')))
    for one in (trained, loaded):
        np.testing.assert_allclose(np.exp(one.policy(STATES)[1]), 2 * 0.5**0.25 * 0.2**0.75, rtol=1e-5)


@pytest.mark.parametrize('agent', [ppo, trpo, a2c, acktr])
def test_an_on_policy_update_too_early_says_what_to_call(agent):
    made = getattr(agent, AGENTS[agent])(3, 1, 2.0, settings=settings_of(agent))
    before = {name: array.copy() for name, array in checkpoint.named(**made.variables()).items()}
    no, yes = np.zeros(2, bool), np.ones(2, bool)
    with pytest.raises(UserError, match='the batch has 0 of 64 transitions: store more before finish_path'):
        made.finish_path(STATES[:2])
    for transitions in range(0, 64, 2):
        if transitions in (0, 62):
            with pytest.raises(UserError, match=f'the batch has {transitions} of 64 transitions: store more before update'):
                made.update()
        made.store_transition(STATES[:2], np.zeros((2, 1)), np.ones(2), no, no, yes)
    with pytest.raises(UserError, match=r'has no advantages yet: call finish_path\(next_state\) before update'):
        made.update()
    for name, array in checkpoint.named(**made.variables()).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_sacs_update_too_early_says_what_is_missing():
    agent = sac.SAC(3, 1, 2.0, settings=settings_of(sac))
    with pytest.raises(UserError, match='the batch lacks 64 of 64 transitions: store more before update'):
        agent.update()


def test_no_constructor_refuses_over_the_length_of_a_run(tmp_path):
    """SAC's would not make an agent whose random steps outlast its run: only training such a run is refused."""
    settings = sac.Settings(steps=100, start_steps=10_000)
    sac.SAC(3, 1, 2.0, settings=settings).save(tmp_path / 'agent.npz')
    assert sac.load_agent(tmp_path / 'agent.npz').settings == settings
    with pytest.raises(UserError, match='leaves none of steps=100 to learn in'):
        sac.train('Pendulum-v1', settings, out=tmp_path)
    ppo.PPO(3, 1, 2.0, settings=ppo.Settings(steps=5)).save(tmp_path / 'short.npz')
    assert ppo.load_agent(tmp_path / 'short.npz').settings.steps == 5


def test_settings_out_of_range_are_refused_in_ones_own_code_too(tmp_path):
    for settings, options, words in (
        (trpo.Settings(gamma=1.5), {}, r'gamma=1\.5 is out of range'),
        (trpo.Settings(hidden='wide'), {}, "hidden='wide' does not have the type of its default"),
        (trpo.Settings(), {'seed': -1}, 'seed=-1 is out of range'),
        (trpo.Settings(), {'name': 'a/b'}, "name='a/b' cannot name a run"),
    ):
        with pytest.raises(UserError, match=words):
            trpo.train('Pendulum-v1', settings, out=tmp_path, **options)
    with pytest.raises(UserError, match="method='x' is not one of clip, penalty"):
        ppo.train('Pendulum-v1', ppo.Settings(method='x'), out=tmp_path)


def test_files_with_nan_weights_or_monstrous_sizes_are_refused(tmp_path):
    arrays, record = checkpoint.load(ROOT / 'model/PPO_Pendulum-v1/pretrained.npz')
    checkpoint.save(tmp_path / 'nan.npz', arrays | {'actor/2_weights': np.full((64, 64), np.nan, np.float32)}, record)
    monstrous = record | {'settings': record['settings'] | {'hidden': [64, 10**9]}}
    checkpoint.save(tmp_path / 'monstrous.npz', arrays, monstrous)
    for name, words in (('nan', 'that are not finite'), ('monstrous', 'has sizes in its record')):
        with pytest.raises(UserError, match=words):
            ppo.load_agent(tmp_path / f'{name}.npz')


@pytest.mark.slow
def test_the_companions_environment_of_ones_own_is_trained_tested_and_filmed(tmp_path):
    """Its twenty lines, in a folder of their own, as the page says."""
    page = (ROOT / 'docs' / 'environment.md').read_text(encoding='utf-8')
    code = re.search(r'```python\n(# my_env\.py.*?)```', page, re.S)[1]
    assert len([line for line in code.splitlines() if line]) <= 23
    (tmp_path / 'my_env.py').write_text(code)
    words = ['--train', '--test', '--env', 'my_env:Corridor-v0', '--steps', '32768', '--record', '.', '--out', '.']
    done = subprocess.run([sys.executable, str(ROOT / 'ppo.py'), *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(re.search(r'mean return: (\S+)', done.stdout)[1]) > 0.9
    assert (tmp_path / 'PPO_my_env-Corridor-v0.gif').read_bytes().startswith(b'GIF89a')
