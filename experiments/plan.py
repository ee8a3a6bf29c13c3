"""What an experiment consists of: agents, their variants and seeds, all checked before anything starts."""

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
from common.running.checkpoint import replace, writing
from common.running.folders import NO_NAME
from common.running.provenance import REPOSITORY
from common.running.settings import RENAMED, check_seed, former_names
from experiments import description

AGENTS = 'ppo.py', 'trpo.py', 'a2c.py', 'acktr.py', 'sac.py'
INSTEAD = {  # flags of the agents that an experiment sets itself
    '--seed': 'say --seeds 10, or --seeds 100..109',
    '--out': 'say --storage DIR',
    '--test': 'the evaluation of each run is its test',
    '--train': 'leave it out: that is what it does',
    '--model': 'only a test takes it',
    '--shipped': 'only a test takes it',
    '--render': 'only a test takes it',
}


OWN_FLAGS = (
    '--seeds', '--vary', '--search', '--trials', '--fresh', '--compare', '--resume', '--name', '--storage', '--address',
    '--cores',
)  # fmt: skip


def typed(words):
    """The words of a command as one types them; Windows has its own quotes."""
    return subprocess.list2cmdline(words) if sys.platform == 'win32' else shlex.join(words)


@dataclass(frozen=True)
class Variant:
    """An agent with its flags. `label`: what sets it apart from others in `env`; `folder`: its own in the experiment's."""

    label: str
    env: str
    folder: str
    script: str
    flags: tuple

    def parse(self):
        """The options and settings that its command line has; UserError where the agent would refuse it."""
        return parse(self.script, self.flags)

    def command(self, seed):
        """What one types to repeat a run."""
        return typed(['python', self.script, '--train', *self.flags, '--seed', str(seed)])


@dataclass(frozen=True)
class Job:
    """One run of a variant: its files lie in `folder`, named after its seed."""

    variant: Variant
    seed: int
    folder: str

    @property
    def name(self):
        """The run's, in its folder."""
        return f'seed{self.seed}'

    def __str__(self):
        return f'{self.variant.label} | {self.variant.env} | seed {self.seed}'


@dataclass(frozen=True)
class Experiment:
    """What is written of an experiment, from which it is taken up.

    `search`: the ranges, number of trials and seeds of a search; `points`, what it found: the settings of each variant.
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
        """Its variants; UserError as the module's `variants` raises it."""
        return variants(self.scripts, self.flags, self.vary, self.points)

    def jobs(self, folder):
        """Its runs under a folder, the first seed of every variant before the second."""
        found = self.variants()
        return [Job(one, seed, str(Path(folder) / one.folder)) for seed in self.seeds for one in found]

    def save(self, folder):
        """Writes experiment.json; UserError where the folder cannot be written."""
        with writing(folder):
            temporary = Path(folder, '.experiment.json.partial')
            described = asdict(self) | {'variants': [asdict(one) for one in self.variants()]}
            temporary.write_text(json.dumps(described, indent=1) + '\n')
            replace(temporary, Path(folder, 'experiment.json'))

    def foreign(self):
        """What runs code that is not of this project, as it is typed: agents, and the words of environments in modules."""
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
        """What one types to go on with it."""
        agents, envs = self.foreign()
        return typed(['python', 'experiment.py', *agents, '--resume', str(folder), *envs])


def read(folder):
    """The experiment of a folder; UserError where there is none, or it is damaged."""
    found = description.read(folder)
    found.pop('variants', None)
    return Experiment(**found)


def recorded_jobs(folder):
    """The runs of a folder's experiment, from what is written of them: nothing is imported. UserError as from `read`."""
    found = description.read(folder)
    if 'variants' not in found:
        raise UserError(f'{folder} is of an earlier version of this project: {read(folder).how_to_resume(folder)} renews it')
    variants = [Variant(**one | {'flags': tuple(one['flags'])}) for one in found['variants']]
    return [Job(one, seed, str(Path(folder) / one.folder)) for seed in found['seeds'] for one in variants]


def load(script):
    """The module of an agent's file, looked for here and in the project; UserError where it is none."""
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
        raise UserError(f'{script} is called like {module.__file__}: give it another name')
    lacking = [name for name in ('Settings', 'PRESETS', 'train') if not hasattr(module, name)]
    if lacking:
        raise UserError(f'{script} is no agent to train: it has no {lacking[0]}{nearest(script, AGENTS)}')
    return module


def kinds(script):
    """The settings of an agent, {name: default}, under their former names too."""
    settings_type = load(script).Settings
    found = {field.name: field.default for field in fields(settings_type)}
    return found | {old: found[new] for old, new in former_names(settings_type).items()}


def parse(script, flags):
    """The options and settings of an agent's command line, as the agent reads it; UserError, which names the agent."""
    module = load(script)
    refused = [flag for flag in flags if flag.split('=')[0] in INSTEAD]
    if refused:
        raise UserError(f'{refused[0]} is not for an experiment: {INSTEAD[refused[0].split("=")[0]]}')
    try:
        return command_line.parse(module.__doc__ or '', module.Settings, module.PRESETS, ['--train', *flags], OWN_FLAGS)
    except UserError as error:
        raise UserError(f'{Path(script).name}: {error}') from error


def parse_seeds(text):
    """[0, ..., 9] of '10', [100, ..., 109] of '100..109'; UserError for what is neither."""
    found = re.fullmatch(r'(?:(\d+)\.\.)?(\d+)', text)
    first, last = (0, int(found[2]) - 1) if found and found[1] is None else map(int, found.groups() if found else (1, 0))
    if first > last:
        raise UserError(f'--seeds {text} names no seeds: a number of them, 10, or the first and the last, 100..109')
    check_seed(last)
    return list(range(first, last + 1))


def parse_vary(entries, scripts):
    """[('clip', ['0.1', '0.2']), ...] of ['clip=0.1,0.2', ...]; UserError for a name that no agent has."""
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
    """All variants, agent by agent; a setting is varied in the agents that have it. UserError for what cannot be run.

    With `points`, a list of settings by name, those are the variants instead of a grid.
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
    """Raises UserError where two variants would train the same, as those of clip=0.2 and clip=0.20."""
    runs = [(one.script, one.env, options.engine, settings) for one in found for options, settings in [one.parse()]]
    for (one, run), (other, same) in itertools.combinations(zip(found, runs, strict=True), 2):
        if run == same:
            raise UserError(f'{one.label} and {other.label} are the same settings: leave one of them out')


def words_of(name, value, default):
    """The words of a flag: `--anneal`, `--no-anneal`, `--hidden 64 64`, `--env ID --env-arg K=V`; UserError for neither."""
    flag = f'--{name.replace("_", "-")}'
    if isinstance(default, bool):
        if value.lower() not in ('true', 'false'):
            raise UserError(f'--vary {name}={value}: say true or false')
        return [flag if value.lower() == 'true' else f'--no-{flag[2:]}']
    first, *others = value.split()
    if name == 'env':
        return [flag, first, *(word for other in others for word in ('--env-arg', other))]
    return [flag, first, *others]
