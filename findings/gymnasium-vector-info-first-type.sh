#!/bin/sh
# Gymnasium's vector environments give an entry of info the type of the first value that arrives, and squeeze the others into it.
#
# You would guess that info['prob'] holds what each environment reported. FrozenLake reports the integer 1 after a reset and
# the float 1/3 after a step. When the first of three environments resets while the others step, the array for the whole row
# becomes an integer array, and the others' 1/3 turns into 0. The mask info['_prob'] still says that all three are valid.
# When a later environment resets, the array is one of floats and all is well, so the error comes and goes.
# Anyone who logs numbers from info, or weights by them, gets wrong zeros. A custom environment that reports 0 in one
# place and 0.5 in another meets the same.
#
# Versions: gymnasium 1.4.0, numpy 2.4.6.
# Source: gymnasium.vector.VectorEnv._add_info (also used by AsyncVectorEnv), gymnasium.envs.toy_text.frozen_lake.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import gymnasium as gym
import numpy as np

envs = gym.make_vec('FrozenLake-v1', num_envs=3, vectorization_mode='sync')
envs.reset(seed=1)
rng = np.random.default_rng(0)
reset = np.zeros(3, bool)
for step in range(6):
    _, _, terminated, truncated, info = envs.step(rng.integers(0, 4, 3))
    print('step', step, 'reset:', reset.tolist(), 'prob:', info['prob'].round(3).tolist(), 'valid:', info['_prob'].tolist())
    reset = terminated | truncated
END

cat > expected << 'END'
step 0 reset: [False, False, False] prob: [0.333, 0.333, 0.333] valid: [True, True, True]
step 1 reset: [False, False, False] prob: [0.333, 0.333, 0.333] valid: [True, True, True]
step 2 reset: [False, True, False] prob: [0.333, 1.0, 0.333] valid: [True, True, True]
step 3 reset: [False, False, False] prob: [0.333, 0.333, 0.333] valid: [True, True, True]
step 4 reset: [True, False, False] prob: [1, 0, 0] valid: [True, True, True]
step 5 reset: [False, False, True] prob: [0.333, 0.333, 1.0] valid: [True, True, True]
END

venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
