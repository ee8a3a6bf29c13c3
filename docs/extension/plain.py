"""The pages as plain Markdown, docs/plain, for who reads them on a code host: `make plain` writes them, and they are in git."""

import hashlib
import json
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx_markdown_builder.builder import MarkdownBuilder
from sphinx_markdown_builder.contexts import IndentContext, SubContext, SubContextParams, TableContext
from sphinx_markdown_builder.translator import MarkdownTranslator

from . import ROOT
from .languages import OTHER

UP = '../../../'  # from docs/plain/en to the repository
MAKERS = 'docs', 'benchmarks', 'experiments'  # folders whose modules write what is on the pages
README = {'en': 'README.md', 'zh_CN': 'README.zh-CN.md'}
# GitHub takes a backslash before punctuation out of $$, may take < for a tag, and does not know \operatorname.
TEX = {
    r'\\operatorname\{(\w+)\}': r'\\mathop{\\mathrm{\1}}',
    r'\\\\': r'\\cr ',
    r'\\,': r'\\thinspace ',
    r'\\;': r'\\thickspace ',
    r'\\!': r'\\negthinspace ',
    r'\\\{': r'\\lbrace ',
    r'\\\}': r'\\rbrace ',
    r'\\\|': r'\\Vert ',
    '<': r'\\lt ',
    '>': r'\\gt ',
}


def for_github(tex):
    """An equation in commands that a code host leaves as they are."""
    for written, instead in TEX.items():
        tex = re.sub(written, instead, tex)
    return re.sub(' +', ' ', tex)


def slug(title):
    """The anchor that GitHub gives a heading."""
    return re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')


def anchor(name):
    """A place that a link can lead to."""
    return nodes.raw('', f'<a id="{name}"></a>', format='html')


def prepare(doctree):
    """What the site leads to has a place in the text, too; an erratum's title becomes the first paragraph of its quotation.

    The places of index entries go: the pages have no index.
    """
    for target in list(doctree.findall(nodes.target)):
        if target.get('refid', '').startswith('index-'):
            target.parent.remove(target)
    for title in list(doctree.findall(nodes.title)):
        if isinstance(title.parent, nodes.admonition):
            title.replace_self(nodes.paragraph('', '', nodes.strong('', '', title[0]), *title[1:]))
    for node in list(doctree.findall(lambda node: isinstance(node, (nodes.container, nodes.admonition, nodes.row)))):
        for name in node['ids']:
            if name.startswith('index-') or 'equation' in node['classes']:
                continue
            next(node.findall(nodes.paragraph)).insert(0, anchor(name))


class Table(TableContext):
    """A table whose cells are as wide as what is in them: a changed number changes one line of the file."""

    def make(self):
        head, *body = [
            [re.sub(r'\n+', '<br>', ''.join(cell).strip()).replace('|', r'\|') for cell in row]
            for row in [*self.headers, *self.body]
        ]
        rows = [head, ['---'] * len(head), *(row + [''] * (len(head) - len(row)) for row in body)]
        return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


class Translator(MarkdownTranslator):
    """Writes what the pages have and sphinx-markdown-builder does not, or writes in another way."""

    def visit_Text(self, node):
        """A text on one line, without what Markdown or GitHub would take for more than a text."""
        text = node.astext()
        if self.status.escape_text:
            text = re.sub(r'[\\*`<$]|(?<!\w)_|_(?!\w)', r'\\\g<0>', text.replace('\n', ' '))
        self.add(text)

    def visit_comment(self, node):
        """A remark in the source is for who writes there."""
        raise nodes.SkipNode

    def visit_section(self, node):
        """A section keeps the anchor that it has on the site, where GitHub gives it another."""
        names = [name for name in node['ids'] if name != slug(node[0].astext())]
        self.add(''.join(anchor(name).astext() for name in names), prefix_eol=2, suffix_eol=2)
        super().visit_section(node)

    def depart_section(self, node):
        """The end of it."""
        self._pop_status()

    def visit_emphasis(self, node):
        """Emphasis without spaces around it, which Chinese does not have."""
        self.add('*')

    def depart_emphasis(self, node):
        """The end of it."""
        self.add('*')

    def visit_strong(self, node):
        """Strong emphasis, in the same way."""
        self.add('**')

    def depart_strong(self, node):
        """The end of it."""
        self.add('**')

    def visit_literal(self, node):
        """Code in a line, which may hold backquotes."""
        text = node.astext().replace('\n', ' ')
        self.add(f'`` {text} ``' if '`' in text else f'`{text}`')
        raise nodes.SkipNode

    def visit_literal_block(self, node):
        """Code in lines, in a language that a code host colours if it has one."""
        language = node.get('language', '')
        fence = f'```{"" if language in ("default", "none") else language}'
        self.add(f'{fence}\n{node.astext().rstrip()}\n```', prefix_eol=2, suffix_eol=2)
        raise nodes.SkipNode

    def visit_math(self, node):
        """An equation in a line: between $` and `$ GitHub changes nothing, and Chinese needs no spaces around it."""
        self.add(f'$`{node.astext()}`$')
        raise nodes.SkipNode

    def visit_math_block(self, node, tag=''):
        """An equation on lines of its own."""
        self.add(f'$$\n{for_github(node.astext())}{tag}\n$$', prefix_eol=2, suffix_eol=2)
        raise nodes.SkipNode

    def visit_container(self, node):
        """An equation with its number, which others lead to."""
        if 'equation' in node['classes']:
            (name,) = node['ids']
            self.add(anchor(name).astext(), prefix_eol=2, suffix_eol=2)
            self.visit_math_block(node[0], f' \\tag{{{name.removeprefix("equation-")}}}')

    def visit_admonition(self, node):
        """A quotation."""
        self._push_context(IndentContext('> ', empty=True, params=SubContextParams(2, 2)))

    def depart_admonition(self, node):
        """The end of it."""
        self._pop_context()

    def visit_table(self, node):
        """A table."""
        self._push_context(Table(params=SubContextParams(2, 2)))

    def depart_table(self, node):
        """The end of it."""
        self._pop_context()

    def visit_raw(self, node):
        """A place; other HTML is none of a page's."""
        self.add(node.astext())
        raise nodes.SkipNode

    def visit_download_reference(self, node):
        """A file of the repository."""
        file = (ROOT / 'docs' / self.builder.current_doc_name).parent.joinpath(node['reftarget']).resolve()
        self.link(node, self.builder.up() + file.relative_to(ROOT).as_posix())

    def visit_reference(self, node):
        """A page, a place or a line."""
        uri = node.get('refuri') or f'#{node["refid"]}'
        if '.py#line-' in uri:
            uri = uri.replace('#line-', '#L')
            self.builder.files_with_lines.add(uri.partition('#')[0].replace('../', ''))
        self.link(node, uri)

    def link(self, node, uri):
        """A link with what is in a node."""
        text = SubContext()
        self._push_context(text)
        for child in node.children:
            child.walkabout(self)
        self._ctx_queue.pop()
        self.add(f'[{text.make()}]({uri})')
        raise nodes.SkipNode


class Plain(MarkdownBuilder):
    """Writes a page for each of the site's but the API's; a file that the site has a page of stands for itself."""

    name = 'plain'
    default_translator_class = Translator

    def init(self):
        """Notes the files that pages lead to by line."""
        super().init()
        self.files_with_lines = set()

    def up(self):
        """The way from the page that is being written to the repository."""
        return UP + '../' * self.current_doc_name.count('/')

    def get_target_uri(self, docname, typ=None):
        """Where a page is, from docs/plain/en."""
        return f'{UP}{docname.removeprefix("source/")}.py' if docname.startswith('source/') else f'{docname}.md'

    def write_doc(self, docname, doctree):
        """A page begins with where it comes from, and below its title with where else one can read."""
        if docname.startswith('api/'):
            return
        prepare(doctree)
        super().write_doc(docname, doctree)
        path = Path(self.outdir, f'{docname}.md')
        places, title, text = re.match(r'(?s)(<a id=[^\n]+\n+)?(# [^\n]+\n)(.*)', path.read_text(encoding='utf-8')).groups()
        folder, language, _code = OTHER[self.config.language]
        other = f'[{language}](../{"../" * docname.count("/")}{folder}/{docname}.md)'
        here = f'{other} · [README]({self.up()}{README[self.config.language]})'
        remark = f'<!-- made by `make plain` from docs/{docname}.md -->'
        text = re.sub(' +\n', '\n', f'{remark}\n\n{places or ""}{title}\n{here}\n{text}')
        path.write_text(text, encoding='utf-8')

    def finish(self):
        """Writes of what everything was made, so that a test sees when it has changed."""
        found = {ROOT / file for file in (*self.files_with_lines, 'requirements-docs.txt', 'docs/conf.py')}
        for docname in self.env.found_docs:
            if not docname.startswith('api/'):
                found.add(Path(self.env.doc2path(docname)))
                found |= {Path(self.srcdir, file) for file in self.env.dependencies.get(docname, ())}
        modules = {Path(module.__file__) for module in sys.modules.values() if getattr(module, '__file__', None)}
        found |= {file for file in modules if file.is_relative_to(ROOT) and file.relative_to(ROOT).parts[0] in MAKERS}
        if self.config.language != 'en':
            texts = Path(self.srcdir, 'locales', self.config.language, 'LC_MESSAGES')
            found |= {*texts.glob('*.po'), *texts.glob('agents/*.po')}
        digests = {file.resolve().relative_to(ROOT).as_posix(): digest(file) for file in found}
        Path(self.outdir, 'sources.json').write_text(json.dumps(digests, indent=0, sort_keys=True) + '\n', encoding='utf-8')


def digest(file):
    """What changes with a file, wherever git has checked it out."""
    return hashlib.sha256(file.read_bytes().replace(b'\r\n', b'\n')).hexdigest()[:16]


def setup(app):
    """Registers it with Sphinx."""
    app.setup_extension('sphinx_markdown_builder')
    app.add_builder(Plain)
    return {'parallel_read_safe': True}
