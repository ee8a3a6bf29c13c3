"""What variants of the code cost: tables from what benchmarks.variants and benchmarks.variants.biases wrote."""

from benchmarks import report
from benchmarks.variants import results
from benchmarks.variants.cells import BY_NAME, MINIMAL, VARIANTS
from benchmarks.variants.tables import in_words

from docutils import nodes
from sphinx.locale import _

from . import Directive, Wrong
from .tables import cell, table

PAGE = 'costs'
BIASES = report.RESULTS / 'biases.csv'


def told_of():
    """The errata, as text, that the table has a row of."""
    return {str(variant.erratum) for variant in VARIANTS if variant.erratum}


def link_to(env, docname, number):
    """A link from a page to what an erratum costs."""
    uri = env.app.builder.get_relative_uri(docname, PAGE) + f'#cost-{number}'
    return nodes.reference('', _('what it costs'), internal=True, refuri=uri)


def place_of(variant, rows):
    """Agent, environment and steps, in words."""
    agent = _('the minimal agent') if variant.place.agent == MINIMAL else variant.place.agent_name
    steps = [_('{} steps').format(f'{round(float(rows[0]["steps"]), -3):,.0f}')] if variant.runs else []
    return _(', ').join(filter(None, [agent, variant.place.env, *steps]))


class Costs(Directive):
    """A table of variants beside the code as it is: the argument names them, or is `errata`, for all that have a number."""

    required_arguments = 1
    final_argument_whitespace = True

    def make(self):
        self.env.note_dependency(str(results.RESULTS))
        found, names = results.reported(), self.arguments[0].split()
        errata = names == ['errata']
        if errata:
            names = [variant.name for variant in VARIANTS if variant.erratum]
        for name in names:
            if name not in BY_NAME:
                raise Wrong(f'benchmarks/variants has no variant {name}')
            if name not in found:
                raise Wrong(f'there are no results of it yet: python -m benchmarks.variants {name}')
        with_it = _('as printed') if errata else _('changed')
        header = [_('variant'), _('agent, environment'), _('as it is'), _('worst seed'), with_it, _('worst seed')]
        header += [_('seeds better : worse'), _('how likely better as it is')]
        lines = [self.line(BY_NAME[name], *found[name]) for name in names]
        if errata:
            header.insert(0, _('erratum'))
        made = table(header, lines, ['costs'])
        if errata:
            name_rows(made, names)
        return [nodes.container('', made, classes=['results'])]

    def line(self, variant, as_it_is, rows):
        """A row of the table."""
        says = nodes.paragraph('', '', nodes.literal('', variant.name), nodes.Text(f' {_(variant.says)}'), translatable=False)
        cells = [says, cell(place_of(variant, rows))]
        if variant.runs:
            cells += in_words(as_it_is, rows)
        else:
            error = cell(_('does not run: '))
            error += nodes.literal('', rows[0]['error'].partition('. ')[0])  # its first sentence: some are long
            cells.append(nodes.entry('', error, morecols=5))
        if variant.erratum:
            uri = self.env.app.builder.get_relative_uri(self.env.docname, 'ERRATA') + f'#erratum-{variant.erratum}'
            link = nodes.reference('', str(variant.erratum), internal=True, refuri=uri)
            cells.insert(0, nodes.paragraph('', '', link, translatable=False))
        return cells


def name_rows(made, names):
    """Each erratum's first row can be led to."""
    rows, seen = next(made.findall(nodes.tbody)), set()
    for row, name in zip(rows, names, strict=True):
        number = BY_NAME[name].erratum
        if number not in seen:
            seen.add(number)
            row['ids'].append(f'cost-{number}')


class Bias(Directive):
    """What a printed behaviour does to a number that an agent learns from, place by place; the argument names the variant."""

    required_arguments = 1

    def make(self):
        self.env.note_dependency(str(BIASES))
        rows = [row for row in report.read_rows(BIASES) if row['variant'] == self.arguments[0]]
        if not rows:
            raise Wrong(f'benchmarks/variants/biases.py computes none of {self.arguments[0]}')
        at, value = {
            'log-of-density': (_('distance of the action from the mean, in standard deviations'), _("the gradient's share")),
            'first-next-state': (_('steps to the end of the batch'), _("error, in the advantages' standard deviations")),
        }[self.arguments[0]]
        numbers = [f'{float(row["value"]):.3f}' for row in rows]
        return [table([at, *(row['at'] for row in rows)], [[value, *numbers]], ['costs'])]


def setup(app):
    """Registers it with Sphinx."""
    app.add_directive('variants', Costs)
    app.add_directive('bias', Bias)
    return {'parallel_read_safe': True}
