"""The figures in chromium: they load without an error, sliders change what is drawn, the keyboard reaches every control."""

import functools
import http.server
import shutil
import subprocess
import sys
import threading

import pytest
from javascript import FIGURES

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
playwright = pytest.importorskip('playwright.sync_api', reason='Playwright is not installed: make test-slow installs it')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason='chromium is not installed: apt-get install chromium'),
]
NAMES = ['advantages', 'clip', 'curves', 'gaussian', 'play', 'trust_region']
ENVS = ['Pendulum-v1', 'CartPole-v1', 'FrozenLake-v1']
PAGE = """<!doctype html>
<html lang="{language}"{attributes}><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="figures/figures.css">
<body><div class="moving-figure" data-figure="{name}" data-language="{language}"></div>
<script type="module" src="figures/load.js"></script></body></html>"""


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The address of a server with the figures, their data, and one page for each figure, language and theme."""
    folder = tmp_path_factory.mktemp('site')
    shutil.copytree(FIGURES, folder / 'figures', ignore=shutil.ignore_patterns('data'))
    root = FIGURES.parents[2]
    subprocess.run(
        [sys.executable, 'docs/figures_data.py', folder / 'figures' / 'data'], cwd=root, check=True, capture_output=True
    )
    for name in NAMES:
        for language in ('en', 'zh'):
            for theme in ('light', 'dark', 'auto'):
                attributes = '' if theme == 'auto' else f' data-theme="{theme}"'
                page = PAGE.format(name=name, language=language, attributes=attributes)
                (folder / f'{name}-{language}-{theme}.html').write_text(page, encoding='utf-8')
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_address[1]}'
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Nothing."""


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as tools:
        chromium = tools.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, site):
    """`visit(name, ...)` opens a figure and waits for it; at the end no page may have said a word or lacked a file."""
    contexts, wrong = [], []

    def open_page(name, language='en', theme='light', width=1280, still=True, prefers='light'):
        motion = 'reduce' if still else 'no-preference'
        context = browser.new_context(viewport={'width': width, 'height': 900}, reduced_motion=motion, color_scheme=prefers)
        contexts.append(context)
        page = context.new_page()
        page.on('console', lambda message: wrong.append(message.text))
        page.on('pageerror', lambda error: wrong.append(str(error)))
        page.on('requestfailed', lambda request: wrong.append(request.url))
        page.on('response', lambda response: response.ok or wrong.append(response.url))
        page.goto(f'{site}/{name}-{language}-{theme}.html')
        page.wait_for_selector('[data-mounted]')
        settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong


def settle(page):
    """Waits until sizes are known and what depends on them is drawn."""
    page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')


def drawn(page):
    """Everything a figure shows but its controls: pictures and tables."""
    settle(page)
    return page.evaluate(
        "[...document.querySelectorAll('.moving-figure svg:not([aria-hidden]), .readout')].map((one) => one.innerHTML).join()"
    )


def press(page, locator, key):
    locator.focus()
    page.keyboard.press(key)


@pytest.mark.parametrize('width', [1280, 390])
@pytest.mark.parametrize('language', ['en', 'zh'])
@pytest.mark.parametrize('name', NAMES)
def test_loads_in_every_language_width_and_theme(visit, name, language, width):
    """Without an error (see `visit`), within the page's width, its background that of the theme."""
    brightness = {}
    for theme, prefers in [('light', 'dark'), ('dark', 'light'), ('auto', 'dark'), ('auto', 'light')]:
        page = visit(name, language, theme, width, prefers=prefers)
        assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
        assert page.locator('.moving-figure svg').count() >= 1
        colour = page.evaluate("getComputedStyle(document.querySelector('.moving-figure')).backgroundColor")
        brightness[theme, prefers] = sum(int(part) for part in colour[4:-1].split(',')[:3])
    assert brightness['light', 'dark'] == brightness['auto', 'light'] > 600
    assert brightness['dark', 'light'] == brightness['auto', 'dark'] < 150


@pytest.mark.parametrize('name', ['clip', 'trust_region', 'advantages', 'curves'])
def test_every_slider_changes_what_is_drawn(visit, name):
    page = visit(name)
    sliders = page.locator('input[type=range]')
    assert sliders.count() >= 1
    for i in range(sliders.count()):
        for key in ('Home', 'End'):
            before, said = drawn(page), sliders.nth(i).get_attribute('aria-valuetext')
            press(page, sliders.nth(i), key)
            if sliders.nth(i).get_attribute('aria-valuetext') != said:  # it stood at that end already
                assert drawn(page) != before, (i, key)


@pytest.mark.parametrize('label', ['target τ', 'target range ζ', 'learning rate', 'rate of the baseline'])
def test_every_slider_of_the_game_changes_how_it_is_learnt(visit, label):
    """The same draws, a few episodes with the slider as it is and at its end."""
    pictures = []
    for move in (False, True):
        page = visit('gaussian')
        if move:
            press(page, page.get_by_label(label, exact=True), 'End')
        for _ in range(5):
            page.get_by_role('button', name='One episode').click()
        pictures.append(page.locator('.readout').inner_text())
    assert pictures[0] != pictures[1]


def test_the_game_plays_as_fast_as_its_slider_says(visit):
    counts = []
    for key in ('Home', 'End'):
        page = visit('gaussian')
        press(page, page.get_by_label('episodes a second'), key)
        page.get_by_role('button', name='Play').click()
        page.wait_for_timeout(1500)
        page.get_by_role('button', name='Pause').click()
        words = page.locator('.readout th[scope=row]')
        counts.append(int(words.inner_text().split()[1].replace(',', '')) if words.count() else 0)
    assert counts[0] <= 2 < 300 < counts[1]


def test_the_draggable_point_and_the_plots_follow_the_mouse(visit):
    page = visit('trust_region')
    box = page.locator('.handle').last.bounding_box()
    x, y = box['x'] + box['width'] / 2, box['y'] + box['height'] / 2
    before = page.get_by_label('mean μ').input_value()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=3)
    page.mouse.up()
    moved = page.get_by_label('mean μ').input_value()
    assert float(moved) > float(before) + 0.5
    page.get_by_role('button', name='Take the step').click()
    assert page.get_by_label('mean μ').input_value() != moved
    page = visit('clip')
    box = page.locator('.plot').first.bounding_box()
    page.mouse.click(box['x'] + box['width'] / 4, box['y'] + box['height'] / 2)
    assert float(page.get_by_label('ratio ρ').input_value()) < 0.7
    page = visit('curves')
    before, box = page.locator('.readout').inner_text(), page.locator('.plot').bounding_box()
    page.mouse.move(box['x'] + box['width'] / 3, box['y'] + box['height'] / 2)
    assert page.locator('.readout').inner_text() != before


@pytest.mark.parametrize('name', NAMES)
def test_the_keyboard_reaches_every_control_and_each_has_a_name(visit, name):
    for env in ENVS if name == 'play' else [None]:
        page = visit(name)
        if env:
            page.get_by_label('environment').select_option(env)
            page.wait_for_function(f"document.querySelector('.stage').getAttribute('aria-label') && {len(env)}")
            settle(page)
        controls = page.evaluate(
            """(() => {
              const all = [...document.querySelectorAll('.moving-figure :is(input, select, button, [tabindex])')];
              all.forEach((one, i) => (one.dataset.number = i));
              return all.map((one) => one.labels?.[0]?.textContent || one.getAttribute('aria-label') || one.textContent);
            })()"""
        )
        assert len(controls) >= 3
        assert all(name.strip() for name in controls)
        page.evaluate('document.activeElement.blur()')
        reached = []
        for _ in range(len(controls) + 2):
            page.keyboard.press('Tab')
            reached.append(page.evaluate('document.activeElement?.dataset?.number ?? null'))
        assert [number for number in reached if number is not None][: len(controls)] == [str(i) for i in range(len(controls))]


@pytest.mark.parametrize('name', ['gaussian', 'play'])
def test_nothing_moves_by_itself_where_less_motion_is_preferred(visit, name):
    for still in (True, False):
        page = visit(name, still=still)
        before = drawn(page)
        page.wait_for_timeout(700)
        assert (drawn(page) == before) == still


def test_choices_and_boxes_change_the_curves(visit):
    page = visit('curves')
    for act in (
        lambda: page.locator('.boxes input').first.uncheck(),
        lambda: page.get_by_label('seed').select_option('1'),
        lambda: page.get_by_label('logarithmic').uncheck(),
        lambda: page.get_by_label('environment').select_option('HalfCheetah-v4'),
        lambda: page.get_by_label('return of').select_option('test'),
    ):
        before = drawn(page)
        act()
        assert drawn(page) != before


def test_a_time_limit_taken_for_a_death_looks_like_one(visit):
    page = visit('advantages')
    limit = page.locator('.readout tbody tr').last.locator('td').last
    before = page.locator('.readout tbody tr').last.inner_text()
    page.get_by_label('take the time limit for a death').check()
    assert limit.count() == 1
    assert page.locator('.readout tbody tr').last.inner_text() != before


def cell(page, column):
    """A number of the table below the stage, by its column's name."""
    names = page.locator('.readout thead th').all_inner_texts()
    return page.locator('.readout tbody tr').locator('th, td').nth(names.index(column)).inner_text()


@pytest.mark.parametrize(('env', 'column'), [('Pendulum-v1', 'angular speed'), ('CartPole-v1', 'position')])
def test_pushes_with_keys_buttons_and_the_mouse(visit, env, column):
    """The same push to both sides leads to different states; nothing else differs, not even the random start."""
    page = visit('play')
    page.get_by_label('environment').select_option(env)
    page.wait_for_function(f"[...document.querySelectorAll('.readout th')].some((one) => one.textContent === '{column}')")
    step = page.get_by_role('button', name='One step')
    stage = page.locator('.stage')
    for key in ('ArrowLeft', 'ArrowRight'):
        stage.focus()
        page.keyboard.down(key)
        settle(page)
        page.evaluate("[...document.querySelectorAll('button')].find((one) => one.textContent === 'One step').click()")
        pushed = cell(page, 'push')
        assert pushed.strip('−0.') != ''
        page.keyboard.up(key)
    step.click()
    assert float(cell(page, 'push').replace('−', '-')) == 0
    box = stage.bounding_box()
    page.mouse.move(box['x'] + box['width'] * 0.9, box['y'] + box['height'] * 0.6)
    page.mouse.down()
    settle(page)
    assert float(cell(page, 'push').replace('−', '-')) != 0
    page.mouse.up()
    assert float(cell(page, 'push').replace('−', '-')) == 0
    button = page.get_by_role('button', name='Push →')
    button.hover()
    page.mouse.down()
    step.evaluate('(one) => one.click()')
    assert float(cell(page, 'push').replace('−', '-')) != 0
    page.mouse.up()


def test_the_pendulum_is_put_where_a_map_is_pressed(visit):
    page = visit('play')
    before = cell(page, 'V(s)')
    box = page.locator('.plot').first.bounding_box()
    page.mouse.click(box['x'] + box['width'] * 0.4, box['y'] + box['height'] * 0.3)
    assert cell(page, 'V(s)') != before
    placed = cell(page, 'angle θ')
    press(page, page.get_by_label('angle θ'), 'End')
    assert cell(page, 'angle θ') != placed
    assert cell(page, 'angle θ') == '180°'


def test_the_walker_is_moved_by_keys_buttons_and_presses(visit):
    page = visit('play')
    page.get_by_label('environment').select_option('FrozenLake-v1')
    page.wait_for_function("document.querySelector('.readout th').textContent === 'field'")
    press(page, page.locator('.stage'), 'ArrowRight')
    assert cell(page, 'field') == '1'
    page.get_by_role('button', name='Move right').click()
    page.get_by_role('button', name='Move down').click()
    assert cell(page, 'field') == '6'
    box = page.locator('.stage').bounding_box()
    page.mouse.click(box['x'] + box['width'] * 0.6, box['y'] + box['height'] * 0.9)
    assert cell(page, 'field') == '14'


@pytest.mark.parametrize('env', ENVS)
def test_every_agent_plays(visit, env):
    """Chosen, it acts, and the pole stands and the pendulum is up after ten seconds of the page's time."""
    page = visit('play', still=False)
    page.get_by_label('environment').select_option(env)
    page.wait_for_timeout(200)
    agents = page.get_by_label('agent (').locator('option')
    names = [agents.nth(i).get_attribute('value') for i in range(agents.count())]
    assert len(names) >= 3
    assert all(name.endswith(env) for name in names)
    for name in names:
        before = drawn(page)
        page.get_by_label('agent (').select_option(name)
        page.wait_for_timeout(600)
        assert drawn(page) != before
