"""Whether another commit trains the same agents as this checkout, bit for bit.

    python -m benchmarks.same_bits COMMIT
    python -m benchmarks.same_bits COMMIT --only "TRPO*CartPole"

Run it after a change of structure. It trains every case below with the commit's files and with the files here, and compares
the arrays of the agent files and the returns of the episodes. COMMIT may also be a folder that holds another checkout.

Some cases are also resumed: their first checkpoint is copied to a folder of its own, where a second run goes on from it. The
copy is all that an interrupted run leaves behind. The resumed run must match the uninterrupted one. `--only resumed` takes
these cases alone; they are a quick check, since every agent and both engines are among them.

The cases use only the command line, so both sides may have different modules. The commit's digests are kept in the
temporary folder for the next time. Exit code 1 if anything differs or a run fails.
"""

import argparse
import contextlib
import fnmatch
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent.parent
CACHE = Path(tempfile.gettempdir()) / 'same-bits.json'  # {what was trained with what: digests}
RECORD = 'record.json'  # the text among the arrays of an agent file, which holds the commit and the time
AGENT, CHECKPOINT, RETURNS = 'model/*/run/agent.npz', 'model/*/run/checkpoint.npz', 'image/*/run.csv'  # of a run
PACKAGES = ('tensorflow', 'keras', 'keras-nightly', 'tensorlayer', 'numpy', 'gymnasium', 'envpool', 'mujoco')
JOBS = 2  # runs side by side


class Case(NamedTuple):
    """One training: its name, its command line, and the steps between checkpoints if it is also resumed."""

    name: str
    command: str
    save_every: int = 0


COMMANDS = {
    'PPO-Clip': 'ppo.py --train --method clip',
    'PPO-Penalty': 'ppo.py --train --method penalty',
    'TRPO': 'trpo.py --train',
    'A2C': 'a2c.py --train',
    'ACKTR': 'acktr.py --train',
    'SAC': 'sac.py --train',
}


def case(agent, env, engine, flags, save_every=0):
    """A case, with a name of its parts."""
    name = f'{agent} {env} {engine}' + ' book' * ('--book' in flags)
    return Case(name, f'{COMMANDS[agent]} --env {env} --engine {engine} --episodes 1 --name run {flags}', save_every)


FEW = '--steps 8192 --rollout-steps 1024 --num-envs 16'  # each environment ends a Pendulum episode that is counted
SMALL = '--steps 8000 --rollout-steps 80 --num-envs 16'
SHORT = '--critic-iters 2'  # compiles three times as fast as the preset
# 16 environments of CartPole are recreated after 6000 steps each; the first checkpoint comes after that.
RECREATED = '--steps 122880 --rollout-steps 4096 --num-envs 16 --minibatch-size 1024 --epochs 1', 100_000
CHEETAH = '--steps 8192 --rollout-steps 2048 --num-envs 4 --seed 1'  # its episodes have 1000 steps
LAKE = '--steps 8192 --rollout-steps 1024 --num-envs 16 --seed 2'
SAC_PENDULUM = '--steps 1280 --start-steps 768 --num-envs 4'
SAC_CHEETAH = '--steps 4096 --start-steps 3968 --num-envs 4 --seed 1'

CASES = [
    case('PPO-Clip', 'Pendulum-v1', 'envpool', FEW),
    case('PPO-Clip', 'Pendulum-v1', 'gymnasium', FEW),
    case('PPO-Clip', 'Pendulum-v1', 'gymnasium', '--book --steps 2048'),
    case('PPO-Clip', 'CartPole-v1', 'envpool', *RECREATED),
    case('PPO-Clip', 'CartPole-v1', 'gymnasium', *RECREATED),
    case('PPO-Clip', 'HalfCheetah-v4', 'envpool', CHEETAH),
    case('PPO-Clip', 'FrozenLake-v1', 'envpool', LAKE),
    case('PPO-Penalty', 'Pendulum-v1', 'envpool', FEW),
    case('PPO-Penalty', 'Pendulum-v1', 'gymnasium', FEW, 3000),
    case('PPO-Penalty', 'CartPole-v1', 'envpool', FEW),
    case('PPO-Penalty', 'CartPole-v1', 'gymnasium', FEW),
    case('PPO-Penalty', 'HalfCheetah-v4', 'gymnasium', CHEETAH),
    case('PPO-Penalty', 'FrozenLake-v1', 'gymnasium', f'{LAKE} --env-arg is_slippery=false'),
    case('TRPO', 'Pendulum-v1', 'envpool', FEW, 3000),
    case('TRPO', 'Pendulum-v1', 'gymnasium', FEW),
    case('TRPO', 'Pendulum-v1', 'gymnasium', '--book --steps 2048'),
    case('TRPO', 'CartPole-v1', 'envpool', FEW),
    case('TRPO', 'CartPole-v1', 'gymnasium', FEW),
    case('TRPO', 'HalfCheetah-v4', 'envpool', CHEETAH),
    case('TRPO', 'FrozenLake-v1', 'gymnasium', LAKE),
    case('A2C', 'Pendulum-v1', 'envpool', SMALL),
    case('A2C', 'Pendulum-v1', 'gymnasium', SMALL),
    case('A2C', 'CartPole-v1', 'envpool', SMALL),
    case('A2C', 'CartPole-v1', 'gymnasium', SMALL, 2000),
    case('A2C', 'HalfCheetah-v4', 'gymnasium', CHEETAH),
    case('A2C', 'Acrobot-v1', 'envpool', FEW),  # has no preset of its own
    case('ACKTR', 'Pendulum-v1', 'envpool', f'{FEW} {SHORT}'),
    case('ACKTR', 'Pendulum-v1', 'gymnasium', FEW),
    case('ACKTR', 'CartPole-v1', 'envpool', f'{FEW} {SHORT}'),
    case('ACKTR', 'CartPole-v1', 'gymnasium', f'{FEW} {SHORT}'),
    case('ACKTR', 'HalfCheetah-v4', 'envpool', f'{CHEETAH} {SHORT}', 2000),
    case('SAC', 'Pendulum-v1', 'envpool', SAC_PENDULUM),
    case('SAC', 'Pendulum-v1', 'gymnasium', SAC_PENDULUM, 1000),
    case('SAC', 'HalfCheetah-v4', 'gymnasium', SAC_CHEETAH),
]


@contextlib.contextmanager
def checkout(what):
    """A commit's files in a temporary git worktree; yields its folder and its full hash.

    For a folder with a checkout it yields the folder and '': its files may change. ValueError if `what` is neither.
    """
    if (Path(what) / 'ppo.py').exists():
        yield Path(what).resolve(), ''
        return
    commit = git('rev-parse', '--verify', '--quiet', '--end-of-options', f'{what}^{{commit}}', check=False)
    if not commit:
        raise ValueError(f'{what} is neither a commit nor a folder with ppo.py in it')
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, 'there').resolve()
        git('worktree', 'add', '--quiet', '--detach', folder, commit)
        try:
            yield folder, commit
        finally:
            git('worktree', 'remove', '--force', folder)


def git(*words, check=True):
    """What a git command prints in this repository."""
    return subprocess.run(['git', '-C', HERE, *words], stdout=subprocess.PIPE, text=True, check=check).stdout.strip()


def train(root, command, out, copy_to=None):
    """Runs a training command in a checkout, with its files under `out`; returns what it prints.

    With `copy_to`, a folder like `out`, the first checkpoint is copied there while the run goes on. RuntimeError with the
    last line that was printed if the run fails.
    """
    out.mkdir(exist_ok=True)
    words = [sys.executable, *command.split(), '--out', out]
    variables = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    with open(out / 'printed.txt', 'w+', encoding='utf-8') as printed:
        with subprocess.Popen(words, cwd=root, env=variables, stdout=printed, stderr=subprocess.STDOUT) as process:
            while copy_to and process.poll() is None:
                for path in out.glob(CHECKPOINT):
                    copy = copy_to / path.relative_to(out)
                    copy.parent.mkdir(parents=True)
                    shutil.copyfile(path, copy)
                    copy_to = None
                time.sleep(0.005)
        printed.seek(0)
        lines = printed.read()
    if process.returncode:
        raise RuntimeError((lines.strip().splitlines() or ['it printed nothing'])[-1])
    return lines


def steps_of(path):
    """The steps that the agent of an agent file or checkpoint has taken."""
    with np.load(path, allow_pickle=False) as file:
        return json.loads(file[RECORD].tobytes())['steps']


def digest_of(arrays):
    """A short digest of arrays by name: it changes with any bit, name, shape or type, not with the order of the names."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f'{name} {array.dtype.str} {array.shape}\n'.encode())
        found.update(array.tobytes())
    return found.hexdigest()[:12]


def only(out, pattern):
    """The only file under `out` of that pattern; RuntimeError if there is none or more."""
    found = list(out.glob(pattern))
    if len(found) != 1:
        raise RuntimeError(f'the run left {len(found)} files {pattern}, not one')
    return found[0]


def digests_of(out):
    """The digests of the run under `out`: of its agent's arrays and of its returns, one text."""
    with np.load(only(out, AGENT), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != RECORD}
    return f'{digest_of(arrays)} {hashlib.sha256(only(out, RETURNS).read_bytes()).hexdigest()[:12]}'


def outcome(root, one):
    """The digests of a case in a checkout: of the run, and of the resumed run if there is one. RuntimeError if one fails."""
    with tempfile.TemporaryDirectory() as temporary:
        whole, resumed = Path(temporary, 'whole'), Path(temporary, 'resumed')
        if not one.save_every:
            train(root, one.command, whole)
            return [digests_of(whole)]
        command = f'{one.command} --save-every {one.save_every}'
        train(root, command, whole, copy_to=resumed)
        checkpoints = list(resumed.glob(CHECKPOINT))
        if not checkpoints or steps_of(checkpoints[0]) >= steps_of(only(whole, AGENT)):
            raise RuntimeError('the run ended before a checkpoint was copied: give it more steps')
        train(root, f'{command} --resume', resumed)
        return [digests_of(whole), digests_of(resumed)]


def verdict(there, here, whole=None):
    """What two digests say, one from each checkout; `whole` is that of the uninterrupted run, if these are of resumed ones."""
    if there != here:
        return f'DIFFERENT here: {here}'
    return 'equal' if whole in (None, here) else f'DIFFERENT from the uninterrupted run: {whole}'


def rows_of(one, there, here):
    """The rows of a case, (name, digests, verdict), from the outcome in each checkout; a text instead says why it failed."""
    failed = [f'FAILED {place}: {found}' for place, found in (('there', there), ('here', here)) if isinstance(found, str)]
    if failed:
        return [(one.name, '', '; '.join(failed))]
    rows = [(one.name, there[0], verdict(there[0], here[0]))]
    if one.save_every:
        rows.append((f'{one.name} resumed', there[1], verdict(there[1], here[1], here[0])))
    return rows


def compare(cases, there, here, known=None):
    """Runs the cases in two checkouts, a few at a time; yields each case, its outcome in both, and its rows.

    `known` maps cases to outcomes `there` that need no run.
    """
    known = known or {}

    def tried(root, one):
        try:
            return outcome(root, one)
        except RuntimeError as error:
            return str(error)

    pool = ThreadPoolExecutor(JOBS)
    try:
        started = [(None if one in known else pool.submit(tried, there, one), pool.submit(tried, here, one)) for one in cases]
        for one, (first, second) in zip(cases, started, strict=True):
            found = known[one] if first is None else first.result()
            yield one, found, rows_of(one, found, second.result())
    finally:
        pool.shutdown(cancel_futures=True)


def versions():
    """The versions of the packages that shape a training, as a text."""
    return ' '.join(
        f'{one.name} {one.version}' for name in PACKAGES for one in importlib.metadata.Distribution.discover(name=name)
    )


def read_cache():
    """The digests that were kept; none if there is no file."""
    return json.loads(CACHE.read_text(encoding='utf-8')) if CACHE.exists() else {}


def keep(key, found):
    """Adds digests to those that are kept."""
    partial = CACHE.with_suffix(f'.{os.getpid()}')
    partial.write_text(json.dumps(read_cache() | {key: found}, indent=1), encoding='utf-8')
    partial.replace(CACHE)


def parser_of(description):
    """The command line of a comparison with another commit."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('commit', metavar='COMMIT', help='the other side: a commit, or a folder with a checkout')
    parser.add_argument('--only', metavar='PATTERN', default='', help='cases with this in their name; * matches any text')
    return parser


def chosen(parser, cases, pattern):
    """The cases whose name contains a pattern, in upper or lower case; ends the program if there are none."""
    names = {one: one.name + ' resumed' * bool(one.save_every) for one in cases}
    found = [one for one, name in names.items() if fnmatch.fnmatchcase(name.lower(), f'*{pattern.lower()}*')]
    if not found:
        parser.error(f'--only {pattern} names no case; the names are {", ".join(names.values())}')
    return found


def main(argv=None):
    parser = parser_of(__doc__)
    args = parser.parse_args(argv)
    cases = chosen(parser, CASES, args.only)
    verdicts, width = [], max(len(one.name) for one in cases) + len(' resumed')
    try:
        with checkout(args.commit) as (there, commit):
            keys = {one: f'{commit} {sys.executable} {versions()} {one.command} {one.save_every}' for one in cases}
            kept = read_cache() if commit else {}
            known = {one: kept[key] for one, key in keys.items() if key in kept}
            print(f'{"case":{width}}  {"agent":12} {"returns":12}  verdict')
            for one, found, rows in compare(cases, there, HERE, known):
                if commit and not isinstance(found, str):
                    keep(keys[one], found)
                for name, digests, said in rows:
                    print(f'{name:{width}}  {digests:25}  {said}', flush=True)
                    verdicts.append(said)
    except ValueError as error:
        parser.error(str(error))
    bad = sum(said != 'equal' for said in verdicts)
    print(f'{len(verdicts) - bad} of {len(verdicts)} equal')
    return bool(bad)


if __name__ == '__main__':
    sys.exit(main())
