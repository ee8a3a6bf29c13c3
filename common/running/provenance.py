"""What a result was made with: the project's commit, the processor, and the versions of the packages that matter."""

import functools
import importlib.metadata
import platform
import re
import subprocess
import sys
from pathlib import Path

from common.envs.cores import usable

PACKAGES = ('tensorflow', 'keras', 'tensorlayer', 'gymnasium', 'envpool', 'mujoco', 'pybullet', 'ufal-pybox2d', 'numpy')
REPOSITORY = Path(__file__).resolve().parents[2]


@functools.cache
def provenance():
    """A dict with `commit`, `processor` and `versions`, for records; packages that are not installed are left out."""
    versions = {'python': '.'.join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {'commit': commit(), 'processor': processor(), 'versions': versions}


def commit():
    """The commit checked out, followed by '+' if Python files or requirements were changed since; '' outside git."""
    try:
        found = _git('rev-parse', '--short=12', 'HEAD').stdout.strip()
        changed = _git('diff', '--quiet', 'HEAD', '--', '*.py', 'requirements*.txt').returncode if found else 0
    except OSError:  # no git on this machine
        return ''
    return found + '+' * bool(changed)


def processor():
    """The name of the processor, and how many of its cores this process may use."""
    name = ''
    if Path('/proc/cpuinfo').exists():
        found = re.search(r'^model name\s*:\s*(.*)$', Path('/proc/cpuinfo').read_text(), re.M)
        name = found[1].strip() if found else ''
    cores = usable()
    return f'{name or platform.processor() or platform.machine()}, {cores} core{"s" * (cores != 1)}'


def _git(*words):
    return subprocess.run(['git', '-C', str(REPOSITORY), *words], capture_output=True, text=True)
