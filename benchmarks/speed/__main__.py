"""Measures training speed, compared with other libraries and with the book's listings; writes what the READMEs claim.

    make bench   or   python -m benchmarks.speed --repeats 5

Run it on an idle machine. All sides take turns in one run. Each trains for real: it acts, learns and logs. This project also
writes checkpoints, and normalises states and rewards on HalfCheetah and, for TRPO, on Pendulum. Measuring starts after the
first batches, when compilation is done. All sides have the same networks, batches and numbers of updates: a row's schedule
names them.

By default this project steps EnvPool's environments, and the peers step Gymnasium's one after the other in one process, which
is faster here than a process for each. This project is also measured with Gymnasium's environments, for a comparison with the
same engine. PureJaxRL compiles its own environment into its program. Each peer is first measured with one thread and with two;
the faster number is then used.

listing.py does the work of the book's listings. It is compared with this project under the book's settings, and with the speed
that the default commands print when they end, compilation included. The last measurements are the environments alone, the whole
default and book commands, and 10,000 episodes of the minimal Gaussian agent.
"""

import os

from benchmarks import command_line, report
from benchmarks.speed import measuring, tables
from benchmarks.speed.cells import MEASUREMENTS


def write_report():
    """Writes what both READMEs claim, from the result file."""
    report.put('speed-claim', *tables.texts(report.read_rows(measuring.RESULTS))['speed-claim'])


def main(argv=None):
    """The command line."""
    parser = command_line.Parser(__doc__)
    parser.add_argument('--repeats', type=int, default=3, metavar='N', help='how often everything is measured, default 3')
    parser.add_argument(
        '--report-only', action='store_true', help="write the READMEs' claim from the result file, measure nothing"
    )
    parser.add_argument('--only', nargs='+', default=[], metavar='NAME', help='measure only these algorithms or environments')
    args = parser.parse_args(argv)
    if not args.report_only:
        wanted = [one for one in MEASUREMENTS if not args.only or {one.what, one.env} & set(args.only)]
        measuring.write_rows(measuring.measured(wanted, args.only, args.repeats))
        print(f'{os.cpu_count()} cores')
    write_report()


if __name__ == '__main__':
    command_line.run(main)
