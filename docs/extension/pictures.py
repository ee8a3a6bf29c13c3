"""Films and pictures of the repository: once for both languages, loaded when they are scrolled to."""

import shutil
from html import escape
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image

from . import ROOT, Directive, Wrong


class picture(nodes.General, nodes.Element):
    """An image of the repository, written where the site is."""


def make(env, file, alt):
    """The node of an image, a path in the repository; Wrong where there is none."""
    if not (ROOT / file).is_file():
        raise Wrong(f'there is no {file}')
    return picture(file=file, alt=alt)


class Picture(Directive):
    """A picture of `image/`, the argument; what is written below it is its caption, and what a screen reader says.

    With the option `beside` a wide window shows it beside the text that follows.
    """

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {'beside': directives.flag}

    def make(self):
        caption = self.parse_content_to_nodes()
        node = make(self.env, f'image/{self.arguments[0]}', None)
        return [nodes.container('', node, *caption, classes=['picture', *self.options])]


def alt_of(node):
    """What a screen reader says: the caption, where nothing else is said."""
    return node['alt'] or ' '.join(sibling.astext() for sibling in node.parent.children if sibling is not node)


def visit(translator, node):
    """Writes an image, with its size, so that nothing jumps when it comes."""
    builder = translator.builder
    width, height = Image.open(ROOT / node['file']).size
    up = '../' * (builder.current_docname.count('/') + 1)
    alt = alt_of(node)
    target = Path(builder.outdir).parent / node['file']
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / node['file'], target)
    translator.body.append(
        f'<img src="{up}{escape(node["file"])}" alt="{escape(alt)}" width="{width}" height="{height}" loading="lazy">'
    )
    raise nodes.SkipNode


def visit_plain(translator, node):
    """Writes an image that lies where the repository has it."""
    translator.add(f'![{alt_of(node)}]({translator.builder.up()}{node["file"]})', prefix_eol=2, suffix_eol=2)
    raise nodes.SkipNode


def nothing(translator, node):
    """Where nothing is drawn."""
    raise nodes.SkipNode


def setup(app):
    """Registers it with Sphinx."""
    app.add_node(picture, html=(visit, None), plain=(visit_plain, None), gettext=(nothing, None))
    app.add_directive('picture', Picture)
    return {'parallel_read_safe': True}
