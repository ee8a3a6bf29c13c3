"""The pages as plain Markdown: whole for who reads them on a code host, with links that lead somewhere, of today's sources."""

import json
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest

pytest.importorskip('sphinx', reason='the pages are written with what requirements-docs.txt installs')
from extension.equations import numbers
from extension.plain import digest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / 'docs'
PLAIN = DOCS / 'plain'
LANGUAGES = {'en': 'en', 'zh': 'zh_CN'}
PAGES = sorted(PLAIN.rglob('*.md'))
SOURCES = sorted(path.relative_to(DOCS) for path in [*DOCS.glob('*.md'), *DOCS.glob('agents/*.md')])
MARKDOWN = MarkdownIt('commonmark').enable('table')
HTML = re.compile(r'(<!-- .* -->|(<a id="[\w-]+">)?(</a>)?(<br>)?)+')
of_each_page = pytest.mark.parametrize('page', PAGES, ids=lambda page: page.relative_to(PLAIN).as_posix())


@cache
def parsed(path):
    """The tokens of a Markdown file, those within lines, too."""
    tokens = MARKDOWN.parse(path.read_text(encoding='utf-8'))
    return [*tokens, *(child for token in tokens for child in token.children or ())]


@cache
def places(path):
    """The anchors that GitHub gives a file's headings, and those that stand in its text."""
    tokens, found, times = parsed(path), [], Counter()
    for token, title in pairwise(tokens):
        if token.type == 'heading_open':
            words = ''.join(child.content for child in title.children if child.type in ('text', 'code_inline'))
            slug = re.sub(r'[^\w\- ]', '', words.lower()).replace(' ', '-')
            found.append(f'{slug}-{times[slug]}' if times[slug] else slug)
            times[slug] += 1
    return {*found, *re.findall(r'<a id="([^"]+)">', path.read_text(encoding='utf-8'))}


def leads_nowhere(page, link):
    """What is wrong with a link of a page, if anything."""
    target, _, place = unquote(link).partition('#')
    file = (page.parent / target).resolve() if target else page
    if not file.exists() or not file.is_relative_to(ROOT):
        return 'there is no such file'
    if line := re.fullmatch(r'L(\d+)', place):
        return int(line[1]) > len(file.read_text(encoding='utf-8').splitlines()) and 'the file ends before'
    return place and place not in places(file) and 'the file has no such place'


def test_each_page_is_there_in_both_languages():
    for language in LANGUAGES:
        assert sorted(path.relative_to(PLAIN / language) for path in PAGES if path.is_relative_to(PLAIN / language)) == SOURCES


@of_each_page
def test_nothing_is_left_that_only_the_site_understands(page):
    for token in parsed(page):
        if token.type in ('html_block', 'html_inline'):
            assert HTML.fullmatch(token.content.strip()), token.content
        if token.type == 'fence':
            assert re.fullmatch(r'\w*', token.info), token.info
            assert token.content.strip()
        if token.type == 'image':
            assert '<' not in token.content, token.content
        if token.type == 'text':
            assert not re.search(r'\*\*|\]\(|:::|(?<!\\begin)(?<!\\end)\{[a-z-]+\}$', token.content), token.content


@of_each_page
def test_every_link_leads_to_a_file_and_to_a_place_in_it(page):
    links = [token.attrs.get('href', token.attrs.get('src')) for token in parsed(page) if token.type in ('link_open', 'image')]
    links = [link for link in links if not link.startswith(('https://', 'http://'))]
    wrong = {link: why for link in links if (why := leads_nowhere(page, link))}
    assert not wrong
    assert len(links) >= 2


@pytest.mark.parametrize('language', LANGUAGES)
@pytest.mark.parametrize('agent', sorted(path.stem for path in DOCS.glob('agents/*.md')))
def test_an_agents_page_has_its_code_equations_errata_and_settings(agent, language):
    text = (PLAIN / language / 'agents' / f'{agent}.md').read_text(encoding='utf-8')
    source = (DOCS / 'agents' / f'{agent}.md').read_text(encoding='utf-8')
    code = [name for names in re.findall(r'^```\{code\} (.+)$', source, re.M) for name in names.split()]
    assert len(re.findall(r'^<a id="code-.*\.py#L\d+\)\n\n```python\n', text, re.M)) == len(code)
    blocks = re.findall(r'^\$\$\n(.+?)\n\$\$\n', text, re.M | re.S)
    assert sorted(re.search(r' \\tag\{(\d+)\}$', block)[1] for block in blocks) == sorted(numbers(f'{agent}.py'))
    assert not [block for block in blocks if re.search(r'\\[^\w\s]|[<>]|operatorname', block)]
    told = re.findall(r'^> .*\*\*\[\D+(\d+)\D*\]\(\.\./ERRATA\.md#erratum-\d+\)\*\*', text, re.M)
    assert told == re.findall(r'^```\{erratum\} (\d+)$', source, re.M)
    assert len(re.findall(r'^\| `--', text, re.M)) >= 15 or '{settings}' not in source


@of_each_page
def test_no_cell_of_a_table_is_too_long_to_read(page):
    """On a code host a cell of 300 characters, addresses of links among them, takes a window's height."""
    rows = [row for row in page.read_text(encoding='utf-8').splitlines() if row.startswith('|')]
    cells = [cell.strip() for row in rows for cell in re.split(r'(?<!\\)\|', row)]
    assert [cell for cell in cells if len(cell) > 300] == []


def test_links_lead_to_the_same_places_in_both_languages():
    """Sphinx takes two links of one text to the same page for one when it puts in the translation."""
    english = PLAIN / 'en'
    for page in english.rglob('*.md'):
        other = PLAIN / 'zh' / page.relative_to(english)
        found = [re.findall(r'\]\(([^)\s]*\.md#[^)\s]+)\)', one.read_text(encoding='utf-8')) for one in (page, other)]
        assert sorted(found[0]) == sorted(found[1]), page.name


def test_results_are_tables_of_numbers_without_padding():
    for name, rows in (('results', 100), ('speed', 40), ('costs', 20)):
        for language in LANGUAGES:
            lines = [
                line for line in (PLAIN / language / f'{name}.md').read_text('utf-8').splitlines() if line.startswith('| ')
            ]
            assert len([line for line in lines if re.search(r'\| -?[\d,.]+ ', line)]) > rows
            assert not [line for line in lines if '  ' in re.sub(r'(?<=\|)  (?=\|)', '', line)]


@pytest.mark.parametrize('language', LANGUAGES)
def test_the_pages_are_of_the_sources_as_they_are(language):
    recorded = json.loads((PLAIN / language / 'sources.json').read_text(encoding='utf-8'))
    assert len(recorded) > 80
    changed = [file for file, was in recorded.items() if not (ROOT / file).is_file() or digest(ROOT / file) != was]
    assert not changed, f'run make plain: {", ".join(changed)} changed'


def test_a_change_of_a_source_is_seen_and_other_line_ends_are_not(tmp_path):
    file = tmp_path / 'page.md'
    seen = []
    for text in (b'# PPO\n', b'# PPO\r\n', b'# TRPO\n'):
        file.write_bytes(text)
        seen.append(digest(file))
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.slow
@pytest.mark.parametrize('language', LANGUAGES)
def test_building_them_again_gives_the_same_files(language, tmp_path):
    sphinx = [sys.executable, '-m', 'sphinx', '-q', '-E', '-W', '-b', 'plain', '-D', f'language={LANGUAGES[language]}']
    subprocess.run([*sphinx, '-d', tmp_path / 'trees', DOCS, tmp_path / 'plain'], check=True, cwd=ROOT)
    here, anew = (
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}
        for folder in (PLAIN / language, tmp_path / 'plain')
    )
    old = sorted(file for file in here.keys() | anew.keys() if here.get(file) != anew.get(file))
    assert not old, f'run make plain: {", ".join(old)} would change'
