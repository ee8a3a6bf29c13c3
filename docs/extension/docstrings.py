"""Docstrings are plain text with `code` in single backquotes; the API's pages are made of them as reStructuredText."""

import re


def as_restructured_text(text):
    """A line of a docstring: backquotes doubled, and outside of them nothing that means something else there."""
    code, plain = re.compile(r'`([^`]+)`'), re.compile(r'([*|]|\b_|_\b)')
    parts, end = [], 0
    for match in code.finditer(text):
        parts += [plain.sub(r'\\\1', text[end : match.start()]), f'``{match[1]}``']
        end = match.end()
    return ''.join([*parts, plain.sub(r'\\\1', text[end:])])


def read(app, what, name, found, options, lines):
    """Of an agent's file the first sentence: its equations stand typeset on its page."""
    if what == 'module' and '.' not in name:
        del lines[lines.index('') :]
    lines[:] = [as_restructured_text(line) for line in lines]


def setup(app):
    """Registers it with Sphinx."""
    app.connect('autodoc-process-docstring', read)
    return {'parallel_read_safe': True}
