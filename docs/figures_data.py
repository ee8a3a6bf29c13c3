"""Writes what the moving figures show, as JSON, from the agents that ship and the result files.

    python docs/figures_data.py            into docs/_static/figures/data/
    python docs/figures_data.py DIR        into another folder

agents.json lists the agents of Pendulum, CartPole and FrozenLake, each with its file under agents/; trajectories.json holds
two episodes of CartPole, one that ends in a fall and one at the time limit; curves.json the learning curves of all runs that
are reported.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from benchmarks.learning.cells import read_reported  # noqa: E402 (found on that path)
from common.running import checkpoint  # noqa: E402
from common.running.watch import networks  # noqa: E402

ENVS = 'Pendulum-v1', 'CartPole-v1', 'FrozenLake-v1'
RECORDED = 'PPO_CartPole-v1'
SHOWN = 40  # last steps of a recorded episode
CLUMSINESS = 0.5  # share of random actions in the episode that ends in a fall
DIGITS = 7  # significant ones of a number that is not a weight


def agents():
    """What the page needs of each agent that ships for one of ENVS, by its name; the default environment's only."""
    found = {}
    for path in sorted(ROOT.glob('model/*/pretrained.npz')):
        arrays, record = checkpoint.load(path)
        if record['env'] in ENVS and not record['env_args']:
            found[path.parent.name] = agent(arrays, record)
    return found


def agent(arrays, record):
    """An agent file as JSON can hold it: networks layer by layer, and how to turn their outputs into actions."""
    return {name: record[name] for name in ('algorithm', 'env', 'evaluation')} | networks.described(arrays, record)


def trajectories():
    """The last steps of two episodes of CartPole: of a clumsy agent that falls, and of the same at its best until the limit."""
    path = ROOT / 'model' / RECORDED / 'pretrained.npz'
    record = checkpoint.load(path)[1]
    agent = importlib.import_module(record['algorithm'].partition('-')[0].lower()).load_agent(path)
    clumsy = (episode(agent, record['env'], seed, CLUMSINESS) for seed in range(1000))
    fall = next(one for one in clumsy if one['ends'][-1] == 'terminated' and len(one['rewards']) >= 2 * SHOWN)
    limit = episode(agent, record['env'], 0, 0.0)
    if limit['ends'][-1] != 'truncated':
        raise SystemExit(
            f'figures_data.py: {path} falls before the time limit; train it longer, or name another agent in RECORDED'
        )
    shown = {name: _last(one, SHOWN) for name, one in (('terminated', fall), ('truncated', limit))}
    settings = {name: record['settings'][name] for name in ('gamma', 'lam')}
    return dict(agent=RECORDED, env=record['env'], clumsiness=CLUMSINESS, **settings, episodes=shown)


def episode(agent, env, seed, clumsiness):
    """A whole episode, its rewards as the critic knows them, scaled where the agent scales them: {rewards, values, ends}."""
    from common.envs import make_env

    env, rng = make_env(env), np.random.default_rng(seed)
    state, _ = env.reset(seed=seed)
    states, rewards, ends = [state], [], []
    while not (ends and ends[-1]):
        action = int(agent.get_action(state, greedy=True))
        if rng.random() < clumsiness:
            action = int(rng.integers(env.action_space.n))
        state, reward, terminated, truncated, _ = env.step(action)
        states.append(state)
        rewards.append(float(reward))
        ends.append('terminated' if terminated else 'truncated' if truncated else None)
    env.close()
    moments = getattr(agent.normalizer, 'return_moments', None)
    scale = 1 / np.sqrt(moments.var + 1e-8) if moments else 1.0
    return dict(rewards=_short(np.multiply(rewards, scale)), values=_short(agent.get_value(np.array(states))), ends=ends)


def _last(one, steps):
    return dict(first=len(one['rewards']) - steps, **{name: part[-steps - (name == 'values') :] for name, part in one.items()})


def _short(values):
    return [float(f'{value:.{DIGITS}g}') for value in np.asarray(values, np.float64)]


def curves():
    """Reported runs' mean returns against their steps: {environment: {agent: {seed: {kind: [[steps, return], ...]}}}}."""
    found = {}
    for row in read_reported('curves.csv'):
        run = found.setdefault(row['env'], {}).setdefault(row['agent'], {}).setdefault(row['seed'], {})
        run.setdefault(row['kind'], []).append([int(row['steps']), *_short([float(row['mean_return'])])])
    return found


def write(folder):
    """Writes all files into a folder, which is made where there is none."""
    shipped = agents()
    (folder / 'agents').mkdir(parents=True, exist_ok=True)
    for name, one in shipped.items():
        _write(folder / 'agents' / f'{name}.json', one)
    index = [{'name': name} | {key: one[key] for key in ('algorithm', 'env', 'evaluation')} for name, one in shipped.items()]
    _write(folder / 'agents.json', index)
    _write(folder / 'trajectories.json', trajectories())
    _write(folder / 'curves.json', curves())


def _write(path, content):
    path.write_text(json.dumps(content, separators=(',', ':'), allow_nan=False), encoding='utf-8')


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = ROOT / 'docs' / '_static' / 'figures' / 'data'
    parser.add_argument('folder', nargs='?', type=Path, default=default, metavar='DIR')
    write(parser.parse_args().folder)


if __name__ == '__main__':
    main()
