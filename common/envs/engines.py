"""Two engines: EnvPool (C++) and Gymnasium, whose environments worker processes may step. Here it is decided which runs one."""

import importlib.util

from common.envs.envpool_engine import EnvPoolEnvs, envpool_arguments, load_envpool, means_the_same
from common.envs.making import check_env
from common.envs.training import TrainingEnvs
from common.envs.workers import WorkerEnvs
from common.errors import UserError, option

import gymnasium as gym

ENGINES = ('auto', 'envpool', 'gymnasium')


def make_envs(env_id, num_envs, engine='auto', env_args=None, training=False, workers='auto'):
    """`num_envs` copies of an environment, as `VectorEnvs`; call `reset(seed)` before `step`.

    `engine` 'auto' takes EnvPool if it has the environment and these arguments mean the same there, else Gymnasium. A single
    environment is always Gymnasium's, which is faster than waking one of EnvPool's threads. With `training` the environments
    are `TrainingEnvs`.
    `workers`: how many processes step Gymnasium's environments, 0: none but this one; 'auto': what the first steps recommend.
    Raises UserError as `make_env` does, if EnvPool is asked for and lacks the environment, and if it has no use for `workers`.
    """
    check_env(env_id)
    in_envpool = False
    if engine == 'envpool' or (engine == 'auto' and num_envs > 1):
        missing = envpool_lacks(env_id, env_args)
        if engine == 'envpool' and missing:
            raise UserError(f'{option("engine", engine)}: {missing}; use {option("engine", "gymnasium")}')
        in_envpool = not missing
    if in_envpool and workers not in ('auto', 0):
        given, remedy = option('workers', workers), option('engine', 'gymnasium')
        raise UserError(f"{given} is for Gymnasium's environments, but {env_id} runs in EnvPool: add {remedy}, or leave it out")
    envs = EnvPoolEnvs(env_id, num_envs, env_args) if in_envpool else WorkerEnvs(env_id, num_envs, env_args, workers)
    return TrainingEnvs(envs) if training else envs


def envpool_lacks(env_id, env_args):
    """Why EnvPool cannot run this environment, or '' if it can."""
    if importlib.util.find_spec('envpool') is None:
        return 'EnvPool is not installed'
    envpool = load_envpool()

    if env_id not in envpool.list_all_envs():
        return f'EnvPool has no {env_id}'
    if gym.spec(env_id).max_episode_steps is None:
        return f"EnvPool's {env_id} has no time limit"  # and does not take one
    defaults = envpool.make_spec(env_id).config._asdict()
    given = envpool_arguments(env_id, env_args)
    refused = [
        f'{key}={value}' if key in defaults else key for key, value in given.items() if not means_the_same(key, value, defaults)
    ]
    return f"EnvPool's {env_id} takes no {', '.join(refused)}" if refused else ''
