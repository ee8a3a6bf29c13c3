"""Shows the progress of an experiment: on a terminal a live line for each run, otherwise one line when a run ends."""

import sys
import time

import numpy as np
from tqdm import tqdm

LINES = 40  # the most live lines


class Forecast:
    """Estimates how long `jobs` still take on `cores` cores, from the runs so far; `totals` has the number of steps of each."""

    def __init__(self, jobs, totals, cores):
        self.jobs, self.totals, self.cores = jobs, totals, cores
        self.steps, self.rates, self.measured = {}, {}, {}  # progress of current runs; seconds per step of ended ones

    def saw(self, key, steps):
        """Records how many steps a run has done."""
        now = time.monotonic()
        first = self.steps.setdefault(key, (now, steps, now, steps))
        self.steps[key] = *first[:2], now, steps

    def ended(self, key, seconds, seen):
        """Records a run that has ended. `seconds` includes start and evaluation; `seen`: its first and last step, or []."""
        if seen:
            self.measured.setdefault(self.jobs[key].variant, []).append(seconds / (seen[1] - seen[0]))
        self.steps.pop(key, None)
        self.totals[key] = 0

    def speed(self, key):
        """Steps per second of a current run; None before its second report."""
        began, first, now, steps = self.steps.get(key, (0, 0, 0, 0))
        return (steps - first) / (now - began) if steps > first else None

    def left(self):
        """Seconds until all runs have ended; None before the first measurement."""
        known = {variant: np.median(rates) for variant, rates in self.measured.items()}
        for key in self.steps:
            speed = self.speed(key)
            if speed:
                known.setdefault(self.jobs[key].variant, 1 / speed)
        if not known:
            return None
        others = np.mean(list(known.values()))
        each = [
            (total - self.steps.get(key, (0, 0, 0, 0))[3]) * known.get(self.jobs[key].variant, others)
            for key, total in enumerate(self.totals)
        ]
        return max(sum(each) / min(self.cores, max(1, sum(map(bool, each)))), max(each))


class Display:
    """Progress lines of the runs `jobs`; `totals` has the number of steps of each."""

    def __init__(self, jobs, totals, cores):
        self.jobs, self.forecast = jobs, Forecast(jobs, list(totals), cores)
        self.totals, self.over, self.lines = list(totals), set(), {}
        self.live = sys.stderr.isatty()
        self.whole = tqdm(total=len(jobs), desc='runs', disable=not self.live, dynamic_ncols=True, bar_format=_FORMAT)

    def show(self, news):
        """Shows how far runs are; `news`: {run: (steps, recent return)}."""
        for key, (steps, recent) in news.items():
            if key in self.over:  # this report arrived after the run had ended
                continue
            self.forecast.saw(key, steps)
            if not self.live:
                continue
            if key not in self.lines and len(self.lines) < LINES:
                place = min(set(range(1, LINES + 1)) - {-line.pos for line in self.lines.values()})
                self.lines[key] = tqdm(
                    total=self.totals[key], initial=steps, desc=str(self.jobs[key]), position=place, leave=False, unit=' steps',
                    unit_scale=True, dynamic_ncols=True,
                )  # fmt: skip
            if key in self.lines:
                line = self.lines[key]
                line.set_postfix_str('' if recent is None else f'return {recent:.2f}', refresh=False)
                line.update(steps - line.n)
        if self.live:
            self.whole.set_postfix_str(self.time_left())

    def ended(self, key, seconds, seen):
        """Records a run that has ended, as `Forecast.ended` does, and removes its live line."""
        self.forecast.ended(key, seconds, seen)
        self.over.add(key)
        if key in self.lines:
            self.lines.pop(key).close()
        self.whole.update()

    def time_left(self):
        """The time left, as text."""
        left = self.forecast.left()
        return 'time left: not known yet' if left is None else f'time left: {tqdm.format_interval(round(left))}'

    def say(self, line):
        """Prints a line that stays on the screen."""
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()

    def close(self):
        """Removes the live lines."""
        for line in (*self.lines.values(), self.whole):
            line.close()
        self.lines = {}


_FORMAT = '{desc}: {n_fmt}/{total_fmt} {bar} {elapsed}{postfix}'
