"""MuJoCo is drawn in a process of its own: software OpenGL (Mesa) crashes in a process that has loaded TensorFlow.

Mesa and TensorFlow both contain LLVM, and Mesa would call TensorFlow's.

This is not a process of multiprocessing's: that would import the program again, which is an agent, and with it TensorFlow.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

from common.envs import drawing
from common.envs.gymnasium_engine import GymnasiumEnvs
from common.errors import UserError


class RenderProcess:
    """One environment in another process; it is reset, stepped, drawn and closed like `GymnasiumEnvs`."""

    def __init__(self, env_id, env_args):
        self.env_id = env_id
        if 'dm_control' in sys.modules:  # it chooses how to draw when it is imported
            drawing.use_egl()
        paths = filter(None, [str(Path(__file__).resolve().parents[2]), *sys.path])
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'common.envs.render_process'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
            # Ctrl-C reaches this process only; the other one ends when its input is closed.
            start_new_session=True,
            creationflags=getattr(subprocess, 'CREATE_NEW_PROCESS_GROUP', 0),  # what Windows has instead
        )
        self._ask('__init__', env_id, 1, env_args, 'rgb_array')

    def reset(self, seed):
        """See `VectorEnvs.reset`."""
        return self._ask('reset', seed)

    def step(self, action):
        """See `VectorEnvs.step`."""
        return self._ask('step', action)

    def render(self):
        """A picture, (height, width, 3) bytes; UserError if the environment cannot be drawn."""
        return self._ask('render')

    def close(self):
        """Ends the other process, which closes its environment."""
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
    os.dup2(2, 1)  # what libraries print must not be read as an answer
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
