"""The reader's folder: a file for each exercise, made from the solutions, and what the checker remembers."""

import ast
import json
import shlex
import sys
from pathlib import Path
from types import ModuleType

from common.errors import UserError
from common.running.files import replacing, writing
from exercises import tasks
from exercises.checking import STILL_TO_WRITE, UNTOUCHED, WRONG, Verdict, check, raised
from exercises.task import Words

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = ROOT / 'my_exercises'
GAP = Words('raise NotImplementedError  # your code', 'raise NotImplementedError  # 在这里写你的代码')
HEAD = Words(
    'Exercise {number}: {title}\n({source})\n{text}\nCheck it: python -m exercises check {name}{flags}\n'
    'A hint:   python -m exercises hint {name}{flags}',
    '练习 {number}：{title}\n（{source}）\n{text}\n检查：python -m exercises check {name}{flags}\n'
    '提示：python -m exercises hint {name}{flags}',
)


def solution(name):
    """The source of an exercise's solution."""
    return Path(__file__).with_name('solutions').joinpath(f'{name}.py').read_text(encoding='utf-8')


def number(name):
    """The number of an exercise, from 1."""
    return tasks.NAMES.index(name) + 1


def text(name, language, flags=''):
    """What an exercise asks for; `flags` end the commands in it."""
    task = tasks.load(name)
    words = dict(number=number(name), name=name, flags=flags, title=task.title.of(language), source=task.source.of(language))
    return HEAD.of(language).format(text=task.text.of(language), **words)


def template(name, language, flags=''):
    """The file of an exercise as it is given to the reader: the solution with gaps, below the exercise's text."""
    flags = flags.replace('\\', r'\\').replace('"', r'\"')  # they stand in a docstring
    source = solution(name)
    lines = source.splitlines()
    top = ast.parse(source).body
    methods = [one for node in top if isinstance(node, ast.ClassDef) for one in node.body]
    for node in sorted([*top, *methods], key=lambda node: -node.lineno):
        if isinstance(node, ast.FunctionDef) and node.name != '__init__':
            first, last = node.body[0], node.body[-1]
            lines[first.lineno - 1 : last.end_lineno] = [' ' * first.col_offset + GAP.of(language)]
    return f'"""{text(name, language, flags)}\n"""\n\n' + '\n'.join(lines) + '\n'


def has_gap(source):
    """Whether something in a file is still to be written."""
    raises = [node.exc for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Raise)]
    return any(isinstance(one, ast.Name) and one.id == 'NotImplementedError' for one in raises)


class Folder:
    """The folder that a reader works in. UserError if a file in it cannot be read or written."""

    def __init__(self, path):
        self.path = Path(path)

    @property
    def flags(self):
        """What a command needs at its end to work in this folder: nothing in the folder that is meant without it."""
        return '' if self.path == DEFAULT else f' --folder {shlex.quote(self.path.as_posix())}'

    def command(self, words):
        """A command as the reader types it."""
        return f'python -m exercises {words}{self.flags}'

    def require_folder(self, language):
        """Raises UserError if a file has the folder's name."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(
                Words(
                    f'{self.path} is a file, but your exercises need a folder of this name: rename the file, or name another '
                    'folder with --folder',
                    f'{self.path} 是文件，而练习需要一个同名的文件夹：请给文件改名，或用 --folder 换一个文件夹',
                ).of(language)
            )

    @property
    def _memory(self):
        return self.path / '.memory.json'

    def remembered(self):
        """The language and the hints given so far; empty if nothing, or nothing legible, is remembered."""
        try:
            memory = json.loads(self._memory.read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return {}
        return memory if isinstance(memory, dict) else {}

    def remember(self, **news):
        """Adds to what is remembered."""
        with writing(self._memory), replacing(self._memory) as (temporary,):
            temporary.write_text(json.dumps(self.remembered() | news), encoding='utf-8')

    def file(self, name):
        """The file of an exercise."""
        return self.path / f'{name}.py'

    def start(self, language):
        """Writes the files that are not there yet, and no others; returns the names of those it wrote."""
        written = []
        for name in tasks.NAMES:
            with writing(self.file(name)):
                self.path.mkdir(parents=True, exist_ok=True)
                try:
                    with open(self.file(name), 'x', encoding='utf-8') as file:
                        file.write(template(name, language, self.flags))
                except FileExistsError:
                    continue
            written.append(name)
        return written

    def source(self, name, language):
        """What is in the file of an exercise."""
        file = self.file(name)
        if not file.exists():
            command = self.command('start')
            raise UserError(
                Words(
                    f'there is no {file}: {command} writes the missing files and keeps the others',
                    f'没有文件 {file}：{command} 会补上缺少的文件，已有的不动',
                ).of(language)
            )
        try:
            return file.read_text(encoding='utf-8')
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                Words(f'cannot read {file}: {error}; save it as UTF-8', f'无法读取 {file}：{error}；请存成 UTF-8').of(language)
            ) from None

    def function(self, name, language):
        """The reader's function of an exercise, and None; or None and the `Verdict` that says why there is none."""
        file, source = self.file(name), self.source(name, language)
        module = ModuleType(f'my_exercises.{name}')
        module.__file__ = str(file)
        sys.modules[module.__name__] = module
        try:
            code = compile(source, str(file), 'exec')
            if has_gap(source):
                return None, Verdict(UNTOUCHED, (STILL_TO_WRITE,))
            exec(code, module.__dict__)
        except SyntaxError as error:
            line = f'{file}:{error.lineno}: {(error.text or "").strip()}\n  {error.msg}'
            return None, Verdict(WRONG, (Words(f'Python cannot read this line:\n  {line}', f'这一行有语法错误：\n  {line}'),))
        except (Exception, SystemExit) as error:
            return None, Verdict(WRONG, (raised(error, file),))
        wanted = tasks.load(name).function
        function = getattr(module, wanted, None)
        if not callable(function):
            says = Words(f'{file} has no {wanted}: do not rename it.', f'{file} 里没有 {wanted}：请不要改名。')
            return None, Verdict(WRONG, (says,))
        return function, None

    def verdict(self, name, language):
        """The `Verdict` on an exercise as it is now."""
        function, verdict = self.function(name, language)
        return verdict or check(tasks.load(name), function, self.file(name))
