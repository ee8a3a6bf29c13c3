"""What an exercise is: its texts in two languages, the inputs it is tried on, the right answer, and the usual mistakes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

LANGUAGES = ('en', 'zh')


class Words(NamedTuple):
    """The same text in English and in Chinese."""

    en: str
    zh: str

    def of(self, language):
        """The text in one of LANGUAGES."""
        return getattr(self, language)


class Wrong(Exception):
    """Something is wrong with what the reader's function returned, apart from its numbers."""

    def __init__(self, en, zh):
        super().__init__(en)
        self.says = Words(en, zh)


class Mistake(NamedTuple):
    """A wrong implementation, and what to say to the reader whose function gives the same numbers."""

    function: Callable
    says: Words


class Case(NamedTuple):
    """A kind of input: `draw(rng)` returns the arguments of the reader's function."""

    draw: Callable
    called: Words


@dataclass
class Task:
    """One exercise. The reader writes `function`, a function or a class, in the file `name`.

    - `title`; `source`: where the books and papers have it; `text`: what you will know, the equation, shapes; `hints`: steps
    - `tensors`: whether the arrays among the arguments are TensorFlow's; otherwise they are NumPy's
    - `parts`: names of what the function returns, if it returns a tuple
    - `probe(function, *arguments)`: how to call the reader's function, where its arguments are not simply those of a case
    - `cases`: kinds of input, easy ones first; `solve(*arguments)`: the right answer, not computed as the project does
    - `backwards`: whether each row of the answer follows from the row after it, so that the last wrong row has the mistake
    - `tolerance`: the largest difference from the right answer, relative to it or to 1, that counts as rounding
    """

    name: str
    title: Words
    source: Words
    text: Words
    hints: tuple[Words, ...]
    function: str = ''
    tensors: bool = False
    parts: tuple[str, ...] = ()
    probe: Callable | None = None
    backwards: bool = False
    tolerance: float = 1e-4
    cases: list[Case] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    solve: Callable | None = None

    def __post_init__(self):
        self.function = self.function or self.name

    def case(self, en, zh):
        """Decorates a function that draws the arguments of a case, from the easiest case to the hardest."""

        def register(draw):
            self.cases.append(Case(draw, Words(en, zh)))
            return draw

        return register

    def right(self, solve):
        """Decorates the function that computes the right answer."""
        self.solve = solve
        return solve

    def mistake(self, en, zh):
        """Decorates a wrong implementation; the two sentences tell the reader what is wrong."""

        def register(function):
            self.mistakes.append(Mistake(function, Words(en, zh)))
            return function

        return register

    def draws(self, seeds=2):
        """Functions that draw arguments, (case, draw) for each case and each of `seeds` seeds. A draw can be repeated."""
        for number, case in enumerate(self.cases):
            for seed in range(seeds):
                yield case, lambda case=case, seed=(number, seed): case.draw(np.random.default_rng(seed))

    def call(self, function, arguments):
        """What a function with the signature of the reader's answers to the arguments of a case."""
        return self.probe(function, *arguments) if self.probe else function(*arguments)
