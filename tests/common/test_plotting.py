"""Smoothing by hand, and the curve's numbers beside its picture."""

import csv
from types import SimpleNamespace

from common.plotting import learning_curve, smooth

import numpy as np


def test_smooth_is_the_mean_of_the_last_episodes():
    np.testing.assert_allclose(smooth([3, 1, 2, 6], 2), [3, 2, 1.5, 4])
    np.testing.assert_allclose(smooth([3, 1, 2, 6], 100), [3, 2, 2, 3])


NOTHING = dict(steps=[], returns=[], lengths=[], test_steps=[], test_returns=[])


def test_csv_holds_the_raw_returns(tmp_path):
    log = SimpleNamespace(**NOTHING | dict(steps=[10, 25], returns=[-1.5, 0.1 + 0.2], lengths=[10, 15]))
    learning_curve(tmp_path / 'new' / 'PPO_X-v1.5', log, 'return', 'a title')
    rows = list(csv.DictReader((tmp_path / 'new' / 'PPO_X-v1.5.csv').open()))
    assert [float(row['episode_return']) for row in rows] == log.returns
    assert (tmp_path / 'new' / 'PPO_X-v1.5.png').stat().st_size > 1000


def test_a_run_in_which_no_episode_ended(tmp_path):
    learning_curve(tmp_path / 'empty', SimpleNamespace(**NOTHING), 'return', 'a title')
    assert (tmp_path / 'empty.csv').read_text().split() == ['steps,episode_return,episode_length']


def test_greedy_tests_have_a_file_of_their_own(tmp_path):
    learning_curve(tmp_path / 'tested', SimpleNamespace(**NOTHING | dict(test_steps=[100], test_returns=[0.1])), 'return', '')
    assert (tmp_path / 'tested.test.csv').read_text().split() == ['steps,mean_return', '100,0.1']
