"""Where the files of a run are, how runs keep out of each other's way, and which agent a test loads.

    model/<ALG>_<ENV>/<RUN>/agent.npz, checkpoint.npz       the trained agent, and what --resume continues from
    image/<ALG>_<ENV>/<RUN>.png, .csv, .json                learning curve, raw returns and settings
    model/<ALG>_<ENV>/pretrained.npz                        the agent that ships

A run is named by --name, or after its seed. If the name is taken, the run gets a number: seed0, seed0-2, seed0-3.
"""

import glob
import hashlib
import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path

from common.envs import make_env, recorded
from common.errors import UserError, option
from common.running.files import writing
from common.running.provenance import REPOSITORY

from filelock import FileLock, Timeout

NO_NAME = str.maketrans(dict.fromkeys('/:"*\\<>?|', '-'))  # characters that the name of a folder cannot have on some systems
LONGEST = 60  # letters of an environment's arguments in the name of a folder
PATIENCE = 60  # seconds to wait for a run's lock: a process that has lost its machine may hold it for a while


def agent_name(algorithm, env_id, env_args):
    """The name of an agent's folder: `PPO_Pendulum-v1`, or with arguments `PPO_FrozenLake-v1_is_slippery=false`.

    Where the arguments are long, or more than numbers, words and true or false, their digest stands in for them:
    `PPO_Market-v0_with_1f0c6d2a`. The record holds them.
    """
    arguments = recorded(env_args)
    words = [f'{key}={json.dumps(value).strip(chr(34))}' for key, value in sorted(arguments.items())]
    if len('_'.join(words)) > LONGEST or not all(isinstance(value, str | int | float) for value in arguments.values()):
        words = [f'with_{hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:8]}']
    return '_'.join([algorithm, env_id, *words]).translate(NO_NAME)


@dataclass(frozen=True)
class RunFiles:
    """The paths of a run's files. `folder` holds its agents, `images` the pictures of all runs of this agent."""

    folder: Path
    images: Path

    @property
    def name(self):
        """The name of the run."""
        return self.folder.name

    @property
    def agent(self):
        """The trained agent."""
        return self.folder / 'agent.npz'

    @property
    def best(self):
        """The agent that did best in the tests during its training, if it was to be kept."""
        return self.folder / 'best.npz'

    @property
    def start(self):
        """The agent that the training started from, if it was not a new one."""
        return self.folder / 'start.npz'

    @property
    def checkpoint(self):
        """What the run continues from after an interruption."""
        return self.folder / 'checkpoint.npz'

    @property
    def image(self):
        """Its pictures and tables, without their suffixes."""
        return self.images / self.name

    def stage(self, steps):
        """The agent as it was after `steps` steps of its training."""
        return self.folder / f'step{steps}.npz'


def check_name(name):
    """Returns the name of a run, or None; raises UserError if the name cannot be the name of a folder."""
    if name is not None and not re.fullmatch(r'[\w=,+][\w=,+-]*', name):
        raise UserError(f'{option("name", name)} cannot name a run: use letters, digits and _ = , + -')
    return name


def claim(models, images, name):
    """Creates and locks a folder under `models` for a new run; returns its path and the lock.

    If the name is taken it gets a number. It is also taken if only its curve, under `images`, is left.
    """
    for number in itertools.count(1):
        path = models / (name if number == 1 else f'{name}-{number}')
        if (images / f'{path.name}.json').exists():
            continue
        with writing(path):
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                if path.parent.is_dir():
                    continue
                raise
        return path, lock(path)


def to_resume(models, name, exact):
    """Locks the run to resume; returns its path and the lock.

    Of the runs that have a checkpoint and this name, with or without a number, it is the newest; if `exact`, it is the one
    without. UserError if there is none, or if another process is training it.
    """
    pattern = re.compile(re.escape(name) + ('' if exact else r'(-\d+)?'))
    found = [path.parent for path in models.glob('*/checkpoint.npz') if pattern.fullmatch(path.parent.name)]
    if not found:
        raise UserError(f'there is no checkpoint under {models / name} to resume from; train without {option("resume")}')
    path = max(found, key=lambda one: int(one.name[len(name) + 1 :] or 1))
    return path, lock(path)


def begin_or_resume(models, name, patience=PATIENCE):
    """Locks the run of exactly that name and creates its folder if there is none; returns (path, lock, has_checkpoint).

    If another process holds the lock, this waits for `patience` seconds. UserError as from `lock`.
    """
    path = models / name
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    held = lock(path, patience)
    return path, held, (path / 'checkpoint.npz').exists()


def lock(path, patience=0):
    """Locks a run's folder until the lock is released or the process ends; returns the lock.

    UserError if another process holds it and does not release it within `patience` seconds.
    """
    held = FileLock(path / '.lock')
    with writing(path):
        try:
            held.acquire(timeout=patience)
        except Timeout:
            advice = f'wait for it, or name another run with {option("name")}'
            raise UserError(f'{path} is being trained by another process: {advice}') from None
    return held


def find_agent(options, algorithm):
    """The agent file that a test loads: --model, --name, the newest agent trained here, or the one that ships.

    If no agent matches exactly and no --env-arg was given, it is the newest agent trained with arguments, as long as all of
    them have the same. UserError if there is no agent.
    """
    if options.model:
        return Path(options.model)
    run = glob.escape(options.name) if options.name else '*'
    own, shipped = (Path(options.out), f'{run}/agent.npz'), (REPOSITORY, 'pretrained.npz')
    places = [own] * (not options.shipped) + [shipped] * (not options.name)
    exact = glob.escape(agent_name(algorithm, options.env, options.env_args))
    for name in [exact] if options.env_args else [exact, f'{exact}_*']:
        for root, file in places:
            found = list(root.glob(f'model/{name}/{file}'))
            if len({path.relative_to(root).parts[1] for path in found}) == 1:  # all with the same arguments
                return max(found, key=lambda path: path.stat().st_mtime)
    make_env(options.env, options.env_args).close()  # for a wrong environment this raises a better message
    wanted = Path(options.out) / 'model' / agent_name(algorithm, options.env, options.env_args) / (options.name or '')
    what_to_do = 'train one with --train, or name a file with --model'
    if options.name and (wanted / 'checkpoint.npz').exists():
        what_to_do = f'its training has not ended; to continue, add --resume --name {options.name} to its command'
    raise UserError(f'there is no agent {wanted}: {what_to_do}')


def shipped_agent(record):
    """The file of the agent that ships for a record's algorithm, environment and arguments, or None."""
    path = REPOSITORY / 'model' / agent_name(record['algorithm'], record['env'], record['env_args']) / 'pretrained.npz'
    return path if path.exists() else None
