"""Each rule on files that are made up to show it, and on files that look nearly so; and on the runs of the agents that ship."""

import json
import re
import subprocess
import sys
from pathlib import Path

from common.errors import UserError
from common.running import diagnose
from common.running.curves import read

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = sorted((ROOT / 'image' / 'pretrained').glob('*.json'))
SETTINGS = dict(
    steps=100_000, batch_steps=1000, num_envs=8, gamma=0.99, entropy=0.0, final_std=0.0, normalize=False, activation='relu',
    anneal=False, clip=0.2, actor_lr=3e-4, damping=0.1, backtrack_iters=10, kl_coefficient=0.5, critic_lr=1e-3, hidden=[64],
)  # fmt: skip


def made(folder, returns, lengths=200, name='seed0', env='Own-v0', losses=None, settings=None, box=True, **record):
    """Writes the files of a run of 100,000 steps and reads them: `returns` (episodes,), `losses` columns by name."""
    steps = np.linspace(0, 100_000, len(returns) + 1)[1:].astype(int)
    rows = zip(steps, returns, np.broadcast_to(lengths, len(returns)), strict=True)
    base = folder / name
    base.with_suffix('.csv').write_text('steps,episode_return,episode_length\n' + ''.join(f'{s},{r},{n}\n' for s, r, n in rows))
    action = dict(action_dim=1, action_bound=[[-1.0], [1.0]]) if box else dict(action_dim=4, action_bound=None)
    agent = dict(algorithm='PPO', state_dim=3, settings=SETTINGS | (settings or {}), **action)
    base.with_suffix('.json').write_text(json.dumps(agent | dict(env=env, env_args={}, seed=0, steps=100_000) | record))
    if losses:
        columns = {'steps': np.linspace(0, 100_000, 101)[1:]} | {k: np.broadcast_to(v, 100) for k, v in losses.items()}
        lines = [','.join(columns), *(','.join(f'{value:.7g}' for value in row) for row in zip(*columns.values(), strict=True))]
        base.with_suffix('.losses.csv').write_text('\n'.join(lines) + '\n')
    return read(base)


def noisy(*means, episodes=50, std=10.0):
    """Returns that scatter about each mean in turn."""
    return np.random.default_rng(0).normal(np.repeat(means, episodes), std)


LEARNT = noisy(0, 50, 100, 150, 180, 190, 195, 198, 199, 200)
FALLING = np.linspace(1.0, 0.6, 100)


def titles(curves):
    return {finding.title for finding in diagnose.diagnose(curves)}


def spike(height, base=0.005):
    """A column with one row of `height`."""
    column = np.full(100, base)
    column[60] = height
    return column


# What triggers a rule, what nearly does, and the section that it names; each is (returns, further arguments of `made`).
CASES = {
    'few_episodes': ((LEARNT[:30], {}), (LEARNT[:45], {}), 'Too little to see anything'),
    'unfinished': ((LEARNT, dict(settings=dict(steps=200_000))), (LEARNT, dict(settings=dict(steps=101_500))),
                   'Too little to see anything'),
    'flat': ((noisy(*[0] * 10), {}), (noisy(*[0] * 5, *[30] * 5), {}), 'The return stays flat'),
    'flat, all the same': ((np.full(500, -200.0), {}), (np.r_[np.full(250, -200.0), noisy(-150, episodes=250)], {}),
                           'The return stays flat'),
    'flat, at the goal': ((np.full(500, 300.0), dict(env='CartPole-v1')), (np.full(500, 490.0), dict(env='CartPole-v1')),
                          'The return stays flat'),
    'fell': ((noisy(0, 100, 200, 200, 200, 100), {}), (noisy(0, 100, 200, 200, 200, 150), {}), 'The return rises, then falls'),
    'rising': ((noisy(0, 10, 20, 30, 40, 50, 60, 70, 90, 120), {}), (LEARNT, {}), 'The return still rises at the end'),
    'waits': ((noisy(-100, -100, -200, -200, -200, -200), dict(lengths=[60] * 100 + [200] * 200)),
              (noisy(-300, -300, -200, -200, -200, -200), dict(lengths=[60] * 100 + [200] * 200)),
              'It waits for the time limit'),
    'settled': ((LEARNT, dict(losses=dict(std=np.linspace(1, 0.1, 100) ** 3))), (LEARNT, dict(losses=dict(std=FALLING))),
                'It stops exploring too early'),
    'settled, on purpose': ((LEARNT, dict(losses=dict(std=np.linspace(1, 0.1, 100) ** 3))),
                            (LEARNT, dict(losses=dict(std=np.linspace(1, 0.1, 100) ** 3), settings=dict(final_std=0.1))),
                            'It stops exploring too early'),
    'settled, discrete': ((LEARNT, dict(losses=dict(entropy=1.4 * np.exp(-np.arange(100) / 9)), box=False)),
                          (LEARNT, dict(losses=dict(entropy=1.4 * np.exp(-np.arange(100) / 40)), box=False)),
                          'It stops exploring too early'),
    'far': ((LEARNT, dict(losses=dict(kl=0.15))), (LEARNT, dict(losses=dict(kl=0.05))), 'The updates are too long'),
    'far, once': ((LEARNT, dict(losses=dict(kl=spike(0.3)))), (LEARNT, dict(losses=dict(kl=spike(0.06)))),
                  'The updates are too long'),
    'clipped': ((LEARNT, dict(losses=dict(clip_fraction=0.6))), (LEARNT, dict(losses=dict(clip_fraction=0.3))),
                'The updates are too long'),
    'penalised': ((LEARNT, dict(losses=dict(kl_coefficient=2.0 ** np.arange(100) / 4))),
                  (LEARNT, dict(losses=dict(kl_coefficient=16.0))), 'The updates are too long'),
    'never_clipped': ((LEARNT, dict(losses=dict(clip_fraction=0.0))),
                      (LEARNT, dict(losses=dict(clip_fraction=spike(0.1, 0.0)))),
                      'The updates do nothing'),
    'refused': ((LEARNT, dict(losses=dict(step_accepted=[0, 1, 0, 0] * 25))),
                (LEARNT, dict(losses=dict(step_accepted=[1, 1, 0, 1] * 25))), 'The updates do nothing'),
    'shortened': ((LEARNT, dict(losses=dict(backtracks=6.0))), (LEARNT, dict(losses=dict(backtracks=2.0))),
                  'The updates do nothing'),
    'braked': ((LEARNT, dict(losses=dict(step_size=0.05))),
               (LEARNT, dict(losses=dict(step_size=0.2))), 'The updates do nothing'),
    'noise': ((LEARNT, dict(losses=dict(explained_variance=-0.5))), (LEARNT, dict(losses=dict(explained_variance=0.1))),
              "The critic's values explain nothing"),
    'noise, solved': ((LEARNT, dict(losses=dict(explained_variance=-0.5))),
                      (np.r_[LEARNT[:250], np.full(250, 200.0)], dict(losses=dict(explained_variance=-0.5))),
                      "The critic's values explain nothing"),
    'growing': ((LEARNT, dict(losses=dict(critic_norm=np.geomspace(10, 300, 100)))),
                (LEARNT, dict(losses=dict(critic_norm=np.geomspace(10, 40, 100)))), 'The numbers grow without end'),
    'runaway': ((LEARNT, dict(losses=dict(value_loss=spike(900, 1.9)))),
                (LEARNT, dict(losses=dict(value_loss=spike(200, 1.9)))),
                'The numbers grow without end'),
    'heating': ((LEARNT, dict(losses=dict(alpha=np.geomspace(1, 30, 100)))),
                (LEARNT, dict(losses=dict(alpha=np.geomspace(1, 0.01, 100)))), 'The numbers grow without end'),
    'scale, large': ((100 * LEARNT, {}), (100 * LEARNT, dict(settings=dict(normalize=True))), 'The numbers grow without end'),
    'scale, small': ((1e-5 * LEARNT, {}), (0.01 * LEARNT, {}), 'The numbers grow without end'),
    'short_sighted': ((LEARNT, dict(settings=dict(gamma=0.9))), (LEARNT, dict(settings=dict(gamma=0.98))),
                      'It does not look far enough ahead'),
    'short_sighted, behind': ((LEARNT, dict(env='CartPole-v1', lengths=450)),
                              (LEARNT + 200, dict(env='CartPole-v1', lengths=450)), 'It does not look far enough ahead'),
}  # fmt: skip


@pytest.mark.parametrize('case', CASES)
def test_a_rule_sees_what_it_is_for_and_nothing_in_what_is_nearly_so(case, tmp_path):
    shown, nearly, title = CASES[case]
    seen, unseen = (
        titles(made(tmp_path, returns, name=name, **more)) for name, (returns, more) in (('a', shown), ('b', nearly))
    )
    assert title in seen
    assert title not in unseen


def test_each_rule_has_a_case():
    assert {case.partition(',')[0] for case in CASES} | {'behind'} == {one.find.__name__ for one in diagnose.RULES}


def test_a_seed_that_differs_is_compared_with_runs_of_the_same_settings_only(tmp_path):
    for number, last in enumerate((200, 203, 197)):
        made(tmp_path, noisy(0, 100, last, last), name=f'seed{number}', seed=number)
    made(tmp_path, noisy(0, 20, 40, 40), name='seed9', seed=9, settings=dict(gamma=0.5))
    assert 'One seed is behind the others' in titles(made(tmp_path, noisy(0, 60, 120, 120), name='seed3', seed=3))
    assert 'One seed is behind the others' not in titles(made(tmp_path, noisy(0, 100, 185, 195), name='seed3', seed=3))
    (tmp_path / 'seed2.csv').unlink()
    assert 'One seed is behind the others' not in titles(made(tmp_path, noisy(0, 60, 120, 120), name='seed3', seed=3))


def test_a_run_that_starts_from_a_trained_agent_may_stay_where_it_is(tmp_path):
    assert 'The return stays flat' not in titles(made(tmp_path, noisy(*[0] * 10), started_from={'env': 'Own-v0'}))


def test_what_updates_did_not_report_is_left_out(tmp_path):
    half = np.where(np.arange(100) < 40, np.nan, 0.15)
    assert 'The updates are too long' in titles(made(tmp_path, LEARNT, losses=dict(kl=half)))


def test_advice_is_about_settings_that_the_agent_has_and_does_not_follow_yet(tmp_path):
    lost = noisy(*[0] * 10)
    (finding,) = diagnose.diagnose(made(tmp_path, lost, settings=dict(activation='tanh')))
    assert [text.split()[0] for text in finding.advice] == ['--normalize,', '--entropy', 'a']
    losses = dict(entropy=1.4 * np.exp(-np.arange(100) / 9))
    (finding,) = diagnose.diagnose(made(tmp_path, LEARNT, box=False, losses=losses))
    assert finding.advice == ['--entropy 0.01']


@pytest.mark.parametrize('record', SHIPPED, ids=lambda path: path.stem)
def test_nothing_is_found_in_the_runs_of_the_agents_that_ship(record):
    """They lie side by side, of different algorithms and environments: none counts as another seed of one of them."""
    assert not diagnose.diagnose(read(record))


def test_there_are_runs_of_agents_that_ship():
    assert len(SHIPPED) > 40


def test_each_section_that_a_finding_names_is_on_the_page():
    page = (ROOT / 'docs' / 'failures.md').read_text(encoding='utf-8')
    sections = re.findall('^## (.*)', page, re.M)
    assert {one.title for one in diagnose.RULES} <= set(sections)
    assert diagnose.anchor("The critic's values explain nothing") == 'the-critics-values-explain-nothing'
    assert diagnose.anchor('The return rises, then falls') == 'the-return-rises-then-falls'


def ends(*words):
    return subprocess.run(
        [sys.executable, '-m', 'common.running.diagnose', *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )


def test_the_command_prints_findings_with_numbers_and_exits_with_0(tmp_path):
    made(tmp_path, noisy(0, 100, 200, 200, 200, 20), losses=dict(kl=0.15))
    done = ends(tmp_path / 'seed0.png')
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f'{tmp_path}/seed0: PPO in Own-v0, seed 0, 100,000 steps, 300 episodes',
        '  The return rises, then falls: 199.9 at step 50,000, 17.54 at the end.',
        '    Try: --anneal, so that late steps are small; a smaller --actor-lr; a smaller --clip.',
        '    More: docs/plain/en/failures.md#the-return-rises-then-falls',
        '  The updates are too long: an update moves the policy by a KL divergence of 0.15 nats in the median; 0.01 is usual.',
        '    Try: a smaller --actor-lr; a smaller --clip; larger --batch-steps; more --damping.',
        '    More: docs/plain/en/failures.md#the-updates-are-too-long',
    ]


def test_a_run_without_an_episode(tmp_path):
    assert titles(made(tmp_path, LEARNT[:0], env='CartPole-v1', losses=dict(kl=0.01))) == {'Too little to see anything'}


def test_the_command_says_what_is_missing_in_one_line(tmp_path):
    made(tmp_path, LEARNT)
    assert 'There is no seed0.losses.csv' in diagnose.report(read(tmp_path / 'seed0'))
    done = ends(tmp_path / 'seed7')
    assert (done.returncode, done.stderr.count('\n')) == (2, 1)
    assert ends().returncode == 2


DAMAGE = {
    'cannot read': lambda base: base.with_suffix('.csv').unlink(),
    'not the record of a run, or it is damaged': lambda base: base.with_suffix('.json').write_text('{'),
    'it lacks algorithm': lambda base: base.with_suffix('.json').write_text('{}'),
    'the record of a run: it lacks algorithm': lambda base: base.with_suffix('.json').write_text('[1]'),
    'is damaged: its record has seed': lambda base: edit(base.with_suffix('.json'), '"seed": 0', '"seed": -1'),
    'not a table of numbers': lambda base: edit(base.with_suffix('.csv'), ',200\n', ',many\n'),
    'is not a table of numbers, or': lambda base: edit(base.with_suffix('.csv'), ',200\n', '\n'),
    'with finite numbers': lambda base: edit(base.with_suffix('.csv'), ',200\n', ',nan\n'),
    'must have the columns': lambda base: edit(base.with_suffix('.csv'), 'episode_length', 'length'),
    'before the run begins or after': lambda base: edit(base.with_suffix('.json'), '"steps": 100000}', '"steps": 5}'),
    'must have a column steps': lambda base: base.with_suffix('.losses.csv').write_text('kl\n0.1\n'),
}


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize('message', DAMAGE)
def test_a_damaged_file_is_refused_in_one_line(message, tmp_path):
    made(tmp_path, LEARNT)
    DAMAGE[message](tmp_path / 'seed0')
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        read(tmp_path / 'seed0')
    assert '\n' not in str(raised.value)


def test_a_folder_is_answered_with_the_name_of_a_run(tmp_path):
    made(tmp_path, LEARNT)
    with pytest.raises(UserError, match='seed0'):
        read(tmp_path)
