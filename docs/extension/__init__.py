"""What the companion needs beyond Sphinx: code by name, equations, errata, films, tables from result files, two languages."""

from pathlib import Path

from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parent.parent.parent


class Wrong(Exception):
    """A page asks for something that the repository does not have: the message says what, and what to write."""


class Directive(SphinxDirective):
    """A directive whose `make` returns its nodes; where it raises Wrong, the build fails and says on which line."""

    def run(self):
        try:
            return self.make()
        except Wrong as wrong:
            raise self.error(str(wrong)) from None
