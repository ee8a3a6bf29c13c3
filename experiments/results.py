"""What the runs of an experiment left, read from their own files."""

import csv
import json
import math
from pathlib import Path

from common.errors import UserError
from common.running import checkpoint
from common.running.checkpoint import replace, writing

import numpy as np

BINS = 40  # of a learning curve
REACHED = 'steps', 'seconds', 'mean_return', 'std', 'episodes', 'commit', 'processor', 'versions'  # empty where a run failed


def record_of(job):
    """The record of a run that is finished, with its evaluation, or None where there still is something to do."""
    found = list(Path(job.folder).glob(f'model/*/{job.name}/agent.npz'))
    if not found:
        return None
    image = image_of(job)
    try:
        record = checkpoint.load(found[0])[1]
        written = json.loads(Path(f'{image}.json').read_text()) if image else None
    except (UserError, ValueError):  # killed while it was written, or damaged
        return None
    return record if 'evaluation' in record and written == record else None


def image_of(job):
    """Where the curve of a run lies, without its suffix; None where it has none."""
    found = [path for path in Path(job.folder).glob('image/*') if Path(path, f'{job.name}.json').exists()]
    return found[0] / job.name if found else None


def failure_of(record):
    """What is wrong with the evaluation of a finished run, '' where nothing is: a mean that is not finite ranks nowhere."""
    mean = record['evaluation']['mean_return']
    return '' if math.isfinite(mean) else f'its evaluation came to {mean}: check that the rewards of the environment are finite'


def row_of(job, record, error=''):
    """A run's line of results.csv; without what it reached where it failed."""
    if record and (error := failure_of(record)):
        record = None
    row = dict(env=job.variant.env, variant=job.variant.label, seed=job.seed) | dict.fromkeys(REACHED, '')
    if record:
        versions = ' '.join(f'{name} {version}' for name, version in record['versions'].items())
        row |= dict(steps=record['steps'], seconds=record['seconds'], **record['evaluation'])
        row |= dict(commit=record['commit'], processor=record['processor'], versions=versions)
    return row | dict(command=job.variant.command(job.seed), error=error)


def write_rows(path, rows):
    """Writes dicts as CSV, whole or not at all; a key that a row lacks is empty there. UserError where it cannot."""
    temporary = path.with_name(f'.{path.name}.partial')
    with writing(path):
        with open(temporary, 'w', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), restval='')
            writer.writeheader()
            writer.writerows(rows)
        replace(temporary, path)


def read_rows(path):
    """The dicts `write_rows` wrote, all values strings; UserError where there are none."""
    try:
        with open(path, newline='', encoding='utf-8') as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f'cannot read {path}: {error.strerror}') from error


def curve(job, steps):
    """Mean training returns of a run in BINS equal parts of `steps`, nan where no episode ended, (BINS,)."""
    rows = read_rows(f'{image_of(job)}.csv')
    ends = np.array([float(row['steps']) for row in rows])
    returns = np.array([float(row['episode_return']) for row in rows])
    part = np.clip(np.ceil(ends / steps * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(part, minlength=BINS)
    with np.errstate(invalid='ignore'):
        return np.bincount(part, returns, BINS) / np.where(counts, counts, np.nan)
