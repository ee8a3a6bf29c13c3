import numpy as np
import pytest


@pytest.fixture(params=['envpool', 'gymnasium'])
def engine(request):
    return request.param


@pytest.fixture(autouse=True)
def same_numbers_in_any_order(request):
    """A module's generator starts each test anew: what a test draws does not depend on which ran before it, or beside it."""
    rng = getattr(request.module, 'RNG', None)
    if rng is not None:
        rng.bit_generator.state = np.random.default_rng(0).bit_generator.state
