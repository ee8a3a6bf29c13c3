"""Whether another commit trains as fast as this checkout.

    python -m benchmarks.same_speed COMMIT
    python -m benchmarks.same_speed COMMIT --repeats 7 --only SAC

Run it after a change of structure. It trains every case below with the commit's files and with the files here, one run after
the other, and repeats that. COMMIT may also be a folder that holds another checkout.

Each case has two rows of medians. Steps per second are those between the first and the last line that a run prints, because
the first line comes after compilation; they need an idle machine. CPU seconds are those of the whole command, compilation
included; other programs change them little. The ratio is here to there, with the lowest and the highest behind it.
"""

import os
import re
import statistics
import tempfile
from pathlib import Path

from benchmarks.same_bits import HERE, Case, checkout, chosen, parser_of, train

PPO = 'ppo.py --train --engine envpool --rollout-steps 2048 --minibatch-size 256'
CASES = [
    Case('PPO Pendulum-v1, 16 environments', f'{PPO} --num-envs 16 --steps 300000'),
    Case('PPO Pendulum-v1, 64 environments', f'{PPO} --num-envs 64 --steps 300000'),
    Case('TRPO Pendulum-v1, 16 environments', 'trpo.py --train --engine envpool --steps 150000'),
    Case('A2C Pendulum-v1, 16 environments', 'a2c.py --train --engine envpool --steps 200000'),
    Case('ACKTR Pendulum-v1, 16 environments', 'acktr.py --train --engine envpool --steps 150000'),
    Case('SAC Pendulum-v1, 1 environment', 'sac.py --train --engine gymnasium --steps 3000 --start-steps 500'),
]


def speed_of(printed):
    """Steps per second between the first and the last line of a training run; ValueError if there are fewer than two."""
    lines = re.findall(r'Running Time: ([\d.]+) \| Steps: ([\d,]+)/', printed)
    points = [(float(seconds), int(steps.replace(',', ''))) for seconds, steps in lines]
    if len(points) < 2:
        raise ValueError('the run printed fewer than two lines with its time and steps: give it more steps')
    (first, done), (last, total) = points[0], points[-1]
    return (total - done) / (last - first)


def measure(root, one):
    """Steps per second of a case in a checkout, and the CPU seconds of the command."""
    with tempfile.TemporaryDirectory() as temporary:
        before = os.times()
        printed = train(root, f'{one.command} --episodes 1', Path(temporary, 'out'))
        after = os.times()
    user, system = (getattr(after, name) - getattr(before, name) for name in ('children_user', 'children_system'))
    return speed_of(printed), user + system


def summary(there, here):
    """The medians and the ratios of numbers measured in turn, as a text."""
    ratios = [ours / theirs for theirs, ours in zip(there, here, strict=True)]
    medians = f'{statistics.median(there):10,.5g} {statistics.median(here):10,.5g}'
    return f'{medians} {statistics.median(ratios):7.3f} ({min(ratios):.3f} to {max(ratios):.3f})'


def main(argv=None):
    parser = parser_of(__doc__)
    parser.add_argument('--repeats', type=int, default=5, metavar='N', help='runs of each case on each side, default 5')
    args = parser.parse_args(argv)
    cases = chosen(parser, CASES, args.only)
    width = max(len(one.name) for one in cases)
    try:
        with checkout(args.commit) as (there, _):
            print(f'{"case":{width}} {"unit":7} {"there":>10} {"here":>10} {"ratio":>7}')
            for one in cases:
                theirs, ours = [], []
                for repeat in range(args.repeats):
                    sides = (there, theirs), (HERE, ours)
                    for root, found in sides if repeat % 2 else reversed(sides):  # neither side is always the first
                        found.append(measure(root, one))
                for column, unit in enumerate(('steps/s', 'CPU s')):
                    said = summary([row[column] for row in theirs], [row[column] for row in ours])
                    print(f'{one.name:{width}} {unit:7} {said}', flush=True)
    except (ValueError, RuntimeError) as error:
        parser.error(str(error))


if __name__ == '__main__':
    main()
