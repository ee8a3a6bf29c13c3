"""Tables from the agents' settings and from the result files, made when the site is built: no number on a page is typed."""

import ast
import dataclasses
import importlib
import json
import os
import re
from functools import cache
from pathlib import Path

from benchmarks import report
from benchmarks.learning import tables as learning_tables
from benchmarks.learning.cells import BOX2D, CHAPTER
from benchmarks.speed import tables as speed_tables
from experiments.report import summary

from docutils import nodes
from sphinx.locale import _

from . import ROOT, Directive, Wrong
from .pictures import make

FILMS = {'films': (['A2C', 'PPO', 'PPO-Penalty', 'TRPO', 'ACKTR', 'SAC'], CHAPTER), 'films-box2d': (['PPO', 'TRPO'], BOX2D)}


def table(header, rows, classes=()):
    """A table node; cells are text, or lists of nodes."""
    columns = [nodes.colspec(colwidth=1) for _column in header]
    head, body = nodes.thead('', row(header)), nodes.tbody('', *map(row, rows))
    return nodes.table('', nodes.tgroup('', *columns, head, body, cols=len(header)), classes=list(classes))


def row(cells):
    """A row of cells."""
    cells = [one if isinstance(one, nodes.Node) else cell(one) for one in cells]
    return nodes.row('', *(one if isinstance(one, nodes.entry) else nodes.entry('', one) for one in cells))


def cell(text, kind=nodes.Text):
    """A paragraph that is not handed to translators: a name, a number, or what is in the page's language already."""
    return nodes.paragraph('', '', kind(str(text)), translatable=False)


def code(text):
    """A cell with code."""
    return cell(text, lambda text: nodes.literal('', text))


def settings_of(file):
    """(name, default, meaning, the book's value) of each field of a file's Settings, all as they are written."""
    tree = ast.parse((ROOT / file).read_text(encoding='utf-8'))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for field in classes['Settings'].body:
        if isinstance(field, ast.AnnAssign):
            call = field.value
            book = next((ast.unparse(word.value) for word in call.keywords if word.arg == 'book'), '')
            yield field.target.id, ast.unparse(call.args[0]), ast.literal_eval(call.args[1]), book


def plain(value):
    """A Python value as one types it: `500_000` as 500,000, strings without quotes."""
    value = ast.literal_eval(value) if value else ''
    if isinstance(value, int) and not isinstance(value, bool):
        return f'{value:,}'
    return ' '.join(map(str, value)) if isinstance(value, tuple) else str(value)


def in_force(file, env):
    """The settings that a file's command uses in an environment, as a dict: its preset over the defaults, and nothing else."""
    agent = importlib.import_module(Path(file).stem)
    if env not in agent.PRESETS:
        raise Wrong(f'{file} has no preset for {env}')
    return dataclasses.asdict(agent.Settings(**agent.PRESETS[env]))


class Settings(Directive):
    """The flags of an agent: each with its default, its value in an environment, the book's value and its meaning."""

    required_arguments = 2

    def make(self):
        file, env = self.arguments
        self.env.note_dependency(str(ROOT / file))
        values, lines = in_force(file, env), []
        for name, default, meaning, book in settings_of(file):
            text = nodes.paragraph(meaning, meaning)
            text.source, text.line = self.get_source_info()
            flag, here = code('--' + name.replace('_', '-')), plain(repr(values[name]))
            here = cell(here, lambda text: nodes.strong('', text)) if here != plain(default) else cell(here)
            lines.append([flag, cell(plain(default)), here, cell(plain(book)), text])
        return [table([_('flag'), _('default'), code(env), _("the book's"), _('meaning')], lines, ['settings'])]


@cache
def written(language):
    """The benchmarks' texts in Markdown, by name, in a language: 0 for English, 1 for Chinese."""
    texts = learning_tables.texts() | speed_tables.texts(report.read_rows(report.RESULTS / 'speed.csv'))
    return {name: both[language] for name, both in texts.items()}


def linked_from(folder, text):
    """A text of the READMEs for a page in `folder`: links to files begin there, those to pages lead to the site's."""
    text = re.sub(r'\]\(docs/plain/\w+/', '](docs/', text)
    return re.sub(r'\]\((?!https?:)(\S+)\)', lambda match: f']({os.path.relpath(match[1], folder)})', text)


class Results(Directive):
    """A table, or what is said of speed, from the result files in `benchmarks/results`, in the page's language."""

    required_arguments = 1

    def make(self):
        for file in report.RESULTS.iterdir():
            self.env.note_dependency(str(file))
        texts = written(1 if self.config.language.startswith('zh') else 0)
        if self.arguments[0] not in texts:
            raise Wrong(f'results are {", ".join(texts)}, there are none of {self.arguments[0]}')
        text = linked_from(Path('docs', self.env.docname).parent, texts[self.arguments[0]])
        text = re.sub('(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[^\n|])', '', text)  # no space within a Chinese sentence
        block = nodes.container('', *self.parse_text_to_nodes(text), classes=['results'])
        for node in block.findall(lambda node: isinstance(node, nodes.TextElement) and not isinstance(node, nodes.Inline)):
            node['translatable'] = False
        return [block]


def worded(text):
    """A range of an experiment's table, such as `range 1.0 to 2.5`, in the page's language; any other text as it is."""
    match = re.fullmatch(r'(range )?(\S+) to (\S+)', text)
    if not match:
        return text
    return (_('range {} to {}') if match[1] else _('{} to {}')).format(match[2], match[3])


class Experiment(Directive):
    """The table and the picture of an experiment in `docs/experiments`, whose name is the argument, with its command."""

    required_arguments = 1

    def make(self):
        folder = ROOT / 'docs' / 'experiments' / self.arguments[0]
        if not (folder / 'results.csv').is_file():
            raise Wrong(f'there is no experiment in {folder.relative_to(ROOT)}')
        for file in ('results.csv', 'experiment.json'):
            self.env.note_dependency(str(folder / file))
        command = json.loads((folder / 'experiment.json').read_text(encoding='utf-8'))['command']
        rows = report.read_rows(folder / 'results.csv')
        header, _rule, *lines = ([part.strip() for part in line.strip('|').split('|')] for line in summary(rows).splitlines())
        header = [_(name) for name in header]
        lines = [[worded(one) for one in line] for line in lines]
        shown = make(self.env, f'docs/experiments/{self.arguments[0]}/curves.png', command)
        block = nodes.literal_block(command, command, language='sh', translatable=False)
        return [block, table(header, lines, ['experiment']), nodes.container('', shown, classes=['picture'])]


class Films(Directive):
    """A grid of the agents that ship: a row a method, a column an environment, the greedy return below each film."""

    required_arguments = 1

    def make(self):
        from common.running.checkpoint import load

        methods, environments = FILMS[self.arguments[0]]
        lines = []
        for method in methods:
            line = [cell(method)]
            for env in environments:
                found = [path.stem for path in (ROOT / 'image' / 'pretrained').glob(f'{method}_{env}*.gif')]
                if not found:
                    line.append(cell('-'))
                    continue
                agent = ROOT / 'model' / found[0] / 'pretrained.npz'
                self.env.note_dependency(str(agent))
                value = load(agent)[1]['evaluation']['mean_return']
                film = make(self.env, f'image/pretrained/{found[0]}.gif', f'{method}, {env}')
                line.append(nodes.entry('', film, cell(f'{value:,.0f}')))
            lines.append(line)
        return [table(['', *environments], lines, ['films'])]


RANGE = re.compile(r'(\w+ )?-?[\d,.]+ (\.\.|-|to|至) -?[\d,.]+')
MANY, SHORT = 10, 15  # columns of a table, characters of code


def fit(app, doctree, docname):
    """On the site a table is no wider than the text: a last column of long code goes below its rows, and ranges stay whole."""
    if app.builder.format != 'html':
        return
    for group in doctree.findall(nodes.tgroup):
        *_columns, head, body = group
        if group['cols'] >= MANY:
            group.parent['classes'].append('many-columns')
        for text in list(body.findall(nodes.Text)):
            if RANGE.fullmatch(text):
                text.parent.replace(text, nodes.inline('', text, classes=['range']))
        if all(is_long_code(row[-1]) for row in body):
            group['cols'] -= 1
            group.remove(group[0])
            head[0].pop()
            for row in list(body):
                below = nodes.entry('', *row.pop().children, morecols=group['cols'] - 1)
                body.insert(body.index(row) + 1, nodes.row('', below, classes=['below']))


def is_long_code(cell):
    """Whether a cell holds nothing but code, such as a command or the names of tests, and too much of it for a column."""
    code = sum(len(literal.astext()) for literal in cell.findall(nodes.literal))
    rest = [text for text in cell.findall(nodes.Text) if not isinstance(text.parent, nodes.literal)]
    return code > SHORT and not re.search(r'\w', ''.join(rest))


def setup(app):
    """Registers it with Sphinx."""
    app.connect('doctree-resolved', fit)
    app.add_directive('settings', Settings)
    app.add_directive('results', Results)
    app.add_directive('experiment', Experiment)
    app.add_directive('films', Films)
    return {'parallel_read_safe': True}
