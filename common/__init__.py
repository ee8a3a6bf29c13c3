"""What the chapters take for granted: buffers, networks, environments, flags, files and plots."""

import os
import sys
from importlib.util import find_spec

NEEDED = {  # by the names they are imported by
    'tensorflow': 'TensorFlow',
    'tensorlayer': 'TensorLayer',
    'setuptools': 'setuptools',
    'cv2': 'OpenCV',
    'numpy': 'NumPy',
    'gymnasium': 'Gymnasium',
    'matplotlib': 'Matplotlib',
    'PIL': 'Pillow',
    'imageio': 'imageio',
    'tqdm': 'tqdm',
    'threadpoolctl': 'threadpoolctl',
    'filelock': 'filelock',
}


def _lack():
    """What keeps this Python from running the agents, or ''; found out without importing any package."""
    if not (3, 11) <= sys.version_info < (3, 15):
        return f'Python 3.11 to 3.14 is needed, this is {".".join(map(str, sys.version_info[:3]))} ({sys.executable})'
    if 't' in getattr(sys, 'abiflags', ''):
        return f'TensorFlow is not made for free-threaded Python, which this is ({sys.executable})'
    missing = [NEEDED[name] for name in NEEDED if find_spec(name) is None]
    return f'{missing[0]} is not installed for this Python ({sys.executable})' if missing else ''


lack = _lack()
if lack:
    program = os.path.basename(sys.argv[0])
    advice = f'run make train once, then .venv/bin/python {program}'
    if sys.platform == 'win32':
        advice = f'install it as README.md says, then run .venv\\Scripts\\python {program}'
    print(f'{program}: error: {lack}: {advice}', file=sys.stderr)
    sys.exit(2)
