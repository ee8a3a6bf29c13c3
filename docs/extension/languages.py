"""Two languages: a switch that leads to the same page of the other, and a search for Chinese words and section numbers."""

import re

from docutils import nodes
from sphinx.locale import init
from sphinx.search.en import SearchEnglish
from sphinx.search.zh import SearchChinese
from sphinx.transforms import SphinxTransform

TITLES = {'en': "The Textbook's Policy Gradients", 'zh_CN': '教科书里的策略梯度'}
OTHER = {'en': ('zh', '中文', 'zh-CN'), 'zh_CN': ('en', 'English', 'en')}
# Numbers of sections and tables, such as 5.10.6; Chinese; words of other scripts. `SPLITTER` has the same expression.
WORD = re.compile('[0-9]+(?:\\.[0-9]+)+|[\u4e00-\u9fff]+|[^\\W\u4e00-\u9fff]+')
SPLITTER = r"""
function splitQuery(query) {
    const words = query.match(/[0-9]+(?:\.[0-9]+)+|[\u4e00-\u9fff]+|(?:(?![\u4e00-\u9fff])[\p{Letter}\p{Number}_])+/gu) || [];
    return words.flatMap((word) => /[\u4e00-\u9fff]/.test(word) && word.length > 2
        ? Array.from({length: word.length - 1}, (_, i) => word.slice(i, i + 2)) : [word]);
}
"""


def words(text):
    """The words of a text that the search knows, Chinese by pairs of characters: no dictionary has all of the field's words."""
    found = []
    for word in WORD.findall(text):
        chinese = '\u4e00' <= word[0] <= '\u9fff'
        found += [word[i : i + 2] for i in range(max(1, len(word) - 1))] if chinese else [word]
    return found


class English(SearchEnglish):
    """English, with the numbers of sections and the glossary's Chinese."""

    js_splitter_code = SPLITTER

    def split(self, input):
        return words(input)


class Chinese(SearchChinese):
    """Chinese, with the numbers of sections and English names."""

    language_name = 'English'  # of its stemmer: Sphinx 9.0 looks for a ChineseStemmer, which is nowhere
    js_splitter_code = SPLITTER

    def split(self, input):
        found = words(input)
        self.latin_terms.update(word for word in found if word.isascii())
        return found


def entitle(app, config):
    """The site's title in the language of the build."""
    config.html_title = TITLES[config.language]


def switch(app, pagename, templatename, context, doctree):
    """What the template's switch needs: the other language, and this page there."""
    folder, name, code = OTHER[app.config.language]
    page = '../' * (pagename.count('/') + 1) + f'{folder}/{pagename}.html'
    context['other_language'] = dict(name=name, code=code, page=page)


class Remarks(SphinxTransform):
    """Remarks in a block of commands, and what a command prints, are translated; other code and equations stay as they are."""

    default_priority = 10  # before the translation of texts, which cannot put code into Markdown

    def apply(self, **_others):
        folders = [self.env.srcdir / folder for folder in self.config.locale_dirs]
        catalogue, _found = init(folders, self.config.language, self.env.docname)
        for block in self.document.findall(nodes.math_block):
            block['translatable'] = False
        for block in self.document.findall(nodes.literal_block):
            language = block.get('language')
            if language == 'text' or (language in ('sh', 'bat') and '# ' in block.astext()):
                block['translatable'] = self.app.builder.name == 'gettext'
                text = catalogue.gettext(block.rawsource or block.astext())
                block.children = [nodes.Text(text)]
                block.rawsource = text  # or it is not highlighted


def setup(app):
    """Registers it with Sphinx."""
    app.add_search_language(English)
    app.add_search_language(Chinese)
    app.connect('config-inited', entitle)
    app.add_transform(Remarks)
    app.connect('html-page-context', switch)
    return {'parallel_read_safe': True}
