"""EnvPool's environments: written in C++, stepped by threads."""

import functools
import sys

from common.envs import cores
from common.envs.interface import Engine
from common.envs.silence import no_warnings

import numpy as np

MOST = 2**31 - 1  # the largest number that EnvPool takes where it wants a whole one
ALIKE = {  # arguments that mean the same in both engines, and the lowest value that does
    'contact_cost_weight': -MOST, 'ctrl_cost_weight': -MOST, 'exclude_current_positions_from_observation': False,
    'forward_reward_weight': -MOST, 'frame_skip': 1, 'hardcore': False, 'healthy_reward': -MOST, 'max_episode_steps': 1,
    'post_constraint': False, 'reset_noise_scale': 0, 'size': 1, 'terminate_when_unhealthy': False,
}  # fmt: skip


@functools.cache
def load_envpool():
    """Imports EnvPool and returns it.

    A part of it that this machine cannot load keeps the error, and with it the frames of whoever imported EnvPool first: an
    agent that was trained there would stay for good. So the error lets them go.
    """
    import envpool

    for module in [module for name, module in sys.modules.items() if name.startswith('envpool.')]:
        for value in vars(module).values():
            if isinstance(value, BaseException):
                value.__traceback__ = None
    return envpool


class EnvPoolEnvs(Engine):
    """EnvPool's environments, stepped by its own send and receive calls: its Python wrapper costs 40 microseconds a step."""

    engine = 'envpool'

    def __init__(self, env_id, num_envs, env_args=None):
        super().__init__(env_id, num_envs, env_args)
        self.ids = np.arange(num_envs, dtype=np.int32)
        self.one_hot = np.eye(self.state_dim, dtype=np.float32)
        self.pool = None

    def close(self):
        """See `VectorEnvs.close`."""
        if self.pool:
            self.pool.close()
        self.pool = None

    def _reset(self, seed):
        self.close()
        with no_warnings():  # EnvPool's environments take a seed only when they are created
            threads = min(self.num_envs, cores.usable())
            self.pool = load_envpool().make_gymnasium(
                self.env_id,
                num_envs=self.num_envs,
                num_threads=threads,
                thread_affinity_offset=cores.first_core(threads),
                seed=seed,
                **envpool_arguments(self.env_id, self.env_args),
            )
            state = self.pool.reset()[0]
        self.rows = [self.pool._state_keys.index(key) for key in ('obs', 'reward', 'done', 'trunc')]
        return self._vectors(state)

    def _step(self, action):
        action = action.astype(np.int32) if self.discrete else action
        if self.ended_early.any():
            received = self._step_and_reset(action)
        else:
            self.pool._send([self.ids, self.ids, action])
            received = self.pool._recv()
        state, reward, done, truncated = (received[row] for row in self.rows)
        return self._vectors(state), reward, done & ~truncated, truncated

    def _step_and_reset(self, action):
        """Resets the environments whose episodes were ended from outside, which EnvPool does not know of; steps the others."""
        early, others = self.ids[self.ended_early], self.ids[~self.ended_early]
        self.pool._reset(early)
        received = self.pool._recv()
        if len(others):
            self.pool._send([others, others, action[others]])
            received = [np.concatenate(parts) for parts in zip(received, self.pool._recv(), strict=True)]
        return [part[np.argsort(np.concatenate([early, others]))] for part in received]

    def _vectors(self, state):
        if state.ndim == 1:
            return self.one_hot[state]
        return state.reshape(self.num_envs, -1).astype(np.float32, copy=False)


def envpool_arguments(env_id, env_args):
    """Gymnasium's arguments of an environment, as EnvPool names them: it gives FrozenLake's map by its size.

    EnvPool computes the contact forces of the v4 humanoids only if asked to. They are part of the states, and of the reward of
    HumanoidStandup-v4. Humanoid-v4 counts them in the reward of neither engine.
    """
    arguments = dict(env_args or {})
    if env_id in ('Humanoid-v4', 'HumanoidStandup-v4'):
        arguments['post_constraint'] = True
    if env_id.startswith('FrozenLake'):
        if arguments.get('is_slippery') is True:
            del arguments['is_slippery']
        if arguments.get('map_name') in ('4x4', '8x8'):
            arguments['size'] = int(arguments.pop('map_name')[0])
    return arguments


def means_the_same(name, value, defaults):
    """Whether both engines take an argument of an environment alike; `defaults` are EnvPool's.

    For example, EnvPool looks for an `xml_file` in its own folder, and a `max_episode_steps` of -1, Gymnasium's word for no
    limit, would end its episodes after one step.
    """
    kinds = (int, float) if isinstance(defaults.get(name), float) else (type(defaults.get(name)),)
    return name in ALIKE and name in defaults and type(value) in kinds and ALIKE[name] <= value <= MOST
