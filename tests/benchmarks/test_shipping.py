"""Which agents ship: those of the median seeds, each only from the run of its row."""

import json
from pathlib import Path

from benchmarks import report
from benchmarks.learning import cells, pretrained, runs
from common.running import checkpoint

ROOT = Path(__file__).resolve().parents[2]


def test_the_median_seed_of_the_block_ships_and_only_from_the_run_of_its_row(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, 'ROOT', tmp_path)
    monkeypatch.setattr(report, 'RESULTS', tmp_path)
    (tmp_path / 'image' / 'pretrained').mkdir(parents=True)
    cell = dict(agent='TRPO', env='CartPole-v1')
    returns = {0: 500.0, 200: 499.0, 201: 480.0, 202: 490.0}
    rows = [cell | dict(seed=seed, mean_return=value, commit='c') for seed, value in returns.items()]
    report.write_rows(tmp_path / 'learning.csv', rows)
    shipped = tmp_path / 'model' / 'TRPO_CartPole-v1' / 'pretrained.npz'
    for commit in ('older', 'c'):
        for seed, value in returns.items():
            out = runs.folder_of('trpo', 'CartPole-v1', seed)
            record = dict(commit=commit, evaluation=dict(mean_return=value))
            checkpoint.save(out / 'model' / 'TRPO_CartPole-v1' / f'seed{seed}' / 'agent.npz', {}, record)
            (out / 'image' / 'TRPO_CartPole-v1').mkdir(parents=True, exist_ok=True)
            for suffix in ('.json', '.losses.csv'):
                (out / 'image' / 'TRPO_CartPole-v1' / f'seed{seed}{suffix}').write_text(json.dumps(record))
        pretrained.main([])
        assert shipped.exists() == (commit == 'c')
        assert 'ppo | Pendulum-v1 | not changed: the block was not run' in capsys.readouterr().out
    assert checkpoint.load(shipped)[1]['evaluation']['mean_return'] == 490
    assert json.loads((tmp_path / 'image' / 'pretrained' / 'TRPO_CartPole-v1.json').read_text())['commit'] == 'c'
    assert [path.name for path in (tmp_path / 'image' / 'pretrained').iterdir()] == ['TRPO_CartPole-v1.json']


def test_of_the_agents_without_a_preset_those_that_are_filmed_ship():
    without = {cell for cell in pretrained.SHIPS if cell in cells.NO_PRESET_CELLS}
    assert without == {('trpo', 'BipedalWalker-v3')}


def test_what_ships_is_the_median_seed_of_the_block():
    for agent, env in pretrained.SHIPS:
        row = pretrained.row_that_ships(agent, env)
        if row:
            name = cells.AGENTS[agent][0].removesuffix('-Clip')
            folder = f'{name}_{env}' + '_terminate_when_unhealthy=false' * (env == 'Ant-v4')
            record = checkpoint.load(ROOT / 'model' / folder / 'pretrained.npz')[1]
            assert (record['env'], record['seed'], record['commit']) == (env, int(row['seed']), row['commit'])
            assert record['evaluation']['mean_return'] == float(row['mean_return'])
