"""One speed measurement of a peer, in the peers' virtual environment: prints training steps per second.

    .venv-peers/bin/python -m benchmarks.speed.peers LIBRARY ALGORITHM ENV NUM_ENVS ENGINE STEPS

With the engine 'gymnasium' one process steps all environments; else each has a process of its own.
"""

import importlib
import sys
import time
import warnings

LIBRARIES = {'stable-baselines3': 'stable_baselines3', 'sb3-contrib': 'sb3_contrib', 'sbx': 'sbx'}


def settings(algorithm, env, num_envs):
    """The batch size of an algorithm, and its settings under the peers' names."""
    if algorithm == 'PPO':
        batch, minibatch = (4096, 256) if env == 'Pendulum-v1' else (2048, 64)
        return batch, dict(n_steps=batch // num_envs, batch_size=minibatch, n_epochs=10)
    if algorithm == 'TRPO':
        return 2048, dict(n_steps=2048 // num_envs, batch_size=128, cg_max_steps=10, n_critic_updates=20)
    if algorithm == 'A2C':
        return 80, dict(n_steps=5)
    return 16, dict(batch_size=256, train_freq=16, gradient_steps=16, learning_starts=500)


def main():
    library, algorithm, env = sys.argv[1:4]
    num_envs, engine, steps = int(sys.argv[4]), sys.argv[5], int(sys.argv[6])
    warnings.simplefilter('ignore')
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

    module = 'pybullet_envs_gymnasium:' if 'Bullet' in env else ''
    envs = make_vec_env(module + env, num_envs, seed=0, vec_env_cls=DummyVecEnv if engine == 'gymnasium' else SubprocVecEnv)
    batch, special = settings(algorithm, env, num_envs)
    networks = dict(pi=[256, 256], qf=[256, 256]) if algorithm == 'SAC' else dict(pi=[64, 64], vf=[64, 64])
    device = {} if library == 'sbx' else {'device': 'cpu'}
    maker = getattr(importlib.import_module(LIBRARIES[library]), algorithm)
    model = maker('MlpPolicy', envs, policy_kwargs=dict(net_arch=networks), **special, **device)
    model.learn(608 if algorithm == 'SAC' else max(batch, 2048))  # compiles, and whatever else only a first call does
    before, started = model.num_timesteps, time.perf_counter()
    model.learn(steps, reset_num_timesteps=False)
    print((model.num_timesteps - before) / (time.perf_counter() - started))


if __name__ == '__main__':
    main()
