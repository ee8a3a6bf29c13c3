"""How Ray is started, and what an attempt at a run makes of errors: without Ray and without training."""

import os
import signal
import sys

from common.errors import UserError
from experiments import plan, schedule

import pytest


def test_where_ray_does_not_start_it_is_one_line(monkeypatch):
    def too_slow(**_):
        raise Exception('The current node timed out during startup.\nThis could happen because ...')

    monkeypatch.setattr(schedule.ray, 'init', too_slow)
    with pytest.raises(UserError, match=r'Ray does not start .* timed out .*; if this machine is very busy') as caught:
        schedule.start()
    assert '\n' not in str(caught.value)


def test_ray_does_not_take_sigterm_for_itself(monkeypatch):
    ours = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(schedule.ray, 'init', lambda **_: signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)))
    monkeypatch.setattr(schedule.ray, 'cluster_resources', lambda: dict(CPU=2))
    assert schedule.start() == 2
    assert signal.getsignal(signal.SIGTERM) == ours


def test_sys_exit_in_an_environment_is_a_failure_with_its_text(tmp_path, monkeypatch):
    """It is not taken for a lost process, which would be started again; where Ray ends the process, it is."""
    job = plan.Job(plan.Variant('ppo', 'x', 'ppo', 'ppo.py', ()), 0, str(tmp_path))

    def attempt(error):
        monkeypatch.setattr(schedule, 'train', lambda *_: (_ for _ in ()).throw(error))
        monkeypatch.setattr(schedule, '_share', os.cpu_count)
        return schedule.attempt(job, str(tmp_path), '', None)

    assert attempt(SystemExit('no licence')) == f'SystemExit: no licence; {tmp_path}/seed0.log has the traceback'
    assert 'Traceback' in (tmp_path / 'seed0.log').read_text()
    ended = SystemExit(1)
    ended.ray_terminate_msg = 'The process receives a SIGTERM.'
    with pytest.raises(SystemExit):
        attempt(ended)
