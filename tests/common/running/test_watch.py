"""What the page of a training is told, what it can do, and that the training stays as it would be without it."""

import base64
import csv
import json
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import ppo
import sac
import trpo
from common.errors import Terminated, UserError
from common.running import checkpoint, command_line, film, program
from common.running.logs import EpisodeLog, LossLog
from common.running.watch import curves, feed, filming, networks, server
from experiments import plan

import numpy as np
import pytest
from asking import ask, news
from short_runs import files, train

pytestmark = pytest.mark.usefixtures('bare_runs')
SMALL = dict(num_envs=2, batch_steps=100, minibatch_size=50, epochs=1, hidden=(4,), episodes=2)


@pytest.fixture(autouse=True)
def no_browser(monkeypatch):
    """Nothing opens a browser, and what would wait at the end of a command is forgotten."""
    monkeypatch.setattr(server, 'open_browser', lambda address: None)
    monkeypatch.setattr(program, 'at_end', [])


def test_the_same_bits_with_the_page_and_without(tmp_path):
    """Also while it asks for the networks after each update, and saves."""
    train(ppo, tmp_path / 'plain')
    versions = []

    def look(run, losses):
        told = news(run.page.address, figure=1)
        run.page.agent_at = 0.0  # a second has passed
        versions.append(told['agent']['version'])
        if run.updates == 3:
            ask(run.page.address, 'save', 'POST')

    train(ppo, tmp_path / 'watched', '--watch', on_update=look)
    assert files(tmp_path / 'watched') == files(tmp_path / 'plain')
    assert versions[-1] > 5


@pytest.mark.slow
def test_the_same_bits_with_films_and_without(tmp_path, monkeypatch):
    monkeypatch.setattr(filming, 'EVERY', 0.0)
    monkeypatch.setattr(filming, 'SHARE', 1e9)
    flags = ['--env', 'Acrobot-v1', '--env-arg', 'max_episode_steps=20', '--steps', '2000']
    train(ppo, tmp_path / 'plain', *flags)
    films = []

    def look(run, losses):
        films.append(news(run.page.address, film=films[-1]['number'] if films and films[-1] else 0)['film'])

    train(ppo, tmp_path / 'watched', *flags, '--watch', on_update=look)
    assert files(tmp_path / 'watched') == files(tmp_path / 'plain')
    assert films[0] is None, 'no page had asked before the first update'
    assert [film['number'] for film in films[1:]] == list(range(1, len(films)))
    assert base64.b64decode(films[1]['data'])[4:8] == b'ftyp'


def test_a_film_that_cannot_be_made_is_told_and_not_tried_again(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise UserError('there is no screen')

    monkeypatch.setattr(film, 'record', fails)
    told = []
    train(ppo, tmp_path, '--env', 'Acrobot-v1', '--steps', '2000', '--watch', on_update=lambda run, _: told.append(
        news(run.page.address)['noFilm']
    ))  # fmt: skip
    assert told == ['', *['there is no screen'] * (len(told) - 1)]


def test_a_slow_renderer_films_rarely_and_little(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    asked = []

    def record(path, scenes, *_, pictures, **__):
        asked.append(pictures)
        now[0] += 0.5 * pictures
        Path(f'{path}.mp4').touch()

    monkeypatch.setattr(film, 'record', record)
    films = filming.Filming('Ant-v4', {}, 0)
    films.record(None, 0)
    assert (now[0], films.next) == (120.0, 120.0 + 20.0 / 0.1)
    films.record(None, 0)
    assert asked == [40, 20]
    monkeypatch.setattr(film, 'record', lambda path, *_, **how: (Path(f'{path}.mp4').touch(), now.__setitem__(0, now[0] + 0.1)))
    for _ in range(3):
        films.record(None, 0)
    assert (films.pictures, films.next) == (200, now[0] + 30)


def rows(path):
    with open(path, newline='') as file:
        return {name: [float(one) for one in column] for name, *column in zip(*csv.reader(file), strict=True)}


def test_the_page_is_told_what_the_csv_files_say_piece_by_piece(tmp_path):
    """Whoever has some rows gets those that follow; whoever has none, as after a reload, gets all."""
    have = {'losses': {}, 'returns': {}, 'tests': {}}

    def look(run, losses):
        counts = {name: len(table.get('steps', [])) for name, table in have.items()}
        last.append(told := news(run.page.address, **counts))
        for name, table in have.items():
            for column, values in told['curves'][name].items():
                table.setdefault(column, []).extend(values)

    last = []
    agent = train(trpo, tmp_path, '--watch', '--test-every', '2000', on_update=look)
    image = tmp_path / 'image/TRPO_Pendulum-v1/seed0'
    written = rows(f'{image}.losses.csv')
    assert have['losses'].keys() == written.keys()
    for name, column in written.items():
        np.testing.assert_allclose(have['losses'][name], column, rtol=1e-6)
    episodes = rows(f'{image}.csv')
    points = np.searchsorted(have['returns']['steps'], episodes['steps'])
    means = [np.mean(np.array(episodes['episode_return'])[points == i]) for i in range(max(points) + 1)]
    np.testing.assert_allclose(have['returns']['mean'], means)
    assert have['returns']['recent'][-1] == pytest.approx(np.mean(episodes['episode_return'][-100:]))
    tests = rows(f'{image}.test.csv')
    assert (have['tests']['steps'], have['tests']['mean']) == (tests['steps'], tests['mean_return'])
    assert (last[-1]['steps'], last[-1]['updates'], last[-1]['phase']) == (written['steps'][-1], len(last), 'training')
    assert last[-1]['agent']['file']['distribution'] == 'gaussian'
    assert agent.path.exists()


def test_a_copy_of_the_networks_is_made_only_when_a_page_asks_and_once_a_second(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(feed.time, 'monotonic', lambda: now[0])
    copies = []

    def look(run, losses):
        told = news(run.page.address, figure=int(run.updates in (3, 4, 5)))
        copies.append((told['agent']['version'], told['agent']['updates']))
        now[0] += 0.6

    train(ppo, tmp_path, '--watch', '--steps', '4000', on_update=look)
    assert copies[:7] == [(1, 0)] * 3 + [(2, 4)] * 2 + [(3, 6)] * 2


@pytest.mark.parametrize('agent', [ppo, sac])
def test_the_last_copy_is_the_agent_that_was_saved(tmp_path, agent):
    kept = []
    flags = ['--start-steps', '400', '--updates-per-step', '0.01'] if agent is sac else []
    trained = train(agent, tmp_path, '--watch', '--steps', '2000', *flags, on_update=lambda run, _: kept.append(run.page))
    told = news(kept[-1].address)
    weights = np.frombuffer(base64.b64decode(told['agent']['file']['actor'][0]['matrix']), '<f4')
    arrays, record = checkpoint.load(trained.path)
    np.testing.assert_array_equal(weights, arrays['actor/0_weights'].ravel())
    assert (told['phase'], told['evaluation'], told['files']) == ('finished', record['evaluation'], str(trained.path))
    assert told['agent']['steps'] == record['steps']


def test_the_page_stops_a_run_which_is_saved_and_evaluated(tmp_path, capsys):
    def stop(run, losses):
        if run.updates == 2:
            assert ask(run.page.address, 'stop', 'POST')[0] == 200
            assert news(run.page.address)['stopping']

    record = checkpoint.load(train(ppo, tmp_path, '--watch', on_update=stop).path)[1]
    assert (record['updates'], record['evaluation']['episodes']) == (3, 5)
    assert f'The page asked at step {record["steps"]:,} to stop: the training ends.' in capsys.readouterr().out


def test_the_page_saves_a_checkpoint_now(tmp_path):
    path, told = tmp_path / 'model/PPO_Pendulum-v1/seed0/checkpoint.npz', {}

    def save(run, losses):
        if run.updates == 2:
            ask(run.page.address, 'save', 'POST')
            assert not path.exists()
        if run.updates == 3:
            told.update(news(run.page.address), record=checkpoint.read_record(path))

    train(ppo, tmp_path, '--watch', '--save-every', '1000000', on_update=save)
    assert (told['saving'], told['saved'], told['record']['updates']) == (False, told['record']['steps'], 2)


def test_a_run_that_fails_says_why_on_its_page(tmp_path):
    pages = []

    def fail(run, losses):
        pages.append(run.page)
        raise RuntimeError('no more')

    with pytest.raises(RuntimeError):
        train(ppo, tmp_path, '--watch', on_update=fail)
    told = news(pages[0].address)
    assert (told['phase'], told['error']) == ('failed', 'RuntimeError: no more')


def test_pages_that_are_slow_or_closed_disturb_nothing(tmp_path, capsys):
    """Some never read their answers, some break off, some do not even finish their question."""
    held = []

    def disturb(run, losses):
        place = urlsplit(run.page.address)
        for question in ('file', 'news', ''):
            request = f'GET {place.path}{question} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n' * 20
            for text, keep in ((request, True), (request, False), (request[:30], True)):
                one = socket.create_connection((place.hostname, place.port))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')  # closing resets the connection
                one.sendall(text.encode())
                if keep:
                    held.append(one)
                else:
                    one.close()

    trained = train(ppo, tmp_path, '--watch', '--steps', '2000', on_update=disturb)
    assert len(held) >= 24
    assert trained.path.exists()
    for one in held:
        one.close()
    assert capsys.readouterr().err == ''


def long_log(episodes, length=7, envs=3):
    rng = np.random.default_rng(0)
    log = EpisodeLog(envs)
    log.end_steps.extend(np.cumsum(rng.integers(0, 2 * length, episodes)).tolist())
    log.returns.extend(rng.normal(size=episodes).tolist())
    return log


def test_a_whole_log_is_thinned_to_means(capsys):
    """By hand, loop and all: the stretch that each episode ends in, and the last hundred before its end."""
    log = long_log(5000)
    stretch = log.end_steps[-1] / 100
    found = curves.thinned(log, stretch)
    groups = {}
    for i, steps in enumerate(log.end_steps):
        groups.setdefault(int(steps // stretch), []).append(i)
    assert found['steps'] == [log.end_steps[group[-1]] for group in groups.values()]
    np.testing.assert_allclose(found['mean'], [np.mean([log.returns[i] for i in group]) for group in groups.values()])
    recent = [np.mean(log.returns[max(0, group[-1] - 99) : group[-1] + 1]) for group in groups.values()]
    np.testing.assert_allclose(found['recent'], recent)
    assert curves.thinned(EpisodeLog(1), 10) == {'steps': [], 'mean': [], 'recent': []}


def test_the_curves_of_a_long_run_stay_short():
    """A million updates, each with an episode."""
    log, losses = EpisodeLog(1), LossLog(10**7)
    found = curves.Curves(log, losses)
    for update in range(1, 200_001):
        steps = update * 50
        log.end_steps.append(steps)
        log.returns.append(float(update))
        losses.add({'kl': 1.0, 'late': 2.0} if update > 100_000 else {'kl': 1.0}, steps)
        found.add(log, losses, steps)
    assert {len(column) for column in (*found.losses.values(), *found.returns.values())} == {1000}
    assert found.losses['late'][498:502] == [None, None, 2.0, 2.0]
    assert found.returns['mean'][0] == np.mean(np.arange(1, 201))
    assert found.after({'losses': 999, 'returns': 1000})['losses'] == {'steps': [10**7], 'kl': [1.0], 'late': [2.0]}
    assert found.after({'losses': -5, 'self': 1})['losses']['steps'] == found.losses['steps']


def test_runs_in_the_same_environment_can_be_compared_with(tmp_path):
    train(trpo, tmp_path, '--name', 'before', '--steps', '3000')
    for another in (('--env', 'CartPole-v1'), ('--env-arg', 'g=9')):
        train(ppo, tmp_path, '--steps', '400', *another)
    damaged = tmp_path / 'model/PPO_Pendulum-v1/damaged/checkpoint.npz'
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b'not an archive')
    found = {}

    def look(run, losses):
        if not found:
            found['names'] = json.loads(ask(run.page.address, 'runs')[1])
            number = found['names'][0]['number']
            found['curves'] = json.loads(ask(run.page.address, f'run?number={number}')[1])
            found['file'] = ask(run.page.address, f'file?number={number}')
            run.page.earlier.paths[number].write_bytes(b'')
            found['error'] = json.loads(ask(run.page.address, f'run?number={number}')[1])['error']

    train(ppo, tmp_path, '--watch', '--steps', '800', on_update=look)
    (one,) = found['names']
    assert (one['algorithm'], one['name']) == ('TRPO', 'before')
    written, episodes = (rows(tmp_path / f'image/TRPO_Pendulum-v1/before{kind}.csv') for kind in ('.losses', ''))
    np.testing.assert_allclose(found['curves']['losses']['kl'], written['kl'], rtol=1e-6)
    assert found['curves']['losses']['steps'] == written['steps']
    assert found['curves']['returns']['recent'][-1] == pytest.approx(np.mean(episodes['episode_return'][-100:]))
    status, content, headers = found['file']
    assert (status, headers['Content-Disposition']) == (200, 'attachment; filename="PPO_Pendulum-v1_seed0.html"')
    recorded = json.loads(re.search(r'id="data">(.*?)</script>', content.decode(), re.S)[1])['recorded']
    assert (recorded['other'], recorded['news']['updates']) == (found['curves'], 1)
    assert 'before' in found['error']


def test_a_resumed_run_shows_what_came_before(tmp_path):
    told = []
    train(ppo, tmp_path, '--steps', '6000', on_update=lambda run, _: run.updates < 8)
    train(ppo, tmp_path, '--resume', '--watch', on_update=lambda run, _: told.append(news(run.page.address)))
    written = rows(tmp_path / 'image/PPO_Pendulum-v1/seed0.losses.csv')
    assert told[0]['curves']['losses']['steps'] == written['steps'][: len(told[0]['curves']['losses']['steps'])]
    assert len(told[0]['curves']['losses']['steps']) == told[0]['updates'] == 9
    assert len(told[0]['curves']['returns']['steps']) > 1


@pytest.mark.parametrize(
    ('env', 'env_args', 'plays'),
    [
        ('Pendulum-v1', {}, True),
        ('Pendulum-v1', {'max_episode_steps': 50}, True),
        ('Pendulum-v1', {'g': 9.0}, False),
        ('FrozenLake-v1', {'is_slippery': False}, True),
        ('FrozenLake-v1', {'map_name': '8x8'}, False),
        ('CartPole-v1', {}, True),
        ('Acrobot-v1', {}, False),
    ],
)
def test_the_page_plays_only_what_its_figure_computes(tmp_path, env, env_args, plays):
    shown = []

    def look(run, losses):
        shown.append(run.page.about['figure'])
        return False

    ppo.train(env, out=tmp_path, watch=True, env_args=env_args, on_update=look, **SMALL)
    assert shown == [{'env': env, 'slippery': env_args.get('is_slippery', True)} if plays else None]


def test_an_agent_whose_networks_are_others_is_not_described():
    weights = SimpleNamespace(shape=(3, 3))
    settings = SimpleNamespace(activation='relu')
    for parts, described in (
        ({'actor': [weights], 'critic': [weights]}, True),
        ({'actor': [weights]}, False),
        ({'actor': [SimpleNamespace(shape=(1000, 1000))], 'critic': []}, False),
    ):
        agent = SimpleNamespace(variables=lambda for_acting, parts=parts: parts, settings=settings)
        assert networks.can_be_described(agent) == described
    agent.settings = SimpleNamespace(activation='gelu')
    assert not networks.can_be_described(agent)


def test_a_command_stays_until_the_page_is_closed_and_a_program_does_not(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv('CI', raising=False)
    pages = []

    def close_soon(run, losses):
        pages.append(run.page)
        return False

    def main():
        train(ppo, tmp_path, '--watch', on_update=close_soon)
        threading.Timer(0.3, lambda: ask(pages[-1].address, 'close', 'POST')).start()

    program.run(main)
    said = f'The page stays until you press Ctrl-C, or its button "Close": {pages[0].address}'
    out = capsys.readouterr().out
    assert (out.splitlines()[-1], pages[0].about['canClose']) == (said, True)
    assert f'Watch the training: {pages[0].address}' in out
    with pytest.raises(ConnectionRefusedError):
        ask(pages[0].address)
    program.at_end.clear()
    ppo.train(out=tmp_path, watch=True, on_update=close_soon, **SMALL)
    assert (pages[1].about['canClose'], program.at_end) == (False, [])
    assert news(pages[1].address)['phase'] == 'finished'


@pytest.mark.parametrize(('number', 'raised'), [(signal.SIGINT, None), (signal.SIGTERM, Terminated)])
def test_signals_end_a_page_that_stays(tmp_path, monkeypatch, number, raised):
    monkeypatch.delenv('CI', raising=False)
    pages = []
    train(ppo, tmp_path, '--watch', '--steps', '500', on_update=lambda run, _: pages.append(run.page))

    def terminate(*_):
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    threading.Timer(0.3, os.kill, [os.getpid(), number]).start()
    try:
        if raised:
            with pytest.raises(raised):
                pages[0].stay()
        else:
            pages[0].stay()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_where_nobody_is_there_a_command_does_not_stay(tmp_path, monkeypatch):
    monkeypatch.setenv('CI', 'true')
    program.run(lambda: train(ppo, tmp_path, '--watch', '--steps', '500'))


def test_watch_needs_a_training_of_one_run():
    with pytest.raises(UserError, match=r'^--watch needs --train: add --train, or leave out --watch$'):
        command_line.parse('', ppo.Settings, ppo.PRESETS, ['--test', '--watch'])
    with pytest.raises(UserError, match=r'^--watch cannot be used in an experiment: it is for one run'):
        plan.variants(['ppo.py'], ['--watch'], [])
    with pytest.raises(UserError, match=r'^watch=3 is not one of False, True$'):
        ppo.train('Pendulum-v1', watch=3)
