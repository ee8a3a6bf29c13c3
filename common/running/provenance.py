"""What a result was made with: the project's version and commit, the processor, and the packages that matter."""

import functools
import importlib.metadata
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from common.envs.cores import usable

PACKAGES = ('tensorflow', 'keras', 'keras-nightly', 'tensorlayer', 'gymnasium', 'envpool', 'mujoco', 'pybullet')
PACKAGES += ('ufal-pybox2d', 'numpy')
DEPENDENCIES = 'pyproject.toml', 'requirements*.txt'
REPOSITORY = Path(__file__).resolve().parents[2]


@functools.cache
def provenance():
    """A dict with `commit`, `processor` and `versions`, for records; packages that are not installed are left out."""
    versions = {'project': version(), 'python': '.'.join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {'commit': commit(), 'processor': processor(), 'versions': versions}


def version():
    """The version of this project, which pyproject.toml has."""
    return tomllib.loads((REPOSITORY / 'pyproject.toml').read_text(encoding='utf-8'))['project']['version']


def commit():
    """The commit checked out, followed by '+' if Python files or dependencies were changed since; '' outside git."""
    try:
        found = _git('rev-parse', '--short=12', 'HEAD').stdout.strip()
        changed = _git('diff', '--quiet', 'HEAD', '--', '*.py', *DEPENDENCIES).returncode if found else 0
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
