"""Greedy evaluation over whole episodes, a window, a film."""

import json
import os
import time
from pathlib import Path

import imageio.v2 as imageio
import numpy as np

from common.checkpoint import load, writing
from common.cli import REPOSITORY
from common.envs import GymnasiumEnvs, derive_seed, make_env, make_envs
from common.errors import UserError

TEST = 2**31  # goes into every test seed; no training seed is as large, so tests draw other episodes than training


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
        window = GymnasiumEnvs(options.env, 1, options.env_args, 'human')
        returns = _play(agent, window, options, options.episodes, show)
    else:
        returns = evaluate(agent, options, options.episodes, options.seed, show)
    if options.record is not None:
        record_film(agent, options, agent_name(record['algorithm'], options.env, options.env_args))
    print(f'Testing | mean return: {np.mean(returns):.2f} | std: {np.std(returns):.2f} | episodes: {len(returns)}')


def record_film(agent, options, name, episodes=3):
    """Writes `name`.mp4 and `name`.gif of a few greedy episodes; needs no display. Raises UserError where it cannot."""
    folder = Path(options.record or Path(options.out) / 'image')
    os.environ.setdefault('SDL_VIDEODRIVER', 'dummy')
    envs = GymnasiumEnvs(options.env, 1, options.env_args, 'rgb_array')
    rate = envs.envs[0].metadata.get('render_fps', 30)
    thin, small = max(1, round(rate / 15)), []
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        film = imageio.get_writer(folder / f'{name}.mp4', fps=rate, codec='libx264', macro_block_size=2)

        def add(count):
            frame = envs.envs[0].render()
            if frame is None:
                raise UserError(f'{options.env} draws no pictures: its render() returned nothing')
            film.append_data(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])  # H.264 wants even sides
            if count % thin == 0:
                shrink = max(1, max(frame.shape) // 250)
                small.append(frame[::shrink, ::shrink])

        _play(agent, envs, options, episodes, on_frame=add)
        film.close()
        imageio.mimwrite(folder / f'{name}.gif', small, duration=1000 * thin / rate, loop=0)
    print(f'Film: {folder / name}.mp4, .gif ({episodes} episodes)')


def _play(agent, envs, options, episodes, on_episode=None, on_frame=None):
    """Plays episodes one after the other in one rendered environment; returns their returns."""
    state = envs.reset(derive_seed(TEST, options.seed))
    returns, open_return, frames = [], 0.0, 0
    while len(returns) < episodes:
        if on_frame:
            on_frame(frames)
            frames += 1
        state, reward, terminated, truncated, _ = envs.step(agent.get_action(state, greedy=True))
        open_return += float(reward[0])
        if terminated[0] or truncated[0]:
            returns.append(open_return)
            open_return = 0.0
            if on_episode:
                on_episode(len(returns), returns[-1])
    envs.close()
    return np.array(returns)
