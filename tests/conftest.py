from importlib.util import find_spec

import numpy as np
import pytest

NO_BULLET = 'PyBullet is not installed'


def pytest_collection_modifyitems(items):
    if not all(map(find_spec, ('pybullet', 'pybullet_envs_gymnasium'))):
        for item in items:
            if item.get_closest_marker('bullet'):
                item.add_marker(pytest.mark.skip(reason=NO_BULLET))


def pytest_terminal_summary(terminalreporter):
    """One line on PyBullet's tests where they are skipped."""
    skipped = [report for report in terminalreporter.stats.get('skipped', ()) if NO_BULLET in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(f'{len(skipped)} tests of PyBullet skipped: {NO_BULLET}; make pybullet installs it')


@pytest.fixture(params=['envpool', 'gymnasium'])
def engine(request):
    return request.param


@pytest.fixture(autouse=True)
def same_numbers_in_any_order(request):
    """A module's generator starts each test anew: what a test draws does not depend on which ran before it, or beside it."""
    rng = getattr(request.module, 'RNG', None)
    if rng is not None:
        rng.bit_generator.state = np.random.default_rng(0).bit_generator.state
