#!/bin/sh
# Gymnasium's DiscretizeAction never plays the lowest or the highest action, and its middle action is not quite zero.
#
# You would guess that three bins over Pendulum's torque of -2 to 2 mean -2, 0 and 2: full left, nothing, full right. They
# mean -1.333, 0.00000006 and 1.333. The wrapper plays the centre of each bin. With two bins the strongest torque is
# half of what the environment allows, and no number of bins reaches the ends. Full torque left or right, which a
# swing-up mostly wants, cannot be chosen. A DQN behind this wrapper competes with continuous agents that have more
# force. The action "do nothing" pushes by a rounding error.
#
# Versions: gymnasium 1.4.0, numpy 2.4.6.
# Source: gymnasium.wrappers.DiscretizeAction (bin_centers).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gymnasium[classic-control]==1.4.0 numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import gymnasium as gym
from gymnasium.wrappers import DiscretizeAction

for bins in (2, 3, 5, 101):
    env = DiscretizeAction(gym.make('Pendulum-v1'), bins)
    actions = [float(env.action(k)[0]) for k in range(bins)]
    print(bins, 'bins: lowest', round(actions[0], 4), 'highest', round(actions[-1], 4), 'smallest',
          f'{min(map(abs, actions)):.1g}')
END

cat > expected << 'END'
2 bins: lowest -1.0 highest 1.0 smallest 1
3 bins: lowest -1.3333 highest 1.3333 smallest 6e-08
5 bins: lowest -1.6 highest 1.6 smallest 6e-08
101 bins: lowest -1.9802 highest 1.9802 smallest 6e-08
END

venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
