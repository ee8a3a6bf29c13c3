#!/bin/sh
# Runs with the seeds 0 and 1 share all but one of their environments, in EnvPool and in Gymnasium's SyncVectorEnv.
#
# You would guess that ten runs with the seeds 0 to 9 and 16 environments each see 160 different random environments. Both
# libraries give environment i of a run the seed s + i. So environment 1 of seed 0 is environment 0 of seed 1, and
# so on: there are only 25 different environments, and neighbouring runs have the same first states, shifted by one row.
# The runs also go on alike: with the same actions the shared environments reset to the same states, again and again.
# Error bars over the seeds 0 to 9 therefore say less than they seem to. Seeds that lie far apart, or that SeedSequence has
# mixed, avoid it. CartPole's own vector class, which gymnasium.make_vec takes by default, has one generator for all rows: its
# runs share nothing.
#
# Versions: envpool 1.2.5, gymnasium 1.4.0, numpy 2.4.6.
# Source: envpool.make_gymnasium(seed=...) (C++: seed of an environment = seed + its number), and
# gymnasium.vector.SyncVectorEnv.reset, whose documentation says that a number becomes a list of numbers that count up.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envpool==1.2.5 gymnasium==1.4.0 numpy==2.4.6 \
    2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import envpool
import gymnasium as gym
import numpy as np

ENVS, STEPS = 16, 450  # Pendulum's episodes last 200 steps: each environment is reset three times


def envpool_states(seed):
    envs = envpool.make_gymnasium('Pendulum-v1', num_envs=ENVS, seed=seed)
    states = [envs.reset()[0]]
    states += [envs.step(np.full((ENVS, 1), 0.5, np.float32))[0] for _ in range(STEPS)]
    return np.array(states)


def gymnasium_states(seed):
    envs = gym.make_vec('Pendulum-v1', num_envs=ENVS, vectorization_mode='sync')
    states = [envs.reset(seed=seed)[0]]
    states += [envs.step(np.full((ENVS, 1), 0.5, np.float32))[0] for _ in range(STEPS)]
    return np.array(states)


for states_of in (envpool_states, gymnasium_states):
    runs = [states_of(seed) for seed in range(10)]  # (STEPS + 1, ENVS, 3) each
    whole = {run[:, row].tobytes() for run in runs for row in range(ENVS)}
    print(states_of.__name__, 'environments in ten runs:', 10 * ENVS, 'different ones:', len(whole))
    print('  seed 0 without its first row is seed 1 without its last, in every step:', np.array_equal(runs[0][:, 1:], runs[1][:, :-1]))

runs = [gym.make_vec('CartPole-v1', num_envs=ENVS).reset(seed=seed)[0] for seed in range(10)]
print('CartPole by make_vec, different first states:', len({state.tobytes() for run in runs for state in run}))
END

cat > expected << 'END'
envpool_states environments in ten runs: 160 different ones: 25
  seed 0 without its first row is seed 1 without its last, in every step: True
gymnasium_states environments in ten runs: 160 different ones: 25
  seed 0 without its first row is seed 1 without its last, in every step: True
CartPole by make_vec, different first states: 160
END

venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
