"""The page of a training in chromium: the curve grows, the first policy lets the pendulum fall, the last one holds it."""

import shutil
import threading

import ppo
from common.running.watch import server

import pytest

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
playwright = pytest.importorskip('playwright.sync_api', reason='Playwright is not installed: make test-slow installs it')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason='chromium is not installed: apt-get install chromium'),
]


class Training:
    """A training in a thread of its own, which pauses after the updates in `pauses` until `go_on` is called."""

    def __init__(self, pauses, *arguments, **options):
        self.pauses, self.paused, self.released = pauses, threading.Event(), threading.Event()
        self.thread = threading.Thread(
            target=ppo.train, args=arguments, kwargs=options | dict(watch=True, on_update=self._on_update), daemon=True
        )
        self.thread.start()
        assert self.paused.wait(120)

    def _on_update(self, run, losses):
        self.page = run.page
        if run.updates in self.pauses:
            self.paused.set()
            self.released.wait()
            self.released.clear()

    def go_on(self):
        """Goes on to the next pause, or to the end."""
        self.paused.clear()
        self.released.set()

    def join(self):
        self.thread.join(120)
        assert not self.thread.is_alive()


@pytest.fixture(autouse=True)
def no_second_browser(monkeypatch):
    monkeypatch.setattr(server, 'open_browser', lambda address: None)


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as tools:
        chromium = tools.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """`visit(address, ...)` opens a page; at the end no page may have said a word or lacked a file."""
    contexts, wrong = [], []

    def open_page(address, language='en-GB', width=1280, prefers='light', still=True):
        motion = 'reduce' if still else 'no-preference'
        view = dict(viewport={'width': width, 'height': 900}, reduced_motion=motion, color_scheme=prefers, locale=language)
        contexts.append(browser.new_context(**view))
        page = contexts[-1].new_page()
        page.on('console', lambda message: wrong.append(message.text))
        page.on('pageerror', lambda error: wrong.append(str(error)))
        page.on(
            'request', lambda request: request.url.startswith((address[:17], 'data:', 'blob:')) or wrong.append(request.url)
        )
        page.goto(address)
        page.wait_for_selector('main[data-mounted]')
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """The page of a short run that is over."""
    training = Training([1], 'Pendulum-v1', out=tmp_path_factory.mktemp('run'), steps=4096, episodes=2)
    training.go_on()
    training.join()
    return training.page


def points(page, plot=0):
    """The number of points of the blue line of a plot."""
    lines = page.locator('.plot').nth(plot).locator('path.line.blue')
    return lines.last.get_attribute('d').count('L') + 1 if lines.count() else 0


def cell(page, column):
    """A number of the table below the pendulum, by its column's name."""
    names = page.locator('.readout thead th').all_inner_texts()
    text = page.locator('.readout tbody tr').locator('th, td').nth(names.index(column)).inner_text()
    return float(text.replace('−', '-').replace('°', ''))


def upright_steps(page, steps=200):
    """How many of the last 50 of so many steps the pendulum is upright, from hanging still."""
    angle, speed = page.get_by_label('angle θ'), page.get_by_label('angular speed')
    angle.fill('3.1')
    speed.fill('0')
    step, count = page.get_by_role('button', name='One step'), 0
    for i in range(steps):
        step.evaluate('(one) => one.click()')
        count += i >= steps - 50 and abs(cell(page, 'angle θ')) < 15
    return count


def test_the_curve_grows_and_the_pendulum_learns_to_stand(visit, tmp_path):
    training = Training([1, 100], 'Pendulum-v1', out=tmp_path, steps=150_000, episodes=20)
    page = visit(training.page.address)
    page.locator('.state', has_text='update 1,').wait_for()
    page.get_by_text('After 0 steps and 0 updates, acting greedily.').wait_for()
    assert upright_steps(page) == 0
    first = points(page), points(page, -1)
    training.go_on()
    page.locator('.state', has_text='update 100,').wait_for(timeout=120_000)
    assert points(page) > first[0] + 50
    assert points(page, -1) > first[1] + 50
    training.go_on()
    training.join()
    page.locator('.state', has_text='The run is over.').wait_for(timeout=30_000)
    assert 'Evaluation: the greedy policy has −1' in page.locator('main').inner_text()
    assert upright_steps(page) == 50


def test_stop_save_and_compare(visit, tmp_path):
    options = dict(out=tmp_path, steps=400_000, episodes=2)
    first = Training([1], 'Pendulum-v1', name='first', **options | dict(steps=20_480))
    first.go_on()
    first.join()
    training = Training([1, 2], 'Pendulum-v1', name='second', **options)
    page = visit(training.page.address)
    page.locator('.state', has_text='update 1,').wait_for()
    page.get_by_label('Compare with an earlier run').select_option(
        label=page.get_by_role('option', name='PPO, first').inner_text()
    )
    page.locator('.plot').first.locator('path.ochre').wait_for(state='attached')
    assert page.locator('.plot path.ochre').count() > 10
    page.get_by_role('button', name='Save now').click()
    page.get_by_text('It saves after the update that is being made.').wait_for()
    training.go_on()
    page.get_by_text('Saved at step 1,').wait_for()
    page.get_by_role('button', name='Stop the training').click()
    page.get_by_text('It stops after the update that is being made.').wait_for()
    training.go_on()
    training.join()
    page.locator('.state', has_text='The run is over.').wait_for()
    assert training.page.state['updates'] == 3


@pytest.mark.parametrize('width', [1280, 390])
@pytest.mark.parametrize('language', ['en-GB', 'zh-CN'])
def test_every_language_width_and_theme(visit, finished, language, width):
    """The page and its file: within the width, in the browser's language and in the other one, light and dark."""
    for prefers in ('light', 'dark'):
        page = visit(finished.address, language, width, prefers)
        page.locator('.curves .plot').first.wait_for()
        assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
        colour = page.evaluate('getComputedStyle(document.body).backgroundColor')
        assert (sum(map(int, colour[4:-1].split(',')[:3])) > 600) == (prefers == 'light')
    said = {'en-GB': 'The run is over.', 'zh-CN': '这次训练已全部结束。'}
    assert page.locator('.state').inner_text().startswith(said.pop(language))
    page.get_by_role('button', name='中文' if language == 'en-GB' else 'English').click()
    page.locator('.state', has_text=said.popitem()[1]).wait_for()


def test_the_keyboard_reaches_every_control_and_each_has_a_name(visit, finished):
    page = visit(finished.address)
    page.locator('.curves .plot').first.wait_for()
    controls = page.evaluate(
        """(() => {
          const all = [...document.querySelectorAll('main :is(a, input, select, button, [tabindex])')];
          const usable = all.filter((one) => !one.disabled && one.checkVisibility());
          usable.forEach((one, i) => (one.dataset.number = i));
          return usable.map((one) => one.labels?.[0]?.textContent || one.getAttribute('aria-label') || one.textContent);
        })()"""
    )
    assert len(controls) >= 11
    assert all(name.strip() for name in controls)
    reached = []
    for _ in range(len(controls) + 2):
        page.keyboard.press('Tab')
        reached.append(page.evaluate('document.activeElement?.dataset?.number ?? null'))
    assert [number for number in reached if number is not None][: len(controls)] == [str(i) for i in range(len(controls))]


def test_the_file_shows_the_same_without_a_server(visit, finished, tmp_path):
    page = visit(finished.address)
    page.locator('.curves .plot').first.wait_for()
    with page.expect_download() as download:
        page.get_by_role('link', name='Save this page as a file').click()
    assert download.value.suggested_filename == 'PPO_Pendulum-v1_seed0.html'
    path = tmp_path / 'saved.html'
    download.value.save_as(path)
    alone = visit(path.as_uri())
    alone.locator('.curves .plot').first.wait_for()
    assert alone.locator('.state').inner_text().startswith('This page is a file')
    assert alone.get_by_role('button', name='Stop the training').count() == 0
    for one in (page, alone):
        one.locator('.stage').wait_for()
    paths = [[line.get_attribute('d') for line in one.locator('.plot path.line.blue').all()] for one in (page, alone)]
    assert paths[0] == paths[1]
    pictures = [one.locator('.play image').first.get_attribute('href') for one in (page, alone)]
    assert pictures[0] == pictures[1]
    alone.get_by_role('button', name='One step').click()
    assert alone.locator('.readout tbody tr').count() == 1


def test_a_page_that_is_closed_or_reloaded_shows_all_again(visit, finished):
    page = visit(finished.address)
    page.locator('.curves .plot').first.wait_for()
    counts = points(page), points(page, -1)
    page.reload()
    page.locator('.curves .plot').first.wait_for()
    assert (points(page), points(page, -1)) == counts


def test_films_are_shown_where_the_page_cannot_play(visit, tmp_path):
    training = Training([1, 2], 'Acrobot-v1', out=tmp_path, steps=20_480, episodes=2)
    page = visit(training.page.address)
    page.locator('.state', has_text='update 1,').wait_for()
    assert page.locator('video').is_hidden()
    training.go_on()
    page.locator('video').wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    width, problem = page.locator('video').evaluate('(one) => [one.videoWidth, one.error?.message ?? ""]')
    assert (width > 100, problem) == (True, '')
    training.page.stop()
    training.go_on()
    training.join()
