#!/bin/sh
# MuJoCo 3.8 pushes Pusher's object differently than 3.6: a capsule touches a cylinder at four points instead of two.
#
# Gymnasium's robots are compared across MuJoCo's minor versions as if these were equal, and nearly all are: Ant, HalfCheetah,
# Hopper, Humanoid, the pendulums, Reacher, Swimmer and Walker2d give the same bits with 3.6.0 and 3.8.0. You would guess the same
# of Pusher, and a short test agrees, since an arm that moves at random rarely touches the object. In the step in which it
# does, the collision of the wrist, a capsule, with the object, a cylinder, has four contact points in 3.8.0 and two in 3.6.0,
# and the states differ in the third decimal at once. So an agent trained in EnvPool 1.2.5, which is built with 3.6, or with a
# MuJoCo for Python 3.13 or earlier, is tested in another task on Python 3.14, for which 3.8.0 is the first with a wheel.
#
# Versions: mujoco 3.6.0 and 3.8.0, gymnasium 1.4.0, numpy 2.4.6.
# Source: gymnasium.envs.mujoco.pusher_v5 and its pusher_v5.xml; mjData.contact.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 3.6.0 3.8.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check gymnasium==1.4.0 mujoco==$version numpy==2.4.6 \
        imageio==2.38.1 packaging==26.4 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
done
cd "$folder"

cat > check.py << 'END'
import gymnasium as gym
import mujoco
import numpy as np

QPOS = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -0.248, 0.139, -0.0, -0.0]
env = gym.make('Pusher-v5')
env.reset(seed=0)
data, model = env.unwrapped.data, env.unwrapped.model
env.unwrapped.set_state(np.array(QPOS), np.zeros(model.nv))
rng, thing, states = np.random.default_rng(5), model.body('object').id, []
touched = None
for step in range(60):
    env.step(np.clip(rng.normal(0, 3, 7).astype(np.float32), -2, 2))
    states.append(np.concatenate([data.qpos, data.qvel]))
    bodies = [sorted((model.geom_bodyid[one.geom1], model.geom_bodyid[one.geom2])) for one in data.contact[: data.ncon]]
    points = [one for one in bodies if thing in one and 0 not in one]
    if points and not touched:
        touched = f'{mujoco.__version__}: first touched in step {step}, contact points {len(points)}'
        names = [model.body(one).name for one in points[0]]
print(touched, *names)
np.save(mujoco.__version__, states)
END

cat > compare.py << 'END'
import numpy as np

old, new = np.load('3.6.0.npy'), np.load('3.8.0.npy')
(where,) = np.nonzero((old != new).any(axis=1))
print(f'states differ from step {where[0]} on, by up to {abs(old - new).max():.1e}')
END

cat > expected << 'END'
3.6.0: first touched in step 43, contact points 2 r_wrist_roll_link object
3.8.0: first touched in step 43, contact points 4 r_wrist_roll_link object
states differ from step 43 on, by up to 1.6e-02
END

{
    3.6.0/bin/python check.py
    3.8.0/bin/python check.py
    3.6.0/bin/python compare.py
} > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
