"""What the page of a run shows. The training adds to it in its own thread; the server's threads read it."""

import os
import threading
import time
from typing import Any

from common import errors
from common.envs import in_words
from common.errors import Terminated, one_line
from common.running import checkpoint
from common.running.watch import networks, page, server
from common.running.watch.curves import Curves
from common.running.watch.earlier import Earlier
from common.running.watch.filming import Filming

PLAYED = {'Pendulum-v1': (), 'CartPole-v1': (), 'FrozenLake-v1': ('is_slippery',)}  # in the page, and with which arguments
EVERY = 1.0  # seconds between two copies of the networks for the page
OPEN = 10.0  # seconds after its last question for which a page counts as open


class Feed:
    """The page of one run, from `Run.begin` on, and what it asks for.

    `stop_asked` and `save_asked` are True from when the page asked until the run did it. Nothing here keeps the run or its
    agent: the page outlives them in a notebook. UserError if the page cannot be served.
    """

    def __init__(self, run):
        self.lock, self.closed = threading.Lock(), threading.Event()
        self.stop_asked = self.save_asked = self.agent_asked = False
        self.asked_at = self.agent_at = -OPEN
        played = run.env in PLAYED and {*run.recorded_args} <= {*PLAYED[run.env], 'max_episode_steps'}
        self.plays = played and networks.can_be_described(run.agent)
        self.filming = None if self.plays else Filming(run.env, run.env_args, run.seed)
        self.about = {
            'title': run.results.title,
            'algorithm': run.agent.identity['algorithm'],
            'env': run.env,
            'setting': in_words(run.env_args),
            'run': run.files.name,
            'total': run.settings.steps,
            'rate': run.results.rate_name,
            'figure': {'env': run.env, 'slippery': run.recorded_args.get('is_slippery', True)} if self.plays else None,
            'canClose': errors.as_flags,
        }
        self.file_name = f'{run.agent_name}_{run.files.name}.html'
        self.earlier = Earlier(run.models.parent, run.files.folder, run.env, run.recorded_args)
        self.curves = Curves(run.log, run.losses)
        self.state: dict[str, Any] = {'phase': 'compiling', 'saved': None, 'evaluation': None, 'files': '', 'error': ''}
        self.agent, self.described = None, (0, None)
        self._count(run)
        self._copy(run)
        page.document(self.about)  # a file that is missing is told of now
        self.server = server.Server(self)
        self.address = self.server.address

    # What the run calls, in the thread of the training.

    def update(self, run):
        """Adds what an update brought."""
        with self.lock:
            self.curves.add(run.log, run.losses, run.steps)
            self.state['phase'] = 'training'
            self._count(run)
        if self.agent_asked and time.monotonic() - self.agent_at >= EVERY:
            self._copy(run)

    def films(self):
        """Whether to call `film` now: if a page is open, and another film is due."""
        return self.filming is not None and time.monotonic() - self.asked_at < OPEN and self.filming.is_time()

    def film(self, run):
        """Films the agent as it is."""
        self.filming.record(run.agent, run.steps)

    def saved(self, run):
        """A checkpoint was written."""
        self.save_asked = False
        with self.lock:
            self.state['saved'] = run.steps

    def evaluating(self, run):
        """The training has ended, and the evaluation begins."""
        self._copy(run)
        with self.lock:
            self.curves.add(run.log, run.losses, run.steps)
            self.state |= {'phase': 'evaluating', 'saved': run.steps}

    def finished(self, run, evaluation):
        """The run is over."""
        self.save_asked = False
        with self.lock:
            self.state |= {'phase': 'finished', 'evaluation': evaluation, 'files': str(run.files.agent)}

    def failed(self, error):
        """The run has ended with an exception."""
        interrupted = isinstance(error, KeyboardInterrupt)
        with self.lock:
            self.state |= {'phase': 'interrupted' if interrupted else 'failed', 'error': '' if interrupted else one_line(error)}

    def stay(self):
        """Waits until the page is closed by its button, or by Ctrl-C; a command ends with this. Not where nobody is there."""
        if os.environ.get('CI'):
            return
        print(f'The page stays until you press Ctrl-C, or its button "Close": {self.address}', flush=True)
        try:
            while not self.closed.wait(1.0):  # without a limit Windows would not take a Ctrl-C
                pass
        except Terminated:
            raise
        except KeyboardInterrupt:
            print()
        self.server.close()

    def _count(self, run):
        left = run.progress.left(run.seconds)
        self.state |= {
            'steps': run.steps, 'updates': run.updates, 'seconds': run.seconds, 'left': left,
            'episodes': len(run.log.returns), 'recent': run.log.recent(),
        }  # fmt: skip

    def _copy(self, run):
        """Copies the networks as they are now, for the figure."""
        if self.plays:
            arrays = checkpoint.named(**run.agent.variables(for_acting=True))
            with self.lock:
                version = self.agent[0] + 1 if self.agent else 1
                self.agent = version, run.steps, run.updates, arrays, run.agent.identity
            self.agent_asked, self.agent_at = False, time.monotonic()

    # What the server calls, in its threads.

    def news(self, query):
        """What a page does not have yet: `query` says how many rows of each curve it has, and which networks and film."""
        self.asked_at = time.monotonic()
        self.agent_asked |= bool(query.get('figure'))
        with self.lock:
            state, curves, agent = dict(self.state), self.curves.after(query), self.agent
        answer = state | {'curves': curves, 'stopping': self.stop_asked, 'saving': self.save_asked}
        if agent and agent[0] != query.get('agent'):
            answer['agent'] = self._described(*agent)
        if self.filming:
            film = self.filming.film
            answer |= {'noFilm': self.filming.problem, 'film': film if film and film['number'] != query.get('film') else None}
        return answer

    def recorded(self, number=None):
        """Everything that the page shows, for one that asks no more; `number`: the earlier run that is compared, if any."""
        return {'news': self.news({}), 'other': None if number is None else self.earlier.curves(number)}

    def stop(self):
        """Ends the training after the update that is being made."""
        self.stop_asked = True
        return {}

    def save(self):
        """Writes a checkpoint after the update that is being made."""
        self.save_asked = True
        return {}

    def close(self):
        """Ends a command that stays for the page."""
        self.closed.set()
        return {}

    def _described(self, version, steps, updates, arrays, identity):
        if self.described[0] != version:
            file = networks.described(arrays, identity)
            self.described = version, dict(version=version, steps=steps, updates=updates, file=file)
        return self.described[1]
