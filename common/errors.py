"""The one kind of error that is meant for the user's eyes."""

import contextlib
import difflib


class UserError(Exception):
    """One line that says what was wrong, what was expected and what to do; the command line ends with exit code 2."""

    def __str__(self):
        return printable(super().__str__())


class Terminated(KeyboardInterrupt):
    """SIGTERM, which schedulers send, has ended the program in the way Ctrl-C does; the exit code is 143."""


as_flags = False  # whether messages name options as flags of the command line


@contextlib.contextmanager
def naming_flags():
    """Within it, or within a function that it decorates, messages name options as flags of the command line."""
    global as_flags
    before, as_flags = as_flags, True
    try:
        yield
    finally:
        as_flags = before


_ALONE = object()  # the default of a value that may be None


def option(name, value=_ALONE):
    """An option as the user types it: `--batch-steps 5` on the command line, `batch_steps=5` in a program.

    Without a value it is the name alone, `--batch-steps` or `batch_steps`.
    """
    if as_flags:
        flag = f'--{name.replace("_", "-")}'
        return flag if value is _ALONE else f'{flag} {value}'
    return name if value is _ALONE else f'{name}={value!r}'


def env_arg(name='NAME', value='VALUE'):
    """An argument of the environment as the user types it: `--env-arg size=8`, or in a program `env_args={'size': 8}`."""
    return f'--env-arg {name}={value}' if as_flags else f'env_args={{{name!r}: {value}}}'


def nearest(word, known, count=3, likely=()):
    """The known words closest to `word`, `likely` ones first, as a phrase, ' (nearest: a, b)', or '' where none is close."""
    close = [*likely, *difflib.get_close_matches(word, list(known), n=count, cutoff=0.5)]
    return f' (nearest: {", ".join(list(dict.fromkeys(close))[:count])})' if close else ''


def one_line(error):
    """An exception's type and message in one line."""
    return f'{type(error).__name__}: {" ".join(str(error).split())}'


def printable(text):
    """Text that a file may hold, for a terminal: control characters are escaped, so that it stays one line and as it is."""
    return ''.join(one if one.isprintable() else one.encode('unicode_escape').decode() for one in str(text))
