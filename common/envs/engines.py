"""Two engines behind one adapter: EnvPool (C++) and Gymnasium.

Both reset an environment on the step *after* its episode ended. That step's action is ignored, so it is no transition
(`valid` is False), and the state before it is the true final one, from which a time limit is bootstrapped.

Environments that start together and end by the time limit stay together: every batch would show one stage of the episode
only, the swing up or the balance. So in training the first episodes are cut, the second environment's after a share of the
time limit, the third's after two, ...: to the agent a cut is a time limit.

No engine can save its environments. Their actions are kept instead, and taken again when a run is resumed. So that this
does not take longer and longer, episodes are cut and all environments made anew now and then.
"""

import contextlib
import importlib
import importlib.util

from common.envs import bullet, cores, drawing
from common.envs.making import check_env, make_env, what_to_write
from common.envs.silence import no_output, no_warnings
from common.errors import UserError, one_line

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Discrete

ENGINES = ('auto', 'envpool', 'gymnasium')
REPLAY = 100_000  # steps, over all environments, after which they are made anew
EPISODES = 10  # but no sooner than each could have played so many of full length


def derive_seed(*numbers):
    """A seed for environments from a few whole numbers, most likely far from all others: EnvPool numbers on from it."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)


def make_envs(env_id, num_envs, engine='auto', env_args=None, training=False):
    """`num_envs` copies of an environment behind the adapter; call `reset(seed)` before `step`.

    For `training` they are kept out of step and their actions recorded, from which a run resumes. Otherwise no episode is cut.
    `auto` takes EnvPool where it has the environment with these arguments, else Gymnasium; and Gymnasium for a single
    environment, which steps faster alone than by waking a thread. Raises UserError as `make_env` does, and where EnvPool
    is asked for and lacks the environment.
    """
    check_env(env_id)
    if engine == 'envpool' or (engine == 'auto' and num_envs > 1):
        missing = envpool_lacks(env_id, env_args)
        if not missing:
            return EnvPoolEnvs(env_id, num_envs, env_args, training)
        if engine == 'envpool':
            raise UserError(f'--engine envpool: {missing}; use --engine gymnasium')
    return GymnasiumEnvs(env_id, num_envs, env_args, training=training)


class VectorEnvs:
    """What both engines share: sizes, clipping, the reset rows, and in training cuts and a record of actions.

    Attributes: `state_dim`; `action_dim` (number of choices where the actions are discrete); `action_bound`, a pair of
    float32 arrays (low, high) within the space, or None for discrete actions; `metadata`, Gymnasium's, with the pictures a
    second; `is_mujoco`; `seed`, `renewals` and `actions`, from which `replay` comes back to where they are.
    """

    def __init__(self, env_id, num_envs, env_args, training):
        env = make_env(env_id, env_args)
        self.env_id, self.num_envs, self.env_args, self.training = env_id, num_envs, env_args or {}, training
        self.state_dim = env.observation_space.shape[0]
        self.discrete = isinstance(env.action_space, Discrete)
        self.action_dim = int(env.action_space.n) if self.discrete else env.action_space.shape[0]
        self.action_bound = None if self.discrete else _rounded_inwards(env.action_space)
        self.action_start = int(env.action_space.start) if self.discrete else 0
        self.metadata, self.is_mujoco = env.metadata, hasattr(env.unwrapped, 'mujoco_renderer')
        limit = env.spec.max_episode_steps
        self.due = limit * max(EPISODES, REPLAY // (num_envs * limit))  # steps of each environment before it is made anew
        self.first_cuts = np.arange(num_envs) * limit // num_envs  # steps after which its first episode is cut, 0: never
        self.uncounted = []
        env.close()

    def reset(self, seed):
        """Makes every environment anew from `seed`; returns states (num_envs, state_dim), float32."""
        self.seed, self.renewals = seed, 0
        return self._start()

    def step(self, action):
        """Takes one step with actions (num_envs,) or (num_envs, action_dim); what a Box receives is clipped to its bounds.

        Returns next states (num_envs, state_dim) and, each (num_envs,), rewards, terminated, truncated, and valid, which
        is False where the action was ignored: in the row of a reset.
        """
        valid = ~self.ended
        if self.training and len(self.actions) == self.due:  # every episode was cut in the step before
            self.renewals += 1
            nothing = np.zeros(self.num_envs, bool)
            self.uncounted.append(nothing)
            return self._start(), np.zeros(self.num_envs, np.float32), nothing, nothing, valid
        if self.discrete:
            taken = action + self.action_start
        else:
            taken = np.minimum(np.maximum(action, self.action_bound[0]), self.action_bound[1])
        try:
            next_state, reward, terminated, truncated = self._step(taken)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f'{self.env_id} raised {one_line(error)} in step{what_to_write(error, "step")}') from error
        self.ended = terminated | truncated
        if self.training:
            self.actions.append(action)
            last = len(self.actions) == self.due
            self.cut = valid & ~self.ended & (last | (self.first_cuts == len(self.actions)))
            truncated = truncated | self.cut
            self.ended |= self.cut
            self.uncounted.append(valid & self.ended & (self.cut | self.in_first))
            self.in_first &= ~self.ended
            self.ended |= last
        return next_state, reward, terminated, truncated, valid

    def take_uncounted(self):
        """Where episodes ended since the last call whose returns tell nothing of the agent, (steps, num_envs).

        Those that were cut, and the first ones of environments where they are cut: only the short ones would be left.
        """
        uncounted, self.uncounted = np.array(self.uncounted, bool).reshape(-1, self.num_envs), []
        return uncounted

    def replay(self, seed, renewals, actions):
        """Comes back to where environments were that had been reset from `seed`, made anew `renewals` times and then had
        taken `actions` (steps, num_envs, ...); returns the states reached. ValueError for actions of another shape."""
        shape = (self.num_envs,) if self.discrete else (self.num_envs, self.action_dim)
        if len(actions) and not (np.shape(actions)[1:] == shape and np.isfinite(actions).all()):
            raise ValueError(f'actions of shape {np.shape(actions)} are none of these environments')
        self.seed, self.renewals = seed, renewals
        state = self._start()
        for action in actions:
            state = self.step(action)[0]
        self.uncounted = []
        return state

    def _start(self):
        self.actions, self.ended, self.cut = [], np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        self.in_first = self.first_cuts > 0
        try:
            return self._reset(derive_seed(self.seed, self.renewals))
        except UserError:
            self.close()  # those that could be made
            raise
        except Exception as error:
            self.close()
            raise UserError(f'{self.env_id} raised {one_line(error)} in reset{what_to_write(error, "reset")}') from error


class EnvPoolEnvs(VectorEnvs):
    """EnvPool's environments, stepped through its own send and receive calls (its Python wrapper costs 40 microseconds)."""

    engine = 'envpool'

    def __init__(self, env_id, num_envs, env_args=None, training=False):
        super().__init__(env_id, num_envs, env_args, training)
        self.ids = np.arange(num_envs, dtype=np.int32)
        self.one_hot = np.eye(self.state_dim, dtype=np.float32)
        self.pool = None

    def _reset(self, seed):
        import envpool

        self.close()
        with no_warnings():  # its environments take their seed when they are made, so a new seed makes them anew
            threads = min(self.num_envs, cores.usable())
            self.pool = envpool.make_gymnasium(
                self.env_id,
                num_envs=self.num_envs,
                num_threads=threads,
                thread_affinity_offset=cores.first_core(threads),
                seed=seed,
                **_envpool_arguments(self.env_id, self.env_args),
            )
            state = self.pool.reset()[0]
        self.rows = [self.pool._state_keys.index(key) for key in ('obs', 'reward', 'done', 'trunc')]
        return self._vectors(state)

    def _step(self, action):
        action = action.astype(np.int32) if self.discrete else action
        if self.cut.any():
            received = self._step_and_reset(action)
        else:
            self.pool._send([self.ids, self.ids, action])
            received = self.pool._recv()
        state, reward, done, truncated = (received[row] for row in self.rows)
        return self._vectors(state), reward, done & ~truncated, truncated

    def _step_and_reset(self, action):
        """Steps all but those that were cut, of whose end EnvPool does not know, and resets these."""
        cut, others = self.ids[self.cut], self.ids[~self.cut]
        self.pool._reset(cut)
        received = self.pool._recv()
        if len(others):
            self.pool._send([others, others, action[others]])
            received = [np.concatenate(parts) for parts in zip(received, self.pool._recv(), strict=True)]
        return [part[np.argsort(np.concatenate([cut, others]))] for part in received]

    def _vectors(self, state):
        if state.ndim == 1:
            return self.one_hot[state]
        return state.reshape(self.num_envs, -1).astype(np.float32, copy=False)

    def close(self):
        """Ends the environments; `reset` makes new ones."""
        if self.pool:
            self.pool.close()
        self.pool = None


class GymnasiumEnvs(VectorEnvs):
    """Gymnasium's environments one after the other in this process: for cheap ones faster than any worker pool."""

    engine = 'gymnasium'

    def __init__(self, env_id, num_envs, env_args=None, render_mode=None, training=False):
        super().__init__(env_id, num_envs, env_args, training)
        self.render_mode, self.envs = render_mode, []

    def _reset(self, seed):
        self.close()  # made anew: PyBullet's physics remembers former episodes whatever the seed
        for _ in range(self.num_envs):
            self.envs.append(make_env(self.env_id, self.env_args, self.render_mode))
        seeds = np.random.SeedSequence(seed).generate_state(self.num_envs)
        with no_output() if bullet.is_bullet(self.env_id) else contextlib.nullcontext():
            states = [self._reset_one(env, seed=int(one)) for env, one in zip(self.envs, seeds, strict=True)]
        return np.array(states, np.float32)

    def _reset_one(self, env, **seed):
        state, _ = env.reset(**seed)
        return self._checked(state)

    def _checked(self, state):
        if np.shape(state) != (self.state_dim,):
            wanted = f'its observation_space says ({self.state_dim},)'
            raise UserError(f'{self.env_id} gave a state of shape {np.shape(state)}, {wanted}; make them the same')
        return state

    def _step(self, action):
        next_state = np.zeros((self.num_envs, self.state_dim), np.float32)
        reward = np.zeros(self.num_envs, np.float32)
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        for i, env in enumerate(self.envs):
            if self.ended[i]:
                next_state[i] = self._reset_one(env)
            else:
                state, reward[i], terminated[i], truncated[i], _ = env.step(action[i])
                next_state[i] = self._checked(state)
        return next_state, reward, terminated, truncated

    def render(self):
        """What the first environment looks like, (height, width, 3) bytes; UserError where it cannot be drawn."""
        hint = ''
        try:
            if self.is_mujoco and drawing.use_egl():
                hint = '; MuJoCo draws through EGL: apt-get install libegl1'
                importlib.import_module('mujoco.egl')  # fails where EGL is missing, and more quietly than render()
            frame = self.envs[0].render()
        except Exception as error:
            raise UserError(f'{self.env_id} cannot be drawn ({one_line(error)}){hint}') from error
        picture = np.asarray(frame)
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype.kind not in 'uif':
            returned = 'nothing' if frame is None else f'{type(frame).__name__} of shape {picture.shape}'
            wanted = "where render_mode is 'rgb_array' it must return an array (height, width, 3) of bytes"
            raise UserError(f'{self.env_id} draws no pictures: its render() returned {returned}; {wanted}')
        return picture.astype(np.uint8)

    def close(self):
        """Ends the environments, every one; `reset` makes new ones. UserError where one refuses."""
        envs, self.envs, refused = self.envs, [], None
        for env in envs:
            try:
                env.close()
            except Exception as error:
                refused = error
        if refused:
            raise UserError(f'{self.env_id} raised {one_line(refused)} in close')


def _rounded_inwards(space):
    """The bounds of a Box as float32, never outside the space: 0.1 rounds up, and what is clipped to it would be refused."""
    low, high = np.float32(space.low), np.float32(space.high)
    low = np.where(low < space.low, np.nextafter(low, np.float32(np.inf)), low)
    return low, np.where(high > space.high, np.nextafter(high, np.float32(-np.inf)), high)


def _envpool_arguments(env_id, env_args):
    """Gymnasium's arguments in EnvPool's words: FrozenLake's map is a size there.

    Of the v4 humanoids EnvPool shows the contact forces in the state, and counts them in the reward, only when asked to.
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


def envpool_lacks(env_id, env_args):
    """Why EnvPool cannot run this environment, or '' where it can."""
    if importlib.util.find_spec('envpool') is None:
        return 'EnvPool is not installed'
    import envpool

    if env_id not in envpool.list_all_envs():
        return f'EnvPool has no {env_id}'
    if gym.spec(env_id).max_episode_steps is None:
        return f"EnvPool's {env_id} has no time limit"  # nor takes one
    known = envpool.make_spec(env_id).config._fields
    unknown = [key for key in _envpool_arguments(env_id, env_args) if key not in known]
    return f"EnvPool's {env_id} takes no {', '.join(unknown)}" if unknown else ''
