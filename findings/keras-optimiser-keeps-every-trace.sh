#!/bin/sh
# Each tf.function that calls a Keras optimiser's apply_gradients leaves its graph in memory for good.
#
# You would guess that a tf.function that is dropped can be collected with its graph: that is what happens without an optimiser.
# apply_gradients asks the distribution strategy to sum the gradients, also where there is only one device. That sum is a custom
# gradient, and in a graph each custom gradient is registered under a new name in a registry of the whole process. The entry
# refers to the graph, and nothing ever removes it. A notebook or a search that trains again and again grows with each training.
# Twenty small updates are counted here; an update of real networks has thousands of operations.
#
# Versions: tensorflow 2.21.0, keras 3.15.0, numpy 2.4.6.
# Source: keras.Optimizer.apply_gradients, tf.distribute.ReplicaContext.all_reduce, tf.custom_gradient.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.0 numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import gc

import tensorflow as tf

UPDATES = 20
weight = tf.Variable([1.0, 2.0])


def graphs():
    gc.collect()
    gc.collect()
    return sum(type(one).__name__ == 'FuncGraph' for one in gc.get_objects())


def drop(update):
    """Traces a function with this update, runs it once, and forgets it."""

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(weight * x))
        update(tape.gradient(loss, weight))

    step(tf.constant([1.0, 1.0]))


adam, sgd = tf.keras.optimizers.Adam(0.1), tf.keras.optimizers.SGD(0.1)
adam.build([weight])
sgd.build([weight])
ways = {
    'weight.assign_sub': lambda gradient: weight.assign_sub(0.1 * gradient),
    'Adam.apply_gradients': lambda gradient: adam.apply_gradients([(gradient, weight)]),
    'SGD.apply_gradients': lambda gradient: sgd.apply_gradients([(gradient, weight)]),
}
for name, update in ways.items():
    drop(update)
    before = graphs()
    for _ in range(UPDATES):
        drop(update)
    print(f'{name}: {graphs() - before} of {UPDATES} graphs are still there')
END

cat > expected << 'END'
weight.assign_sub: 0 of 20 graphs are still there
Adam.apply_gradients: 20 of 20 graphs are still there
SGD.apply_gradients: 20 of 20 graphs are still there
END
TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo "The output has changed: < expected, > seen."; exit 1; }
echo "As expected."
