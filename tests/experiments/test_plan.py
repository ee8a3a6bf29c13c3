"""What an experiment consists of: variants, labels, folders and commands."""

import json
import re
import subprocess
import sys
from pathlib import Path

from common.errors import UserError
from common.running import command_line
from experiments import plan

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_grid_has_every_combination_and_says_what_differs():
    found = plan.variants(['ppo.py'], ['--steps', '4096'], ['clip=0.1,1000', 'method=clip,penalty'])
    assert [one.label for one in found] == [
        'clip=0.1, method=clip', 'clip=0.1, method=penalty', 'clip=1000, method=clip', 'clip=1000, method=penalty',
    ]  # fmt: skip
    assert len({one.folder for one in found}) == 4
    settings = [one.parse()[1] for one in found]
    assert [(one.clip, one.method, one.steps) for one in settings[:2]] == [(0.1, 'clip', 4096), (0.1, 'penalty', 4096)]
    assert found[0].command(3) == 'python ppo.py --train --steps 4096 --clip 0.1 --method clip --seed 3'


def test_a_setting_is_varied_in_the_agents_that_have_it():
    found = plan.variants(['ppo.py', 'trpo.py'], [], ['clip=0.1,0.2'])
    assert [one.label for one in found] == ['ppo, clip=0.1', 'ppo, clip=0.2', 'trpo']


def test_environments_stand_apart_and_have_their_own_presets():
    found = plan.variants(['ppo.py'], [], ['env=Pendulum-v1,FrozenLake-v1 is_slippery=false', 'gamma=0.9,0.99'])
    assert [(one.env, one.label) for one in found] == [
        ('Pendulum-v1', 'gamma=0.9'), ('Pendulum-v1', 'gamma=0.99'),
        ('FrozenLake-v1 is_slippery=false', 'gamma=0.9'), ('FrozenLake-v1 is_slippery=false', 'gamma=0.99'),
    ]  # fmt: skip
    assert [one.parse()[1].steps for one in found] == [200_000, 200_000, 100_000, 100_000]
    assert len({one.folder for one in found}) == 4


def test_words_of_every_kind_of_setting():
    found = plan.variants(['ppo.py'], [], ['anneal=true,false', 'hidden=8,32 16', 'minibatch-size=64,128'])
    assert {one.parse()[1].anneal for one in found} == {True, False}
    assert {one.parse()[1].hidden for one in found} == {(8,), (32, 16)}
    assert {one.parse()[1].minibatch_size for one in found} == {64, 128}


def test_settings_may_be_varied_under_their_former_names(capsys):
    """The folder has the name as it was given: an experiment that was begun under it finds its runs there."""
    command_line.tell_new_name.cache_clear()
    found = plan.variants(['ppo.py', 'sac.py'], [], ['rollout_steps=512,1024'])
    assert [one.parse()[1].batch_steps for one in found] == [512, 1024, 512, 1024]
    assert found[0].folder == 'ppo,rollout_steps=512'
    assert capsys.readouterr().err == 'note: --rollout-steps is now called --batch-steps\n'
    assert plan.parse('ppo.py', ['--kl-target', '0.5'])[1].penalty_kl == 0.5
    with pytest.raises(UserError, match=r'ppo\.py: --batch-steps and --rollout-steps are the same setting'):
        plan.variants(['ppo.py'], ['--batch-steps', '512'], ['rollout_steps=512,1024'])
    with pytest.raises(UserError, match=r"there is no setting 'rollout_step' \(nearest: batch_steps"):
        plan.variants(['ppo.py'], [], ['rollout_step=512,1024'])


def test_variants_that_would_train_the_same_are_refused():
    different = [(['clip=0.2,0.3'], []), (['env=Pendulum-v1,Pendulum-v1 g=9.81'], []), (['engine=envpool,gymnasium'], [])]
    for vary, flags in different:
        plan.check_different(plan.variants(['ppo.py'], flags, vary))
    for vary in (['clip=0.2,0.20'], ['steps=20000,2e4'], ['hidden=8 8,8  8'], ['gamma=0.9,0.99', 'clip=0.2,.2']):
        with pytest.raises(UserError, match='are the same settings: leave one of them out'):
            plan.check_different(plan.variants(['ppo.py'], [], vary))


def test_advice_on_flags_knows_every_flag_of_the_program():
    said = subprocess.run([sys.executable, 'experiment.py', '--help'], cwd=ROOT, capture_output=True, text=True).stdout
    assert set(re.findall(r'^  (--[a-z]+)', said, re.M)) == {*plan.OWN_FLAGS, '--version'}


def test_points_are_variants_beside_the_preset():
    found = plan.variants(['ppo.py'], [], [], [{}, dict(gamma='0.9', clip='0.3')])
    assert [one.label for one in found] == ['ppo', 'gamma=0.9, clip=0.3']


@pytest.mark.parametrize(('text', 'seeds'), [('1', [0]), ('3', [0, 1, 2]), ('100..102', [100, 101, 102]), ('7..7', [7])])
def test_seeds(text, seeds):
    assert plan.parse_seeds(text) == seeds


@pytest.mark.parametrize('text', ['0', '-1', '3..1', 'a', '1..', '1.5', f'{2**31 + 1}'])
def test_seeds_that_are_none(text):
    with pytest.raises(UserError, match='seed'):
        plan.parse_seeds(text)


def test_ones_own_agent_beside_the_project_and_what_is_no_agent(tmp_path):
    (tmp_path / 'my_agent.py').write_text('from ppo import PRESETS, Settings, train\n')
    assert plan.variants([str(tmp_path / 'my_agent.py'), 'ppo.py'], [], [])[0].label == 'my_agent'
    (tmp_path / 'nothing.py').write_text('')
    with pytest.raises(UserError, match=r'nothing\.py is not an agent that can be trained: it has no Settings'):
        plan.load(str(tmp_path / 'nothing.py'))
    (tmp_path / 'broken.py').write_text('import nowhere_at_all')
    with pytest.raises(UserError, match=r'broken\.py cannot be loaded \(No module named'):
        plan.load(str(tmp_path / 'broken.py'))
    (tmp_path / 'trpo.py').write_text('')
    with pytest.raises(UserError, match='give it another name'):
        plan.load(str(tmp_path / 'trpo.py'))


def test_what_is_written_is_what_is_read(tmp_path):
    written = plan.Experiment(['ppo.py'], ['--steps', '4096'], ['clip=1,2'], [0, 1], 'python experiment.py', 'abc')
    written.save(tmp_path)
    assert plan.read(tmp_path) == written
    assert [(job.variant.label, job.seed) for job in written.jobs(tmp_path)] == [
        ('clip=1', 0), ('clip=2', 0), ('clip=1', 1), ('clip=2', 1),
    ]  # fmt: skip
    (tmp_path / 'experiment.json').write_text('{"scripts": 3')
    with pytest.raises(UserError, match='does not describe an experiment, or it is damaged'):
        plan.read(tmp_path)


def described(**changes):
    """What experiment.json has of an experiment of PPO's clip, with changes."""
    return dict(scripts=['ppo.py'], flags=[], vary=['clip=1,2'], seeds=[0, 1], command='x', commit='', cwd='') | changes


@pytest.mark.parametrize(
    'damage',
    [
        dict(scripts=3), dict(scripts=[3]), dict(flags='--steps'), dict(vary=[['clip']]), dict(seeds=[]), dict(seeds=['0']),
        dict(seeds=[True]), dict(seeds=[-1]), dict(seeds=[2**31]), dict(command=None), dict(commit=1), dict(cwd=3),
        dict(more=1),
        dict(command='\x1b]0;mine\x07'), dict(search=[]), dict(search={}), dict(points=[[]]), dict(points=[{'clip': 1}]),
        dict(search=dict(ranges=['gamma=0.9..1'], trials=2.5, seeds=[0])), dict(variants=[{}]), dict(variants='x'),
        dict(variants=[dict(label='x', env='X-v0', folder='../x', script='ppo.py', flags=[])]),
    ],
)  # fmt: skip
def test_a_damaged_description_is_one_line(damage, tmp_path):
    (tmp_path / 'experiment.json').write_text(json.dumps(described(**damage)))
    for read in (plan.read, plan.recorded_jobs):
        with pytest.raises(UserError, match='does not describe an experiment, or it is damaged'):
            read(tmp_path)


@pytest.mark.parametrize('text', ['[' * 100_000, '1' * 10_000, '[]', '{}', '\udcff'])
def test_what_is_no_description_is_one_line(text, tmp_path):
    (tmp_path / 'experiment.json').write_bytes(text.encode('utf-8', 'surrogateescape'))
    with pytest.raises(UserError, match='does not describe an experiment, or it is damaged'):
        plan.read(tmp_path)


def test_the_runs_are_known_from_what_is_written_and_nothing_is_imported(tmp_path, monkeypatch):
    written = plan.Experiment(['ppo.py'], ['--steps', '4096'], ['clip=1,2'], [0, 1], 'python experiment.py', 'abc')
    written.save(tmp_path)
    jobs = written.jobs(tmp_path)
    monkeypatch.setattr(plan, 'load', None)
    monkeypatch.setattr(plan, 'make_env', None)
    assert plan.recorded_jobs(tmp_path) == jobs


def test_what_is_not_of_this_project_is_named(tmp_path):
    own = plan.Experiment(
        ['ppo.py', 'trpo.py'], ['--env', 'CartPole-v1', '--env-arg', 'x=a:b'], [], [0], 'x', '', str(tmp_path)
    )
    assert own.foreign() == ([], [])
    assert own.how_to_resume('results/x') == 'python experiment.py --resume results/x'
    (tmp_path / 'trpo.py').write_text('')
    vary = ['env=one:A-v0 size=3,CartPole-v1', 'clip=1,2', ' --env=two:B-v0']
    flags = ['--env=three:C-v0', '--env', 'four:D-v0', '--steps', '3']
    other = plan.Experiment(
        ['ppo.py', 'trpo.py', 'my.py'], flags, vary, [0], 'x', '', str(tmp_path), points=[{'env': 'five:E-v0'}]
    )
    names = 'one:A-v0', 'two:B-v0', 'five:E-v0', 'three:C-v0', 'four:D-v0'
    assert other.foreign() == (['trpo.py', 'my.py'], [word for name in names for word in ('--env', name)])


def test_without_its_tools_it_says_what_to_install():
    code = 'import importlib.util as util; util.find_spec = lambda name: None if name == "ray" else name; import '
    for module in ('experiment', 'experiments.schedule', 'experiments.search'):
        done = subprocess.run([sys.executable, '-c', code + module], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert 'error: Ray is not installed' in done.stderr
        assert 'run make experiment-tools once' in done.stderr
        assert done.stderr.count('\n') == 1
