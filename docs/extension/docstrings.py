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
    """Indented lines stay as they are; of an agent's file the first sentence is taken: its equations are on its page."""
    if what == 'module' and '.' not in name:
        del lines[lines.index('') :]
    text = []
    for line in lines:
        if line.startswith(' ') and not text[-1]:
            text += ['::', '']
        text.append(line if line.startswith(' ') else as_restructured_text(line))
    lines[:] = text


def setup(app):
    """Registers it with Sphinx."""
    app.connect('autodoc-process-docstring', read)
    return {'parallel_read_safe': True}
