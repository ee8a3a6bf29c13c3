"""Where a run's files lie, and how no run takes another's.

    model/<ALG>_<ENV>/<RUN>/agent.npz, checkpoint.npz       what a run trained
    image/<ALG>_<ENV>/<RUN>.png, .csv, .json                its learning curve, raw returns and settings
    model/<ALG>_<ENV>/pretrained.npz                        the agent that ships

A run is called after its seed, or by --name; where that name is taken it gets a number: seed0, seed0-2, seed0-3.
"""

import glob
import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path

from common.envs import make_env
from common.errors import UserError
from common.running.checkpoint import writing
from common.running.provenance import REPOSITORY

from filelock import FileLock, Timeout

PATIENCE = 60  # seconds


def agent_name(algorithm, env_id, env_args):
    """`PPO_Pendulum-v1`, with the environment's arguments behind it: `PPO_FrozenLake-v1_is_slippery=false`."""
    arguments = [f'{key}={json.dumps(value).strip(chr(34))}' for key, value in sorted(env_args.items())]
    return '_'.join([algorithm, env_id, *arguments]).translate(str.maketrans('/:"*', '----'))


@dataclass(frozen=True)
class RunFiles:
    """Where the files of a run are: `folder` has its agents, `images` the pictures of all runs of the agent."""

    folder: Path
    images: Path

    @property
    def name(self):
        """The run's."""
        return self.folder.name

    @property
    def agent(self):
        """The trained agent."""
        return self.folder / 'agent.npz'

    @property
    def checkpoint(self):
        """What the run goes on from."""
        return self.folder / 'checkpoint.npz'

    @property
    def image(self):
        """Its pictures and numbers, without their suffixes."""
        return self.images / self.name

    def stage(self, steps):
        """The agent as it was after so many steps of its training."""
        return self.folder / f'step{steps}.npz'


def check_name(name):
    """Raises UserError for a run's name that could not be a folder's beside others; returns it. None is no name."""
    if name is not None and not re.fullmatch(r'[\w=,+][\w=,+-]*', name):
        raise UserError(f"--name '{name}' is no name for a run: letters, digits and _ = , + - make one")
    return name


def claim(models, images, name):
    """Makes and locks the folder of a new run under `models`, whose name no other run has or gets; returns (path, lock).

    A name is taken, too, where only its curve under `images` is left.
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
    """The newest run of that name with a checkpoint, or, if `exact`, the one of just that name, locked: (path, lock).

    Raises UserError where there is none, and where another process is training it.
    """
    pattern = re.compile(re.escape(name) + ('' if exact else r'(-\d+)?'))
    found = [path.parent for path in models.glob('*/checkpoint.npz') if pattern.fullmatch(path.parent.name)]
    if not found:
        raise UserError(f'there is no checkpoint under {models / name} to resume from; train without --resume')
    path = max(found, key=lambda one: int(one.name[len(name) + 1 :] or 1))
    return path, lock(path)


def begin_or_resume(models, name):
    """Locks the run of just that name, whose folder is made where there is none: (path, lock, whether it has a checkpoint).

    A process that has lost its machine may hold on to its run for a while: it is waited for. UserError as in `lock`.
    """
    path = models / name
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    held = lock(path, PATIENCE)
    return path, held, (path / 'checkpoint.npz').exists()


def lock(path, patience=0):
    """The lock of a run's folder, held until it is released or the process ends.

    UserError where another process holds it, and still does after `patience` seconds.
    """
    held = FileLock(path / '.lock')
    with writing(path):
        try:
            held.acquire(timeout=patience)
        except Timeout:
            said = f'{path} is being trained by another process: wait for it, or name another run with --name'
            raise UserError(said) from None
    return held


def find_agent(options, algorithm):
    """The agent file a test should load: --model, --name, the newest one trained here, or the one that ships.

    Where neither has the environment's arguments of the options and those name none, that of the only environment with any.
    Raises UserError where there is none.
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
            if len({path.relative_to(root).parts[1] for path in found}) == 1:  # all of one environment
                return max(found, key=lambda path: path.stat().st_mtime)
    make_env(options.env, options.env_args).close()  # a wrong name deserves its own message
    wanted = Path(options.out) / 'model' / agent_name(algorithm, options.env, options.env_args) / (options.name or '')
    what_to_do = 'train one with --train, or name a file with --model'
    if options.name and (wanted / 'checkpoint.npz').exists():
        what_to_do = f'its training has not ended; the command that began it, with --resume --name {options.name}, goes on'
    raise UserError(f'there is no agent {wanted}: {what_to_do}')


def shipped_agent(record):
    """The agent that ships for the algorithm, environment and arguments of a record, or None."""
    path = REPOSITORY / 'model' / agent_name(record['algorithm'], record['env'], record['env_args']) / 'pretrained.npz'
    return path if path.exists() else None
