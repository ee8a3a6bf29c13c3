"""Property-based tests that draw the same examples in every run, on slow machines too, and leave no folder behind."""

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

# Hypothesis also tries numbers that it finds in the loaded modules of this project, and keeps them in a folder. Which modules
# are loaded depends on the tests that ran before.
assert hasattr(providers, '_get_local_constants')
providers._get_local_constants = lambda: providers._local_constants

repeatable = settings(derandomize=True, deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
