"""The workflows: each action is a commit that nobody can move, and no job can write more than it must or run for ever."""

import re
from pathlib import Path

import pytest

yaml = pytest.importorskip('yaml', reason='the workflows are read with what requirements-docs.txt installs')
FILES = sorted((Path(__file__).resolve().parent.parent / '.github' / 'workflows').glob('*.yml'))
of_each_file = pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)


def jobs(path):
    """The jobs of a workflow, by name."""
    return yaml.safe_load(path.read_text(encoding='utf-8'))['jobs']


@of_each_file
def test_each_action_is_a_commit_with_its_version_beside_it(path):
    used = re.findall(r'uses: (.+)', path.read_text(encoding='utf-8'))
    assert len(used) >= 3
    assert not [action for action in used if not re.fullmatch(r'[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+', action)]


def test_an_action_is_the_same_commit_everywhere():
    used = {action for path in FILES for action in re.findall(r'uses: (.+)', path.read_text(encoding='utf-8'))}
    names = [action.partition('@')[0] for action in used]
    assert sorted(names) == sorted(set(names))


@of_each_file
def test_a_job_only_reads_unless_it_publishes_and_ends_in_time(path):
    assert yaml.safe_load(path.read_text(encoding='utf-8'))['permissions'] == {'contents': 'read'}
    for name, job in jobs(path).items():
        assert job['timeout-minutes'] <= 120, name
        assert job.get('permissions') == ({'pages': 'write', 'id-token': 'write'} if name == 'publish' else None), name
        for step in job['steps']:
            if 'actions/checkout' in step.get('uses', ''):
                assert step['with']['persist-credentials'] is False, name


def test_every_system_and_python_is_tested():
    matrix = jobs(FILES[-1])['full']['strategy']['matrix']
    assert matrix == {
        'os': ['ubuntu-latest', 'macos-latest', 'windows-latest'],
        'python': ['3.11', '3.12', '3.13', '3.14'],
    }
    short = jobs(FILES[-1])['short']['strategy']['matrix']['include']
    assert {row['os'] for row in short} == set(matrix['os'])
