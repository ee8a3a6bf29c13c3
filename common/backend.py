"""TensorFlow and TensorLayer, imported without the start-up messages they print on a machine without a GPU."""

import os
import sys
import tempfile
from contextlib import contextmanager


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
with _hushed_stderr():
    import tensorflow as tf

    # The networks are small: one thread per compiled call is fastest, and actor and critic run side by side instead.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    import tensorlayer as tl

tl.logging.set_verbosity(tl.logging.ERROR)

__all__ = ['tf', 'tl']
