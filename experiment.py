"""Trains agents side by side, with several seeds and variants of their settings, and compares them; here or on a Ray cluster.

    python experiment.py ppo.py trpo.py --seeds 10
    python experiment.py ppo.py --vary clip=0.1,0.2,1000 --vary method=clip,penalty --env CartPole-v1
    python experiment.py ppo.py --search actor_lr=1e-4..1e-2 gamma=0.9..0.999 --trials 50 --seeds 3
    python experiment.py --compare results/ppo results/trpo
    python experiment.py --resume results/ppo+trpo

All other flags, such as --env and --steps, are passed to the agents. The experiment's folder holds each run's files,
results.csv, table.md and curves.png. The command of a run in results.csv gives the same arrays again, bit for bit.
"""

import argparse
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from common import errors
from common.errors import Terminated, UserError, nearest, printable
from common.running import program
from common.running.files import writing
from common.running.folders import check_name
from common.running.provenance import REPOSITORY, commit, version
from common.running.settings import RENAMED
from experiments import plan, results, tools  # noqa: F401 (checks what is installed)

from filelock import FileLock, Timeout

FIRST_FRESH = 100  # the first seed of the comparison after a search
SECONDS = 20  # the time in which a cluster must answer
OF_RESUME = 'resume', 'address', 'cores', 'seeds'  # options allowed with --resume


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(message)


@errors.naming_flags()
def parse(argv):
    """Reads this program's options; `flags` are the words left for the agents. UserError if options do not fit together."""
    parser = _Parser(
        usage='%(prog)s AGENT.py [AGENT.py ...] [options] [flags for the agents]',
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument('--version', action='version', version=f'%(prog)s {version()}', help="show this project's version")
    parser.add_argument('--seeds', metavar='N', help='a number of seeds, as 10, or a range, as 100..109; default 5')
    parser.add_argument(
        '--vary', metavar='NAME=A,B', action='append', help='a setting, env or engine, and its values; several make a grid'
    )
    parser.add_argument(
        '--search',
        metavar='NAME=LOW..HIGH',
        nargs='+',
        help='settings to tune, each with a range; the best are then compared with the preset',
    )
    parser.add_argument(
        '--trials', type=int, metavar='N', help='number of trials, default 50; each trains on all --seeds, default 3'
    )
    parser.add_argument(
        '--fresh', type=int, metavar='N', help='number of seeds in the final comparison, numbered from 100; default 10'
    )
    parser.add_argument('--compare', metavar='DIR', nargs='+', help='train nothing; compare finished experiments')
    parser.add_argument('--resume', metavar='DIR', help='continue an interrupted experiment; --seeds adds seeds')
    parser.add_argument('--name', help='name of the experiment, default its agents and settings; if taken, it gets a number')
    parser.add_argument(
        '--storage', metavar='DIR', help='folder for experiments, default results/; on a cluster, one that all machines share'
    )
    parser.add_argument(
        '--address', metavar='HOST:PORT', help='a Ray cluster whose machines all see --storage; default this machine'
    )
    parser.add_argument(
        '--cores', type=int, metavar='N', help='number of runs side by side on this machine, default one per core'
    )
    scripts = list(itertools.takewhile(lambda word: not word.startswith('-'), argv))
    options, options.flags = parser.parse_known_args(argv[len(scripts) :])
    options.scripts = scripts
    if options.cores is not None and options.cores < 1:
        raise UserError(f'--cores {options.cores} is out of range: it must be at least 1')
    for name in ('trials', 'fresh'):
        if getattr(options, name) is not None and not options.search:
            raise UserError(f'--{name} goes with --search')
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise UserError(f'--{name} {getattr(options, name)} is out of range: it must be at least 1')
    if options.search and (len(scripts) != 1 or options.vary):
        raise UserError('--search takes one agent and no --vary: type python experiment.py ppo.py --search ...')
    if options.cores and options.address:
        raise UserError('--cores is for this machine; leave it out with --address')
    if options.address and not (options.storage or options.resume):
        raise UserError('--address goes with --storage: a folder that all machines of the cluster share')
    check_name(options.name)
    return options


@errors.naming_flags()
def main(argv=None):
    """Starts, resumes or compares experiments, as the command line asks; returns whether every run succeeded.

    SIGTERM does what Ctrl-C does, and then raises Terminated.
    """
    received = []

    def on_sigterm(number, frame):
        received.append(number)
        on_interrupt = signal.getsignal(signal.SIGINT)
        (on_interrupt if callable(on_interrupt) else signal.default_int_handler)(signal.SIGINT, frame)

    before = signal.signal(signal.SIGTERM, on_sigterm)
    try:
        return _main(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        if received:
            raise Terminated from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _main(argv):
    options = parse(argv)
    if options.compare:
        check_alone('--compare', options, ('compare', 'name', 'storage'))
        return compare(options)
    if options.address:
        check_address(options.address)
    if options.resume:
        named = take_names(options)
        check_alone('--resume', options, OF_RESUME)
        folder = Path(options.resume).resolve()
        before = plan.read(folder)
        check_named(named, before, folder)
        experiment = more_seeds(before, options.seeds) if options.seeds else before
        experiment.variants()
        if experiment != before:
            experiment.save(folder)
    else:
        if not options.scripts:
            raise UserError('name the agents first: python experiment.py ppo.py --seeds 5; --help lists the options')
        experiment = new_experiment(options, plan.typed(['python', 'experiment.py', *argv]))
        folder = new_folder(options.storage, options.name or name_of(experiment))
        experiment.save(folder)
    return conduct(experiment, folder, options)


def new_experiment(options, command):
    """The experiment that the options describe, checked. The comparison after a search has seeds of its own."""
    seeds = plan.parse_seeds(options.seeds or ('3' if options.search else '5'))
    experiment = plan.Experiment(options.scripts, options.flags, options.vary or [], seeds, command, commit(), os.getcwd())
    plan.check_different(experiment.variants())
    if options.search:
        from experiments.search import parse

        parse(options.search, options.scripts[0], options.flags)
        first = max(FIRST_FRESH, seeds[-1] + 1)
        fresh = plan.parse_seeds(f'{first}..{first + (options.fresh or 10) - 1}')
        search = dict(ranges=options.search, trials=options.trials or 50, seeds=seeds)
        experiment = replace(experiment, seeds=fresh, search=search)
    return experiment


def take_names(options):
    """Removes the agents and every --env from the options; returns (agents, ['--env', ID, ...])."""
    agents, options.scripts, envs = options.scripts, [], []
    while '--env' in options.flags[:-1]:
        i = options.flags.index('--env')
        envs += options.flags[i : i + 2]
        del options.flags[i : i + 2]
    return agents, envs


def check_named(named, experiment, folder):
    """Raises UserError unless `named` has exactly the experiment's agents and environments from outside this project.

    The folder may come from somebody else, and resuming would run their code. So you name the code that you trust. The program
    then changes to the folder in which the experiment was started, to find that code.
    """
    wanted = experiment.foreign()
    if {*wanted[0]} - {*named[0]} or {*wanted[1]} - {*named[1]}:
        names, how = ' and '.join([*wanted[0], *wanted[1][1::2]]), experiment.how_to_resume(folder)
        raise UserError(f'{folder} runs {names}, which is not part of this project; if you trust it, type {how}')
    more = [word for words, others in zip(named, wanted, strict=True) for word in words if word not in others]
    if more:
        raise UserError(f'{more[0]} does not go with --resume: the experiment has its own agents and settings; leave it out')
    if any(wanted) and Path(experiment.cwd or '.').is_dir():
        os.chdir(experiment.cwd or '.')


def check_alone(flag, options, may):
    """Raises UserError if an option does not go with `flag`; only those in `may` do."""
    said = [f'--{name}' for name, value in vars(options).items() if value and name not in (*may, 'flags', 'scripts')]
    said += [*options.scripts, *options.flags]
    if said:
        close = '' if said[0] in plan.OWN_FLAGS else nearest(said[0], plan.OWN_FLAGS)
        raise UserError(
            f'{said[0]} does not go with {flag}: an experiment has its own agents and settings; leave it out{close}'
        )


def more_seeds(experiment, text):
    """The experiment with more seeds; after a search N means N fresh seeds. UserError if the search used one of them."""
    seeds = plan.parse_seeds(text)
    if experiment.search:
        if text.isdecimal():
            seeds = [experiment.seeds[0] + seed for seed in seeds]
        used = sorted({*seeds} & {*experiment.search['seeds']})
        if used:
            raise UserError(f'--seeds {text}: the search already used seed {used[0]}; choose other seeds, such as 110..119')
    seeds = sorted({*experiment.seeds, *seeds})
    return replace(experiment, seeds=seeds, command=f'{experiment.command}  # and --resume with --seeds {text}')


def check_address(address):
    """Raises UserError if no healthy Ray cluster of this version answers at HOST:PORT within SECONDS."""
    host, _, port = address.rpartition(':')
    if not (host and port.isascii() and port.isdecimal()):
        raise UserError(f'--address {address} is not an address: give host and port, such as 10.0.0.1:6379')
    advice, until = 'ray start --head starts one', time.monotonic() + SECONDS
    asking = [sys.executable, '-m', 'ray.scripts.scripts', 'health-check', '--address', address]
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS).close()
        asked = subprocess.run(asking, capture_output=True, text=True, timeout=max(0.1, until - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise UserError(f'no cluster answers within {SECONDS} s at --address {address}; {advice}') from None
    except (OSError, OverflowError, UnicodeError) as error:
        raise UserError(f'no cluster answers at --address {address} ({error}); {advice}') from error
    if asked.returncode:
        said = (asked.stderr or asked.stdout).strip().splitlines()[-1:] or ['it is not healthy']
        raise UserError(f'--address {address} answers, but it is not a cluster that can be used ({said[0]}); {advice}')


def name_of(experiment):
    """The default name of an experiment: its agents, and the settings that it varies or searches."""
    varied = [entry.partition('=')[0].strip() for entry in (experiment.search or dict(ranges=experiment.vary))['ranges']]
    return ','.join(['+'.join(Path(script).stem for script in experiment.scripts), *varied])


def new_folder(storage, name):
    """Creates the folder of a new experiment; if the name is taken, adds a number. UserError if it cannot be written."""
    root = Path(storage or REPOSITORY / 'results').resolve()
    for number in itertools.count(1):
        folder = root / (name if number == 1 else f'{name}-{number}')
        with writing(folder):
            root.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
        return folder


def conduct(experiment, folder, options):
    """Searches, trains the runs that are not finished, and writes the results; returns whether every run succeeded.

    UserError if another process is running this experiment.
    """
    held = FileLock(folder / '.lock')
    with writing(folder):
        try:
            held.acquire(timeout=0)
        except Timeout:
            raise UserError(f'another process is running the experiment in {folder}: wait until it ends') from None
    with held:
        return _conduct(experiment, folder, options)


def _conduct(experiment, folder, options):
    title, cores = f'`{experiment.command}`', None
    if experiment.search and not experiment.points:
        cores = start(options, experiment.search['trials'])
        experiment = search(experiment, folder)
    experiment.save(folder)  # adds the variants if an earlier version left them out
    jobs, rows = experiment.jobs(folder), {}
    if experiment.points:
        title += f'\n\nThe best settings found: `{jobs[1].variant.command(jobs[1].seed)}`'
    for job in jobs:
        record = results.record_of(job)
        if record:
            rows[job] = results.row_of(job, record)
    left = [job for job in jobs if job not in rows]
    print(f'{len(jobs)} runs, {len(rows)} already finished; {folder}', flush=True)
    if left:
        train(left, rows, len(jobs), folder, cores or start(options, len(left)))
    return tell(folder, [rows[job] for job in jobs], jobs, title)


def start(options, runs):
    """Starts Ray for up to `runs` runs, or joins a cluster; returns how many runs fit side by side."""
    from experiments import schedule

    fewer = options.address is None and runs < (options.cores or os.cpu_count())
    return schedule.start(options.address, runs if fewer else options.cores)


def search(experiment, folder):
    """Runs the search; returns the experiment with the two variants to compare, the preset and the best settings."""
    from experiments.search import search

    print(f'{experiment.search["trials"]} trials; {folder}', flush=True)
    try:
        best, score = search(experiment, folder)
    except KeyboardInterrupt:
        print(goes_on(folder), flush=True)
        raise
    experiment = replace(experiment, points=[{}, best])
    experiment.save(folder)
    trials, seeds = experiment.search['trials'], experiment.search['seeds']
    print(
        f'best of {trials} trials: score {score:.2f}, mean of {len(seeds)} seeds: {experiment.variants()[1].command(seeds[0])}'
    )
    return experiment


def goes_on(folder):
    """The message after an interruption: what to type to continue."""
    return f'Interrupted; to continue, type {plan.read(folder).how_to_resume(folder)}'


def train(left, rows, count, folder, cores):
    """Trains the jobs of `left` on Ray. As each ends, adds its row to `rows`, {job: row}, and writes results.csv."""
    from experiments import schedule
    from experiments.display import Display

    began = time.monotonic()
    steps = {variant: variant.parse()[1].steps for variant in {job.variant for job in left}}
    display = Display(left, [steps[job.variant] for job in left], cores)

    def on_end(job, error):
        record = None if error else soon(lambda: results.record_of(job))
        if not record:
            error = error or f'its files in {job.folder} are missing or damaged'
        rows[job] = row = results.row_of(job, record, error)
        results.write_rows(folder / 'results.csv', list(rows.values()))
        came_to = f'failed: {row["error"]}; its command: {row["command"]}'
        if not row['error']:
            steps, seconds = record['steps'], record['seconds']
            speed = f'{steps:,} steps in {seconds:.1f} s ({steps / max(seconds, 1e-9):,.0f} steps/s)'
            came_to = f'return {row["mean_return"]:.2f} | {speed}'
        display.say(f'{job} | {came_to} | {len(rows)} of {count} runs | {display.time_left()}')

    try:
        schedule.train_all(left, folder, display, on_end)
    except (KeyboardInterrupt, UserError):
        print(goes_on(folder), flush=True)
        raise
    finally:
        display.close()
    print(f'{len(left)} runs in {time.monotonic() - began:.1f} s, {cores} side by side')


def soon(look, seconds=10):
    """Repeats `look` until it finds something or time is up: files may appear late on a shared folder."""
    until = time.monotonic() + seconds
    found = look()
    while not found and time.monotonic() < until:
        time.sleep(0.2)
        found = look()
    return found


def tell(folder, rows, jobs, title):
    """Writes results.csv, table.md and curves.png and prints the table; returns whether every run succeeded."""
    from experiments import report

    results.write_rows(folder / 'results.csv', rows)
    said = report.write(folder, rows, jobs, title)
    curves = ', curves.png' if Path(folder, 'curves.png').exists() else ''
    print(f'\n{said}\n{folder}: results.csv, table.md{curves}')
    failed = [row for row in rows if row['error']]
    for row in failed:
        print(f'failed: {row["command"]}: {row["error"]}', file=sys.stderr)
    return not failed


def compare(options):
    """Compares finished experiments in a new folder; returns whether all their runs have succeeded."""
    groups, whole = {}, True
    for folder in dict.fromkeys(Path(name).resolve() for name in options.compare):
        jobs = plan.recorded_jobs(folder)
        done = [(job, record) for job in jobs if (record := results.record_of(job))]
        if len(done) < len(jobs):
            whole = False
            print(f'{folder}: {len(done)} of {len(jobs)} runs are finished, the others are left out', file=sys.stderr)
        for job, record in done:
            groups.setdefault((folder, job.variant), []).append((job, record))
    if not groups:
        raise UserError(f'{", ".join(options.compare)} have no finished runs to compare')
    rows, jobs = [], []
    for ((folder, variant), done), label in zip(groups.items(), labels(groups), strict=True):
        for job, record in done:
            jobs.append(replace(job, variant=replace(variant, label=label)))
            rows.append(results.row_of(jobs[-1], record) | dict(experiment=str(folder)))
    folder = new_folder(options.storage, options.name or ' and '.join(dict.fromkeys(path.name for path, _ in groups)))
    return tell(folder, rows, jobs, f'`{plan.typed(["python", "experiment.py", "--compare", *options.compare])}`') and whole


def labels(groups):
    """Labels naming the settings in which `groups`, {(folder, variant): [(job, record), ...]}, in one environment differ."""
    found = []
    records = [done[0][1] | dict(env=variant.env) for (_, variant), done in groups.items()]
    for record in records:
        settings = {RENAMED.get(name, name): value for name, value in record['settings'].items()}
        record['settings'] = settings | dict(engine=record['engine'])
    for record in records:
        rivals = [other for other in records if other['env'] == record['env']]
        same_algorithm = [other['settings'] for other in rivals if other['algorithm'] == record['algorithm']]
        parts = [printable(record['algorithm'])] if len(same_algorithm) < len(rivals) else []
        for setting, value in record['settings'].items():
            if any(other.get(setting) != value for other in same_algorithm):
                parts.append(printable(f'{setting}={value}'))
        found.append(', '.join(parts) or printable(record['algorithm']))
    for name in (lambda folder, _: folder.name, lambda _, variant: variant.label, lambda folder, _: folder):
        places = [(record['env'], label) for record, label in zip(records, found, strict=True)]
        found = [
            f'{name(*group)}: {label}' if places.count(place) > 1 else label
            for group, place, label in zip(groups, places, found, strict=True)
        ]
    return found


if __name__ == '__main__':
    program.run(lambda: sys.exit(None if main() else 1))
