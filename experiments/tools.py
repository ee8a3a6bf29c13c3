"""Import this before Ray, Optuna and SciPy: if one of them is not installed, it prints one line and ends the program."""

import os
import sys
from importlib.util import find_spec

NEEDED = {'ray': 'Ray', 'optuna': 'Optuna', 'scipy': 'SciPy'}  # {import name: name for people}

missing = [NEEDED[name] for name in NEEDED if find_spec(name) is None]
if missing:
    program = os.path.basename(sys.argv[0])
    advice = f'run make experiment-tools once, then .venv/bin/python {program}'
    if sys.platform == 'win32':
        python = '.venv\\Scripts\\python'
        advice = f'run {python} -m pip install -r requirements-experiment.txt once, then {python} {program}'
    print(f'{program}: error: {missing[0]} is not installed for this Python ({sys.executable}): {advice}', file=sys.stderr)
    sys.exit(2)
