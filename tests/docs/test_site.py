"""The built companion: links that lead somewhere, nothing loaded from elsewhere, every page as a browser shows it."""

import functools
import http.server
import os
import shutil
import subprocess
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from filelock import FileLock

playwright = pytest.importorskip(
    'playwright.sync_api', reason='the companion is looked at with what requirements-dev.txt installs'
)
ROOT = Path(__file__).resolve().parent.parent.parent
SITE = ROOT / 'docs' / '_build' / 'site'
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
ELSEWHERE = (
    'arxiv.org', 'docs.ray.io', 'github.com', 'gymnasium.farama.org', 'optuna.org', 'pradyunsg.me',
    'stable-baselines3.readthedocs.io', 'www.ray.io', 'www.sphinx-doc.org',
)  # fmt: skip
LOADED = {'img': 'src', 'script': 'src', 'video': 'src', 'source': 'src', 'iframe': 'src'}
SHOWN = {'stylesheet', 'icon', 'shortcut icon', 'prefetch', 'preload'}

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What a page leads to, what it loads, and the places in it that can be led to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.places = set(), set(), {''}
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places |= {attributes[name] for name in ('id', 'name') if attributes.get(name)}
        if tag == 'a' and attributes.get('href'):
            self.links.add(attributes['href'])
        if attributes.get(LOADED.get(tag)):
            self.loads.add(attributes[LOADED[tag]])
        if tag == 'link':
            (self.loads if attributes.get('rel') in SHOWN else self.links).add(attributes['href'])


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The pages of the site by path, built by the command of the README, once for all workers."""
    shared = tmp_path_factory.getbasetemp().parent if 'PYTEST_XDIST_WORKER' in os.environ else tmp_path_factory.getbasetemp()
    with FileLock(shared / 'site.lock'):
        if not (shared / 'site built').exists():
            subprocess.run(['make', 'docs'], cwd=ROOT, check=True, capture_output=True)
            (shared / 'site built').touch()
    return {path: Page(path) for path in sorted(SITE.rglob('*.html'))}


def test_each_page_is_there_in_both_languages(site):
    english, chinese = (
        {path.relative_to(SITE / name) for path in site if SITE / name in path.parents} for name in ('en', 'zh')
    )
    assert english == chinese
    assert len(english) > 30


def test_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    broken = []
    for path, page in site.items():
        for link in page.links | page.loads:
            if '//' in link or link.startswith('mailto:'):
                if link in page.loads or not link.startswith(tuple(f'https://{host}' for host in ELSEWHERE)):
                    broken.append(f'{path.relative_to(SITE)}: {link}')
                continue
            target, place = urldefrag(link)
            file = (path.parent / unquote(target.partition('?')[0])).resolve() if target else path
            if not file.is_file() or (file in site and unquote(place) not in site[file].places):
                broken.append(f'{path.relative_to(SITE)}: {link}')
    assert not broken


@pytest.fixture(scope='module')
def address(site):
    """The site behind a web server."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()


@pytest.fixture(scope='module')
def chromium():
    if not CHROMIUM:
        pytest.skip('there is no chromium: on Debian apt-get install chromium')
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield browser
        browser.close()


def aborted(request):
    """Whether it was given up because the browser went on to another page."""
    return request.failure == 'net::ERR_ABORTED'


def watched(context):
    """A page of a browser, and the list of what goes wrong in it."""
    page, wrong = context.new_page(), []
    page.on('console', lambda message: wrong.append(message.text) if message.type in ('error', 'warning') else None)
    page.on('pageerror', lambda error: wrong.append(str(error)))
    page.on('requestfailed', lambda request: aborted(request) or wrong.append(f'{request.url} {request.failure}'))
    page.on('response', lambda response: wrong.append(f'{response.url} {response.status}') if response.status >= 400 else None)
    return page, wrong


@pytest.mark.parametrize('width', [1280, 1024, 390])
@pytest.mark.parametrize('colours', ['light', 'dark'])
@pytest.mark.parametrize('language', ['en', 'zh'])
def test_a_browser_shows_each_page_without_an_error(site, address, chromium, language, colours, width):
    context = chromium.new_context(viewport={'width': width, 'height': 900}, color_scheme=colours)
    page, wrong = watched(context)
    for path in site:
        if SITE / language not in path.parents:
            continue
        page.goto(f'{address}/{path.relative_to(SITE)}', wait_until='load')
        assert not wrong, path
        assert page.evaluate('document.documentElement.scrollWidth') <= width, path
        assert page.evaluate('document.documentElement.lang').startswith(language), path
        background = page.evaluate('getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)[0]')
        assert (background < 128) == (colours == 'dark'), path
    context.close()


def test_what_goes_wrong_in_a_page_is_seen(address, chromium):
    page, wrong = watched(chromium.new_context())
    page.goto(f'{address}/en/index.html')
    page.set_content('<img src="nothing.gif"><img src="http://127.0.0.1:1/"><script>nowhere()</script>', wait_until='load')
    told = ' '.join(wrong)
    assert 'nothing.gif 404' in told
    assert 'CONNECTION' in told or 'UNSAFE_PORT' in told
    assert 'nowhere is not defined' in told


def test_pictures_that_are_scrolled_to_are_there(address, chromium):
    page, wrong = watched(chromium.new_context())
    page.goto(f'{address}/en/results.html')
    pictures = page.locator('article img')
    assert pictures.count() > 20
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        picture.evaluate('image => image.decode()')
    assert not wrong


def test_the_switch_leads_to_the_same_page_and_back(address, chromium):
    page, wrong = watched(chromium.new_context())
    page.goto(f'{address}/en/agents/ppo.html')
    page.locator('.language-switch').click()
    page.wait_for_url('**/zh/agents/ppo.html')
    page.locator('.language-switch').click()
    page.wait_for_url('**/en/agents/ppo.html')
    assert not wrong


@pytest.mark.parametrize(('preferred', 'language'), [('zh-CN', 'zh'), ('en-GB', 'en'), ('de-DE', 'en')])
def test_the_first_page_is_in_the_readers_language(address, chromium, preferred, language):
    page, wrong = watched(chromium.new_context(locale=preferred))
    page.goto(f'{address}/index.html')
    page.wait_for_url(f'**/{language}/index.html')
    assert not wrong


@pytest.mark.parametrize(
    ('language', 'words', 'found'),
    [
        ('en', 'trust region', 'TRPO'),
        ('zh', '信赖域', 'TRPO'),
        ('zh', '共轭梯度', 'TRPO'),
        ('zh', '批判者', 'PPO'),
        ('zh', 'PPO裁剪', 'PPO'),
        ('en', '批判者', 'Glossary'),
    ],
)
def test_the_search_finds_the_fields_words(address, chromium, language, words, found):
    page, wrong = watched(chromium.new_context())
    page.goto(f'{address}/{language}/search.html?q={words}')
    page.locator('#search-results li a', has_text=found).first.wait_for(timeout=10_000)
    assert not wrong


@pytest.mark.parametrize(
    ('language', 'number', 'first'),
    [('en', '5.10.5', 'TRPO'), ('en', '5.10.6', 'PPO'), ('en', '16.1', 'Results'), ('zh', '5.10.6', 'PPO')],
)
def test_the_search_for_a_number_of_the_book_leads_to_its_page_first(address, chromium, language, number, first):
    page, wrong = watched(chromium.new_context())
    page.goto(f'{address}/{language}/search.html?q={number}')
    found = page.locator('#search-results li a').first
    found.wait_for(timeout=10_000)
    assert found.inner_text() == first
    assert not wrong


@pytest.mark.parametrize('width', [1024, 1280, 1440, 1600])
def test_a_pages_contents_are_in_sight_beside_its_text(address, chromium, width):
    page, _wrong = watched(chromium.new_context(viewport={'width': width, 'height': 800}))
    page.goto(f'{address}/en/agents/ppo.html')
    contents, text = page.locator('.toc-tree').bounding_box(), page.locator('article').bounding_box()
    assert 0 <= contents['x'] <= width - contents['width']
    assert 0 <= contents['y'] < 800 - 100
    assert contents['x'] + contents['width'] <= text['x'] or contents['x'] >= text['x'] + text['width']


@pytest.mark.parametrize('language', ['en', 'zh'])
@pytest.mark.parametrize('agent', ['trpo', 'ppo', 'a2c', 'acktr', 'sac'])
def test_an_agents_idea_and_its_equation_are_on_the_first_screen(address, chromium, agent, language):
    page, _wrong = watched(chromium.new_context(viewport={'width': 1280, 'height': 800}))
    page.goto(f'{address}/{language}/agents/{agent}.html')
    idea, equation = page.locator('h2').first.bounding_box(), page.locator('.equation').first.bounding_box()
    assert idea['y'] < equation['y'] < 800 - equation['height']


SCROLLS = """axis => [...document.querySelectorAll('.equation, .equation *, .highlight-sh pre, .table-wrapper')]
    .filter(element => getComputedStyle(element)['overflow' + axis].match(/auto|scroll/))
    .filter(element => axis == 'X' ? element.scrollWidth > element.clientWidth + 1
                                   : element.scrollHeight > element.clientHeight + 1)
    .map(element => element.textContent.trim().slice(0, 60))"""


def test_equations_commands_and_tables_need_no_scroll_bar(site, address, chromium):
    page, _wrong = watched(chromium.new_context(viewport={'width': 1280, 'height': 800}))
    scrolled = {}
    for path in site:
        page.goto(f'{address}/{path.relative_to(SITE)}')
        scrolled[path] = page.evaluate(SCROLLS, 'X') + page.evaluate(SCROLLS, 'Y')
    assert not {path: found for path, found in scrolled.items() if found}


def test_from_the_books_name_to_its_line_and_back(address, chromium):
    page, wrong = watched(chromium.new_context())
    page.goto(f'{address}/en/agents/ppo.html')
    page.locator('.book-names a', has_text='train_actor').click()
    block = page.locator('#code-ppo-ppo-train-actor')
    assert 'def train_actor(' in block.inner_text()
    block.locator('.code-title a').click()
    page.wait_for_url('**/en/source/ppo.html#line-*')
    line = page.locator(f'#{page.url.partition("#")[2]}')
    assert 'def train_actor(' in line.inner_text()
    line.locator('a.explained').click()
    page.wait_for_url('**/en/agents/ppo.html#code-ppo-ppo-train-actor')
    assert not wrong
