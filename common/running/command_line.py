"""The command line of an agent: its flags, their help, and one line for whatever is wrong with them."""

import argparse
import dataclasses
import functools
import os
import sys
from pathlib import Path

from common import errors
from common.envs import ENGINES, check_env, parse_env_args
from common.errors import UserError
from common.running import call, starting
from common.running.folders import check_name
from common.running.provenance import REPOSITORY, version
from common.running.settings import (
    book_settings,
    check_seed,
    check_settings,
    flag,
    former_names,
    grouped,
    meant,
    preset_settings,
)


@errors.naming_flags()
def parse(description, settings_type, presets, argv=None, also=()):
    """Reads the command line of an agent; returns its options and its settings.

    The settings are the environment's preset, or with --book the book's values, and flags replace single ones. `options` has
    what is the same in every agent, and in `given` the settings that were flags, {name: value}. Raises UserError,
    which names the nearest flags for an unknown one. `also`: flags to name as well, of the program that passes these on.
    """
    argv = with_new_names(sys.argv[1:] if argv is None else argv, settings_type)
    env, env_args, book, env_given, start = _first_read(argv, presets)
    if start:
        in_force = starting.settings_of(start, settings_type)
    else:
        in_force = book_settings(settings_type) if book else preset_settings(settings_type, presets, env, env_args)
    if {'--help', '-h'} & set(argv):
        check_env(env)
    parser = _Parser(
        _former_flags(settings_type),
        also,
        usage='%(prog)s --train | --test [options] [settings]',
        description=description.strip().split('\n\n')[0],
        epilog='' if env_given else _list_of(presets),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_options(parser, next(iter(presets)))
    _add_settings(parser, settings_type, in_force, '--book' if book else f'--env {env}')
    options = parser.parse_args(argv)
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(settings_type)}
    options.given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if v is not None}
    _check_options(options)
    options.seed = options.seed or 0
    options.env, options.env_args, options.env_given = env, env_args, env_given
    options.preset = functools.partial(preset_settings, settings_type, presets)  # of the environment that a test will be in
    return options, check_settings(dataclasses.replace(in_force, **options.given))


def of_training(options):
    """The options of a training, by the names that `common.running.run.Run` takes."""
    names = 'env_args', 'engine', 'workers', 'episodes', 'out', 'name', 'resume', 'record', 'watch', 'eager'
    names += 'start_from', 'stop_at', 'test_every', 'keep_best', 'save_every', 'tensorboard'
    return {name: getattr(options, name) for name in names}


def with_new_names(argv, settings_type):
    """The words of a command line, with today's flags for those that settings had before; standard error names the new flag.

    UserError if a setting is given under both names.
    """
    renamed, words, given = _former_flags(settings_type), [], {}
    for word in argv:
        old, equals, value = word.partition('=')
        new = renamed.get(old, old)
        if new in renamed.values() and given.setdefault(new, old) != old:
            raise UserError(f'{given[new]} and {old} are the same setting: give only {new}')
        if new != old:
            tell_new_name(old, new)
        words.append(new + equals + value)
    return words


def _former_flags(settings_type):
    return {flag(old): flag(new) for old, new in former_names(settings_type).items()}


@functools.cache  # an experiment reads the same flags for every run
def tell_new_name(old, new):
    """Prints once that a flag has another name now."""
    print(f'note: {old} is now called {new}', file=sys.stderr)


def _first_read(argv, presets):
    """What the help of the settings depends on.

    The environment, its arguments, whether --book and whether --env was given, and the agent of --start-from or None.
    """
    parser = _Parser()
    parser.add_argument('--env')
    parser.add_argument('--env-arg', action='append')
    parser.add_argument('--book', action='store_true')
    parser.add_argument('--start-from')
    known, _ = parser.parse_known_args(argv)
    start, env_args = starting.agent_of(known.start_from), parse_env_args(known.env_arg)
    if start and known.env in (None, start.record.get('env')):
        env, env_args = starting.env_of(start, known.env, env_args)
        return env, env_args, known.book, True, start
    return known.env or next(iter(presets)), env_args, known.book, known.env is not None, start


def _add_options(parser, env):
    """Adds the flags that every agent has."""
    add = parser.add_argument_group('what to do (train, test, or both in that order)').add_argument
    add('--help', '-h', action='help', help='show this text')
    add('--version', action='version', version=f'%(prog)s {version()}', help="show this project's version")
    add('--train', action='store_true', help='train an agent')
    add('--test', action='store_true', help='show how well a trained agent does, acting greedily')
    add = parser.add_argument_group('options, the same in every agent').add_argument
    add('--env', metavar='ID', help=f'environment, default {env}')
    add('--env-arg', metavar='K=V', action='append', help='an argument of the environment; may be repeated')
    engines = 'default auto: EnvPool if it has the environment and there are several copies, otherwise Gymnasium'
    add('--engine', choices=ENGINES, default='auto', help=engines)
    workers = "processes that step Gymnasium's environments, 0: only this one; default auto: several where steps are slow"
    add('--workers', type=_integer_or_auto, default='auto', metavar='N', help=workers)
    seed = 'default 0; the same seed gives the same run, bit for bit, with the same versions of packages'
    add('--seed', type=_integer, metavar='N', help=seed)
    episodes = (
        'test: episodes to play; train: episodes of the evaluation at the end (--steps is how long to train); default 100'
    )
    add('--episodes', type=_integer, default=100, metavar='N', help=episodes)
    add('--book', action='store_true', help="train: use the settings of the book's listing instead of the preset")
    eager = 'train: compile nothing, so that print, tf.print, breakpoint() and .numpy() work in a loss; many times slower'
    add('--eager', action='store_true', help=eager)
    add('--render', action='store_true', help='test: show a window')
    add('--sample', action='store_true', help='test: draw the actions, as in training, instead of acting greedily')
    film = 'test: write a film of up to three episodes (mp4 and gif) to DIR, default image/ under --out; '
    film += 'train: film the agent at five stages of its training'
    add('--record', nargs='?', const='', metavar='DIR', help=film)
    model = 'test: the agent file; default: the newest agent trained here, otherwise the one that ships'
    add('--model', metavar='PATH', help=model)
    add('--shipped', action='store_true', help='test: the agent that ships, even if you have trained one')
    watch = 'train: show the training in the browser, on a page that only this machine can open'
    add('--watch', action='store_true', help=watch)
    name = "the run's name, default seedN; a new run whose name is taken gets a number: seed0-2"
    add('--name', metavar='NAME', help=name)
    resume = 'train: continue the run called --name, or the newest run of the seed, from its last checkpoint'
    add('--resume', action='store_true', help=resume)
    start = 'train: start from the networks of a trained agent, with its environment and settings unless flags name others'
    add('--start-from', metavar='PATH', help=start)
    stop = 'train: end when the mean return of the last 100 episodes reaches X'
    add('--stop-at', type=_number, metavar='X', help=stop)
    out = 'folder for model/ and image/, default this repository'
    add('--out', metavar='DIR', default=REPOSITORY, type=Path, help=out)
    save = 'train: steps between two checkpoints, default 50000; one is also written after five minutes; they change no run'
    add('--save-every', type=_integer, default=50_000, metavar='N', help=save)
    test = 'train: steps between two greedy tests, which the learning curve shows; default 0: no tests'
    add('--test-every', type=_integer, default=0, metavar='N', help=test)
    add('--keep-best', action='store_true', help='train: keep the agent that did best in the tests of --test-every, too')
    add('--tensorboard', metavar='DIR', help='train: write scalars for TensorBoard to DIR, in one folder for each run')


def _add_settings(parser, settings_type, in_force, whose):
    """Adds the flags of the settings, group by group; their help names the values in force, and the defaults that differ."""
    said = f"meaning; value with {whose}, (default, if it differs), [the book's value, if there is one]"
    parser.add_argument_group('settings', said)
    for title, fields in grouped(settings_type).items():
        group = parser.add_argument_group(title)
        for field in fields:
            value = getattr(in_force, field.name)
            default = '' if value == field.default else f' (default {_words(field.default)})'
            book = '' if field.metadata['book'] is None else f' [{_words(field.metadata["book"])}]'
            text = f'{field.metadata["meaning"]}; {_words(value)}{default}{book}'
            how = dict(dest=field.name, default=None, help=text.replace('%', '%%'))
            group.add_argument(flag(field.name), **how, **_kind(field))


def _kind(field):
    """How argparse reads a setting: by the type of its default."""
    if isinstance(field.default, bool):
        return dict(action=argparse.BooleanOptionalAction)
    several = isinstance(field.default, tuple)
    one = field.default[0] if several else field.default
    kind = dict(type={int: _integer, float: _number, str: str}[type(one)], nargs='+' if several else None)
    if field.metadata['choices']:
        return kind | dict(choices=field.metadata['choices'])
    return kind | dict(metavar='N' if isinstance(one, int) else 'X')


def _list_of(presets):
    """The presets, for the end of the help."""
    heading = 'presets (a preset replaces defaults, a flag replaces both; --help --env ID shows the resulting values):'
    return '\n'.join([heading, *(f'  {env}: {_words(preset)}' for env, preset in presets.items())])


class _Parser(argparse.ArgumentParser):
    """Raises a UserError for what argparse would print and exit for; for an unknown flag it names the nearest ones."""

    def __init__(self, former_flags=None, also=(), **options):
        super().__init__(add_help=False, allow_abbrev=False, **options)
        self.former_flags, self.also = former_flags or {}, also

    def error(self, message):
        unknown = message.removeprefix('unrecognized arguments: ')
        if unknown != message:
            word = unknown.split()[0].split('=')[0]
            meanings = dict.fromkeys(self.also, '') | {action.option_strings[0]: action.help for action in self._actions}
            message = f'unknown flag {word}{meant(flag(word.lstrip("-")), meanings, self.former_flags)}; --help lists them all'
        raise UserError(message)


def _check_options(options):
    if not (options.train or options.test):
        raise UserError('say what to do: --train, --test or both; --help lists every flag')
    check_seed(options.seed or 0)
    check_name(options.name)
    call.check_options(vars(options))
    only_in = {
        'test': 'render sample model shipped',
        'train': 'resume start_from stop_at test_every keep_best tensorboard watch book eager',
    }
    for mode, names in only_in.items():
        wrong = [name for name in names.split() if getattr(options, name) and not getattr(options, mode)]
        if wrong:
            raise UserError(f'{flag(wrong[0])} needs --{mode}: add --{mode}, or leave out {flag(wrong[0])}')
    displays = ('DISPLAY', 'WAYLAND_DISPLAY', 'SDL_VIDEODRIVER')
    if options.render and sys.platform == 'linux' and not any(map(os.environ.get, displays)):
        raise UserError('--render needs a display, and there is none: use --record, which writes a film and needs no display')
    if options.book and options.start_from:
        raise UserError("--start-from brings the agent's own settings: leave out --book")
    if sum(map(bool, (options.model, options.shipped, options.test and not options.train and options.name))) > 1:
        raise UserError('--model, --shipped and --name each say which agent to test: give one of them')
    if options.train and options.test and (options.model or options.shipped):
        raise UserError('--train --test tests the agent just trained: leave out --model and --shipped, or use --test alone')


def _integer(text):
    """An int from '200000', '200_000' or '2e5'."""
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise ValueError(text) from None
        return int(number)


def _integer_or_auto(text):
    return text if text == 'auto' else _integer(text)


def _number(text):
    number = float(text)
    if number != number or number in (float('inf'), -float('inf')):
        raise ValueError(text)
    return number


# argparse says 'invalid whole number value'
_integer.__name__, _integer_or_auto.__name__, _number.__name__ = 'whole number', 'whole number or auto', 'number'


def _words(value):
    """A value, or a preset, as one types it on the command line."""
    if isinstance(value, dict):
        return ' '.join(flag(key) if one is True else f'{flag(key)} {_words(one)}' for key, one in value.items())
    if isinstance(value, tuple):
        return ' '.join(map(_words, value))
    return f'{value:g}' if isinstance(value, float) else str(value)
