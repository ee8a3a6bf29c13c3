"""The errata page names a test for every erratum, and each of them exists."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def test_every_erratum_has_tests_that_exist():
    page = (TESTS.parent / 'docs' / 'ERRATA.md').read_text()
    defined = set(re.findall(r'^def (test_\w+)', '\n'.join(path.read_text() for path in TESTS.rglob('test_*.py')), re.M))
    rows = [line for line in page.splitlines() if re.match(r'\| \d+ \|', line)]
    assert len(rows) == 15
    for row in rows:
        named = re.findall(r'`(test_\w+)`', row)
        assert named
        assert set(named) <= defined
