#!/bin/sh
# TensorBoard's EventAccumulator keeps 10 of 1,000 points of a learning curve that TensorFlow 2 has written, and its size_guidance
# for scalars changes nothing.
#
# You would guess that EventAccumulator(folder), the usual way to read a curve back, returns what tf.summary.scalar wrote, or
# at least the 10,000 points that its guidance for scalars promises. But TensorFlow 2 writes a scalar as a tensor: Scalars('return')
# knows no such tag, Tags()['scalars'] is empty, and of tensors the accumulator keeps ten, drawn at random (always the same ones).
# A plot from them looks like a curve, with the last point right and the rest missing. size_guidance={'scalars': 0}, the
# advice that one finds, is taken without a word and does nothing; {'tensors': 0} keeps all. Files written by
# PyTorch's SummaryWriter are read as scalars, so the same program works for one library and thins the other.
#
# Versions: tensorboard 2.21.0, tensorflow-cpu 2.21.0, numpy 2.4.6.
# Source: tensorboard.backend.event_processing.event_accumulator, DEFAULT_SIZE_GUIDANCE and EventAccumulator._ProcessTensor.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorboard==2.21.0 tensorflow-cpu==2.21.0 numpy==2.4.6 \
    'setuptools<81' 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

writer = tf.summary.create_file_writer('run')
with writer.as_default():
    for step in range(1000):
        tf.summary.scalar('return', float(step), step=step)
writer.close()

for guidance in (None, {'scalars': 0}, {'tensors': 0}):
    read = EventAccumulator('run', size_guidance=guidance).Reload()
    steps = [point.step for point in read.Tensors('return')]
    print('size_guidance', guidance, 'scalars:', read.Tags()['scalars'], 'points:', len(steps), 'the last:', steps[-1])
END

cat > expected << 'END'
size_guidance None scalars: [] points: 10 the last: 999
size_guidance {'scalars': 0} scalars: [] points: 10 the last: 999
size_guidance {'tensors': 0} scalars: [] points: 1000 the last: 999
END

TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
