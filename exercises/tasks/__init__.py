"""The exercises, a module each, in the order of the chapters."""

from importlib import import_module

NAMES = ('discounted_sums', 'gae')


def load(name):
    """The `Task` of an exercise."""
    return import_module(f'exercises.tasks.{name}').task
