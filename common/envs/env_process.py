"""Gymnasium's environments in a process of their own, which imports them and neither an agent nor TensorFlow.

Worker processes step slow environments side by side (`workers`). MuJoCo is drawn in one, too: software OpenGL (Mesa) crashes in
a process that has loaded TensorFlow, because both contain LLVM, and Mesa would call TensorFlow's.

These are not processes of multiprocessing's: those would import the program again, which is an agent, and with it TensorFlow.
"""

import contextlib
import io
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common.envs import drawing
from common.errors import UserError, one_line

import cloudpickle
import gymnasium as gym

PATIENCE = 600  # seconds to wait for an answer; a process that takes longer hangs
FAREWELL = 5  # seconds that processes get to close their environments
# Linux ends the processes when the thread that started them ends: this one lives as long as the program.
starter = ThreadPoolExecutor(1, 'starts processes of environments')


class EnvProcess:
    """`GymnasiumEnvs` in another process. `ask` calls one of its methods there; `send` and `receive` are its two halves.

    `rows`: which of the run's environments it has, a range. `quiet` hides what the environments print. UserError if they cannot
    be sent to another process, cannot be made or raise there, and if the process ends or hangs; then it is `broken`.
    """

    def __init__(self, env_id, env_args, rows=range(1), render_mode=None, quiet=False):
        self.env_id, self.rows, self.broken, self.unanswered = env_id, rows, False, 0
        if render_mode and 'dm_control' in sys.modules:  # it chooses how to draw when it is imported
            drawing.use_egl()
        arguments = dict(env_id=env_id, rows=rows, env_args=env_args, render_mode=render_mode)
        try:  # by value what only this program has, such as a class of a notebook
            envs = cloudpickle.dumps((gym.registry.get(env_id), arguments))
        except Exception as error:  # an object may refuse in any way
            raise UserError(f'{env_id} cannot be sent to a worker process: {one_line(error)}') from error
        try:
            self.process = starter.submit(_start, quiet or not _has_stderr()).result()
        except OSError as error:
            raise UserError(f'{env_id}: a worker process cannot be started: {one_line(error)}') from error
        self.answers = select.poll() if hasattr(select, 'poll') else None  # Windows cannot wait for a pipe
        if self.answers:
            self.answers.register(self.process.stdout, select.POLLIN)
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
        self.unanswered += 1
        with contextlib.suppress(OSError):  # the process has ended: `receive` says how
            pickle.dump(request, self.process.stdin, pickle.HIGHEST_PROTOCOL)
            self.process.stdin.flush()

    def receive(self, end=None):
        """The answer to the oldest request that has none yet. It must be there by the time `end`, or within `PATIENCE`."""
        left = PATIENCE if end is None else max(0, end - time.monotonic())
        if self.answers and not self.answers.poll(1000 * left):
            self.end()
            raise UserError(f'{self._whose()} has not answered for {PATIENCE} seconds: its step() or reset() hangs')
        try:
            answer = pickle.load(self.process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(FAREWELL)
            code = self.end()
            raise UserError(f'{self._whose()} has ended by itself, {_how(code)}') from error
        self.unanswered -= 1
        if isinstance(answer, UserError):
            raise answer
        return answer

    def end(self):
        """Ends the process by force, with those that it has started, and returns its exit code."""
        self.broken = True
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL) if hasattr(os, 'killpg') else self.process.kill()
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()

    def close(self, end=None):
        """Closes the environments and ends the process, by force where it has not ended by the time `end`.

        UserError if an environment raises in `close`.
        """
        if self.broken or self.process.returncode is not None:
            return
        whole = not self.unanswered  # else the answers are those of what was interrupted
        left = FAREWELL if end is None else max(0, end - time.monotonic())
        self.send(('close',))
        try:
            output, _ = self.process.communicate(timeout=left)
        except BaseException as error:
            self.end()
            if isinstance(error, subprocess.TimeoutExpired):
                return
            raise
        if whole:
            with contextlib.suppress(EOFError, pickle.UnpicklingError):
                answer = pickle.load(io.BytesIO(output))
                if isinstance(answer, UserError):
                    raise answer

    def _whose(self):
        first, last = self.rows[0], self.rows[-1]
        which = f'environment {first}' if first == last else f'environments {first} to {last}'
        return f'{self.env_id}: the process of {which}'


def _start(quiet):
    paths = [str(Path(__file__).resolve().parents[2]), *(path or os.getcwd() for path in sys.path)]
    return subprocess.Popen(
        # -P: modules of the current folder stay behind those of the project and of Python.
        [sys.executable, '-P', '-c', f'from common.envs import serving; serving.serve({os.getpid()})'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
        # Ctrl-C reaches the program only, which then ends its processes.
        start_new_session=True,
        creationflags=getattr(subprocess, 'CREATE_NEW_PROCESS_GROUP', 0),  # what Windows has instead
    )


def _has_stderr():
    """Whether descriptor 2 is standard error. If it was closed when Python began, another file may have its number now."""
    with contextlib.suppress(OSError):
        os.fstat(2)
        return sys.__stderr__ is not None
    return False


def _how(code):
    """How a process ended, in words."""
    return f'killed by signal {-code}' if code < 0 else f'with exit code {code}'
