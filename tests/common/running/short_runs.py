"""Runs of seconds, and what they leave."""

import dataclasses
import signal

from common import errors
from common.running import checkpoint, command_line

SHORT = {
    '--steps': 6000, '--batch-steps': 400, '--minibatch-size': 200, '--num-envs': 4, '--save-every': 2000, '--hidden': 8,
    '--episodes': 5, '--epochs': 1, '--critic-epochs': 2, '--cg-iters': 2,
}  # fmt: skip


def train(agent, out, *argv, on_update=None):
    """Trains as the command line does, and returns the agent."""
    with errors.naming_flags():
        return _train(agent, out, argv, on_update)


def _train(agent, out, argv, on_update):
    settings = {f'--{field.name.replace("_", "-")}' for field in dataclasses.fields(agent.Settings)}
    known = settings | {'--episodes', '--save-every'}
    words = ['--train', '--out', str(out), *(str(word) for pair in SHORT.items() if pair[0] in known for word in pair)]
    options, settings = command_line.parse(agent.__doc__, agent.Settings, agent.PRESETS, [*words, *argv])
    return agent.train(options.env, settings, options.seed, **command_line.of_training(options), on_update=on_update)


def ctrl_c(*updates):
    """What presses Ctrl-C after some updates of a run, as its `on_update`."""

    def on_update(run, losses):
        if run.updates in updates:
            signal.raise_signal(signal.SIGINT)

    return on_update


def files(out):
    """Everything a run leaves that must not depend on interruptions: arrays, curve, and the record but for the clock."""
    left = {}
    for path in sorted(out.rglob('*.npz')):
        arrays, record = checkpoint.load(path)
        record.pop('seconds')
        left[path.name] = {name: array.tobytes() for name, array in arrays.items()} | {'record': record}
    for path in sorted(out.rglob('*.csv')):
        left[path.name] = path.read_text()
    return left
