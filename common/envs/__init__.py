"""Environments: made by name (`making`), stepped many at once by either engine (`engines`), drawn (`drawing`, `apart`).

PyBullet's, their registration and a quicker step, are `bullet`'s.
"""

from common.envs.engines import ENGINES, GymnasiumEnvs, derive_seed, envpool_lacks, make_envs
from common.envs.making import check_env, has_box_actions, make_env, parse_env_args, preset_name

__all__ = [
    'ENGINES',
    'GymnasiumEnvs',
    'check_env',
    'derive_seed',
    'envpool_lacks',
    'has_box_actions',
    'make_env',
    'make_envs',
    'parse_env_args',
    'preset_name',
]
