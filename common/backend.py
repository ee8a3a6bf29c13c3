"""TensorFlow and TensorLayer, imported without the start-up messages they print on a machine without a GPU."""

import os
import sys
import tempfile
from contextlib import contextmanager, suppress

from threadpoolctl import threadpool_limits


@contextmanager
def _hushed_stderr():
    """Holds back what C++ code writes to standard error; shown after all where the block fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
try:
    with _hushed_stderr():
        import tensorflow as tf

        # The networks are small: actor and critic learn side by side, and more threads than that would not help them.
        with suppress(RuntimeError):  # where somebody's own code has used TensorFlow before, its choice stands
            tf.config.threading.set_intra_op_parallelism_threads(2)
        import tensorlayer as tl
except KeyboardInterrupt:  # this takes seconds: no traceback for a Ctrl-C in them
    sys.exit(130)

tl.logging.set_verbosity(tl.logging.ERROR)
# Acting multiplies small matrices: NumPy's own threads would only spin, and take the cores from the compiled updates.
# This holds for the whole process; threadpoolctl can raise it again.
threadpool_limits(1, user_api='blas')

__all__ = ['tf', 'tl']
