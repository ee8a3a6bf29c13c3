"""Every test that the errata page names exists, passes, and fails on the printed behaviour."""

import re
import sys
from pathlib import Path

from benchmarks.variants.errata import BEHAVIOURS

import pytest

TESTS = Path(__file__).resolve().parent
PAGE = (TESTS.parent / 'docs' / 'ERRATA.md').read_text()
NAMED = {int(row[1]): re.findall(r'`(test_\w+)`', row[0]) for row in re.finditer(r'^\| (\d+) \|.*', PAGE, re.M)}
FAILED = AssertionError, pytest.fail.Exception
LEARNS = 'test_every_weight_learns_and_survives_the_disk'
OLD_NAMES = 'test_what_cannot_be_made_is_named'
OWN = 'test_what_ones_own_environment_forgets_is_said_with_what_to_write'
KEEPS = 'test_update_keeps_the_trust_region_and_does_not_worsen_the_surrogate'
PICKED = {  # which of a test's files and parameters the erratum is about, or how their names begin; of any other test, all
    (1, LEARNS): [f'test_ppo.py::{LEARNS}[2.0]', f'test_trpo.py::{LEARNS}[2.0]'],
    (4, 'test_hvp_against_the_explicit_hessian'): ['test_trpo.py::test_hvp_against_the_explicit_hessian[2.0]'],
    (4, KEEPS): [f'test_trpo.py::{KEEPS}[2.0-0.0]'],
    (5, 'test_training_stores_actions_as_drawn'): ['common/running/test_run.py::test_training_stores_actions_as_drawn[trpo]'],
    (8, OLD_NAMES): [f'common/envs/test_making.py::{OLD_NAMES}[Pendulum-v0'],
    (8, OWN): [f'common/envs/test_making.py::{OWN}[TestOld'],
    (13, KEEPS): [f'test_trpo.py::{KEEPS}[None-0.0]'],
}


def nodes(number):
    """The tests that an erratum names, each with its file, as their ids begin."""
    found = []
    for name in NAMED[number]:
        files = [path for path in TESTS.rglob('test_*.py') if re.search(rf'^def {name}\(', path.read_text(), re.M)]
        picked = PICKED.get((number, name)) or [f'{path.relative_to(TESTS)}::{name}' for path in files]
        assert picked, f'{name} does not exist'
        assert len(files) == 1 or (number, name) in PICKED, f'{name} is in several files'
        found += picked
    return found


class Recorder:
    """A plugin that runs each picked test under a behaviour and keeps what it raised, by the test's name without parameters."""

    def __init__(self, picked, behaviour):
        self.picked, self.behaviour, self.raised = picked, behaviour, {}

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if item.nodeid.removeprefix('tests/').startswith(self.picked)]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        with pytest.MonkeyPatch.context() as patch:
            if self.behaviour:
                self.behaviour(patch)
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        raised = self.raised.setdefault(item.nodeid.partition('[')[0], [])
        if call.excinfo:
            raised.append(call.excinfo.value)
        return (yield)


def outcomes(number, folder, behaviour=None):
    """What the tests of an erratum raise, {test: [exception, ...]}, in a pytest of their own within this process."""
    picked = tuple(nodes(number))
    recorder = Recorder(picked, behaviour)
    without = 'terminal', 'cacheprovider', 'faulthandler', 'unraisableexception', 'threadexception', 'xdist'
    quiet = ['--capture=sys', *(f'-pno:{plugin}' for plugin in without)]
    options = ['-c', str(TESTS.parent / 'pyproject.toml'), '-o', 'addopts=', '-W', 'ignore', f'--basetemp={folder}', *quiet]
    code = pytest.main([*options, *(str(TESTS / node.partition('[')[0]) for node in picked)], plugins=[recorder])
    assert code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), code
    return recorder.raised


def test_every_erratum_has_tests_and_behaviours():
    assert list(NAMED) == list(range(1, 16)) == sorted(BEHAVIOURS)
    assert all(NAMED.values())


@pytest.mark.parametrize('number', NAMED)
def test_what_an_erratum_names_fails_on_the_printed_behaviour(number, tmp_path, uncompiled, monkeypatch):
    """And passes without it; of several printed behaviours each is seen by a test, and each test sees one."""
    monkeypatch.setattr(sys, 'path', list(sys.path))  # pytest adds to it
    plain, seeing = outcomes(number, tmp_path / 'plain'), set()
    assert plain
    assert not any(plain.values()), plain
    for behaviour in BEHAVIOURS[number]:
        raised = outcomes(number, tmp_path / behaviour.__name__, behaviour)
        assert raised.keys() == plain.keys()
        wrong = [error for errors in raised.values() for error in errors if not isinstance(error, (*FAILED, *behaviour.raises))]
        assert not wrong, f'{behaviour.__name__} breaks a test in another way: {wrong}'
        assert any(raised.values()), f'no test sees {behaviour.__name__}'
        seeing |= {test for test, errors in raised.items() if errors}
    assert seeing == plain.keys()
