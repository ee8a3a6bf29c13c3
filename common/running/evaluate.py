"""Greedy evaluation over whole episodes, and the command --test: its printed lines, a window, a film."""

import contextlib
import sys
import time
from pathlib import Path

from common.envs import GymnasiumEnvs, derive_seed, envpool_lacks, kept_random_state, make_envs
from common.errors import UserError
from common.running import film
from common.running.checkpoint import load, sizes_of
from common.running.folders import agent_name, shipped_agent
from common.running.interface import Acting
from common.running.logs import Pace

import numpy as np
from tqdm import tqdm

TEST = 2**31  # part of every test seed; training seeds are smaller, so tests and trainings have different episodes


def evaluate(agent: Acting, env, episodes, num_envs, seed=0, engine='auto', env_args=None, on_episode=None):
    """Returns the undiscounted returns (episodes,) of the greedy policy, played in up to `num_envs` copies of an environment.

    Each copy plays a number of episodes that is fixed in advance. Counting whichever episodes end first would favour short
    ones. `on_episode(count, episode_return)` is called at the end of each episode. Different seeds give different episodes,
    and all of them differ from those of a training. UserError as from `make_envs`.
    """
    num_envs = min(episodes, num_envs)
    quota = np.full(num_envs, episodes // num_envs)
    quota[: episodes % num_envs] += 1
    open_returns, returns = np.zeros(num_envs), []
    with kept_random_state(), contextlib.closing(make_envs(env, num_envs, engine, env_args)) as envs:
        state = envs.reset(derive_seed(TEST, seed))
        while len(returns) < episodes:
            state, reward, terminated, truncated, _ = envs.step(agent.act(state, greedy=True))
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
    """Plays episodes with the greedy policy of an agent loaded from `path`; prints the book's lines and the mean return.

    The environment, its arguments and its engine are those of the agent's training unless the options name others.
    UserError if the options contradict the agent file or the environment does not fit the agent.
    """
    record = load(path)[1]
    trained_on = record.get('env')
    if trained_on is None and not options.env_given:
        raise UserError(f'{path} does not say which environment its agent is for: give it with --env')
    if options.env_given and trained_on not in (None, options.env):
        raise UserError(f'{path} was trained on {trained_on}, not on {options.env}')
    for name, value in options.given.items():
        if getattr(agent.settings, name) != value:
            raise UserError(f'{path} was trained with {name} {getattr(agent.settings, name)}, not {value}')
    options.env, options.env_args = trained_on or options.env, {**record.get('env_args', {}), **options.env_args}
    envs = GymnasiumEnvs(options.env, 1, options.env_args)
    for size, trained in zip(('state_dim', 'action_dim'), sizes_of(record), strict=False):
        if getattr(envs, size) != trained:
            raise UserError(f'{path} has {size} {record[size]}, but {options.env} has {getattr(envs, size)}')
    if options.engine == 'auto':
        lacking = envpool_lacks(options.env, options.env_args)
        options.engine = 'gymnasium' if lacking else record.get('engine', 'auto')
    steps = f', {record["steps"]:,} steps, seed {record["seed"]}' if 'steps' in record and 'seed' in record else ''
    engine = record.get('engine', options.engine)
    elsewhere = '' if options.engine in ('auto', engine) else f' (trained with {engine}, tested with {options.engine})'
    shipped = shipped_agent({'env_args': {}} | record | {'env': options.env})
    other = '' if shipped in (None, path) else ' (--shipped tests the agent that ships)'
    name = agent_name(record['algorithm'], options.env, options.env_args)
    folder = Path(options.record or Path(options.out) / 'image')
    if options.record is not None:
        film.check(options.env, options.env_args, folder)  # before the test, not after it
    print(f'Loaded {path}: {record["algorithm"]} on {options.env}{steps}{elsewhere}{other}', flush=True)
    with testing(options.episodes) as show:
        if options.render:
            window = GymnasiumEnvs(options.env, 1, options.env_args, 'human')
            returns = _play(agent, window, options, options.episodes, show)
        else:
            place = options.seed, options.engine, options.env_args
            returns = evaluate(agent, options.env, options.episodes, record['settings']['num_envs'], *place, show)
    print(f'Testing | mean return: {np.mean(returns):.2f} | std: {np.std(returns):.2f} | episodes: {len(returns)}')
    if options.record is not None:
        print('Filming ...', flush=True)
        scenes, seed = [(agent, '', 3)], derive_seed(TEST, options.seed)
        played, ended = film.record(folder / name, scenes, options.env, options.env_args, seed, **film.TESTED)
        print(f'Film: {folder / name}.mp4, .gif ({played} steps, {ended} whole episodes)')


@contextlib.contextmanager
def testing(episodes):
    """Shows the progress of a test, with a bar on a terminal and the book's lines; yields the `on_episode` of `evaluate`."""
    started, pace, returns = time.perf_counter(), Pace(), []
    bar = tqdm(total=episodes, unit=' episodes', desc='Testing', disable=None, dynamic_ncols=True, leave=False)

    def show(count, episode_return):
        returns.append(episode_return)
        bar.update()
        bar.set_postfix_str(f'mean return {np.mean(returns):.2f}', refresh=False)
        seconds = time.perf_counter() - started
        if pace.is_time(seconds) or count == episodes:
            bar.write(
                f'Testing | Episode: {count}/{episodes} | Episode Reward: {episode_return:.4f} '
                f'| Running Time: {seconds:.4f} | Mean so far: {np.mean(returns):.2f}',
                file=sys.stdout,
            )

    with bar:
        yield show


def _play(agent, envs, options, episodes, on_episode):
    """Plays episodes one after the other in a window; returns their returns (episodes,)."""
    returns, open_return = [], 0.0
    with contextlib.closing(envs):
        state = envs.reset(derive_seed(TEST, options.seed))
        while len(returns) < episodes:
            state, reward, terminated, truncated, _ = envs.step(agent.act(state, greedy=True))
            open_return += float(reward[0])
            if terminated[0] or truncated[0]:
                returns.append(open_return)
                open_return = 0.0
                on_episode(len(returns), returns[-1])
    return np.array(returns)
