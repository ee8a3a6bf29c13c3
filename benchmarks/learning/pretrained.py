"""Ships the agents that the tables report: of each cell the agent of the median seed, with its curve in image/pretrained/.

    make agents   or   python -m benchmarks.learning.pretrained

It takes the agents from results/learning/, where `make learning` leaves them. Where a cell's run is not there, the agent that
ships now stays.
"""

import json

from benchmarks import command_line, report
from benchmarks.learning import runs
from benchmarks.learning.cells import AGENTS, BOX2D_CELLS, CELLS, METHODS, NO_PRESET_CELLS, read_reported

import numpy as np

NOT_SHIPPED = 'FrozenLake-v1, not slippery', 'FrozenLake8x8-v1'
SHIPS = [  # one agent for each method and environment
    (agent, env)
    for agent, env in CELLS
    if AGENTS[agent][0] in METHODS
    and env not in NOT_SHIPPED
    and ((agent, env) in BOX2D_CELLS or (agent, env) not in NO_PRESET_CELLS)
]


def row_that_ships(agent, env):
    """The row of the block's median seed, the upper one of two; None where the result file has no row of the block."""
    name = AGENTS[agent][0]
    rows = [row for row in read_reported('learning.csv') if (row['agent'], row['env']) == (name, env)]
    return sorted(rows, key=lambda row: float(row['mean_return']))[len(rows) // 2] if rows else None


def is_of(path, row):
    """Whether an agent file was written by the run of a row of the result file."""
    with np.load(path) as file:
        record = json.loads(file['record.json'].tobytes())
    return record['commit'] == row['commit'] and record['evaluation']['mean_return'] == float(row['mean_return'])


def main(argv=None):
    """The command line."""
    command_line.Parser(__doc__).parse_args(argv)
    for agent, env in SHIPS:
        row = row_that_ships(agent, env)
        folder = row and runs.folder_of(agent, env, row['seed'])
        path = next(folder.glob('model/*/*/agent.npz'), None) if row else None
        if path is None or not is_of(path, row):
            print(f'{agent} | {env} | not changed: {"seed " + row["seed"] if row else "the block"} was not run here')
            continue
        report.ship(path, folder / 'image' / path.parent.parent.name)
        print(f'{agent} | {env} | ships: seed {row["seed"]}, {float(row["mean_return"]):,.3f}')


if __name__ == '__main__':
    command_line.run(main)
