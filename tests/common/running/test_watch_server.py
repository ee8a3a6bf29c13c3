"""Who may ask the page of a training what: only whoever knows its token, on this machine, and no file by its path."""

import base64
import json
import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from common import errors
from common.errors import UserError
from common.running.watch import page, server

import pytest
from asking import ask

opened, watching = [], False  # files that this process opened while `watching`


def _on_event(event, arguments):
    if watching and event == 'open':
        opened.append(arguments[0])


sys.addaudithook(_on_event)


class Stub:
    """What a server needs of a feed; it notes what it is told."""

    about, file_name = {'title': 'a </script> title'}, 'run.html'

    def __init__(self):
        self.told = []
        self.earlier = SimpleNamespace(names=lambda: [], curves=lambda number: [][number])
        self.stop, self.save, self.close = (lambda what=what: self.told.append(what) for what in ('stop', 'save', 'close'))

    def news(self, query):
        return {'query': query}

    def recorded(self, number):
        return {'number': number}


@pytest.fixture
def served():
    stub = server.Server(Stub())
    yield stub
    stub.close()


def test_the_address_has_the_token_and_leads_only_to_this_machine(served):
    place = urlsplit(served.address)
    assert (place.hostname, served.server_address[0]) == ('127.0.0.1', '127.0.0.1')
    assert len(served.token) >= 32
    status, content, headers = ask(served.address)
    assert (status, headers['Content-Type'], headers['Cache-Control']) == (200, 'text/html; charset=utf-8', 'no-store')
    assert headers['Referrer-Policy'] == 'no-referrer'
    assert b'a &lt;/script&gt; title</title>' in content


@pytest.mark.parametrize('name', ['', 'news', 'runs', 'file'])
def test_whoever_lacks_the_token_gets_nothing(served, name):
    root = served.address.removesuffix(f'{served.token}/')
    for path in ('', 'x/', served.token[:-1] + '/', served.token.swapcase() + '/', f'x/{served.token}/', f'%2f{served.token}/'):
        status, content, _ = ask(root, path + name)
        assert (status, content) == (403, b'')


@pytest.mark.parametrize(
    ('method', 'headers', 'status'),
    [
        ('GET', {}, 200),
        ('GET', {'Host': 'localhost:{port}'}, 200),
        ('GET', {'Host': 'attacker.example:{port}'}, 403),  # whose name leads to 127.0.0.1
        ('GET', {'Host': '127.0.0.1'}, 403),
        ('GET', {'Host': None}, 403),
        ('GET', {'Origin': 'http://127.0.0.1:{port}'}, 200),
        ('GET', {'Origin': 'http://127.0.0.1:1'}, 403),
        ('GET', {'Origin': 'null'}, 403),
        ('POST', {}, 200),
        ('POST', {'Host': 'localhost:{port}', 'Origin': 'http://localhost:{port}'}, 200),
        ('POST', {'Origin': None}, 403),
        ('POST', {'Origin': 'https://127.0.0.1:{port}'}, 403),
        ('POST', {'Origin': 'http://attacker.example:{port}'}, 403),
        ('PUT', {}, 501),
    ],
)
def test_other_origins_are_refused(served, method, headers, status):
    port = served.server_address[1]
    headers = {name: value and value.format(port=port) for name, value in headers.items()}
    assert ask(served.address, 'stop' if method == 'POST' else 'news', method, **headers)[0] == status
    assert served.feed.told == (['stop'] if (method, status) == ('POST', 200) else [])


@pytest.mark.parametrize(
    ('method', 'name', 'status'),
    [
        ('GET', 'stop', 404),
        ('GET', 'close', 404),
        ('POST', 'news', 404),
        ('GET', 'news/', 404),
        ('GET', 'page.html', 404),
        ('GET', 'common/running/watch/page/watch.js', 404),
        ('GET', '../../../../../../etc/passwd', 404),
        ('GET', '%2e%2e/%2e%2e/etc/passwd', 404),
        ('GET', 'run?number=0', 404),
        ('GET', 'run?number=-1', 404),
        ('GET', 'news?losses=x', 400),
        ('GET', 'news?losses=1e9', 400),
        ('GET', 'news?losses=' + '9' * 5000, 400),
        ('GET', 'file?number=/etc/passwd', 400),
        ('GET', '', 200),
        ('GET', 'file', 200),
    ],
)
def test_nothing_that_a_request_names_is_opened(served, method, name, status):
    global watching
    ask(served.address)  # the page's files are read once
    opened.clear()
    watching = True
    found = ask(served.address, name, method)[0]
    watching = False
    assert (found, opened) == (status, [])


def test_the_hook_sees_files_that_are_opened():
    global watching
    opened.clear()
    watching = True
    Path(__file__).read_bytes()
    watching = False
    assert [str(path) for path in opened] == [__file__]


def test_two_runs_at_once_get_two_ports_and_two_tokens(served):
    second = server.Server(Stub())
    assert (second.server_address[1] != served.server_address[1], second.token != served.token) == (True, True)
    assert [ask(one.address, 'news')[0] for one in (served, second)] == [200, 200]
    second.close()


def test_a_port_that_cannot_be_had_is_one_line(monkeypatch):
    monkeypatch.setattr(server, 'ADDRESS', '192.0.2.1')  # no machine has it
    with pytest.raises(UserError, match=r'^cannot serve a page on 192\.0\.2\.1: .*; leave out watch$'):
        server.Server(Stub())


def test_the_document_holds_all_its_scripts_and_no_text_ends_one():
    text = page.document({'title': '</script><b>'}, {'news': '</script>'}).decode()
    assert text.count('<script') == text.count('</script>') == 3
    modules = json.loads(re.search(r'<script type="importmap">(.*?)</script>', text, re.S)[1])['imports']
    assert {'common/running/watch/page/watch.js', 'docs/_static/figures/play/pendulum.js'} <= modules.keys()
    for address in modules.values():
        code = base64.b64decode(address.partition(',')[2]).decode()
        imported = re.findall(r"^(?:import|export)\b[^;]*? from '([^']*)';", code, re.M)
        assert set(imported) <= modules.keys()
    assert '//' not in re.sub(r'base64,[\w/+=]*|https?://www\.w3\.org', '', text)


def test_a_file_of_the_page_that_is_missing_is_one_line(monkeypatch):
    monkeypatch.setattr(page, 'FOLDER', 'nowhere')
    monkeypatch.setattr(errors, 'as_flags', False)  # a command in another test's thread may still be ending
    with pytest.raises(UserError, match=r'^cannot read .*nowhere.page\.html, which watch needs: restore this file$'):
        page.document({'title': ''})


@pytest.mark.parametrize(
    ('platform', 'environment', 'opens'),
    [
        ('linux', {'DISPLAY': ':0'}, True),
        ('linux', {'WAYLAND_DISPLAY': 'wayland-0'}, True),
        ('linux', {}, False),
        ('linux', {'DISPLAY': ':10', 'SSH_CONNECTION': '1'}, False),
        ('darwin', {}, True),
        ('darwin', {'SSH_TTY': '/dev/ttys0'}, False),
        ('win32', {'CI': 'true'}, False),
    ],
)
def test_a_browser_is_opened_where_somebody_sees_it(monkeypatch, platform, environment, opens):
    shown = threading.Event()
    monkeypatch.setattr(sys, 'platform', platform)
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'SSH_CONNECTION', 'SSH_TTY', 'CI'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr('webbrowser.open', lambda address: shown.set())
    server.open_browser('http://127.0.0.1:1/')
    assert shown.wait(5 if opens else 0.2) == opens
