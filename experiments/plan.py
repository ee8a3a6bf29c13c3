"""The runs of an experiment: agents, their variants and seeds, all checked before training starts."""

import importlib
import itertools
import json
import re
import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from common.envs import make_env
from common.errors import UserError, nearest
from common.running import command_line
from common.running.files import replacing, writing
from common.running.folders import NO_NAME
from common.running.provenance import REPOSITORY
from common.running.settings import RENAMED, check_seed, former_names
from experiments import description

AGENTS = 'ppo.py', 'trpo.py', 'a2c.py', 'acktr.py', 'sac.py'
INSTEAD = {  # flags of the agents that an experiment sets itself
    '--seed': 'use --seeds 10 or --seeds 100..109',
    '--out': 'use --storage DIR',
    '--test': 'each run is evaluated at its end anyway',
    '--train': 'leave it out; an experiment always trains',
    '--model': 'it is only for tests',
    '--shipped': 'it is only for tests',
    '--render': 'it is only for tests',
    '--watch': 'it is for one run; an experiment has its own display, and --tensorboard DIR shows its runs side by side',
}


OWN_FLAGS = (
    '--seeds', '--vary', '--search', '--trials', '--fresh', '--compare', '--resume', '--name', '--storage', '--address',
    '--cores',
)  # fmt: skip


def typed(words):
    """Joins the words of a command into a line to type; Windows has its own quotes."""
    return subprocess.list2cmdline(words) if sys.platform == 'win32' else shlex.join(words)


@dataclass(frozen=True)
class Variant:
    """An agent with its flags. `label`: what distinguishes it from others in `env`; `folder`: its subfolder."""

    label: str
    env: str
    folder: str
    script: str
    flags: tuple

    def parse(self):
        """The options and settings of its command line. UserError if the agent refuses them."""
        return parse(self.script, self.flags)

    def command(self, seed):
        """The command that repeats the run with this seed."""
        return typed(['python', self.script, '--train', *self.flags, '--seed', str(seed)])


@dataclass(frozen=True)
class Job:
    """One run of a variant; `folder` holds its files, which are named after the seed."""

    variant: Variant
    seed: int
    folder: str

    @property
    def name(self):
        """The run's name."""
        return f'seed{self.seed}'

    def __str__(self):
        return f'{self.variant.label} | {self.variant.env} | seed {self.seed}'


@dataclass(frozen=True)
class Experiment:
    """What experiment.json stores, to resume from.

    `search`: the ranges, number of trials and seeds of a search. `points`: its result, the settings of each variant.
    """

    scripts: list
    flags: list
    vary: list
    seeds: list
    command: str
    commit: str
    cwd: str = ''
    search: dict | None = None
    points: list | None = None

    def variants(self):
        """Its variants. UserError as from the module's function `variants`."""
        return variants(self.scripts, self.flags, self.vary, self.points)

    def jobs(self, folder):
        """Its runs, with their files under `folder`; the first seed of every variant comes before the second."""
        found = self.variants()
        return [Job(one, seed, str(Path(folder) / one.folder)) for seed in self.seeds for one in found]

    def save(self, folder):
        """Writes experiment.json. UserError if the folder cannot be written."""
        described = asdict(self) | {'variants': [asdict(one) for one in self.variants()]}
        with writing(folder), replacing(Path(folder, 'experiment.json')) as (file,):
            file.write_text(json.dumps(described, indent=1) + '\n')

    def foreign(self):
        """Its agents and environments with code from outside this project, as typed: (agents, ['--env', ID, ...])."""
        own = [(REPOSITORY / name).resolve() for name in AGENTS]
        places = {script: Path(self.cwd, script) for script in self.scripts}
        places = {script: path if path.is_file() else REPOSITORY / script for script, path in places.items()}
        agents = [script for script, path in places.items() if path.resolve() not in own]
        given = [entry.partition('=')[::2] for entry in self.vary] + [
            pair for point in self.points or () for pair in point.items()
        ]
        said = [value for name, values in given if name.strip().lstrip('-') == 'env' for value in values.split(',')]
        words = iter(self.flags)
        for word in words:
            flag, equals, value = word.partition('=')
            if flag == '--env':
                said.append(value if equals else next(words, ''))
        envs = dict.fromkeys(one.split()[0] for one in said if ':' in one)
        return agents, [word for env in envs for word in ('--env', env)]

    def how_to_resume(self, folder):
        """The command that resumes it."""
        agents, envs = self.foreign()
        return typed(['python', 'experiment.py', *agents, '--resume', str(folder), *envs])


def read(folder):
    """Reads the experiment of a folder. UserError if there is none, or it is damaged."""
    found = description.read(folder)
    found.pop('variants', None)
    return Experiment(**found)


def recorded_jobs(folder):
    """The runs in a folder's experiment.json; imports nothing. UserError as from `read`, or if an earlier version wrote it."""
    found = description.read(folder)
    if 'variants' not in found:
        raise UserError(
            f'{folder} is from an earlier version of this project; to update it, type {read(folder).how_to_resume(folder)}'
        )
    variants = [Variant(**one | {'flags': tuple(one['flags'])}) for one in found['variants']]
    return [Job(one, seed, str(Path(folder) / one.folder)) for seed in found['seeds'] for one in variants]


def load(script):
    """Imports an agent's file, from the current folder or else from the project. UserError if it is not an agent."""
    path = Path(script) if Path(script).is_file() else REPOSITORY / script
    if not path.is_file():
        raise UserError(f"there is no agent '{script}'{nearest(script, AGENTS)}")
    if str(path.resolve().parent) not in sys.path:
        sys.path.append(str(path.resolve().parent))
    try:
        module = importlib.import_module(path.stem)
    except (ImportError, SyntaxError) as error:
        raise UserError(f'{script} cannot be loaded ({error})') from error
    if Path(module.__file__).resolve() != path.resolve():
        raise UserError(f'{script} has the same name as {module.__file__}: give it another name')
    lacking = [name for name in ('Settings', 'PRESETS', 'train') if not hasattr(module, name)]
    if lacking:
        raise UserError(f'{script} is not an agent that can be trained: it has no {lacking[0]}{nearest(script, AGENTS)}')
    return module


def kinds(script):
    """The settings of an agent, {name: default}, with their former names too."""
    settings_type = load(script).Settings
    found = {field.name: field.default for field in fields(settings_type)}
    return found | {old: found[new] for old, new in former_names(settings_type).items()}


def parse(script, flags):
    """The options and settings of an agent's command line, as the agent reads it.

    UserError if the agent refuses them; the message names the agent.
    """
    module = load(script)
    refused = [flag for flag in flags if flag.split('=')[0] in INSTEAD]
    if refused:
        raise UserError(f'{refused[0]} cannot be used in an experiment: {INSTEAD[refused[0].split("=")[0]]}')
    try:
        return command_line.parse(module.__doc__ or '', module.Settings, module.PRESETS, ['--train', *flags], OWN_FLAGS)
    except UserError as error:
        raise UserError(f'{Path(script).name}: {error}') from error


def parse_seeds(text):
    """Reads --seeds: '10' gives [0, ..., 9], '100..109' gives [100, ..., 109]. UserError for any other text."""
    found = re.fullmatch(r'(?:(\d+)\.\.)?(\d+)', text)
    first, last = (0, int(found[2]) - 1) if found and found[1] is None else map(int, found.groups() if found else (1, 0))
    if first > last:
        raise UserError(f'--seeds {text} names no seeds: give a number, such as 10, or a range, such as 100..109')
    check_seed(last)
    return list(range(first, last + 1))


def parse_vary(entries, scripts):
    """Reads --vary: ['clip=0.1,0.2', ...] gives [('clip', ['0.1', '0.2']), ...].

    UserError if no agent has the setting, or if a setting or value is missing or repeated.
    """
    known = {name for script in scripts for name in kinds(script)} | {'env', 'engine'}
    found = {}
    for entry in entries:
        name, _, values = entry.partition('=')
        name, values = name.strip().lstrip('-').replace('-', '_'), [value.strip() for value in values.split(',')]
        if name not in known:
            raise UserError(f"--vary {entry}: there is no setting '{name}'{nearest(name, known - RENAMED.keys())}")
        if not all(values) or len(set(values)) < len(values) or name in found:
            raise UserError(f'--vary {entry}: name the setting once, and each of its values once, as in --vary clip=0.1,0.2')
        found[name] = values
    return list(found.items())


def variants(scripts, flags, vary, points=None):
    """All variants, agent by agent; an agent skips settings that it does not have. UserError if a variant cannot be run.

    Without `points` the variants are the grid of `vary`. With `points`, a list of {setting: value}, each point is a variant.
    """
    vary, found, places = parse_vary(vary, scripts), [], {}
    for script in scripts:
        defaults = kinds(script) | dict(env='', engine='')
        own = [[(name, value) for value in values] for name, values in vary if name in defaults]
        for given in points or map(dict, itertools.product(*own)):
            words = [word for name, value in given.items() for word in words_of(name, value, defaults[name])]
            options, _ = parse(script, [*flags, *words])
            places[options.env, repr(options.env_args)] = options.env, options.env_args
            env = ' '.join([options.env, *(f'{key}={json.dumps(value)}' for key, value in options.env_args.items())])
            parts = [Path(script).stem] if len(scripts) > 1 or not given.keys() - {'env'} else []
            parts += [f'{name}={value}' for name, value in given.items() if name != 'env']
            folder = ','.join([*parts, env] if 'env' in given else parts).translate(NO_NAME | {ord(' '): '-'})
            found.append(Variant(', '.join(parts), env, folder, script, (*flags, *words)))
    for one, other in itertools.combinations(found, 2):
        if one.folder == other.folder:
            raise UserError(f'{one.label} would be run twice: name each agent once')
    for env, args in places.values():
        make_env(env, args).close()
    return found


def check_different(found):
    """Raises UserError if two variants would train the same, such as clip=0.2 and clip=0.20."""
    runs = [(one.script, one.env, options.engine, settings) for one in found for options, settings in [one.parse()]]
    for (one, run), (other, same) in itertools.combinations(zip(found, runs, strict=True), 2):
        if run == same:
            raise UserError(f'{one.label} and {other.label} are the same settings: leave one of them out')


def words_of(name, value, default):
    """The words of a flag: `--anneal`, `--no-anneal`, `--hidden 64 64`, `--env ID --env-arg K=V`.

    UserError if a setting that is on or off gets a value other than true or false.
    """
    flag = f'--{name.replace("_", "-")}'
    if isinstance(default, bool):
        if value.lower() not in ('true', 'false'):
            raise UserError(f'--vary {name}={value}: the value must be true or false')
        return [flag if value.lower() == 'true' else f'--no-{flag[2:]}']
    first, *others = value.split()
    if name == 'env':
        return [flag, first, *(word for other in others for word in ('--env-arg', other))]
    return [flag, first, *others]
