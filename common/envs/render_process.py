"""MuJoCo is drawn in a process of its own: beside TensorFlow, software OpenGL (Mesa) calls the wrong LLVM and crashes.

Not one of multiprocessing's: that imports the program anew, an agent, and with it TensorFlow.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

from common.envs.engines import GymnasiumEnvs
from common.errors import UserError


class Apart:
    """One environment in another process, to be reset, stepped, drawn and closed like `GymnasiumEnvs`."""

    def __init__(self, env_id, env_args):
        self.env_id = env_id
        paths = filter(None, [str(Path(__file__).resolve().parents[2]), *sys.path])
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'common.envs.render_process'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
            start_new_session=True,  # Ctrl-C is for this process, and the other ends with it
        )
        self._ask('__init__', env_id, 1, env_args, 'rgb_array')

    def reset(self, seed):
        """As `VectorEnvs.reset`."""
        return self._ask('reset', seed)

    def step(self, action):
        """As `VectorEnvs.step`."""
        return self._ask('step', action)

    def render(self):
        """A picture, (height, width, 3) bytes; UserError where the environment cannot be drawn."""
        return self._ask('render')

    def close(self):
        """Ends the other process."""
        self.process.communicate()

    def _ask(self, *request):
        try:
            self._send(request)
            answer = pickle.load(self.process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self.process.kill()
            raise UserError(
                f'{self.env_id} cannot be drawn: the process that draws ended with {self.process.wait()}'
            ) from error
        if isinstance(answer, UserError):
            raise answer
        return answer

    def _send(self, request):
        pickle.dump(request, self.process.stdin)
        self.process.stdin.flush()


def _serve():
    """The other process: answers each request with what the environment's method returns, or the UserError it raises."""
    answers = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)  # what anything prints is no answer
    envs = GymnasiumEnvs.__new__(GymnasiumEnvs)
    while True:
        try:
            method, *arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return envs.close()
        try:
            answer = getattr(envs, method)(*arguments)
        except UserError as error:
            answer = error
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == '__main__':
    _serve()
