"""Code on a page is taken from the file, object by object, and leads to its line there; the file's page leads back.

A page names an object as Python does, `ppo.PPO.actor_loss`. One that is not there is an error of the build.
"""

import re
from html import escape

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from . import ROOT, Directive, Wrong

logger = logging.getLogger(__name__)


class Found:
    """Where an object stands: its file relative to the repository, its name in it, its first and last line."""

    def __init__(self, name):
        parts = name.split('.')
        for count in range(len(parts), 0, -1):
            file = '/'.join(parts[:count]) + '.py'
            if (ROOT / file).is_file():
                break
        else:
            raise Wrong(f'{name}: there is no such file in the repository; write it as in ppo.PPO.update')
        self.file, self.object = file, '.'.join(parts[count:])
        self.analyzer = ModuleAnalyzer.for_file(ROOT / file, '.'.join(parts[:count]))
        tags = self.analyzer.find_tags()
        if not self.object:
            self.first, self.last = 1, len(self.analyzer.code.splitlines())
        elif self.object in tags:
            _kind, self.first, self.last = tags[self.object]
        else:
            raise Wrong(f'{name}: {file} has no {self.object}; it was renamed or moved')

    @property
    def lines(self):
        """The object's lines as they stand in the file, without the indentation they share."""
        lines = self.analyzer.code.splitlines()[self.first - 1 : self.last]
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        return [line[indent:] for line in lines]

    @property
    def name(self):
        """What a reader calls it: its last part."""
        return self.object.rpartition('.')[2] or self.file


def anchor_of(name):
    """The id of the block that shows an object on a page."""
    return f'code-{name.replace(".", "-").replace("_", "-").lower()}'


def page_of(file):
    """The page that shows a whole file."""
    return 'source/' + file.removesuffix('.py')


def source_link(env, docname, file, line, text):
    """A link from a page to a line of a file's page, which the build then makes."""
    env.source_files.add(file)
    uri = env.app.builder.get_relative_uri(docname, page_of(file)) + (f'#line-{line}' if line else '')
    return nodes.reference('', text, internal=True, refuri=uri)


def untranslated(classes, *children):
    """A paragraph that the build itself writes in the page's language."""
    return nodes.paragraph('', '', *children, classes=classes, translatable=False)


class Code(Directive):
    """Shows objects, each with a mark that leads to its line."""

    required_arguments = 1
    final_argument_whitespace = True

    def make(self):
        shown = []
        for name in self.arguments[0].split():
            found, anchor = Found(name), anchor_of(name)
            self.env.note_dependency(str(ROOT / found.file))
            here = self.env.code_blocks.setdefault(self.env.docname, {})
            if name in here:
                raise Wrong(f'{name} is shown on this page already: lead to it by {{in}}`{name}`')
            here[name] = found.file, found.first
            code = '\n'.join(found.lines)
            block = nodes.literal_block(code, code, language='python', linenos=True)
            block['highlight_args'] = {'linenostart': found.first}
            place = source_link(self.env, self.env.docname, found.file, found.first, f'{found.file}:{found.first}')
            title = nodes.literal('', found.object or found.file)
            head = untranslated(['code-title'], title, nodes.Text(' '), place)
            shown.append(nodes.container('', head, block, ids=[anchor], classes=['code-of']))
        return shown


class to_code(nodes.Inline, nodes.TextElement):
    """A mention of an object, resolved when it is known which page shows it."""


class Mention(SphinxRole):
    """Leads from a name to the block that shows it on this page, else on another, else to its line in the file."""

    def run(self):
        try:
            name = Found(self.text).name
        except Wrong as wrong:
            logger.warning('%s', wrong, location=self.get_location())
            return [], []
        return [to_code('', '', nodes.literal('', name), object=self.text)], []


class BookNames(Directive):
    """The names a reader of the chapter looks for: each leads to its code on this page and to its line in the file.

    A line is `the book's name: object`, or `object` alone where both are the same; several objects are set apart by spaces.
    """

    has_content = True

    def make(self):
        items = nodes.bullet_list(classes=['book-names'])
        for line in self.content:
            book, _colon, objects = line.rpartition(':')
            objects = objects.split()
            found = [Found(name) for name in objects]
            item = untranslated([], nodes.literal('', book or found[0].name))
            for name, one in zip(objects, found, strict=True):
                if book and one.name != book:
                    item += [nodes.Text(' '), to_code('', '', nodes.literal('', one.object or one.file), object=name)]
                place = source_link(self.env, self.env.docname, one.file, one.first, f'{one.file}:{one.first}')
                item += [nodes.Text(' '), place]
            if not book or found[0].name == book:
                item[0] = to_code('', '', item[0].deepcopy(), object=objects[0], here=True)
            else:
                item[2]['here'] = True
            items += nodes.list_item('', item)
        return [items]


def resolve(app, doctree, docname):
    """Turns mentions into links; a name of the book whose code its page does not show is an error of the build."""
    blocks = app.env.code_blocks
    for node in list(doctree.findall(to_code)):
        name, children = node['object'], node.children
        if name in blocks.get(docname, {}):
            link = nodes.reference('', '', *children, internal=True, refuri=f'#{anchor_of(name)}')
        elif node.get('here'):
            logger.warning('%s is a name of the book, but the page shows no code of it', name, location=docname)
        else:
            others = [other for other in blocks if name in blocks[other]]
            if others:
                uri = app.builder.get_relative_uri(docname, others[0]) + f'#{anchor_of(name)}'
                link = nodes.reference('', '', *children, internal=True, refuri=uri)
            else:
                found = Found(name)
                link = source_link(app.env, docname, found.file, found.first, '')
                link.extend(children)
        node.replace_self(link)
    for node in list(doctree.findall(addnodes.download_reference)):
        file = (ROOT / 'docs' / docname).parent.joinpath(node['reftarget']).resolve().relative_to(ROOT)
        if file.suffix == '.py':
            link = source_link(app.env, docname, str(file), None, '')
            link.extend(node.children)
            node.replace_self(link)


def pages(app):
    """A page for each file that something leads to, each line with an id; a definition leads back to where it is explained."""
    back = {}
    for docname, blocks in app.env.code_blocks.items():
        for name, (file, line) in blocks.items():
            back.setdefault(file, {}).setdefault(line, (docname, name))
    for file in sorted(app.env.source_files):
        app.env.source_files.add(file)
        code = (ROOT / file).read_text(encoding='utf-8')
        formatter = HtmlFormatter(nowrap=True)
        lines = highlight(code, PythonLexer(stripnl=False), formatter).splitlines()
        here, written = page_of(file), []
        for number, line in enumerate(lines, 1):
            mark = ''
            if number in back.get(file, {}):
                docname, name = back[file][number]
                uri = app.builder.get_relative_uri(here, docname) + f'#{anchor_of(name)}'
                title = escape(app.env.titles[docname].astext())
                mark = f'<a class="explained" href="{uri}">{title} &#8629;</a>'
            linenos = f'<a class="linenos" href="#line-{number}">{number:4}</a>'
            written.append(f'<span class="line" id="line-{number}">{linenos} {line}{mark}</span>')
        lines = '\n'.join(written)
        body = f'<h1><code>{escape(file)}</code></h1>\n<div class="highlight source"><pre>{lines}</pre></div>'
        yield here, {'title': file, 'body': body, 'parents': [], 'toc': ''}, 'page.html'


def link_equations(app, pagename, templatename, context, doctree):
    """In the code of a page `Eq. (2)` leads to the equation, where the page has it."""
    body = context.get('body') or ''
    if 'id="equation-' in body:
        link = lambda match: f'<a class="to-equation" href="#equation-{match[1]}">{match[0]}</a>'  # noqa: E731
        context['body'] = re.sub(
            r'(?s)<pre>.*?</pre>', lambda block: re.sub(r'Eq\. \((\d+)\)', link, block[0]), body
        )  # fmt: skip


def begin(app):
    """The environment holds which page shows what, and the files that need a page."""
    for name, empty in (('code_blocks', {}), ('source_files', set())):
        if not hasattr(app.env, name):
            setattr(app.env, name, empty)


def forget(app, env, docname):
    """A page that is read anew shows what it says now."""
    env.code_blocks.pop(docname, None)


def setup(app):
    """Registers it with Sphinx."""
    app.add_directive('code', Code, override=True)
    app.add_directive('book-names', BookNames)
    app.add_role('in', Mention())
    app.add_node(to_code)
    app.connect('builder-inited', begin)
    app.connect('env-purge-doc', forget)
    app.connect('doctree-resolved', resolve)
    app.connect('html-collect-pages', pages)
    app.connect('html-page-context', link_equations)
    return {'parallel_read_safe': False}
