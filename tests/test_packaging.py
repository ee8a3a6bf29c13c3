"""What is said in more than one file: the dependencies, the range of Python, the version."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

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


@pytest.mark.parametrize('program', ['ppo.py', 'pg_gaussian_minimal.py', 'experiment.py'])
def test_programs_say_the_version(program):
    said = subprocess.run([sys.executable, program, '--version'], cwd=ROOT, capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, f'{program} {PROJECT["version"]}\n', '')


def test_the_citation_and_the_newest_change_have_the_version():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text(encoding='utf-8'))
    version, date = re.search(r'^## (\S+), (\S+)$', (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8'), re.M).groups()
    assert (citation['version'], str(citation['date-released'])) == (version, date)
    assert version == PROJECT['version']
