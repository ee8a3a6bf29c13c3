"""Write it yourself: exercises with a checker that says which usual mistake a wrong answer looks like.

    python -m exercises start              # writes a file for each exercise into my_exercises/, and never over one of yours
    python -m exercises                    # lists the exercises, and how far you are
    python -m exercises check gae          # checks an exercise; without a name, all of them
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

STATES = {PASSED: Words('passed', '通过'), WRONG: Words('wrong', '有误'), UNTOUCHED: Words('untouched', '未写')}


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

    one = (['name'], dict(metavar='NAME', help='an exercise, by its name or its number'))
    command('list', 'list the exercises, and how far you are')
    command('start', 'write the files of the exercises that are not there yet')
    command('show', 'show the text of an exercise', one)
    command('check', 'check exercises', (['names'], dict(metavar='NAME', nargs='*', help='exercises; default: all')))
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
    """The exercise that is meant by a name or a number; UserError if there is none."""
    if name.isdigit() and 1 <= int(name) <= len(tasks.NAMES):
        return tasks.NAMES[int(name) - 1]
    if name in tasks.NAMES:
        return name
    close = ', '.join(difflib.get_close_matches(name, tasks.NAMES, cutoff=0.4))
    nearest = Words(f' (nearest: {close})', f'（相近的有：{close}）') if close else Words('', '')
    raise UserError(
        Words(
            f"there is no exercise '{name}'{nearest.en}; python -m exercises lists them all",
            f'没有名为“{name}”的练习{nearest.zh}；python -m exercises 会列出全部',
        ).of(language)
    )


def show_list(folder, language):
    """Prints a line for each exercise: its number, state, name and title."""
    for name in tasks.NAMES:
        state = UNTOUCHED if not folder.file(name).exists() else folder.verdict(name, language).state
        title = tasks.load(name).title.of(language)
        print(f'{number(name):2}  {STATES[state].of(language):9}  {name:22} {title}')
    if not folder.path.is_dir():
        print(
            Words('python -m exercises start writes their files.', 'python -m exercises start 会写出这些练习的文件。').of(
                language
            )
        )


def start(folder, language):
    """Writes the files that are missing, and says what to do next."""
    folder.remember(language=language)
    written = folder.start(language)
    kept = len(tasks.NAMES) - len(written)
    says = Words(
        f'{len(written)} files written to {folder.path}, {kept} of yours left as they are. Begin with {tasks.NAMES[0]}.py: '
        f'read it, write its function, then python -m exercises check {tasks.NAMES[0]}',
        f'{folder.path} 里写入了 {len(written)} 个文件，已有的 {kept} 个没有改动。从 {tasks.NAMES[0]}.py 开始：读题，写函数，'
        f'然后 python -m exercises check {tasks.NAMES[0]}',
    )
    print(says.of(language))


def check(folder, names, language):
    """Checks exercises and prints what came of it; returns whether all are passed."""
    passed = True
    for name in names:
        verdict = folder.verdict(name, language)
        print(f'{name}: {STATES[verdict.state].of(language)}')
        for says in verdict.says:
            print(f'  {says.of(language)}')
        if verdict.state == WRONG:
            print(Words(f'  A hint: python -m exercises hint {name}', f'  提示：python -m exercises hint {name}').of(language))
        passed = passed and verdict.state == PASSED
    return passed


def hint(folder, name, step, language):
    """Prints a hint, by default the one after the last that was shown, and remembers it."""
    hints = tasks.load(name).hints
    given = folder.remembered().get('hints')
    given = given if isinstance(given, dict) else {}
    last = given.get(name)
    step = step if step is not None else (last if isinstance(last, int) else 0) + 1
    if step == len(hints) + 1 or (step > len(hints) and step == (last or 0) + 1):
        print(
            Words(
                f'That was the last hint: python -m exercises solution {name}',
                f'提示已经用完：python -m exercises solution {name}',
            ).of(language)
        )
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
            raise UserError(
                Words(
                    f'{name} needs the exercise {needed}, which is not passed yet: python -m exercises check {needed}',
                    f'{name} 需要练习 {needed}，它还没有通过：python -m exercises check {needed}',
                ).of(language)
            )
        mine[needed], _ = folder.function(needed, language)
    from exercises import training  # it loads Matplotlib

    settings = {} if steps is None else dict(steps=steps)
    training.train(name, mine, folder.path, seed, language, **settings)


@errors.naming_flags()
def main(argv=None):
    """The command line."""
    options = parse(sys.argv[1:] if argv is None else argv)
    folder = Folder(options.folder)
    language = language_of(options, folder)
    if options.command == 'list':
        show_list(folder, language)
    elif options.command == 'start':
        start(folder, language)
    elif options.command == 'show':
        print(text(named(options.name, language), language))
    elif options.command == 'check':
        names = [named(name, language) for name in options.names] or tasks.NAMES
        if not check(folder, names, language):
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
