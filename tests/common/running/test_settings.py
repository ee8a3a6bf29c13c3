"""Settings: their ranges, the book's values, and those of a file."""

import dataclasses

import a2c
import acktr
import ppo
import sac
import trpo
from common.errors import UserError
from common.running.settings import book_settings, check_settings, settings_of

import pytest


@pytest.mark.parametrize(
    ('agent', 'former'),
    [
        (ppo, dict(rollout_steps=64, kl_target=0.5)),
        (trpo, dict(rollout_steps=64, train_v_iters=5)),
        (a2c, dict(rollout_steps=64, critic_iters=5)),
        (acktr, dict(rollout_steps=64, critic_iters=5)),
        (sac, dict(rollout_steps=64, batch_size=5)),
    ],
)
def test_former_names_in_a_file_are_read(agent, former):
    present = dict(rollout_steps='batch_steps', kl_target='penalty_kl', train_v_iters='critic_epochs')
    present |= dict(critic_iters='critic_epochs', batch_size='minibatch_size')
    wanted = agent.Settings(**{present[name]: value for name, value in former.items()})
    assert settings_of({'settings': former}, agent.Settings, 'file') == wanted != agent.Settings()


def test_settings_of_a_file_are_checked_as_flags_are():
    settings = dataclasses.asdict(ppo.Settings())
    assert settings_of({'settings': settings}, ppo.Settings, 'file') == ppo.Settings()
    for wrong, words in (
        (dict(activation='swish'), "activation='swish' is not one of relu, tanh"),
        (dict(gamma=2.0), 'gamma=2.0 is out of range'),
        (dict(steps='many'), r"steps='many' does not have the type of its default"),
        (dict(num_envs=1.5), 'num_envs=1.5 does not have the type'),
        (dict(hidden=(64, 64.0)), r'hidden=\(64, 64\.0\) does not have the type'),
        (dict(hidden=64), 'hidden=64 does not have the type'),
        (dict(anneal=1), 'anneal=1 does not have the type'),
        (dict(gamma=True), 'gamma=True does not have the type'),
        (dict(gama=0.9), 'file was written by another version'),
    ):
        with pytest.raises(UserError, match=words):
            settings_of({'settings': settings | wrong}, ppo.Settings, 'file')


@pytest.mark.parametrize('agent', [ppo, trpo, a2c, acktr, sac])
def test_what_the_book_has_is_of_the_kind_and_in_the_range_of_a_setting(agent):
    check_settings(book_settings(agent.Settings))
