"""Greedy evaluation over whole episodes, and the command --test: its printed lines, a window, a film."""

import contextlib
import sys
import time
from pathlib import Path

from common.envs import GymnasiumEnvs, check_chosen, derive_seed, envpool_lacks, kept_random_state, make_envs
from common.errors import UserError, printable
from common.running import checkpoint, film
from common.running.checkpoint import sizes_of
from common.running.folders import agent_name, shipped_agent
from common.running.interface import Acting, act
from common.running.logs import Pace

import numpy as np
from tqdm import tqdm

TEST = 2**31  # part of every test seed; training seeds are smaller, so tests and trainings have different episodes


def evaluate(
    agent: Acting, env, episodes, num_envs, seed=0, engine='auto', env_args=None, workers='auto', on_episode=None, greedy=True
):  # fmt: skip
    """Returns the undiscounted returns (episodes,) of the greedy policy, played in up to `num_envs` copies of an environment.

    Each copy plays a number of episodes that is fixed in advance. Counting whichever episodes end first would favour short
    ones. `on_episode(count, episode_return)` is called at the end of each episode. Without `greedy` the agent draws its
    actions. Different seeds give different episodes, and all of them differ from those of a training. UserError as from
    `make_envs`, and if an action is not finite.
    """
    num_envs = min(episodes, num_envs)
    quota = np.full(num_envs, episodes // num_envs)
    quota[: episodes % num_envs] += 1
    open_returns, returns = np.zeros(num_envs), []
    workers = 0 if num_envs == 1 else workers if workers == 'auto' else min(workers, num_envs)
    with kept_random_state(), contextlib.closing(make_envs(env, num_envs, engine, env_args, workers=workers)) as envs:
        state = envs.reset(derive_seed(TEST, seed))
        while len(returns) < episodes:
            state, reward, terminated, truncated, _ = envs.step(act(agent, state, greedy))
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
    """Plays episodes with an agent loaded from `path`; prints the book's lines and the mean return.

    The environment, its arguments and its engine are those of the agent's training unless the options name others. UserError
    if the options contradict the agent file, if the file chooses more than a file may, or if the environment does not fit.
    """
    record = checkpoint.read_record(path)
    trained_on = _choose(path, record, options)
    for name, value in options.given.items():
        if getattr(agent.settings, name) != value:
            raise UserError(f'{path} was trained with {name} {getattr(agent.settings, name)}, not {value}')
    _check_fit(path, record, GymnasiumEnvs(options.env, 1, options.env_args))
    if options.engine == 'auto':
        lacking = envpool_lacks(options.env, options.env_args)
        options.engine = 'gymnasium' if lacking else record.get('engine', 'auto')
    name = agent_name(record['algorithm'], options.env, options.env_args)
    folder = Path(options.record or Path(options.out) / 'image')
    if options.record is not None:
        film.check(options.env, options.env_args, folder)  # before the test, not after it
    place = f'{options.env}, trained on {printable(trained_on)}' if trained_on != options.env else options.env
    print(f'Loaded {path}: {record["algorithm"]} on {place}{_history(agent, path, record, options)}', flush=True)
    drawn = ' with drawn actions' if options.sample else ''
    with testing(options.episodes) as show:
        if options.render:
            window = GymnasiumEnvs(options.env, 1, options.env_args, 'human')
            returns = _play(agent, window, options, options.episodes, show)
        else:
            place = options.seed, options.engine, options.env_args, options.workers
            num_envs = record['settings']['num_envs']
            returns = evaluate(agent, options.env, options.episodes, num_envs, *place, show, greedy=not options.sample)
    print(f'Testing{drawn} | mean return: {np.mean(returns):.2f} | std: {np.std(returns):.2f} | episodes: {len(returns)}')
    if options.record is not None:
        print(f'Filming{drawn} ...', flush=True)
        scenes, seed, film_of = [(agent, '', 3)], derive_seed(TEST, options.seed), folder / name
        how = dict(film.TESTED, greedy=not options.sample)
        played, ended = film.record(film_of, scenes, options.env, options.env_args, seed, **how)
        print(f'Film: {film_of}.mp4, .gif ({played} steps, {ended} whole episodes)')


def _choose(path, record, options):
    """Sets the environment of a test, and its arguments, in the options; returns the environment of the training, or None."""
    trained_on, arguments = record.get('env'), record.get('env_args', {})
    if trained_on is None and not options.env_given:
        raise UserError(f'{path} does not say which environment its agent is for: give it with --env')
    if options.env_given and trained_on not in (None, options.env):
        if not options.model:
            raise UserError(
                f'{path} was trained on {trained_on}, not on {options.env}; --model {path} tests it there all the same'
            )
        arguments = {}
    elif not options.env_given:
        options.env = trained_on
    arguments = {name: value for name, value in arguments.items() if name not in options.env_args}
    check_chosen(path, options.env, arguments, options.env_given)
    options.env_args = {**arguments, **options.env_args}
    return trained_on or options.env


def _check_fit(path, record, envs):
    sizes = {'state_dim': envs.state_dim, 'action_dim': envs.action_dim}
    for (name, size), trained in zip(sizes.items(), sizes_of(record), strict=False):
        if size != trained:
            raise UserError(f'{path} has {name} {record[name]}, but {envs.env_id} has {size}')
    if envs.discrete != (record['action_bound'] is None):
        kinds = ('Box', 'discrete') if envs.discrete else ('discrete', 'Box')
        raise UserError(f'{path} has {kinds[0]} actions, but {envs.env_id} has {kinds[1]} ones')


def _history(agent, path, record, options):
    """What is to be known of an agent's training, in words that go on from its environment."""
    steps = f', {record["steps"]:,} steps, seed {record["seed"]}' if 'steps' in record and 'seed' in record else ''
    engine = record.get('engine', options.engine)
    notes = [] if options.engine in ('auto', engine) else [f'trained with {engine}, tested with {options.engine}']
    planned = options.preset(options.env, options.env_args).steps
    if record.get('env') == options.env and record.get('steps', planned) + agent.settings.batch_steps <= planned:
        notes.append(f"only {record['steps']:,} of the preset's {planned:,} steps")
    if shipped_agent({'env_args': {}} | record | {'env': options.env}) not in (None, Path(path).resolve()):
        notes.append('--shipped tests the agent that ships')
    return f'{steps} ({"; ".join(notes)})' if notes else steps


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
            state, reward, terminated, truncated, _ = envs.step(act(agent, state, greedy=not options.sample))
            open_return += float(reward[0])
            if terminated[0] or truncated[0]:
                returns.append(open_return)
                open_return = 0.0
                on_episode(len(returns), returns[-1])
    return np.array(returns)
