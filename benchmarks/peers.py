"""One speed measurement of a peer, run by the peers' own Python: prints training steps per second.

.venv-peers/bin/python benchmarks/peers.py LIBRARY ALGORITHM NUM_ENVS STEPS
"""

import sys
import time
import warnings


def main():
    library, algorithm, num_envs, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    warnings.simplefilter('ignore')
    from stable_baselines3.common.env_util import make_vec_env

    envs = make_vec_env('Pendulum-v1', n_envs=num_envs, seed=0)
    policy = dict(net_arch=dict(pi=[64, 64], vf=[64, 64]))
    if algorithm == 'PPO':
        if library == 'sbx':
            from sbx import PPO
        else:
            from stable_baselines3 import PPO
        batch, special = 4096, dict(batch_size=256, n_epochs=10)
        maker = PPO
    else:
        from sb3_contrib import TRPO

        batch, special = 2048, dict(batch_size=128, cg_max_steps=10, n_critic_updates=20)
        maker = TRPO
    device = {} if library == 'sbx' else {'device': 'cpu'}
    model = maker('MlpPolicy', envs, n_steps=batch // num_envs, policy_kwargs=policy, **special, **device)
    model.learn(batch)  # compilation and other firsts
    started = time.perf_counter()
    model.learn(steps)
    print(steps / (time.perf_counter() - started))


if __name__ == '__main__':
    main()
