"""Greedy evaluation over whole episodes, a window, a film."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from common.checkpoint import load, writing
from common.cli import REPOSITORY
from common.envs import derive_seed, make_env, make_envs
from common.errors import UserError

TEST = 2**31  # goes into every test seed; no training seed is as large, so no test repeats what was trained on


def agent_name(algorithm, env_id, env_args):
    """`PPO_Pendulum-v1`, with the environment's arguments behind it: `PPO_FrozenLake-v1_is_slippery=false`."""
    arguments = [f'{key}={json.dumps(value).strip(chr(34))}' for key, value in sorted(env_args.items())]
    return '_'.join([algorithm, env_id, *arguments]).translate(str.maketrans('/:', '--'))


def evaluate(agent, options, episodes, seed=0, on_episode=None):
    """Undiscounted returns (episodes,) of the greedy policy.

    Every environment plays a number of episodes fixed beforehand, so that short episodes are not counted more often.
    `on_episode(count, episode_return)` is called as each ends. Test seeds differ from training seeds.
    """
    num_envs = min(episodes, 100)
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

    Raises UserError where there is none.
    """
    if options.model:
        return Path(options.model)
    name = agent_name(algorithm, options.env, options.env_args)
    folders = Path(options.out) / 'model' / name, REPOSITORY / 'model' / name
    for path in (folders[0] / 'agent.npz', folders[1] / 'pretrained.npz'):
        if path.exists():
            return path
    make_env(options.env, options.env_args).close()  # a wrong name deserves its own message
    raise UserError(f'there is no agent {folders[0]}: train one with --train, or name a file with --model')


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
        returns = _play(agent, options, 'human', options.episodes, show)[0]
    else:
        returns = evaluate(agent, options, options.episodes, options.seed, show)
    if options.record is not None:
        record_film(agent, options, agent_name(record['algorithm'], options.env, options.env_args))
    print(f'Testing | mean return: {np.mean(returns):.2f} | std: {np.std(returns):.2f} | episodes: {len(returns)}')


def record_film(agent, options, name, episodes=3):
    """Writes `name`.mp4 and `name`.gif of a few greedy episodes; needs no display. Raises UserError where it cannot."""
    import imageio.v3 as iio

    folder = Path(options.record or Path(options.out) / 'image')
    os.environ.setdefault('SDL_VIDEODRIVER', 'dummy')
    _, frames, rate = _play(agent, options, 'rgb_array', episodes)
    shape = frames[0].shape
    frames = [frame[: shape[0] // 2 * 2, : shape[1] // 2 * 2] for frame in frames]  # H.264 wants even sides
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        iio.imwrite(folder / f'{name}.mp4', frames, fps=rate, codec='libx264', macro_block_size=2)
        shrink = max(1, max(shape) // 250)
        thin = max(1, round(rate / 15))
        small = [frame[::shrink, ::shrink] for frame in frames[::thin]]
        iio.imwrite(folder / f'{name}.gif', small, duration=1000 * thin / rate, loop=0)
    print(f'Film: {folder / name}.mp4, .gif ({len(frames)} frames, {episodes} episodes)')


def _play(agent, options, render_mode, episodes, on_episode=None):
    """Plays episodes one after the other in one rendered environment; returns (returns, frames, frames per second)."""
    displays = ('DISPLAY', 'WAYLAND_DISPLAY', 'SDL_VIDEODRIVER')
    if render_mode == 'human' and sys.platform == 'linux' and not any(map(os.environ.get, displays)):
        raise UserError('--render needs a display and there is none; --record writes a film without one')
    env = make_env(options.env, options.env_args, render_mode)
    returns, frames = [], []
    for episode in range(episodes):
        state, _ = env.reset(seed=derive_seed(TEST, options.seed, episode))
        episode_return, ended = 0.0, False
        while not ended:
            if render_mode == 'rgb_array':
                frames.append(env.render())
            action = agent.get_action(np.asarray(state, np.float32), greedy=True)
            action = _for_env(env, action)
            state, reward, terminated, truncated, _ = env.step(action)
            episode_return += reward
            ended = terminated or truncated
        if render_mode == 'rgb_array':
            frames.append(env.render())
        returns.append(episode_return)
        if on_episode:
            on_episode(len(returns), episode_return)
    rate = env.metadata.get('render_fps', 30)
    env.close()
    return np.array(returns), frames, rate


def _for_env(env, action):
    if hasattr(env.action_space, 'n'):
        return int(action + env.action_space.start)
    return np.clip(action, env.action_space.low, env.action_space.high)
