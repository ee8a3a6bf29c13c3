"""Runs the figures' JavaScript modules in node: what a test gives goes in, what an expression makes of it comes out."""

import json
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

FIGURES = Path(__file__).resolve().parents[2] / 'docs' / '_static' / 'figures'


def _node():
    """The path of node: the machine's, else the one that comes with Playwright; None where there is neither."""
    found = shutil.which('node') or shutil.which('nodejs')
    playwright = find_spec('playwright')
    if not found and playwright:
        bundled = Path(playwright.origin).parent / 'driver' / 'node'
        found = str(bundled) if bundled.exists() else None
    return found


NODE = _node()
needs_node = pytest.mark.skipif(not NODE, reason='node is not installed: apt-get install nodejs, or make test once')


def evaluate(modules, expression, **given):
    """The value of a JavaScript expression, which sees each of `modules` by its name and `given`.

    `modules` are names of files below the figures' folder, such as 'math/pendulum'; 'math/pendulum' is seen as `pendulum`.
    """
    imports = [
        f'import * as {name.rpartition("/")[2]} from {json.dumps((FIGURES / f"{name}.js").as_uri())};'
        for name in ([modules] if isinstance(modules, str) else modules)
    ]
    script = '\n'.join(
        [
            *imports,
            "import { readFileSync } from 'node:fs';",
            'const given = JSON.parse(readFileSync(0));',
            f'process.stdout.write(JSON.stringify({expression}));',
        ]
    )
    words = [NODE, '--input-type=module', '--eval', script]
    done = subprocess.run(words, input=json.dumps(given, default=_plain), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _plain(value):
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f'{type(value)} is nothing that JSON holds')
