"""The random numbers that environments may draw from `random` and `numpy.random` instead of their own generator."""

import pickle
import random
from contextlib import contextmanager

import numpy as np


def seed_all(seed):
    """Seeds both, with a whole number from 0 to 2^32 - 1."""
    random.seed(seed)
    np.random.seed(seed)


def random_state():
    """The state of both, as bytes that can be compared."""
    return pickle.dumps((random.getstate(), np.random.get_state()))


@contextmanager
def kept_random_state():
    """Puts both back, at the end, to where they were: a test in the middle of a training must not change the training."""
    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
