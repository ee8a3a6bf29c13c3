"""What is measured: who trains what, with how many environments, and with which settings.

A schedule names the work of a training loop: the steps of a batch, the passes over it, and the steps of a minibatch. Rows with
the same schedule do the same work, with the same networks: 64-64 tanh, and 256-256 ReLU for SAC.
"""

from typing import NamedTuple

OURS, LISTING, PUREJAX = 'this project', "the book's listing", 'PureJaxRL'
ALONE = 'environments alone'
SB3 = 'stable-baselines3', 'sb3-contrib'
PPO_PENDULUM, PPO_CHEETAH = 'batch 4096, 10 epochs, minibatches of 256', 'batch 2048, 10 epochs, minibatches of 64'
TRPO = 'batch 2048, 20 critic passes, minibatches of 128'
A2C, LARGE, SAC = 'batch 80', 'batch 1024', '16 updates every 16 steps'
BOOK, DEFAULT = "the book's", 'default command'
MINIMAL = '10,000 episodes'
SLOW, BULLET = 'benchmarks.speed.slow:Slow-v0', 'HalfCheetahBulletEnv-v0'  # whose steps take 2 and 0.3 milliseconds
ONE_PROCESS, PROCESSES = 'gymnasium, one process', 'gymnasium, a process each'

FLAGS = {  # of this project's agents, by (algorithm, schedule)
    ('PPO', PPO_PENDULUM): '--batch-steps 4096 --epochs 10 --minibatch-size 256 --no-anneal --activation tanh',
    ('PPO', PPO_CHEETAH): '--batch-steps 2048 --epochs 10 --minibatch-size 64',
    ('TRPO', TRPO): '--batch-steps 2048 --cg-iters 10 --critic-epochs 20 --minibatch-size 128 --activation tanh',
    ('A2C', A2C): '--batch-steps 80 --max-grad-norm 0.5 --critic-epochs 1',
    ('A2C', LARGE): '--batch-steps 1024 --max-grad-norm 0.5 --critic-epochs 1',
    ('ACKTR', A2C): '--batch-steps 80',
    ('ACKTR', LARGE): '--batch-steps 1024',
    ('SAC', SAC): '--start-steps 500 --hidden 256 256 --minibatch-size 256 --batch-steps 16 --updates-per-step 1',
    ('PPO', BOOK): '--book',
    ('TRPO', BOOK): '--book',
}


class Measurement(NamedTuple):
    """One measurement: `who` trains with the algorithm `what` for `steps` environment steps. Its unit is steps per second."""

    who: str
    what: str
    env: str
    num_envs: int
    engine: str
    schedule: str
    steps: int


MEASUREMENTS = [
    Measurement(OURS, 'PPO', 'Pendulum-v1', 1, 'gymnasium', PPO_PENDULUM, 61_440),
    Measurement('stable-baselines3', 'PPO', 'Pendulum-v1', 1, 'gymnasium', PPO_PENDULUM, 8192),
    Measurement('sbx', 'PPO', 'Pendulum-v1', 1, 'gymnasium', PPO_PENDULUM, 8192),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 16, 'envpool', PPO_PENDULUM, 204_800),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 16, 'gymnasium', PPO_PENDULUM, 102_400),
    Measurement('stable-baselines3', 'PPO', 'Pendulum-v1', 16, 'gymnasium', PPO_PENDULUM, 20_480),
    Measurement('sbx', 'PPO', 'Pendulum-v1', 16, 'gymnasium', PPO_PENDULUM, 32_768),
    Measurement(PUREJAX, 'PPO', 'Pendulum-v1', 16, 'compiled in', PPO_PENDULUM, 204_800),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 64, 'envpool', PPO_PENDULUM, 286_720),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 64, 'gymnasium', PPO_PENDULUM, 102_400),
    Measurement('stable-baselines3', 'PPO', 'Pendulum-v1', 64, 'gymnasium', PPO_PENDULUM, 24_576),
    Measurement('sbx', 'PPO', 'Pendulum-v1', 64, 'gymnasium', PPO_PENDULUM, 49_152),
    Measurement(PUREJAX, 'PPO', 'Pendulum-v1', 64, 'compiled in', PPO_PENDULUM, 204_800),
    Measurement(OURS, 'TRPO', 'Pendulum-v1', 16, 'envpool', TRPO, 143_360),
    Measurement(OURS, 'TRPO', 'Pendulum-v1', 16, 'gymnasium', TRPO, 81_920),
    Measurement('sb3-contrib', 'TRPO', 'Pendulum-v1', 16, 'gymnasium', TRPO, 14_336),
    Measurement(OURS, 'PPO', 'HalfCheetah-v4', 16, 'envpool', PPO_CHEETAH, 53_248),
    Measurement(OURS, 'PPO', 'HalfCheetah-v4', 16, 'gymnasium', PPO_CHEETAH, 32_768),
    Measurement('stable-baselines3', 'PPO', 'HalfCheetah-v4', 16, 'gymnasium', PPO_CHEETAH, 6144),
    Measurement('sbx', 'PPO', 'HalfCheetah-v4', 16, 'gymnasium', PPO_CHEETAH, 12_288),
    Measurement(OURS, 'TRPO', 'HalfCheetah-v4', 16, 'envpool', TRPO, 49_152),
    Measurement(OURS, 'TRPO', 'HalfCheetah-v4', 16, 'gymnasium', TRPO, 32_768),
    Measurement('sb3-contrib', 'TRPO', 'HalfCheetah-v4', 16, 'gymnasium', TRPO, 10_240),
    Measurement(OURS, 'A2C', 'HalfCheetah-v4', 16, 'envpool', A2C, 48_000),
    Measurement(OURS, 'A2C', 'HalfCheetah-v4', 16, 'gymnasium', A2C, 32_000),
    Measurement('stable-baselines3', 'A2C', 'HalfCheetah-v4', 16, 'gymnasium', A2C, 20_000),
    Measurement(OURS, 'ACKTR', 'HalfCheetah-v4', 16, 'envpool', A2C, 32_000),
    Measurement(OURS, 'A2C', 'HalfCheetah-v4', 16, 'envpool', LARGE, 65_536),
    Measurement(OURS, 'ACKTR', 'HalfCheetah-v4', 16, 'envpool', LARGE, 53_248),
    Measurement(OURS, 'SAC', 'HalfCheetah-v4', 1, 'gymnasium', SAC, 640),
    Measurement('stable-baselines3', 'SAC', 'HalfCheetah-v4', 1, 'gymnasium', SAC, 320),
    Measurement('sbx', 'SAC', 'HalfCheetah-v4', 1, 'gymnasium', SAC, 480),
    *(
        Measurement(who, 'PPO', env, num_envs, engine, PPO_CHEETAH, steps)
        for env, steps in ((SLOW, 6144), (BULLET, 24_576))
        for who, num_envs, engine in (
            (OURS, 8, 'gymnasium'),
            (OURS, 8, ONE_PROCESS),
            ('stable-baselines3', 2, PROCESSES),
            ('stable-baselines3', 8, PROCESSES),
            ('stable-baselines3', 8, 'gymnasium'),
        )
    ),
    Measurement(ALONE, 'random actions', 'HalfCheetah-v4', 16, 'envpool', '', 98_304),
    Measurement(ALONE, 'random actions', 'HalfCheetah-v4', 16, 'gymnasium', '', 49_152),
    Measurement(LISTING, 'PPO', 'Pendulum-v1', 1, 'gymnasium', BOOK, 960),
    Measurement(OURS, 'PPO', 'Pendulum-v1', 1, 'gymnasium', BOOK, 16_384),
    Measurement(LISTING, 'TRPO', 'Pendulum-v1', 1, 'gymnasium', BOOK, 1536),
    Measurement(OURS, 'TRPO', 'Pendulum-v1', 1, 'gymnasium', BOOK, 24_576),
]


def key_of(row):
    """What a row of the result file measures: (who, what, environment, number of environments, engine, schedule)."""
    return row['who'], row['what'], row['env'], int(row['num_envs']), row['engine'], row['schedule']
