"""Every agent from its command line on real environments: it learns, and whatever goes wrong is one line and exit code 2."""

import functools
import importlib
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import ppo
from common.running import checkpoint, program

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


def command(*argv):
    return [sys.executable, *map(str, argv)]


def run(*argv, code=0, **keywords):
    """Runs an agent as a user would; returns what it printed (standard error where the code is not 0)."""
    done = subprocess.run(command(*argv), cwd=ROOT, capture_output=True, text=True, timeout=300, **keywords)
    assert done.returncode == code, done.stdout + done.stderr
    assert 'Traceback' not in done.stderr
    return done.stderr if code else done.stdout


def mean_return(printed):
    return float(re.search(r'^Testing \| mean return: (\S+) \| std: \S+ \| episodes: \d+$', printed, re.M)[1])


NOT_SLIPPERY = ['--env', 'FrozenLake-v1', '--env-arg', 'is_slippery=false']


@pytest.mark.parametrize(
    ('agent', 'flags', 'reached'),
    [
        ('ppo.py', ['--steps', '120000'], -200),
        pytest.param('trpo.py', ['--steps', '120000'], -300, marks=pytest.mark.slow),
        pytest.param(
            'ppo.py', ['--method', 'penalty', '--env', 'CartPole-v1', '--steps', '60000'], 475, marks=pytest.mark.slow
        ),
        pytest.param('acktr.py', ['--env', 'HalfCheetah-v4', '--steps', '100000'], 800, marks=pytest.mark.slow),
        pytest.param('a2c.py', ['--env', 'HalfCheetah-v4', '--steps', '200000'], 400, marks=pytest.mark.slow),
        pytest.param('ppo.py', [*NOT_SLIPPERY, '--steps', '100000'], 1.0, marks=pytest.mark.slow),
        pytest.param('ppo.py', ['--method', 'penalty', '--steps', '120000'], -200, marks=pytest.mark.slow),
        pytest.param('ppo.py', ['--env', 'CartPole-v1', '--steps', '60000'], 475, marks=pytest.mark.slow),
        pytest.param('trpo.py', ['--env', 'CartPole-v1', '--steps', '60000'], 475, marks=pytest.mark.slow),
        pytest.param('trpo.py', ['--env', 'FrozenLake-v1', '--steps', '300000'], 0.65, marks=pytest.mark.slow),
    ],
)
def test_it_learns(agent, flags, reached, tmp_path):
    """Far from a random policy's -1200, 20, 0.01 and, on HalfCheetah, -300: the test fails if it only runs."""
    printed = run(agent, '--train', '--test', '--seed', 1, '--out', tmp_path, *flags)
    assert mean_return(printed) >= reached
    assert re.search(r'^Training \| Episode: \d+ \| Episode Reward: \S+ \| Running Time: \S+ \| Steps: ', printed, re.M)
    assert re.search(r'^Testing \| Episode: 100/100 \| Episode Reward: \S+ \| Running Time: \S+ \|', printed, re.M)


@pytest.mark.slow
@pytest.mark.parametrize('agent', ['ppo.py', 'trpo.py'])
def test_several_action_dimensions_with_asymmetric_bounds_learn(agent, tmp_path):
    """A made-up task: reward -|a - (0.5, 7)|^2 on bounds [-1, 1] x [0, 10], registered by a module named in the id."""
    (tmp_path / 'aim.py').write_text(
        'import gymnasium as gym, numpy as np\n'
        'class Aim(gym.Env):\n'
        '    observation_space = gym.spaces.Box(-1, 1, (1,))\n'
        '    action_space = gym.spaces.Box(np.float32([-1, 0]), np.float32([1, 10]))\n'
        '    def reset(self, **_): return np.zeros(1, np.float32), {}\n'
        '    def step(self, a): return np.zeros(1, np.float32), -float(((a - [0.5, 7]) ** 2).sum()), True, False, {}\n'
        'gym.register("Aim-v0", Aim)\n'
    )
    flags = ['--env', 'aim:Aim-v0', '--steps', 60_000, '--out', tmp_path]
    printed = run(agent, '--train', '--test', *flags, env=os.environ | {'PYTHONPATH': str(tmp_path)})
    assert mean_return(printed) > -0.1


KILLED = ['--env', 'CartPole-v1', '--steps', 48_000, '--save-every', 4000, '--episodes', 3]
LONG_ENOUGH = {  # to be killed before they end
    'ppo.py': ['--minibatch-size', 8, '--epochs', 4],
    'trpo.py': ['--minibatch-size', 8],
    'a2c.py': ['--batch-steps', 40, '--normalize'],
    'acktr.py': ['--batch-steps', 80, '--normalize'],
    'sac.py': ['--env', 'Pendulum-v1', '--steps', 8000, '--save-every', 800, '--start-steps', 200, '--updates-per-step', 0.1],
}


@pytest.mark.slow
@pytest.mark.parametrize('agent', LONG_ENOUGH)
def test_ctrl_c_and_kill_9_at_random_times_then_resumed_equals_uninterrupted(agent, tmp_path):
    """Arrays and curve are the same, bit for bit."""
    flags = KILLED + LONG_ENOUGH[agent]
    run(agent, '--train', '--out', tmp_path / 'whole', *flags)
    out = tmp_path / 'pieces'
    moments = np.random.SeedSequence().entropy
    print('moments drawn with', moments)  # a failure can be repeated
    rng = np.random.default_rng(moments)
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        resume = ['--resume'] if list(out.rglob('checkpoint.npz')) else []
        before = checkpoint.load(next(out.rglob('checkpoint.npz')))[1]['steps'] if resume else -1
        process = subprocess.Popen(
            command(agent, '--train', '--out', out, *flags, *resume), cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        while process.poll() is None:
            files = list(out.rglob('checkpoint.npz'))
            if files and checkpoint.load(files[0])[1]['steps'] > before:
                break
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(number)
        printed = process.stdout.read()
        assert process.wait() == code, 'it had already ended'
        to_continue = r'to continue, add --resume --name seed0 to the same command\.'
        stopped = rf'^Interrupted at step [\d,]+; saved .*checkpoint.npz; {to_continue}$'
        assert bool(re.search(stopped, printed, re.M)) == (number == signal.SIGINT)
    printed = run(agent, '--train', '--out', out, *flags, '--resume')
    resumed = r'^Resumed .*checkpoint.npz at step [\d,]+; its environments repeat \d[\d,]* steps each\.$'
    assert re.search(resumed, printed, re.M)
    for name in ('checkpoint.npz', 'agent.npz'):
        whole, pieces = (checkpoint.load(next((tmp_path / part).rglob(name)))[0] for part in ('whole', 'pieces'))
        assert whole.keys() == pieces.keys()
        for array in whole:
            np.testing.assert_array_equal(whole[array], pieces[array], err_msg=array)
    curves = [next((tmp_path / part).rglob('*.csv')).read_text() for part in ('whole', 'pieces')]
    assert curves[0] == curves[1]


PPO, TRPO = (ROOT / f'model/{name}/pretrained.npz' for name in ('PPO_Pendulum-v1', 'TRPO_CartPole-v1'))


@pytest.fixture
def refuse(monkeypatch, capsys):
    """What an agent says when it ends with code 2, in this process: to import TensorFlow for each mistake takes seconds."""

    def run_and_fail(agent, *argv):
        monkeypatch.setattr(sys, 'argv', [str(word) for word in (agent, *argv)])
        with pytest.raises(SystemExit) as ended:
            program.run(importlib.import_module(agent.removesuffix('.py')).main)
        assert ended.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith(f'{agent}: error: ')
        assert error.count('\n') == 1
        return error

    return run_and_fail


def test_a_model_of_another_kind_is_named(refuse, tmp_path):
    truncated, foreign = tmp_path / 'truncated.npz', tmp_path / 'foreign.npz'
    truncated.write_bytes(PPO.read_bytes()[:3000])
    np.savez(foreign, weights=np.array([{}], dtype=object))
    arrays, record = checkpoint.load(PPO)
    reshaped = tmp_path / 'reshaped.npz'
    checkpoint.save(reshaped, arrays | {'actor/0_weights': np.zeros((3, 5), np.float32)}, record)
    for flags, words in (
        (['--model', TRPO], 'holds an agent of TRPO, not of PPO'),
        (['--model', PPO, '--method', 'penalty'], 'was trained with method clip, not penalty'),
        (['--model', PPO, '--env', 'CartPole-v1'], 'has state_dim 3, but CartPole-v1 has 4'),
        (['--model', truncated], 'is not an agent file, or it is damaged'),
        (['--model', foreign], 'pickle'),
        (['--model', reshaped], 'has sizes in its record, [3, 64, 64, 1], that do not fit its actor/0_weights'),
        (['--model', tmp_path / 'none.npz'], 'there is no file'),
        (['--model', PPO, '--shipped'], '--model, --shipped and --name each say which agent to test'),
        (['--name', 'never'], 'there is no agent'),
        (['--env', 'Acrobot-v1'], 'there is no agent'),
        (['--env', 'Pendulum-v0'], 'use Pendulum-v1'),
    ):
        assert words in refuse('ppo.py', '--test', *flags)


@pytest.mark.parametrize('agent', ['a2c.py', 'acktr.py'])
def test_the_other_agents_refuse_and_say_it_in_one_line(agent, refuse, tmp_path):
    flags = ['--env', 'CartPole-v1', '--steps', 900, '--batch-steps', 400, '--episodes', 2, '--eager', '--out', tmp_path]
    printed = run(agent, '--train', '--test', *flags)
    assert re.search(r'^Trained 8\d\d steps', printed, re.M)
    assert mean_return(printed) >= 8
    name = agent.removesuffix('.py').upper()
    own = tmp_path / f'model/{name}_CartPole-v1/seed0/agent.npz'
    for flags, words in (
        (['--test', '--model', PPO], f'holds an agent of PPO, not of {name}'),
        (['--test', '--model', own, '--env', 'Pendulum-v1'], 'has state_dim 4, but Pendulum-v1 has 3'),
        (['--train', '--epochs', 3], 'unknown flag --epochs'),
    ):
        assert words in refuse(agent, *flags)


@pytest.mark.parametrize(
    ('flags', 'words'),
    [
        (['--start-steps', 1500, '--batch-steps', 1024, '--steps', 2000], 'leaves none of --steps 2000 to learn in'),
        (
            ['--updates-per-step', 0.1, '--batch-steps', 4],
            '0.1 makes no update in a batch of --batch-steps 4',
        ),
        (['--env', 'CartPole-v1'], 'SAC needs Box actions'),
    ],
)
def test_sac_refuses_what_leaves_it_nothing_to_learn(flags, words, refuse, tmp_path):
    assert words in refuse('sac.py', '--train', *flags, '--out', tmp_path)
    assert not list(tmp_path.glob('model/*'))


def test_render_without_a_display_and_record_without_one(refuse, tmp_path, monkeypatch):
    for display in ('DISPLAY', 'WAYLAND_DISPLAY', 'SDL_VIDEODRIVER'):
        monkeypatch.delenv(display, raising=False)
    model = ['--test', '--model', PPO, '--episodes', 2]
    assert '--render needs a display' in refuse('ppo.py', *model, '--render')
    printed = run('ppo.py', *model, '--record', tmp_path)
    assert [line for line in printed.splitlines() if line.endswith(' ...')] == ['Loading TensorFlow ...', 'Filming ...']
    assert (tmp_path / 'PPO_Pendulum-v1.mp4').stat().st_size > 10_000
    assert (tmp_path / 'PPO_Pendulum-v1.gif').read_bytes().startswith(b'GIF89a')
    assert 'Film: ' in printed


def test_a_full_disk_is_one_line_and_the_checkpoint_before_stays(tmp_path, bare_runs):
    """The operating system refuses to write more than 20 KB to a file, as a full disk would."""
    flags = ['--train', '--batch-steps', '1024', '--minibatch-size', '1024', '--no-anneal', '--out', str(tmp_path)]
    ppo.main([*flags, '--steps', '2048'])
    path = tmp_path / 'model/PPO_Pendulum-v1/seed0/checkpoint.npz'
    before = path.read_bytes()
    assert len(before) > 20_000
    refuse = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (20_000, 20_000))
    error = run('ppo.py', *flags, '--steps', 4096, '--resume', '--eager', code=2, preexec_fn=refuse)
    assert error.count('\n') == 1
    assert f'cannot write {path.parent}: File too large' in error
    assert path.read_bytes() == before
    assert sorted(os.listdir(path.parent)) == ['.lock', 'agent.npz', 'checkpoint.npz']


def test_the_minimal_agent_says_nothing_but_its_results(tmp_path):
    words = command('pg_gaussian_minimal.py', '--train', '--episodes', 10, '--out', tmp_path)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ''
    assert re.fullmatch(r'Training \| .*\n\d of 1 seeds .*\n', done.stdout)
