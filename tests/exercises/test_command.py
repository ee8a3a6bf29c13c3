"""`python -m exercises`: its lines, its exit codes, both languages, and that nothing of the reader's is lost."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

from common.errors import UserError
from exercises import tasks
from exercises.__main__ import main, parse
from exercises.folder import DEFAULT, Folder, has_gap, number, solution, template
from exercises.task import LANGUAGES

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv('LC_ALL', 'C')
    return tmp_path / 'mine'


def run(capsys, folder, *words):
    """The exit code and the standard output of a command."""
    try:
        main([*words, '--folder', str(folder)])
        code = 0
    except SystemExit as exit:
        code = exit.code
    return code, capsys.readouterr().out


def write(folder, name, source=None):
    (folder / f'{name}.py').write_text(source or solution(name), encoding='utf-8')


def test_start_never_writes_over_a_file(capsys, folder):
    code, said = run(capsys, folder, 'start')
    assert code == 0
    assert said.startswith(f'{len(tasks.NAMES)} files written to {folder}, 0 of yours left as they are.')
    write(folder, 'gae', 'mine')
    (folder / 'soft_target.py').unlink()
    _, said = run(capsys, folder, 'start')
    assert said.startswith(f'1 file written to {folder}, {len(tasks.NAMES) - 1} of yours left as they are.')
    assert (folder / 'gae.py').read_text() == 'mine'


def test_the_readers_folder_is_not_in_git():
    ignored = subprocess.run(['git', 'check-ignore', '-q', 'my_exercises/gae.py'], cwd=ROOT)
    assert ignored.returncode == 0


@pytest.mark.parametrize('language', LANGUAGES)
@pytest.mark.parametrize('name', tasks.NAMES)
def test_a_file_has_the_text_the_signature_and_a_gap(name, language):
    given = template(name, language)
    compile(given, name, 'exec')
    task = tasks.load(name)
    assert task.text.of(language).strip() in given
    assert has_gap(given)
    heads = [line for line in solution(name).splitlines() if line.startswith(('def ', 'class ', 'import ', 'from '))]
    assert heads == [line for line in given.splitlines() if line.startswith(('def ', 'class ', 'import ', 'from '))]
    bodies = [line for line in solution(name).splitlines() if line.strip().startswith('return ')]
    assert not [line for line in bodies if line in given.splitlines()]


def test_a_reader_goes_from_untouched_over_wrong_to_passed(capsys, folder):
    run(capsys, folder, 'start')
    assert run(capsys, folder, 'check', 'gae') == (1, 'gae: untouched\n  It is still to be written.\n')
    write(folder, 'gae', solution('gae').replace('terminated[t] | truncated[t]', 'terminated[t]'))
    code, said = run(capsys, folder, 'check', 'gae')
    assert code == 1
    assert said.startswith('gae: wrong\n  It looks as if the sum runs on past a time limit')
    assert said.endswith(f'  A hint: python -m exercises hint gae --folder {folder}\n')
    write(folder, 'gae')
    next_one = f'Next: gaussian_log_prob (python -m exercises check gaussian_log_prob --folder {folder})\n'
    assert run(capsys, folder, 'check', '2') == (0, f'gae: passed\n{next_one}')
    assert run(capsys, folder, 'check') == (1, 'gae: passed\nUntouched: 1, 3 to 15.\n')
    lines = run(capsys, folder)[1].splitlines()
    assert lines[0].split()[:3] == ['1', 'untouched', 'discounted_sums']
    assert lines[1].split()[:3] == ['2', 'passed', 'gae']
    assert len(lines) == len(tasks.NAMES)


@pytest.mark.parametrize(
    ('source', 'said'),
    [
        ('import numpy as np\n\n\ndef gae(*a):\n    return np.nothing\n', 'gae.py:5: return np.nothing\n  AttributeError: '),
        ('def gae(a, b):\n    return a\n', 'It raises TypeError: gae() takes 2 positional arguments'),
        ('def gae(*a)\n    return 1\n', 'gae.py:1: def gae(*a)\n  expected'),
        ('import nothing_of_the_kind\n', 'gae.py:1: import nothing_of_the_kind\n  ModuleNotFoundError'),
        ('def gea(*a):\n    return 1\n', 'has no gae: do not rename it'),
        ('def gae(*a):\n    return 1\n\n\nexit()\n', 'gae.py:5: exit()\n  Remove it.'),
        ('import sys\n\n\ndef gae(*a):\n    sys.exit(0)\n', 'ends Python (exit or sys.exit) in this line:\n  '),
        ('def gae(*a):\n    raise SystemExit\n', 'gae.py:2: raise SystemExit\n  Remove it.'),
        (
            'def gae(r, *a):\n    return 1 if r else 0\n',
            '\n  An if, and, or, min on arrays looks at one number only: use np.where',
        ),
    ],
)
def test_an_error_is_told_with_the_readers_own_line(capsys, folder, source, said):
    run(capsys, folder, 'start')
    write(folder, 'gae', source)
    code, out = run(capsys, folder, 'check', 'gae')
    assert code == 1
    assert said in out
    assert 'Traceback' not in out


def test_ctrl_c_ends_a_check(folder, capsys):
    run(capsys, folder, 'start')
    write(folder, 'gae', 'def gae(*a):\n    raise KeyboardInterrupt\n')
    with pytest.raises(KeyboardInterrupt):
        main(['check', 'gae', '--folder', str(folder)])


def test_an_exercise_is_named_in_the_ways_that_readers_try(capsys, folder):
    run(capsys, folder, 'start')
    for name in tasks.NAMES[:5]:
        write(folder, name)
    for words in (['gae.py'], ['my_exercises/gae.py'], [str(folder / 'gae.py')], ['gae', '2']):
        code, said = run(capsys, folder, 'check', *words)
        assert code == 0
        assert said.startswith('gae: passed\nNext: ')
    code, said = run(capsys, folder, 'check', '1-5')
    assert code == 0
    assert said.splitlines()[:5] == [f'{name}: passed' for name in tasks.NAMES[:5]]
    command = f'python -m exercises check gaussian_kl --folder {folder}'
    assert said.splitlines()[5:] == [f'Next: python -m exercises train ppo --folder {folder}, or gaussian_kl ({command})']


def test_after_the_last_exercise_nothing_is_next(capsys, folder):
    run(capsys, folder, 'start')
    write(folder, tasks.NAMES[-1])
    assert run(capsys, folder, 'check', '15') == (0, 'soft_target: passed\n')


def test_a_deleted_file_is_missing(capsys, folder):
    assert '  missing  ' not in run(capsys, folder)[1]
    run(capsys, folder, 'start')
    (folder / 'gae.py').unlink()
    lines = run(capsys, folder)[1].splitlines()
    assert lines[1].startswith(' 2  missing    gae  ')
    assert lines[-1] == f'python -m exercises start --folder {folder} writes the missing files.'


def test_commands_name_the_folder_only_if_it_is_another(tmp_path):
    assert Folder(DEFAULT).command('start') == 'python -m exercises start'
    strange = tmp_path / 'a "b" \\Users'
    Folder(strange).start('en')
    source = (strange / 'gae.py').read_text(encoding='utf-8')
    assert f'python -m exercises check gae --folder {shlex.quote(str(strange))}' in ast.get_docstring(ast.parse(source))


@pytest.mark.parametrize('words', [['start'], ['list'], ['check', 'gae']])
def test_a_file_with_the_name_of_the_folder_is_told(folder, words):
    folder.write_text('mine')
    with pytest.raises(UserError, match=r'mine is a file, but your exercises need a folder of this name: rename the file'):
        main([*words, '--folder', str(folder)])
    assert folder.read_text() == 'mine'


def test_hints_come_one_after_the_other_and_are_remembered(capsys, folder):
    run(capsys, folder, 'start')
    hints = tasks.load('gae').hints
    said = [run(capsys, folder, 'hint', 'gae')[1].strip() for _ in range(len(hints) + 2)]
    assert said[: len(hints)] == [f'{i}/{len(hints)}  {words.en}' for i, words in enumerate(hints, 1)]
    assert said[len(hints) :] == [f'That was the last hint: python -m exercises solution gae --folder {folder}'] * 2
    assert run(capsys, folder, 'hint', 'gae', '--step', '1')[1].strip() == said[0]
    assert run(capsys, folder, 'hint', 'gae')[1].strip() == said[1]
    assert run(capsys, folder, 'solution', 'gae')[1] == solution('gae')
    Folder(folder)._memory.write_text('[broken')
    assert run(capsys, folder, 'hint', 'gae')[1].strip() == said[0]


def test_the_language_is_that_of_start_unless_another_is_asked_for(capsys, folder, monkeypatch):
    run(capsys, folder, 'start', '--language', 'zh')
    assert (folder / 'gae.py').read_text(encoding='utf-8').startswith('"""练习 2：用 GAE 估计优势')
    assert run(capsys, folder, 'check', 'gae') == (1, 'gae: 未写\n  这道题还没有写。\n')
    assert run(capsys, folder, 'check', 'gae', '--language', 'en')[1].startswith('gae: untouched')
    assert run(capsys, folder, 'show', 'gae')[1].startswith('练习 2')
    monkeypatch.setenv('LC_ALL', 'zh_CN.UTF-8')
    assert '未写' in run(capsys, folder.parent / 'other')[1]


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['check', 'gea'], r"there is no exercise 'gea' \(nearest: gae\); python -m exercises lists them all"),
        (['check', '99'], r"there is no exercise '99'; "),
        (['check', 'gea', '--language', 'zh'], '没有名为“gea”的练习（相近的有：gae）'),
        (['check', 'gae'], r'there is no .*gae\.py: python -m exercises start --folder .* writes the missing files'),
        (['gae'], r"'gae' is an exercise, not a command: did you mean python -m exercises check gae\?"),
        (['check', '5-99'], r"there is no exercise '5-99'"),
        (['hint', 'gae', '--step', '9'], '--step 9 is out of range: gae has 3 hints'),
        (['hint', 'gae', '--step', 'x'], 'invalid int value'),
        (['learn'], "invalid choice: 'learn'"),
        (['--nothing'], 'unrecognized arguments: --nothing; python -m exercises --help shows every command'),
        (['train', 'dqn'], "invalid choice: 'dqn'"),
        (['train', 'ppo', '--steps', '0'], '0 must be at least 1'),
    ],
)
def test_what_is_typed_wrong_is_told_in_one_line(folder, words, said):
    with pytest.raises(UserError, match=said) as raised:
        main([*words, '--folder', str(folder)])
    assert '\n' not in str(raised.value)


def test_the_page_has_every_exercise_and_only_commands_that_can_be_typed():
    page = (ROOT / 'docs' / 'exercises.md').read_text(encoding='utf-8')
    assert re.findall(r'^\| (\d+) \| `(\w+)` ', page, re.M) == [(str(number(name)), name) for name in tasks.NAMES]
    needed = {name: ', '.join(str(number(one)) for one in names) for name, names in tasks.NEEDED.items()}
    assert dict(re.findall(r'^\| `([\w-]+)` \| ([\d, ]+) \|', page, re.M)) == needed
    commands = re.findall(r'^python -m exercises *([^#\n]*)', page, re.M)
    assert {parse(shlex.split(line)).command for line in commands} == {'start', 'check', 'list', 'hint', 'solution', 'train'}


def test_a_training_says_which_exercise_it_lacks(capsys, folder):
    run(capsys, folder, 'start')
    write(folder, 'gae')
    with pytest.raises(
        UserError, match='ppo needs the exercise gaussian_log_prob, which is not passed yet: python -m exercises '
    ):
        main(['train', 'ppo', '--folder', str(folder)])


def test_a_command_ends_with_exit_code_2_and_without_tensorflow(capsys, folder):
    run(capsys, folder, 'start')
    write(folder, 'gae')
    program = 'import sys\nfrom exercises.__main__ import main\nmain(sys.argv[1:])\nassert "tensorflow" not in sys.modules'
    words = [sys.executable, '-c', program, 'check', 'gae', '--folder', str(folder)]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout.startswith('gae: passed\n')
    done = subprocess.run([sys.executable, '-m', 'exercises', 'check', 'gea'], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("python -m exercises: error: there is no exercise 'gea'")
    assert done.stderr.count('\n') == 1
