"""Reads experiment.json, which may come from somebody else: checks fields, types and ranges, and imports nothing."""

import json
from pathlib import Path

from common.errors import UserError
from common.running.archive import LARGEST_RECORD


def _is_text(value):
    return type(value) is str and value.isprintable()


def _are_texts(value):
    return type(value) is list and all(map(_is_text, value))


def _are_seeds(value):
    return type(value) is list and value and all(type(one) is int and 0 <= one < 2**31 for one in value)


def _is_search(value):
    names = {'ranges': _are_texts, 'trials': lambda count: type(count) is int and count > 0, 'seeds': _are_seeds}
    return type(value) is dict and value.keys() == names.keys() and all(right(value[name]) for name, right in names.items())


def _are_points(value):
    names = [name for one in value for name in (one.items() if type(one) is dict else [(None, None)])] if value else []
    return type(value) is list and value and all(_is_text(one) for pair in names for one in pair)


def _is_variant(value):
    texts = 'label', 'env', 'folder', 'script'
    if type(value) is not dict or value.keys() != {*texts, 'flags'} or not all(_is_text(value[name]) for name in texts):
        return False
    return _are_texts(value['flags']) and Path(value['folder']).name == value['folder']


NEEDED = {'scripts': _are_texts, 'flags': _are_texts, 'vary': _are_texts, 'seeds': _are_seeds, 'command': _is_text}
NEEDED |= {'commit': _is_text}
OTHERS = {
    'cwd': lambda value: type(value) is str,
    'search': lambda value: value is None or _is_search(value),
    'points': lambda value: value is None or _are_points(value),
    'variants': lambda value: type(value) is list and value and all(map(_is_variant, value)),
}


def read(folder):
    """The contents of experiment.json, a dict. UserError if the file is missing or damaged."""
    path = Path(folder) / 'experiment.json'
    try:
        if path.stat().st_size > LARGEST_RECORD:
            raise ValueError(f'it has more than {LARGEST_RECORD:,} bytes')
        found = json.loads(path.read_text(encoding='utf-8'))
        wanted = NEEDED | OTHERS
        if type(found) is not dict or found.keys() - wanted.keys() or NEEDED.keys() - found.keys():
            raise ValueError(f'it must have the fields {", ".join(NEEDED)}, and may have {", ".join(OTHERS)}')
        wrong = [name for name, value in found.items() if not wanted[name](value)]
        if wrong:
            raise ValueError(f'{wrong[0]} has a wrong type or value')
    except FileNotFoundError:
        raise UserError(f'there is no experiment in {folder}: it has no experiment.json') from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f'{path} does not describe an experiment, or it is damaged ({error})') from error
    return found
