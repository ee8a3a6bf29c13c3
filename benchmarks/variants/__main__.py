"""Trains agents with one behaviour replaced, and as the code is: what each erratum costs, and what an idea is worth.

    python -m benchmarks.variants                                           # all, over the seeds that are reported
    python -m benchmarks.variants kl-reversed plain-gradient --seeds 2      # two variants, on seeds 0 and 1
    python -m benchmarks.variants --list

A variant is one or more patches, of errata.py or ideas.py, that are in place while an agent is trained. The agents' own code
does not know of them. The final agent is evaluated greedily by the code as it is. An error that stops a training is a result,
too.

The row of each run is written to benchmarks/results/variants.csv as soon as the run ends. Runs that are there are not repeated.
"""

import contextlib
import itertools
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import command_line
from benchmarks.variants import results, training
from benchmarks.variants.cells import BY_NAME, MINIMAL, VARIANTS
from common.envs import make_env
from common.errors import UserError, naming_flags, nearest
from experiments import plan


def parse(argv):
    """The variants to train, their seeds, and the options. Raises UserError for what cannot be run."""
    parser = command_line.Parser(__doc__)
    parser.add_argument('names', nargs='*', metavar='NAME', help='a variant, default all')
    parser.add_argument('--list', action='store_true', help='list the variants, train nothing')
    parser.add_argument('--seeds', metavar='N', help='how many, 10, or which, 100..109; default those that are reported')
    parser.add_argument('--steps', type=int, metavar='N', help="steps of each training, default the variant's own")
    parser.add_argument('--jobs', type=int, default=1, metavar='N', help='number of runs at the same time, default 1')
    parser.add_argument('--results', type=Path, default=results.RESULTS, metavar='FILE', help='the result file')
    parser.add_argument('--report-only', action='store_true', help='draw the picture from the result file, train nothing')
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in BY_NAME:
            raise UserError(f"there is no variant '{name}'{nearest(name, BY_NAME)}; --list names them all")
    if options.jobs < 1:
        raise UserError(f'--jobs {options.jobs} is out of range: it must be at least 1')
    seeds = plan.parse_seeds(options.seeds) if options.seeds else None
    variants = [BY_NAME[name] for name in dict.fromkeys(options.names)] or VARIANTS
    if options.steps is not None:
        variants = [replace(one, place=replace(one.place, steps=options.steps)) for one in variants]
    for variant in variants:
        check(variant)
    return variants, seeds, options


def check(variant):
    """Raises UserError where the agent would refuse a variant's training."""
    if variant.place.agent != MINIMAL:
        script, *flags = variant.place.words()
        options, settings = plan.parse(script, flags)
        with contextlib.suppress(AttributeError):
            plan.load(script).check_learning(settings)
        if variant.runs:
            make_env(options.env, options.env_args).close()


@naming_flags()
def main(argv=None):
    """The command line."""
    variants, seeds, options = parse(argv)
    if options.list:
        for one in variants:
            number = f'erratum {one.erratum}' if one.erratum else 'idea'
            print(f'{one.name:24} {number:11} {" in ".join(filter(None, [one.place.agent_name, one.place.env])):46} {one.says}')
        return
    if not options.report_only:
        runs = results.runs_of(variants, seeds, results.read(options.results))
        total = sum(1 if variant.place.agent == MINIMAL else len(seeds) for variant, seeds in runs)
        print(f'{total} runs to do', flush=True)
        began, count = time.monotonic(), itertools.count(1)

        def on_end(rows):
            results.write(options.results, rows)
            row, seconds = rows[0], time.monotonic() - began
            reached = row['error'] or f'{row["mean_return"]:.2f}'
            print(f'{next(count)} of {total}, {seconds:.0f} s | {row["command"]} | {reached}', flush=True)

        training.run_all(runs, options.jobs, on_end)
    if options.results == results.RESULTS:
        from benchmarks.variants import figures  # here, since the process of each run imports this file, too

        figures.plot(results.reported())


if __name__ == '__main__':
    command_line.run(main)
