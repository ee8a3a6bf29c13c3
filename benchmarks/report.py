"""The result files, and the parts of both READMEs that are made from them: no result is typed by hand."""

import csv
import re
import shutil
from pathlib import Path

from common.errors import UserError
from common.running.provenance import provenance
from common.running.settings import RENAMED

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / 'benchmarks' / 'results'
MOVED = {'benchmarks/variants.py': '-m benchmarks.variants'}  # programs in old commands, and how they are run today


def write_rows(path, rows):
    """Writes dicts as CSV. A key that a row lacks is an empty field."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), restval='')
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path):
    """The dicts that `write_rows` wrote. All values are strings."""
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def todays(command):
    """A command of a result file as one types it today, with the present names of flags and programs.

    The files keep every command as it was typed at the row's commit. Compare and print commands only through this function.
    """

    def flag(match):
        name = match[1].replace('-', '_')
        return f'--{RENAMED.get(name, name).replace("_", "-")}'

    for old, new in MOVED.items():
        command = command.replace(f'python {old} ', f'python {new} ')
    return re.sub(r'(?<= )--([a-z-]+)', flag, command)


def made_with(record=None):
    """The columns of a row that say what made it: commit, processor, versions. `record`: a run's; default this process's."""
    record = record or provenance()
    versions = ' '.join(f'{name} {version}' for name, version in record['versions'].items())
    return dict(commit=record['commit'], processor=record['processor'], versions=versions)


def ship(agent, images):
    """Copies an agent file to model/, as the agent that ships, and its curve to image/pretrained/.

    `agent`: the agent file of a run. `images`: the folder of the run's pictures; they are renamed after the agent. The records
    of losses and of what was learnt are not copied.
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
    """Replaces the text between `<!-- name -->` and `<!-- /name -->` in README.md and README.zh-CN.md.

    Raises UserError where a README has no such place.
    """
    for file, text in (('README.md', english), ('README.zh-CN.md', chinese)):
        path = ROOT / file
        marked = re.compile(rf'(<!-- {name} -->\n).*?(<!-- /{name} -->)', re.S)
        old = path.read_text(encoding='utf-8')
        if not marked.search(old):
            raise UserError(f'{file} has no <!-- {name} --> and <!-- /{name} -->: put both where the text belongs')
        new = marked.sub(lambda match, text=text: f'{match[1]}{text}\n{match[2]}', old)
        path.write_text(new, encoding='utf-8', newline='\n')
