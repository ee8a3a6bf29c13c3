"""Notes on a page: what the printed listing does, the evidence of a claim, and figures that move."""

import re

from docutils import nodes
from sphinx.locale import _

from . import ROOT, Directive, Wrong, costs
from .pictures import nothing

ERRATA = 'ERRATA'


def errata():
    """The numbers of the errata page."""
    page = (ROOT / 'docs' / f'{ERRATA}.md').read_text(encoding='utf-8')
    return set(re.findall(r'^\| (\d+) \|', page, re.M))


class Erratum(Directive):
    """What the printed listing does at this place and why the code differs; the argument is the number in the errata."""

    required_arguments = 1
    has_content = True

    def make(self):
        number = self.arguments[0]
        if number not in errata():
            raise Wrong(f'docs/{ERRATA}.md has no row {number}')
        self.env.note_dependency(str(ROOT / 'docs' / f'{ERRATA}.md'))
        uri = self.env.app.builder.get_relative_uri(self.env.docname, ERRATA) + f'#erratum-{number}'
        link = nodes.reference('', _('Erratum {}').format(number), internal=True, refuri=uri)
        title = nodes.title('', '', link, translatable=False)
        if number in costs.told_of():
            title += [nodes.Text(' · '), costs.link_to(self.env, self.env.docname, number)]
        shown = self.env.errata_shown.setdefault(self.env.docname, [])
        anchor = f'erratum-{number}-{len(shown)}'
        shown.append((number, anchor))
        return [nodes.admonition('', title, *self.parse_content_to_nodes(), classes=['erratum', 'warning'], ids=[anchor])]


class Evidence(Directive):
    """What a claim rests on, one click away: the seeds that were run, and their results."""

    has_content = True

    def make(self):
        title = nodes.title('', _('Evidence'), translatable=False)
        return [nodes.admonition('', title, *self.parse_content_to_nodes(), classes=['evidence'], collapsible='closed')]


class moving_figure(nodes.General, nodes.Element):
    """A figure that moves."""


class MovingFigure(Directive):
    """A figure that moves: the module `_static/figures/NAME.js`, or, without scripts, a line that says so."""

    required_arguments = 1

    def make(self):
        name = self.arguments[0]
        if not (ROOT / 'docs' / '_static' / 'figures' / f'{name}.js').is_file():
            raise Wrong(f'there is no docs/_static/figures/{name}.js')
        self.env.moving_figures.add(self.env.docname)
        return [moving_figure(name=name)]


def visit(translator, node):
    """Writes where the scripts draw a figure."""
    language = 'zh' if translator.config.language.startswith('zh') else 'en'
    without = _('This figure moves: it needs JavaScript, and a web server, since browsers load no modules from files.')
    translator.body.append(
        f'<div class="moving-figure" data-figure="{node["name"]}" data-language="{language}"></div>\n'
        f'<noscript><p>{without}</p></noscript>'
    )
    raise nodes.SkipNode


def visit_plain(translator, node):
    """Says where a figure is to be seen, and what it shows."""
    shows = {
        'advantages': _('the advantages of two episodes, for any discount factor and lambda'),
        'clip': _('the objectives of PPO-Clip and PPO-Penalty over the ratio'),
        'curves': _('the learning curve of every run'),
        'gaussian': _('the minimal agent while it learns'),
        'play': _('agents that you can push'),
        'trust_region': _('one step of TRPO, in the plane of a mean and a standard deviation'),
    }[node['name']]
    line = _('Here the site, which `make docs` builds, has a figure that moves: {}.').format(shows)
    translator.add(f'*{line}*', prefix_eol=2, suffix_eol=2)
    raise nodes.SkipNode


def number_errata(app, doctree):
    """Each row of the errata page can be led to."""
    if app.env.docname == ERRATA:
        for row in doctree.findall(nodes.row):
            number = row[0].astext()
            if number.isdigit():
                row['ids'].append(f'erratum-{number}')


def lead_back(app, doctree, docname):
    """Each row of the errata page leads to where the agents' pages tell of it, and to what it costs."""
    if docname == ERRATA:
        for row in doctree.findall(nodes.row):
            links = nodes.paragraph('', '')
            for page, shown in sorted(app.env.errata_shown.items()):
                for number, anchor in shown:
                    if number == row[0].astext():
                        uri = f'{app.builder.get_relative_uri(docname, page)}#{anchor}'
                        title = app.env.titles[page].astext()
                        links += [nodes.reference('', title, internal=True, refuri=uri), nodes.Text(' ')]
            if row[0].astext() in costs.told_of():
                links += costs.link_to(app.env, docname, row[0].astext())
            if len(links):
                row[1] += links


def forget(app, env, docname):
    """A page that is read anew shows what it says now."""
    env.errata_shown.pop(docname, None)
    env.moving_figures.discard(docname)


def load_figures(app, pagename, templatename, context, doctree):
    """The one script of a page with figures that move, and their style."""
    if pagename in app.env.moving_figures:
        app.add_css_file('figures/figures.css')
        app.add_js_file('figures/load.js', type='module')


def begin(app):
    """The environment holds which pages have figures that move, and which tell of an erratum."""
    for name, empty in (('moving_figures', set()), ('errata_shown', {})):
        if not hasattr(app.env, name):
            setattr(app.env, name, empty)


def setup(app):
    """Registers it with Sphinx."""
    app.add_node(moving_figure, html=(visit, None), plain=(visit_plain, None), gettext=(nothing, None))
    app.add_directive('erratum', Erratum)
    app.add_directive('evidence', Evidence)
    app.add_directive('figure-that-moves', MovingFigure)
    app.connect('builder-inited', begin)
    app.connect('env-purge-doc', forget)
    app.connect('doctree-read', number_errata)
    app.connect('doctree-resolved', lead_back)
    app.connect('html-page-context', load_figures)
    return {'parallel_read_safe': True}
