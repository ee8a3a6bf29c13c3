"""Worker processes: the same bits as without them, whoever chose them, and one line for whatever goes wrong in one."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from common.envs import env_process, make_envs, workers
from common.envs.env_process import EnvProcess
from common.envs.workers import WorkerEnvs
from common.errors import UserError

import gymnasium as gym
import numpy as np
import pytest
from rollouts import rollout
from slow_envs import Drawing, Faulty, InPlace, Shared, Slow

ROOT = Path(__file__).parents[3]
KINDS = Slow, Faulty, Shared, Drawing, InPlace


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(workers, 'TRIAL_SECONDS', 0)
    monkeypatch.setattr(workers.cores, 'usable', lambda: 2)
    for kind in KINDS:
        gym.register(f'{kind.__name__}-v0', f'slow_envs:{kind.__name__}', max_episode_steps=1000)
    yield
    for kind in KINDS:
        del gym.registry[f'{kind.__name__}-v0']


def made(name, count, number, **env_args):
    return make_envs(name, count, 'gymnasium', env_args, workers=number)


def bits(name, count, number, seed=3, steps=60, **env_args):
    envs = made(name, count, number, **env_args)
    arrays = [np.array(one) for one in (*rollout(envs, seed, steps), *rollout(envs, seed + 1, 5))]
    envs.close()
    return arrays, envs


def children():
    """The processes of environments that this process has started and that have not ended."""
    return running(f'serving.serve({os.getpid()})')


def running(words):
    """The numbers of the processes whose command line ends in `words`; a bare machine has neither ps nor pgrep."""
    found = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        with contextlib.suppress(OSError):  # it has just ended
            command = path.read_bytes().replace(b'\0', b' ').decode(errors='replace')
            found += [path.parent.name] * command.rstrip().endswith(words)
    return found


@pytest.mark.parametrize('name', ['Slow-v0', 'CartPole-v1', 'FrozenLake-v1', 'HalfCheetah-v5'])
def test_which_process_steps_an_environment_changes_no_bit(name):
    expected, _ = bits(name, 5, 0)
    for number in (1, 3) if name == 'Slow-v0' else (2,):
        arrays, envs = bits(name, 5, number)
        assert envs.workers == number
        assert all(map(np.array_equal, arrays, expected))
    assert not children()


def test_workers_take_over_where_steps_are_slow_and_change_no_bit():
    expected, _ = bits('Slow-v0', 4, 0, wait=0.01, steps=20)
    arrays, envs = bits('Slow-v0', 4, 'auto', wait=0.01, steps=20)
    assert envs.workers == 4
    assert envs.note == 'Slow-v0 takes long: 4 worker processes step it.'
    assert all(map(np.array_equal, arrays, expected))
    assert not children()


@pytest.mark.parametrize(('seconds', 'number'), [(1e-9, 2), (1e9, 0)])
def test_environments_that_compute_get_a_worker_for_each_core_if_that_is_faster(seconds, number, monkeypatch):
    """How fast they are, a busy machine decides: here the clock of the trial is made up."""
    repeat = WorkerEnvs._repeat
    monkeypatch.setattr(WorkerEnvs, '_repeat', lambda *trial: repeat(*trial) and seconds)
    _, envs = bits('Slow-v0', 4, 'auto', busy=0.001, steps=8)
    assert envs.workers == number
    assert ('takes long' in envs.note) == bool(number)


def test_cheap_environments_stay_in_this_process():
    _, envs = bits('CartPole-v1', 8, 'auto', steps=workers.TRIAL + 1)
    assert (envs.workers, envs.note) == (0, '')


def test_a_short_evaluation_starts_no_workers(monkeypatch):
    monkeypatch.setattr(workers, 'TRIAL_SECONDS', 1)
    _, envs = bits('Slow-v0', 4, 'auto', busy=0.001, steps=10)
    assert envs.workers == 'auto'


def test_one_environment_needs_no_workers():
    _, envs = bits('Slow-v0', 1, 'auto', wait=0.002)
    assert envs.workers == 0


def test_environments_that_wait_get_more_workers_than_there_are_cores(monkeypatch):
    monkeypatch.setattr(workers.cores, 'usable', lambda: 1)
    _, envs = bits('Slow-v0', 6, 'auto', wait=0.02, steps=5)
    assert envs.workers == 6
    monkeypatch.setattr(workers, 'MOST', 3)
    _, envs = bits('Slow-v0', 6, 'auto', wait=0.02, steps=5)
    assert envs.workers == 3


@pytest.mark.parametrize('count', [4, 8, 16])
def test_a_step_of_environments_that_wait_takes_as_long_as_one(count):
    envs = made('Slow-v0', count, count, wait=0.02)
    envs.reset(0)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        envs.step(np.zeros((count, 2), np.float32))
        times.append(time.perf_counter() - began)
    envs.close()
    assert min(times) < 0.02 * count / 2


def test_what_an_environment_does_to_its_action_and_what_the_program_registered():
    gym.spec('InPlace-v0').max_episode_steps = 9
    expected, _ = bits('InPlace-v0', 4, 0, wait=0.005)
    arrays, envs = bits('InPlace-v0', 4, 'auto', wait=0.005)
    assert envs.workers == 4
    assert all(map(np.array_equal, arrays, expected))
    truncated = np.stack(expected[4:300:5])
    assert truncated[8].all(), 'after nine steps, as this test has registered it'


@pytest.mark.parametrize(('name', 'env_args'), [('Drawing-v0', {}), ('Shared-v0', {})])
def test_environments_that_share_something_stay_in_this_process(name, env_args):
    """Some draw from NumPy's global generator; some count in their class. Both train as without workers."""
    expected, _ = bits(name, 4, 0, busy=0.001, **env_args)
    Shared.count = 0
    arrays, envs = bits(name, 4, 'auto', busy=0.001, **env_args)
    assert envs.workers == 0
    assert 'they depend on more than their seed' in envs.note
    assert all(map(np.array_equal, arrays, expected))


def test_the_user_is_told_where_environments_draw_global_random_numbers():
    _, envs = bits('Faulty-v0', 4, 2, steps=120, fault='draws')
    assert 'Faulty-v0 draws from random or numpy.random' in envs.note


@pytest.mark.parametrize('number', [0, 2])
@pytest.mark.parametrize(('fault', 'says'), [('raises', 'RuntimeError: no licence'), ('exits', 'SystemExit: no licence')])
def test_what_an_environment_raises_is_one_line(fault, says, number):
    envs = made('Faulty-v0', 4, number, fault=fault)
    with pytest.raises(UserError, match=f'(?m)^Faulty-v0 raised {says} in step$') as caught:
        rollout(envs, 0, 20)
    if number:
        assert f'slow_envs.py", line {getattr(Faulty, fault).__code__.co_firstlineno + 1}' in caught.value.__notes__[0]
    envs.reset(1)  # and the answers of the others are not those of this reset
    assert np.array_equal(envs.step(np.ones((4, 2), np.float32)).reward, np.full(4, 2, np.float32))
    envs.close()
    assert not children()


def test_a_process_that_ends_or_hangs_is_one_line(monkeypatch):
    monkeypatch.setattr(env_process, 'PATIENCE', 2)
    monkeypatch.setattr(env_process, 'FAREWELL', 1)
    envs = made('Faulty-v0', 4, 2, fault='ends')
    with pytest.raises(UserError, match=r'^Faulty-v0: the process of environments \d to \d has ended .* exit code 7$'):
        rollout(envs, 0, 20)
    envs.close()
    envs = made('Faulty-v0', 3, 3, fault='hangs', early=0)
    rollout(envs, 0, 10)
    began = time.monotonic()
    with pytest.raises(UserError, match=r'^Faulty-v0: the process of environment 0 has not answered for 2 seconds: .* hangs$'):
        envs.step(np.zeros((3, 2)))
    envs.close()
    assert time.monotonic() - began < 5, 'all are waited for together'
    envs = made('Slow-v0', 4, 2)
    envs.reset(0)
    envs.processes[1].process.kill()
    with pytest.raises(UserError, match='environments 2 to 3 has ended by itself, killed by signal 9'):
        rollout(envs, 0, 20)
    envs.close()
    assert not children()


def test_what_environments_print_and_read_disturbs_nothing():
    arrays, _ = bits('Faulty-v0', 2, 2, fault='prints')
    expected, _ = bits('Slow-v0', 2, 0, length=1000)
    assert all(map(np.array_equal, arrays, expected))


@pytest.mark.parametrize('number', [2, 'auto'])
def test_environments_that_cannot_be_sent_or_made_elsewhere(number):
    lock = threading.Lock()

    def locked():
        return lock and Slow(busy=0.001)

    gym.register('Locked-v0', locked)
    try:
        envs = made('Locked-v0', 4, number)
        if number == 'auto':
            rollout(envs, 0, 10)
            assert envs.note.startswith('Locked-v0 takes long, but its environments stay in this process: worker proc')
            envs.close()
        else:
            with pytest.raises(UserError, match=r'^Locked-v0 cannot be sent to a worker process: TypeError'):
                envs.reset(0)
    finally:
        del gym.registry['Locked-v0']


def test_a_module_that_cannot_be_imported_there(monkeypatch):
    module = type(sys)('only_here')
    exec('from slow_envs import Slow\nclass Here(Slow): pass', module.__dict__)
    module.Here.__module__ = 'only_here'
    monkeypatch.setitem(sys.modules, 'only_here', module)
    gym.register('Here-v0', module.Here)
    try:
        with pytest.raises(UserError, match="made in a worker process: ModuleNotFoundError: No module named 'only_here'"):
            made('Here-v0', 2, 2).reset(0)
    finally:
        del gym.registry['Here-v0']
    assert not children()


def test_a_class_that_only_the_program_has():
    """As in a notebook, or in the file that is run."""
    program = """
import numpy as np
from slow_envs import Slow
import gymnasium as gym
from common.envs import make_envs, registered
class Mine(Slow):
    def step(self, action):
        state, _, *rest = super().step(action)
        return state, np.float32(np.pi), *rest
envs = make_envs(registered(Mine), 2, workers=2)
envs.reset(0)
print(envs.step(np.zeros((2, 2))).reward)
envs.close()
"""
    environment = os.environ | {'PYTHONPATH': f'{ROOT}{os.pathsep}{Path(__file__).parent}'}
    done = subprocess.run([sys.executable, '-c', program], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ('[3.1415927 3.1415927]\n', '', 0)


def test_workers_end_with_the_program_that_is_killed():
    program = """
import gymnasium as gym, numpy as np
from common.envs import make_envs
gym.register('Faulty-v0', 'slow_envs:Faulty')
envs = make_envs('Faulty-v0', 2, workers=2, env_args=dict(fault='hangs'))
envs.reset(0)
print(*[one.process.pid for one in envs.processes], flush=True)
while True:
    envs.step(np.zeros((2, 2)))
"""
    environment = os.environ | {'PYTHONPATH': f'{ROOT}{os.pathsep}{Path(__file__).parent}'}
    process = subprocess.Popen([sys.executable, '-c', program], env=environment, stdout=subprocess.PIPE, text=True)
    pids = list(map(int, process.stdout.readline().split()))
    time.sleep(1)  # now they hang
    process.send_signal(signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 20
    while any(map(_lives, pids)) and time.monotonic() < end:
        time.sleep(0.1)
    assert len(pids) == 2
    assert not any(map(_lives, pids))


def _lives(pid):
    status = Path(f'/proc/{pid}/stat')
    return status.exists() and status.read_text().rpartition(')')[2].split()[0] != 'Z'


def test_a_worker_is_small_and_has_no_tensorflow():
    envs = made('Slow-v0', 2, 2)
    envs.reset(0)
    pid = envs.processes[0].process.pid
    status = dict(line.split(':', 1) for line in Path(f'/proc/{pid}/status').read_text().splitlines())
    mapped = Path(f'/proc/{pid}/maps').read_text()
    envs.close()
    assert int(status['VmHWM'].split()[0]) < 120_000
    assert 'tensorflow' not in mapped


def test_wrong_numbers_of_workers():
    with pytest.raises(UserError, match=r'^workers=3 is more than there are environments, 2: give at most workers=2$'):
        made('CartPole-v1', 2, 3)
    with pytest.raises(UserError, match=r"^workers=2 is for Gymnasium's .* but CartPole-v1 runs in EnvPool: add engine="):
        make_envs('CartPole-v1', 2, workers=2)


HEAD = 'import gymnasium as gym, numpy as np\nfrom common.envs import make_envs\n'


def program(code, words=()):
    """Runs a program that can import the project and the environments of these tests, the current folder last."""
    environment = os.environ | {'PYTHONPATH': f'{ROOT}{os.pathsep}{Path(__file__).parent}'}
    words = [*words, sys.executable, '-P', '-c', HEAD + code]
    return subprocess.run(words, env=environment, text=True, timeout=60, capture_output=True)


STEPS = """
envs = make_envs('slow_envs:Slow-v0', 2, workers=2)
envs.reset(0)
print(envs.step(np.ones((2, 2))).reward)
envs.close()
"""


def test_modules_of_the_current_folder_do_not_replace_those_of_the_project(tmp_path):
    (tmp_path / 'common.py').write_text('print("not this one")')
    (tmp_path / 'random.py').write_text('print("nor this one")')
    moved = f'import os, sys\nos.chdir({str(tmp_path)!r})\nsys.path.append("")\ngym.register("Slow-v0", "slow_envs:Slow")'
    done = program(moved + STEPS.replace('slow_envs:', ''))
    assert (done.stdout, done.stderr) == ('[2. 2.]\n', '')


def test_a_closed_standard_error():
    """As of a service: an environment may print all the same."""
    code = STEPS.replace('slow_envs:Slow', 'Faulty').replace('print', 'for _ in range(11): envs.step(np.ones((2, 2)))\nprint')
    registered = "gym.register('Faulty-v0', 'slow_envs:Faulty', kwargs={'fault': 'prints', 'early': 0})"
    assert program(registered + code, ['sh', '-c', 'exec "$0" "$@" 2>&-']).stdout == '[2. 2.]\n'


@pytest.mark.parametrize('number', [2, 'auto'])
def test_a_process_that_cannot_be_started(number, monkeypatch):
    def refuse(*words, **options):
        raise OSError(24, 'Too many open files')

    monkeypatch.setattr(env_process.subprocess, 'Popen', refuse)
    envs = made('Slow-v0', 2, number, busy=0.002)
    if number == 'auto':
        rollout(envs, 0, 10)
        assert 'a worker process cannot be started: OSError: [Errno 24] Too many open files' in envs.note
        return
    with pytest.raises(UserError, match=r'^Slow-v0: a worker process cannot be started: OSError: \[Errno 24\]'):
        envs.reset(0)


def test_after_an_interruption_no_answer_is_taken_for_another(monkeypatch):
    """Ctrl-C while the workers step: the next reset starts others."""
    envs = made('Slow-v0', 2, 2, wait=0.1)
    first = envs.reset(5)
    with monkeypatch.context() as patch:
        patch.setattr(EnvProcess, 'receive', ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            envs.step(np.zeros((2, 2)))
    assert not children()
    assert np.array_equal(envs.reset(5), first)
    envs.close()


def ctrl_c(*_):
    raise KeyboardInterrupt


def test_closing_while_an_error_is_on_its_way_raises_nothing():
    envs = made('Faulty-v0', 1, 1, fault='raises', early=0)
    rollout(envs, 0, 10)
    envs.processes[0].send(('step_part', np.zeros((1, 2)), np.zeros(1, bool)))
    envs.close()
    assert not children()


def test_signals_to_the_whole_job_are_the_programs_to_answer():
    envs = made('Slow-v0', 2, 2)
    envs.reset(0)
    for process in envs.processes:
        process.process.send_signal(signal.SIGTERM)
        process.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert envs.step(np.ones((2, 2))).reward.tolist() == [2, 2]
    envs.close()


def test_what_an_environment_has_started_ends_with_its_process(monkeypatch):
    monkeypatch.setattr(env_process, 'FAREWELL', 0.5)
    envs = made('Faulty-v0', 1, 1, fault='starts', early=0)
    rollout(envs, 0, 10)
    envs.processes[0].send(('step_part', np.zeros((1, 2)), np.zeros(1, bool)))
    time.sleep(0.5)
    assert running('sleep 98.765')
    envs.close()
    time.sleep(0.2)
    assert not running('sleep 98.765')
