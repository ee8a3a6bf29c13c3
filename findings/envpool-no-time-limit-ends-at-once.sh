#!/bin/sh
# EnvPool ends every episode after its first step when max_episode_steps is -1, which means no limit in Gymnasium.
#
# You would guess that max_episode_steps=-1, moved from gymnasium.make to envpool.make_gymnasium, still means that there is no
# time limit, or is refused like 0 in Gymnasium. EnvPool takes it without a word, and each episode is truncated in its first
# step: CartPole pays 1 an episode whatever the policy does. 0 does the same. A file of one's own as xml_file is not found
# either: EnvPool puts its own folder before the path, even before one that begins with a slash.
#
# Versions: envpool 1.2.5, gymnasium 1.4.0, mujoco 3.6.0, numpy 2.4.6.
# Source: envpool.make_gymnasium (max_episode_steps, xml_file).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envpool==1.2.5 'gymnasium[mujoco]==1.4.0' mujoco==3.6.0 numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import shutil
import warnings
from pathlib import Path

import envpool
import gymnasium as gym
import gymnasium.envs.mujoco
import numpy as np

warnings.simplefilter('ignore')


def lengths(env, vector):
    """How many of the first 30 steps end an episode of CartPole that is pushed left and right in turn."""
    env.reset()
    ends = 0
    for step in range(30):
        action = step % 2
        *_, terminated, truncated, _ = env.step(np.array([action]) if vector else action)
        ends += bool(np.any(truncated))
    return ends


for limit in (-1, 0, 500):
    ends = lengths(envpool.make_gymnasium('CartPole-v1', num_envs=1, seed=0, max_episode_steps=limit), True)
    print(f'EnvPool, max_episode_steps={limit}: {ends} truncations in 30 steps')
print(f'Gymnasium, max_episode_steps=-1: {lengths(gym.make("CartPole-v1", max_episode_steps=-1).unwrapped, False)} truncations')

shutil.copy(Path(gymnasium.envs.mujoco.__path__[0], 'assets', 'ant.xml'), 'mine.xml')
own = str(Path('mine.xml').resolve())
print('Gymnasium, xml_file of one\'s own:', gym.make('Ant-v5', xml_file=own).reset(seed=0)[0].shape)
try:
    envpool.make_gymnasium('Ant-v5', num_envs=1, xml_file=own).reset()
    print('EnvPool, the same file: taken')
except RuntimeError as error:
    print('EnvPool, the same file:', 'not found, another folder before it' if 'envpool' in str(error) and own in str(error) else error)
END

cat > expected << 'END'
EnvPool, max_episode_steps=-1: 15 truncations in 30 steps
EnvPool, max_episode_steps=0: 15 truncations in 30 steps
EnvPool, max_episode_steps=500: 0 truncations in 30 steps
Gymnasium, max_episode_steps=-1: 0 truncations
Gymnasium, xml_file of one's own: (105,)
EnvPool, the same file: not found, another folder before it
END

venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
