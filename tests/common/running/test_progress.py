"""What a training shows: the book's line by hand, and scalars for TensorBoard."""

import ppo
from common import backend
from common.backend import compiled
from common.errors import UserError
from common.running.logs import EpisodeLog
from common.running.progress import Progress

import numpy as np
import pytest
from short_runs import train

pytestmark = pytest.mark.usefixtures('bare_runs')


def test_the_line_by_hand(capsys):
    """After the first update 40 steps take 2 seconds: 120 take 6. Beside the lines there is no bar: this is no terminal."""
    log = EpisodeLog(1)
    with Progress(200, 0, 'PPO_Pendulum-v1 seed0', 'return') as progress:
        progress.show(10, 0.5, log, {}, last=False)
        log.end_steps, log.returns, log.lengths = [20, 40], [-10.0, -20.0], [20, 20]
        progress.show(40, 2.0, log, {'kl': 0.1}, last=False)
        progress.show(80, 4.0, log, {'kl': 0.1}, last=False)
        progress.show(81, 4.01, log, {'kl': 0.1}, last=False)
        progress.show(200, 4.02, log, {'kl': 0.1}, last=True)
    shown = capsys.readouterr()
    assert shown.err == ''
    assert shown.out.splitlines() == [
        'Training | Episode: 0 | Running Time: 0.5000 | Steps: 10/200',
        'Training | Episode: 2 | Episode Reward: -20.0000 | Running Time: 2.0000 | Steps: 40/200 | Mean of 2: -15.00',
        'Training | Episode: 2 | Episode Reward: -20.0000 | Running Time: 4.0000 | Steps: 80/200 | Mean of 2: -15.00 '
        '| Time Left: 00:06',
        'Training | Episode: 2 | Episode Reward: -20.0000 | Running Time: 4.0200 | Steps: 200/200 | Mean of 2: -15.00',
    ]


class Agent:
    @compiled
    def update(self, states):
        print(states)
        return states


def test_a_print_in_compiled_code_gets_a_hint(capsys, monkeypatch):
    monkeypatch.setattr(backend.tf.config, 'functions_run_eagerly', lambda: False)
    with Progress(200, 0, 'PPO_Pendulum-v1 seed0', 'return'):
        Agent().update(np.float32([1]))
    first, second, symbol = capsys.readouterr().out.splitlines()
    assert first == 'Compiling the update ...'
    assert second.startswith('Agent.update calls print, which shows symbols and no numbers in compiled code; eager=True')
    assert symbol.startswith('Tensor("')


def test_tensorboard_has_a_folder_for_each_run(tmp_path):
    with pytest.raises(UserError, match='cannot write /proc/events'):
        train(ppo, tmp_path, '--tensorboard', '/proc/events')
    for seed in '01':
        train(ppo, tmp_path, '--tensorboard', str(tmp_path / 'events'), '--seed', seed)
    folders = sorted((tmp_path / 'events' / 'PPO_Pendulum-v1').iterdir())
    assert [folder.name for folder in folders] == ['seed0', 'seed1']
    for folder in folders:
        content = b''.join(path.read_bytes() for path in folder.iterdir())
        for name in (b'losses/policy_loss', b'losses/explained_variance', b'episodes/return', b'evaluation/return', b'hparams'):
            assert name in content
        assert b'batch_steps' in content
