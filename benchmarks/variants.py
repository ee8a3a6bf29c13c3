"""What each erratum costs, and what an idea is worth: agents trained with one behaviour replaced, beside the code as it is.

    python benchmarks/variants.py                                           # all of them, over the seeds that are reported
    python benchmarks/variants.py kl-reversed plain-gradient --seeds 2      # two of them, seeds 0 and 1
    python benchmarks/variants.py --list

A variant is a patch put in before training, of tests/errata_variants.py or of ideas.py; the agents know nothing of it. Its
seeds have a process of their own, and the row of each is written to results/variants.csv as soon as it ends; what stands
there is not run again. The final agent is evaluated, greedily, by the code as it is. What breaks a training off is a result.
"""

import argparse
import contextlib
import itertools
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
import report
from matplotlib.figure import Figure
from variant_cells import AS_IS, BY_NAME, MINIMAL, VARIANTS

sys.path[:0] = [str(report.ROOT), str(report.ROOT / 'tests')]
from common.errors import UserError, nearest  # noqa: E402
from common.running import command_line, program  # noqa: E402 (found on that path)

RESULTS = report.RESULTS / 'variants.csv'
PICTURE = report.ROOT / 'image' / 'readme' / 'variants.png'
COLOURS = {AS_IS: '#2a6f97', 'erratum': '#c8553d', 'idea': '#588157'}


@contextlib.contextmanager
def in_place(variant):
    """Its behaviours are in place until the final agent is evaluated, which the code as it is does."""
    from common.running import run

    import errata_variants
    import ideas
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        for name in variant.behaviours:
            behaviour = getattr(ideas, name, None) or getattr(errata_variants, name)
            behaviour(patch)
        evaluate = run.evaluate
        patch.setattr(run, 'evaluate', lambda *arguments: (patch.undo(), evaluate(*arguments))[1])
        yield patch


def trained(variant, seed, folder):
    """The agent that a training ends with as a variant has it, evaluated; its files lie in a folder."""
    from experiments import plan

    script, *flags = variant.place.words()
    options, settings = plan.parse(script, flags)
    with in_place(variant):
        return plan.load(script).train(options.env, settings, seed, **command_line.of_training(options) | dict(out=folder))


def train(variant, seed):
    """Trains an agent as a variant has it; returns the row of what it reached, or of what broke it off."""
    from common.running import checkpoint

    with tempfile.TemporaryDirectory() as folder:
        try:
            record = checkpoint.load(trained(variant, seed, folder).path)[1]
        except Exception as error:
            return row_of(variant, seed) | dict(error=first_line(error)) | report.made_with()
    reached = record['evaluation'] | dict(steps=record['steps'], seconds=record['seconds'])
    return row_of(variant, seed) | reached | report.made_with(record)


def train_minimal(variant, seeds):
    """Trains the minimal agent on all seeds at once; its greedy return is the reward of the final mu."""
    import pg_gaussian_minimal as pg

    kept, train = [], pg.train
    with tempfile.TemporaryDirectory() as folder, in_place(variant) as patch:
        patch.setattr(pg, 'train', lambda args: kept.append((args, train(args))) or kept[0][1])
        patch.setattr(pg, 'plot', lambda *_: None)
        words = ['--train', *variant.place.words()[1:], '--seed', str(seeds[0]), '--seeds', str(len(seeds)), '--out', folder]
        pg.main(words)
    args, histories = kept[0]
    returns = pg.reward(histories[:, -1, 0], args.target, args.target_range, args.max_reward).numpy()
    same = dict(std=0.0, episodes=1, steps=args.episodes) | report.made_with()
    return [row_of(variant, seed) | dict(mean_return=float(one)) | same for seed, one in zip(seeds, returns, strict=True)]


def row_of(variant, seed):
    """A run's row as long as nothing is known of it."""
    reached = dict.fromkeys(('mean_return', 'std', 'episodes', 'steps', 'seconds', 'error'), '')
    key = dict(variant=variant.name, agent=variant.place.agent_name, env=variant.place.env, seed=seed)
    return key | reached | dict(command=variant.command(seed))


def first_line(error):
    """What went wrong first, in one line: the error that others were raised from, and of its advice nothing."""
    while error.__cause__:
        error = error.__cause__
    if isinstance(error, UserError):
        return str(error).partition(';')[0]
    return f'{type(error).__name__}: {str(error).strip().splitlines()[0]}'


def work(variant, seeds, sender):
    """A process: it trains on the seeds, one after the other, and sends the rows of each."""
    from common import backend

    backend.lean = True
    with contextlib.ExitStack() as held:
        held.enter_context(contextlib.suppress(KeyboardInterrupt))
        nowhere = held.enter_context(open(os.devnull, 'w'))
        held.enter_context(contextlib.redirect_stdout(nowhere))
        held.enter_context(contextlib.redirect_stderr(nowhere))
        if variant.place.agent == MINIMAL:
            sender.send(train_minimal(variant, seeds))
        else:
            for seed in seeds:
                sender.send([train(variant, seed)])


def run_all(runs, jobs, on_end):
    """Starts runs, (variant, seeds) each, `jobs` of them side by side, and calls `on_end` with rows as they are sent.

    UserError, when the others have ended, where a process was lost.
    """
    context, waiting, running, lost = multiprocessing.get_context('spawn'), list(runs), {}, []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=work, args=(*waiting[0], theirs))
                process.start()
                theirs.close()
                running[ours] = process, *waiting.pop(0)
            for ours in wait(list(running)):
                process, variant, seeds = running[ours]
                try:
                    rows = ours.recv()
                    left = [seed for seed in seeds if seed not in {row['seed'] for row in rows}]
                    running[ours] = process, variant, left
                    on_end(rows)
                except EOFError:
                    del running[ours]
                    process.join()
                    if seeds:
                        lost.append(f'{variant.name}, seed {seeds[0]}')
    finally:
        for process, *_ in running.values():
            process.join()  # Ctrl-C has reached them, too
    if lost:
        raise UserError(f'processes were lost, and the same command begins their runs again: {"; ".join(lost)}')


def runs_of(variants, seeds, rows):
    """What there is to run, (variant, seeds) each, but for the rows that are there.

    Before a variant comes the code as it is, once in each place; the minimal agent is trained on all seeds in one run.
    """
    there, found = {(row['variant'], row['command']) for row in rows}, []
    for variant in variants:
        for one in (variant.as_it_is, variant) if variant.runs else (variant,):
            missing = [seed for seed in seeds or one.seeds if (one.name, one.command(seed)) not in there]
            there |= {(one.name, one.command(seed)) for seed in missing}
            if one.place.agent != MINIMAL:
                found += [(one, missing)] if missing else []
            elif missing:
                found.append((one, list(range(missing[0], missing[-1] + 1))))
    return found


def read(path):
    """The rows of a result file; none where there is no file yet."""
    return report.read_rows(path) if path.exists() else []


def write(path, new):
    """Puts new rows into a result file, in the place of those of the same command."""
    from experiments import results

    names = [AS_IS, *BY_NAME]
    place = lambda row: (row['agent'], row['env'], names.index(row['variant']), int(row['seed']), row['command'])  # noqa: E731
    kept = {place(row): row for row in [*read(path), *new]}
    results.write_rows(path, [kept[key] for key in sorted(kept)])


def reported(path=None):
    """{variant: (rows as it is, its rows)} on the seeds that are reported; of those variants that were run on all of them."""
    there, found = {(row['variant'], row['command']): row for row in read(path or RESULTS)}, {}
    for variant in VARIANTS:
        both = (variant.as_it_is, variant) if variant.runs else (variant,)
        *as_it_is, rows = ([there.get((one.name, one.command(seed))) for seed in variant.seeds] for one in both)
        as_it_is = as_it_is[0] if as_it_is else []
        if all(as_it_is + rows):
            found[variant.name] = as_it_is, rows
    return found


def returns_of(rows):
    """What rows reached, (seeds,); a run that broke off ends below all others."""
    return np.array([-np.inf if row['error'] else float(row['mean_return']) for row in rows])


def in_words(as_it_is, other):
    """Interquartile mean and worst seed of the one and of the other; on how many seeds the one ended better, and worse, of the
    same starts; and the probability that a run of the one is better than any of the other. All as text."""
    from experiments.statistics import improvement, improvement_interval, interquartile_mean

    both = returns_of(as_it_is), returns_of(other)
    largest, said = max(abs(values[np.isfinite(values)]).max(initial=0) for values in both), []
    digits = 3 if largest <= 1 else 2 if largest < 20 else 1
    for values in both:
        finished = values[np.isfinite(values)]
        said.append(f'{interquartile_mean(finished):,.{digits}f}' if len(finished) else '-')
        said.append(f'{values.min():,.{digits}f}' if len(finished) == len(values) else 'broke off')
    low, high = improvement_interval(*both)
    said.append(f'{np.sum(both[0] > both[1])} : {np.sum(both[0] < both[1])}')
    return [*said, f'{improvement(*both):.2f} ({low:.2f} - {high:.2f})']


def plot(found):
    """Draws the returns of all seeds and their interquartile means, a panel for each environment; `found` is `reported`'s."""
    from experiments.statistics import interquartile_mean

    panels = {}
    for variant in VARIANTS:
        if variant.runs and variant.name in found:
            kind = 'erratum' if variant.erratum else 'idea'
            lines = panels.setdefault(variant.place.env or MINIMAL, {})
            lines.setdefault(variant.place, [(AS_IS, AS_IS, found[variant.name][0])])
            lines[variant.place].append((variant.name, kind, found[variant.name][1]))
    heights = [sum(len(group) for group in lines.values()) + 1.2 for lines in panels.values()]
    figure = Figure(figsize=(5.2, 0.26 * sum(heights)), dpi=130, layout='constrained')
    grid = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
    for axes, (env, lines) in zip(grid.flat, panels.items(), strict=True):
        ticks = []
        for place, group in lines.items():
            for name, kind, rows in group:
                values = returns_of(rows)
                values = values[np.isfinite(values)]
                y = [len(ticks)] * len(values)
                axes.scatter(values, y, s=14, color=COLOURS[kind], alpha=0.35, linewidths=0)
                if len(values):
                    axes.scatter(interquartile_mean(values), len(ticks), s=80, marker='|', color=COLOURS[kind], linewidths=2)
                ticks.append(f'{place.agent_name}, {name}' if kind == AS_IS else name)
        axes.set_yticks(range(len(ticks)), ticks, fontsize=8)
        axes.tick_params(axis='x', labelsize=8)
        axes.set_ylim(len(ticks) - 0.5, -0.5)
        if env.startswith('FrozenLake'):
            axes.set_xlim(0, 1.05)
        axes.set_title(env, fontsize=9, loc='left')
        axes.spines[['top', 'right']].set_visible(False)
        axes.grid(alpha=0.25, axis='x')
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE)


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f'{message}; --help lists every flag')


def parse(argv):
    """The variants to train, their seeds, and the options; UserError for what cannot be run."""
    from experiments import plan

    parser = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument('names', nargs='*', metavar='NAME', help='variants, default all')
    parser.add_argument('--list', action='store_true', help='say what there is, and train nothing')
    parser.add_argument('--seeds', metavar='N', help='how many, 10, or which, 100..109; default those that are reported')
    parser.add_argument('--steps', type=int, metavar='N', help='of each training, in the place of its own')
    parser.add_argument('--jobs', type=int, default=1, metavar='N', help='runs side by side, default 1')
    parser.add_argument('--results', type=Path, default=RESULTS, metavar='FILE', help='the result file')
    parser.add_argument('--report-only', action='store_true', help='the picture from the result file, no training')
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in BY_NAME:
            raise UserError(f"there is no variant '{name}'{nearest(name, BY_NAME)}; --list says which there are")
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
    """Raises UserError where its training would be refused."""
    from common.envs import make_env
    from experiments import plan

    if variant.place.agent != MINIMAL:
        script, *flags = variant.place.words()
        options, settings = plan.parse(script, flags)
        with contextlib.suppress(AttributeError):
            plan.load(script).check_learning(settings)
        if variant.runs:
            make_env(options.env, options.env_args).close()


def main(argv=None):
    """The command line."""
    variants, seeds, options = parse(argv)
    if options.list:
        for one in variants:
            number = f'erratum {one.erratum}' if one.erratum else 'idea'
            print(f'{one.name:24} {number:11} {" in ".join(filter(None, [one.place.agent_name, one.place.env])):46} {one.says}')
        return
    if not options.report_only:
        runs = runs_of(variants, seeds, read(options.results))
        total = sum(1 if variant.place.agent == MINIMAL else len(seeds) for variant, seeds in runs)
        print(f'{total} runs to do', flush=True)
        began, count = time.monotonic(), itertools.count(1)

        def on_end(rows):
            write(options.results, rows)
            row, seconds = rows[0], time.monotonic() - began
            reached = row['error'] or f'{row["mean_return"]:.2f}'
            print(f'{next(count)} of {total}, {seconds:.0f} s | {row["command"]} | {reached}', flush=True)

        run_all(runs, options.jobs, on_end)
    if options.results == RESULTS:
        plot(reported())


if __name__ == '__main__':
    program.run(main)
