"""Names what goes wrong in a run, by the files that it has left; `python -m common.running.diagnose RUN` prints it.

Each rule is a function of the run. It returns what it sees, with the numbers, or None. A rule that compares returns takes the
means over ten equal parts of the run, and asks for a difference of several standard errors, which chance rarely makes. No agent
that ships crosses a threshold, and a test checks that. A rule about how far an agent got says nothing if its last episodes
reach the reward that Gymnasium asks for in that environment.
"""

import argparse
import functools
from pathlib import Path
from typing import NamedTuple

from common import errors
from common.errors import UserError, printable
from common.running import program
from common.running.curves import read
from common.running.settings import RENAMED

import gymnasium as gym
import numpy as np

PARTS = 10  # of a run
FEWEST = 40  # episodes, with which four are in each part
PAGE = 'docs/plain/en/failures.md'
RULES = []


class Rule(NamedTuple):
    """A rule: the title of its section on the page of failures, what finds it, and what to try, {setting: advice}.

    Advice is given to an agent that has the setting and does not follow the advice yet; `always` stands for any agent.
    """

    title: str
    find: object
    advice: dict


class Finding(NamedTuple):
    """What a rule has found: the section's title, the numbers, and what to try."""

    title: str
    seen: str
    advice: list


def rule(title, **advice):
    """Makes a rule of a function that takes `Evidence`."""

    def add(find):
        RULES.append(Rule(title, find, advice))
        return find

    return add


class Evidence:
    """A run's curves, and what several rules compute of them."""

    def __init__(self, curves):
        self.curves, self.record, self.losses = curves, curves.record, curves.losses
        self.settings = {RENAMED.get(name, name): value for name, value in self.record['settings'].items()}
        self.returns, self.lengths, self.taken = curves.returns, curves.lengths, max(self.record['steps'], 1)

    @functools.cached_property
    def parts(self):
        """The number of each episode's part, (episodes,), from 0 to PARTS - 1."""
        return np.clip(np.ceil(self.curves.steps / self.taken * PARTS).astype(int) - 1, 0, PARTS - 1)

    @functools.cached_property
    def means(self):
        """Mean returns of the parts that have at least two episodes, {part: mean}, and their standard errors."""
        found = {part: self.returns[self.parts == part] for part in range(PARTS)}
        found = {part: values for part, values in found.items() if len(values) > 1}
        return {part: (values.mean(), values.std(ddof=1) / len(values) ** 0.5) for part, values in found.items()}

    @functools.cached_property
    def goal(self):
        """The mean return that Gymnasium asks for, or None."""
        found = gym.registry.get(self.record['env'])
        return found.reward_threshold if found else None

    @property
    def recent(self):
        """The mean return of the last episodes, as many as there are in a tenth of the run, at least ten; -inf of none."""
        return self.returns[-max(10, len(self.returns) // PARTS) :].mean() if len(self.returns) else -np.inf

    @property
    def reached(self):
        """Whether the last episodes, with the noise of training, reach 90% of what Gymnasium asks for."""
        return self.goal is not None and self.recent >= self.goal - 0.1 * abs(self.goal)

    @property
    def alike(self):
        """Whether the last episodes have all but the same return, so that a critic has nothing to explain."""
        late = self.returns[-max(10, len(self.returns) // PARTS) :]
        return len(late) > 0 and late.std() <= 0.01 * abs(late.mean())

    def can_try(self, name):
        """Whether an advice about a setting makes sense: the agent has it, and not yet the value that is advised."""
        if name == 'final_std' and self.record['action_bound'] is None:
            return False
        return name == 'always' or self.settings.get(name, True) not in (True, 'tanh')

    def when(self, part):
        """The steps at the end of a part, as text."""
        return f'step {round((part + 1) * self.taken / PARTS):,}'

    def column(self, name):
        """What updates reported under a name, without NaN; empty if they did not."""
        values = self.losses.get(name, np.array([]))
        return values[~np.isnan(values)]

    def differ(self, low, high, by):
        """Whether part `high` has a mean above that of part `low`, by more than `by` standard errors of the difference."""
        (one, error), (other, its_error) = self.means[low], self.means[high]
        return other - one > by * (error**2 + its_error**2) ** 0.5


def diagnose(curves):
    """The findings for a run, a list of `Finding`, in the order of RULES."""
    evidence, found = Evidence(curves), []
    for title, find, advice in RULES:
        if seen := find(evidence):
            found.append(Finding(title, seen, [text for name, text in advice.items() if evidence.can_try(name)]))
    return found


@rule('Too little to see anything', steps='more --steps', num_envs='fewer --num-envs, so that each plays more episodes')
def few_episodes(run):
    """Below FEWEST episodes the means of the parts say nothing."""
    if len(run.returns) < FEWEST:
        return f'{len(run.returns)} episodes ended in {run.taken:,} steps'


@rule('Too little to see anything', always='--resume with the same command')
def unfinished(run):
    """A run ends up to one batch before its last step; what has 95% of its steps is as good as whole."""
    wanted = run.settings.get('steps', 0)
    batch = run.settings.get('batch_steps', 0)
    if run.taken < 0.95 * wanted - batch:
        return f'the run has taken {run.taken:,} of its {wanted:,} steps'


@rule(
    'The return stays flat',
    normalize='--normalize, if states or rewards have very different sizes',
    activation='--activation tanh',
    entropy='--entropy 0.01, so that it tries for longer',
    gamma='a larger --gamma, if the reward comes late',
)
def flat(run):
    """No later part is better than the first by three standard errors. A trained agent that trains on may well stay."""
    if len(run.returns) < FEWEST or run.reached or 'started_from' in run.record:
        return None
    if np.ptp(run.returns) == 0:
        return f'all {len(run.returns):,} episodes have a return of {run.returns[0]:g}'
    first, *later = run.means
    if later and not any(run.differ(first, part, by=3) for part in later):
        best = max(later, key=lambda part: run.means[part][0])
        return f'{run.means[first][0]:,.4g} at first, and at most {run.means[best][0]:,.4g} later ({run.when(best)})'


@rule(
    'The return rises, then falls',
    anneal='--anneal, so that late steps are small',
    actor_lr='a smaller --actor-lr',
    critic_activation='--critic-activation tanh',
    delta='a smaller --delta',
    clip='a smaller --clip',
)
def fell(run):
    """At the end a third of the rise is lost. Noise loses at most 14% in the agents that ship."""
    if len(run.returns) < FEWEST or len(run.means) < 3:
        return None
    best, last, first = max(run.means, key=lambda part: run.means[part][0]), max(run.means), min(run.means)
    rise, lost = run.means[best][0] - run.means[first][0], run.means[best][0] - run.means[last][0]
    if run.differ(first, best, by=3) and run.differ(last, best, by=4) and lost > rise / 3:
        return f'{run.means[best][0]:,.4g} at {run.when(best)}, {run.means[last][0]:,.4g} at the end'


@rule('The return still rises at the end', steps='more --steps: twice as many')
def rising(run):
    """In the last fifth it gains a quarter of the whole rise; the agents that ship gain at most 18%."""
    if len(run.returns) < FEWEST or run.reached or not {0, PARTS - 3, PARTS - 1} <= set(run.means):
        return None
    gain, rise = (run.means[PARTS - 1][0] - run.means[part][0] for part in (PARTS - 3, 0))
    if run.differ(PARTS - 3, PARTS - 1, by=3) and gain > rise / 4:
        return f'{run.means[PARTS - 3][0]:,.4g} at {run.when(PARTS - 3)}, {run.means[PARTS - 1][0]:,.4g} at the end'


@rule(
    'It waits for the time limit',
    gamma='another --gamma, larger if the goal is far away, smaller if each step forward pays',
    entropy='--entropy 0.01',
    final_std='--final-std 0.2',
)
def waits(run):
    """Nearly all of the last episodes run into the time limit, and shorter ones were better."""
    limit, late = run.lengths.max(initial=0), run.parts >= PARTS - 2
    short = run.returns[run.lengths < limit]
    if run.reached or len(short) < 20 or late.sum() < 10 or (run.lengths[late] == limit).mean() < 0.8:
        return None
    good = np.quantile(short, 0.75)
    if good > run.returns[late].mean() and good > np.quantile(run.returns[late], 0.75):
        share = (run.lengths[late] == limit).mean()
        return (
            f'{share:.0%} of the last episodes take all {limit:,.0f} steps, for {run.returns[late].mean():,.4g} in the mean; '
            f'a quarter of the shorter ones had {good:,.4g} or more'
        )


@rule(
    'It stops exploring too early',
    final_std='--final-std 0.2: the standard deviation falls over the run instead of being learnt',
    entropy='--entropy 0.01',
)
def settled(run):
    """The policy has lost most of its randomness in a third of the run. A small entropy is right where the task is solved."""
    if run.reached or run.settings.get('final_std'):
        return None
    box = run.record['action_bound'] is not None
    name, least = ('std', 0.45) if box else ('entropy', 0.05)
    values = run.column(name)
    if len(values) >= 30:
        first, early = values[:3].mean(), values[len(values) // 3]
        if early < least * first:
            return f'{name} falls from {first:.3g} to {early:.3g} in a third of the run'


@rule(
    'The updates are too long',
    actor_lr='a smaller --actor-lr',
    epochs='fewer --epochs',
    clip='a smaller --clip',
    stop_kl='--stop-kl 0.03',
    batch_steps='larger --batch-steps',
    damping='more --damping',
)
def far(run):
    """Agents that learn as they should have a median of 0.001 to 0.03 nats an update, and single ones of up to 0.1."""
    kl = run.column('kl')
    if len(kl) < 20:
        return None
    middle, top = np.median(kl), kl.max()
    if middle > 0.1:
        return f'an update moves the policy by a KL divergence of {middle:.2g} nats in the median; 0.01 is usual'
    if top > 0.1 and top > 20 * middle:
        return f'one update moved the policy by a KL divergence of {top:.2g} nats; the median is {middle:.2g}'


@rule('The updates are too long', clip='a smaller --actor-lr: a ratio that is outside cannot be brought back by clipping')
def clipped(run):
    """After an update up to a third of the actions are outside in runs that learn as they should."""
    share = run.column('clip_fraction')
    if len(share) >= 20 and np.median(share) > 0.5:
        return f'the clip range leaves {np.median(share):.0%} of the actions outside at the end of an update (clip_fraction)'


@rule('The updates do nothing', clip='a smaller --clip')
def never_clipped(run):
    """The objective is then the one without a clip."""
    share = run.column('clip_fraction')
    if len(share) >= 20 and share.max() == 0:
        return f'the clip range of {run.settings.get("clip", 0):g} never clips anything (clip_fraction is 0)'


@rule('The updates do nothing', damping='more --damping', batch_steps='larger --batch-steps')
def refused(run):
    """The line search refuses half of the steps."""
    accepted = run.column('step_accepted')
    if len(accepted) >= 20 and accepted.mean() < 0.5:
        return f'the line search accepts {accepted.mean():.0%} of the steps (step_accepted)'


@rule('The updates do nothing', damping='more --damping')
def shortened(run):
    """The full step is far too long: half of what the line search may shorten is used up in the mean."""
    cuts, most = run.column('backtracks'), run.settings.get('backtrack_iters', 0)
    if len(cuts) >= 20 and cuts.mean() > most / 2:
        return f'the line search shortens a step {cuts.mean():.1f} times in the mean, of at most {most} (backtracks)'


@rule('The updates do nothing', damping='more --damping')
def braked(run):
    """A step changes the policy by far more than the Fisher matrix predicts."""
    factor = run.column('step_size')
    if len(factor) >= 20 and np.median(factor) < 0.1:
        return f"the factor of the actor's step is {np.median(factor):.2g} in the median, of at most 1 (step_size)"


@rule('The updates are too long', kl_coefficient='a smaller --actor-lr, or a larger --kl-coefficient')
def penalised(run):
    """The coefficient has doubled six times more often than it was halved."""
    values = run.column('kl_coefficient')
    if len(values) >= 20 and values[-1] >= 64 * run.settings.get('kl_coefficient', values[0]):
        return f'the coefficient of the penalty grew from {run.settings["kl_coefficient"]:g} to {values[-1]:g}'


@rule(
    "The critic's values explain nothing",
    normalize='--normalize',
    critic_lr='another --critic-lr',
    critic_epochs='more --critic-epochs',
    batch_steps='larger --batch-steps',
)
def noise(run):
    """In the second half of the run; where a task is solved all returns are alike, and there is nothing to explain."""
    values = run.column('explained_variance')
    late = values[len(values) // 2 :]
    if len(values) >= 20 and not run.reached and not run.alike and np.median(late) < 0:
        return (
            f'explained_variance has a median of {np.median(late):.2g} in the second half; below 0 a constant would do better'
        )


@rule(
    'The numbers grow without end',
    critic_activation='--critic-activation tanh, which is bounded',
    critic_lr='a smaller --critic-lr',
    actor_lr='a smaller --actor-lr',
    normalize='--normalize',
)
def growing(run):
    """The norm of a network's weights grows about twofold in runs that learn as they should."""
    for name in ('actor_norm', 'critic_norm'):
        values = run.column(name)
        if len(values) >= 20 and values[-1] > 10 * values[0]:
            return f"the norm of the {name.removesuffix('_norm')}'s weights grows from {values[0]:.3g} to {values[-1]:.3g}"


@rule(
    'The numbers grow without end',
    critic_activation='--critic-activation tanh, which is bounded',
    critic_lr='a smaller --critic-lr',
)
def runaway(run):
    """After the first fifth the critic's loss rises to 300 times its median; 130 times is the most in runs that learn."""
    values = run.column('value_loss')
    if len(values) >= 20:
        usual, top = np.median(values[: len(values) // 2]), values[len(values) // 5 :].max()
        if top > 300 * usual > 0:
            return f'value_loss rises to {top:.3g}; its median in the first half is {usual:.2g}'


@rule('The numbers grow without end', alpha_lr='a smaller --alpha-lr, or a fixed --alpha')
def heating(run):
    """The temperature falls in runs that learn as they should."""
    values = run.column('alpha')
    if len(values) >= 20 and values[-1] > 3 * max(values[0], 1):
        return f'the temperature alpha grows from {values[0]:.3g} to {values[-1]:.3g}: the target entropy is out of reach'


@rule('The numbers grow without end', normalize='--normalize')
def scale(run):
    """What the critic must learn: rewards a step, times the steps that it looks ahead. Pendulum's -600 are no trouble."""
    if run.settings.get('normalize') is not False or not len(run.returns):
        return None
    ahead = np.minimum(run.lengths, 1 / max(1 - run.settings.get('gamma', 0), 1e-9))
    value = np.abs(run.returns / run.lengths * ahead).max()
    if value > 2000:
        return f'values are about {value:,.0f}, without --normalize: the critic takes long to get there'
    if 0 < value < 0.01:
        return f'values are about {value:.1g}, without --normalize: rewards are too small to count'


@rule('It does not look far enough ahead', gamma='a larger --gamma')
def short_sighted(run):
    """A tenth of an episode and less than twenty steps; or a quarter, and the return is far below what Gymnasium asks for."""
    if len(run.returns) < FEWEST or run.reached:
        return None
    gamma = run.settings.get('gamma', 0)
    ahead, length = 1 / max(1 - gamma, 1e-9), np.mean(run.lengths[-100:])
    behind = run.goal is not None and run.recent < run.goal - abs(run.goal) / 2
    if (ahead < 20 and length > 10 * ahead) or (behind and length > 4 * ahead):
        return f'gamma {gamma:g} makes rewards more than {ahead:.0f} steps away hardly count; episodes last {length:.0f}'


@rule('One seed is behind the others', always='more seeds before you conclude: experiment.py gives an interval')
def behind(run):
    """Compared with the runs beside it that differ in the seed alone, at least three of them."""
    others = []
    for path in run.curves.path.parent.glob('*.json'):
        if path.stem != run.curves.path.name:
            try:
                other = Evidence(read(path))
            except UserError:  # another file, or a run whose curve is gone
                continue
            same = all(other.record[name] == run.record[name] for name in ('algorithm', 'env', 'env_args', 'settings'))
            if same and len(other.returns) >= FEWEST:
                others.append(other.recent)
    if len(others) < 3 or len(run.returns) < FEWEST:
        return None
    middle, spread = np.median(others), np.ptp(others)
    rise = middle - run.returns[: max(10, len(run.returns) // PARTS)].mean()
    if run.recent < min(others) - max(2 * spread, 0.2 * rise):
        return (
            f'{run.recent:,.4g} in its last episodes; {len(others)} other seeds have {min(others):,.4g} to {max(others):,.4g}'
        )


def report(curves):
    """What the command prints of a run, without an end of line."""
    record, findings = curves.record, diagnose(curves)
    lines = [
        f'{curves.path}: {printable(record["algorithm"])} in {printable(record["env"])}, seed {record["seed"]}, '
        f'{record["steps"]:,} steps, {len(curves.returns):,} episodes'
    ]
    if not curves.losses:
        lines.append(f'  There is no {curves.path.name}.losses.csv, so this says nothing of the updates.')
    for finding in findings:
        lines.append(f'  {finding.title}: {finding.seen}.')
        if finding.advice:
            lines.append(f'    Try: {"; ".join(finding.advice)}.')
        lines.append(f'    More: {PAGE}#{anchor(finding.title)}')
    if not findings:
        lines.append('  Nothing stands out. If the return is not what you hoped for, compare seeds, and film the agent.')
    return '\n'.join(lines)


def anchor(title):
    """The anchor of a section of the page."""
    return title.lower().replace("'", '').replace(',', '').replace(' ', '-')


@errors.naming_flags()
def main(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog='python -m common.running.diagnose', description='Names what goes wrong in a run, by the files that it has left.'
    )
    parser.add_argument('runs', nargs='+', type=Path, metavar='RUN', help='a run, such as image/<ALG>_<ENV>/seed0')
    for number, path in enumerate(parser.parse_args(argv).runs):
        print('\n' * (number > 0) + report(read(path)))


if __name__ == '__main__':
    program.run(main)
