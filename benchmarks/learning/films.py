"""Makes the companion's small films of the agents that ship, for the continuous-control chapter and Box2D.

    make films   or   python -m benchmarks.learning.films

The films go to image/pretrained/. It also draws maps of what the agent that ships for Pendulum has learnt, in image/readme/.
"""

import importlib
import itertools
import tempfile
from pathlib import Path

import ppo
from benchmarks import command_line, report
from benchmarks.learning.cells import AGENTS, BOX2D, CHAPTER, ENVS, METHODS
from common.envs import derive_seed, parse_env_args
from common.running import film
from common.running.checkpoint import load
from common.running.evaluate import TEST
from common.running.folders import agent_name
from common.running.plotting import pendulum_maps

from PIL import Image, ImageSequence
from tqdm import tqdm

SIDE, PICTURES, COLOURS = 160, 75, 64  # pixels of the longer side, pictures, colours: a film has a few hundred kilobytes
MODULES = {name: script.removesuffix('.py') for name, script, _ in AGENTS.values() if name in METHODS}


def shrink(source, target):
    """Writes a smaller copy of the gif `source` to `target`."""
    with Image.open(source) as full:
        pause = full.info['duration']
        pictures = [picture.convert('RGB') for picture in ImageSequence.Iterator(full)][:PICTURES]
    for picture in pictures:
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    pictures = [picture.quantize(COLOURS) for picture in pictures]
    pictures[0].save(target, save_all=True, append_images=pictures[1:], duration=pause, loop=0, optimize=True)


def make_film(method, env):
    """Films the agent that ships for a method and an environment. Does nothing where there is none."""
    flags = ENVS[env][0]
    env_args = parse_env_args(flags[flags.index('--env-arg') + 1 :] if '--env-arg' in flags else [])
    name = agent_name(method.removesuffix('-Clip'), env, env_args)
    path = report.ROOT / 'model' / name / 'pretrained.npz'
    if not path.exists():
        return
    record = load(path)[1]
    agent = importlib.import_module(MODULES[method]).load_agent(path)
    with tempfile.TemporaryDirectory() as folder:  # twice as many pictures: the gif may take only every second
        film.record(
            Path(folder) / name, [(agent, '', 3)], env, record['env_args'], derive_seed(TEST, 0), 2 * PICTURES, PICTURES
        )
        shrink(Path(folder) / f'{name}.gif', report.ROOT / 'image' / 'pretrained' / f'{name}.gif')


def draw_pendulum():
    """Draws the maps of what the agent that ships for Pendulum has learnt."""
    name = 'PPO_Pendulum-v1'
    agent = ppo.load_agent(report.ROOT / 'model' / name / 'pretrained.npz')
    pendulum_maps(report.ROOT / 'image' / 'readme' / name, agent, 'PPO in Pendulum-v1')


def main(argv=None):
    """The command line."""
    command_line.Parser(__doc__).parse_args(argv)
    draw_pendulum()
    for cell in tqdm([*itertools.product(['PPO-Clip', 'TRPO'], BOX2D), *itertools.product(MODULES, CHAPTER)]):
        make_film(*cell)


if __name__ == '__main__':
    command_line.run(main)
