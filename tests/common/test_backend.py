"""What loads when, and what compiled code says where it fails."""

import importlib
import re
import subprocess
import sys
import traceback
from pathlib import Path

from common import backend, errors
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
from common.running import program
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
importlib.import_module = lambda _: (os.write(2, b'I0000 oneDNN'), signal.raise_signal(signal.{}))


def main():
    backend.announce = False
    backend.load()

program.run(main)
"""


@pytest.mark.parametrize(('name', 'code'), [('SIGINT', 130), ('SIGTERM', 143)])
def test_a_signal_while_tensorflow_loads_ends_in_nothing_but_the_exit_code(name, code):
    done = subprocess.run([sys.executable, '-c', INTERRUPTED.format(name)], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (code, '', '')


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

    @compiled(autograph=False)
    def shaped_wrongly(self, states):
        return self.product(states)

    @compiled
    def shaped_wrongly_in_a_loop(self, states):
        for _ in tf.range(3):
            self.product(states)
        return states

    def product(self, states):
        return tf.matmul(states, states)


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
        assert caught.value.__notes__ == [f'This came up in compiled code, Agent.{name}; {backend.without_compiling()}']


def test_what_to_do_is_said_as_one_types_it(monkeypatch):
    monkeypatch.setattr(errors, 'as_flags', True)
    assert backend.without_compiling() == '--eager compiles nothing: print, tf.print, breakpoint() and .numpy() work'
    monkeypatch.setattr(errors, 'as_flags', False)
    assert backend.without_compiling().startswith('eager=True compiles nothing')


RANK = 'must be (at least )?rank 2'  # the first words of TensorFlow 2.21, the others of 2.22


@pytest.mark.parametrize('name', ['shaped_wrongly', 'shaped_wrongly_in_a_loop'])
def test_a_shape_error_ends_in_the_line_that_made_it_and_what_is_wrong(name):
    """TensorFlow's hundred lines are left out, and the code that AutoGraph made."""
    with pytest.raises(ValueError, match=RANK) as caught:
        getattr(Agent(), name)(np.float32([1]))
    lines = ''.join(traceback.format_exception(caught.value)).splitlines()
    assert not [line for line in lines if line.startswith('  File') and 'site-packages/tensorflow' in line]
    assert not [line for line in lines if '__autograph_generated_file' in line]
    assert len(lines) < 25
    *_, line = (number for number, line in enumerate(lines) if f'File "{__file__}"' in line)
    assert lines[line + 1].strip() == 'return tf.matmul(states, states)'
    error = next(one for one in lines[line + 2 :] if one.strip('^~ '))
    assert re.match(rf'\s*ValueError: .*{RANK}', error)


LOOP = """
from common.backend import compiled, tf

class Agent:
    @compiled
    def update(self, rows):
        total = tf.constant(0.0)
        for row in rows:
            if total < 3.0:
                total += tf.reduce_sum(row)
        return total
"""


@pytest.mark.parametrize(
    ('words', 'instead', 'reloaded'),
    [('class', '# a line\nclass', 3), ('total < 3.0', 'total < 4.0', 4)],
    ids=['moved', 'changed'],
)
def test_what_was_imported_is_compiled_and_not_an_edit_since(words, instead, reloaded, tmp_path, monkeypatch):
    """AutoGraph reads the file only when it compiles. Importing the file again compiles the new lines, without a warning."""
    file, rows = tmp_path / 'edited_agent.py', np.ones((6, 1), np.float32)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)  # its time has seconds only: a new file of the same size is not seen
    warned = []
    monkeypatch.setattr(tf.get_logger(), 'warning', lambda *words, **_: warned.append(words))
    file.write_text(LOOP)
    module = importlib.import_module('edited_agent')
    try:
        file.write_text(LOOP.replace(words, instead))
        assert module.Agent().update(rows) == 3
        file.write_text(LOOP.replace(words, instead))
        importlib.reload(module)
        assert module.Agent().update(rows) == reloaded
    finally:
        del sys.modules['edited_agent']
    assert not warned


class Prints:
    @compiled
    def update(self, states):
        return [self.loss(state) for state in states]

    def loss(self, state):
        return self.penalty(state) + self.quiet(state)

    def penalty(self, state):
        def squared():
            print(state)
            return state**2

        return squared()

    def quiet(self, state):
        return state

    def elsewhere(self):
        print('not compiled')


def test_methods_that_print_in_compiled_code_are_found_by_their_names():
    assert backend.printing(Prints().update.method) == ['Prints.penalty']
    assert backend.printing(Agent().printing.method) == ['Agent.printing']
    assert backend.printing(Agent().shaped_wrongly.method) == []


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
    assert heard == [agent.scaled.method]
