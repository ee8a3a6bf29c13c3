"""The result files: how rows are written and read, and that both READMEs are made from them."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.learning import tables as learning_tables
from benchmarks.speed import measuring
from benchmarks.speed import tables as speed_tables
from common.errors import UserError
from common.running.settings import RENAMED

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_a_row_names_what_it_was_made_with_and_older_rows_stay(tmp_path):
    made_with = report.made_with()
    assert list(made_with) == ['commit', 'processor', 'versions']
    assert f'numpy {np.__version__}' in made_with['versions']
    assert report.made_with(dict(commit='c', processor='p', versions=dict(a='1', b='2')))['versions'] == 'a 1 b 2'
    report.write_rows(tmp_path / 'rows.csv', [dict(seed=0), dict(seed=1) | made_with])
    old, new = report.read_rows(tmp_path / 'rows.csv')
    assert old == dict.fromkeys(made_with, '') | dict(seed='0')
    assert new == dict(seed='1') | made_with


def test_matrix_and_claim_of_both_readmes_are_those_of_the_result_files():
    texts = learning_tables.texts() | speed_tables.texts(report.read_rows(measuring.RESULTS))
    for name in ('matrix', 'speed-claim'):
        for file, text in zip(('README.md', 'README.zh-CN.md'), texts[name], strict=True):
            found = re.search(rf'<!-- {name} -->\n(.*?)\n<!-- /{name} -->', (ROOT / file).read_text(encoding='utf-8'), re.S)
            assert found[1] == text


def test_what_is_put_into_the_readmes_replaces_what_stood_there(tmp_path, monkeypatch):
    monkeypatch.setattr(report, 'ROOT', tmp_path)
    for file in ('README.md', 'README.zh-CN.md'):
        (tmp_path / file).write_text('before\n<!-- one -->\nold\n<!-- /one -->\nafter\n')
    report.put('one', 'new', '新')
    assert (tmp_path / 'README.md').read_text() == 'before\n<!-- one -->\nnew\n<!-- /one -->\nafter\n'
    assert '<!-- one -->\n新\n<!-- /one -->' in (tmp_path / 'README.zh-CN.md').read_text(encoding='utf-8')
    with pytest.raises(UserError, match=r'README\.md has no <!-- two --> and <!-- /two -->'):
        report.put('two', '', '')


def test_commands_of_result_files_are_read_under_todays_names():
    old = 'python sac.py --train --rollout-steps 64 --batch-size 128 --env-arg is_slippery=false --seed 200'
    new = 'python sac.py --train --batch-steps 64 --minibatch-size 128 --env-arg is_slippery=false --seed 200'
    assert report.todays(old) == report.todays(new) == new
    old = 'python benchmarks/variants.py old-names --seeds 300..300'
    assert report.todays(old) == 'python -m benchmarks.variants old-names --seeds 300..300'
    rows = [row for file in ('learning.csv', 'variants.csv') for row in report.read_rows(report.RESULTS / file)]
    assert not {
        flag
        for row in rows
        for flag in re.findall(r'--[a-z-]+', report.todays(row['command']))
        if flag[2:].replace('-', '_') in RENAMED
    }


PROGRAMS = (
    'learning.__main__', 'learning.films', 'learning.optimum', 'learning.pretrained', 'speed.__main__', 'variants.__main__',
    'variants.biases',
)  # fmt: skip


@pytest.mark.parametrize('name', PROGRAMS)
def test_a_wrong_flag_is_one_line_before_anything_is_done(name):
    with pytest.raises(UserError, match=r'^unrecognized arguments: --nonsense; --help lists every flag$'):
        importlib.import_module(f'benchmarks.{name}').main(['--nonsense'])


def test_help_and_errors_call_a_program_as_it_is_typed():
    run = lambda flag: subprocess.run(  # noqa: E731
        [sys.executable, '-m', 'benchmarks.learning.films', flag], cwd=ROOT, capture_output=True, text=True
    )
    assert run('--help').stdout.startswith('usage: python -m benchmarks.learning.films [-h]\n')
    wrong = run('--nonsense')
    message = 'unrecognized arguments: --nonsense; --help lists every flag'
    assert (wrong.returncode, wrong.stdout) == (2, '')
    assert wrong.stderr == f'python -m benchmarks.learning.films: error: {message}\n'


def test_what_the_companion_imports_leaves_tensorflow_unloaded():
    modules = 'learning.cells', 'learning.tables', 'speed.tables', 'variants.cells', 'variants.results', 'variants.tables'
    code = f'import sys, {", ".join(f"benchmarks.{name}" for name in modules)}; print("tensorflow" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == 'False\n', done.stderr
