#!/bin/sh
# DQN of Stable-Baselines3 throws one coin for all its environments: either every one explores in a step, or none.
#
# You would guess that with an exploration rate of 0.5 each of eight environments explores in half of its steps, about four of
# them at a time. But predict() draws one number for the whole batch of states: in half of the steps all eight actions are
# random, in the others all are greedy. The average is right and the data are not: a step of eight environments adds eight
# random transitions to the replay buffer, or none, so the environments are less independent than their number says.
# The number comes from NumPy's global generator, so anything else that draws from it changes the run.
#
# Versions: stable-baselines3 2.9.0, torch 2.13.0, gymnasium 1.4.0, numpy 2.4.6.
# Source: stable_baselines3.dqn.dqn.DQN.predict.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check stable-baselines3==2.9.0 torch==2.13.0 gymnasium==1.4.0 \
    numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import numpy as np
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_vec_env

envs = make_vec_env('Acrobot-v1', 8, seed=0)
agent = DQN('MlpPolicy', envs, seed=0, device='cpu')
agent.exploration_rate = 0.5
states = envs.reset()
greedy = agent.predict(states, deterministic=True)[0]
# A random one of three actions is the greedy one in a third of the cases: 2.7 others are expected if four explore.
others = [int((agent.predict(states)[0] != greedy).sum()) for _ in range(1000)]
print('steps in which so many of eight actions were not greedy:', np.bincount(others, minlength=9).tolist())
each = [int((np.random.default_rng(seed).random(8) < 0.5 * 2 / 3).sum()) for seed in range(1000)]
print('with a coin for each environment:', np.bincount(each, minlength=9).tolist())
END

cat > expected << 'END'
steps in which so many of eight actions were not greedy: [483, 1, 7, 32, 81, 149, 158, 71, 18]
with a coin for each environment: [44, 163, 271, 276, 153, 80, 10, 3, 0]
END

venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
