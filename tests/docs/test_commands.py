"""Every command of the READMEs and of the companion's pages runs: with fewer steps, and into folders of its own."""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = [path for path in (ROOT / 'docs').rglob('*.md') if not path.is_relative_to(ROOT / 'docs' / 'plain')]
PAGES = {path: path.read_text(encoding='utf-8') for path in sorted([*ROOT.glob('README*.md'), *SOURCES])}
SHORT = {
    'a2c.py': ['--steps', '800'],
    'acktr.py': ['--steps', '4096'],
    'ppo.py': ['--steps', '4096', '--epochs', '1'],
    'sac.py': ['--steps', '96', '--start-steps', '32'],
    'trpo.py': ['--steps', '4096', '--critic-epochs', '1'],
}
OWN = re.compile(r'--env (my_\w+):')  # a module whose code the page shows
PACKAGES = {'shimmy': 'shimmy', 'gymnasium_robotics': 'gymnasium_robotics', 'my_grid': 'minigrid'}  # what a module needs


def commands():
    """The commands of all pages, in blocks and within lines, each once: words without the remark."""
    found = {}
    for text in PAGES.values():
        blocks = [line for block in re.findall(r'^```sh\n(.*?)^```', text, re.S | re.M) for line in block.splitlines()]
        for line in blocks + re.findall(r'`((?:python [^`]+\.py|python -m|make(?= [a-z])) [^`]+)`', text):
            words = shlex.split(line, comments=True)
            if words and words[-1] != '...':
                found.setdefault(' '.join(words).removeprefix('.venv/bin/'), words)
    return found


COMMANDS = commands()
AGENTS = [line for line in COMMANDS if line.split()[1] in (*SHORT, 'pg_gaussian_minimal.py')]
EXPERIMENTS = [line for line in COMMANDS if 'experiment.py' in line and '--address' not in line]
VARIANTS = [line for line in COMMANDS if line.startswith('python -m benchmarks.variants ')]


def run(words, cwd=ROOT, **others):
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=300, **others)
    assert not done.returncode, ' '.join(words) + done.stdout + done.stderr
    return done.stdout


def test_the_pages_have_commands():
    assert len(AGENTS) > 20
    assert len(EXPERIMENTS) >= 5
    assert len(VARIANTS) >= 3
    targets = re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.M)
    for line in COMMANDS:
        first, second, *rest = line.split()
        if first == 'make':
            assert {second, *rest} <= set(targets), line
        if first == 'python' and second.endswith('.py'):
            assert (ROOT / second).is_file(), line
        if line.startswith('python -m benchmarks.'):
            assert find_spec(rest[0]), line


@pytest.mark.slow
@pytest.mark.parametrize('line', AGENTS)
def test_an_agents_command_runs(line, tmp_path):
    _, script, *flags = line.split()
    for module in (module for name, module in PACKAGES.items() if f'--env {name}:' in line):
        pytest.importorskip(module)
    if script == 'pg_gaussian_minimal.py':
        flags += ['--episodes', '50', '--out', str(tmp_path)]
    elif '--help' not in flags:
        flags += ['--episodes', '2', '--out', str(tmp_path)] + (SHORT[script] if '--train' in flags else [])
    if '--record' in flags:
        flags.insert(flags.index('--record') + 1, str(tmp_path))
    if '--tensorboard' in flags:
        flags[flags.index('--tensorboard') + 1] = str(tmp_path / 'runs')
    if '--resume' in flags:
        run([sys.executable, str(ROOT / script), *(flag for flag in flags if flag != '--resume')])
    own = OWN.search(line)
    if own:
        shown = rf'```python\n(# {own[1]}\.py.*?)```'
        (code,) = (block for text in PAGES.values() for block in re.findall(shown, text, re.S))
        (tmp_path / f'{own[1]}.py').write_text(code)
    unattended = dict(os.environ, CI='1')  # --watch opens no browser, and does not wait
    run([sys.executable, str(ROOT / script), *flags], cwd=tmp_path if own else ROOT, env=unattended)


@pytest.mark.slow
@pytest.mark.parametrize('line', VARIANTS)
def test_a_variants_command_runs(line, tmp_path):
    run([sys.executable, *line.split()[1:], '--steps', '4096', '--results', str(tmp_path / 'rows.csv')])


@pytest.mark.slow
def test_the_experiments_commands_run_one_after_the_other(tmp_path):
    def shortened(line):
        words = line.replace('results/', f'{tmp_path}/').split()[1:]
        if '--compare' in words or '--resume' in words:
            return words
        for flag, value in (('--seeds', '1'), ('--trials', '2')):
            if flag in words:
                words[words.index(flag) + 1] = value
        words += ['--fresh', '1'] * ('--search' in words)
        return [*words, '--steps', '4096', '--episodes', '2', '--storage', str(tmp_path)]

    first = [f'python experiment.py {agent}.py --seeds 1 --name {agent}' for agent in ('ppo', 'trpo')]
    for line in first + EXPERIMENTS:
        run([sys.executable, *shortened(line)])


def program(words):
    """The program on the page about environments that has certain words."""
    found = [one.split('```')[0] for one in PAGES[ROOT / 'docs' / 'environment.md'].split('```python\n')[1:]]
    return next(one for one in found if words in one)


def test_the_program_of_ones_own_runs():
    """Without the window; a random policy's return is about -1200."""
    code = program('ppo.load_agent')
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL='3')
    printed = run([sys.executable, '-c', code.replace("'human'", "'rgb_array'")], env=environment)
    assert float(re.fullmatch(r'return (\S+)\n', printed)[1]) > -500


def run_program(words, folder, *changes):
    code = program(words)
    for old, new in changes:
        assert old in code
        code = code.replace(old, new)
    return run([sys.executable, '-c', code], cwd=folder, env=dict(os.environ, PYTHONPATH=str(ROOT), MPLBACKEND='agg'))


def test_the_pages_environment_passes_gymnasiums_check(tmp_path):
    (tmp_path / 'my_env.py').write_text(program('# my_env.py'))
    run_program('check_env(', tmp_path)


@pytest.mark.slow
def test_the_program_with_data_as_arguments_runs(tmp_path):
    run_program('class Market', tmp_path, ('steps=20_480', 'steps=4_096, episodes=2'))
    assert list(tmp_path.glob('market/model/PPO_own-Market-v0_with_*/seed0/agent.npz'))


@pytest.mark.slow
def test_the_program_that_logs_and_stops_a_training_runs(tmp_path):
    printed = run_program('def log_and_stop', tmp_path, ('< 100', '< 30'), ('steps=102_400', 'steps=102_400, episodes=2'))
    assert 'on_update returned False at step' in printed
    steps = [int(line.split(',')[0]) for line in (tmp_path / 'log.csv').read_text().splitlines()]
    assert steps == sorted(steps)
    assert steps[-1] < 100_000
    assert list(tmp_path.glob('watched/model/*/seed0/agent.npz'))


@pytest.mark.slow
def test_the_programs_that_plot_and_train_on_run(tmp_path):
    run_program('def plot', tmp_path, ('steps=40_960', 'steps=4_096, episodes=2'))
    brief = [(f"steps=20_480, out='{name}'", f"steps=4_096, episodes=2, out='{name}'") for name in ('first', 'second')]
    run_program('start_from=agent', tmp_path, *brief)
    assert list(tmp_path.glob('second/model/*/seed0/start.npz'))
