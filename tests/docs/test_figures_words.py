"""The figures' words stand in both languages, and what the curves say of several seeds is NumPy's."""

import itertools
import json

import numpy as np
import pytest
from javascript import FIGURES, evaluate, needs_node

pytestmark = needs_node
NAMES = sorted(path.stem for path in FIGURES.glob('*.js') if 'export const WORDS' in path.read_text(encoding='utf-8'))
SAME = {'V(s)', '↻', '↺', '−π', 'μ', 'σ', 'δ', 'A', 'KL', '', '←', '→', '↑', '↓'}  # need no translation


def test_there_are_six_figures():
    assert NAMES == ['advantages', 'clip', 'curves', 'gaussian', 'play', 'trust_region']


@pytest.mark.parametrize('name', NAMES)
def test_both_languages_say_the_same_things(name):
    """The same keys; every text in Chinese but for names and formulas, and none of the English ones."""
    texts = evaluate(
        name,
        """(() => {
          const texts = (value, path) =>
            typeof value === 'object'
              ? Object.entries(value).flatMap(([key, inner]) => texts(inner, [...path, key]))
              : [[path.join('/'), typeof value === 'function' ? value('7') : value]];
          return { en: texts(given.module.WORDS.en, []), zh: texts(given.module.WORDS.zh, []) };
        })()""".replace('given.module', name),
    )
    english, chinese = dict(texts['en']), dict(texts['zh'])
    free = {key for key in english.keys() | chinese.keys() if key.startswith(('envs/', 'names/'))}  # where a name differs
    assert english.keys() - free == chinese.keys() - free
    has_chinese = {key: any('一' <= letter <= '鿿' for letter in text) for key, text in (english | chinese).items()}
    assert not [text for text in english.values() if any('一' <= letter <= '鿿' for letter in text)]
    same = [key for key in english.keys() - free if english[key] == chinese[key]]
    assert not [english[key] for key in same if english[key] not in SAME and any(map(str.isalpha, english[key]))]
    assert sum(has_chinese.values()) >= len(chinese) - len(same) - 4


def test_median_and_range_across_seeds_against_numpy():
    rng = np.random.default_rng(0)
    lines = [[[int(step), value] for step, value in zip(steps, rng.normal(size=len(steps)), strict=True)] for steps in (
        [10, 20, 30], [10, 20], [10, 25, 30], [10, 30],
    )]  # fmt: skip
    found = evaluate('math/spread', 'spread.acrossSeeds(given.lines)', lines=lines)
    by_steps = {}
    for step, value in itertools.chain(*lines):
        by_steps.setdefault(step, []).append(value)
    assert [one['steps'] for one in found] == sorted(by_steps)
    for one in found:
        values = by_steps[one['steps']]
        assert one['count'] == len(values)
        np.testing.assert_allclose([one['low'], one['middle'], one['high']], [min(values), np.median(values), max(values)])


def test_nearest_point():
    points = [{'steps': steps} for steps in (10, 20, 40)]
    found = evaluate(
        'math/spread', 'given.at.map((at) => spread.nearest(given.points, at)?.steps)', points=points, at=[0, 14, 31, 99]
    )
    assert found == [10, 10, 40, 40]


def test_nothing_is_loaded_from_elsewhere():
    """Modules name only files beside them; styles and data likewise."""
    for path in [*FIGURES.rglob('*.js'), *FIGURES.rglob('*.css')]:
        if 'data' in path.relative_to(FIGURES).parts:
            continue
        text = path.read_text(encoding='utf-8').replace('http://www.w3.org/2000/svg', '')
        assert '//' not in text.replace('// ', '').replace('/** ', ''), path
    assert json.loads((FIGURES / 'package.json').read_text()) == {'type': 'module'}
