"""Trains runs on Ray: each has its share of the cores, and starts again elsewhere if its process or machine is lost.

Every attempt calls the agent's own training, which continues from the last checkpoint. So a run that was lost ends with the
same bits as a run that was not.
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

from common import errors
from common.envs.cores import keep_to
from common.errors import UserError, one_line
from common.running import command_line
from common.running.provenance import REPOSITORY, commit, provenance
from experiments import plan, tools  # noqa: F401 (before Ray)

import ray
import ray._private.worker
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

TRIES = 10  # attempts at a run that is lost each time before its next checkpoint
PATIENCE = 60  # seconds for runs to save themselves after Ctrl-C
STAYS = ('.git', '.venv*', '/model', '/image', '/results', '/docs', '/tests', '/benchmarks')  # files not sent to workers


def start(address=None, runs=None):
    """Starts Ray here, or connects to the cluster at `address`; returns how many runs fit side by side.

    `runs`: how many runs Ray takes side by side here; None: one per core. UserError if Ray does not start, or if the cluster
    does not answer or refuses this machine.
    """
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    os.environ.setdefault('RAY_worker_niceness', '0')  # runs get the same priority as commands that you type
    ray._private.worker.print_to_stdstream = lambda *_, **__: None  # `train_all` reports a lost process in one line
    quiet = dict(include_dashboard=False) if address is None else {}
    on_sigterm = signal.getsignal(signal.SIGTERM)
    ray._private.ray_constants.ENABLE_RAY_CLUSTER = address is not None  # without it only this machine can reach the sockets
    if address is not None:
        quiet['runtime_env'] = dict(working_dir=str(REPOSITORY), excludes=list(STAYS))
    try:
        ray.init(address=address or 'local', num_cpus=runs, log_to_driver=False, logging_level=logging.ERROR, **quiet)
    except Exception as error:  # Ray raises a plain Exception if starting takes too long
        if address:
            told = f'the cluster at {address} refuses this machine', 'docs/CLUSTER.md shows how to start one'
        else:
            told = 'Ray does not start', 'if this machine is very busy, try again later'
        raise UserError(f'{told[0]} ({one_line(error)}); {told[1]}') from error
    finally:
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray's handler would end the program before the runs have saved themselves
    return max(1, int(ray.cluster_resources().get('CPU', 1)))


class Board:
    """The latest progress of each run, for the driver to read; a Ray actor."""

    def __init__(self):
        self.said = {}

    def put(self, key, *said):
        """Replaces the progress of a run: its steps and recent return."""
        self.said[key] = said

    def take(self):
        """Returns the progress that is new since the last call, {run: (steps, recent return)}."""
        said, self.said = self.said, {}
        return said


def work(job, key, folder, cwd, from_commit, board):
    """Makes one attempt at a run, on a worker; returns (error or '', seconds, [first step, last step] or [])."""
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
    """Trains a run as `train` does, and writes its output to a log in its folder; returns the error, or ''.

    `cwd`: the folder in which the command was typed. `from_commit`: the commit, for workers without git.
    """
    if cwd not in sys.path:
        sys.path.append(cwd)  # to find your own environments
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
            if hasattr(raised, 'ray_terminate_msg'):  # Ray ends this process: the run continues in another
                raise
            traceback.print_exc()
            error = f'{one_line(raised)}; {log.name} has the traceback'
        if error:
            print(f'error: {error}')
    return error


def _share():
    """How many cores of this machine a run may use: all cores, divided by the number of runs side by side here."""
    here = ray.get_runtime_context().get_node_id()
    runs = next(node['Resources']['CPU'] for node in ray.nodes() if node['NodeID'] == here)
    return max(1, int(os.cpu_count() // runs))


@errors.naming_flags()
def train(job, cwd='.', on_update=None):
    """Calls the agent's own training for a run, from the last checkpoint if there is one. UserError if it fails."""
    options, settings = job.variant.parse()
    own = dict(out=Path(job.folder), name=job.name, resume='or begin', on_update=on_update)
    for name in ('tensorboard', 'record'):
        if getattr(options, name):
            own[name] = str(Path(cwd, getattr(options, name), job.variant.folder))
    plan.load(job.variant.script).train(options.env, settings, job.seed, **command_line.of_training(options) | own)


def train_all(jobs, folder, display, on_end):
    """Trains all jobs of the experiment in `folder`; calls `on_end(job, error)` as each ends, with '' if it succeeded.

    A run whose process or machine is lost starts again. It fails after TRIES attempts without a new checkpoint. After Ctrl-C
    all runs save themselves, and KeyboardInterrupt is raised. UserError if Ray stops.
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
                raise UserError(f'Ray has stopped ({one_line(gone)})') from gone
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
                        display.say(f'{job} | lost ({type(gone).__name__}): it continues from its last checkpoint')
                        waiting[submit(key)] = key
                        continue
                    error, seconds, seen = f'lost {TRIES} times without a new checkpoint ({one_line(gone)})', 0.0, []
                display.ended(key, seconds, seen)
                on_end(job, error)
    except (KeyboardInterrupt, UserError):
        display.close()
        print(f'Interrupted: the runs save themselves, which takes at most {PATIENCE} s ...', file=sys.stderr, flush=True)
        with contextlib.suppress(ray.exceptions.RayError):
            for reference in waiting:
                ray.cancel(reference)
            ray.wait(list(waiting), num_returns=len(waiting), timeout=PATIENCE) if waiting else None
        raise


def _last_saved(job):
    """When the run last wrote a checkpoint, in nanoseconds; 0 if it has none."""
    return max((path.stat().st_mtime_ns for path in Path(job.folder).glob(f'model/*/{job.name}/checkpoint.npz')), default=0)
