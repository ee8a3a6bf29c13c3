#!/bin/sh
# Shimmy gives DeepMind Control's environments the length of a frame, in milliseconds, as their frames a second.
#
# You would guess that a task with 0.01 s between two steps says render_fps = 100. It says 10: the wrapper multiplies the step's
# length by 1000 instead of dividing 1 by it. A film made with that number, as Gymnasium's RecordVideo makes it, shows
# cartpole at a tenth of its speed and walker at 25 frames instead of 40. The number is also written into a dict that all
# environments share, so making a second task changes what the first one says.
#
# Versions: shimmy 2.0.1, dm-control 1.0.38, mujoco 3.6.0, gymnasium 1.4.0, numpy 2.4.6.
# Source: shimmy.dm_control_compatibility.DmControlCompatibilityV0.__init__ (self.metadata["render_fps"]).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'shimmy[dm-control]==2.0.1' dm-control==1.0.38 mujoco==3.6.0 'gymnasium[mujoco]==1.4.0' numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import gymnasium as gym
import shimmy

cartpole = gym.make('dm_control/cartpole-swingup-v0')
step = cartpole.unwrapped.dt
print(f'cartpole: {step} s a step, {1 / step:.0f} steps a second, render_fps {cartpole.metadata["render_fps"]:.0f}')
walker = gym.make('dm_control/walker-walk-v0')
step = walker.unwrapped.dt
print(f'walker: {step} s a step, {1 / step:.0f} steps a second, render_fps {walker.metadata["render_fps"]:.0f}')
print(f'cartpole, once there is a walker: render_fps {cartpole.metadata["render_fps"]:.0f}')
END

cat > expected << 'END'
cartpole: 0.01 s a step, 100 steps a second, render_fps 10
walker: 0.025 s a step, 40 steps a second, render_fps 25
cartpole, once there is a walker: render_fps 25
END

MUJOCO_GL=disable venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
