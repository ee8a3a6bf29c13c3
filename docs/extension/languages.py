"""Two languages: a switch that leads to the same page of the other, and a search that finds Chinese words."""

import re

from docutils import nodes
from sphinx.locale import init
from sphinx.search import languages
from sphinx.search.zh import SearchChinese
from sphinx.transforms import SphinxTransform

TITLES = {'en': "The Textbook's Policy Gradients", 'zh_CN': '教科书里的策略梯度'}
OTHER = {'en': ('zh', '中文', 'zh-CN'), 'zh_CN': ('en', 'English', 'en')}
CHINESE = re.compile('[\u4e00-\u9fff]+')


class Bigrams(SearchChinese):
    """Chinese by pairs of characters, in the index and in what is typed: no dictionary that lacks the field's words."""

    language_name = 'English'  # of its stemmer: Sphinx 9.0 looks for a ChineseStemmer, which is nowhere
    js_splitter_code = """
function splitQuery(query) {
    const words = query.match(/[\\u4e00-\\u9fff]+|[\\p{Letter}\\p{Number}_]+/gu) || [];
    return words.flatMap((word) => /[\\u4e00-\\u9fff]/.test(word) && word.length > 2
        ? Array.from({length: word.length - 1}, (_, i) => word.slice(i, i + 2)) : [word]);
}
"""

    def split(self, input):
        words = CHINESE.findall(input)
        pairs = [word[i : i + 2] for word in words for i in range(max(1, len(word) - 1))]
        latin = self.latin1_letters.findall(input)
        self.latin_terms.update(latin)
        return pairs + latin


def entitle(app, config):
    """The site's title in the language of the build."""
    config.html_title = TITLES[config.language]


def switch(app, pagename, templatename, context, doctree):
    """What the template's switch needs: the other language, and this page there."""
    folder, name, code = OTHER[app.config.language]
    page = '../' * (pagename.count('/') + 1) + f'{folder}/{pagename}.html'
    context['other_language'] = dict(name=name, code=code, page=page)


class Remarks(SphinxTransform):
    """The remarks in a block of commands are translated like any text; other code, and equations, stay as they are."""

    default_priority = 10  # before the translation of texts, which cannot put code into Markdown

    def apply(self, **_others):
        folders = [self.env.srcdir / folder for folder in self.config.locale_dirs]
        catalogue, _found = init(folders, self.config.language, self.env.docname)
        for block in self.document.findall(nodes.math_block):
            block['translatable'] = False
        for block in self.document.findall(nodes.literal_block):
            if block.get('language') in ('sh', 'bat') and '# ' in block.astext():
                block['translatable'] = self.app.builder.name == 'gettext'
                text = catalogue.gettext(block.rawsource or block.astext())
                block.children = [nodes.Text(text)]
                block.rawsource = text  # or it is not highlighted


def setup(app):
    """Registers it with Sphinx."""
    languages['zh'] = Bigrams
    app.connect('config-inited', entitle)
    app.add_transform(Remarks)
    app.connect('html-page-context', switch)
    return {'parallel_read_safe': True}
