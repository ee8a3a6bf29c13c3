#!/bin/sh
# A tf.function compiles what its file says when it is first called, not the function that was imported.
#
# You would guess that an imported function stays as it is until its module is reloaded, as everywhere in Python. AutoGraph
# reads the function's lines from the file at the first call with a new signature. If the file was edited in between, in a
# notebook or while a long job started, the edited lines are compiled, silently: below, the plain function returns 1 and the
# same function under tf.function returns 2. If a line was added above, AutoGraph takes whatever stands at the old line
# numbers. Here that is the function above it, whose body runs under the name and the arguments of the other.
#
# Python's linecache is not the remedy: inspect.getsource(f) leaves lines in peace that were put into linecache with no time
# of modification, as those of a notebook's cells. AutoGraph throws them away before it asks: it means to do so only where a
# function's __module__ is not the module of its file, but it compares the name of a module, a str, with the module itself,
# which always differ. With linecache.cache filled at import and that one function replaced, the imported lines are compiled.
#
# Versions: tensorflow 2.21.0, numpy 2.4.6.
# Source: tensorflow/python/autograph/pyct/inspect_utils.py, _fix_linecache_record (`if obj_module is not m`).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import importlib
import linecache
import os
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='-1')
sys.path.insert(0, '.')
sys.dont_write_bytecode = True
import tensorflow as tf

FIRST = '''
def other(x):
    return 10


def imported(x):
    'in the module MODULE'
    return 1
'''
EDITS = {
    'not edited': FIRST,
    'another number': FIRST.replace('return 1\n', 'return 2\n'),
    'four lines above': '\n\n\n\n' + FIRST,
}


def keep(path):
    """What linecache holds without a time of modification it does not compare with the file."""
    lines = linecache.getlines(path)
    linecache.cache[path] = len(lines), None, lines, path


def try_edits(what, keeping):
    for number, (edit, text) in enumerate(EDITS.items()):
        name = f'{what} {number}'.replace(' ', '_')
        path = os.path.abspath(f'{name}.py')
        with open(path, 'w') as file:
            file.write(FIRST.replace('MODULE', name))  # AutoGraph would take functions with equal code for one
        module = importlib.import_module(name)
        if keeping:
            keep(path)
        with open(path, 'w') as file:
            file.write(text.replace('MODULE', name))
        graph = tf.function(module.imported)
        print(f'{what}, {edit}: imported(0) is {module.imported(0)}, tf.function(imported)(0) is {int(graph(0))}')


try_edits('as it is', keeping=False)
try_edits('lines kept', keeping=True)
from tensorflow.python.autograph.pyct import inspect_utils

inspect_utils._fix_linecache_record = lambda obj: None
try_edits('lines kept and not thrown away', keeping=True)
END

cat > expected << 'END'
as it is, not edited: imported(0) is 1, tf.function(imported)(0) is 1
as it is, another number: imported(0) is 1, tf.function(imported)(0) is 2
as it is, four lines above: imported(0) is 1, tf.function(imported)(0) is 10
lines kept, not edited: imported(0) is 1, tf.function(imported)(0) is 1
lines kept, another number: imported(0) is 1, tf.function(imported)(0) is 2
lines kept, four lines above: imported(0) is 1, tf.function(imported)(0) is 10
lines kept and not thrown away, not edited: imported(0) is 1, tf.function(imported)(0) is 1
lines kept and not thrown away, another number: imported(0) is 1, tf.function(imported)(0) is 1
lines kept and not thrown away, four lines above: imported(0) is 1, tf.function(imported)(0) is 1
END

venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
