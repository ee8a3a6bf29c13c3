"""What environments give, step by step."""

import numpy as np


def rollout(envs, seed, steps=250):
    """States, then of each step what `step` returns, with random actions, those of a Box beyond its bounds too."""
    rng, rows = np.random.default_rng(5), [envs.reset(seed)]
    for _ in range(steps):
        if envs.discrete:
            action = rng.integers(envs.action_dim, size=envs.num_envs)
        else:
            action = rng.normal(0, 3, (envs.num_envs, envs.action_dim)).astype(np.float32)
        rows += envs.step(action)
    return rows
