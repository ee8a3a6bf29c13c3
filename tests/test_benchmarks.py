"""What the README says of the results: the statistics behind its tables, which agents ship, and that the tables are current."""

import json
import re
from pathlib import Path

from common import checkpoint

import learning
import numpy as np
import pretrained
import pytest
import report
import speed
from scipy import stats

ROOT = Path(__file__).resolve().parent.parent


def test_interquartile_mean():
    rng = np.random.default_rng(0)
    for size in (4, 8, 100):
        values = rng.normal(size=size)
        np.testing.assert_allclose(learning.interquartile_mean(values), stats.trim_mean(values, 0.25))
    np.testing.assert_allclose(learning.interquartile_mean(np.array([6.0, 0.0, 2.0])), (0 + 4 * 2 + 6) / 6)
    np.testing.assert_allclose(learning.interquartile_mean(np.array([9.0, 1.0, 5.0, 2.0, 3.0])), (0.75 * (2 + 5) + 3) / 2.5)
    assert learning.interquartile_mean(np.array([7.0])) == 7


def test_interval_lies_between_the_extremes_around_the_mean_and_narrows_with_the_number_of_seeds():
    rng = np.random.default_rng(0)
    few, many = rng.normal(size=5), rng.normal(size=500)
    for values in (few, many):
        low, high = learning.interval(values)
        assert values.min() <= low < learning.interquartile_mean(values) < high <= values.max()
    assert np.ptp(learning.interval(many)) < np.ptp(learning.interval(few)) / 3
    assert learning.interval(np.ones(3)) == (1, 1)


def test_the_best_agent_ships_and_one_of_other_settings_gives_way(tmp_path, monkeypatch):
    monkeypatch.setattr(report, 'ROOT', tmp_path)
    (tmp_path / 'image' / 'pretrained').mkdir(parents=True)
    shipped = tmp_path / 'model' / 'PPO_X-v0' / 'pretrained.npz'
    for run, (mean_return, gamma, ships) in enumerate([(3, 0.9, 0), (2, 0.9, 0), (5, 0.9, 2), (1, 0.99, 3), (1, 0.99, 3)]):
        out, record = tmp_path / str(run), dict(run=run, settings=dict(gamma=gamma), evaluation=dict(mean_return=mean_return))
        checkpoint.save(out / 'model' / 'PPO_X-v0' / 'seed1' / 'agent.npz', {}, record)
        (out / 'image' / 'PPO_X-v0').mkdir(parents=True)
        (out / 'image' / 'PPO_X-v0' / 'seed1.json').write_text(json.dumps(record))
        learning.ship_if_best(out, record)
        assert checkpoint.load(shipped)[1]['run'] == ships
        assert json.loads((tmp_path / 'image' / 'pretrained' / 'PPO_X-v0.json').read_text())['run'] == ships


def test_a_row_names_what_it_was_made_with_and_older_rows_stay(tmp_path):
    made_with = report.made_with()
    assert list(made_with) == ['commit', 'processor', 'versions']
    assert f'numpy {np.__version__}' in made_with['versions']
    assert report.made_with(dict(commit='c', processor='p', versions=dict(a='1', b='2')))['versions'] == 'a 1 b 2'
    report.write_rows(tmp_path / 'rows.csv', [dict(seed=0), dict(seed=1) | made_with])
    old, new = report.read_rows(tmp_path / 'rows.csv')
    assert old == dict.fromkeys(made_with, '') | dict(seed='0')
    assert new == dict(seed='1') | made_with


@pytest.mark.parametrize('benchmark', [learning, speed])
def test_tables_of_both_readmes_are_those_of_the_result_files(benchmark, monkeypatch):
    tables = {}
    monkeypatch.setattr(report, 'put', lambda name, *texts: tables.update({name: texts}))
    monkeypatch.setattr(learning, 'plot', lambda *_: None)
    benchmark.write_report()
    assert tables
    for name, texts in tables.items():
        for file, text in zip(('README.md', 'README.zh-CN.md'), texts, strict=True):
            found = re.search(rf'<!-- {name} -->\n(.*?)\n<!-- /{name} -->', (ROOT / file).read_text(encoding='utf-8'), re.S)
            assert found[1] == text


def test_what_ships_for_box2d_is_the_median_seed_of_the_table():
    for script, env in pretrained.AGENTS:
        if env in learning.BOX2D:
            row = pretrained.row_that_ships(script, env)
            name = script[0].removesuffix('.py').upper()
            record = checkpoint.load(ROOT / 'model' / f'{name}_{env}' / 'pretrained.npz')[1]
            assert (record['env'], record['seed'], record['commit']) == (env, int(row['seed']), row['commit'])
            assert record['evaluation']['mean_return'] == float(row['mean_return'])


def test_what_ships_for_the_chapter_is_the_best_seed_of_the_table():
    best = {}
    for row in report.read_rows(report.RESULTS / 'learning.csv'):
        if row['env'] in learning.CHAPTER:
            best.setdefault((row['agent'].removesuffix('-Clip'), row['env']), []).append(float(row['mean_return']))
    for path in ROOT.glob('model/*/pretrained.npz'):
        record = checkpoint.load(path)[1]
        if record['env'] in learning.CHAPTER:
            assert record['evaluation']['mean_return'] == max(best.pop((record['algorithm'], record['env'])))
    assert not best
