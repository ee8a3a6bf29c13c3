"""Greedy evaluation over whole episodes, a window, a film."""

import contextlib
import math
import os
import time
from pathlib import Path

from common.checkpoint import load, writing
from common.envs import GymnasiumEnvs, derive_seed, envpool_lacks, make_envs
from common.envs.apart import Apart
from common.errors import UserError
from common.folders import agent_name, shipped_agent

import imageio.v2 as imageio
import numpy as np
from PIL import Image

TEST = 2**31  # goes into every test seed; no training seed is as large, so tests draw other episodes than training
FILM, LOOP = 620, 125  # pictures in an mp4, at most 30 a second, and in a gif, at most 15 a second


def evaluate(agent, env, episodes, num_envs, seed=0, engine='auto', env_args=None, on_episode=None):
    """Undiscounted returns (episodes,) of the greedy policy in at most `num_envs` copies of an environment.

    Every copy plays a number of episodes fixed beforehand, so that short episodes are not counted more often.
    `on_episode(count, episode_return)` is called as each ends. Each seed draws other episodes, and none draws training's.
    """
    num_envs = min(episodes, num_envs)
    quota = np.full(num_envs, episodes // num_envs)
    quota[: episodes % num_envs] += 1
    open_returns, returns = np.zeros(num_envs), []
    with contextlib.closing(make_envs(env, num_envs, engine, env_args)) as envs:
        state = envs.reset(derive_seed(TEST, seed))
        while len(returns) < episodes:
            state, reward, terminated, truncated, _ = envs.step(agent.get_action(state, greedy=True))
            open_returns += reward
            for i in np.flatnonzero(terminated | truncated):
                if quota[i]:
                    quota[i] -= 1
                    returns.append(open_returns[i])
                    if on_episode:
                        on_episode(len(returns), open_returns[i])
                open_returns[i] = 0.0
    return np.array(returns)


def test(agent, path, options):
    """Runs the greedy policy of the agent loaded from `path` and prints the book's lines and the mean return.

    The environment, its arguments and its engine are those the agent was trained with unless the options name others. Raises
    UserError where the environment does not fit the agent.
    """
    record = load(path)[1]
    trained_on = record.get('env')
    if trained_on is None and not options.env_given:
        raise UserError(f'{path} does not say which environment its agent is for: name it with --env')
    if options.env_given and trained_on not in (None, options.env):
        raise UserError(f'{path} was trained on {trained_on}, not on {options.env}')
    for name, value in options.given.items():
        if getattr(agent.settings, name) != value:
            raise UserError(f'{path} was trained with {name} {getattr(agent.settings, name)}, not {value}')
    options.env, options.env_args = trained_on or options.env, {**record.get('env_args', {}), **options.env_args}
    envs = GymnasiumEnvs(options.env, 1, options.env_args)
    for size in ('state_dim', 'action_dim'):
        if getattr(envs, size) != record[size]:
            raise UserError(f'{path} has {size} {record[size]}, but {options.env} has {getattr(envs, size)}')
    if options.engine == 'auto':
        lacking = envpool_lacks(options.env, options.env_args)
        options.engine = 'gymnasium' if lacking else record.get('engine', 'auto')
    steps = f', {record["steps"]:,} steps, seed {record["seed"]}' if 'steps' in record and 'seed' in record else ''
    engine = record.get('engine', options.engine)
    elsewhere = '' if options.engine in ('auto', engine) else f' (trained with {engine}, tested with {options.engine})'
    shipped = shipped_agent({'env_args': {}} | record | {'env': options.env})
    other = '' if shipped in (None, path) else ' (with --shipped: the agent that ships)'
    print(f'Loaded {path}: {record["algorithm"]} on {options.env}{steps}{elsewhere}{other}')
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
        place = options.seed, options.engine, options.env_args
        returns = evaluate(agent, options.env, options.episodes, record['settings']['num_envs'], *place, show)
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
