"""Puts generated tables into both READMEs, between markers: nothing in the results is typed by hand."""

import csv
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / 'benchmarks' / 'results'


def write_rows(path, rows):
    """Writes dicts with the same keys as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path):
    """The dicts `write_rows` wrote, all values strings."""
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def table(header, rows):
    """A Markdown table."""
    lines = [header, ['---'] * len(header), *rows]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)


def put(name, english, chinese):
    """Replaces what stands between `<!-- name -->` and `<!-- /name -->` in README.md and README.zh-CN.md."""
    for file, text in (('README.md', english), ('README.zh-CN.md', chinese)):
        path = ROOT / file
        marked = re.compile(rf'(<!-- {name} -->\n).*?(<!-- /{name} -->)', re.S)
        old = path.read_text(encoding='utf-8')
        if not marked.search(old):
            raise SystemExit(f'{file} has no place marked {name}')
        path.write_text(marked.sub(lambda match, text=text: f'{match[1]}{text}\n{match[2]}', old), encoding='utf-8')
