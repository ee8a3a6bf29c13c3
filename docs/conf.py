"""The companion: the site that `make docs` builds, once in each language, from the Markdown in this folder."""

import sys
from pathlib import Path
from types import SimpleNamespace

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]
from common import backend  # noqa: E402 (found on that path)

# Nothing here learns: what a mere look at `backend.tf` would load, in seconds, is stood in for.
autodoc_mock_imports = ['tensorflow', 'tensorlayer']
backend.tf, backend.tl = SimpleNamespace(), SimpleNamespace(layers=SimpleNamespace(Layer=object))

project = "The Textbook's Policy Gradients"
language = 'en'
extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    *(
        f'extension.{name}'
        for name in ('code', 'costs', 'docstrings', 'equations', 'languages', 'notes', 'pictures', 'plain', 'tables')
    ),
]
exclude_patterns = ['_build', 'locales', 'plain', 'experiments/*']
nitpicky = True
nitpick_ignore_regex = [('py:class', r'(numpy|pathlib)\..*')]  # other projects' pages, which no build here can look up
smartquotes_action = 'q'  # --flags stay as they are

myst_enable_extensions = ['attrs_inline', 'colon_fence', 'deflist', 'dollarmath']
myst_heading_anchors = 3

autodoc_member_order = 'bysource'
autodoc_inherit_docstrings = False

locale_dirs = ['locales']
gettext_compact = False
gettext_location = False

html_theme = 'furo'
html_math_renderer = 'mathml'
html_favicon = '_static/favicon.svg'
html_static_path = ['_static']
html_css_files = ['companion.css']
templates_path = ['_templates']
html_copy_source = False
html_show_copyright = False
html_theme_options = {'navigation_with_keys': True}
pygments_style, pygments_dark_style = 'a11y-high-contrast-light', 'a11y-high-contrast-dark'
