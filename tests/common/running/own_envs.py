"""Environments as readers write them, for tests."""

import random
from typing import ClassVar

import gymnasium as gym
import numpy as np


class Track(gym.Env):
    """Three numbers that actions push about, for twenty steps."""

    metadata: ClassVar = {'render_modes': ['rgb_array'], 'render_fps': 10}
    observation_space = gym.spaces.Box(-10, 10, (3,))
    action_space = gym.spaces.Box(-1, 1, (1,))

    def __init__(self, render_mode=None, push=0.1):
        self.render_mode, self.push = render_mode, push

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t, self.s = 0, self.np_random.uniform(-1, 1, 3).astype(np.float32)
        return self.s.copy(), {}

    def step(self, action):
        self.t += 1
        self.s = np.clip(self.s + np.mean(self.push) * np.float32(np.sum(action)), -10, 10).astype(np.float32)
        return self.s.copy(), -float(np.abs(self.s).sum()), False, self.t >= 20, {}


class Unseeded(Track):
    """Draws from the generators of `random` and `numpy.random`, as older environments do."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.s = np.random.uniform(-1, 1, 3).astype(np.float32)
        return self.s.copy(), {}

    def step(self, action):
        self.s = self.s + np.float32(random.gauss(0, 0.1))
        return super().step(action)


class Growing(Track):
    """Counts its episodes, as a curriculum does."""

    level = 0

    def reset(self, *, seed=None, options=None):
        self.level += 1
        return super().reset(seed=seed)


class Forgetful(Track):
    """Starts each episode where a counter that all processes' environments share says: a replay comes to other states."""

    made = 0

    def reset(self, *, seed=None, options=None):
        Forgetful.made += 1
        super().reset(seed=seed)
        self.s = np.full(3, Forgetful.made / 1000, np.float32)
        return self.s.copy(), {}
