"""Write it yourself: exercises with a checker that says which usual mistake a wrong answer looks like.

    python -m exercises start              # writes a file for each exercise into my_exercises/, and never over one of yours
    python -m exercises                    # lists the exercises, and how far you are
    python -m exercises check gae          # checks an exercise; also by its number, 2, or several, 1-5; without a name, all
    python -m exercises hint gae           # the next hint
    python -m exercises solution gae       # a solution
    python -m exercises train ppo          # trains with your functions in place of the project's

--language zh gives Chinese; `start` remembers the language. Exit codes: 0 passed, 1 not passed, 2 for a wrong command.
"""

import argparse
import difflib
import locale
import os
import sys
from pathlib import Path

from common import errors
from common.errors import UserError
from common.running import program
from exercises import tasks
from exercises.checking import PASSED, UNTOUCHED, WRONG
from exercises.folder import DEFAULT, Folder, number, solution, text
from exercises.task import LANGUAGES, Words

MISSING = 'missing'
STATES = {
    PASSED: Words('passed', '通过'),
    WRONG: Words('wrong', '有误'),
    UNTOUCHED: Words('untouched', '未写'),
    MISSING: Words('missing', '缺少'),
}


class Parser(argparse.ArgumentParser):
    """A parser that raises UserError where argparse would print its usage."""

    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message):
        raise UserError(f'{message}; python -m exercises --help shows every command')


def parse(argv):
    """The options of a command line; UserError for one that is wrong."""
    always = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    always.add_argument('--folder', type=Path, metavar='DIR', help='your folder, default my_exercises/ in the repository')
    always.add_argument('--language', choices=LANGUAGES, help='en or zh; default: that of start, else that of your system')
    parser = Parser(prog='python -m exercises', description=__doc__, parents=[always])
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', parser_class=Parser)

    def command(name, says, *arguments):
        sub = commands.add_parser(name, help=says, description=says, parents=[always])
        for words, options in arguments:
            sub.add_argument(*words, **options)

    one = (['name'], dict(metavar='NAME', help='an exercise, by its name, its number or its file'))
    command('list', 'list the exercises, and how far you are')
    command('start', 'write the files of the exercises that are not there yet')
    command('show', 'show the text of an exercise', one)
    command('check', 'check exercises', (['names'], dict(metavar='NAME', nargs='*', help='exercises, also 1-5; default: all')))
    step = (['--step'], dict(type=int, metavar='N', help='the hint to show, from 1; default: the next one'))
    command('hint', 'show the next hint', one, step)
    command('solution', 'show a solution', one)
    command(
        'train', "train with your functions in place of the project's, and the project's own agent next to it",
        (['name'], dict(metavar='AGENT', choices=tasks.NEEDED, help=', '.join(tasks.NEEDED))),
        (['--steps'], dict(type=count, metavar='N', help='environment steps; default: a short training')),
        (['--seed'], dict(type=seed, default=0, metavar='N', help='default 0')),
    )  # fmt: skip
    options = parser.parse_args(argv, argparse.Namespace(folder=DEFAULT, language=None))
    options.command = options.command or 'list'
    return options


def count(word):
    """A whole number of at least 1, for argparse."""
    if int(word) < 1:
        raise argparse.ArgumentTypeError(f'{word} must be at least 1')
    return int(word)


def seed(word):
    """A whole number of at least 0, for argparse."""
    if int(word) < 0:
        raise argparse.ArgumentTypeError(f'{word} must be at least 0')
    return int(word)


def language_of(options, folder):
    """The language to speak: the one that is asked for, else that of the folder, else that of the system."""
    variables = [os.environ.get(name) for name in ('LC_ALL', 'LC_MESSAGES', 'LANG')]
    system = next(filter(None, [*variables, locale.getlocale()[0]]), '')
    chosen = options.language or folder.remembered().get('language')
    return chosen if chosen in LANGUAGES else 'zh' if system.startswith(('zh', 'Chinese')) else 'en'


def named(name, language):
    """The exercise that is meant by a name, a number or a file; UserError if there is none."""
    meant = _meant(name)
    if meant:
        return meant
    close = ', '.join(difflib.get_close_matches(name, tasks.NAMES, cutoff=0.4))
    nearest = Words(f' (nearest: {close})', f'（相近的有：{close}）') if close else Words('', '')
    raise UserError(
        Words(
            f"there is no exercise '{name}'{nearest.en}; python -m exercises lists them all",
            f'没有名为“{name}”的练习{nearest.zh}；python -m exercises 会列出全部',
        ).of(language)
    )


def _meant(name):
    """The exercise of a name, a number or a file, `my_exercises/gae.py`; or None."""
    if name.isdecimal() and 1 <= int(name) <= len(tasks.NAMES):
        return tasks.NAMES[int(name) - 1]
    name = Path(name).stem if name.endswith('.py') else name
    return name if name in tasks.NAMES else None


def all_named(words, language):
    """The exercises that are meant by names, numbers, files, and ranges of numbers such as 1-5."""
    names = []
    for word in words:
        first, dash, last = word.partition('-')
        if dash and first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= len(tasks.NAMES):
            names += tasks.NAMES[int(first) - 1 : int(last)]
        else:
            names.append(named(word, language))
    return list(dict.fromkeys(names))


def show_list(folder, language):
    """Prints a line for each exercise: its number, state, name and title."""
    begun = folder.path.is_dir()
    states = [
        folder.verdict(name, language).state if folder.file(name).exists() else MISSING if begun else UNTOUCHED
        for name in tasks.NAMES
    ]
    for name, state in zip(tasks.NAMES, states, strict=True):
        title = tasks.load(name).title.of(language)
        print(f'{number(name):2}  {STATES[state].of(language):9}  {name:22} {title}')
    command = folder.command('start')
    if not begun:
        print(Words(f'{command} writes their files.', f'{command} 会写出这些练习的文件。').of(language))
    elif MISSING in states:
        print(Words(f'{command} writes the missing files.', f'{command} 会补上缺少的文件。').of(language))


def start(folder, language):
    """Writes the files that are missing, and says what to do next."""
    folder.remember(language=language)
    written = folder.start(language)
    kept = len(tasks.NAMES) - len(written)
    files = f'{len(written)} {"file" if len(written) == 1 else "files"}'
    command = folder.command(f'check {tasks.NAMES[0]}')
    says = Words(
        f'{files} written to {folder.path}, {kept} of yours left as they are. Begin with {tasks.NAMES[0]}.py: '
        f'read it, write its function, then {command}',
        f'{folder.path} 里写入了 {len(written)} 个文件，已有的 {kept} 个没有改动。从 {tasks.NAMES[0]}.py 开始：读题，写函数，'
        f'然后 {command}',
    )
    print(says.of(language))


def check(folder, names, language):
    """Checks exercises, all of them if `names` is empty, and prints what came of it; returns whether all are passed."""
    passed, untouched = True, []
    for name in names or tasks.NAMES:
        verdict = folder.verdict(name, language)
        passed = passed and verdict.state == PASSED
        if verdict.state == UNTOUCHED and not names:
            untouched.append(number(name))
            continue
        print(f'{name}: {STATES[verdict.state].of(language)}')
        for says in verdict.says:
            print(f'  {says.of(language)}')
        if verdict.state == WRONG:
            command = folder.command(f'hint {name}')
            print(Words(f'  A hint: {command}', f'  提示：{command}').of(language))
    if untouched:
        print(_untouched(untouched).of(language))
    if names and passed:
        show_next(folder, names[-1], language)
    return passed


def _untouched(numbers):
    """The line for the exercises that are untouched, by their numbers: consecutive ones as `6 to 15`."""
    runs = []
    for one in numbers:
        if runs and runs[-1][-1] == one - 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    of = {joint: [f'{run[0]}{joint}{run[-1]}' if run[1:] else str(run[0]) for run in runs] for joint in (' to ', ' 到 ')}
    return Words(f'Untouched: {", ".join(of[" to "])}.', f'未写：{"、".join(of[" 到 "])}。')


def show_next(folder, name, language):
    """Prints what comes after an exercise that is passed; the fifth is the last that PPO needs."""
    after = ''.join(tasks.NAMES[number(name) : number(name) + 1])
    command = folder.command(f'check {after}')
    following = Words(f'{after} ({command})', f'{after}（{command}）')
    if name == tasks.NEEDED['ppo'][-1]:
        training = folder.command('train ppo')
        print(Words(f'Next: {training}, or {following.en}', f'下一步：{training}，或者 {following.zh}').of(language))
    elif after:
        print(Words(f'Next: {following.en}', f'下一题：{following.zh}').of(language))


def hint(folder, name, step, language):
    """Prints a hint, by default the one after the last that was shown, and remembers it."""
    hints = tasks.load(name).hints
    given = folder.remembered().get('hints')
    given = given if isinstance(given, dict) else {}
    last = given.get(name)
    step = step if step is not None else (last if isinstance(last, int) else 0) + 1
    if step == len(hints) + 1 or (step > len(hints) and step == (last or 0) + 1):
        command = folder.command(f'solution {name}')
        print(Words(f'That was the last hint: {command}', f'提示已经用完：{command}').of(language))
        return
    if not 1 <= step <= len(hints):
        raise UserError(
            Words(
                f'--step {step} is out of range: {name} has {len(hints)} hints',
                f'--step {step} 超出范围：{name} 有 {len(hints)} 条提示',
            ).of(language)
        )
    print(f'{step}/{len(hints)}  {hints[step - 1].of(language)}')
    if folder.path.is_dir():
        folder.remember(hints=given | {name: step})


def train(folder, name, seed, steps, language):
    """Trains an agent with the reader's functions. UserError if an exercise that it needs is not passed yet."""
    mine = {}
    for needed in tasks.NEEDED[name]:
        if folder.verdict(needed, language).state != PASSED:
            command = folder.command(f'check {needed}')
            raise UserError(
                Words(
                    f'{name} needs the exercise {needed}, which is not passed yet: {command}',
                    f'{name} 需要练习 {needed}，它还没有通过：{command}',
                ).of(language)
            )
        mine[needed], _ = folder.function(needed, language)
    from exercises import training  # it loads Matplotlib

    settings = {} if steps is None else dict(steps=steps)
    training.train(name, mine, folder.path, seed, language, **settings)


@errors.naming_flags()
def main(argv=None):
    """The command line."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and _meant(argv[0]):
        language = language_of(argparse.Namespace(language=None), Folder(DEFAULT))
        raise UserError(
            Words(
                f"'{argv[0]}' is an exercise, not a command: did you mean python -m exercises check {argv[0]}?",
                f'“{argv[0]}”是练习，不是命令：是不是想运行 python -m exercises check {argv[0]}？',
            ).of(language)
        )
    options = parse(argv)
    folder = Folder(options.folder)
    language = language_of(options, folder)
    folder.require_folder(language)
    if options.command == 'list':
        show_list(folder, language)
    elif options.command == 'start':
        start(folder, language)
    elif options.command == 'show':
        print(text(named(options.name, language), language, folder.flags))
    elif options.command == 'check':
        if not check(folder, all_named(options.names, language), language):
            sys.exit(1)
    elif options.command == 'hint':
        hint(folder, named(options.name, language), options.step, language)
    elif options.command == 'solution':
        print(solution(named(options.name, language)), end='')
    elif options.command == 'train':
        train(folder, options.name, options.seed, options.steps, language)


if __name__ == '__main__':
    sys.argv[0] = 'python -m exercises'  # so that errors begin with what was typed
    program.run(main)
