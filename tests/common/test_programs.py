"""Agents whose updates compute the same share one program; nothing else does, and nothing stays of what is gone."""

import gc
import importlib
import weakref

from common import programs
from common.backend import compiled, tf

import numpy as np
import pytest

X = np.float32([3, 5])


class Agent:
    def __init__(self, weight=2.0, factor=1.0):
        self.weight, self.other, self.factor = tf.Variable(weight), tf.Variable(10.0), factor
        self.optimiser = tf.optimizers.Adam(0.1)
        self.optimiser.build([self.weight])

    def scale(self, x):
        return x * self.weight

    @compiled
    def update(self, x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(self.scale(x)) * self.factor
        self.optimiser.apply_gradients([(tape.gradient(loss, self.weight), self.weight)])
        for _ in tf.range(2):
            x = x + 1.0 if loss > 0 else x - 1.0
        return {'loss': loss, 'x': x}


def function_of(agent):
    (program,) = agent.update.traces.values()
    return program.function


def test_agents_with_equal_updates_share_a_program_and_keep_their_variables():
    first, second = Agent(), Agent(weight=7.0)
    for agent, loss in ((first, 16), (second, 56)):
        answer = agent.update(X)
        assert (float(answer['loss']), answer['x'].numpy().tolist()) == (loss, [5, 7])
    assert function_of(first) is function_of(second)
    np.testing.assert_allclose([first.weight.numpy(), second.weight.numpy()], [1.9, 6.9], rtol=1e-5)
    assert (first.optimiser.iterations.numpy(), second.optimiser.iterations.numpy()) == (1, 1)
    del first
    gc.collect()
    assert float(second.update(X)['loss']) == pytest.approx(8 * 6.9)


def replaced(monkeypatch):
    monkeypatch.setattr(Agent, 'scale', lambda self, x: self.weight + x)


def with_another_variable(monkeypatch):
    monkeypatch.setattr(Agent, 'scale', lambda self, x: x * self.weight + 0 * self.other)


@pytest.mark.parametrize('change', [replaced, with_another_variable])
def test_a_method_that_was_replaced_since_is_another_program(change, monkeypatch):
    first, second = Agent(), Agent()
    first.update(X)
    change(monkeypatch)
    second.update(X)
    assert function_of(first) is not function_of(second)


def test_another_constant_is_another_program():
    first, second = Agent(factor=1.0), Agent(factor=2.0)
    assert [float(agent.update(X)['loss']) for agent in (first, second)] == [16, 32]


def on_a_device(x, y):
    with tf.device('/CPU:0'):
        return x + y


BRANCHES = [lambda x: x + 1, lambda x: x - 1]
A, B = tf.Variable(1.0), tf.Variable(2.0)
DIFFERENT = {
    'sum': lambda x, y: x + y,
    'difference': lambda x, y: x - y,
    'the other way round': lambda x, y: y - x,
    'a constant': lambda x, y: x + y + 1.0,
    'another constant': lambda x, y: x + y + 2.0,
    'two results': lambda x, y: (x, y),
    'swapped': lambda x, y: (y, x),
    'a variable': lambda x, y: x + A,
    'two variables': lambda x, y: x + A - B,
    'a side effect': lambda x, y: A.assign_add(tf.reduce_sum(x - y)),
    'axis 0': lambda x, y: tf.reduce_sum(x, 0),
    'axis 1': lambda x, y: tf.reduce_sum(x, 1),
    'branches': lambda x, y: tf.cond(x[0, 0] > 0, lambda: BRANCHES[0](x), lambda: BRANCHES[1](x)),
    'swapped branches': lambda x, y: tf.cond(x[0, 0] > 0, lambda: BRANCHES[1](x), lambda: BRANCHES[0](x)),
    'a loop': lambda x, y: tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, BRANCHES[0](x)), (0, x)),
    'another body': lambda x, y: tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, BRANCHES[1](x)), (0, x)),
    'on a device': on_a_device,
    'another condition': lambda x, y: tf.while_loop(lambda i, x: i < 4, lambda i, x: (i + 1, BRANCHES[0](x)), (0, x)),
}


def test_results_have_the_structure_that_the_method_gives_them():
    class Named(Agent):
        @compiled
        def first(self, x):
            return {'loss': x + 3.0, 'none': None}

        @compiled
        def second(self, x):
            return [x + 3.0]

        @compiled(xla=False)
        def third(self, x):
            return [x + 3.0]

    agent = Named()
    found = [getattr(agent, name)(X) for name in ('first', 'second', 'third')]
    assert (list(found[0]), found[0]['none'], len(found[1])) == (['loss', 'none'], None, 1)
    functions = [next(iter(getattr(agent, name).traces.values())).function for name in ('first', 'second', 'third')]
    assert functions[0] is functions[1]
    assert functions[2] is not functions[1], 'without XLA'


@tf.function
def smooth(x):
    return tf.nn.silu(x)  # has a custom gradient


def test_a_function_that_is_called_elsewhere_keeps_its_graph_and_its_gradients():
    class Calling(Agent):
        @compiled
        def update(self, x):
            return smooth(x) + self.weight

    Calling().update(X)
    with tf.GradientTape() as tape:
        tape.watch(x := tf.constant(X))
        y = smooth(x)
    assert tape.gradient(y, x).numpy().tolist() == pytest.approx([1.0881, 1.0265], abs=1e-4)


def test_fingerprints_are_those_of_the_computation():
    """The second trace of each has other names throughout."""

    def found(function, *shapes):
        tensors = [tf.TensorSpec(shape, tf.float32) for shape in shapes or ((2, 2), (2, 2))]
        return programs.fingerprint(tf.function(function, autograph=False).get_concrete_function(*tensors))[0]

    first, again = ({name: found(function) for name, function in DIFFERENT.items()} for _ in range(2))
    assert first == again
    assert len(set(first.values())) == len(DIFFERENT)
    assert found(DIFFERENT['sum'], (2, 3), (2, 3)) != first['sum']


def test_nothing_stays_of_an_agent_that_is_gone():
    """The gradients that Keras's optimisers register would hold the graphs, and a graph holds its agent."""
    registered = importlib.import_module('tensorflow.python.framework.ops').gradient_registry._registry
    before = set(registered)

    def objects():
        agent = Agent(factor=3.0)
        agent.update(X)
        gone = weakref.ref(agent)
        del agent
        gc.collect()
        assert gone() is None
        return len(gc.get_objects())

    objects()
    third = [objects() for _ in range(4)]
    assert third[-1] - third[0] < 50, third
    assert set(registered) == before
