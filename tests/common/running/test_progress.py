"""What a training shows: the book's line by hand, and scalars for TensorBoard."""

import ppo
from common.errors import UserError
from common.running.logs import EpisodeLog
from common.running.progress import Progress

import pytest
from short_runs import train

pytestmark = pytest.mark.usefixtures('bare_runs')


def test_the_line_by_hand(capsys):
    """Two episodes of 20 steps: 160 steps are 8 more. After the first update 40 steps take 2 seconds: 120 take 6."""
    log = EpisodeLog(1)
    with Progress(200, 0, 'PPO_Pendulum-v1 seed0', 'return') as progress:
        progress.show(10, 0.5, log, {}, last=False)
        log.end_steps, log.returns, log.lengths = [20, 40], [-10.0, -20.0], [20, 20]
        progress.show(40, 2.0, log, {'kl': 0.1}, last=False)
        progress.show(80, 4.0, log, {'kl': 0.1}, last=False)
        progress.show(81, 4.01, log, {'kl': 0.1}, last=False)
        progress.show(200, 4.02, log, {'kl': 0.1}, last=True)
    assert capsys.readouterr().out.splitlines() == [
        'Training | Episode: 0 | Running Time: 0.5000 | Steps: 10/200',
        'Training | Episode: 2/10 | Episode Reward: -20.0000 | Running Time: 2.0000 | Steps: 40/200 | Mean of 2: -15.00',
        'Training | Episode: 2/8 | Episode Reward: -20.0000 | Running Time: 4.0000 | Steps: 80/200 | Mean of 2: -15.00 '
        '| Time Left: 00:06',
        'Training | Episode: 2/2 | Episode Reward: -20.0000 | Running Time: 4.0200 | Steps: 200/200 | Mean of 2: -15.00',
    ]


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
