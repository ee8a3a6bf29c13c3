"""What the benchmarks' command lines share: errors of one line, and the name that is typed to run them."""

import argparse
import sys

from common.errors import UserError
from common.running import program


class Parser(argparse.ArgumentParser):
    """A parser that raises UserError where argparse would print its usage; a module's docstring is its help."""

    def __init__(self, description):
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)

    def error(self, message):
        raise UserError(f'{message}; --help lists every flag')


def run(main):
    """Runs a benchmark's `main` as `program.run` does. Messages and help call it by the name that was typed."""
    sys.argv[0] = f'python -m {sys.modules["__main__"].__spec__.name.removesuffix(".__main__")}'
    program.run(main)
