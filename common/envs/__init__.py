"""Environments: created by name (`making`), stepped many at once (`interface`, `engines`, `training`), drawn (`drawing`).

PyBullet's environments, their registration and a faster step, are in `bullet`.
"""

from common.envs.chosen import check_chosen, check_data
from common.envs.engines import ENGINES, envpool_lacks, make_envs
from common.envs.gymnasium_engine import GymnasiumEnvs
from common.envs.interface import Step, VectorEnvs, derive_seed
from common.envs.making import (
    TIME_LIMIT,
    check_env,
    has_box_actions,
    make_env,
    parse_env_args,
    preset_name,
)
from common.envs.own import in_words, recorded, registered
from common.envs.randomness import kept_random_state

__all__ = [
    'ENGINES',
    'TIME_LIMIT',
    'GymnasiumEnvs',
    'Step',
    'VectorEnvs',
    'check_chosen',
    'check_data',
    'check_env',
    'derive_seed',
    'envpool_lacks',
    'has_box_actions',
    'in_words',
    'kept_random_state',
    'make_env',
    'make_envs',
    'parse_env_args',
    'preset_name',
    'recorded',
    'registered',
]
