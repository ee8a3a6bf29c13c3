"""Solutions pass, every recognised mistake is called by its sentence, and nothing passes that does not look at its inputs."""

import inspect
from importlib import import_module

from common.backend import tf
from exercises import tasks
from exercises.checking import PASSED, UNTOUCHED, WRONG, check
from exercises.task import Wrong

import numpy as np
import pytest

TASKS = {name: tasks.load(name) for name in tasks.NAMES}
MISTAKES = [(task, mistake) for task in TASKS.values() for mistake in task.mistakes]
of_each_exercise = pytest.mark.parametrize('task', TASKS.values(), ids=TASKS)


def solution(task):
    return getattr(import_module(f'exercises.solutions.{task.name}'), task.function)


def as_the_reader_writes_it(task, function):
    """A mistake as a function of the reader's: it takes tensors, and answers with one."""
    if not task.tensors or task.probe:
        return function
    plain = lambda one: one.numpy().astype(np.float64) if isinstance(one, tf.Tensor) else one  # noqa: E731
    return lambda *arguments: tf.constant(function(*map(plain, arguments)), tf.float32)


@of_each_exercise
def test_the_solution_passes(task):
    verdict = check(task, solution(task))
    assert (verdict.state, verdict.says) == (PASSED, ())


@pytest.mark.parametrize(('task', 'mistake'), MISTAKES, ids=[f'{task.name}-{i}' for i, (task, _) in enumerate(MISTAKES)])
def test_a_usual_mistake_is_recognised(task, mistake):
    with np.errstate(all='ignore'):
        verdict = check(task, as_the_reader_writes_it(task, mistake.function))
    assert (verdict.state, verdict.says) == (WRONG, (mistake.says,))
