"""The search splits what is typed as it splits the pages: Chinese by pairs of characters, section numbers whole."""

import json
import subprocess

import pytest
from javascript import NODE, needs_node

pytest.importorskip('sphinx', reason='the companion is built with what requirements-docs.txt installs')
from extension.languages import SPLITTER, Chinese, English, words

SPLIT = {
    '5.10.6': ['5.10.6'],
    'section 5.10.6.': ['section', '5.10.6'],
    '第5.10.6节': ['第', '5.10.6', '节'],
    'Table 16.1': ['Table', '16.1'],
    '批判者': ['批判', '判者'],
    'PPO裁剪': ['PPO', '裁剪'],
    'train_actor, 策略梯度': ['train_actor', '策略', '略梯', '梯度'],
    'Hu\u00e9 \u03b5 1': ['Hu\u00e9', '\u03b5', '1'],
}


@pytest.mark.parametrize('text', SPLIT)
def test_words_of_a_page(text):
    assert words(text) == SPLIT[text]


@pytest.mark.parametrize('language', [English, Chinese])
def test_both_languages_index_section_numbers_and_chinese(language):
    index = language({})
    found = [index.stem(word) for word in index.split('第5.10.6节的批判者')]
    assert {'5.10.6', '批判', '判者'} <= {word for word in found if index.word_filter(word)}


@needs_node
def test_what_is_typed_is_split_as_the_pages_are():
    script = f'{SPLITTER}; process.stdout.write(JSON.stringify({json.dumps(list(SPLIT))}.map(splitQuery)))'
    done = subprocess.run([NODE, '--eval', script], capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == list(SPLIT.values()), done.stderr
