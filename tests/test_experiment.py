"""experiment.py from its command line: what it leaves, that nothing is lost, and that each run is the agent's own."""

import csv
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import experiment
import ppo
from common.errors import Terminated, UserError
from common.running import checkpoint
from experiments import plan, schedule
from experiments.schedule import train

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
SHORT = '--steps=4000', '--batch-steps=400', '--num-envs=4', '--hidden=8', '--episodes=5', '--save-every=2000'
PPO = ['ppo.py', '--seeds', '2', *SHORT, '--minibatch-size', '100']
LONGER = [*PPO, '--steps', '12000', '--name', 'x']


def begin(*argv):
    """Starts an experiment as a user would."""
    command = [sys.executable, 'experiment.py', *map(str, argv)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process, code=0):
    """What it printed, standard error last, once it has ended with this code."""
    out, err = process.communicate(timeout=500)
    assert process.returncode == code, out + err
    assert 'Traceback' not in out + err
    return out + err


def run(*argv, code=0):
    return end(begin(*argv), code)


def left_by(folder):
    """The arrays of every run under a folder, and its curves: what no interruption may change."""
    found = {}
    for path in folder.rglob('*.npz'):
        arrays, record = checkpoint.load(path)
        found[str(path.relative_to(folder))] = {name: array.tobytes() for name, array in arrays.items()}, record['steps']
    return found | {str(path.relative_to(folder)): path.read_text() for path in folder.glob('*/image/*/*.csv')}


def below(pid):
    """All processes that a process started, theirs too: {pid: name}."""
    parents, names = {}, {}
    for path in Path('/proc').glob('[0-9]*'):
        try:
            parents[int(path.name)] = int(Path(path, 'stat').read_text().rpartition(')')[2].split()[1])
            names[int(path.name)] = Path(path, 'cmdline').read_text()
        except OSError:  # it ended meanwhile
            continue
    found, new = {}, {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new and child in names}
        found |= {child: names[child] for child in new}
    return found


def training(pid):
    """The processes of an experiment that train."""
    return [child for child, name in below(pid).items() if name.startswith('ray::work')]


def wait_for(condition):
    """Waits until it holds; returns what it gave."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError('waited in vain')


def until_saved(storage, process):
    """Waits until a run has saved a checkpoint."""
    wait_for(lambda: list(storage.rglob('checkpoint.npz')) or process.poll() is not None)


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    """What an experiment leaves that nothing interrupted."""
    storage = tmp_path_factory.mktemp('undisturbed')
    run(*LONGER, '--storage', storage)
    return left_by(storage / 'x')


def test_an_experiment_leaves_its_results_and_a_failing_variant_stops_nothing(tmp_path, capsys):
    """Every run is the agent's own: the command of its row, typed by hand, gives the same arrays and curve, bit for bit."""
    printed = run(*PPO, 'x', code=2)
    assert 'experiment.py: error: ppo.py: unknown flag x' in printed
    printed = run(*PPO, '--vary', 'actor_lr=1e-3,1e30', '--storage', tmp_path, code=1)
    folder = tmp_path / 'ppo,actor_lr'
    rows = list(csv.DictReader((folder / 'results.csv').open()))
    assert [(row['variant'], row['seed']) for row in rows] == [
        ('actor_lr=1e-3', '0'), ('actor_lr=1e30', '0'), ('actor_lr=1e-3', '1'), ('actor_lr=1e30', '1'),
    ]  # fmt: skip
    for row in rows:
        assert ('in update' in row['error']) == (row['mean_return'] == '') == (row['variant'] == 'actor_lr=1e30')
    failed = rows[1]
    assert f'failed: {failed["command"]}: {failed["error"]}' in printed
    assert failed['error'] in (folder / 'actor_lr=1e30' / 'seed0.log').read_text()
    assert re.search(r'^Training \| Episode: ', (folder / 'actor_lr=1e-3' / 'seed1.log').read_text(), re.M)
    line = r'^actor_lr=1e-3 \| Pendulum-v1 \| seed 1 \| return -\S+ \| 3,\d+ steps in .* \| \d of 4 runs \| time left: '
    assert re.search(line, printed, re.M)
    table = (folder / 'table.md').read_text()
    assert table in printed
    assert re.search(r'^\| Pendulum-v1 \| actor_lr=1e-3 \| 2 ', table, re.M)
    assert re.search(r'^\| Pendulum-v1 \| actor_lr=1e30 \| 0, 2 failed ', table, re.M)
    assert (folder / 'curves.png').stat().st_size > 10_000
    loaded = [path for path in folder.rglob('*.log') if 'Loading TensorFlow' in path.read_text()]
    assert len(loaded) <= os.cpu_count(), 'TensorFlow is loaded once a process, not once a run'
    words = shlex.split(rows[2]['command'])
    assert words[:2] == ['python', 'ppo.py']
    ppo.main([*words[2:], '--out', str(tmp_path / 'hand' / 'x')])
    mine = {name: value for name, value in left_by(tmp_path / 'hand').items() if name.startswith('x/')}
    theirs = {name.replace('actor_lr=1e-3', 'x'): value for name, value in left_by(folder).items() if 'seed1' in name}
    assert len(mine) == 4
    assert mine.items() <= theirs.items()


EVERY_CORE = sys.platform == 'linux' and 1 < os.cpu_count() == len(os.sched_getaffinity(0))


@pytest.mark.slow
@pytest.mark.skipif(not EVERY_CORE, reason='needs Linux, and the use of every core of two or more')
def test_runs_side_by_side_keep_to_cores_of_their_own(tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # whose name is short enough for Ray
        monkeypatch.setenv('TMPDIR', folder)
        process = begin(*LONGER, '--cores', '2', '--storage', tmp_path)
        share = os.cpu_count() // 2
        kept = lambda: [held for held in map(os.sched_getaffinity, training(process.pid)) if len(held) == share]  # noqa: E731
        first, second = wait_for(lambda: len(held := kept()) == 2 and held)
        end(process)
    assert first.isdisjoint(second)


@pytest.mark.slow
def test_a_lost_process_and_a_lost_driver_change_nothing(undisturbed, tmp_path):
    """kill -9 of a process that trains, then of the experiment itself, whose processes end with it; SIGTERM at last."""
    process = begin(*LONGER, '--storage', tmp_path)
    until_saved(tmp_path, process)
    os.kill(training(process.pid)[0], signal.SIGKILL)
    time.sleep(1)
    trained = training(process.pid)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(Path(f'/proc/{pid}').exists() for pid in trained))
    again = begin('--resume', tmp_path / 'x')
    wait_for(lambda: any('Resumed' in path.read_text() for path in tmp_path.rglob('*.log')) or again.poll() is not None)
    again.send_signal(signal.SIGTERM)
    said = end(again, code=143)
    assert f'to continue, type python experiment.py --resume {tmp_path / "x"}' in said
    assert any('Interrupted at step' in path.read_text() for path in tmp_path.rglob('*.log'))
    said = run('--resume', tmp_path / 'x')
    assert left_by(tmp_path / 'x') == undisturbed
    assert '2 runs, 2 already finished' in run('--resume', tmp_path / 'x')


@pytest.mark.slow
@pytest.mark.parametrize('what', ['process', 'driver'])
@pytest.mark.parametrize('attempt', range(10))
def test_killed_at_any_moment_it_ends_with_the_same_bits(what, attempt, undisturbed, tmp_path):
    process = begin(*LONGER, '--storage', tmp_path)
    wait_for(lambda: training(process.pid))
    time.sleep(random.Random(attempt).uniform(0, 15))
    victims = training(process.pid) if what == 'process' else [process.pid]
    if victims:  # none where all have ended
        os.kill(random.Random(attempt).choice(victims), signal.SIGKILL)
    if what == 'process':
        end(process)
    else:
        process.communicate()
        run('--resume', tmp_path / 'x')
    assert left_by(tmp_path / 'x') == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize('attempt', range(10))
def test_a_cluster_that_loses_a_machine_at_any_moment_ends_with_the_same_bits(attempt, undisturbed, tmp_path):
    """Three nodes, simulated on this machine, one without cores; one of the others is killed."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=0, include_dashboard=False))
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        process = begin(*LONGER, '--storage', tmp_path, '--address', cluster.address)
        wait_for(lambda: list(tmp_path.rglob('seed*.log')))
        time.sleep(random.Random(attempt).uniform(0, 15))
        cluster.remove_node(nodes[attempt % 2], allow_graceful=False)
        end(process)
    finally:
        cluster.shutdown()
    assert left_by(tmp_path / 'x') == undisturbed


@pytest.mark.parametrize(
    ('argv', 'words'),
    [
        ('', 'name the agents first'),
        ('ppp.py', r"there is no agent 'ppp.py' \(nearest: ppo.py"),
        ('ppo.py --vary clipp=1,2', r"there is no setting 'clipp' \(nearest: clip"),
        ('ppo.py --vary clip=-1,2', 'ppo.py: --clip -1.0 is out of range'),
        ('ppo.py --vary clip=1,1', 'each of its values once'),
        ('ppo.py --vary anneal=perhaps', 'the value must be true or false'),
        ('ppo.py --vary clip=0.2,0.20', r'clip=0\.2 and clip=0\.20 are the same settings: leave one of them out'),
        ('ppo.py --sedes 3', r'ppo.py: unknown flag --sedes \(nearest: --seeds, '),
        ('ppo.py --trails=3', r'ppo.py: unknown flag --trails \(nearest: --trials, '),
        ('--compare /proc --nme x', r'--nme does not go with --compare: .* \(nearest: --name, '),
        ('ppo.py ppo.py', 'ppo would be run twice'),
        ('ppo.py --seed 3', '--seed cannot be used in an experiment: use --seeds'),
        ('ppo.py --seeds 9..3', '--seeds 9..3 names no seeds'),
        ('ppo.py --env Pendulm-v1', r"unknown environment 'Pendulm-v1' \(nearest: Pendulum-v1"),
        ('ppo.py --cores 0', '--cores 0 is out of range'),
        ('ppo.py --name a/b', 'cannot name a run'),
        ('ppo.py --storage /proc/x', 'cannot write /proc/x'),
        ('ppo.py --address 127.0.0.1:1', '--address goes with --storage'),
        ('ppo.py --address here --storage /nowhere', '--address here is not an address'),
        ('ppo.py --address 127.0.0.1:1 --storage /nowhere', 'no cluster answers at --address 127.0.0.1:1'),
        ('ppo.py --search gama=0.9..0.99', r"there is no setting 'gama' \(nearest: gamma"),
        ('ppo.py --search gamma=0.99..0.9', 'gamma=0.99..0.9 is empty'),
        ('ppo.py --search gamma=0.9..1.1', 'ppo.py: --gamma 1.1 is out of range'),
        ('ppo.py --search gamma=0.9', 'gamma=0.9 is not a range'),
        ('ppo.py --search gamma=0.9999991..0.9999992', 'gamma=0.9999991..0.9999992 is empty'),
        ('ppo.py --search epochs=1..inf', 'epochs=1..inf has no end'),
        ('ppo.py --address ..:6379 --storage /nowhere', 'no cluster answers at --address ..:6379'),
        ('ppo.py --address h:² --storage /nowhere', '--address h:² is not an address'),
        ('--seeds 3 ppo.py', 'name the agents first'),
        ('--compare /proc --seeds 3', '--seeds does not go with --compare'),
        ('ppo.py --search anneal=0..1', 'anneal is not a number'),
        ('ppo.py --search gamma=0.9..0.99 gamma=0.9..0.99', '--search names gamma twice'),
        ('ppo.py trpo.py --search gamma=0.9..0.99', '--search takes one agent'),
        ('ppo.py --trials 3', '--trials goes with --search'),
        ('--resume /proc', 'there is no experiment in /proc'),
        ('--resume /proc --clip 3', '--clip does not go with --resume'),
        ('--compare /proc', 'there is no experiment in /proc'),
    ],
)
def test_bad_input_is_one_line(argv, words):
    with pytest.raises(UserError, match=words) as caught:
        experiment.main(argv.split())
    assert '\n' not in str(caught.value)


def test_an_address_that_is_silent_is_given_up(monkeypatch):
    monkeypatch.setattr(experiment, 'SECONDS', 3)
    with socket.create_server(('127.0.0.1', 0)) as silent:
        address = f'127.0.0.1:{silent.getsockname()[1]}'
        began = time.monotonic()
        with pytest.raises(UserError, match=f'no cluster answers within 3 s at --address {address}'):
            experiment.main(['ppo.py', '--address', address, '--storage', '/nowhere'])
    assert time.monotonic() - began < 10


SEARCHED = dict(ranges=['gamma=0.9..0.99'], trials=3, seeds=[0, 1, 2])


def test_more_seeds_after_a_search_are_fresh_ones():
    done = plan.Experiment(['ppo.py'], [], [], [100, 101], 'python experiment.py ppo.py', '', search=SEARCHED, points=[{}])
    more = experiment.more_seeds(done, '4')
    assert more.seeds == [100, 101, 102, 103]
    assert more.command == 'python experiment.py ppo.py  # and --resume with --seeds 4'
    with pytest.raises(UserError, match=r'--seeds 2\.\.9: the search already used seed 2'):
        experiment.more_seeds(done, '2..9')
    plain = plan.Experiment(['ppo.py'], [], [], [0, 1], 'x', '')
    assert experiment.more_seeds(plain, '4').seeds == [0, 1, 2, 3]


def test_two_processes_cannot_take_up_one_experiment(tmp_path):
    plan.Experiment(['ppo.py'], [], [], [0], 'x', '').save(tmp_path)
    before = (tmp_path / 'experiment.json').read_bytes()
    with FileLock(tmp_path / '.lock'), pytest.raises(UserError, match='another process is running the experiment in'):
        experiment.main(['--resume', str(tmp_path)])
    assert (tmp_path / 'experiment.json').read_bytes() == before


def test_a_full_disk_leaves_the_description_of_an_experiment(tmp_path, monkeypatch):
    one = plan.Experiment(['ppo.py'], [], [], [0], 'x', '')
    one.save(tmp_path)
    full = OSError(28, 'No space left on device')
    monkeypatch.setattr(Path, 'write_text', lambda *_, **__: (_ for _ in ()).throw(full))
    with pytest.raises(UserError, match='No space left on device'):
        one.save(tmp_path)
    assert plan.read(tmp_path) == one


def test_a_run_without_files_is_a_failure_and_not_a_success(tmp_path, monkeypatch):
    """As where its folder was deleted meanwhile."""
    monkeypatch.setattr(schedule, 'train_all', lambda jobs, folder, display, on_end: [on_end(job, '') for job in jobs])
    monkeypatch.setattr(experiment, 'start', lambda *_: 1)
    monkeypatch.setattr(experiment, 'soon', lambda look: look())
    assert experiment.main(['ppo.py', '--seeds', '1', '--storage', str(tmp_path)]) is False
    row = next(csv.DictReader((tmp_path / 'ppo' / 'results.csv').open()))
    assert 'are missing or damaged' in row['error']


def test_where_every_run_failed_no_picture_is_promised(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(schedule, 'train_all', lambda jobs, folder, display, on_end: [on_end(job, 'x') for job in jobs])
    monkeypatch.setattr(experiment, 'start', lambda *_: 1)
    assert experiment.main(['ppo.py', '--seeds', '1', '--storage', str(tmp_path)]) is False
    assert capsys.readouterr().out.endswith('ppo: results.csv, table.md\n')


@pytest.mark.parametrize('ignored', [False, True])
def test_sigterm_does_what_ctrl_c_does(ignored, tmp_path, monkeypatch, capsys):
    """Also where SIGINT is ignored, as in the background of a script that a scheduler runs."""

    def train_all(*_):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(schedule, 'train_all', train_all)
    monkeypatch.setattr(experiment, 'start', lambda *_: 1)
    before = signal.getsignal(signal.SIGTERM)
    on_interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    try:
        with pytest.raises(Terminated):
            experiment.main(['ppo.py', '--seeds', '1', '--storage', str(tmp_path)])
    finally:
        signal.signal(signal.SIGINT, on_interrupt)
    assert f'to continue, type python experiment.py --resume {tmp_path / "ppo"}\n' in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_agents_know_nothing_of_it():
    code = 'import ppo, trpo, a2c, acktr, sac, sys; sys.exit("ray" in sys.modules or "experiments" in sys.modules)'
    subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)


@pytest.mark.slow
def test_experiments_that_were_done_are_compared_by_what_differs(tmp_path, capsys):
    """Without Ray: the runs are trained here, into the folders of two experiments."""
    for name, flags in (('one', []), ('two', ['--clip', '0.1']), ('three', ['--clip', '0.1'])):
        done = plan.Experiment(['ppo.py'], [*SHORT, '--minibatch-size', '100', *flags], [], [0, 1], name, '')
        folder = tmp_path / name
        folder.mkdir()
        done.save(folder)
        for job in done.jobs(folder):
            train(job)
    assert experiment.main(['--compare', *(str(tmp_path / name) for name in ('one', 'two')), '--storage', str(tmp_path)])
    table = (tmp_path / 'one and two' / 'table.md').read_text()
    assert table in capsys.readouterr().out
    assert re.search(r'\| clip=0\.2 +\| clip=0\.1 |\| clip=0\.1 +\| clip=0\.2 ', table)
    experiment.main(['--compare', *(str(tmp_path / name) for name in ('two', 'three')), '--storage', str(tmp_path)])
    assert 'two: PPO' in capsys.readouterr().out
    shutil.copytree(tmp_path / 'one', tmp_path / 'elsewhere' / 'one')
    next((tmp_path / 'elsewhere').rglob('agent.npz')).write_bytes(b'damaged')
    again = str(tmp_path / 'one'), str(tmp_path / 'two' / '..' / 'one'), str(tmp_path / 'elsewhere' / 'one')
    assert experiment.main(['--compare', *again, '--storage', str(tmp_path), '--name', 'same']) is False
    said = capsys.readouterr()
    assert f'{tmp_path}/elsewhere/one: 1 of 2 runs are finished' in said.err
    lines = [line.split('|')[2:4] for line in said.out.splitlines() if line.startswith('| Pendulum-v1')][:2]
    assert [int(seeds) for _, seeds in lines] == [2, 1]
    assert lines[0][0] != lines[1][0]
    rows = list(csv.DictReader((tmp_path / 'two and three' / 'results.csv').open()))
    assert [row['mean_return'] for row in rows[:2]] == [row['mean_return'] for row in rows[2:]]


SEARCH = ['ppo.py', *SHORT, '--minibatch-size=100', '--search', 'actor_lr=1e-4..1e-2', 'gamma=0.9..0.999', '--name=x']
FEW = ['--trials=4', '--seeds=2', '--fresh=2']


def test_runs_of_before_settings_were_renamed_are_labelled_by_what_differs():
    """The first record says rollout_steps 2048, the second batch_steps 2048: only gamma sets them apart."""
    records = [dict(algorithm='PPO', engine='envpool', settings=dict(rollout_steps=2048, gamma=0.9))]
    records += [dict(algorithm='PPO', engine='envpool', settings=dict(batch_steps=2048, gamma=0.99))]
    variants = [plan.Variant('ppo', 'Pendulum-v1', 'ppo', 'ppo.py', ()) for _ in records]
    groups = {(Path(name), variant): [(None, record)] for name, variant, record in zip('ab', variants, records, strict=True)}
    assert experiment.labels(groups) == ['gamma=0.9', 'gamma=0.99']


def check_search(folder, trials, printed):
    """What a search leaves: its trials, the best of those that came to their end, and that beside the preset on other seeds."""
    rows = list(csv.DictReader((folder / 'trials.csv').open()))
    assert len(rows) == len({row['trial'] for row in rows}) == trials
    whole = [row for row in rows if row['state'] == 'whole']
    best = max(whole, key=lambda row: float(row['score']))
    flags = f'--actor-lr {best["actor_lr"]} --gamma {best["gamma"]}'
    assert re.search(rf'^The best settings found: `python ppo\.py --train .* {flags} --seed 100`$', printed, re.M)
    rows = list(csv.DictReader((folder / 'results.csv').open()))
    label = f'actor_lr={best["actor_lr"]}, gamma={best["gamma"]}'
    assert [(row['variant'], row['seed']) for row in rows] == [
        ('ppo', '100'), (label, '100'), ('ppo', '101'), (label, '101'),
    ]  # fmt: skip
    evaluations = [checkpoint.load(path)[1] for path in folder.glob(f'trials/{best["trial"]}/model/*/*/agent.npz')]
    assert sorted(record['seed'] for record in evaluations) == [0, 1]
    mean = sum(record['evaluation']['mean_return'] for record in evaluations) / 2
    assert float(best['score']) == pytest.approx(mean)


@pytest.mark.slow
def test_a_search_finds_settings_and_compares_them_with_the_preset_on_other_seeds(tmp_path):
    printed = run(*SEARCH, *FEW, '--storage', tmp_path)
    assert printed.count(' of 4 trials\n') == 4
    check_search(tmp_path / 'x', 4, printed)


@pytest.mark.slow
@pytest.mark.parametrize(('how', 'code'), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_search_that_was_killed_goes_on(how, code, tmp_path):
    process = begin(*SEARCH, *FEW, '--storage', tmp_path)
    wait_for(lambda: (tmp_path / 'x' / 'trials.csv').exists() or process.poll() is not None)
    process.send_signal(how)
    said, warned = process.communicate()
    assert process.returncode == code
    assert how == signal.SIGKILL or ('to continue, type' in said and not warned)
    check_search(tmp_path / 'x', 4, run('--resume', tmp_path / 'x'))
