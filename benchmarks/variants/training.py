"""Training with a variant's behaviours in place, over seeds, each run in a process of its own."""

import contextlib
import multiprocessing
import os
import tempfile
from multiprocessing.connection import wait

from benchmarks import report
from benchmarks.variants.cells import MINIMAL
from common import backend
from common.errors import UserError
from common.running import checkpoint, command_line, run
from experiments import plan


@contextlib.contextmanager
def in_place(variant):
    """Puts a variant's behaviours in place. They are taken out before the final agent is evaluated."""
    from benchmarks.variants import errata, ideas  # these load TensorFlow

    import pytest

    with pytest.MonkeyPatch.context() as patch:
        for name in variant.behaviours:
            behaviour = getattr(ideas, name, None) or getattr(errata, name)
            behaviour(patch)
        evaluate = run.evaluate
        patch.setattr(run, 'evaluate', lambda *arguments: (patch.undo(), evaluate(*arguments))[1])
        yield patch


def trained(variant, seed, folder):
    """Trains an agent as a variant says, with its files in `folder`, and evaluates it. Returns the agent."""
    script, *flags = variant.place.words()
    options, settings = plan.parse(script, flags)
    with in_place(variant):
        return plan.load(script).train(options.env, settings, seed, **command_line.of_training(options) | dict(out=folder))


def train(variant, seed):
    """Trains an agent as a variant says. Returns the run's row: what it reached, or the error that stopped it."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            record = checkpoint.load(trained(variant, seed, folder).path)[1]
        except Exception as error:
            return row_of(variant, seed) | dict(error=first_line(error)) | report.made_with()
    reached = record['evaluation'] | dict(steps=record['steps'], seconds=record['seconds'])
    return row_of(variant, seed) | reached | report.made_with(record)


def train_minimal(variant, seeds):
    """Trains the minimal agent on all seeds at once. Its greedy return is the reward of the final mu."""
    import pg_gaussian_minimal as pg

    kept, train = [], pg.train
    with tempfile.TemporaryDirectory() as folder, in_place(variant) as patch:
        patch.setattr(pg, 'train', lambda args: kept.append((args, train(args))) or kept[0][1])
        patch.setattr(pg, 'plot', lambda *_: None)
        words = ['--train', *variant.place.words()[1:], '--seed', str(seeds[0]), '--seeds', str(len(seeds)), '--out', folder]
        pg.main(words)
    args, histories = kept[0]
    returns = pg.reward(histories[:, -1, 0], args.target, args.target_range, args.max_reward).numpy()
    same = dict(std=0.0, episodes=1, steps=args.episodes) | report.made_with()
    return [row_of(variant, seed) | dict(mean_return=float(one)) | same for seed, one in zip(seeds, returns, strict=True)]


def row_of(variant, seed):
    """The row of a run that has not reached anything yet."""
    reached = dict.fromkeys(('mean_return', 'std', 'episodes', 'steps', 'seconds', 'error'), '')
    key = dict(variant=variant.name, agent=variant.place.agent_name, env=variant.place.env, seed=seed)
    return key | reached | dict(command=variant.command(seed))


def first_line(error):
    """The first cause of an error as one line, without a UserError's advice."""
    while error.__cause__:
        error = error.__cause__
    if isinstance(error, UserError):
        return str(error).partition(';')[0]
    return f'{type(error).__name__}: {str(error).strip().splitlines()[0]}'


def work(variant, seeds, sender):
    """Trains on the seeds, one after the other, in a process of its own, and sends the rows of each as it ends."""
    backend.skip_unneeded = True
    with contextlib.ExitStack() as held:
        held.enter_context(contextlib.suppress(KeyboardInterrupt))
        nowhere = held.enter_context(open(os.devnull, 'w'))
        held.enter_context(contextlib.redirect_stdout(nowhere))
        held.enter_context(contextlib.redirect_stderr(nowhere))
        if variant.place.agent == MINIMAL:
            sender.send(train_minimal(variant, seeds))
        else:
            for seed in seeds:
                sender.send([train(variant, seed)])


def run_all(runs, jobs, on_end):
    """Starts runs, (variant, seeds) each, `jobs` at a time, and calls `on_end` with the rows that they send.

    Where a process is lost, the others go on, and UserError at the end names the lost runs.
    """
    context, waiting, running, lost = multiprocessing.get_context('spawn'), list(runs), {}, []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=work, args=(*waiting[0], theirs))
                process.start()
                theirs.close()
                running[ours] = process, *waiting.pop(0)
            for ours in wait(list(running)):
                process, variant, seeds = running[ours]
                try:
                    rows = ours.recv()
                    left = [seed for seed in seeds if seed not in {row['seed'] for row in rows}]
                    running[ours] = process, variant, left
                    on_end(rows)
                except EOFError:
                    del running[ours]
                    process.join()
                    if seeds:
                        lost.append(f'{variant.name}, seed {seeds[0]}')
    finally:
        for process, *_ in running.values():
            process.join()  # after Ctrl-C, too: these processes have received it as well
    if lost:
        raise UserError(f'processes were lost in {"; ".join(lost)}: the same command runs them again')
