"""Asks the page of a training as a browser does."""

import http.client
import json
from urllib.parse import urlsplit


def ask(address, name='', method='GET', **headers):
    """The status, the content and the headers of an answer; a header that is None is left out."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    own = {'Host': place.netloc} | ({'Origin': f'http://{place.netloc}'} if method == 'POST' else {})
    connection.putrequest(method, f'{place.path}{name}', skip_host=True)
    for header, value in (own | headers).items():
        if value is not None:
            connection.putheader(header, value)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, answer.headers


def news(address, **have):
    query = '&'.join(f'{name}={value}' for name, value in have.items())
    return json.loads(ask(address, f'news?{query}')[1])
