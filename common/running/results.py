"""What a run leaves in addition to its agent: its record, its curves, and the printed lines that say where they are."""

import json

from common import errors
from common.errors import option
from common.running.files import replacing, writing
from common.running.provenance import provenance

WORTH_SAYING = 0.02  # a larger share of steps that were left out of the batches is printed
SUCCESS_RATE = ('FrozenLake',)  # environments whose return is 1 for success and 0 for failure


def describe(run):
    """The record of a run so far, a dict for JSON: what made the agent. It goes into checkpoint, agent file and JSON file."""
    start = {'started_from': run.started_from} if run.started_from else {}
    return (
        run.agent.identity
        | start
        | {
            'env': run.env,
            'env_args': run.recorded_args,
            'engine': run.envs.engine,
            'seed': run.seed,
            'recreations': run.envs.recreations,
            'steps': run.steps,
            'left_out': left_out(run),
            'updates': run.updates,
            'episodes': len(run.log.returns),
            'seconds': round(run.seconds, 3),
            **provenance(),
        }
    )


def left_out(run):
    """The steps of a run beyond the size of their batch, from which no update has learnt; 0 if the buffer keeps them."""
    return run.steps - run.updates * run.settings.batch_steps if getattr(run.agent.buf, 'leaves_out', False) else 0


class Results:
    """Writes the pictures and numbers of a run to image/; `title` is above the pictures."""

    def __init__(self, files, title, env):
        self.files, self.title = files, title
        self.rate_name = 'success rate' if env.startswith(SUCCESS_RATE) else 'return'

    def write(self, agent, log, losses, record):
        """Writes the curves and the record; UserError if they cannot be written."""
        from common.running import plotting

        image = self.files.image
        with writing(image):
            plotting.learning_curve(image, log, self.rate_name, self.title)
            plotting.loss_curves(image, losses, log, self.rate_name, self.title)
            if record['env'] == 'Pendulum-v1':
                plotting.pendulum_maps(image, agent, self.title)
        self.write_record(record)

    def write_record(self, record):
        """Writes the record alone."""
        image = self.files.image
        with writing(image), replacing(f'{image}.json') as (file,):
            file.write_text(json.dumps(record, indent=1) + '\n')

    def interrupted(self, steps):
        """The lines printed when Ctrl-C has ended a run."""
        image = self.files.image
        return (
            f'The curves so far: {image}.png, .csv, .losses.png, .losses.csv\n'
            f'Interrupted at step {steps:,}; saved {self.files.checkpoint}; to continue, {self.how_to_continue()}.'
        )

    def how_to_continue(self):
        """What to type, or to write in a program, to continue a run that has not ended."""
        name = option('name', self.files.name)
        if errors.as_flags:
            return f'add {option("resume")} {name} to the same command'
        loads = f'load_agent({str(self.files.checkpoint)!r}) loads the agent as it is'
        return f'add {option("resume", True)}, {name} to the same call of train(); {loads}'

    def trained(self, record):
        """The lines printed at the end of a run, after the evaluation."""
        image, steps, seconds, reached = self.files.image, record['steps'], record['seconds'], record['evaluation']
        return (
            f'Trained {steps:,} steps in {seconds:.1f} s ({steps / max(seconds, 1e-9):,.0f} steps/s); greedy {self.rate_name} '
            f'{reached["mean_return"]:.2f} +- {reached["std"]:.2f} over {reached["episodes"]} episodes\n'
            f'{self._left_out(record)}'
            f'Agent: {self.files.agent} | curve: {image}.png, .csv | losses: {image}.losses.png, .csv '
            f'| settings: {image}.json'
        )

    def _left_out(self, record):
        """A line about the steps that were left out, '' if they are few."""
        share = record['left_out'] / max(record['steps'], 1)
        if share <= WORTH_SAYING:
            return ''
        remedy = f'a larger {option("batch_steps")} or a smaller {option("num_envs")}'
        return f'{share:.1%} of the steps did not fit into the batches and were not learnt from; {remedy} loses fewer\n'
