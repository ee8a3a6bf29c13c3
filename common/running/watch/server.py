"""Serves the page to this machine only: a token in the address, no other origin, and nothing that a request names is a file."""

import http.server
import json
import os
import secrets
import sys
import threading
import webbrowser
from http import HTTPStatus
from urllib.parse import parse_qs

from common.errors import UserError, option
from common.running.watch import page

ADDRESS = '127.0.0.1'
PATIENCE = 30  # seconds after which a connection that says nothing is closed
HEADERS = {
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; "
    "img-src data:; media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
}
HTML, JSON = 'text/html; charset=utf-8', 'application/json'


class Server(http.server.ThreadingHTTPServer):
    """Serves what a `Feed` has, in threads of its own, until `close`. UserError if no port is free.

    `address` is what to open in a browser; whoever does not know its token gets nothing.
    """

    daemon_threads = True
    allow_reuse_address = False  # on Windows another program could take the port, too

    def __init__(self, feed):
        try:
            super().__init__((ADDRESS, 0), _Handler)
        except OSError as error:
            said = f'cannot serve a page on {ADDRESS}: {error.strerror or error}'
            raise UserError(f'{said}; leave out {option("watch")}') from error
        self.feed, self.token, port = feed, secrets.token_urlsafe(24), self.server_address[1]
        self.hosts = f'{ADDRESS}:{port}', f'localhost:{port}'
        self.address = f'http://{ADDRESS}:{port}/{self.token}/'
        threading.Thread(target=self.serve_forever, name='watch', daemon=True).start()

    def handle_error(self, request, client_address):
        """Says nothing of a page that was closed in the middle of an answer."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self):
        """Ends the server; pages that are open keep what they show."""
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers a request: what it asks for is looked up in a table."""

    server: Server

    protocol_version = 'HTTP/1.1'
    server_version, sys_version = 'watch', ''
    timeout = PATIENCE

    def do_GET(self):
        feed = self.server.feed
        self._answer(
            {
                '': lambda query: (HTML, page.document(feed.about)),
                'news': lambda query: (JSON, _encoded(feed.news(query))),
                'runs': lambda query: (JSON, _encoded(feed.earlier.names())),
                'run': lambda query: (JSON, _encoded(feed.earlier.curves(query.get('number', 0)))),
                'file': lambda query: (HTML, page.document(feed.about, feed.recorded(query.get('number')))),
            }
        )

    def do_POST(self):
        self.close_connection = True  # a body, which nothing here needs, is not read
        feed = self.server.feed
        said = lambda tell: lambda query: (JSON, _encoded(tell()))  # noqa: E731
        self._answer({'stop': said(feed.stop), 'save': said(feed.save), 'close': said(feed.close)})

    def _answer(self, table):
        path, _, query = self.path.partition('?')
        root, token, *names = path.split('/') if path.startswith('/') else ('', '')
        known = secrets.compare_digest(token.encode(), self.server.token.encode())
        if not self._is_from_here() or root or not known:
            return self._send(HTTPStatus.FORBIDDEN)
        try:
            numbers = {name: int(value) for name, (value, *_) in parse_qs(query, max_num_fields=20).items()}
        except ValueError:
            return self._send(HTTPStatus.BAD_REQUEST)
        if len(names) != 1 or names[0] not in table:
            return self._send(HTTPStatus.NOT_FOUND)
        try:
            kind, content = table[names[0]](numbers)
        except LookupError:
            return self._send(HTTPStatus.NOT_FOUND)
        except UserError as error:  # an earlier run's file is damaged
            kind, content = JSON, _encoded({'error': str(error)})
        attached = {'Content-Disposition': f'attachment; filename="{self.server.feed.file_name}"'} if names[0] == 'file' else {}
        self._send(HTTPStatus.OK, kind, content, attached)

    def _is_from_here(self):
        """Whether a page of this server asks, or the address was typed.

        A page from elsewhere cannot make a browser leave out or change these headers, also if its name leads to this machine.
        """
        host, origin = self.headers.get('Host'), self.headers.get('Origin')
        needs_origin = self.command == 'POST'  # which a browser always sends
        return host in self.server.hosts and (origin == f'http://{host}' or (origin is None and not needs_origin))

    def _send(self, status, kind='text/plain', content=b'', headers=None):
        self.send_response(status)
        for name, value in (HEADERS | (headers or {}) | {'Content-Type': kind, 'Content-Length': len(content)}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing: the terminal is the training's."""


def _encoded(value):
    return json.dumps(value, separators=(',', ':'), allow_nan=False).encode()


def open_browser(address):
    """Opens an address in the browser if there is one that this person sees: not over SSH, not where there is no display."""
    has_display = sys.platform != 'linux' or any(map(os.environ.get, ('DISPLAY', 'WAYLAND_DISPLAY')))
    if has_display and not any(map(os.environ.get, ('SSH_CONNECTION', 'SSH_TTY', 'CI'))):
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()  # some browsers keep one waiting
