"""The runs that the page can compare with: those in the same environment that have left a checkpoint."""

from common.errors import UserError, one_line
from common.running import checkpoint, schema
from common.running.logs import EpisodeLog, LossLog
from common.running.watch.curves import Curves


class Earlier:
    """The runs under `models`, the folder of all agents, in the environment `env` with `env_args`, but not the one in `own`.

    A page names them by number, as `names` gives them.
    """

    def __init__(self, models, own, env, env_args):
        self.models, self.own, self.wanted = models, own, (env, env_args)
        self.paths = []

    def names(self):
        """The runs, newest first: [{number, algorithm, name, steps}, ...]."""
        found = sorted(self.models.glob('*/*/checkpoint.npz'), key=lambda path: path.stat().st_mtime, reverse=True)
        self.paths += [path for path in found if path not in self.paths]
        return [
            dict(number=self.paths.index(path), algorithm=record['algorithm'], name=path.parent.name, steps=record['steps'])
            for path in found
            if path.parent != self.own and (record := _record(path)) and (record['env'], record['env_args']) == self.wanted
        ]

    def curves(self, number):
        """The curves of run `number`, as `Curves` has them. LookupError if there is no such run, UserError if it is damaged."""
        if number < 0:
            raise LookupError
        path = self.paths[number]

        def choose(layout, record):
            schema.check_record(path, record, schema.OF_CHECKPOINT)
            return [name for name in layout if name.startswith(('episodes/', 'losses/'))]

        arrays, record = checkpoint.load(path, choose)
        log = EpisodeLog(record['settings'].get('num_envs', 1))
        losses = LossLog(record['settings'].get('steps', record['steps']))
        try:
            log.assign(arrays)
            losses.assign(arrays)
        except (KeyError, ValueError) as error:
            raise UserError(f'{path} has curves that cannot be read ({one_line(error)})') from error
        return Curves(log, losses).after({})


def _record(path):
    """The record of a checkpoint, None if it cannot be read or does not say its environment."""
    try:
        record = checkpoint.read_record(path)
    except UserError:
        return None
    return record if {'env', 'env_args', 'steps'} <= record.keys() else None
