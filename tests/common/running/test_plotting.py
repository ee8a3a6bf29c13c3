"""Smoothing by hand, and the curve's numbers beside its picture."""

import csv
from types import SimpleNamespace

from common.running.logs import LossLog
from common.running.plotting import learning_curve, loss_curves, pendulum_maps, smooth, thousands

import numpy as np
import pytest
from matplotlib.axes import Axes


def test_smooth_is_the_mean_of_the_last_episodes():
    np.testing.assert_allclose(smooth([3, 1, 2, 6], 2), [3, 2, 1.5, 4])
    np.testing.assert_allclose(smooth([3, 1, 2, 6], 100), [3, 2, 2, 3])


def test_axes_say_1M_and_not_1000k():
    assert [thousands(steps) for steps in (0, 500, 20_000, 1_000_000, 1_500_000)] == ['0', '500', '20k', '1M', '1.5M']


NOTHING = dict(end_steps=[], returns=[], lengths=[], test_steps=[], test_returns=[])


def test_csv_holds_the_raw_returns(tmp_path):
    log = SimpleNamespace(**NOTHING | dict(end_steps=[10, 25], returns=[-1.5, 0.1 + 0.2], lengths=[10, 15]))
    learning_curve(tmp_path / 'new' / 'PPO_X-v1.5', log, 'return', 'a title')
    rows = list(csv.DictReader((tmp_path / 'new' / 'PPO_X-v1.5.csv').open()))
    assert [float(row['episode_return']) for row in rows] == list(log.returns)
    assert (tmp_path / 'new' / 'PPO_X-v1.5.png').stat().st_size > 1000


def test_a_run_in_which_no_episode_ended(tmp_path):
    learning_curve(tmp_path / 'empty', SimpleNamespace(**NOTHING), 'return', 'a title')
    assert (tmp_path / 'empty.csv').read_text().split() == ['steps,episode_return,episode_length']


def test_greedy_tests_have_a_file_of_their_own(tmp_path):
    learning_curve(tmp_path / 'tested', SimpleNamespace(**NOTHING | dict(test_steps=[100], test_returns=[0.1])), 'return', '')
    assert (tmp_path / 'tested.test.csv').read_text().split() == ['steps,mean_return', '100,0.1']


def test_losses_have_a_column_each_and_a_panel_each(tmp_path):
    losses, log = LossLog(30), SimpleNamespace(**NOTHING | dict(end_steps=[10], returns=[1.0], lengths=[10]))
    losses.add(dict(kl=0.1 + 0.2, explained_variance=-20.0), 10)
    losses.add(dict(kl=0.02, explained_variance=0.5), 12_345_678)
    loss_curves(tmp_path / 'run', losses, log, 'return', 'a title')
    written = (tmp_path / 'run.losses.csv').read_text().split()
    assert written == ['steps,kl,explained_variance', '10,0.3,-20', '12345678,0.02,0.5']
    assert (tmp_path / 'run.losses.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.filterwarnings('error')
def test_a_column_that_began_later_is_nan_in_the_file_and_has_a_panel(tmp_path):
    """Also one that holds no number yet."""
    losses, log = LossLog(30), SimpleNamespace(**NOTHING)
    losses.add(dict(kl=0.5), 10)
    losses.add(dict(kl=0.25, clip_fraction=0.125), 20)
    losses.add(dict(kl=0.75, clip_fraction=0.25, explained_variance=0.5), 20.01)
    losses.add(dict(kl=0.75, clip_fraction=0.25), 21)
    loss_curves(tmp_path / 'run', losses, log, 'return', 'a title')
    written = (tmp_path / 'run.losses.csv').read_text().split()
    assert written == ['steps,kl,clip_fraction,explained_variance', '10,0.5,nan,nan', '20,0.25,0.125,nan', '21,0.75,0.25,nan']
    assert (tmp_path / 'run.losses.png').read_bytes().startswith(b'\x89PNG')


def test_the_pendulums_maps_are_of_its_states(tmp_path, monkeypatch):
    """Drawn is what the agent says of the state at each angle and velocity, the action within its bounds."""
    drawn, imshow = [], Axes.imshow
    monkeypatch.setattr(Axes, 'imshow', lambda axes, *args, **how: drawn.append((*args, how)) or imshow(axes, *args, **how))
    agent = SimpleNamespace(
        get_action=lambda state, greedy: 10 * np.arctan2(state[:, 1:2], state[:, 0:1]), get_value=lambda state: state[:, 2]
    )
    pendulum_maps(tmp_path / 'run', agent, 'a title')
    (torque, how), (value, _) = drawn
    assert (how['origin'], how['extent']) == ('lower', (-180, 180, -8, 8))
    speeds, angles = np.mgrid[-8:8:161j, -np.pi : np.pi : 181j]
    inside = np.abs(angles) < 3.1
    np.testing.assert_allclose(torque[inside], np.clip(10 * angles, -2, 2)[inside], atol=1e-4)
    np.testing.assert_allclose(value, speeds, atol=1e-6)
    assert (tmp_path / 'run.learnt.png').stat().st_size > 1000
