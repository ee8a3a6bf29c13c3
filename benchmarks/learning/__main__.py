"""Trains every agent in every environment over seeds, and writes the READMEs' matrix and the companion's figures.

    make learning   or   python -m benchmarks.learning --agents ppo trpo --envs Pendulum-v1 --seeds 0 1 2 3 4

Every result has its command next to it. A run evaluates its final agent greedily. Over seeds the tables give the worst seed and
the interquartile mean with its 95% bootstrap interval (Agarwal et al., 2021), or with the range where there are fewer than ten.

A run's results are written as soon as it ends, and replace those of an earlier run of the same agent, environment and seed. Its
files stay under results/learning/: --resume continues interrupted runs from there, and benchmarks.learning.pretrained takes the
agents that ship from there.
"""

from benchmarks import command_line, report
from benchmarks.learning import cells, figures, runs, tables


def write_report():
    """Writes both READMEs' matrix, and the figures, from the result files."""
    report.put('matrix', *tables.matrix(cells.reported()))
    figures.draw_all()


def main(argv=None):
    """The command line."""
    parser = command_line.Parser(__doc__)
    agents = [*cells.AGENTS, 'minimal']
    parser.add_argument('--agents', nargs='+', choices=agents, default=agents, help='default all')
    parser.add_argument('--envs', nargs='+', choices=cells.ENVS, default=list(cells.ENVS), help='default all')
    parser.add_argument('--seeds', nargs='+', type=int, metavar='N', help='default the seeds that are reported')
    parser.add_argument('--jobs', type=int, default=1, metavar='N', help='number of runs at the same time, default 1')
    parser.add_argument('--resume', action='store_true', help='continue the runs under results/learning/')
    parser.add_argument(
        '--report-only', action='store_true', help='write matrix and figures from the result files, train nothing'
    )
    args = parser.parse_args(argv)
    if not args.report_only:
        chosen = [(agent, env) for agent, env in cells.CELLS if agent in args.agents and env in args.envs]
        todo = [(agent, env, seed) for agent, env in chosen for seed in args.seeds or cells.seeds_of(agent, env)]
        if todo:
            runs.train(todo, max(1, args.jobs), args.resume)
        if 'minimal' in args.agents:
            report.write_rows(report.RESULTS / 'minimal.csv', [runs.minimal([]), runs.minimal(['--baseline', '0.1'])])
    write_report()


if __name__ == '__main__':
    command_line.run(main)
