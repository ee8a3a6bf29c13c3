"""The variants: of each erratum and each idea, which agent is trained with it, where, for how long, and on which seeds."""

import shlex
from dataclasses import dataclass

from benchmarks.learning.cells import AGENTS
from experiments import plan

SEEDS = range(300, 310)  # those that are reported; places and steps were chosen on seeds 0 and 1
AS_IS, MINIMAL = 'as it is', 'minimal'
EPISODES = 500  # of the evaluation


@dataclass(frozen=True)
class Place:
    """Where variants are trained: an agent (a key of AGENTS, or MINIMAL) in an environment.

    `steps`: None for the preset's. `seeds`: those that are reported.
    """

    agent: str
    env: str = ''
    steps: int | None = None
    flags: tuple = ()
    seeds: range = SEEDS

    @property
    def agent_name(self):
        """The agent's name in the tables."""
        return MINIMAL if self.agent == MINIMAL else AGENTS[self.agent][0]

    def words(self):
        """The agent's file and its flags, without --train and --seed."""
        if self.agent == MINIMAL:
            return ['pg_gaussian_minimal.py', *(['--episodes', str(self.steps)] if self.steps else [])]
        _, script, method = AGENTS[self.agent]
        steps = ['--steps', str(self.steps)] if self.steps else []
        return [script, *method, *plan.words_of('env', self.env, ''), *steps, *self.flags, '--episodes', str(EPISODES)]


PPO_PENDULUM = Place('ppo', 'Pendulum-v1')
PENALTY_PENDULUM = Place('ppo-penalty', 'Pendulum-v1', seeds=range(310, 320))  # its target was corrected after seeds 300 to 309
TRPO_PENDULUM = Place('trpo', 'Pendulum-v1')
LEARNT = '--activation', 'relu', '--no-normalize', '--final-std', '0'  # the standard deviation is learnt, as in the books
PPO_REACHER, TRPO_REACHER = (Place(agent, 'Reacher-v5', 100_000, LEARNT, range(310, 320)) for agent in ('ppo', 'trpo'))
SMALL_BATCHES = (  # and one step of the critic on each, as in the chapter
    '--batch-steps', '80', '--actor-lr', '7e-4', '--critic-lr', '1e-3', '--critic-epochs', '1', '--max-grad-norm', '0.5',
)  # fmt: skip
A2C_REACHER = Place('a2c', 'Reacher-v5', 100_000, (*SMALL_BATCHES, '--no-normalize', '--final-std', '0'), range(310, 320))
A2C_PENDULUM = Place('a2c', 'Pendulum-v1', 300_000)
PPO_CART_POLE, TRPO_CART_POLE = Place('ppo', 'CartPole-v1', 40_960), Place('trpo', 'CartPole-v1', 40_960)
FROZEN_LAKE = Place('ppo', 'FrozenLake-v1 is_slippery=false', 20_480, ('--engine', 'gymnasium'))
SAC_PENDULUM = Place('sac', 'Pendulum-v1', flags=('--alpha', '0.1'))  # a fixed temperature, as in the chapter


@dataclass(frozen=True)
class Variant:
    """Behaviours that are replaced in a place; none for the code as it is.

    `erratum`: its number, or None for an idea. `says`: what is different, in a few words. `behaviours`: the names of its
    patches, in errata.py or ideas.py. `runs`: whether it can be trained at all.
    """

    name: str
    erratum: int | None
    place: Place
    says: str = ''
    behaviours: tuple = ()
    runs: bool = True

    @property
    def as_it_is(self):
        """The code as it is in the same place: what the variant is compared with."""
        return Variant(AS_IS, None, self.place)

    @property
    def seeds(self):
        """The seeds that are reported."""
        if not self.runs:
            return self.place.seeds[:1]
        return range(300, 400) if self.place.agent == MINIMAL else self.place.seeds

    def command(self, seed):
        """The command that repeats a run."""
        if self.name == AS_IS:
            script, *flags = self.place.words()
            return shlex.join(['python', script, '--train', *flags, '--seed', str(seed)])
        steps = f' --steps {self.place.steps}' if self.place != BY_NAME[self.name].place else ''
        return f'python -m benchmarks.variants {self.name} --seeds {seed}..{seed}{steps}'


VARIANTS = [
    Variant('std-stays', 1, PPO_REACHER, 'the standard deviation stays 1', ('log_std_appended_to_a_copy',)),
    Variant('std-stays-pendulum', 1, PPO_PENDULUM, 'the standard deviation stays 1', ('log_std_appended_to_a_copy',)),
    Variant('penalty-stays', 2, PENALTY_PENDULUM, "the penalty's coefficient never adapts", ('update_asks_for_kl_pen',)),
    Variant('ratio-per-dimension', 3, PPO_REACHER, 'a ratio for each action dimension', ('ratio_per_dimension',)),
    Variant('one-sample', 3, PPO_REACHER, 'sampling keeps the first dimension only', ('sample_of_the_first_dimension',)),
    Variant(
        'first-dimension', 4, TRPO_REACHER, 'density and divergence of the first dimension only',
        ('log_prob_of_the_first_dimension', 'one_number_for_mean_and_log_std'),
    ),
    Variant(
        'clipped-actions', 5, PPO_PENDULUM, 'actions are clipped before they are scored',
        ('clipped_by_the_agent', 'not_clipped_for_the_environment'),
    ),
    Variant('kl-reversed', 6, TRPO_PENDULUM, 'KL(new, old)', ('kl_new_to_old',)),
    Variant('one-flag', 7, PPO_PENDULUM, 'one flag for death and time limit', ('one_flag_done',)),
    Variant(
        'old-names', 8, Place('ppo', 'Pendulum-v0'), 'environment names that no longer exist',
        ('old_names_go_to_gymnasium_as_they_are',), runs=False,
    ),
    Variant(
        'old-interface', 8, Place('ppo', 'Pendulum-v1', flags=('--engine', 'gymnasium')), 'an interface that no longer exists',
        ('seed_and_four_values',), runs=False,
    ),
    Variant('runs-on', 9, FROZEN_LAKE, 'episodes run on past their time limit', ('while_not_done_or_truncated',)),
    Variant(
        'first-next-state', 10, FROZEN_LAKE, "the last step is bootstrapped from the first step's next state",
        ('last_step_bootstrapped_from_the_first_next_state',),
    ),
    Variant(
        'two-deviations', 11, A2C_REACHER,
        'actions are drawn with one standard deviation and scored with another; densities are not summed',
        ('log_prob_not_summed', 'variance_of_exp_log_std', 'advantage_for_each_dimension'),
    ),
    Variant('limit-is-death', 12, A2C_REACHER, 'a time limit counts as a death', ('time_limit_is_death',)),
    Variant('limit-is-death-pendulum', 12, A2C_PENDULUM, 'a time limit counts as a death', ('time_limit_is_death',)),
    Variant(
        'no-entropy', 12, SAC_PENDULUM, "no entropy in the actor's loss, one standard deviation for all states",
        ('actor_loss_without_entropy', 'one_standard_deviation_for_all_states'),
    ),
    Variant(
        'placeholders', 13, Place('trpo', 'CartPole-v1', flags=('--eager',)), 'placeholders of TensorFlow 1', ('placeholders',),
        runs=False,
    ),
    Variant(
        'no-conjugate-gradient', 13, TRPO_CART_POLE, 'a "conjugate gradient" that is not one',
        ('conjugate_gradient_that_is_none',),
    ),
    Variant('log-of-density', 14, Place(MINIMAL), 'log(pdf + 1e-5)', ('log_of_the_density_and_a_little',)),
    Variant(
        'tensorlayer-files', 15, Place('ppo', 'Pendulum-v1', 2048), "TensorLayer's own files", ('files_by_tensorlayer',),
        runs=False,
    ),
    Variant('no-line-search', None, TRPO_PENDULUM, 'the full step is always taken', ('no_line_search',)),
    Variant('plain-gradient', None, TRPO_PENDULUM, 'the plain gradient instead of the natural gradient', ('plain_gradient',)),
    Variant('kl-reversed-penalty', None, PENALTY_PENDULUM, 'the penalty is on KL(new, old)', ('kl_new_to_old',)),
    Variant('death-as-time-limit', None, PPO_CART_POLE, 'a death counts as a time limit', ('death_as_time_limit',)),
    Variant('raw-advantages', None, PPO_PENDULUM, 'advantages are not standardised', ('raw_advantages',)),
]  # fmt: skip
BY_NAME = {variant.name: variant for variant in VARIANTS}
