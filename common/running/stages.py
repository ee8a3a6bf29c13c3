"""A film of the agent at several stages of its training."""

from common.envs import derive_seed
from common.running import film
from common.running.evaluate import TEST

KEPT = 4  # agents saved on the way: untrained, and after one, two and three quarters; the film ends with the trained one


class Stages:
    """Saves the agent at several stages of a run, in the run's folder, and films them one after the other in `folder`.

    UserError if the environment cannot be drawn or `folder` cannot be written.
    """

    def __init__(self, files, folder, env, env_args, seed):
        self.files, self.folder, self.env, self.env_args, self.seed = files, folder, env, env_args, seed
        film.check(env, env_args, folder)

    @staticmethod
    def reached(before, steps, total):
        """Whether a run of `total` steps reached a new stage between its steps `before` and `steps`."""
        part = total / KEPT
        return steps // part > before // part

    def keep(self, agent, steps, record):
        """Saves the agent as it is after `steps` steps."""
        agent.save(self.files.stage(steps), record)

    def film(self, agent, steps):
        """Films the saved stages and then the trained agent, which has taken `steps` steps."""
        saved = {int(path.stem.removeprefix('step')): path for path in self.files.folder.glob('step*.npz')}
        stages = sorted((saved | {steps: self.files.agent}).items())

        def scenes():
            for count, (steps, file) in enumerate(stages, 1):
                agent.load(file)
                print(f'Filming the agent after {steps:,} steps, {count} of {len(stages)} ...', flush=True)
                yield agent, f'after {steps:,} steps', 1

        path = self.folder / f'{self.files.name}.training'
        try:
            film.record(path, scenes(), self.env, self.env_args, derive_seed(TEST, self.seed), **film.IN_TRAINING)
        except KeyboardInterrupt:
            print(f'Interrupted during the filming; the agent is trained and saved: {self.files.agent}')
            raise
        print(f'Film: {path}.mp4, .gif')
