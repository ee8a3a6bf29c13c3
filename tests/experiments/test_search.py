"""What a search chooses from, and how it counts."""

from types import SimpleNamespace

from common.errors import UserError
from experiments import plan, results, schedule, search

import pytest


def test_ranges_are_logarithmic_beyond_a_factor_of_ten_and_whole_for_integers():
    lr, gamma, epochs = search.parse(['actor_lr=1e-4..1e-2', 'gamma=0.9..0.999', 'epochs=2..40'], 'ppo.py', [])
    assert [one.logarithmic for one in (lr, gamma, epochs)] == [True, False, True]
    assert search.said(dict(actor_lr=0.00012345678, gamma=0.98765, epochs=7), [lr, gamma, epochs]) == (
        'actor_lr=0.000123457, gamma=0.98765, epochs=7'
    )
    assert search.flags_of(dict(epochs=7, gamma=0.95), [epochs, gamma]) == ['--epochs', '7', '--gamma', '0.95']


def test_a_setting_may_be_searched_under_its_former_name():
    (one,) = search.parse(['kl_target=0.003..0.1'], 'ppo.py', [])
    words = search.flags_of(dict(kl_target=0.01), [one])
    assert plan.parse('ppo.py', words)[1].penalty_kl == 0.01


@pytest.mark.parametrize('text', ['gamma', 'gamma=', 'gamma=1', 'gamma=a..b', 'gamma=0.5..0.5', 'hidden=8..64', 'clip=-1..1'])
def test_what_is_no_range(text):
    with pytest.raises(UserError):
        search.parse([text], 'ppo.py', [])


def test_recent_is_of_the_episodes_that_had_ended_by_then():
    log = SimpleNamespace(end_steps=[10, 10, 20, 30], returns=[1.0, 2.0, 3.0, 6.0])
    assert [search.recent(log, steps) for steps in (9, 10, 29, 30)] == [None, 1.5, 2.0, 3.0]
    assert search.recent(SimpleNamespace(end_steps=list(range(300)), returns=[0.0] * 200 + [1.0] * 100), 299) == 1


@pytest.mark.parametrize('reached', [float('nan'), float('inf'), 3.0])
def test_a_score_that_is_not_finite_is_a_failed_trial(reached, tmp_path, monkeypatch):
    """While it trains such returns are not reported; at the end it has the score of what failed."""
    log = SimpleNamespace(end_steps=[10], returns=[reached])
    told = []

    def train(job, cwd, from_commit, on_update):
        on_update(SimpleNamespace(steps=100, settings=SimpleNamespace(steps=100), log=log), {})
        monkeypatch.setattr(results, 'record_of', lambda job: dict(evaluation=dict(mean_return=reached)))
        return ''

    monkeypatch.setattr(results, 'record_of', lambda job: None)
    monkeypatch.setattr(schedule, 'attempt', train)
    monkeypatch.setattr(search.tune, 'report', told.append)
    monkeypatch.setattr(search.tune, 'get_context', lambda: SimpleNamespace(get_trial_id=lambda: 'one'))
    search.attempt({}, [], 'ppo.py', [], [0], str(tmp_path), '.', '')
    if reached == 3:
        assert [one['score'] for one in told] == [3] * 6
    else:
        assert [(one['score'], one['part']) for one in told] == [(search.FAILED, search.PARTS + 1)]
        assert f'its evaluation gave {reached}' in told[0]['error']


def test_where_every_trial_failed_one_line_says_why(tmp_path, monkeypatch):
    rows = [dict(gamma='0.9', state='failed', score='', trial=str(i), error='its evaluation gave nan') for i in range(2)]
    results.write_rows(tmp_path / 'trials.csv', rows)
    monkeypatch.setattr(search.tune.Tuner, 'fit', lambda self: SimpleNamespace(num_errors=0))
    wanted = dict(ranges=['gamma=0.9..0.99'], trials=2, seeds=[0])
    with pytest.raises(UserError, match=r'no trial finished \(its evaluation gave nan\); .*trials\.csv') as caught:
        search.search(plan.Experiment(['ppo.py'], [], [], [100], '', '', search=wanted), tmp_path)
    assert '\n' not in str(caught.value)


def test_a_lost_trial_is_told_of_in_one_line(tmp_path, capsys):
    """By our callback, and not in the twenty lines of Ray's."""
    lines = search.Lines(search.parse(['gamma=0.9..0.99'], 'ppo.py', []), 2, 11, tmp_path)
    lines.on_trial_recover(iteration=1, trials=[], trial=SimpleNamespace(config=dict(gamma=0.95)))
    assert capsys.readouterr().out == 'gamma=0.95 | lost: it continues from its last checkpoint\n'


def test_a_search_whose_files_are_damaged_is_one_line(tmp_path):
    for name in ('tuner.pkl', 'experiment_state-x.json'):
        (tmp_path / name).write_bytes(b'\x80junk')
    with pytest.raises(
        UserError, match=r'is damaged, or from another version of Ray \(.*\); delete it to start the search again'
    ) as found:
        search._go_on(tmp_path, lambda config: None)
    assert '\n' not in str(found.value)
