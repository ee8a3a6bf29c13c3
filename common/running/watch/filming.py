"""Greedy episodes on film, now and then during a training, for environments that the page cannot play itself."""

import base64
import tempfile
import time
from pathlib import Path

from common.envs import derive_seed, kept_random_state
from common.errors import UserError
from common.running import film
from common.running.evaluate import TEST

EVERY = 30.0  # seconds between two films
SHARE = 0.1  # of the time of a training that films may take
SECONDS = 3.0  # that making a film is to take
PICTURES = 40, 200  # of the first film, and at most of the others


class Filming:
    """Films an agent in an environment at most every 30 seconds, and less often where that takes a tenth of the time.

    Drawing may take a millisecond a picture or half a second. So the first film is short, and the others are as long as can be
    made in three seconds. `film` is the last one: {number, steps, data}, the mp4 in base64. `problem` says why none can be
    made, '' if none failed.
    """

    def __init__(self, env, env_args, seed):
        self.env, self.env_args, self.seed = env, env_args, seed
        self.pictures, self.next = PICTURES[0], 0.0
        self.film, self.problem = None, ''

    def is_time(self):
        """Whether there may be another film now."""
        return not self.problem and time.monotonic() >= self.next

    def record(self, agent, steps):
        """Films a greedy episode of the agent as it is after `steps` steps; changes nothing of the training."""
        started = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as folder, kept_random_state():
                path, scenes = Path(folder, 'film'), [(agent, f'after {steps:,} steps', 1)]
                how = dict(seed=derive_seed(TEST, self.seed), pictures=self.pictures, loop=1)
                film.record(path, scenes, self.env, self.env_args, **how)
                data = base64.b64encode(Path(f'{path}.mp4').read_bytes()).decode()
        except (UserError, OSError) as error:  # the training can do without films
            self.problem = str(error)
            return
        now = time.monotonic()
        self.next = now + max(EVERY, (now - started) / SHARE)
        self.pictures = min(PICTURES[1], max(PICTURES[0] // 2, int(self.pictures * SECONDS / (now - started))))
        self.film = dict(number=self.film['number'] + 1 if self.film else 1, steps=steps, data=data)
