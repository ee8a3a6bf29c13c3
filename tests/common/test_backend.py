"""What loads when, and what compiled code says where it fails."""

import subprocess
import sys
from pathlib import Path

from common import backend
from common.backend import compiled, tf

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
HELP = """
import sys
import ppo
try:
    ppo.main(['--help'])
except SystemExit:
    pass
print(*sorted({'tensorflow', 'tensorlayer', 'matplotlib', 'PIL', 'imageio', 'envpool', 'scipy'} & set(sys.modules)))
"""
AFTERWARDS = """
import sys
from common import backend
from common.backend import tf, tl
assert 'tensorflow' not in sys.modules
backend.skip_unneeded = True
tl.layers.Input([1, 1])
assert {'tensorflow', 'tensorlayer'} <= set(sys.modules)
assert not {'sklearn', 'matplotlib.pyplot', 'cv2'} & set(sys.modules)
import cv2, matplotlib.pyplot, scipy.stats, sklearn.metrics
print(sklearn.metrics.accuracy_score([1, 0], [1, 1]), cv2.countNonZero(tf.eye(3).numpy()))
"""


def run(code):
    return subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_loads_none_of_the_large_packages():
    assert run(HELP).splitlines()[-1] == ''


def test_what_a_command_leaves_out_of_its_start_can_be_imported_afterwards():
    assert run(AFTERWARDS).split() == ['0.5', '3']


SOMEBODYS_OWN = """
import ppo
ppo.load_agent('model/PPO_Pendulum-v1/pretrained.npz')
import tensorflow as tf, tensorlayer as tl
from sklearn.linear_model import LogisticRegression
tf.keras.wrappers.SKLearnClassifier(LogisticRegression)
tl.utils.evaluation([0, 1], [0, 1], 2)
"""


def test_in_somebodys_own_program_nothing_is_left_out():
    """Keras asks when it is imported whether scikit-learn is there, and TensorLayer takes its functions then."""
    run(SOMEBODYS_OWN)


INTERRUPTED = """
import importlib, os, signal
from common import backend
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
importlib.import_module = lambda _: (os.write(2, b'I0000 oneDNN'), signal.raise_signal(signal.SIGINT))
backend.load()
"""


def test_ctrl_c_while_tensorflow_loads_ends_in_nothing_but_the_exit_code():
    done = subprocess.run([sys.executable, '-c', INTERRUPTED], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, '', '')


class Agent:
    def __init__(self):
        self.weight = tf.Variable(2.0)

    @compiled
    def scaled(self, states):
        return states * self.weight

    @compiled
    def printing(self, states):
        print(states.numpy())
        return states

    @compiled
    def refused(self, states):
        tf.print(states)
        return states


def test_each_agent_has_its_own_traces_one_for_each_shape():
    first, second = Agent(), Agent()
    second.weight.assign(3.0)
    for _ in range(2):
        np.testing.assert_array_equal(first.scaled(np.float32([1, 2])), [2, 4])
        np.testing.assert_array_equal(second.scaled(np.float32([1, 2])), [3, 6])
    first.scaled(np.float32([1]))
    assert (len(first.scaled.traces), len(second.scaled.traces)) == (2, 1)
    first.weight.assign(5.0)
    np.testing.assert_array_equal(first.scaled(np.float32([1, 2])), [5, 10])


@pytest.mark.parametrize('name', ['printing', 'refused'])
def test_an_error_of_the_compiler_ends_in_what_to_do(name):
    """What a reader does first: look at a tensor in a loss. Python's own print, or TensorFlow's, which XLA does not know."""
    agent = Agent()
    for _ in range(2):  # in a notebook one tries again
        with pytest.raises(Exception, match=r'numpy|XLA|PrintV2') as caught:
            getattr(agent, name)(np.float32([1]))
        assert caught.value.__notes__ == [backend.HINT.format(method=f'Agent.{name}')]
    assert all(word in backend.HINT for word in ('--eager', 'print, tf.print', 'breakpoint()'))


def test_nothing_is_compiled_where_functions_run_eagerly(capsys):
    tf.config.run_functions_eagerly(True)
    try:
        agent = Agent()
        agent.printing(np.float32([7]))
        assert not agent.printing.traces
        order = []
        future = backend.in_second_thread(order.append, 'critic')
        order.append('actor')
        assert (future.result(), order) == (None, ['critic', 'actor'])
    finally:
        tf.config.run_functions_eagerly(False)
    assert '[7.]' in capsys.readouterr().out


def test_listeners_hear_what_is_about_to_be_compiled():
    heard = []
    backend.listeners.append(heard.append)
    try:
        agent = Agent()
        for _ in range(2):
            agent.scaled(np.float32([1]))
    finally:
        backend.listeners.remove(heard.append)
    assert heard == ['Agent.scaled']
