"""Greedy episodes on film, now and then during a training, for environments that the page cannot play itself."""

import base64
import tempfile
import time
from pathlib import Path

from common.envs import derive_seed, kept_random_state
from common.errors import UserError
from common.running import film
from common.running.evaluate import TEST

EVERY = 30  # seconds between two films
SHARE = 0.03  # of the time of a training that films may take
LENGTH = dict(pictures=200, loop=1)


class Filming:
    """Films an agent in an environment at most every 30 seconds, and less often where that takes more than 3% of the time.

    `film` is the last one: {number, steps, data}, the mp4 in base64. `problem` says why none can be made, '' if none failed.
    """

    def __init__(self, env, env_args, seed):
        self.env, self.env_args, self.seed = env, env_args, seed
        self.next, self.film, self.problem = 0.0, None, ''

    def is_time(self):
        """Whether there may be another film now."""
        return not self.problem and time.monotonic() >= self.next

    def record(self, agent, steps):
        """Films a greedy episode of the agent as it is after `steps` steps; changes nothing of the training."""
        started = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as folder, kept_random_state():
                path, seed = Path(folder, 'film'), derive_seed(TEST, self.seed)
                film.record(path, [(agent, f'after {steps:,} steps', 1)], self.env, self.env_args, seed, **LENGTH)
                data = base64.b64encode(Path(f'{path}.mp4').read_bytes()).decode()
        except (UserError, OSError) as error:  # the training can do without films
            self.problem = str(error)
            return
        took = time.monotonic() - started
        self.next = time.monotonic() + max(EVERY, took / SHARE)
        self.film = dict(number=self.film['number'] + 1 if self.film else 1, steps=steps, data=data)
