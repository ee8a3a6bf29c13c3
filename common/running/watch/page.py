"""The page as one HTML document: its scripts, styles and data are all in it, so that it also opens from a file.

The figures are those of the site, in docs/_static/figures: one copy of them serves both.
"""

import base64
import functools
import html
import json
import posixpath
import re

from common.errors import UserError, option
from common.running.provenance import REPOSITORY

FOLDER = 'common/running/watch/page'
STYLES = 'docs/_static/figures/figures.css', f'{FOLDER}/watch.css'
IMPORT = re.compile(r"^(import [^;]*? from )'(\.[^']*)';", re.M)


def document(about, recorded=None):
    """The page. `about`: what it has to know of the run; `recorded`: what it shows, in a file that asks no server for it."""
    data = _json({'about': about, 'recorded': recorded})
    parts = {'title': html.escape(about['title']), 'styles': _styles(), 'modules': _json({'imports': _modules()}), 'data': data}
    return re.sub(r'\{\{(\w+)\}\}', lambda found: parts[found[1]], _read(f'{FOLDER}/page.html')).encode()


def _json(value):
    """JSON that can stand in a script element."""
    return json.dumps(value, separators=(',', ':'), allow_nan=False).replace('<', '\\u003c')


def _styles():
    return '\n'.join(map(_read, STYLES))


@functools.cache
def _modules():
    """Every module that watch.js imports, itself among them, as an address that holds it, by its path in the repository."""
    found, waiting = {}, [f'{FOLDER}/watch.js']
    while waiting:
        path = waiting.pop()
        code, folder = _read(path), posixpath.dirname(path)
        for statement, other in IMPORT.findall(code):
            name = posixpath.normpath(posixpath.join(folder, other))
            code = code.replace(f"{statement}'{other}'", f"{statement}'{name}'")
            waiting += [name] * (name not in found)
        code = base64.b64encode(f'{code}\n//# sourceURL={path}\n'.encode()).decode()
        found[path] = f'data:text/javascript;charset=utf-8;base64,{code}'
    return found


@functools.cache
def _read(path):
    try:
        return (REPOSITORY / path).read_text(encoding='utf-8')
    except OSError as error:
        raise UserError(f'cannot read {REPOSITORY / path}, which {option("watch")} needs: restore this file') from error
