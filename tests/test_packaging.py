"""What is said in more than one file: the dependencies, the range of Python, the version."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']


def test_requirements_are_the_dependencies_of_the_project():
    lines = (ROOT / 'requirements.txt').read_text(encoding='utf-8').splitlines()
    assert [line for line in lines if not line.startswith('#')] == PROJECT['dependencies'], 'make requirements writes the file'


@pytest.mark.parametrize('file', ['Makefile', 'common/__init__.py', 'pg_gaussian_minimal.py'])
def test_every_check_of_the_python_has_the_range_of_the_project(file):
    text = (ROOT / file).read_text(encoding='utf-8')
    ranges = re.findall(r'\(3, (\d+)\) <= sys.version_info < \(3, (\d+)\)', text)
    assert [f'>=3.{low},<3.{high}' for low, high in ranges] == [PROJECT['requires-python']]
