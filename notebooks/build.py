"""Writes the notebooks of both languages from source/*.py, Python files in the percent format.

A line `# %%` begins a cell of code, which both languages share. `# %% [markdown] en` and `# %% [markdown] zh` begin a cell of
text in one language, as comments. `# %% setup` stands for the cells of source/setup.py, which every notebook has.

To run: python -m notebooks.build
"""

import re
from pathlib import Path

import nbformat

FOLDER = Path(__file__).resolve().parent
LANGUAGES = 'en', 'zh'
SOURCES = sorted((FOLDER / 'source').glob('[0-9]_*.py'))
CJK = '[\u2e80-\u9fff\uff00-\uffef]'  # Chinese characters and their punctuation


def cells(path):
    """The cells of a source file: pairs of a kind, 'code', 'en' or 'zh', and the text. ValueError if a marker is unknown."""
    found = []
    for marker, body in re.findall(r'^# %%(.*)\n((?:(?!# %%).*\n)*)', path.read_text(encoding='utf-8'), re.M):
        kind = marker.removeprefix(' [markdown]').strip() or 'code'
        if kind == 'setup':
            found += cells(FOLDER / 'source' / 'setup.py')
        elif kind == 'code':
            found.append((kind, body.strip('\n')))
        elif kind in LANGUAGES and marker.startswith(' [markdown] '):
            found.append((kind, re.sub('^# ?', '', body, flags=re.M).strip('\n')))
        else:
            raise ValueError(f'{path}: # %%{marker} begins no cell: write # %%, # %% setup or # %% [markdown] en or zh')
    return found


def notebook(path, language):
    """The text of the notebook in one language, the same bytes each time: no outputs, and cells numbered as in the source."""
    made = nbformat.v4.new_notebook()
    made.metadata = {
        'kernelspec': {'display_name': 'Python 3', 'language': 'python', 'name': 'python3'},
        'language_info': {'name': 'python'},
    }
    for kind, text in cells(path):
        if kind in ('code', language):
            new = nbformat.v4.new_code_cell if kind == 'code' else nbformat.v4.new_markdown_cell
            # A line break in a Chinese sentence would be shown as a space.
            joined = re.sub(rf'(?<={CJK})\n(?={CJK})', '', text) if kind == 'zh' else text
            made.cells.append(new(joined, id=f'cell-{len(made.cells)}'))
    nbformat.validate(made)
    return nbformat.writes(made) + '\n'


def build():
    """Every notebook: texts by path."""
    return {FOLDER / language / f'{path.stem}.ipynb': notebook(path, language) for path in SOURCES for language in LANGUAGES}


if __name__ == '__main__':
    for path, text in build().items():
        path.write_text(text, encoding='utf-8', newline='\n')
