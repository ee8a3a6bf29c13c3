"""Gymnasium's environments in a process of their own, which imports them and neither an agent nor TensorFlow.

Worker processes step slow environments side by side (`workers`). MuJoCo is drawn in one, too: software OpenGL (Mesa) crashes in
a process that has loaded TensorFlow, because both contain LLVM, and Mesa would call TensorFlow's.

These are not processes of multiprocessing's: those would import the program again, which is an agent, and with it TensorFlow.
"""

import contextlib
import os
import pickle
import select
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

from common.envs import drawing
from common.envs.gymnasium_engine import GymnasiumEnvs
from common.envs.randomness import random_state, seed_all
from common.errors import UserError, one_line

import cloudpickle
import gymnasium as gym
import numpy as np

PATIENCE = 600  # seconds to wait for an answer; a process that takes longer hangs
FAREWELL = 5  # seconds that a process gets to close its environments
LOOK_EVERY = 100  # steps between two looks at whether environments draw random numbers that are not their own


class EnvProcess:
    """`GymnasiumEnvs` in another process. `ask` calls one of its methods there; `send` and `receive` are its two halves.

    `rows`: which of the run's environments it has, a range. `quiet` hides what the environments print. UserError if they cannot
    be sent to another process, cannot be made or raise there, and if the process ends or hangs.
    """

    def __init__(self, env_id, env_args, rows=range(1), render_mode=None, quiet=False):
        self.env_id, self.rows = env_id, rows
        if 'dm_control' in sys.modules:  # it chooses how to draw when it is imported
            drawing.use_egl()
        try:  # by value what only this program has, such as a class of a notebook
            envs = cloudpickle.dumps(
                (gym.registry.get(env_id), dict(env_id=env_id, rows=rows, env_args=env_args, render_mode=render_mode))
            )
        except Exception as error:  # an object may refuse in any way
            raise UserError(f'{env_id} cannot be sent to a worker process: {one_line(error)}') from error
        paths = filter(None, [str(Path(__file__).resolve().parents[2]), *sys.path])
        self.process = subprocess.Popen(
            [sys.executable, '-c', f'from common.envs import env_process; env_process.serve({os.getpid()})'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
            # Ctrl-C reaches the program only, which then ends its processes.
            start_new_session=True,
            creationflags=getattr(subprocess, 'CREATE_NEW_PROCESS_GROUP', 0),  # what Windows has instead
        )
        self.send(('make', env_id, envs))

    def reset(self, seed):
        """See `VectorEnvs.reset`."""
        return self.ask('reset', seed)

    def step(self, action):
        """See `VectorEnvs.step`."""
        return self.ask('step', action)

    def render(self):
        """A picture, (height, width, 3) bytes; UserError if the environment cannot be drawn."""
        return self.ask('render')

    def ask(self, method, *arguments):
        """What the environments' method returns there; UserError if it raises one."""
        self.send((method, *arguments))
        return self.receive()

    def send(self, request):
        """Sends a request, without waiting for its answer."""
        with contextlib.suppress(OSError):  # the process has ended: `receive` says how
            pickle.dump(request, self.process.stdin, pickle.HIGHEST_PROTOCOL)
            self.process.stdin.flush()

    def receive(self):
        """The answer to the oldest request that has none yet."""
        try:
            if os.name == 'posix' and not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise UserError(f'{self._whose()} has not answered for {PATIENCE} seconds: its step() or reset() hangs')
            answer = pickle.load(self.process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self.process.kill()
            raise UserError(f'{self._whose()} has ended by itself, {_how(self.process.wait())}') from error
        if isinstance(answer, UserError):
            raise answer
        return answer

    def close(self):
        """Closes the environments and ends the process, if need be by force. UserError if an environment raises in `close`."""
        if self.process.returncode is not None:
            return
        self.send(('close',))
        try:
            output, _ = self.process.communicate(timeout=FAREWELL)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return
        with contextlib.suppress(EOFError, pickle.UnpicklingError):  # an answer that was interrupted
            answer = pickle.loads(output)
            if isinstance(answer, UserError):
                raise answer

    def _whose(self):
        first, last = self.rows[0], self.rows[-1]
        which = f'environment {first}' if first == last else f'environments {first} to {last}'
        return f'{self.env_id}: the process of {which}'


class _Part(GymnasiumEnvs):
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


def _how(code):
    """How a process ended, in words."""
    return f'killed by signal {-code}' if code < 0 else f'with exit code {code}'


def _end_with(parent):
    """Ends this process when the program that started it has ended: killed, it could not do so itself.

    On Windows, where a process keeps its parent's number, it ends when it next looks for a request.
    """
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def serve(parent):
    """The other process: answers each request with what the environments' method returns, or the UserError it raises.

    `parent`: the number of the process that sends the requests.
    """
    requests, answers = os.fdopen(os.dup(0), 'rb'), os.fdopen(os.dup(1), 'wb')
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # what an environment reads is not a request,
    os.dup2(2, 1)  # and what it prints not an answer
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    envs = None
    with contextlib.suppress(EOFError):  # the program has closed its end, or has ended
        while True:
            method, *arguments = pickle.load(requests)
            try:
                if method == 'make':
                    envs, answer = _make(*arguments), None
                elif envs:
                    answer = getattr(envs, method)(*arguments)
                else:
                    return  # they could not be made
            except UserError as error:
                answer = error
                if error.__cause__:  # in a program, which shows where an error came from
                    error.add_note(''.join(['In the worker process: ', *traceback.format_exception(error.__cause__)]))
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()


def _make(env_id, pickled):
    try:
        spec, arguments = pickle.loads(pickled)
    except Exception as error:  # a module that cannot be imported here, for example
        raise UserError(f'{env_id} cannot be made in a worker process: {one_line(error)}') from error
    if spec:
        gym.registry.setdefault(spec.id, spec)
    return _Part(**arguments)
