"""What is trained and reported: agents, environments, seeds, and the figures to reach.

A cell is an agent in an environment, as in the READMEs' matrix. Its block is the seeds that are reported of it.
"""

import itertools

from benchmarks import report

# Half as many updates per step as in the textbook, on minibatches of half the size; docs/agents/sac.md says why.
HALF_PACE = ['--num-envs', '8', '--batch-steps', '64', '--updates-per-step', '0.5', '--minibatch-size', '128']
AGENTS = {
    'a2c': ('A2C', 'a2c.py', []),
    'ppo': ('PPO-Clip', 'ppo.py', []),
    'ppo-penalty': ('PPO-Penalty', 'ppo.py', ['--method', 'penalty']),
    'trpo': ('TRPO', 'trpo.py', []),
    'acktr': ('ACKTR', 'acktr.py', []),
    'sac': ('SAC', 'sac.py', []),
    'ppo-3m': ('PPO-Clip, 3M steps', 'ppo.py', ['--steps', '3000000']),
    'sac-textbook': ('SAC, an update a step', 'sac.py', []),
    'sac-clock': ('SAC, against the clock', 'sac.py', [*HALF_PACE, '--steps', '2000000']),
    'ppo-book': ('PPO-Clip, --book', 'ppo.py', ['--book']),
    'trpo-book': ('TRPO, --book', 'trpo.py', ['--book']),
}  # fmt: skip
ENVS = {  # flags, and episodes of the evaluation
    'Pendulum-v1': ([], 1000),
    'CartPole-v1': (['--env', 'CartPole-v1'], 1000),
    'FrozenLake-v1': (['--env', 'FrozenLake-v1'], 5000),
    'FrozenLake-v1, not slippery': (['--env', 'FrozenLake-v1', '--env-arg', 'is_slippery=false'], 5000),
    'FrozenLake8x8-v1': (['--env', 'FrozenLake8x8-v1'], 5000),
    'LunarLander-v3': (['--env', 'LunarLander-v3'], 100),
    'LunarLanderContinuous-v3': (['--env', 'LunarLanderContinuous-v3'], 100),
    'BipedalWalker-v3': (['--env', 'BipedalWalker-v3'], 100),
    'HalfCheetahBulletEnv-v0': (['--env', 'HalfCheetahBulletEnv-v0'], 100),
    'HalfCheetah-v4': (['--env', 'HalfCheetah-v4'], 100),
    'AntBulletEnv-v0': (['--env', 'AntBulletEnv-v0'], 100),
    'Ant-v4': (['--env', 'Ant-v4', '--env-arg', 'terminate_when_unhealthy=false'], 100),
    'Acrobot-v1': (['--env', 'Acrobot-v1'], 100),
    'MountainCar-v0': (['--env', 'MountainCar-v0'], 100),
    'CliffWalking-v1': (['--env', 'CliffWalking-v1'], 100),
    'InvertedDoublePendulum-v5': (['--env', 'InvertedDoublePendulum-v5'], 100),
    'Swimmer-v5': (['--env', 'Swimmer-v5'], 100),
    'Walker2d-v5': (['--env', 'Walker2d-v5'], 100),
}
ON_POLICY = 'a2c', 'ppo', 'trpo', 'acktr'  # PPO with the clip only
# Steps of the agents that have no preset for an environment. Where RL Zoo has the method, they are at most RL Zoo's, and on
# LunarLander more.
NO_PRESET = {
    'Acrobot-v1': dict(a2c=500_000, ppo=1_000_000, trpo=100_000, acktr=500_000),
    'MountainCar-v0': dict(a2c=1_000_000, ppo=1_000_000, trpo=100_000, acktr=1_000_000),
    'CliffWalking-v1': dict.fromkeys(ON_POLICY, 500_000),
    'InvertedDoublePendulum-v5': dict.fromkeys(ON_POLICY, 1_000_000),
    'Swimmer-v5': dict.fromkeys(ON_POLICY, 1_000_000),
    'Walker2d-v5': dict.fromkeys(ON_POLICY, 1_000_000),
    'LunarLander-v3': dict(a2c=500_000, acktr=500_000),
    'BipedalWalker-v3': dict(a2c=2_000_000, trpo=1_000_000, acktr=2_000_000),
}
NO_PRESET_CELLS = [(agent, env) for env, steps in NO_PRESET.items() for agent in steps]
AIMS = {  # the return to reach in the textbook's environments and in Box2D's
    'Pendulum-v1': -160,
    'CartPole-v1': 500,
    'FrozenLake-v1': 0.72,
    'FrozenLake-v1, not slippery': 1.0,
    'FrozenLake8x8-v1': 0.85,
    'LunarLander-v3': 200,
    'LunarLanderContinuous-v3': 200,
    'BipedalWalker-v3': 300,
}
OWN_AIMS = {('Pendulum-v1', 'SAC'): -148}  # where an agent has another aim; the best published result of any method is -149
BOX2D = ['LunarLander-v3', 'LunarLanderContinuous-v3', 'BipedalWalker-v3']
# Settings are chosen on seeds 0 to 9, and on blocks that failed. A block that is reported is run once. If a setting of its cell
# changes later, the block is spent, and the next block is run and reported. Runs of one agent with more or fewer steps share
# their blocks: seeds that were seen in one are spent for the others. Some cases need a word:
# - TRPO on BipedalWalker-v3: its first block is 300.
# - A2C on HalfCheetah-v4: block 300 was stopped after two seeds.
# - PPO on HalfCheetahBulletEnv-v0: the first block was used to choose the steps, and block 300 was stopped after one seed.
# - TRPO on FrozenLake-v1, Acrobot and MountainCar: the limit on how far advantages are scaled up came after their blocks 300,
#   whose bits it does not change.
BLOCK = 200
BOX2D_CELLS = list(itertools.product(['ppo', 'trpo'], BOX2D))
NEXT_BLOCKS = dict.fromkeys([*(('ppo-penalty', env) for env in AIMS), *BOX2D_CELLS, ('acktr', 'CartPole-v1')], 300)
NEXT_BLOCKS |= {
    ('a2c', 'Pendulum-v1'): 300, ('a2c', 'CartPole-v1'): 300, ('a2c', 'HalfCheetah-v4'): 500,
    ('ppo', 'HalfCheetahBulletEnv-v0'): 500, ('acktr', 'HalfCheetahBulletEnv-v0'): 300,
    ('acktr', 'Ant-v4'): 300, ('ppo', 'BipedalWalker-v3'): 400,
    ('ppo', 'HalfCheetah-v4'): 300, ('ppo-penalty', 'HalfCheetah-v4'): 300, ('trpo', 'HalfCheetah-v4'): 300,
    ('trpo', 'AntBulletEnv-v0'): 300, ('ppo-3m', 'HalfCheetah-v4'): 400, ('sac', 'HalfCheetah-v4'): 300,
    ('sac', 'Pendulum-v1'): 300, ('trpo', 'FrozenLake-v1'): 300, ('trpo', 'FrozenLake8x8-v1'): 400,
    ('trpo', 'Acrobot-v1'): 300, ('trpo', 'MountainCar-v0'): 300, ('trpo', 'CliffWalking-v1'): 400,
    ('a2c', 'Acrobot-v1'): 300, ('a2c', 'MountainCar-v0'): 300, ('a2c', 'CliffWalking-v1'): 300,
    ('acktr', 'Acrobot-v1'): 400, ('acktr', 'MountainCar-v0'): 400, ('acktr', 'CliffWalking-v1'): 500,
    ('acktr', 'LunarLander-v3'): 300,
}  # fmt: skip
CHAPTER = {  # Table 16.1 of the chapter: the best model of one run
    'HalfCheetahBulletEnv-v0': {'A2C': 2189, 'PPO-Clip': 2567, 'PPO-Penalty': None, 'TRPO': 2419, 'ACKTR': 250, 'SAC': 1765},
    'HalfCheetah-v4': {
        'A2C': 4718, 'PPO-Clip': 1623, 'PPO-Clip, 3M steps': 1623, 'PPO-Penalty': None, 'TRPO': 5753, 'ACKTR': 3100,
        'SAC': 7063,
    },
    'AntBulletEnv-v0': {'A2C': 2425, 'PPO-Clip': 2560, 'PPO-Penalty': None, 'TRPO': 834, 'ACKTR': 1820, 'SAC': 630},
    'Ant-v4': {'A2C': 5380, 'PPO-Clip': 5108, 'PPO-Penalty': None, 'TRPO': 993, 'ACKTR': None, 'SAC': None},
}  # fmt: skip
SOURCES = {
    'Tianshou': 'https://github.com/thu-ml/tianshou/tree/master/examples/mujoco',
    'SB3 on SAC': 'https://stable-baselines3.readthedocs.io/en/master/modules/sac.html#results',
    'RL Zoo': 'https://github.com/DLR-RM/rl-baselines3-zoo/blob/master/benchmark.md',
    'RL Zoo of SB2': 'https://github.com/araffin/rl-baselines-zoo/blob/master/benchmark.md',
}
PUBLISHED = {  # by others: the highest return, and SB2's where that is higher; in brackets millions of steps, where known
    'Pendulum-v1': {
        'A2C': [('-163 (1M)', 'RL Zoo'), ('-162', 'RL Zoo of SB2')],
        'PPO-Clip': [('-172 (0.1M)', 'RL Zoo'), ('-168', 'RL Zoo of SB2')], 'TRPO': [('-175 (0.1M)', 'RL Zoo')],
        'ACKTR': [('-214 (2M)', 'RL Zoo of SB2')], 'SAC': [('-157 (0.02M)', 'RL Zoo')],
    },
    'CartPole-v1': {
        'A2C': [('500 (0.5M)', 'RL Zoo')], 'PPO-Clip': [('500 (0.1M)', 'RL Zoo')], 'TRPO': [('500 (0.1M)', 'RL Zoo')],
        'ACKTR': [('488 (1M)', 'RL Zoo of SB2')],
    },
    'LunarLander-v3': {
        'A2C': [('156 (0.2M)', 'RL Zoo')], 'PPO-Clip': [('242 (1M)', 'RL Zoo')],
        'TRPO': [('133 (0.2M)', 'RL Zoo'), ('149', 'RL Zoo of SB2')], 'ACKTR': [('97', 'RL Zoo of SB2')],
    },
    'LunarLanderContinuous-v3': {'PPO-Clip': [('271 (1M)', 'RL Zoo')], 'TRPO': [('262 (0.2M)', 'RL Zoo')]},
    'BipedalWalker-v3': {
        'A2C': [('300 (5M)', 'RL Zoo')], 'PPO-Clip': [('213 (5M)', 'RL Zoo'), ('266', 'RL Zoo of SB2')],
        'TRPO': [('182 (1M)', 'RL Zoo'), ('302', 'RL Zoo of SB2')], 'ACKTR': [('292', 'RL Zoo of SB2')],
    },
    'HalfCheetahBulletEnv-v0': {
        'A2C': [('2,107 (2M)', 'RL Zoo')],
        'PPO-Clip': [('2,925 (2M)', 'RL Zoo'), ('3,195 (2M)', 'RL Zoo of SB2')], 'PPO-Penalty': [],
        'TRPO': [('2,759 (2M)', 'RL Zoo'), ('2,908 (2M)', 'RL Zoo of SB2')], 'ACKTR': [('2,535 (2M)', 'RL Zoo of SB2')],
        'SAC': [('2,984 (1M)', 'SB3 on SAC'), ('3,331 (2M)', 'RL Zoo of SB2')],
    },
    'HalfCheetah-v4': {
        'A2C': [('3,041 (1M)', 'RL Zoo')],
        'PPO-Clip': [('5,819 (1M)', 'RL Zoo')], 'PPO-Clip, 3M steps': [('7,337 (3M)', 'Tianshou')],
        'PPO-Penalty': [], 'TRPO': [('4,471 (1M), 5,792 (3M)', 'Tianshou')], 'ACKTR': [('1,876 (1M), 2,520 (3M)', 'Tianshou')],
        'SAC': [('12,139 (1M)', 'Tianshou')],
    },
    'AntBulletEnv-v0': {
        'A2C': [('2,497 (2M)', 'RL Zoo')], 'PPO-Clip': [('2,866 (2M)', 'RL Zoo')], 'PPO-Penalty': [],
        'TRPO': [('2,561 (2M)', 'RL Zoo'), ('2,978 (2M)', 'RL Zoo of SB2')], 'ACKTR': [],
        'SAC': [('3,146 (1M)', 'SB3 on SAC'), ('3,485 (2M)', 'RL Zoo of SB2')],
    },
    'Ant-v4': {
        'A2C': [('3,485 (1M), 5,237 (3M)', 'Tianshou')], 'PPO-Clip': [('3,258 (1M), 4,079 (3M)', 'Tianshou')],
        'PPO-Penalty': [], 'TRPO': [('4,982 (1M)', 'RL Zoo')], 'ACKTR': [('1,368 (1M), 3,946 (3M)', 'Tianshou')],
        'SAC': [('5,850 (1M)', 'Tianshou')],
    },
    'Acrobot-v1': {
        'A2C': [('-83', 'RL Zoo')], 'PPO-Clip': [('-74', 'RL Zoo')], 'TRPO': [('-83', 'RL Zoo')],
        'ACKTR': [('-91', 'RL Zoo of SB2')],
    },
    'MountainCar-v0': {
        'A2C': [('-111', 'RL Zoo')], 'PPO-Clip': [('-110', 'RL Zoo')], 'TRPO': [('-107', 'RL Zoo')],
        'ACKTR': [('-112', 'RL Zoo of SB2')],
    },
    'Swimmer-v5': {'A2C': [('201', 'RL Zoo')], 'PPO-Clip': [('282', 'RL Zoo')], 'TRPO': [('366', 'RL Zoo')]},
    'Walker2d-v5': {'PPO-Clip': [('3,479', 'RL Zoo')], 'TRPO': [('4,933', 'RL Zoo')]},
}  # fmt: skip
CELLS = [
    *itertools.product(['ppo', 'ppo-penalty', 'trpo'], [env for env in AIMS if env not in BOX2D]),
    *itertools.product(['a2c', 'acktr'], ['Pendulum-v1', 'CartPole-v1']),
    *itertools.product(['sac', 'ppo-book', 'trpo-book'], ['Pendulum-v1']),
    *BOX2D_CELLS,
    *itertools.product(['a2c', 'ppo', 'ppo-penalty', 'trpo', 'acktr', 'sac'], CHAPTER),
    *itertools.product(['ppo-3m', 'sac-textbook', 'sac-clock'], ['HalfCheetah-v4']),
    *(cell for cell in NO_PRESET_CELLS if cell not in BOX2D_CELLS),
]
METHODS = list(CHAPTER['Ant-v4'])
CLOCK = 'HalfCheetah-v4', ['SAC, an update a step', 'SAC, against the clock']
GOALS = 7000, 12000  # returns; the clock's table has the minutes until they were reached


def seeds_of(agent, env):
    """The seeds of a cell's block. No setting was chosen on them."""
    few = agent.startswith('sac') or agent.endswith('-book') or env in [*BOX2D, *NO_PRESET]
    first = NEXT_BLOCKS.get((agent, env), BLOCK)
    return list(range(first, first + (3 if few else 5 if env in CHAPTER else 10)))


def read_reported(file):
    """The rows of a result file that are reported: of every cell its block. The file also keeps the rows of other seeds."""
    rows = report.read_rows(report.RESULTS / file)
    keys = {name: agent for agent, (name, *_) in AGENTS.items()}
    return [row for row in rows if int(row['seed']) in seeds_of(keys[row['agent']], row['env'])]


def reported():
    """The reported rows of learning.csv by cell, {(env, agent): rows}."""
    cells = {}
    for row in read_reported('learning.csv'):
        cells.setdefault((row['env'], row['agent']), []).append(row)
    return cells


def hours_per_step(cells):
    """The hours that a step took in every run, {(agent, env, seed): hours}: the run's time divided by its steps."""
    rows = itertools.chain(*cells.values())
    return {(row['agent'], row['env'], row['seed']): float(row['seconds']) / int(row['steps']) / 3600 for row in rows}


def flags_of(agent, env):
    """The flags of a cell's runs, without --train and --seed."""
    _, _, method = AGENTS[agent]
    flags, episodes = ENVS[env]
    pace = [*HALF_PACE, '--steps', '1000000'] if agent == 'sac' and env in CHAPTER else []
    steps = ['--steps', str(NO_PRESET[env][agent])] if (agent, env) in NO_PRESET_CELLS else []
    tests = ['--test-every', str(between_tests(agent))] if env in CHAPTER else []
    return (*method, *pace, *flags, *steps, '--episodes', str(episodes), *tests)


def between_tests(agent):
    """The number of steps between tests in the chapter's environments."""
    return 25_000 if agent.startswith('sac') else 100_000
