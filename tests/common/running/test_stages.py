"""The film of the agent at several stages of its training."""

import ppo
from common.errors import UserError
from common.running import film

import imageio.v3 as imageio
import pytest
from short_runs import files, train

pytestmark = pytest.mark.usefixtures('bare_runs')


def test_a_film_of_the_training_shows_five_agents_and_changes_nothing(tmp_path, capsys):
    """Also where the run was interrupted: the film has the moments before, and a folder of one's own may be named."""
    flags = ['--env-arg', 'max_episode_steps=20']
    train(ppo, tmp_path / 'plain', *flags)
    train(ppo, tmp_path / 'filmed', *flags, '--record', str(tmp_path / 'films'))
    plain, filmed = files(tmp_path / 'plain'), files(tmp_path / 'filmed')
    moments = sorted(int(name[4:-4]) for name in filmed if name.startswith('step'))
    assert [steps // 400 for steps in moments] == [0, 4, 8, 12], 'after the update that passes a quarter'
    assert {name: filmed[name] for name in plain} == plain
    film = tmp_path / 'films' / 'PPO_Pendulum-v1_max_episode_steps=20' / 'seed0.training.mp4'
    assert len(imageio.imread(film)) == 5 * 20
    printed = capsys.readouterr().out
    assert all(f'Filming the agent after {steps:,} steps, ' in printed for steps in moments)
    assert f'Film: {film.with_suffix("")}.mp4, .gif' in printed
    with pytest.raises(UserError, match='cannot write'):
        train(ppo, tmp_path / 'never', '--record', '/proc/films')
    assert not list((tmp_path / 'never').rglob('*.npz'))


def test_an_interrupted_filming_says_where_the_agent_is(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(film, 'record', interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(ppo, tmp_path, '--record')
    path = tmp_path / 'model/PPO_Pendulum-v1/seed0/agent.npz'
    assert f'Interrupted during the filming; the agent is trained and saved: {path}' in capsys.readouterr().out
