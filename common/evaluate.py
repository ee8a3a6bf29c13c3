"""Greedy evaluation over whole episodes, a window, a film."""

import contextlib
import glob
import json
import math
import os
import time
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
from PIL import Image

from common.checkpoint import load, writing
from common.cli import REPOSITORY
from common.drawing import Apart
from common.envs import GymnasiumEnvs, derive_seed, is_bullet, make_env, make_envs
from common.errors import UserError

TEST = 2**31  # goes into every test seed; no training seed is as large, so tests draw other episodes than training
FILM, LOOP = 620, 125  # pictures in an mp4, at most 30 a second, and in a gif, at most 15 a second


def agent_name(algorithm, env_id, env_args):
    """`PPO_Pendulum-v1`, with the environment's arguments behind it: `PPO_FrozenLake-v1_is_slippery=false`."""
    arguments = [f'{key}={json.dumps(value).strip(chr(34))}' for key, value in sorted(env_args.items())]
    return '_'.join([algorithm, env_id, *arguments]).translate(str.maketrans('/:', '--'))


def evaluate(agent, options, episodes, seed=0, on_episode=None):
    """Undiscounted returns (episodes,) of the greedy policy.

    Every environment plays a number of episodes fixed beforehand, so that short episodes are not counted more often.
    `on_episode(count, episode_return)` is called as each ends. Test seeds differ from training seeds.
    """
    num_envs = min(episodes, 10 if is_bullet(options.env) else 100)  # each of PyBullet's takes 37 MB
    envs = make_envs(options.env, num_envs, options.engine, options.env_args)
    quota = np.full(num_envs, episodes // num_envs)
    quota[: episodes % num_envs] += 1
    open_returns, returns = np.zeros(num_envs), []
    state = envs.reset(derive_seed(TEST, seed))
    while len(returns) < episodes:
        state, reward, terminated, truncated, _ = envs.step(agent.get_action(state, greedy=True))
        open_returns += reward
        for env in np.flatnonzero(terminated | truncated):
            if quota[env]:
                quota[env] -= 1
                returns.append(open_returns[env])
                if on_episode:
                    on_episode(len(returns), open_returns[env])
            open_returns[env] = 0.0
    envs.close()
    return np.array(returns)


def find_agent(options, algorithm):
    """The agent file a test should load: --model, else the agent trained here, else the one that ships.

    Where none has the environment's arguments of the options and those name none, the only one with any. Raises UserError
    where there is none.
    """
    if options.model:
        return Path(options.model)
    name = agent_name(algorithm, options.env, options.env_args)
    exact = glob.escape(name)
    for pattern in (exact,) if options.env_args else (exact, f'{exact}_*'):
        for root, file in ((Path(options.out), 'agent.npz'), (REPOSITORY, 'pretrained.npz')):
            found = list(root.glob(f'model/{pattern}/{file}'))
            if len(found) == 1:
                return found[0]
    make_env(options.env, options.env_args).close()  # a wrong name deserves its own message
    wanted = Path(options.out) / 'model' / name
    raise UserError(f'there is no agent {wanted}: train one with --train, or name a file with --model')


def test(agent, path, options):
    """Runs the greedy policy of the agent loaded from `path` and prints the book's lines and the mean return.

    The environment and its arguments are those the agent was trained with unless the options name others. Raises UserError
    where the environment does not fit the agent.
    """
    record = load(path)[1]
    if options.env_given and options.env != record['env']:
        raise UserError(f'{path} was trained on {record["env"]}, not on {options.env}')
    options.env, options.env_args = record['env'], {**record['env_args'], **options.env_args}
    envs = make_envs(options.env, 1, 'gymnasium', options.env_args)
    for size in ('state_dim', 'action_dim'):
        if getattr(envs, size) != record[size]:
            raise UserError(f'{path} has {size} {record[size]}, but {options.env} has {getattr(envs, size)}')
    envs.close()
    print(f'Loaded {path}: {record["algorithm"]} on {options.env}, {record["steps"]:,} steps, seed {record["seed"]}')
    started = time.perf_counter()
    every = max(1, options.episodes // 20)

    def show(count, episode_return):
        if count % every == 0 or count == options.episodes:
            print(
                f'Testing | Episode: {count}/{options.episodes} | Episode Reward: {episode_return:.4f} '
                f'| Running Time: {time.perf_counter() - started:.4f}'
            )

    if options.render:
        window = GymnasiumEnvs(options.env, 1, options.env_args, 'human')
        returns = _play(agent, window, options, options.episodes, show)
    else:
        returns = evaluate(agent, options, options.episodes, options.seed, show)
    if options.record is not None:
        record_film(agent, options, agent_name(record['algorithm'], options.env, options.env_args))
    print(f'Testing | mean return: {np.mean(returns):.2f} | std: {np.std(returns):.2f} | episodes: {len(returns)}')


def record_film(agent, options, name, episodes=3):
    """Writes `name`.mp4 and `name`.gif of a few greedy episodes, or of the beginning where they are long; needs no display.

    Raises UserError where it cannot.
    """
    folder = Path(options.record or Path(options.out) / 'image')
    os.environ.setdefault('SDL_VIDEODRIVER', 'dummy')
    envs = GymnasiumEnvs(options.env, 1, options.env_args, 'rgb_array')
    rate = envs.metadata.get('render_fps', 30)
    if envs.is_mujoco:
        envs = Apart(options.env, options.env_args)
    every = math.ceil(rate / 30)  # steps to a picture
    thin = math.ceil(rate / every / 15)  # pictures to one of the gif's
    steps, drawn, small = 0, 0, []

    def add():
        nonlocal steps, drawn
        steps += 1
        if (steps - 1) % every:
            return True
        frame = envs.render()
        film.append_data(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])  # H.264 wants even sides
        if drawn % thin == 0 and len(small) < LOOP:
            little = Image.fromarray(frame)
            little.thumbnail((240, 240))
            small.append(np.array(little))
        drawn += 1
        return drawn < FILM

    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with imageio.get_writer(folder / f'{name}.mp4', fps=rate / every, codec='libx264', macro_block_size=2) as film:
            played = len(_play(agent, envs, options, episodes, before_step=add))
        imageio.mimwrite(folder / f'{name}.gif', small, duration=1000 * thin * every / rate, loop=0)
    print(f'Film: {folder / name}.mp4, .gif ({steps} steps, {played} whole episodes)')


def _play(agent, envs, options, episodes, on_episode=None, before_step=None):
    """Plays episodes one after the other in one rendered environment, or until `before_step` says no; returns their returns."""
    returns, open_return = [], 0.0
    with contextlib.closing(envs):
        state = envs.reset(derive_seed(TEST, options.seed))
        while len(returns) < episodes and (before_step is None or before_step()):
            state, reward, terminated, truncated, _ = envs.step(agent.get_action(state, greedy=True))
            open_return += float(reward[0])
            if terminated[0] or truncated[0]:
                returns.append(open_return)
                open_return = 0.0
                if on_episode:
                    on_episode(len(returns), returns[-1])
    return np.array(returns)
