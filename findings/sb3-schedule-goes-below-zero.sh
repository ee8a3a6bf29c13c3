#!/bin/sh
# Stable-Baselines3's last update climbs the loss: the learning rate of a linear schedule is negative there.
#
# You would guess that a schedule is called with what is left of the training, from 1 to 0, and that the usual linear one,
# progress_remaining * initial_value, ends at a learning rate of 0. But on-policy algorithms finish the batch in which
# total_timesteps is reached, and progress_remaining is 1 - steps / total_timesteps: in the last update it is below 0. With
# 5,000 steps in batches of 2,048 the third and last update has -0.23 times the learning rate. Adam then takes its steps
# uphill, ten epochs long, and that policy is what learn() leaves. A clip_range with the same schedule is negative, too:
# the ratio is then clipped to the single value 1 + 0.046, on the wrong side of 1, and every policy is outside. Nothing is said.
# A multiple of the batch as total_timesteps avoids it, and so does max(0, progress_remaining) in the schedule.
#
# Versions: stable-baselines3 2.9.0, torch 2.13.0, gymnasium 1.4.0, numpy 2.4.6.
# Source: stable_baselines3.common.base_class.BaseAlgorithm._update_current_progress_remaining,
# on_policy_algorithm.OnPolicyAlgorithm.learn.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check stable-baselines3==2.9.0 torch==2.13.0 gymnasium==1.4.0 \
    numpy==2.4.6 2> "$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

cat > check.py << 'END'
import torch
from stable_baselines3 import PPO


def linear(initial_value):
    return lambda progress_remaining: progress_remaining * initial_value


class Told(PPO):
    def train(self):
        with torch.no_grad():
            before = torch.nn.utils.parameters_to_vector(self.policy.parameters()).clone()
        super().train()
        after = torch.nn.utils.parameters_to_vector(self.policy.parameters())
        rate, clip = self.policy.optimizer.param_groups[0]['lr'], self.clip_range(self._current_progress_remaining)
        moved = bool((after != before).any())
        print(f'steps {self.num_timesteps} progress {self._current_progress_remaining:.3f}', end=' ')
        print(f'learning rate {rate:.2e} clip range {clip:.3f} weights moved: {moved}')


Told('MlpPolicy', 'CartPole-v1', linear(3e-4), n_steps=2048, clip_range=linear(0.2), seed=0, device='cpu').learn(5000)
END

cat > expected << 'END'
steps 2048 progress 0.590 learning rate 1.77e-04 clip range 0.118 weights moved: True
steps 4096 progress 0.181 learning rate 5.42e-05 clip range 0.036 weights moved: True
steps 6144 progress -0.229 learning rate -6.86e-05 clip range -0.046 weights moved: True
END

venv/bin/python check.py > seen 2> log || { cat log; exit 1; }
cat seen
diff expected seen || { echo 'The output has changed: < expected, > seen.'; exit 1; }
echo 'As expected.'
