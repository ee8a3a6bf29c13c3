"""Greedy tests during a training: the learning curve shows them, and the best agent can be kept."""

from common.errors import UserError

import numpy as np

EPISODES = 5  # of each test


class GreedyTests:
    """Tests the greedy policy every `every` steps, never if that is 0, and with `keep_best` saves the agent with the best test.

    `play(episodes, num_envs)` returns the returns of the greedy policy's episodes.
    """

    def __init__(self, files, every, keep_best, play):
        self.files, self.every, self.keep_best, self.play = files, every, keep_best, play

    def is_time(self, before, steps):
        """Whether a test belongs between the run's steps `before` and `steps`."""
        return self.every > 0 and steps // self.every > before // self.every

    def test(self, agent, log, steps, record):
        """Tests the agent and adds the result to the log; UserError if the environments raise, and then there are no more."""
        try:
            mean = float(np.mean(self.play(EPISODES, 1)))
        except UserError:
            self.every = 0
            raise
        if self.keep_best and mean > np.nanmax([-np.inf, *log.test_returns]):
            agent.save(self.files.best, record | {'test': {'mean_return': mean, 'episodes': EPISODES}})
        log.test_steps.append(steps)
        log.test_returns.append(mean)

    def best(self, log):
        """The line that says which agent was kept, or '' if none was."""
        if not (self.keep_best and self.files.best.exists()):
            return ''
        best = int(np.nanargmax(log.test_returns))
        reached = f'mean return {log.test_returns[best]:.2f} after {log.test_steps[best]:,} steps'
        return f'The best agent of the {len(log.test_returns)} tests: {self.files.best} ({reached})'
