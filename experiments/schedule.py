"""Runs on Ray: each a task on its share of the cores, started again elsewhere when its process or its machine is lost.

Every attempt is the agent's own training, which goes on from its last checkpoint, so that a run that was lost ends with the
same bits as one that was not.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path

from common.envs.cores import keep_to
from common.errors import UserError, one_line
from common.running import command_line
from common.running.provenance import REPOSITORY, commit, provenance
from experiments import plan, tools  # noqa: F401 (before Ray)

import ray
import ray._private.worker
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

TRIES = 10  # of a run that is lost again and again before its next checkpoint
PATIENCE = 60  # seconds for runs to save themselves after Ctrl-C
STAYS = ('.git', '.venv*', '/model', '/image', '/results', '/docs', '/tests', '/benchmarks')  # of the project, not for workers


def start(address=None, runs=None):
    """Starts Ray here, for `runs` side by side or one a core, or connects to the cluster at `address`; returns how many run.

    UserError where there is none, or it does not let this machine in.
    """
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    os.environ.setdefault('RAY_worker_niceness', '0')  # runs are as important as if they had been typed
    ray._private.worker.print_to_stdstream = lambda *_, **__: None  # a lost process is told of here, in one line
    quiet = dict(include_dashboard=False) if address is None else {}
    on_sigterm = signal.getsignal(signal.SIGTERM)
    ray._private.ray_constants.ENABLE_RAY_CLUSTER = address is not None  # else nobody but this machine reaches its sockets
    if address is not None:
        quiet['runtime_env'] = dict(working_dir=str(REPOSITORY), excludes=list(STAYS))
    try:
        ray.init(address=address or 'local', num_cpus=runs, log_to_driver=False, logging_level=logging.ERROR, **quiet)
    except Exception as error:  # what takes too long to start is a plain Exception of Ray's
        if address:
            told = f'the cluster at {address} does not let this machine in', 'docs/CLUSTER.md tells how to start one'
        else:
            told = 'Ray does not start', 'on a machine that is very busy try again later'
        raise UserError(f'{told[0]} ({one_line(error)}); {told[1]}') from error
    finally:
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray's own would end the program before the runs have saved themselves
    return max(1, int(ray.cluster_resources().get('CPU', 1)))


class Board:
    """What every run last said of itself, for the driver to read; a Ray actor."""

    def __init__(self):
        self.said = {}

    def put(self, key, *said):
        """Replaces what is known of a run: steps, seconds, recent return."""
        self.said[key] = said

    def take(self):
        """What is new since the last time, by run."""
        said, self.said = self.said, {}
        return said


def work(job, key, folder, cwd, from_commit, board):
    """One attempt at a run, on a worker: (what went wrong or '', its seconds, the steps it began and ended with)."""
    started, seen, told = time.monotonic(), [], -1.0
    if not Path(folder).is_dir():
        return f'{socket.gethostname()} does not see {folder}: --storage must be a folder that all machines share', 0.0, seen

    def on_update(run, losses):
        nonlocal told
        seen[:] = [*(seen[:1] or [max(0, run.steps - run.settings.batch_steps)]), run.steps]
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            board.put.remote(key, run.steps, run.log.recent())

    return attempt(job, cwd, from_commit, on_update), time.monotonic() - started, seen


def attempt(job, cwd, from_commit, on_update):
    """Trains a run as `train` does, with what it prints in a file beside it; returns what went wrong, or ''.

    `cwd`: where the command was typed. `from_commit`: of its files, where they came without their git.
    """
    if cwd not in sys.path:
        sys.path.append(cwd)  # one's own environments are looked for there
    if (share := _share()) < os.cpu_count():
        keep_to(share)
    provenance()['commit'] = provenance()['commit'] or from_commit
    Path(job.folder).mkdir(parents=True, exist_ok=True)
    error = ''
    with contextlib.ExitStack() as held:
        log = held.enter_context(open(Path(job.folder, f'{job.name}.log'), 'a', buffering=1, encoding='utf-8'))
        held.enter_context(contextlib.redirect_stdout(log))
        held.enter_context(contextlib.redirect_stderr(log))
        try:
            train(job, cwd, on_update)
        except UserError as refused:
            error = str(refused)
        except (Exception, SystemExit) as raised:
            if hasattr(raised, 'ray_terminate_msg'):  # Ray ends this process: the run goes on in another
                raise
            traceback.print_exc()
            error = f'{one_line(raised)}; {log.name} has more of it'
        if error:
            print(f'error: {error}')
    return error


def _share():
    """How many of this machine's cores are a run's: all, by the runs that Ray has side by side here."""
    here = ray.get_runtime_context().get_node_id()
    runs = next(node['Resources']['CPU'] for node in ray.nodes() if node['NodeID'] == here)
    return max(1, int(os.cpu_count() // runs))


def train(job, cwd='.', on_update=None):
    """The agent's own training of a run, which goes on where it was; UserError where it fails."""
    options, settings = job.variant.parse()
    own = dict(out=Path(job.folder), name=job.name, resume='or begin', on_update=on_update)
    for name in ('tensorboard', 'record'):
        if getattr(options, name):
            own[name] = str(Path(cwd, getattr(options, name), job.variant.folder))
    plan.load(job.variant.script).train(options.env, settings, job.seed, **command_line.of_training(options) | own)


def train_all(jobs, folder, display, on_end):
    """Trains all jobs of the experiment in `folder`, and calls `on_end` with each and what went wrong, or '', as it ends.

    A run whose process or machine is lost is begun again, unless TRIES attempts came to no new checkpoint. After Ctrl-C all
    runs save themselves, and KeyboardInterrupt is raised.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    keeping = dict(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)
    board = ray.remote(Board).options(**keeping).remote()
    task = ray.remote(num_cpus=1, max_retries=0)(work)
    same = str(folder), os.getcwd(), commit(), board
    submit = lambda key: task.remote(jobs[key], key, *same)  # noqa: E731
    lost, waiting = {}, {}
    try:
        waiting = {submit(key): key for key in range(len(jobs))}
        while waiting:
            ended, _ = ray.wait(list(waiting), timeout=0.5)
            try:
                display.show(ray.get(board.take.remote()))
            except ray.exceptions.RayError as gone:
                raise UserError(f'Ray has ended ({one_line(gone)})') from gone
            for reference in ended:
                key = waiting.pop(reference)
                job = jobs[key]
                try:
                    error, seconds, seen = ray.get(reference)
                except ray.exceptions.RayTaskError as raised:
                    error, seconds, seen = one_line(raised.cause or raised), 0.0, []
                except ray.exceptions.RayError as gone:
                    saved = _last_saved(job)
                    lost[key] = [one for one in lost.get(key, []) if one == saved] + [saved]
                    if len(lost[key]) < TRIES:
                        display.say(f'{job} | lost ({type(gone).__name__}): it goes on from its last checkpoint')
                        waiting[submit(key)] = key
                        continue
                    error, seconds, seen = f'lost {TRIES} times without a new checkpoint ({one_line(gone)})', 0.0, []
                display.ended(key, seconds, seen)
                on_end(job, error)
    except (KeyboardInterrupt, UserError):
        display.close()
        print(f'Interrupted: runs save themselves, which takes at most {PATIENCE} s ...', file=sys.stderr, flush=True)
        with contextlib.suppress(ray.exceptions.RayError):
            for reference in waiting:
                ray.cancel(reference)
            ray.wait(list(waiting), num_returns=len(waiting), timeout=PATIENCE) if waiting else None
        raise


def _last_saved(job):
    """When the run last wrote a checkpoint, 0 where it never did."""
    return max((path.stat().st_mtime_ns for path in Path(job.folder).glob(f'model/*/{job.name}/checkpoint.npz')), default=0)
