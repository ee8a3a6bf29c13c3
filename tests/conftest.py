import inspect
import sys
from importlib.util import find_spec
from pathlib import Path

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


def stack(context=1):
    """What inspect.stack returns, without each frame's source."""
    found, frame = [], sys._getframe(1)
    while frame:
        found.append(inspect.FrameInfo(frame, frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, None, None))
        frame = frame.f_back
    return found


@pytest.fixture(autouse=True, scope='session')
def stacks_without_source():
    """TensorLayer asks for the stack twice for each layer: to look for the source of pytest's frames takes most of its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect, 'stack', stack)
        yield


@pytest.fixture
def uncompiled():
    """Compiled functions run as they are written: compiling takes most of their tests' time."""
    from common.backend import tf

    eagerly = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(eagerly)


@pytest.fixture
def bare_runs(request, monkeypatch):
    """Runs neither compile nor draw their pictures, which takes most of a short one's time; those of tests marked whole do."""
    if not request.node.get_closest_marker('whole'):
        request.getfixturevalue('uncompiled')
        monkeypatch.setattr('matplotlib.figure.Figure.savefig', lambda figure, path: Path(path).touch())


@pytest.fixture(params=['envpool', 'gymnasium'])
def engine(request):
    return request.param


@pytest.fixture(autouse=True)
def same_numbers_in_any_order(request):
    """A module's generator starts each test anew: what a test draws does not depend on which ran before it, or beside it."""
    rng = getattr(request.module, 'RNG', None)
    if rng is not None:
        rng.bit_generator.state = np.random.default_rng(0).bit_generator.state
