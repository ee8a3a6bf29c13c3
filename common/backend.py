"""TensorFlow and TensorLayer, loaded when they are first used, and what turns a method into one compiled call.

`tf` and `tl` stand for the two packages. Loading takes seconds, which a `--help` or a wrong flag need not wait for.
"""

import functools
import gc
import importlib
import os
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import ModuleType

import numpy as np
from threadpoolctl import threadpool_limits

NOT_NEEDED = {  # what the two packages import and no command here uses: it takes a second
    'tensorflow': ('sklearn', 'scipy.stats', 'matplotlib.pyplot', 'cv2'),
    'tensorlayer': ('sklearn', 'sklearn.metrics', 'tensorlayer.app'),
}
HINT = 'This came up in compiled code, {method}; --eager compiles nothing: print, tf.print, breakpoint() and .numpy() work'
loading = threading.RLock()
listeners = []  # called with the name of a method that is about to be compiled, which takes seconds
announce = False  # whether to print 'Loading TensorFlow ...': set by a command or a run that has to wait for it
skip_unneeded = False  # whether to leave out NOT_NEEDED: set by commands; a reader's own program may use these packages


class _Package:
    """Stands for a package until something of it is asked for."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        load()
        return getattr(sys.modules[self._name], name)


tf, tl = _Package('tensorflow'), _Package('tensorlayer')


def load():
    """Imports both packages, without the start-up messages they print on a machine without a GPU, and sets their threads."""
    with loading:
        _load()


@functools.cache
def _load():
    if announce:
        print('Loading TensorFlow ...', flush=True)
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    collecting = gc.isenabled()
    gc.disable()  # nothing of what an import makes is garbage
    try:
        with _hushed_stderr():
            with _instead(NOT_NEEDED['tensorflow'], lambda _: None):  # Keras does without what is not installed
                tensorflow = importlib.import_module('tensorflow')
            # The networks are small: actor and critic learn side by side, and more threads than that would not help them.
            with suppress(RuntimeError):  # where somebody's own code has used TensorFlow before, its choice stands
                tensorflow.config.threading.set_intra_op_parallelism_threads(2)
            with _instead(NOT_NEEDED['tensorlayer'], _empty):
                tensorlayer = importlib.import_module('tensorlayer')
    except KeyboardInterrupt:  # this takes seconds: no traceback for a Ctrl-C in them
        sys.exit(130)
    finally:
        if collecting:
            gc.enable()
    if skip_unneeded:  # hundreds of thousands of objects that stay: no later collection has to look at them
        gc.freeze()
    tensorlayer.logging.set_verbosity(tensorlayer.logging.ERROR)
    # Acting multiplies small matrices: NumPy's own threads would only spin, and take the cores from the compiled updates.
    # This holds for the whole process; threadpoolctl can raise it again.
    threadpool_limits(1, user_api='blas')


@contextmanager
def _instead(modules, stand_in):
    """Modules that are not loaded yet are `stand_in` of their name for a while, if unneeded packages are skipped."""
    names = [name for name in modules if skip_unneeded and name not in sys.modules]
    sys.modules.update({name: stand_in(name) for name in names})
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _empty(name):
    """A module in which every name is None."""
    module = ModuleType(name)
    module.__path__, module.__getattr__ = [], lambda _: None
    return module


@contextmanager
def _hushed_stderr():
    """Holds back what C++ code writes to standard error; shown after all where the block fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class compiled:
    """A method of an agent as one compiled call: tf.function, traced once for each shape of its arguments, all arrays.

    With `xla` it is compiled by XLA, too; without `autograph` its loops and conditions are Python's, unrolled. Under
    `tf.config.run_functions_eagerly(True)`, which --eager sets, it runs as it is written.
    """

    def __init__(self, method=None, *, xla=True, autograph=True):
        self.method, self.options = method, dict(jit_compile=xla or None, autograph=autograph)

    def __call__(self, method):
        self.method = method
        return self

    def __get__(self, agent, owner=None):
        if agent is None:
            return self
        call = agent.__dict__[self.method.__name__] = Compiled(self.method.__get__(agent), self.options)
        return call


class Compiled:
    """The compiled method of one agent, whose variables it holds."""

    def __init__(self, method, options):
        self.method, self.options, self.traces = method, options, {}

    def __call__(self, *arrays):
        tensors = [tf.constant(array) for array in arrays]
        if tf.config.functions_run_eagerly():
            return self.method(*tensors)
        trace = self.traces.get(shapes := tuple(map(np.shape, arrays)))
        if trace:  # found here, a call costs less than where tf.function looks for its trace
            return trace(*tensors)
        for listener in listeners:
            listener(self.method.__qualname__)
        try:
            trace = tf.function(self.method, **self.options).get_concrete_function(*tensors)
            answer = trace(*tensors)  # XLA compiles here
        except Exception as error:
            error.add_note(HINT.format(method=self.method.__qualname__))
            raise
        self.traces[shapes] = trace
        return answer


@functools.cache
def _second_thread():
    return ThreadPoolExecutor(1)


def in_second_thread(call, *arguments):
    """Starts a call in a second thread and returns its future. Under --eager the call is made here, before this returns."""
    if not tf.config.functions_run_eagerly():
        return _second_thread().submit(call, *arguments)
    done = Future()
    done.set_result(call(*arguments))
    return done
