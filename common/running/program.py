"""What runs a program's `main`: exit codes, and one line on standard error for what the user can mend."""

import os
import sys
from pathlib import Path

from common import backend
from common.errors import UserError


def run(main):
    """Runs a program's `main` and exits: 0, 2 after a UserError (one line on standard error), 130 after Ctrl-C."""
    backend.aloud = backend.lean = True
    sys.path.append(os.getcwd())  # one's own environments are looked for where the command is typed
    try:
        main()
    except UserError as error:
        sys.exit(_fail(error))
    except MemoryError as error:
        sys.exit(_fail(f'there is not enough memory ({" ".join(str(error).split())}); smaller settings need less'))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stdout = None  # the reader went away, as in `python ppo.py --help | head`
        sys.exit(1)


def _fail(error):
    print(f'{Path(sys.argv[0]).name}: error: {error}', file=sys.stderr)
    return 2
