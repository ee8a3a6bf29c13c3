"""Benchmarks: how fast the agents train, what they learn, and what a changed behaviour costs.

Each is run from the repository's root: python -m benchmarks.speed, benchmarks.learning, benchmarks.variants. This file imports
nothing, because parts of benchmarks/speed also run in the peers' own virtual environment.
"""
