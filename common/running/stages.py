"""A film of the agent at several stages of its training."""

from common.envs import derive_seed
from common.running import film
from common.running.evaluate import TEST

KEPT = 4  # stages that are kept while it trains, evenly spaced from its start; the last one is its end


class Stages:
    """The agent as it was at several stages of a run, kept in the run's folder, and the film of them in `folder`.

    UserError where the environment cannot be drawn or nothing be written to `folder`.
    """

    def __init__(self, files, folder, env, env_args, seed):
        self.files, self.folder, self.env, self.env_args, self.seed = files, folder, env, env_args, seed
        film.check(env, env_args, folder)

    @staticmethod
    def reached(before, steps, total):
        """Whether a stage lies between two numbers of steps of a run that takes `total`."""
        part = total / KEPT
        return steps // part > before // part

    def keep(self, agent, steps, record):
        """Keeps the agent as it is now."""
        agent.save(self.files.stage(steps), record)

    def film(self, agent, steps):
        """Films the stages one after the other, and at last the trained agent, after `steps` steps."""
        stages = {int(path.stem.removeprefix('step')): path for path in self.files.folder.glob('step*.npz')}
        stages = sorted((stages | {steps: self.files.agent}).items())

        def scenes():
            for count, (steps, file) in enumerate(stages, 1):
                agent.load(file)
                print(f'Filming the agent after {steps:,} steps, {count} of {len(stages)} ...', flush=True)
                yield agent, f'after {steps:,} steps', 1

        path = self.folder / f'{self.files.name}.training'
        try:
            film.record(path, scenes(), self.env, self.env_args, derive_seed(TEST, self.seed), **film.IN_TRAINING)
        except KeyboardInterrupt:
            print(f'Interrupted in the filming; the agent is trained and saved: {self.files.agent}')
            raise
        print(f'Film: {path}.mp4, .gif')
