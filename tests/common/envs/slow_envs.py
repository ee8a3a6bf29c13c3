"""Environments that take their time, and some that do what an environment should not."""

import os
import subprocess
import sys
import time

import gymnasium as gym
import numpy as np


class Slow(gym.Env):
    """States are drawn, rewards are the actions' sums. `busy` and `wait` are seconds that each step computes and sleeps.

    `early` is how likely a step ends the episode, which at the latest ends after `length` steps.
    """

    observation_space, action_space = gym.spaces.Box(-9, 9, (3,)), gym.spaces.Box(-1, 1, (2,))

    def __init__(self, busy=0.0, wait=0.0, length=7, early=0.1):
        self.busy, self.wait, self.length, self.early = busy, wait, length, early

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._state(), {}

    def step(self, action):
        if self.wait:
            time.sleep(self.wait)
        end = time.process_time() + self.busy
        while time.process_time() < end:
            pass
        self.steps += 1
        return self._state(), float(action.sum()), bool(self.np_random.random() < self.early), self.steps == self.length, {}

    def _state(self):
        return self.np_random.normal(size=3).clip(-9, 9).astype(np.float32)


class Faulty(Slow):
    """Does `fault` in the step after ten."""

    def __init__(self, fault, **arguments):
        super().__init__(length=1000, **arguments)
        self.fault = fault

    def step(self, action):
        if self.steps == 10:
            getattr(self, self.fault)()
        return super().step(action)

    def raises(self):
        raise RuntimeError('no licence')

    def exits(self):
        sys.exit('no licence')

    def ends(self):
        os._exit(7)

    def hangs(self):
        time.sleep(1000)

    def draws(self):
        np.random.random()

    def starts(self):
        subprocess.Popen(['sleep', '98.765'])
        self.hangs()

    def prints(self):
        os.write(1, b'hello\n')
        os.read(0, 10)


class Shared(Slow):
    """Counts the steps of all environments in a process, and shows the count."""

    count = 0

    def step(self, action):
        Shared.count += 1
        state, _, *rest = super().step(action)
        return state, Shared.count, *rest


class Drawing(Slow):
    """Draws its rewards from NumPy's global generator."""

    def step(self, action):
        state, _, *rest = super().step(action)
        return state, np.random.random(), *rest


class InPlace(Slow):
    """Changes the action that it gets."""

    def __init__(self, **arguments):
        super().__init__(length=1000, early=0, **arguments)

    def step(self, action):
        action *= 0.5
        return super().step(action)
