"""The result file of the variants: what it has, what is missing, and what is reported."""

from benchmarks import report
from benchmarks.variants.cells import AS_IS, BY_NAME, MINIMAL, VARIANTS
from experiments.results import write_rows

RESULTS = report.RESULTS / 'variants.csv'


def key_of(row):
    """What a row is the result of: (variant, command as it is typed today)."""
    return row['variant'], report.todays(row['command'])


def runs_of(variants, seeds, rows):
    """The runs that are missing from `rows`, (variant, seeds) each. `seeds`: None for those that are reported.

    Each place first has the code as it is, once. The minimal agent is trained on all seeds in one run.
    """
    there, found = set(map(key_of, rows)), []
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
    """Adds rows to a result file, and removes older rows of the same variant and command."""
    names = [AS_IS, *BY_NAME]
    place = lambda row: (row['agent'], row['env'], names.index(row['variant']), int(row['seed']), key_of(row))  # noqa: E731
    kept = {place(row): row for row in [*read(path), *new]}
    write_rows(path, [kept[key] for key in sorted(kept)])


def reported(path=None):
    """The rows on the reported seeds, {variant: (rows of the code as it is, rows of the variant)}.

    Variants that were not run on all of these seeds are left out.
    """
    there, found = {key_of(row): row for row in read(path or RESULTS)}, {}
    for variant in VARIANTS:
        both = (variant.as_it_is, variant) if variant.runs else (variant,)
        *as_it_is, rows = ([there.get((one.name, one.command(seed))) for seed in variant.seeds] for one in both)
        as_it_is = as_it_is[0] if as_it_is else []
        if all(as_it_is + rows):
            found[variant.name] = as_it_is, rows
    return found
