"""Equations: numbered as the agent's docstring numbers them, written as MathML, which browsers typeset by themselves."""

import re
from functools import cache

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util.docutils import SphinxRole

from . import ROOT, Directive, Wrong


@cache
def numbers(file):
    """The numbers at the ends of lines in a file's docstring."""
    docstring = (ROOT / file).read_text(encoding='utf-8').split('"""')[1]
    return set(re.findall(r' \((\d+)\)\s*$', docstring, re.M))


class Equation(Directive):
    """An equation with its number, in the file and number of the argument: `ppo.py 2`."""

    required_arguments = 2
    has_content = True

    def make(self):
        file, number = self.arguments
        if number not in numbers(file):
            raise Wrong(f'the docstring of {file} has no equation ({number})')
        tex = '\n'.join(self.content)
        block = nodes.math_block(tex, tex, nowrap=True, number=None, label=None, translatable=False)
        mark = nodes.inline('', f'({number})', classes=['equation-number'])
        return [nodes.container('', block, mark, ids=[f'equation-{number}'], classes=['equation'])]


class EquationLink(SphinxRole):
    """`2` becomes (2) and leads to the equation of this page."""

    def run(self):
        return [nodes.reference('', f'({self.text})', internal=True, refuri=f'#equation-{self.text}')], []


def inline(translator, node):
    """An equation within a line."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def display(translator, node):
    """An equation on a line of its own."""
    translator.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app):
    """Registers it with Sphinx."""
    app.add_directive('equation', Equation)
    app.add_role('equation', EquationLink())
    app.add_html_math_renderer('mathml', (inline, None), (display, None))
    return {'parallel_read_safe': True}
