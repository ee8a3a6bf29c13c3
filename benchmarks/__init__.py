"""Benchmarks: how fast the agents train, what they learn, and what a changed behaviour costs.

Run each from the repository's root: python -m benchmarks.speed, benchmarks.learning or benchmarks.variants. To compare with
another commit, run python -m benchmarks.same_bits or benchmarks.same_speed. This file imports nothing, because parts of
benchmarks/speed also run in the peers' own virtual environment.
"""
