"""What is seen of an experiment on a terminal, and elsewhere."""

import io
import sys
import time

from experiments import plan
from experiments.display import Display

import pytest

JOBS = [plan.Job(plan.Variant('clip=0.1', 'Pendulum-v1', 'x', 'ppo.py', ()), seed, '') for seed in range(3)]


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize('screen', [Screen(), io.StringIO()], ids=['terminal', 'file'])
def test_a_terminal_shows_live_lines_and_a_file_only_what_stays(screen, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'stderr', screen)
    display = Display(JOBS, [1000] * 3, 2)
    display.show({0: (100, None), 1: (100, None)})
    time.sleep(0.2)
    display.show({0: (300, -150.5), 1: (200, -3.25)})
    live = screen.getvalue()
    for words in ('clip=0.1 | Pendulum-v1 | seed 1: ', '300/1.00k', 'steps/s', 'return -150.50', 'time left: 00:0'):
        assert (words in live) == screen.isatty()
    assert 'seed 2' not in live
    display.ended(0, 1.0, [0, 1000])
    assert set(display.lines) == ({1} if screen.isatty() else set())
    display.say('seed 0 is done')
    display.close()
    assert capsys.readouterr().out.endswith('seed 0 is done\n')
    assert bool(screen.getvalue()) == screen.isatty()
