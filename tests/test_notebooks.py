"""The notebooks are what their sources say, alike in both languages, and run from top to bottom in a fresh kernel."""

import re
import subprocess
import sys
from pathlib import Path

from notebooks import build

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = {(path.parent.name, path.stem): path for path in sorted((ROOT / 'notebooks').glob('*/*.ipynb'))}
NAMES = [path.stem for path in build.SOURCES]
# Without ipywidgets, which `make notebook` installs, Ray and tqdm say that there is no progress bar.
KNOWN = re.compile(r'.*(?:ipywidgets|import tqdm as notebook_tqdm).*\n')
SETUP = next(text for kind, text in build.cells(ROOT / 'notebooks' / 'source' / 'setup.py') if kind == 'code')


def read(language, name):
    return nbformat.reads(FILES[language, name].read_text(encoding='utf-8'), 4)


def texts(notebook, kind):
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def test_they_are_what_a_fresh_build_writes():
    made = build.build()
    assert {*FILES.values()} == {*made}
    old = [path.name for path, text in made.items() if path.read_text(encoding='utf-8') != text]
    assert not old, 'python -m notebooks.build writes them'


def test_an_unknown_marker_is_an_error(tmp_path):
    (tmp_path / 'a.py').write_text('# %% [markdown] fr\n# Bonjour\n')
    with pytest.raises(ValueError, match='begins no cell'):
        build.cells(tmp_path / 'a.py')


@pytest.mark.parametrize('name', NAMES)
def test_both_languages_have_the_same_cells(name):
    english, chinese = read('en', name), read('zh', name)
    assert [cell.cell_type for cell in english.cells] == [cell.cell_type for cell in chinese.cells]
    assert texts(english, 'code') == texts(chinese, 'code')
    for one, other in zip(texts(english, 'markdown'), texts(chinese, 'markdown'), strict=True):
        assert not re.search('[\u4e00-\u9fff]', one)
        assert re.search('[\u4e00-\u9fff]', other), other
        equations = [re.sub(r'\s+', ' ', found) for text in (one, other) for found in re.findall(r'(?s)\$\$.*?\$\$', text)]
        assert equations[: len(equations) // 2] == equations[len(equations) // 2 :]


@pytest.mark.parametrize(('language', 'name'), FILES)
def test_a_notebook_is_clean_and_complete(language, name):
    """Each cell of code compiles and has no output, each question an answer, and each link leads to a file."""
    notebook = read(language, name)
    for cell in notebook.cells:
        if cell.cell_type == 'code':
            compile(cell.source, cell.id, 'exec')
            assert (cell.outputs, cell.execution_count) == ([], None)
    text = '\n'.join(texts(notebook, 'markdown'))
    questions = text.split('\n**')[1:]
    assert 2 <= len(questions) <= 3
    for question in questions:
        assert re.search(r'<details><summary>\w+</summary>\n\n(?s:.+?)\n\n</details>', question), question
    for link in re.findall(r'\]\((?!https?:)([^)]+)\)', text):
        assert (FILES[language, name].parent / link).is_file(), link


@pytest.fixture
def setup(monkeypatch):
    """Runs the first cell of code where nothing has put the project on the path yet; returns the commands that it ran."""
    commands = []
    monkeypatch.setattr(sys, 'path', [one for one in sys.path if Path(one or '.').resolve() != ROOT])
    monkeypatch.delitem(sys.modules, 'pg_gaussian_minimal', raising=False)  # which another test may have loaded
    monkeypatch.setattr(subprocess, 'run', lambda words, check: commands.append(words))

    def run(code, folder):
        monkeypatch.chdir(folder)
        exec(code, {})
        return commands

    return run


def test_the_first_cell_finds_the_project_in_a_folder_above(setup):
    assert setup(SETUP, ROOT / 'notebooks' / 'en') == []
    assert sys.path[0] == str(ROOT)


def test_without_the_project_the_first_cell_says_what_to_write(setup, tmp_path):
    with pytest.raises(SystemExit, match="write the repository's address into ADDRESS"):
        setup(SETUP, tmp_path)


def test_with_an_address_the_first_cell_installs_the_project(setup, tmp_path):
    clone, *installs = setup(SETUP.replace("ADDRESS = ''", "ADDRESS = 'https://example.org/a/b'"), tmp_path)
    folder = tmp_path / 'policy-gradients'
    assert clone == ['git', 'clone', '--depth', '1', 'https://example.org/a/b', str(folder)]
    assert [Path(words[-1]).name for words in installs] == ['requirements.txt', 'requirements-experiment.txt']
    assert all((ROOT / Path(words[-1]).name).is_file() for words in installs)
    assert sys.path[0] == str(folder)


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_a_notebook_runs_in_a_fresh_kernel(name, tmp_path, monkeypatch):
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('PYTHONDONTWRITEBYTECODE', '1')
    monkeypatch.delenv('MPLBACKEND', raising=False)
    notebook = read('en', name)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name='python3', resources={'metadata': {'path': str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get('outputs', ())]
    assert KNOWN.sub('', ''.join(output.text for output in outputs if output.get('name') == 'stderr')) == ''
    assert any('image/png' in output.get('data', {}) for output in outputs)
