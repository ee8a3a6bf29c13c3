"""Small films of the agents that ship for the continuous-control chapter and for Box2D, the README's grids of them, its maps.

make films
"""

import importlib
import itertools
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import report
from learning import AGENTS, BOX2D, CHAPTER, ENVS
from PIL import Image, ImageSequence
from tqdm import tqdm

SIDE, PICTURES, COLOURS = 160, 75, 64  # of a film of a few hundred kilobytes
MODULES = {name: script.removesuffix('.py') for name, script, _ in AGENTS.values() if name != 'PPO-Penalty'}


def shrink(source, target):
    """Writes the gif `source` smaller to `target`."""
    with Image.open(source) as film:
        pause = film.info['duration']
        pictures = [picture.convert('RGB') for picture in ImageSequence.Iterator(film)][:PICTURES]
    for picture in pictures:
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    pictures = [picture.quantize(COLOURS) for picture in pictures]
    pictures[0].save(target, save_all=True, append_images=pictures[1:], duration=pause, loop=0, optimize=True)


def make_film(method, env):
    """Films the agent that ships for a cell of a grid; returns the name it is filed under, None where there is none."""
    from common import film
    from common.checkpoint import load
    from common.envs import derive_seed, parse_env_args
    from common.evaluate import TEST
    from common.folders import agent_name

    flags = ENVS[env][0]
    env_args = parse_env_args(flags[flags.index('--env-arg') + 1 :] if '--env-arg' in flags else [])
    name = agent_name(method.removesuffix('-Clip'), env, env_args)
    path = report.ROOT / 'model' / name / 'pretrained.npz'
    if not path.exists():
        return None
    record = load(path)[1]
    agent = importlib.import_module(MODULES[method]).load_agent(path)
    with tempfile.TemporaryDirectory() as folder:  # the gif takes every second picture at most
        film.record(
            Path(folder) / name, [(agent, '', 3)], env, record['env_args'], derive_seed(TEST, 0), 2 * PICTURES, PICTURES
        )
        shrink(Path(folder) / f'{name}.gif', report.ROOT / 'image' / 'pretrained' / f'{name}.gif')
    return name, np.round(record['evaluation']['mean_return'])


def draw_pendulum():
    """The READMEs' maps of what the agent that ships for the pendulum has learnt."""
    import ppo
    from common.plotting import pendulum_maps

    name = 'PPO_Pendulum-v1'
    agent = ppo.load_agent(report.ROOT / 'model' / name / 'pretrained.npz')
    pendulum_maps(report.ROOT / 'image' / 'readme' / name, agent, 'PPO in Pendulum-v1')


def write_grid(name, methods, envs):
    """A grid of both READMEs: a row a method, a column an environment, the agent's greedy return below its film."""
    films = {cell: make_film(*cell) for cell in tqdm(list(itertools.product(methods, envs)), desc=name)}
    lines = []
    for method in methods:
        cells = []
        for env in envs:
            file, value = films[method, env] or (None, 0)
            cells.append(f'![{method} in {env}](image/pretrained/{file}.gif)<br>{value:,.0f}' if file else '-')
        lines.append([method, *cells])
    header = ['', *envs]
    report.put(name, report.table(header, lines), report.table(header, lines))


def main():
    sys.path.insert(0, str(report.ROOT))
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    draw_pendulum()
    write_grid('films-box2d', ['PPO-Clip', 'TRPO'], BOX2D)
    write_grid('films', list(MODULES), list(CHAPTER))


if __name__ == '__main__':
    main()
