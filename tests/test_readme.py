"""The READMEs: two screens in each language, with the same commands and links, which lead somewhere."""

import re
from pathlib import Path
from unicodedata import east_asian_width

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = {name: (ROOT / name).read_text(encoding='utf-8') for name in ('README.md', 'README.zh-CN.md')}


def links(text):
    """Where the links and pictures of a Markdown text lead."""
    return re.findall(r'\]\(([^)\s]+)\)', text)


def anchors(text):
    """The anchors that GitHub gives the headings of a Markdown text, and those that are in it."""
    headings = re.findall(r'^#+ (.+)$', re.sub(r'(?s)^```.*?^```', '', text, flags=re.M), re.M)
    slugs = {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"></a>', text))


def width(line):
    """The columns that a line takes where a Chinese character takes two."""
    return sum(2 if east_asian_width(character) in 'WF' else 1 for character in line)


@pytest.mark.parametrize('name', README)
def test_it_fits_on_two_screens(name):
    lines = README[name].splitlines()
    assert len(lines) <= 120
    assert max(map(width, lines)) <= 150


@pytest.mark.parametrize('name', README)
def test_its_links_lead_to_files_and_headings(name):
    assert len(links(README[name])) > 30
    for link in links(README[name]):
        file, _, anchor = link.partition('#')
        assert (ROOT / file).exists(), link
        assert not anchor or anchor in anchors((ROOT / file).read_text(encoding='utf-8')), link


def test_both_have_the_same_commands_and_lead_to_the_same_places():
    english, chinese = README.values()
    commands = [re.findall(r'^(make|python|\.venv)([^#\n]*)', text, re.M) for text in (english, chinese)]
    assert commands[0] == commands[1]
    places = [{re.sub(r'(?<=docs/plain/)(en|zh)(?=/)', '', link) for link in links(text)} for text in (english, chinese)]
    places = [found - set(README) for found in places]
    assert places[0] == places[1]


def test_every_page_of_the_companion_can_be_reached_from_it():
    """On GitHub the pages have no list of contents."""
    for name, language in zip(README, ('en', 'zh'), strict=True):
        pages = {path.relative_to(ROOT / 'docs') for folder in ('docs', 'docs/agents') for path in (ROOT / folder).glob('*.md')}
        led_to = {ROOT / link.partition('#')[0] for link in links(README[name])}
        assert {ROOT / 'docs' / 'plain' / language / page for page in pages} <= led_to


def test_it_counts_the_errata():
    count = len(re.findall(r'^\| \d+ \|', (ROOT / 'docs' / 'ERRATA.md').read_text(encoding='utf-8'), re.M))
    assert f'[{count} errata]' in README['README.md']
    assert f'[{count} 条勘误]' in README['README.zh-CN.md']


def test_the_books_are_named():
    for text in README.values():
        for title in ('Deep Reinforcement Learning: Fundamentals, Research and Applications', '深度强化学习：基础、研究与应用'):
            assert title in re.sub(r'\s+', ' ', text)
        assert 'Deep Reinforcement Learning Hands-On' in re.sub(r'\s+', ' ', text)
