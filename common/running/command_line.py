"""The command line: flags from a settings dataclass, and what is wrong with them in one line."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from common.envs import ENGINES, check_env, parse_env_args
from common.errors import UserError, nearest
from common.running.folders import check_name
from common.running.provenance import REPOSITORY
from common.running.settings import book_settings, check_seed, check_settings, flag, grouped, preset_settings

OTHER_WORDS = {'lr': 'learning rate', 'batch-size': 'steps in a batch', 'ent-coef': 'entropy'}  # what a flag's meaning may say


def parse(description, settings_type, presets, argv=None):
    """Reads the command line: the options every agent shares, and the settings (preset of the environment, then flags).

    Returns (options, settings); `options.given` names the settings that were flags. Raises UserError.
    """
    argv = sys.argv[1:] if argv is None else argv
    env, env_args, book, env_given = _first_read(argv, presets)
    in_force = book_settings(settings_type) if book else preset_settings(settings_type, presets, env, env_args)
    if {'--help', '-h'} & set(argv):
        check_env(env)
    heading = 'presets (their values come before the defaults, flags before both; --help --env ID shows what is in force):'
    listed = [heading, *(f'  {env}: {_words(preset)}' for env, preset in presets.items())]
    parser = _Parser(
        add_help=False,
        usage='%(prog)s --train | --test [options] [settings]',
        description=description.strip().split('\n\n')[0],
        epilog='' if env_given else '\n'.join(listed),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    modes = parser.add_argument_group('what to do (train, test, or both in that order)')
    modes.add_argument('--help', '-h', action='help', help='show this text')
    modes.add_argument('--train', action='store_true', help='train an agent')
    modes.add_argument('--test', action='store_true', help='show how a trained agent does, acting greedily')
    shared = parser.add_argument_group('options, the same in every agent')
    shared.add_argument('--env', metavar='ID', help=f'environment, default {next(iter(presets))}')
    shared.add_argument('--env-arg', metavar='K=V', action='append', help='argument of the environment; may be repeated')
    shared.add_argument(
        '--engine',
        choices=ENGINES,
        default='auto',
        help='default auto: EnvPool where it has the environment and there are several, else Gymnasium',
    )
    shared.add_argument('--seed', type=_integer, metavar='N', help='default 0; the same seed gives the same run, bit for bit')
    shared.add_argument(
        '--episodes',
        type=_integer,
        default=100,
        metavar='N',
        help='episodes of a test, and of the evaluation after training, default 100',
    )
    shared.add_argument('--book', action='store_true', help="train: the book's run: what its listing has, where it says")
    shared.add_argument(
        '--eager',
        action='store_true',
        help='train: compile nothing, so that print, tf.print, breakpoint() and .numpy() work in a loss; many times slower',
    )
    shared.add_argument('--render', action='store_true', help='test: show a window')
    shared.add_argument(
        '--record',
        nargs='?',
        const='',
        metavar='DIR',
        help='test: write a film of up to three episodes (mp4 and gif) to DIR, default image/ under --out; '
        'train: one of the agent at five moments of its training',
    )
    shared.add_argument('--model', metavar='PATH', help='test: the agent file; default the newest trained here, or the shipped')
    shared.add_argument('--shipped', action='store_true', help='test: the agent that ships, whatever was trained here')
    shared.add_argument(
        '--name', metavar='NAME', help="the run's name, default seedN; where it is taken, a new run gets a number: seed0-2"
    )
    shared.add_argument(
        '--resume',
        action='store_true',
        help='train: go on from the last checkpoint of the run of --name, or of the newest of the seed',
    )
    shared.add_argument(
        '--out', metavar='DIR', default=REPOSITORY, type=Path, help='root of model/ and image/, default this repository'
    )
    shared.add_argument(
        '--save-every',
        type=_integer,
        default=50_000,
        metavar='N',
        help='train: steps between checkpoints, default 50000; they change nothing in the run',
    )
    shared.add_argument(
        '--test-every',
        type=_integer,
        default=0,
        metavar='N',
        help='train: steps between greedy tests that the learning curve shows, 0: never (the default)',
    )
    shared.add_argument('--tensorboard', metavar='DIR', help='train: write scalars for TensorBoard, to a folder a run')
    whose = '--book' if book else f'--env {env}'
    said = f"each line ends with the value under {whose}, (default ...) if that differs, and [the book listing's value]"
    parser.add_argument_group('settings', said)
    for title, fields in grouped(settings_type).items():
        group = parser.add_argument_group(title)
        for field in fields:
            _add_flag(group, field, getattr(in_force, field.name))
    options = parser.parse_args(argv)
    options.given = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(settings_type)
        if getattr(options, field.name) is not None
    }
    for name, value in options.given.items():
        if isinstance(value, list):
            options.given[name] = tuple(value)
    _check_options(options)
    options.seed = options.seed or 0
    options.env, options.env_args, options.env_given = env, env_args, env_given
    return options, check_settings(dataclasses.replace(in_force, **options.given))


def _first_read(argv, presets):
    """The environment, its arguments, whether --book and whether an environment was given: what the help of settings needs."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument('--env')
    parser.add_argument('--env-arg', action='append')
    parser.add_argument('--book', action='store_true')
    known, _ = parser.parse_known_args(argv)
    return known.env or next(iter(presets)), parse_env_args(known.env_arg), known.book, known.env is not None


def of_training(options):
    """What the options say of a training run, by the names that `common.running.run.Run` takes."""
    names = 'env_args', 'engine', 'episodes', 'out', 'name', 'resume', 'record', 'eager'
    names += 'test_every', 'save_every', 'tensorboard'
    return {name: getattr(options, name) for name in names}


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        unknown = message.removeprefix('unrecognized arguments: ')
        if unknown != message:
            meanings = {action.option_strings[0]: action.help for action in self._actions}
            unknown_flag = unknown.split()[0].split('=')[0]
            message = f'unknown flag {unknown_flag}{_meant(unknown_flag, meanings)}; --help lists them all'
        raise UserError(message)


def _check_options(options):
    if not (options.train or options.test):
        raise UserError('say what to do: --train, --test or both; --help lists every flag')
    if options.episodes < 1:
        raise UserError(f'--episodes {options.episodes} is out of range: it must be at least 1')
    check_seed(options.seed or 0)
    check_name(options.name)
    for name in ('render', 'model', 'shipped'):
        if getattr(options, name) not in (None, False) and not options.test:
            raise UserError(f'--{name} goes with --test')
    displays = ('DISPLAY', 'WAYLAND_DISPLAY', 'SDL_VIDEODRIVER')
    if options.render and sys.platform == 'linux' and not any(map(os.environ.get, displays)):
        raise UserError('--render needs a display and there is none; --record writes a film without one')
    if options.save_every < 1:
        raise UserError(f'--save-every {options.save_every} is out of range: it must be at least 1')
    if sum(map(bool, (options.model, options.shipped, options.test and not options.train and options.name))) > 1:
        raise UserError('--model, --shipped and --name each say which agent to test: give one of them')
    if options.train and options.test and (options.model or options.shipped):
        raise UserError('--train --test tests the agent just trained: leave out --model and --shipped, or test it by itself')
    if options.test_every < 0:
        raise UserError(f'--test-every {options.test_every} is out of range: it must be at least 0')
    for name in ('resume', 'test_every', 'tensorboard', 'book', 'eager'):
        if getattr(options, name) and not options.train:
            raise UserError(f'{flag(name)} goes with --train')


def _meant(unknown, meanings):
    """Flags that an unknown one may stand for, as `nearest` says it: its words in a flag or its meaning, else like spelling."""
    words = unknown.lstrip('-').replace('_', '-')
    sounds_like = [known for known in meanings if words in known or known.lstrip('-') in words]
    said = OTHER_WORDS.get(words, words.replace('-', ' '))
    means = [known for known, meaning in meanings.items() if said in meaning]
    return nearest(f'--{words}', meanings, likely=[*sounds_like, *means])


def _add_flag(group, field, value):
    """Adds a setting's flag; its help names the value in force, and the default where that is another."""
    meaning, book = field.metadata['meaning'], field.metadata['book']
    listing = '' if book is None else f' [{_words(book)}]'
    default = '' if value == field.default else f' (default {_words(field.default)})'
    text = f'{meaning}; {_words(value)}{default}{listing}'
    keywords = dict(dest=field.name, default=None, help=text.replace('%', '%%'))
    value = field.default
    if isinstance(value, bool):
        group.add_argument(flag(field.name), action=argparse.BooleanOptionalAction, **keywords)
        return
    one = value[0] if isinstance(value, tuple) else value
    keywords['type'] = {int: _integer, float: _number, str: str}[type(one)]
    if field.metadata['choices']:
        keywords['choices'] = field.metadata['choices']
    else:
        keywords['metavar'] = 'N' if isinstance(one, int) else 'X'
    if isinstance(value, tuple):
        keywords['nargs'] = '+'
    group.add_argument(flag(field.name), **keywords)


def _integer(text):
    """An int from '200000', '200_000' or '2e5'."""
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise ValueError(text) from None
        return int(number)


def _number(text):
    number = float(text)
    if number != number or number in (float('inf'), -float('inf')):
        raise ValueError(text)
    return number


_integer.__name__, _number.__name__ = 'whole number', 'number'


def _words(value):
    if isinstance(value, dict):
        return ' '.join(flag(key) if one is True else f'{flag(key)} {_words(one)}' for key, one in value.items())
    if isinstance(value, tuple):
        return ' '.join(map(_words, value))
    return f'{value:g}' if isinstance(value, float) else str(value)
