"""For the companion: small films of the agents that ship for the continuous-control chapter and Box2D, and a pendulum's maps.

make films
"""

import importlib
import itertools
import os
import sys
import tempfile
from pathlib import Path

import report
from learning_cells import AGENTS, BOX2D, CHAPTER, ENVS, METHODS
from PIL import Image, ImageSequence
from tqdm import tqdm

SIDE, PICTURES, COLOURS = 160, 75, 64  # of a film of a few hundred kilobytes
MODULES = {name: script.removesuffix('.py') for name, script, _ in AGENTS.values() if name in METHODS}


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
    """Films the agent that ships for a method and an environment, where there is one."""
    from common.envs import derive_seed, parse_env_args
    from common.running import film
    from common.running.checkpoint import load
    from common.running.evaluate import TEST
    from common.running.folders import agent_name

    flags = ENVS[env][0]
    env_args = parse_env_args(flags[flags.index('--env-arg') + 1 :] if '--env-arg' in flags else [])
    name = agent_name(method.removesuffix('-Clip'), env, env_args)
    path = report.ROOT / 'model' / name / 'pretrained.npz'
    if not path.exists():
        return
    record = load(path)[1]
    agent = importlib.import_module(MODULES[method]).load_agent(path)
    with tempfile.TemporaryDirectory() as folder:  # the gif takes every second picture at most
        film.record(
            Path(folder) / name, [(agent, '', 3)], env, record['env_args'], derive_seed(TEST, 0), 2 * PICTURES, PICTURES
        )
        shrink(Path(folder) / f'{name}.gif', report.ROOT / 'image' / 'pretrained' / f'{name}.gif')


def draw_pendulum():
    """The maps of what the agent that ships for the pendulum has learnt."""
    import ppo
    from common.running.plotting import pendulum_maps

    name = 'PPO_Pendulum-v1'
    agent = ppo.load_agent(report.ROOT / 'model' / name / 'pretrained.npz')
    pendulum_maps(report.ROOT / 'image' / 'readme' / name, agent, 'PPO in Pendulum-v1')


def main():
    sys.path.insert(0, str(report.ROOT))
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    draw_pendulum()
    for cell in tqdm([*itertools.product(['PPO-Clip', 'TRPO'], BOX2D), *itertools.product(MODULES, CHAPTER)]):
        make_film(*cell)


if __name__ == '__main__':
    main()
