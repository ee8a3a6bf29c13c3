"""Ships the agents that the tables report, with their curves in image/pretrained/: of each cell the median seed's.

    make agents

It takes them from results/learning/, where `make learning` leaves them, and keeps what ships of cells that were not run there.
"""

import json

import learning
import learning_cells
import numpy as np
import report

NOT_SHIPPED = 'FrozenLake-v1, not slippery', 'FrozenLake8x8-v1'
SHIPS = [  # of a method one agent an environment
    (agent, env)
    for agent, env in learning_cells.CELLS
    if learning_cells.AGENTS[agent][0] in learning_cells.METHODS
    and env not in NOT_SHIPPED
    and ((agent, env) in learning_cells.BOX2D_CELLS or (agent, env) not in learning_cells.NO_PRESET_CELLS)
]


def row_that_ships(agent, env):
    """The row of the result file of the block's median seed, the upper of two; None where the block was not run."""
    name = learning_cells.AGENTS[agent][0]
    rows = [row for row in learning_cells.read_reported('learning.csv') if (row['agent'], row['env']) == (name, env)]
    return sorted(rows, key=lambda row: float(row['mean_return']))[len(rows) // 2] if rows else None


def is_of(path, row):
    """Whether an agent file is of the run that a row of the result file tells of."""
    with np.load(path) as file:
        record = json.loads(file['record.json'].tobytes())
    return record['commit'] == row['commit'] and record['evaluation']['mean_return'] == float(row['mean_return'])


def main():
    for agent, env in SHIPS:
        row = row_that_ships(agent, env)
        folder = row and learning.folder_of(agent, env, row['seed'])
        path = next(folder.glob('model/*/*/agent.npz'), None) if row else None
        if path is None or not is_of(path, row):
            print(f'{agent} | {env} | stays: {"seed " + row["seed"] if row else "the block"} was not run here')
            continue
        report.ship(path, folder / 'image' / path.parent.parent.name)
        print(f'{agent} | {env} | ships: seed {row["seed"]}, {float(row["mean_return"]):,.3f}')


if __name__ == '__main__':
    main()
