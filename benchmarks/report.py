"""Result files, and what is generated from them into both READMEs: nothing in the results is typed by hand."""

import csv
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / 'benchmarks' / 'results'


def write_rows(path, rows):
    """Writes dicts as CSV; a key that a row lacks is empty there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), restval='')
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path):
    """The dicts `write_rows` wrote, all values strings."""
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def provenance():
    """The record's commit, processor and versions of this process."""
    sys.path.insert(0, str(ROOT))
    from common.running.provenance import provenance

    return provenance()


def made_with(record=None):
    """What a row of results says of where it comes from: commit, processor, versions; those of this process by default."""
    record = record or provenance()
    versions = ' '.join(f'{name} {version}' for name, version in record['versions'].items())
    return dict(commit=record['commit'], processor=record['processor'], versions=versions)


def ship(agent, images):
    """Makes an agent file the one that ships, with its curve: the run's files in `images` get the agent's name for its own.

    What a run says of its losses and of what it learnt stays behind.
    """
    name, run = agent.parent.parent.name, agent.parent.name
    target = ROOT / 'model' / name / 'pretrained.npz'
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(agent, target)
    for file in images.glob(f'{run}*'):
        if '.losses.' not in file.name and '.learnt.' not in file.name:
            shutil.copyfile(file, ROOT / 'image' / 'pretrained' / f'{name}{file.name.removeprefix(run)}')


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
