"""Reads what a run has left in image/: its record, its episodes and what its updates reported.

The files may come from anybody. Each is checked before it is used, and whatever is wrong with it is one line.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError, one_line
from common.running import schema
from common.running.archive import LARGEST_RECORD

import numpy as np

SUFFIXES = re.compile(r'\.((losses|test|learnt|training)\.)?(csv|png|json|mp4|gif)$')  # of the files of a run
EPISODES = ['steps', 'episode_return', 'episode_length']
OF_RUN = 'env', 'env_args', 'seed', 'steps'  # what the record of a run has in addition to its agent's
LARGEST = 2**28  # bytes of a table: about ten million episodes


@dataclass(frozen=True)
class Curves:
    """A run by its files. `steps`, `returns` and `lengths` are of its episodes, (episodes,) each.

    `losses` has what its updates reported, a column by its name, (rows,) each, with NaN where an update did not report it. It
    is empty if there is no such file. `path` is that of the files without their suffixes.
    """

    path: Path
    record: dict
    steps: np.ndarray
    returns: np.ndarray
    lengths: np.ndarray
    losses: dict


def read(path):
    """Reads a run by the path of any of its files, with or without the suffix.

    UserError if its record or its learning curve is missing, or if a file is not what its name says.
    """
    if Path(path).is_dir():
        runs = sorted(file.stem for file in Path(path).glob('*.json'))
        advice = f'name a run in it, such as {Path(path) / runs[0]}' if runs else 'name a run, such as image/<ALG>_<ENV>/seed0'
        raise UserError(f'{path} is a folder: {advice}')
    base = SUFFIXES.sub('', str(path))
    record = _record(Path(f'{base}.json'))
    episodes = _table(Path(f'{base}.csv'))
    if list(episodes) != EPISODES or not all(np.isfinite(column).all() for column in episodes.values()):
        raise UserError(
            f'{base}.csv is not a learning curve: it must have the columns {",".join(EPISODES)}, with finite numbers'
        )
    steps, returns, lengths = episodes.values()
    if (np.diff(steps) < 0).any() or (lengths < 1).any() or not ((steps >= 0) & (steps <= record['steps'])).all():
        raise UserError(f"{base}.csv is not {base}.json's learning curve: episodes end before the run begins or after its end")
    losses = _table(Path(f'{base}.losses.csv')) if Path(f'{base}.losses.csv').exists() else {}
    if losses and 'steps' not in losses:
        raise UserError(f'{base}.losses.csv is not what updates reported: it must have a column steps')
    return Curves(Path(base), record, steps, returns, lengths, losses)


def _record(path):
    try:
        with open(path, 'rb') as file:
            record = json.loads(file.read(LARGEST_RECORD))
    except OSError as error:
        raise UserError(
            f'cannot read {path}: {error.strerror}; name a run by its files, such as image/<ALG>_<ENV>/seed0'
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f'{path} is not the record of a run, or it is damaged ({one_line(error)})') from None
    lacking = [name for name in (*schema.OF_AGENT, *OF_RUN) if type(record) is not dict or name not in record]
    if lacking:
        raise UserError(f'{path} is not the record of a run: it lacks {", ".join(lacking)}')
    schema.check_record(path, record)
    return record


def _table(path):
    """The columns of a CSV file of numbers, by name."""
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f'{path} is larger than {LARGEST:,} bytes, and no run leaves such a table')
        header, _, rows = path.read_text(encoding='utf-8').partition('\n')
        names = header.strip().split(',')
        table = (
            np.loadtxt(rows.splitlines(), delimiter=',', ndmin=2, comments=None) if rows.strip() else np.zeros((0, len(names)))
        )
        return dict(zip(names, table.T, strict=True))
    except OSError as error:
        raise UserError(f'cannot read {path}: {error.strerror}; a run writes it when it ends or is interrupted') from None
    except ValueError as error:
        raise UserError(f'{path} is not a table of numbers, or it is damaged ({one_line(error)})') from None
