"""The rules of the house: who may import whom, and how long things may be. `ROOMS` is the drawing of docs/DESIGN.md as data."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AGENTS = 'a2c.py', 'acktr.py', 'ppo.py', 'sac.py', 'trpo.py'
ALL_AGENTS = *AGENTS, 'pg_gaussian_minimal.py'
COMMON = 'common', 'common/envs', 'common/running'
ROOMS = {  # the rooms from which each room may import, apart from itself, and why from no other
    'common': ([], 'what an equation needs has to do with no environment and no program'),
    'common/envs': (['common'], 'an environment does not know who steps it'),
    'common/running': (['common', 'common/envs'], 'a run works with any agent'),
    'pg_gaussian_minimal.py': ([], 'the smallest agent can be read without another file'),
    **dict.fromkeys(AGENTS, (COMMON, 'an agent can be read without the other agents')),
    'experiments': (COMMON, 'experiments start agents by their commands'),
    'experiment.py': ([*COMMON, 'experiments'], 'it is the command of experiments/'),
    'exercises': ([*COMMON, *ALL_AGENTS], 'exercises replace parts of the agents, and nothing else'),
    'benchmarks': ([*COMMON, *ALL_AGENTS, 'experiments'], 'results do not depend on the pages that show them'),
    'notebooks': ([*COMMON, *ALL_AGENTS, 'experiments', 'experiment.py'], 'a notebook shows what a reader would import'),
    'docs': ([*COMMON, 'experiments', 'benchmarks'], 'no page depends on which agents there are'),
    'tests': (
        [*COMMON, *ALL_AGENTS, 'experiments', 'experiment.py', 'exercises', 'benchmarks', 'docs', 'notebooks'],
        'tests test everything',
    ),
}
PATH_EDITS = {  # files that change sys.path, and why
    'common/running/program.py': "one's own environments are in the folder where the command is typed",
    'experiments/plan.py': 'an experiment takes agent files from anywhere',
    'experiments/schedule.py': "one's own environments are in the folder where the command was typed, on another machine, too",
    'docs/conf.py': 'Sphinx imports it from any folder',
    'docs/figures_data.py': 'it is run as a script',
    'notebooks/source/setup.py': 'a notebook runs in its own folder',
    'tests/fuzz_files.py': 'it is run as a script',
    'tests/docs/conftest.py': 'the modules of docs/ are in no package',
}
ALGORITHMS = re.compile(r'(?<![a-z])(a2c|acktr|ppo|sac|trpo|kfac|reinforce)(?![a-z])', re.I)
LONGEST_MODULE, LONGEST_TEST_NAME = 450, 79

# my_exercises/ is the reader's.
TOP = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith('.') and path.name != 'my_exercises']
FILES = sorted([*ROOT.glob('*.py'), *(file for path in TOP for file in path.rglob('*.py') if '_build' not in file.parts)])


def here(path):
    return path.relative_to(ROOT).as_posix()


def room(path):
    """The innermost room a file is in."""
    return max((name for name in ROOMS if f'{here(path)}/'.startswith(f'{name}/')), key=len)


def import_name(path):
    """The name by which a file is imported. Modules of docs/ and tests/ are in no package: their folders are on sys.path."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    parts = parts[1:] if parts[0] == 'docs' else parts[-1:] if parts[0] == 'tests' else parts
    return '.'.join(part for part in parts if part != '__init__')


MODULES = {import_name(path): path for path in FILES}


@cache
def tree(path):
    return ast.parse(path.read_text(encoding='utf-8'))


@cache
def imports(path):
    """The files of this project that a file imports, also in its functions."""
    names, package = [], import_name(path.parent / '__init__.py')
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name('.' * node.level + (node.module or ''), package)
            names += [name if (name := f'{base}.{alias.name}') in MODULES else base for alias in node.names]
    return {MODULES[name] for name in names if name in MODULES}


def code(path):
    """A file's code, without comments and docstrings."""
    bare = ast.parse(path.read_text(encoding='utf-8'))
    docstrings = [node for node in ast.walk(bare) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    for node in docstrings:
        node.value.value = ''
    return ast.unparse(bare)


def changes_path(node):
    """Whether a statement changes sys.path."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        changed = [node.func.value] if node.func.attr in ('append', 'insert', 'extend') else []
    else:
        changed = getattr(node, 'targets', [getattr(node, 'target', None)])
    return any(isinstance(one, ast.AST) and re.match(r'sys\.path\b(?!\.)', ast.unparse(one)) for one in changed)


def test_every_room_imports_only_from_the_rooms_below_it():
    wrong = []
    for path in FILES:
        allowed, reason = ROOMS[room(path)]
        upwards = [here(other) for other in imports(path) if room(other) not in (room(path), *allowed)]
        wrong += [f'{here(path)} imports {other}, but {reason}' for other in upwards]
    assert not wrong, '\n'.join(wrong)
    assert {here(other) for other in imports(ROOT / 'ppo.py')} > {'common/networks.py', 'common/running/checkpoint.py'}


def test_no_modules_import_each_other_in_a_circle():
    try:
        TopologicalSorter({path: imports(path) for path in FILES}).prepare()
    except CycleError as error:
        raise AssertionError(' imports '.join(map(here, reversed(error.args[1])))) from error


def test_tests_share_helpers_of_their_own_folder_or_of_tests():
    """And no test module imports another: pytest would import it twice, by two names."""
    for path in FILES:
        for other in imports(path) if room(path) == 'tests' else ():
            if room(other) == 'tests':
                assert other.parent in (path.parent, ROOT / 'tests'), f'{here(path)} imports {here(other)}'
                assert not other.name.startswith('test_'), f'{here(path)} imports {here(other)}'


def test_shared_code_never_asks_which_algorithm_it_serves():
    wrong = {here(path): ALGORITHMS.findall(code(path)) for path in FILES if room(path) in COMMON}
    assert not {path: found for path, found in wrong.items() if found}
    assert ALGORITHMS.findall("agent.name == 'PPO-Penalty' or sac_buffer or causac")[::-1] == ['sac', 'PPO']


def test_few_files_change_where_python_looks_for_modules():
    assert {here(path) for path in FILES if any(map(changes_path, ast.walk(tree(path))))} == set(PATH_EDITS)


def test_modules_and_names_of_tests_stay_short():
    lengths = {here(path): len(path.read_text(encoding='utf-8').splitlines()) for path in FILES}
    assert {path: length for path, length in lengths.items() if length > LONGEST_MODULE} == {}
    functions = [node for path in FILES if room(path) == 'tests' for node in ast.walk(tree(path)) if hasattr(node, 'args')]
    names = [node.name for node in functions if isinstance(node, ast.FunctionDef) and node.name.startswith('test_')]
    assert [name for name in names if len(name) > LONGEST_TEST_NAME] == []
