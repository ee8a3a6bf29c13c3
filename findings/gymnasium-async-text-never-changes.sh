#!/bin/sh
# Gymnasium's AsyncVectorEnv never delivers a text observation: it always returns the same made-up text.
#
# You would guess that AsyncVectorEnv and SyncVectorEnv return the same observations. With a Text space, the usual way to
# hand an agent its instruction, SyncVectorEnv returns the environments' words, and AsyncVectorEnv returns '000' for ever:
# the first character of the alphabet, repeated to the space's greatest length. There is no warning, and the text lies in
# the space, so a check of the observation passes. Arrays are right, because the parent's arrays are views of the shared
# memory. The text is read from shared memory once, when the vector environment is made, and is a copy.
# AsyncVectorEnv(shared_memory=False) returns the right words.
#
# Versions: gymnasium 1.4.0, numpy 2.4.6.
# Source: gymnasium.vector.AsyncVectorEnv.__init__ (self.observations), vector.utils.shared_memory._read_text_from_shared_memory.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

WORDS = ['go', 'red', 'key']


class Instruction(gym.Env):
    observation_space = gym.spaces.Dict(word=gym.spaces.Text(3), time=gym.spaces.Box(0, 9, (1,), np.float32))
    action_space = gym.spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self.look(), {}

    def look(self):
        return {'word': WORDS[self.time], 'time': np.array([self.time], np.float32)}

    def step(self, action):
        self.time += 1
        return self.look(), 0.0, False, False, {}


if __name__ == '__main__':
    for name, make in [('sync', SyncVectorEnv), ('async', AsyncVectorEnv),
                       ('async, no shared memory', lambda fns: AsyncVectorEnv(fns, shared_memory=False))]:
        envs = make([Instruction, Instruction])
        seen = [envs.reset()[0]] + [{k: v.copy() if k == 'time' else v for k, v in envs.step(np.zeros(2, int))[0].items()}
                                    for _ in range(2)]
        for obs in seen:
            print(f"{name}: word {obs['word']} time {obs['time'].ravel().tolist()} in the space:",
                  envs.observation_space.contains(obs))
        envs.close()
END

cat > expected << 'END'
sync: word ('go', 'go') time [0.0, 0.0] in the space: True
sync: word ('red', 'red') time [1.0, 1.0] in the space: True
sync: word ('key', 'key') time [2.0, 2.0] in the space: True
async: word ('000', '000') time [0.0, 0.0] in the space: True
async: word ('000', '000') time [1.0, 1.0] in the space: True
async: word ('000', '000') time [2.0, 2.0] in the space: True
async, no shared memory: word ('go', 'go') time [0.0, 0.0] in the space: True
async, no shared memory: word ('red', 'red') time [1.0, 1.0] in the space: True
async, no shared memory: word ('key', 'key') time [2.0, 2.0] in the space: True
END

venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
