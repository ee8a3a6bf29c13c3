"""The words of the page of a training: in both languages, for everything that updates report, and the site's own."""

import re
from pathlib import Path

from common.running import plotting

import pytest
from javascript import evaluate, needs_node

babel = pytest.importorskip('babel.messages.pofile', reason='requirements-docs.txt installs it')
ROOT = Path(__file__).resolve().parents[2]
pytestmark = needs_node


@pytest.fixture(scope='module')
def words():
    """All texts by language and path; a function is called with 7s."""
    return evaluate(
        '../../../common/running/watch/page/words',
        """Object.fromEntries(Object.entries(words.WORDS).map(([language, all]) => {
          const called = { algorithm: '7', env: '7', setting: '7', run: '7' };
          const texts = (value, path) =>
            typeof value === 'object' && !Array.isArray(value)
              ? Object.entries(value).flatMap(([key, inner]) => texts(inner, [...path, key]))
              : [[path.join('/'), typeof value === 'function' ? value(path[0] === 'title' ? called : 7, 7, 7, 7) : value]];
          return [language, Object.fromEntries(texts(all, []))];
        }))""",
    )


def test_both_languages_say_the_same_things(words):
    assert words['en'].keys() == words['zh'].keys()
    chinese = re.compile('[一-鿿]')
    assert [key for key, text in words['en'].items() if chinese.search(str(text))] == ['other']
    assert [key for key, text in words['zh'].items() if not chinese.search(str(text))] == ['other']


def test_every_number_that_updates_report_has_words(words):
    """The names are those that the pictures of the losses have titles for."""
    assert {key.removeprefix('curves/') for key in words['en'] if key.startswith('curves/')} == set(plotting.WORDS)


def test_the_sentences_are_the_sites(words):
    text = (ROOT / 'docs/debugging.md').read_text(encoding='utf-8')
    with open(ROOT / 'docs/locales/zh_CN/LC_MESSAGES/debugging.po', 'rb') as file:
        catalogue = babel.read_po(file)
    compared = []
    for name, said in re.findall(r'^\| `(\w+)`(?:, `\w+`)? \| (.*) \|$', text, re.M):
        english, chinese = (bare(one) for one in (said, catalogue.get(said).string))
        assert words['en'][f'curves/{name}'][1] == english[0].upper() + english[1:] + '.'
        assert words['zh'][f'curves/{name}'][1] == chinese + '。'
        compared.append(name)
    assert len(compared) == 10


def bare(said):
    """A sentence of the site's as plain text; of one curve, where the site has two in a row."""
    for old, new in (('$\\beta$', 'β'), ('$c$', 'c'), ("'", '’'), ('they fall', 'it falls'), ('they do', 'it does')):
        said = said.replace(old, new)
    return said
