"""Finds good settings for an agent: Optuna proposes them, Ray Tune tries them side by side and stops bad trials early."""

import logging
import math
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError, nearest, one_line
from common.running.provenance import commit
from experiments import plan, results, schedule

import numpy as np
import optuna
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

PARTS = 5  # checks per run; a bad trial may be stopped at each
FAILED = -1e30  # the score of a trial in which a run fails, below all others
EPISODES = 100  # episodes in a run's recent return


@dataclass(frozen=True)
class Range:
    """The range of one setting: from `low` to `high`, both included; `whole`: whole numbers only."""

    name: str
    low: float
    high: float
    whole: bool

    @property
    def logarithmic(self):
        """Whether to search on a logarithmic scale: if the range spans more than a factor of ten."""
        return self.low > 0 and self.high / self.low > 10

    def words(self, value):
        """A value as you would type it."""
        return str(int(value)) if self.whole else f'{value:.6g}'


def parse_range(entry, script, flags):
    """Reads a Range from 'actor_lr=1e-4..1e-2'. UserError if it names no setting, is empty, or the agent refuses its ends."""
    kinds = plan.kinds(script)
    name, _, ends = entry.partition('=')
    name = name.strip().lstrip('-').replace('-', '_')
    if name not in kinds:
        raise UserError(f"--search {entry}: there is no setting '{name}'{nearest(name, kinds)}")
    if isinstance(kinds[name], bool) or not isinstance(kinds[name], int | float):
        raise UserError(f'--search {entry}: {name} is not a number; use --vary to compare a few values')
    try:
        low, high = map(float, re.fullmatch(r'\s*(\S+?)\.\.(\S+)\s*', ends).groups())
    except (AttributeError, ValueError):
        raise UserError(f'--search {entry} is not a range: give two numbers, as in actor_lr=1e-4..1e-2') from None
    found = Range(name, low, high, isinstance(kinds[name], int))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UserError(f'--search {entry} has no end: give two finite numbers, as in actor_lr=1e-4..1e-2')
    if not low < high or found.words(low) == found.words(high):
        raise UserError(f'--search {entry} is empty: its first number must be below its second')
    for end in (low, high):
        plan.parse(script, [*flags, *plan.words_of(name, found.words(end), kinds[name])])
    return found


def parse(entries, script, flags):
    """Reads all ranges. UserError as from `parse_range`, or if a name appears twice."""
    found = [parse_range(entry, script, flags) for entry in entries]
    names = [one.name for one in found]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(f'--search names {twice[0]} twice')
    return found


def recent(log, steps):
    """Mean return of the last EPISODES episodes that had ended by step `steps` of a run; None if none had."""
    count = int(np.searchsorted(log.end_steps, steps, side='right'))
    return float(np.mean(log.returns[max(0, count - EPISODES) : count])) if count else None


def attempt(config, ranges, script, flags, seeds, folder, cwd, from_commit):
    """Tries settings on a worker; Tune calls it. Trains on all seeds, one after the other, and reports after each part.

    The score is the mean over the seeds so far: a seed counts with its recent return while it trains, then with its evaluation.
    """
    os.environ.setdefault('TUNE_FUNCTION_THREAD_TIMEOUT_S', '600')  # gives a stopped run time to draw its curve
    out = Path(folder, 'trials', tune.get_context().get_trial_id())
    variant = plan.Variant(said(config, ranges), '', '', script, (*flags, *flags_of(config, ranges)))
    reached, scores = [], []
    for number, seed in enumerate(seeds):
        job, told = plan.Job(variant, seed, str(out)), 0

        def on_update(run, losses, number=number):
            nonlocal told
            while told < PARTS and run.steps >= (told + 1) * run.settings.steps / PARTS:
                told += 1
                now = recent(run.log, told * run.settings.steps / PARTS)
                if now is not None and math.isfinite(now):
                    scores[number:] = [now]
                    tune.report(dict(score=float(np.mean(scores)), part=PARTS * number + told, error=''))

        error = '' if results.record_of(job) else schedule.attempt(job, cwd, from_commit, on_update)
        record = None if error else results.record_of(job)
        error = error or (results.failure_of(record) if record else f'its files are not in {job.folder}, or they are damaged')
        if error:
            tune.report(dict(score=FAILED, part=PARTS * len(seeds) + 1, error=error))
            return
        reached.append(record['evaluation']['mean_return'])
        scores[number:] = [reached[-1]]
    tune.report(dict(score=float(np.mean(reached)), part=PARTS * len(seeds) + 1, error=''))


def flags_of(config, ranges):
    """The flags that set the values which Optuna proposes."""
    return [word for one in ranges for word in (f'--{one.name.replace("_", "-")}', one.words(config[one.name]))]


def said(config, ranges):
    """The settings as text, for messages."""
    return ', '.join(f'{one.name}={one.words(config[one.name])}' for one in ranges)


class Lines(tune.Callback):
    """Prints a line as each trial ends, and writes trials.csv, which lists all trials that have ended."""

    def __init__(self, ranges, trials, last, folder):
        self.ranges, self.trials, self.last, self.path, self.rows = ranges, trials, last, Path(folder, 'trials.csv'), {}

    def on_trial_complete(self, iteration, trials, trial, **_):
        """Reports how a trial ended, and its score."""
        result = trial.last_result
        part, error = result['part'], result['error']
        given_up = f'given up after {part} of {self.last - 1} parts'
        self._add(trial, 'failed' if error else 'whole' if part == self.last else given_up, result['score'], error)

    def on_trial_recover(self, iteration, trials, trial, **_):
        """Reports that the process of a trial was lost."""
        print(f'{said(trial.config, self.ranges)} | lost: it continues from its last checkpoint', flush=True)

    def on_trial_error(self, iteration, trials, trial, **_):
        """Reports that the process of a trial was lost too often."""
        self._add(trial, 'failed', '', f'lost {schedule.TRIES} times')

    def _add(self, trial, state, score, error):
        row = {one.name: one.words(trial.config[one.name]) for one in self.ranges}
        score = '' if error else score
        self.rows[trial.trial_id] = row | dict(state=state, score=score, trial=trial.trial_id, error=error)
        results.write_rows(self.path, list(self.rows.values()))
        reached = error if error else f'score {score:.2f}'
        line = f'{said(trial.config, self.ranges)} | {state} | {reached} | {len(self.rows)} of {self.trials} trials'
        print(line, flush=True)

    def get_state(self):
        """What Tune stores of this callback, to resume the search."""
        return dict(rows=self.rows)

    def set_state(self, state):
        """Restores `get_state`."""
        self.rows = state['rows']


def search(experiment, folder):
    """Searches settings for an experiment's agent on Ray; returns the best, {name: value as text}, and their score.

    UserError if no trial finished. KeyboardInterrupt after Ctrl-C; calling it again continues the search.
    """
    os.environ.update(TUNE_GLOBAL_CHECKPOINT_S='1', RAY_AIR_NEW_OUTPUT='0')  # save every second; print little
    os.environ['TUNE_PRINT_ALL_TRIAL_ERRORS'] = '0'  # `Lines` reports them
    logging.getLogger('ray.tune.tune').setLevel(logging.CRITICAL)  # `experiment.py` prints how to continue
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings('ignore', module='optuna')  # a resumed trial reports some scores twice
    wanted, script = experiment.search, experiment.scripts[0]
    ranges, last = parse(wanted['ranges'], script, experiment.flags), PARTS * len(wanted['seeds']) + 1
    given = dict(ranges=ranges, script=script, flags=experiment.flags, seeds=wanted['seeds'], folder=str(folder))
    trainable = tune.with_parameters(attempt, **given, cwd=os.getcwd(), from_commit=commit())
    trainable = tune.with_resources(trainable, dict(cpu=1))
    place = Path(folder, 'search')
    if tune.Tuner.can_restore(str(place)):
        lost = _go_on(place, trainable)
    else:
        tuner = tune.Tuner(
            trainable,
            param_space={one.name: _space(one) for one in ranges},
            tune_config=tune.TuneConfig(
                metric='score', mode='max', num_samples=wanted['trials'], reuse_actors=True,
                search_alg=OptunaSearch(seed=0),
                scheduler=ASHAScheduler(time_attr='part', grace_period=2, max_t=last, reduction_factor=3),
            ),
            run_config=tune.RunConfig(
                name='search', storage_path=str(folder), verbose=0,
                failure_config=tune.FailureConfig(max_failures=schedule.TRIES),
                callbacks=[Lines(ranges, wanted['trials'], last, folder)],
            ),
        )  # fmt: skip
        lost = tuner.fit().num_errors  # no callback is called for these
    path = Path(folder, 'trials.csv')
    rows = results.read_rows(path) if path.exists() else []
    if len(rows) + lost < wanted['trials']:
        raise KeyboardInterrupt
    whole = [row for row in rows if row['state'] == 'whole']
    if not whole:
        why = next((row['error'] for row in rows if row['error']), 'all were stopped early')
        raise UserError(f'no trial finished ({why}); {path} lists them all; try other ranges')
    best = max(whole, key=lambda row: float(row['score']))
    return {one.name: best[one.name] for one in ranges}, float(best['score'])


def _go_on(place, trainable):
    """Continues an interrupted search; returns how many trials were lost. UserError if its files are damaged."""
    logging.disable(logging.ERROR)  # Ray would log a traceback of the error that is reported below
    try:
        return tune.Tuner.restore(str(place), trainable).fit().num_errors
    except Exception as error:  # Ray and Optuna read pickles, which may raise anything
        said = f'{place} is damaged, or from another version of Ray ({one_line(error)})'
        raise UserError(f'{said}; delete it to start the search again') from error
    finally:
        logging.disable(logging.NOTSET)


def _space(one):
    if one.whole:
        return (tune.lograndint if one.logarithmic else tune.randint)(int(one.low), int(one.high) + 1)
    return (tune.loguniform if one.logarithmic else tune.uniform)(one.low, one.high)
