"""Tables from the agents' settings and from the result files, made when the site is built: no number on a page is typed."""

import ast

from docutils import nodes
from sphinx.locale import _
from sphinx.util.docutils import SphinxDirective

from . import ROOT


def table(header, rows, classes=()):
    """A table node; cells are text, or lists of nodes."""
    columns = [nodes.colspec(colwidth=1) for _column in header]
    head, body = nodes.thead('', row(header)), nodes.tbody('', *map(row, rows))
    return nodes.table('', nodes.tgroup('', *columns, head, body, cols=len(header)), classes=list(classes))


def row(cells):
    """A row of cells."""
    return nodes.row('', *(nodes.entry('', one if isinstance(one, nodes.Node) else cell(one)) for one in cells))


def cell(text, kind=nodes.Text):
    """A paragraph that is not handed to translators: a name, a number, or what is in the page's language already."""
    return nodes.paragraph('', '', kind(str(text)), translatable=False)


def code(text):
    """A cell with code."""
    return cell(text, lambda text: nodes.literal('', text))


def settings_of(file):
    """(name, default, meaning, the book's value) of each field of a file's Settings, all as they are written."""
    tree = ast.parse((ROOT / file).read_text(encoding='utf-8'))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for field in classes['Settings'].body:
        if isinstance(field, ast.AnnAssign):
            call = field.value
            book = next((ast.unparse(word.value) for word in call.keywords if word.arg == 'book'), '')
            yield field.target.id, ast.unparse(call.args[0]), ast.literal_eval(call.args[1]), book


def plain(value):
    """A Python value as one types it: `500_000` as 500,000, strings without quotes."""
    value = ast.literal_eval(value) if value else ''
    if isinstance(value, int) and not isinstance(value, bool):
        return f'{value:,}'
    return ' '.join(map(str, value)) if isinstance(value, tuple) else str(value)


class Settings(SphinxDirective):
    """The flags of an agent: each with its default, the book's value and its meaning."""

    required_arguments = 1

    def run(self):
        file = self.arguments[0]
        self.env.note_dependency(str(ROOT / file))
        lines = []
        for name, default, meaning, book in settings_of(file):
            text = nodes.paragraph(meaning, meaning)
            text.source, text.line = self.get_source_info()
            lines.append([code('--' + name.replace('_', '-')), cell(plain(default)), cell(plain(book)), text])
        return [table([_('flag'), _('default'), _("the book's"), _('meaning')], lines, ['settings'])]


def setup(app):
    """Registers it with Sphinx."""
    app.add_directive('settings', Settings)
    return {'parallel_read_safe': True}
