"""A layer around an engine for training: environments out of step, recreated now and then, and a record of their actions.

Out of step. Environments that start together, and whose episodes all last as long as the time limit, would stay together for
ever: every batch would hold one stage of the episode, the swing up or the balance, and nothing else. So the first episode of
the i-th of N environments is truncated after i/N of the time limit. To the agent an early truncation is a time limit.

Recreated. No engine can save its environments, so a checkpoint holds the actions they have taken, and `replay` takes these
again. So that a replay does not take longer and longer, all episodes are truncated and all environments recreated after about
100,000 steps. Only environments whose seed decides everything are recreated: yours may count its episodes, for instance.
"""

from common.envs.interface import Step, VectorEnvs

import numpy as np

RECREATE_AFTER = 100_000  # steps of all environments together, after which they are recreated
MIN_EPISODES = 10  # but at the earliest after ten full-length episodes in each environment


class TrainingEnvs(VectorEnvs):
    """An engine's environments for training.

    `recreations` counts how often the environments were recreated, `actions` are those taken since, and `state` is what they
    led to, (num_envs, state_dim): all three go into a checkpoint.
    """

    def __init__(self, envs):
        self.envs, self.engine, self.num_envs = envs, envs.engine, envs.num_envs
        self.spaces, self.state_dim, self.discrete = envs.spaces, envs.state_dim, envs.discrete
        self.action_dim, self.action_bound = envs.action_dim, envs.action_bound
        limit, self.has_default_limit = envs.time_limit, envs.has_default_limit
        # Steps of each environment before all are recreated, and steps after which its first episode is truncated, 0: never.
        self.recreate_after = limit * max(MIN_EPISODES, RECREATE_AFTER // (self.num_envs * limit))
        self.recreate_after = self.recreate_after if envs.seed_decides else np.inf
        self.first_truncation = np.arange(self.num_envs) * limit // self.num_envs
        self.actions, self.excluded = [], []

    def reset(self, seed):
        """See `VectorEnvs.reset`."""
        self.seed, self.recreations = seed, 0
        return self._create()

    def step(self, action):
        """See `VectorEnvs.step`; every environment is reset in the step that recreates them."""
        if len(self.actions) == self.recreate_after:  # the step before truncated every episode
            self.recreations += 1
            nothing = np.zeros(self.num_envs, bool)
            self.excluded.append(nothing)
            return Step(self._create(), np.zeros(self.num_envs, np.float32), nothing, nothing, nothing)
        next_state, reward, terminated, truncated, valid = self.envs.step(action)
        self.actions.append(action)
        last = len(self.actions) == self.recreate_after
        early = valid & ~self.envs.ended & (last | (self.first_truncation == len(self.actions)))
        self.envs.end_episodes(early)
        self.excluded.append(valid & self.envs.ended & (early | self.in_first_episode))
        self.in_first_episode &= ~self.envs.ended
        self.state = next_state
        return Step(next_state, reward, terminated, truncated | early, valid)

    def take_excluded(self):
        """Where episodes ended, since the last call, that the learning curve leaves out: (steps, num_envs), bool.

        These are the episodes truncated early, and the first episode of each environment whose first one may be truncated:
        counting only those that ended before would favour short episodes.
        """
        excluded, self.excluded = np.array(self.excluded, bool).reshape(-1, self.num_envs), []
        return excluded

    def replay(self, seed, recreations, actions):
        """Returns to where the environments were, and returns their states.

        They had been reset from `seed`, recreated `recreations` times, and then taken `actions`, (steps, num_envs, ...).
        ValueError if the actions have another shape; UserError if the environments raise.
        """
        shape = self.num_envs, *self.envs.action_space.draw_shape
        if len(actions) and not (np.shape(actions)[1:] == shape and np.isfinite(actions).all()):
            raise ValueError(f'actions of shape {np.shape(actions)} do not fit these environments')
        self.seed, self.recreations = seed, recreations
        state = self._create()
        for action in actions:
            state = self.step(action).next_state
        self.excluded = []  # the log has these episodes already
        return state

    def reset_elsewhere(self):
        """Resets the environments from a seed they have not had, and returns their states: when a replay has failed."""
        self.recreations += 1
        return self._create()

    def take_note(self):
        """What the user should know about the worker processes, once; else ''."""
        note, self.envs.note = self.envs.note, ''
        return note

    @property
    def workers(self):
        """The number of worker processes that step the environments; 'auto' while this is being measured."""
        return self.envs.workers

    def close(self):
        """See `VectorEnvs.close`."""
        self.envs.close()

    def _create(self):
        self.actions, self.in_first_episode = [], self.first_truncation > 0
        self.state = self.envs.reset(self.seed, self.recreations)
        return self.state
