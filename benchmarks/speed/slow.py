"""An environment as readers write them, in Python, whose step computes for two milliseconds."""

import time

import gymnasium as gym
import numpy as np

SECONDS = 0.002  # of processor time, in each step


class Slow(gym.Env):
    """States are random; the reward is the less, the larger the action. Episodes last 200 steps."""

    observation_space, action_space = gym.spaces.Box(-5, 5, (8,)), gym.spaces.Box(-1, 1, (2,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._state(), {}

    def step(self, action):
        end = time.process_time() + SECONDS
        while time.process_time() < end:
            pass
        return self._state(), -float(np.square(action).sum()), False, False, {}

    def _state(self):
        return self.np_random.normal(size=8).clip(-5, 5).astype(np.float32)


gym.register('Slow-v0', Slow, max_episode_steps=200)
