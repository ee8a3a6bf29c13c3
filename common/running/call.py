"""What a program passes to `train`: an environment, settings, and options of a run."""

import dataclasses
import inspect
import math
import sys
from collections.abc import Callable
from numbers import Real
from pathlib import Path
from typing import Any

from common import errors
from common.envs import ENGINES, registered
from common.errors import UserError, option
from common.running import starting
from common.running.run import Run
from common.running.settings import check_settings, former_names, meant, preset_settings, renamed

import numpy as np

# Options that are whole numbers, and the least they may be; workers may also be 'auto'.
COUNTS = {'episodes': 1, 'save_every': 1, 'test_every': 0, 'workers': 0}
KINDS: dict[str, tuple[Any, str]] = {  # of options, and how their error calls them
    'name': (str, 'a text'),
    'out': (str | Path, 'a folder'),
    'tensorboard': (str | Path, 'a folder'),
    'record': (str | Path, "a folder, or '' for the folder of the curves"),
    'stop_at': (Real, 'a finite number'),
    'on_update': (Callable, 'a function of the run and the losses'),
}


CHOICES: dict[str, tuple[Any, ...]] = {
    'engine': ENGINES,
    'resume': (False, True, 'or begin'),
    'eager': (False, True),
    'watch': (False, True),
    'keep_best': (False, True),
}


def of_train(settings_type, presets, env, settings, keywords):
    """What `train` was called with: the environment's id, the settings of the run, checked, and the options for `Run`.

    - `env`: an id, a class of environments or a function that makes one; None: that of `start_from`, else of the first preset
    - `settings`: an object of `settings_type`; None: those of the agent in `start_from`, else the environment's preset
    - `keywords`: options of `Run`, and single settings, which replace those of `settings`, as flags do

    UserError if one of them is none of these.
    """
    fields = {field.name: field.default for field in dataclasses.fields(settings_type)}
    for old, new in former_names(settings_type).items():
        if old in keywords and new in keywords:
            raise UserError(f'{old} and {new} are the same setting: give only {new}')
        if old in keywords:
            print(f'note: {old} is now called {new}', file=sys.stderr)
    options = {name: value for name, value in renamed(keywords, settings_type).items() if value is not None}
    known = [*fields, *list(inspect.signature(Run).parameters)[4:]]
    for name in options:
        if name not in known:
            meanings = {field.name: field.metadata['meaning'] for field in dataclasses.fields(settings_type)}
            likely = meant(name, dict.fromkeys(known, '') | meanings, former_names(settings_type))
            raise UserError(f'train() takes no {name}{likely}')
    if settings is not None and not isinstance(settings, settings_type):
        wanted = f'an object of {settings_type.__module__}.Settings, or None for the preset of the environment'
        raise UserError(f'settings is {settings!r}: it must be {wanted}; pass single settings by name, such as gamma=0.9')
    for name in COUNTS.keys() & options.keys():
        options[name] = _plain(options[name], 0)
    check_options(options)
    given = {name: _plain(options.pop(name), default) for name, default in fields.items() if name in options}
    start = options['start_from'] = starting.agent_of(options.get('start_from'))
    if settings is not None:
        plain = {name: _plain(getattr(settings, name), default) for name, default in fields.items()}
        settings = dataclasses.replace(settings, **plain)
    env = _checked(env, options, start, presets)
    if start:
        settings = settings or starting.settings_of(start, settings_type)
    else:
        preset = preset_settings(settings_type, presets, env, options.get('env_args'))
        if settings is not None and not errors.as_flags and preset not in (settings, settings_type()):
            print(f'The settings are given as a whole: the preset of {env} is not used.')
        settings = settings or preset
    return env, check_settings(dataclasses.replace(settings, **given)), options


def _checked(env, options, start, presets):
    """The id of the environment; `options` gets the environment's arguments, a dict. UserError as `of_train`."""
    env_args = options.get('env_args') or {}
    if not isinstance(env_args, dict) or not all(isinstance(name, str) for name in env_args):
        raise UserError(f"env_args is {env_args!r}: it must be a dict of the environment's arguments by name")
    env_args = {name: value.item() if isinstance(value, np.generic) else value for name, value in env_args.items()}
    env = None if env is None else registered(env)
    if start and env in (None, start.record.get('env')):
        env, env_args = starting.env_of(start, env, env_args)
    options['env_args'] = env_args
    return env or next(iter(presets))


def check_options(options):
    """Raises UserError if one of the options of a run, a dict, is not what `Run` takes."""
    for name, low in COUNTS.items():
        value = options.get(name, low)
        if (name, value) == ('workers', 'auto'):
            continue
        if not isinstance(value, int | np.integer) or isinstance(value, bool):
            wanted = f'a whole number of at least {low}' + " or 'auto'" * (name == 'workers')
            raise UserError(f'{option(name, value)} is not valid: it must be {wanted}')
        if value < low:
            raise UserError(f'{option(name, value)} is out of range: it must be at least {low}')
    for name, (kind, wanted) in KINDS.items():
        value = options.get(name)
        fits = isinstance(value, kind) and not isinstance(value, bool) and (kind is not Real or abs(value) < math.inf)
        if value is not None and not (fits and (kind is not Callable or _takes(value, 2))):
            raise UserError(f'{option(name, value)} is not valid: it must be {wanted}')
    for name, choices in CHOICES.items():
        if options.get(name, choices[0]) not in choices:
            raise UserError(f'{option(name, options[name])} is not one of {", ".join(map(str, choices))}')
    if options.get('keep_best') and not options.get('test_every'):
        tests = f'the agent that does best in the tests of {option("test_every")}'
        raise UserError(f'{option("keep_best")} keeps {tests}: set that, too, for instance {option("test_every", 10_000)}')


def _takes(function, count):
    """Whether a function takes `count` arguments; true where Python cannot tell, as of some that are built in."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _plain(value, default):
    """A setting as the dataclass has it: whole floats, numbers of NumPy, lists and one number for a tuple are taken, too."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(default, tuple) and isinstance(value, Real) and not isinstance(value, bool):
        value = [value]
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        return tuple(_plain(one, default[0]) for one in value)
    whole = type(default) is int and isinstance(value, float) and value.is_integer()
    return int(value) if whole else value
