"""Flags: presets, ranges, and one line for whatever is wrong."""

import dataclasses
import re

import a2c
import acktr
import ppo
import sac
import trpo
from common.errors import UserError
from common.running import command_line
from common.running.settings import OTHERS_BOX, OTHERS_DISCRETE, book_settings, setting, settings_of

import pytest

AGENTS = ppo, trpo, a2c, acktr, sac


def parse(*argv, agent=ppo):
    return command_line.parse(agent.__doc__, agent.Settings, agent.PRESETS, list(argv))


def test_preset_then_flags():
    options, settings = parse('--train', '--env', 'CartPole-v1', '--gamma', '0.5', '--hidden', '32', '16', '8', '--anneal')
    assert settings.gamma == 0.5
    assert settings.hidden == (32, 16, 8)
    assert settings.anneal is True
    assert settings.steps == ppo.PRESETS['CartPole-v1']['steps']
    assert set(options.given) == {'gamma', 'hidden', 'anneal'}
    assert (options.env, options.seed, options.episodes, options.engine) == ('CartPole-v1', 0, 100, 'auto')


@pytest.mark.parametrize('agent', [ppo, trpo, a2c, acktr])
def test_an_environment_without_preset_gets_that_of_its_kind_of_actions(agent):
    """Without a name there is none to look at: it has the one for discrete actions."""
    kinds = {'InvertedPendulum-v5': OTHERS_BOX, 'MountainCarContinuous-v0': OTHERS_BOX, 'Acrobot-v1': OTHERS_DISCRETE}
    for env, kind in kinds.items():
        settings = parse('--train', '--env', env, agent=agent)[1]
        assert settings == agent.Settings(**agent.PRESETS[kind])
        assert settings.normalize
    assert parse('--train', '--env', 'Reacher-v5', '--no-normalize', agent=agent)[1].normalize is False
    refused = parse('--train', '--env', 'Pendulum-v0', agent=agent)[1]  # by the run, which says that there is none
    assert refused == agent.Settings(**agent.PRESETS[OTHERS_DISCRETE])
    assert parse('--train', '--env', 'Reacher-v5', '--book', agent=agent)[1] == book_settings(agent.Settings)


def test_pendulum_is_the_default():
    options, settings = parse('--train', agent=trpo)
    assert options.env == 'Pendulum-v1'
    assert settings.steps == 300_000


def test_the_larger_lake_has_its_preset_under_both_names():
    larger = parse('--train', '--env', 'FrozenLake8x8-v1')[1]
    assert parse('--train', '--env', 'FrozenLake-v1', '--env-arg', 'map_name=8x8')[1] == larger
    assert parse('--train', '--env', 'FrozenLake-v1')[1] != larger
    assert parse('--train', '--env', 'FrozenLake-v1', '--env-arg', 'is_slippery=false')[1].steps == 100_000
    continuous = parse('--train', '--env', 'LunarLander-v3', '--env-arg', 'continuous=true')[1]
    assert continuous == parse('--train', '--env', 'LunarLanderContinuous-v3')[1]


@pytest.mark.parametrize('text', ['20000', '20_000', '2e4'])
def test_whole_numbers(text):
    assert parse('--train', '--steps', text)[1].steps == 20_000


@pytest.mark.parametrize(
    ('argv', 'words'),
    [
        ([], 'say what to do: --train, --test'),
        (['--trian'], r'unknown flag --trian \(nearest: --train'),
        (['--train', '--gama', '1'], r'unknown flag --gama \(nearest: --gamma'),
        (['--train', '--gamma', '1.5'], '--gamma 1.5 is out of range: it must be at most 1'),
        (['--train', '--gamma', 'x'], "--gamma: invalid number value: 'x'"),
        (['--train', '--gamma', 'nan'], 'invalid number value'),
        (['--train', '--steps', 'inf'], "invalid whole number value: 'inf'"),
        (['--train', '--num-envs', '4096'], '--num-envs 4096 is more than a batch has steps'),
        (['--train', '--test', '--render'], '--render needs a display'),
        (['--train', '--steps', '1.5'], 'invalid whole number value'),
        (['--train', '--hidden', '64', '0'], '--hidden 0 is out of range: it must be at least 1'),
        (['--train', '--activation', 'swish'], "invalid choice: 'swish'"),
        (['--train', '--num-envs', '0'], '--num-envs 0 is out of range'),
        (['--train', '--steps', '1e18'], '--steps 1000000000000000000 is out of range: it must be at most 1000000000000'),
        (['--train', '--steps', '10'], '--steps 10 is less than one batch'),
        (['--train', '--batch-steps', '1000', '--minibatch-size', '128'], r'does not divide --batch-steps 1000; 125 does'),
        (['--train', '--steps', '1e10', '--batch-steps', '1000000007'], 'does not divide --batch-steps 1000000007; 1 does'),
        (['--train', '--seed', '-1'], '--seed -1 is out of range'),
        (['--train', '--save-every', '0'], '--save-every 0 is out of range'),
        (['--train', '--name', '../other'], r'--name \.\./other cannot name a run'),
        (['--train', '--name', 'seed0.test'], r'--name seed0\.test cannot name a run'),
        (['--train', '--shipped'], '--shipped needs --test: add --test, or leave out --shipped'),
        (['--test', '--shipped', '--name', 'mine'], 'each say which agent to test'),
        (['--train', '--test', '--shipped'], '--train --test tests the agent just trained'),
        (['--test', '--episodes', '0'], '--episodes 0 is out of range'),
        (['--train', '--render'], '--render needs --test: add --test, or leave out --render'),
        (['--test', '--book'], '--book needs --train: add --train, or leave out --book'),
        (['--test', '--eager'], '--eager needs --train: add --train, or leave out --eager'),
        (['--train', '--lr', '3'], r'unknown flag --lr \(nearest: --actor-lr, --critic-lr'),
        (['--train', '--lr=3'], r'unknown flag --lr \(nearest: --actor-lr, --critic-lr'),
        (['--train', '--learning-rate', '3'], r'unknown flag --learning-rate \(nearest: --actor-lr, --critic-lr'),
        (['--train', '--rollout-step', '3'], r'unknown flag --rollout-step \(nearest: --batch-steps'),
        (['--train', '--kl_targets', '3'], r'unknown flag --kl_targets \(nearest: --penalty-kl'),
        (['--train', '--target-kl', '0.02'], r'unknown flag --target-kl \(nearest: --stop-kl'),
        (['--train', '--n-steps', '128'], r'unknown flag --n-steps \(nearest: --batch-steps'),
        (['--train', '--num_steps', '128'], r'unknown flag --num_steps \(nearest: --batch-steps'),
        (['--train', '--total-timesteps', '3'], r'unknown flag --total-timesteps \(nearest: --steps'),
        (['--help', '--env', 'HalfCheetah'], r'nearest: HalfCheetah-v5, HalfCheetah-v4, HalfCheetahBulletEnv-v0'),
        (['--test', '--resume'], '--resume needs --train: add --train, or leave out --resume'),
        (['--train', '--rollout-steps', 'x'], "--batch-steps: invalid whole number value: 'x'"),
        (['--train', '--env-arg', 'slippery'], 'NAME=VALUE'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(argv, words, monkeypatch):
    for display in ('DISPLAY', 'WAYLAND_DISPLAY', 'SDL_VIDEODRIVER'):
        monkeypatch.delenv(display, raising=False)
    with pytest.raises(UserError, match=words) as caught:
        parse(*argv)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('agent', 'argv', 'words'),
    [
        (a2c, ['--minibatch-size', '64'], 'unknown flag --minibatch-size'),
        (a2c, ['--actor-lr', '-1'], '--actor-lr -1.0 is out of range'),
        (a2c, ['--lam', '1.1'], '--lam 1.1 is out of range: it must be at most 1'),
        (acktr, ['--lr', '1'], r'unknown flag --lr \(nearest: --step-size'),
        (acktr, ['--learning_rate', '1'], r'unknown flag --learning_rate \(nearest: --step-size'),
        (a2c, ['--batch-size', '64'], r'unknown flag --batch-size \(nearest: --batch-steps'),
        (trpo, ['--target-kl', '0.02'], r'unknown flag --target-kl \(nearest: --delta'),
        (acktr, ['--target-kl', '0.02'], r'unknown flag --target-kl \(nearest: --delta'),
        (sac, ['--ent-coef', '0.2'], r'unknown flag --ent-coef \(nearest: --alpha'),
        (sac, ['--n-steps', '128'], r'unknown flag --n-steps \(nearest: --batch-steps'),
        (acktr, ['--damping', '0'], '--damping 0.0 is out of range'),
        (acktr, ['--delta', '0'], '--delta 0.0 is out of range'),
        (acktr, ['--momentum', '2'], '--momentum 2.0 is out of range: it must be at most 1'),
        (acktr, ['--inverse-every', '0'], '--inverse-every 0 is out of range'),
        (acktr, ['--decay', '1.5'], '--decay 1.5 is out of range: it must be at most 1'),
        (acktr, ['--num-envs', '200', '--batch-steps', '100'], '--num-envs 200 is more than a batch has steps'),
    ],
)
def test_what_is_wrong_with_an_agents_own_flags(agent, argv, words):
    with pytest.raises(UserError, match=words):
        parse('--train', *argv, agent=agent)


@pytest.fixture
def notes(capsys):
    """What standard error says of renamed flags; each is named once in a process, and once more here."""
    command_line.tell_new_name.cache_clear()
    return lambda: capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ('agent', 'old', 'new'),
    [
        *((agent, '--rollout-steps', '--batch-steps') for agent in AGENTS),
        (ppo, '--kl-target', '--penalty-kl'),
        (trpo, '--train-v-iters', '--critic-epochs'),
        (a2c, '--critic-iters', '--critic-epochs'),
        (acktr, '--critic-iters', '--critic-epochs'),
        (sac, '--batch-size', '--minibatch-size'),
    ],
)
def test_a_former_flag_works_and_one_line_names_the_new_one(agent, old, new, notes):
    whole = '128' if new != '--penalty-kl' else '0.5'
    wanted = parse('--train', new, whole, agent=agent)[1]
    assert notes() == []
    for argv in ([old, whole], [f'{old}={whole}']):
        options, settings = parse('--train', *argv, agent=agent)
        assert settings == wanted != parse('--train', agent=agent)[1]
        assert set(options.given) == {new[2:].replace('-', '_')}
    assert notes() == [f'note: {old} is now called {new}'], 'and the second time nothing'


def test_a_flag_and_its_former_name_are_not_given_together(notes):
    for argv in (['--batch-steps', '64', '--rollout-steps=64'], ['--rollout-steps', '64', '--batch-steps=128']):
        with pytest.raises(UserError, match=r'^--\S+ and --\S+ are the same setting: give only --batch-steps$'):
            parse('--train', *argv)
    with pytest.raises(UserError, match=r'--critic-iters and --train-v-iters are the same setting: give only --critic-epochs'):
        parse('--train', '--critic-iters', '3', '--train-v-iters', '3', agent=trpo)
    assert parse('--train', '--rollout-steps', '64', '--rollout-steps', '128')[1].batch_steps == 128, 'as with any other flag'


@dataclasses.dataclass(frozen=True)
class OwnSettings:
    """Of an agent of one's own, in which a former name of this project's is another setting."""

    steps: int = setting(1000, 'steps in all')
    num_envs: int = setting(1, 'environments')
    batch_steps: int = setting(100, 'steps in a batch')
    batch_size: int = setting(10, 'sequences in a batch')
    minibatch_size: int = setting(5, 'sequences in a minibatch')


def test_an_agent_of_ones_own_may_use_a_former_name(notes):
    words = ['--train', '--batch-size', '20', '--rollout-steps', '200']
    _, settings = command_line.parse('', OwnSettings, {'Pendulum-v1': {}}, words)
    assert (settings.batch_size, settings.minibatch_size, settings.batch_steps) == (20, 5, 200)
    assert notes() == ['note: --rollout-steps is now called --batch-steps']
    assert settings_of({'settings': dict(batch_size=20)}, OwnSettings, 'file').batch_size == 20


@pytest.mark.parametrize('agent', AGENTS)
def test_help_names_every_setting_with_its_meaning(agent, capsys):
    with pytest.raises(SystemExit) as caught:
        parse('--help', agent=agent)
    assert caught.value.code == 0
    text = ' '.join(capsys.readouterr().out.split())
    for field in dataclasses.fields(agent.Settings):
        assert field.metadata['meaning'] in text
        assert f'--{field.name.replace("_", "-")}' in text.replace(',', ' ').split()
    assert all(f'{env}: --' in text for env in agent.PRESETS)
    flags = """--train --test --book --eager --env --env-arg --seed --engine --episodes --render --record --model --shipped
        --name --resume --out --save-every --test-every --tensorboard --watch"""
    assert set(flags.split()) <= set(text.replace(',', ' ').split())
    assert ('--cg-iters' in text) == (agent is trpo)
    assert ('--epochs' in text) == (agent is ppo)


@pytest.mark.parametrize('agent', AGENTS)
def test_help_has_a_section_for_each_group_of_settings(agent, capsys):
    """The same groups in the same order in every agent, but SAC computes no advantages; the flags come in the file's order."""
    with pytest.raises(SystemExit):
        parse('--help', '--env', 'Pendulum-v1', agent=agent)
    text = capsys.readouterr().out.partition('\nsettings:\n')[2]
    sections = re.findall(r'^(\w+) \(.*\):\n((?:  .*\n)+)', text, re.M)
    groups = ['experience', 'advantages', 'actor', 'critic', 'exploration', 'machinery']
    assert [name for name, _ in sections] == [name for name in groups if name != 'advantages' or agent is not sac]
    flags = {flag: name for name, section in sections for flag in re.findall(r'^  (--[a-z-]+)', section, re.M)}
    assert [flag[2:].replace('-', '_') for flag in flags] == [field.name for field in dataclasses.fields(agent.Settings)]
    assert (flags['--steps'], flags['--gamma'], flags['--critic-lr' if agent is not acktr else '--critic-delta']) == (
        'experience', 'critic' if agent is sac else 'advantages', 'critic',
    )  # fmt: skip


def printed_help(capsys, *argv, agent=ppo):
    with pytest.raises(SystemExit):
        parse('--help', *argv, agent=agent)
    return ' '.join(capsys.readouterr().out.split())


def test_help_shows_the_values_in_force(capsys):
    """What the preset, the variant's preset and the book have; the default beside it where that is another."""
    assert "the actor's learning rate; 0.0005 (default 0.0003) [0.0001]" in printed_help(capsys)
    cheetah = printed_help(capsys, '--env', 'HalfCheetah-v4')
    assert 'hidden layers; tanh (default relu) [relu]' in cheetah
    assert 'presets' not in cheetah
    lake = printed_help(capsys, '--env', 'FrozenLake-v1', '--env-arg', 'is_slippery=false')
    assert 'steps in all, in whole batches; 100000 (default 500000) [200000]' in lake
    assert 'discount factor, gamma; 0.9 (default 0.99) [0.9]' in printed_help(capsys, '--book')
    assert "the critic's passes over a batch; 100 (default 20) [100]" in printed_help(capsys, '--book', agent=trpo)


def test_the_book_has_all_its_values_and_flags_come_before_them():
    settings = parse('--train', '--book', '--gamma', '0.8')[1]
    assert settings == ppo.Settings(
        steps=200_000, num_envs=1, batch_steps=32, gamma=0.8, lam=1.0, epochs=10, minibatch_size=32, actor_lr=1e-4,
        critic_lr=2e-4, anneal=False, max_grad_norm=0.0,
    )  # fmt: skip
    assert parse('--train', '--book', '--env', 'CartPole-v1', agent=trpo)[1] == trpo.Settings(
        steps=200_000, num_envs=1, batch_steps=512, critic_epochs=100, minibatch_size=512
    )
    assert parse('--train', '--book', agent=sac)[1] == sac.Settings()
