"""What a search chooses from, and how it counts."""

from types import SimpleNamespace

from common.errors import UserError
from experiments import plan, search

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


def test_a_search_whose_files_are_damaged_is_one_line(tmp_path):
    for name in ('tuner.pkl', 'experiment_state-x.json'):
        (tmp_path / name).write_bytes(b'\x80junk')
    with pytest.raises(UserError, match=r'is damaged, or of another version of Ray \(.*\); remove it to search anew') as found:
        search._go_on(tmp_path, lambda config: None)
    assert '\n' not in str(found.value)
