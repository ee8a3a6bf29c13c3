"""Reads the results of an experiment from the files of its runs, and writes them as CSV."""

import csv
import json
import math
from pathlib import Path

from common.errors import UserError, one_line
from common.running import checkpoint
from common.running.archive import LARGEST_RECORD
from common.running.files import replacing, writing

import numpy as np

BINS = 40  # points of a learning curve
NEEDED = 'env', 'engine', 'seed', 'steps', 'seconds', 'commit', 'processor', 'versions', 'evaluation'  # in a run's record
REACHED = 'steps', 'seconds', 'mean_return', 'std', 'episodes', 'commit', 'processor', 'versions'  # empty if a run failed


def record_of(job):
    """The record of a finished run, with its evaluation; None if the run is not finished."""
    found = list(Path(job.folder).glob(f'model/*/{job.name}/agent.npz'))
    if not found:
        return None
    image = image_of(job)
    try:
        record = checkpoint.read_record(found[0])
        written = Path(f'{image}.json') if image else None
        if not written or written.stat().st_size > 2 * LARGEST_RECORD or json.loads(written.read_text()) != record:
            return None
    except (UserError, OSError, ValueError, RecursionError):  # the run was killed while it wrote this, or the file is damaged
        return None
    return record if all(name in record for name in NEEDED) else None


def image_of(job):
    """The path of a run's curve, without its suffix; None if there is no curve."""
    found = [path for path in Path(job.folder).glob('image/*') if Path(path, f'{job.name}.json').exists()]
    return found[0] / job.name if found else None


def failure_of(record):
    """The error of a finished run whose mean return is not finite, which no ranking can use; '' if it is finite."""
    mean = record['evaluation']['mean_return']
    return '' if math.isfinite(mean) else f'its evaluation gave {mean}: check that the rewards of the environment are finite'


def row_of(job, record, error=''):
    """A run's row of results.csv; if the run failed, the columns REACHED are empty."""
    if record and (error := failure_of(record)):
        record = None
    row = dict(env=job.variant.env, variant=job.variant.label, seed=job.seed) | dict.fromkeys(REACHED, '')
    if record:
        versions = ' '.join(f'{name} {version}' for name, version in record['versions'].items())
        row |= dict(steps=record['steps'], seconds=record['seconds'], **record['evaluation'])
        row |= dict(commit=record['commit'], processor=record['processor'], versions=versions)
    return row | dict(command=job.variant.command(job.seed), error=error)


def write_rows(path, rows):
    """Writes dicts as CSV, whole or not at all; a missing key leaves its cell empty. UserError if it cannot be written."""
    with writing(path), replacing(path) as (temporary,), open(temporary, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), restval='')
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path):
    """Reads the dicts that `write_rows` wrote; all values are strings. UserError if the file is missing or damaged."""
    try:
        with open(path, newline='', encoding='utf-8') as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f'cannot read {path}: {error.strerror}') from error
    except ValueError as error:
        raise UserError(f'{path} is not a table, or it is damaged ({error})') from error


def curve(job, steps):
    """Mean training returns of a run in BINS equal parts of `steps`, (BINS,); nan for parts in which no episode ended.

    UserError if its curve is damaged.
    """
    path = f'{image_of(job)}.csv'
    try:
        ends, returns = (np.array([float(row[name]) for row in read_rows(path)]) for name in ('steps', 'episode_return'))
        if not (steps > 0 and (ends >= 0).all() and (ends <= steps).all()):
            raise ValueError('some episodes end outside the run')
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f'{path} is not a learning curve, or it is damaged ({one_line(error)}): train the run again') from error
    part = np.clip(np.ceil(ends / steps * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(part, minlength=BINS)
    with np.errstate(invalid='ignore'):
        return np.bincount(part, returns, BINS) / np.where(counts, counts, np.nan)
