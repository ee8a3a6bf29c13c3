"""How a program ends: its exit code, and one line on standard error for errors that the user can correct."""

import os
import signal
import sys
import threading
from pathlib import Path

from common import backend
from common.errors import Terminated, UserError

at_end = []  # functions that `main` adds, called when it has ended without an error


def run(main):
    """Runs a program's `main`.

    Exit codes: 0; 2 after a UserError, which is printed as one line; 130 after Ctrl-C; 143 after SIGTERM.
    """
    if hasattr(sys.stdout, 'reconfigure'):  # a terminal or file that cannot show a letter of a path shows its number
        sys.stdout.reconfigure(errors='backslashreplace')
    backend.announce = backend.skip_unneeded = True
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    sys.path.append(os.getcwd())  # so that your own environments are found in the current folder
    at_end.clear()
    try:
        main()
        for function in at_end:
            function()
    except UserError as error:
        sys.exit(_fail(error))
    except MemoryError as error:
        sys.exit(_fail(f'there is not enough memory ({" ".join(str(error).split())}); use smaller settings'))
    except KeyboardInterrupt as error:
        sys.exit(143 if isinstance(error, Terminated) else 130)
    except BrokenPipeError:
        sys.stdout = None  # whoever read the output has stopped, as in `python ppo.py --help | head`
        sys.exit(1)


def _terminate(*_):
    raise Terminated


def _fail(error):
    print(f'{Path(sys.argv[0]).name}: error: {error}', file=sys.stderr)
    return 2
