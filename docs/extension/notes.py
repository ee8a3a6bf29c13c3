"""Notes on a page: what the printed listing does, and figures that move."""

import re

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.locale import _
from sphinx.util.docutils import SphinxDirective

from . import ROOT

ERRATA = 'ERRATA'


def errata():
    """The numbers of the errata page."""
    page = (ROOT / 'docs' / f'{ERRATA}.md').read_text(encoding='utf-8')
    return set(re.findall(r'^\| (\d+) \|', page, re.M))


class Erratum(SphinxDirective):
    """What the printed listing does at this place and why the code differs; the argument is the number in the errata."""

    required_arguments = 1
    has_content = True

    def run(self):
        number = self.arguments[0]
        if number not in errata():
            raise ExtensionError(f'{self.env.docname}: docs/{ERRATA}.md has no row {number}')
        self.env.note_dependency(str(ROOT / 'docs' / f'{ERRATA}.md'))
        uri = self.env.app.builder.get_relative_uri(self.env.docname, ERRATA) + f'#erratum-{number}'
        link = nodes.reference('', _('Erratum {}').format(number), internal=True, refuri=uri)
        title = nodes.title('', '', link, translatable=False)
        note = nodes.admonition('', title, *self.parse_content_to_nodes(), classes=['erratum', 'warning'])
        return [note]


class MovingFigure(SphinxDirective):
    """A figure that moves: the module `_static/figures/NAME.js`, or, without scripts, a line that says so."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        if not (ROOT / 'docs' / '_static' / 'figures' / f'{name}.js').is_file():
            raise ExtensionError(f'{self.env.docname}: there is no docs/_static/figures/{name}.js')
        self.env.moving_figures.add(self.env.docname)
        language = 'zh' if self.config.language.startswith('zh') else 'en'
        without = _('This figure moves: it needs JavaScript, and a web server, since browsers load no modules from files.')
        html = (
            f'<div class="moving-figure" data-figure="{name}" data-language="{language}"></div>\n'
            f'<noscript><p>{without}</p></noscript>'
        )
        return [nodes.raw('', html, format='html', translatable=False)]


def number_errata(app, doctree):
    """Each row of the errata page can be led to."""
    if app.env.docname == ERRATA:
        for row in doctree.findall(nodes.row):
            number = row[0].astext()
            if number.isdigit():
                row['ids'].append(f'erratum-{number}')


def load_figures(app, pagename, templatename, context, doctree):
    """The one script of a page with figures that move."""
    if pagename in app.env.moving_figures:
        app.add_js_file('figures/load.js', type='module')


def begin(app):
    """The environment holds which pages have figures that move."""
    if not hasattr(app.env, 'moving_figures'):
        app.env.moving_figures = set()


def setup(app):
    """Registers it with Sphinx."""
    app.add_directive('erratum', Erratum)
    app.add_directive('figure-that-moves', MovingFigure)
    app.connect('builder-inited', begin)
    app.connect('doctree-read', number_errata)
    app.connect('html-page-context', load_figures)
    return {'parallel_read_safe': True}
