"""The other end of an `env_process.EnvProcess`: the process that has the environments."""

import contextlib
import ctypes
import os
import pickle
import signal
import sys
import threading
import time
import traceback

from common.envs import bullet
from common.envs.gymnasium_engine import GymnasiumEnvs
from common.envs.randomness import random_state, seed_all
from common.errors import UserError, one_line

import gymnasium as gym
import numpy as np

LOOK_EVERY = 100  # steps between two looks at whether environments draw random numbers that are not their own
PR_SET_PDEATHSIG = 1  # of Linux: the signal to get when the thread that started this process ends


class Part(GymnasiumEnvs):
    """Some of a run's environments, in their process. `workers.WorkerEnvs` does what concerns all of them."""

    def __init__(self, rows, **arguments):
        super().__init__(num_envs=len(rows), rows=rows, **arguments)
        self.steps = 0

    def reset_part(self, seed):
        """Creates the environments and returns their first states, (len(rows), state_dim)."""
        self.ended = np.zeros(self.num_envs, bool)
        seed_all(self.seed_of_random(seed))
        self.seeded = random_state()
        return self.guarded('reset', self._reset, seed)

    def step_part(self, action, ended):
        """Takes a step, and says now and then whether the environments draw from `random` or `numpy.random`."""
        self.ended = ended
        self.steps += 1
        return *self.guarded('step', self._step, action), self.steps % LOOK_EVERY == 0 and self.drew()

    def drew(self):
        """Whether the environments have drawn from `random` or `numpy.random` since the reset."""
        return random_state() != self.seeded


def serve(parent):
    """Answers each request with what the environments' method returns, or the UserError it raises.

    `parent`: the number of the process that sends the requests.
    """
    requests, answers = os.fdopen(os.dup(0), 'rb'), os.fdopen(os.dup(1), 'wb')
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # what an environment reads is not a request,
    os.dup2(2, 1)  # and what it prints not an answer
    for one in (signal.SIGTERM, signal.SIGINT):  # a scheduler sends them to every process: the program decides
        signal.signal(one, lambda *_: None)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    envs = None
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):  # the program has closed its end, or has ended
        while True:
            method, *arguments = pickle.load(requests)
            try:
                if method == 'make':
                    envs, answer = _make(*arguments), None
                elif envs:
                    answer = getattr(envs, method)(*arguments)
                else:
                    break  # they could not be made
            except UserError as error:
                answer = error
                if error.__cause__:  # in a program, which shows where an error came from
                    error.add_note(''.join(['In the worker process: ', *traceback.format_exception(error.__cause__)]))
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
    if envs:
        with contextlib.suppress(UserError):
            envs.close()
    os._exit(0)  # the pipe may be broken: Python would say so


def _end_with(parent):
    """Ends this process when the program that started it has ended: killed, it could not do so itself.

    Linux does it at once, even where the environment lets no other thread run. On Windows, where a process keeps its parent's
    number, this process ends when it next looks for a request.
    """
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _make(env_id, pickled):
    bullet.register(env_id)  # which prints, so it comes before the import below
    try:
        spec, arguments = pickle.loads(pickled)
    except Exception as error:  # a module that cannot be imported here, for example
        raise UserError(f'{env_id} cannot be made in a worker process: {one_line(error)}') from error
    if spec:
        gym.registry[spec.id] = spec  # as the program has it
    return Part(**arguments)
