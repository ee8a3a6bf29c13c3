"""Greedy evaluation over whole episodes, a window, a film."""

import os
import sys
import time
from pathlib import Path

import numpy as np

from common.checkpoint import writing
from common.envs import make_env, make_envs
from common.errors import UserError

TEST_SEED = 10_000  # test seeds start here: away from the training seeds that people use


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
    state = envs.reset(TEST_SEED + seed)
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


def test(agent, options):
    """Runs the greedy policy for `options.episodes` episodes and prints the book's lines and the mean return."""
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
        state, _ = env.reset(seed=TEST_SEED + options.seed + episode)
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
