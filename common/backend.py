"""TensorFlow and TensorLayer, loaded when they are first used, and `compiled`, which turns a method into one compiled call.

`tf` and `tl` are the two packages. Loading them takes seconds; `--help` and a wrong flag do not wait for that.
"""

import functools
import gc
import importlib
import linecache
import os
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FunctionType, ModuleType, TracebackType

from common import errors, program_cache
from common.errors import Terminated, UserError, option
from common.programs import Program

import numpy as np
from threadpoolctl import threadpool_limits

NOT_NEEDED = {  # what the two packages import and no command here uses: it takes a second
    'tensorflow': ('sklearn', 'scipy.stats', 'matplotlib.pyplot', 'cv2', 'pandas'),
    'tensorlayer': ('sklearn', 'sklearn.metrics', 'tensorlayer.app'),
}
loading = threading.RLock()
listeners = []  # functions, called with a method that is about to be compiled
announce = False  # whether to print 'Loading TensorFlow ...': set by a command or a run that has to wait for it
skip_unneeded = False  # whether to leave out NOT_NEEDED: set by commands; a reader's own program may use these packages


class _Package:
    """A package that is loaded when one of its attributes is first used."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        load()
        return getattr(sys.modules[self._name], name)


tf, tl = _Package('tensorflow'), _Package('tensorlayer')


def load():
    """Imports both packages, without the start-up messages that they print on a machine without a GPU, and sets threads."""
    with loading:
        _load()


@functools.cache
def _load():
    if announce:
        print('Loading TensorFlow ...', flush=True)
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    collecting = gc.isenabled()
    gc.disable()  # an import leaves no garbage to look for
    try:
        with _hushed_stderr():
            # Keras does without what is not installed.
            with program_cache.used(), _instead(NOT_NEEDED['tensorflow'], lambda _: None):
                tensorflow = importlib.import_module('tensorflow')
            # Two threads: actor and critic learn at the same time. The networks are too small for more.
            with suppress(RuntimeError):  # a program that has already used TensorFlow keeps its own choice
                tensorflow.config.threading.set_intra_op_parallelism_threads(2)
            with _instead(NOT_NEEDED['tensorlayer'], _empty):
                tensorlayer = importlib.import_module('tensorlayer')
    except KeyboardInterrupt as error:
        if skip_unneeded:
            sys.exit(143 if isinstance(error, Terminated) else 130)  # a command shows no traceback
        raise
    finally:
        if collecting:
            gc.enable()
    if skip_unneeded:  # these hundreds of thousands of objects stay: later collections need not look at them
        gc.freeze()
    tensorlayer.logging.set_verbosity(tensorlayer.logging.ERROR)
    with suppress(ImportError):  # AutoGraph would read every file anew, those too whose lines `_keep_source` keeps
        inspect_utils = importlib.import_module('tensorflow.python.autograph.pyct.inspect_utils')
        vars(inspect_utils).update(_fix_linecache_record=lambda _: None)
    # Acting multiplies small matrices. NumPy's own threads would not speed that up, and while they wait for work they would
    # keep the cores from the compiled updates. The limit holds for the whole process; threadpoolctl can raise it again.
    threadpool_limits(1, user_api='blas')


@contextmanager
def _instead(modules, stand_in):
    """Replaces modules that are not loaded yet by `stand_in(name)` for a while, if unneeded packages are skipped."""
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
    """Holds back what C++ code writes to standard error, and shows it only if the block fails."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (AttributeError, OSError):  # a program without a terminal, such as IDLE on Windows, has no standard error
        yield
        return
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
    """Turns a method of an agent into one compiled call: tf.function, traced once for each shape of its arguments, all arrays.

    `xla`: compile it with XLA, too. `autograph`: compile Python's `for` and `if` over tensors; without it they are unrolled.
    Under `tf.config.run_functions_eagerly(True)`, which --eager sets, the method runs as it is written.
    """

    def __init__(self, method=None, *, xla=True, autograph=True):
        self.method, self.options = method, dict(jit_compile=xla or None, autograph=autograph)
        if method:
            _keep_source(method)

    def __call__(self, method):
        _keep_source(method)
        self.method = method
        return self

    def __get__(self, agent, owner=None):
        if agent is None:
            return self
        call = agent.__dict__[self.method.__name__] = Compiled(self.method.__get__(agent), self.options)
        return call


class Compiled:
    """The compiled method of one agent; its traces hold the agent's variables."""

    def __init__(self, method, options):
        self.method, self.options, self.traces = method, options, {}

    def __call__(self, *arrays):
        tensors = [tf.constant(array) for array in arrays]
        if tf.config.functions_run_eagerly():
            return self.method(*tensors)
        trace = self.traces.get(shapes := tuple(map(np.shape, arrays)))
        if trace:  # faster than letting tf.function look for its trace
            return trace(*tensors)
        for listener in listeners:
            listener(self.method)
        try:
            trace, answer = self._compile(tensors)
        except UserError:
            raise
        except Exception as error:
            error.add_note(f'This came up in compiled code, {self.method.__qualname__}; {without_compiling()}')
            raise error.with_traceback(_without_tensorflow(error.__traceback__.tb_next)) from None
        trace.share()
        self.traces[shapes] = trace
        return answer

    def _compile(self, tensors):
        function = tf.function(self.method, **self.options)
        trace = Program(function, tensors)
        try:
            return trace, trace(*tensors)  # XLA compiles here, unless it has the same program already
        except tf.errors.OpError as error:
            if not program_cache.failed(error):
                raise
        trace = Program(function, tensors, anew=True)
        try:
            return trace, trace(*tensors)
        except tf.errors.OpError as error:
            if not program_cache.failed(error):
                raise
            place = f'a compiled program cannot be kept in {program_cache.folder}: {errors.one_line(error)}'
            raise UserError(f'{place}; set XDG_CACHE_HOME to another folder for it') from None


def without_compiling():
    """What to do to see numbers in a method that is compiled."""
    eager = option('eager') if errors.as_flags else option('eager', True)
    return f'{eager} compiles nothing: print, tf.print, breakpoint() and .numpy() work'


def printing(method):
    """Names of the methods that a bound method calls, itself among them, and that call `print`, sorted."""
    agent, found, waiting, seen = type(method.__self__), set(), [method.__func__], set()
    while waiting:
        function = waiting.pop()
        codes = [function.__code__]
        for code in codes:  # and those of the functions within
            codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        names = {name for code in codes for name in code.co_names}
        if 'print' in names:
            found.add(function.__qualname__)
        called = [getattr(agent, name, None) for name in names - seen]
        waiting += [getattr(one, 'method', one) for one in called if isinstance(one, FunctionType | compiled)]
        seen |= names
    return sorted(found)


def _keep_source(function):
    """Keeps the lines of a function's file as they are now, for AutoGraph, which reads them when the function is compiled.

    Otherwise a file that you edit between its import and that moment would be compiled as edited, or not at all. Importing
    the file again keeps its new lines. A cell of a notebook has no file.
    """
    file = function.__code__.co_filename
    if os.path.isfile(file):
        linecache.cache.pop(file, None)
        lines = linecache.getlines(file)
        linecache.cache[file] = sum(map(len, lines)), None, lines, file  # without a time it is not compared with the file


def _without_tensorflow(trace):
    """A traceback without the frames of TensorFlow and of what AutoGraph made: the error's text has the lines it is about."""
    packages = tuple(str(Path(sys.modules[name].__file__).parent) for name in ('tensorflow', 'keras', 'tensorlayer'))
    frames = []
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if '__autograph_generated_file' not in file and not file.startswith(packages):
            frames.append(trace)
        trace = trace.tb_next
    for frame in reversed(frames):
        trace = TracebackType(trace, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return trace


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
