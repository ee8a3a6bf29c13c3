"""The settings of an agent: a dataclass whose fields have meanings and ranges, the presets, and the book's values."""

import dataclasses
import difflib
import math

from common.envs import has_box_actions, preset_name
from common.errors import UserError, nearest, option

import numpy as np

# Names of two presets: for environments that have none of their own.
OTHERS_DISCRETE, OTHERS_BOX = 'others with discrete actions', 'others with Box actions'
LARGEST = 10**12  # the largest whole number: NumPy cannot make an array whose size in bytes needs more than 64 bits
RENAMED = {  # former names of settings, in old commands, agent files and checkpoints
    'rollout_steps': 'batch_steps',
    'kl_target': 'penalty_kl',
    'train_v_iters': 'critic_epochs',
    'critic_iters': 'critic_epochs',
    'batch_size': 'minibatch_size',
}


SEARCH_WORDS = {  # other libraries' names of settings, and what to look for in the meanings of these, the best first
    'lr': ('learning rate',),
    **dict.fromkeys(('batch-size', 'n-steps', 'num-steps'), ('steps in a batch', 'steps collected between two updates')),
    'ent-coef': ('entropy', 'fixed temperature'),
    'target-kl': ('once a minibatch has this KL divergence', 'limit of the KL divergence', 'target KL divergence of an update'),
}


GROUPS = {  # titles of groups of settings in --help
    'experience': 'experience (what is collected)',
    'advantages': 'advantages (how far ahead rewards count)',
    'actor': 'actor (how the policy is improved)',
    'critic': 'critic (how values are learnt)',
    'exploration': 'exploration (how random the actions are)',
    'machinery': 'machinery (networks, gradient steps, normalisation)',
}


def setting(default, meaning, *, group=None, book=None, low=None, high=None, choices=None, divides=None):
    """One field of a settings dataclass, and so one flag.

    `group` begins a group of settings, to which the fields after it belong too. `book` is the value in the book's listing.
    The value must be in the range [low, high], or one of `choices`. `divides` names a setting that must be a multiple of
    this one.
    """
    metadata = dict(meaning=meaning, group=group, book=book, low=low, high=high, choices=choices, divides=divides)
    return dataclasses.field(default=default, metadata=metadata)


def grouped(settings_type):
    """The fields of a settings dataclass by the title of their group, in the order of the file: {title: [field, ...]}."""
    title, found = 'settings', {}
    for field in dataclasses.fields(settings_type):
        name = field.metadata['group']
        title = GROUPS.get(name, name) or title
        found.setdefault(title, []).append(field)
    return found


def check_ranges(settings):
    """Checks each setting by itself; returns the settings. Raises UserError for a value out of range or of another type."""
    for field in dataclasses.fields(settings):
        value, limits = getattr(settings, field.name), field.metadata
        if not _of_kind(value, field.default):
            raise UserError(f'{option(field.name, value)} does not have the type of its default, {field.default!r}')
        for one in value if isinstance(value, tuple) else (value,):
            if limits['choices'] and one not in limits['choices']:
                raise UserError(f'{option(field.name, one)} is not one of {", ".join(limits["choices"])}')
            if limits['low'] is not None and not one >= limits['low']:
                raise UserError(f'{option(field.name, one)} is out of range: it must be at least {limits["low"]}')
            high = LARGEST if limits['high'] is None and isinstance(one, int) else limits['high']
            if high is not None and not one <= high:
                raise UserError(f'{option(field.name, one)} is out of range: it must be at most {high}')
    return settings


def _of_kind(value, default):
    """Whether a value has the type of its default. Where a float is expected an int will do; a tuple has values of one type."""
    if isinstance(default, tuple):
        return isinstance(value, tuple) and value != () and all(_of_kind(one, default[0]) for one in value)
    kinds = (int, float) if isinstance(default, float) else type(default)
    return isinstance(value, kinds) and isinstance(value, bool) == isinstance(default, bool)


def check_settings(settings):
    """Checks each setting and whether a run can have them together; returns the settings. Raises UserError."""
    check_ranges(settings)
    if settings.num_envs > settings.batch_steps:
        wanted = f'at most {option("batch_steps")}, {settings.batch_steps}'
        raise UserError(f'{option("num_envs", settings.num_envs)} is more than a batch has steps: it must be {wanted}')
    if settings.batch_steps > settings.steps:
        batch = option('batch_steps', settings.batch_steps)
        raise UserError(f'{option("steps", settings.steps)} is less than one batch of {batch}')
    for field in dataclasses.fields(settings):
        whole = field.metadata['divides']
        if whole and getattr(settings, whole) % getattr(settings, field.name):
            part, total = getattr(settings, field.name), getattr(settings, whole)
            divisors = {n for low in range(1, math.isqrt(total) + 1) if total % low == 0 for n in (low, total // low)}
            nearest_part = min(sorted(divisors), key=lambda n: abs(n - part))
            raise UserError(f'{option(field.name, part)} does not divide {option(whole, total)}; {nearest_part} does')
    return settings


def check_seed(seed):
    """Returns the seed; raises UserError if it is out of range."""
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not (whole and 0 <= seed < 2**31):
        raise UserError(f'{option("seed", seed)} is out of range: it must be a whole number from 0 to {2**31 - 1}')
    return int(seed)


def settings_of(record, settings_type, path):
    """The settings in the record of an agent file, as the dataclass. UserError if this version cannot read them."""
    try:
        values = renamed(record['settings'], settings_type)
        return check_ranges(settings_type(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}))
    except (AttributeError, TypeError) as error:
        raise UserError(f'{path} was written by another version of this project ({error})') from error


def former_names(settings_type):
    """The former names of an agent's settings, {former: present}."""
    names = {field.name for field in dataclasses.fields(settings_type)}
    return {old: new for old, new in RENAMED.items() if new in names and old not in names}


def meant(unknown, meanings, former):
    """The settings that an unknown name may mean, as `nearest` lists them. All names are flags, or all are Python's.

    `meanings` and `former`: what the settings mean, {name: text}, and their former names, {former: present}. First come those
    whose former name is spelled like it, then what SEARCH_WORDS finds, then those with its words in them or in their meaning.
    """
    words = _bare(unknown)
    sounds_like = [known for known in meanings if words in _bare(known) or _bare(known) in words]
    sought = SEARCH_WORDS.get(words, ())
    found = [known for said in sought for known, meaning in meanings.items() if said in meaning]
    means = [known for known, meaning in meanings.items() if words.replace('-', ' ') in meaning]
    formerly = [former[old] for old in difflib.get_close_matches(unknown, former, cutoff=0.8)]
    return nearest(unknown, meanings, likely=[*formerly, *found, *sounds_like, *means])


def _bare(name):
    return name.lstrip('-').replace('_', '-')


def renamed(values, settings_type):
    """Settings by name, a dict, with the present names instead of former ones."""
    former = former_names(settings_type)
    return {former.get(name, name): value for name, value in values.items()}


def preset_settings(settings_type, presets, env, env_args=None):
    """The settings for an environment: its preset replaces defaults. Without one, the preset of its kind of actions does."""
    name = preset_name(env, env_args or {})
    if name not in presets and OTHERS_BOX in presets:
        name = OTHERS_BOX if has_box_actions(env, env_args) else OTHERS_DISCRETE
    return settings_type(**presets.get(name, {}))


def book_settings(settings_type):
    """The values of the book's listing, and the defaults where the listing has none."""
    fields = dataclasses.fields(settings_type)
    return settings_type(**{field.name: field.metadata['book'] for field in fields if field.metadata['book'] is not None})


def flag(name):
    """The flag of a setting: `--batch-steps` for `batch_steps`."""
    return f'--{name.replace("_", "-")}'
