"""Tables, learning curves and the time left, by hand."""

import json
import re
import time
from dataclasses import replace

from common.running import checkpoint
from experiments import display, plan, report, results

import numpy as np
from matplotlib.figure import Figure

VARIANTS = [plan.Variant(label, 'Pendulum-v1', label, 'ppo.py', ()) for label in ('a', 'b')]


def rows_of(**reached):
    """Rows of results.csv: None is a run that failed."""
    rows = []
    for label, values in reached.items():
        for seed, value in enumerate(values):
            row = dict(env='Pendulum-v1', variant=label, seed=seed, error='' if value is not None else 'nan')
            rows.append(row | (dict(mean_return=value, steps=1000, seconds=seed + 1.0) if value is not None else {}))
    return rows


def cells(table):
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines()]


def test_the_table_has_what_seeds_reached_and_who_failed():
    header, _, first, second, third = cells(report.summary(rows_of(a=[1, 2, 3, 10], b=[5, None], c=[None])))
    assert header == ['environment', 'variant', 'seeds', 'IQM', '95% interval', 'worst seed', 'steps', 'time of a run']
    assert first[:4] == ['Pendulum-v1', 'a', '4', '2.5']
    assert first[4:] == ['range 1.0 to 10.0', '1.0', '1,000', '2.5 s']
    assert second == ['Pendulum-v1', 'b', '1, 1 failed', '5.0', 'range 5.0 to 5.0', '5.0', '1,000', '1.0 s']
    assert third[2:] == ['0, 1 failed', '', '', '', '', '']
    many = cells(report.summary(rows_of(a=range(10))))[2]
    assert re.fullmatch(r'\d\.\d to \d\.\d', many[4]), many
    lengths = {len(line) for line in report.summary(rows_of(a=[1, 2], bbbb=[3])).splitlines()}
    assert len(lengths) == 1, 'columns stand one below the other'


def test_pairs_are_compared_the_better_first():
    _, _, *lines = cells(report.comparison(rows_of(a=range(10), b=range(10, 20), c=[None])))
    assert lines == [['Pendulum-v1', 'b', 'a', '1.00', '1.00 to 1.00']]
    worse = report.comparison(rows_of(a=[4, 4, 4, 4], b=[0, 5, 5, 5]))
    assert cells(worse)[2][1:4] == ['b', 'a', '0.75']
    assert report.comparison(rows_of(a=[1, 2])) == ''
    assert cells(report.comparison(rows_of(a=[1], b=[2])))[2][-1] == 'too few seeds'


RECORD = {
    'algorithm': 'PPO', 'state_dim': 3, 'action_dim': 1, 'action_bound': [[-1], [1]], 'settings': {}, 'env': 'X',
    'env_args': {}, 'engine': 'envpool', 'seed': 3, 'steps': 400, 'seconds': 1.5, 'commit': '', 'processor': '', 'versions': {},
}  # fmt: skip


def left_by_a_run(folder, ends, returns, evaluation=True):
    """A job, and files as its run would leave them."""
    job = plan.Job(VARIANTS[0], 3, str(folder))
    record = RECORD | dict(evaluation=dict(mean_return=1.0, std=0.0, episodes=5)) if evaluation else RECORD
    checkpoint.save(folder / 'model' / 'PPO_X' / 'seed3' / 'agent.npz', {}, record)
    image = folder / 'image' / 'PPO_X' / 'seed3'
    image.parent.mkdir(parents=True)
    results.write_rows(image.with_suffix('.csv'), [dict(steps=s, episode_return=r) for s, r in zip(ends, returns, strict=True)])
    image.with_suffix('.json').write_text(json.dumps(record))
    return job


def test_a_curve_is_the_mean_of_each_part_and_a_gap_where_no_episode_ended(tmp_path):
    found = results.curve(left_by_a_run(tmp_path, [10, 10, 20, 400], [1, 3, 5, 7]), 400)
    np.testing.assert_array_equal(found[[0, 1, 39]], [2, 5, 7])
    assert np.isnan(found[2:39]).all()


def test_a_run_is_finished_when_its_evaluation_is_written_everywhere(tmp_path):
    assert results.record_of(plan.Job(VARIANTS[0], 3, str(tmp_path))) is None
    assert results.record_of(left_by_a_run(tmp_path / 'begun', [1], [1], evaluation=False)) is None
    job = left_by_a_run(tmp_path / 'done', [1], [1])
    assert results.record_of(job)['steps'] == 400
    for text in ('{"steps"', '{"steps": 400}'):
        (tmp_path / 'done' / 'image' / 'PPO_X' / 'seed3.json').write_text(text)
        assert results.record_of(job) is None


def test_the_legend_of_many_variants_lies_within_the_picture(tmp_path, monkeypatch):
    labels = [f'actor_lr={i}e-4, gamma=0.{i}, activation=tanh' for i in range(9)]
    done = left_by_a_run(tmp_path / 'x', [100, 200, 400], [1, 3, 5])
    jobs = [replace(done, variant=replace(done.variant, label=label)) for label in labels]
    figures = []
    monkeypatch.setattr(Figure, 'savefig', lambda self, *_, **__: figures.append(self))
    report.plot(tmp_path / 'curves.png', jobs)
    figures[0].canvas.draw()
    legend = figures[0].legends[0].get_window_extent()
    assert legend.x0 >= 0
    assert legend.y0 >= 0
    assert legend.x1 <= figures[0].bbox.x1
    assert figures[0].axes[0].get_window_extent().height > figures[0].bbox.height / 3


def test_time_left_is_what_was_measured_times_what_is_left_over_the_cores(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    jobs = [plan.Job(variant, seed, '') for seed in range(4) for variant in VARIANTS]
    forecast = display.Forecast(jobs, [100] * 8, 2)
    assert forecast.left() is None
    forecast.saw(0, 10)
    forecast.saw(1, 10)
    assert forecast.left() is None
    now[0] = 10.0
    forecast.saw(0, 20)  # a step a second
    assert forecast.left() == (80 + 90 + 6 * 100) / 2
    forecast.ended(0, 50.0, [0, 100])  # with its start and its evaluation two a second
    assert forecast.left() == 0.5 * (90 + 6 * 100) / 2
    for key in range(1, 7):
        forecast.ended(key, 100.0, [0, 100])
    assert forecast.left() == 100, 'one run cannot be shared by two cores'
    forecast.ended(7, 100.0, [0, 100])
    assert forecast.left() == 0
