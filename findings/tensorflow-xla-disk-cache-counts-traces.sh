#!/bin/sh
# TensorFlow's cache of compiled programs on disk finds a program only if as many functions were traced before it.
#
# --tf_xla_persistent_cache_directory in TF_XLA_FLAGS keeps what XLA compiles on the CPU. You would guess that the key of a
# program is what it computes: the next process that calls the same tf.function then loads it. But the key contains the
# name of the function, and TensorFlow appends a number to that name, which counts operations and traces of the process. If
# the process has traced any other function before, even without XLA, the same code is compiled and stored once more. A
# program with two threads that trace has different numbers in each run. The files never meet again, and nothing deletes
# them. The flags are not read when TensorFlow is imported but when XLA is first asked, so a variable set between the two
# still counts. And a file that was cut short, as after a power failure, is not compiled anew: the call raises an error in
# each process from then on, until you delete the file.
#
# Versions: tensorflow 2.21.0, numpy 2.4.6.
# Source: tensorflow/compiler/jit/device_executable_persistor.h, tensorflow.python.eager.polymorphic_function.tracing_compilation.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 numpy==2.4.6 2> "$folder/pip" ||
    { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import os
import sys

import tensorflow as tf

os.environ['TF_XLA_FLAGS'] = '--tf_xla_persistent_cache_directory=cache --tf_xla_persistent_cache_device_types=CPU'
x = tf.reshape(tf.range(4.0), (2, 2))


@tf.function
def another(x):
    return x + 1


@tf.function(jit_compile=True)
def square(x):
    return tf.matmul(x, x)


if 'other' in sys.argv:
    another(x)
try:
    answer = square(x).numpy().tolist()
except tf.errors.OpError as error:
    answer = type(error).__name__
print(f'{" ".join(sys.argv[1:])}: {answer}, programs on disk: {len(os.listdir("cache"))}')
END

cat > expected << 'END'
first process: [[2.0, 3.0], [6.0, 11.0]], programs on disk: 1
the same again: [[2.0, 3.0], [6.0, 11.0]], programs on disk: 1
after the other function: [[2.0, 3.0], [6.0, 11.0]], programs on disk: 2
with files cut short: OutOfRangeError, programs on disk: 2
END

{
    venv/bin/python check.py first process
    venv/bin/python check.py the same again
    venv/bin/python check.py after the other function
    for file in cache/*; do head -c 1000 "$file" > short; cat short > "$file"; done
    venv/bin/python check.py with files cut short
} > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
