"""Every text of the companion is there in both languages, and its translation keeps what is not words."""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.variants.cells import VARIANTS

import pytest

pytest.importorskip('sphinx', reason='the companion is built with what requirements-docs.txt installs')
from babel.messages.pofile import read_po
from translations import skeleton

ROOT = Path(__file__).resolve().parent.parent.parent
LOCALES = ROOT / 'docs' / 'locales' / 'zh_CN' / 'LC_MESSAGES'


def messages(path):
    """The entries of a catalogue, without its head."""
    with open(path, 'rb') as file:
        return [message for message in read_po(file, locale='zh_CN') if message.id]


def test_every_text_of_every_page_is_translated(tmp_path):
    sphinx = [sys.executable, '-m', 'sphinx', '-q', '-E', '-b', 'gettext', '-d', tmp_path / 'trees']
    subprocess.run([*sphinx, ROOT / 'docs', tmp_path / 'texts'], check=True, cwd=ROOT)
    missing = []
    templates = sorted((tmp_path / 'texts').rglob('*.pot'))
    assert len(templates) > 15
    for template in templates:
        page = template.relative_to(tmp_path / 'texts').with_suffix('.po')
        there = {message.id for message in messages(LOCALES / page)} if (LOCALES / page).exists() else set()
        missing += [f'{page}: {message.id}' for message in messages(template) if message.id not in there]
    assert not missing, 'make messages puts them into docs/locales: ' + '; '.join(missing)


@pytest.mark.parametrize('path', sorted(LOCALES.rglob('*.po')), ids=lambda path: str(path.relative_to(LOCALES)))
def test_no_translation_is_empty_or_fuzzy_and_each_keeps_code_equations_and_links(path):
    for message in messages(path):
        assert message.string, message.id
        assert not message.fuzzy, message.id
        assert skeleton(message.string) == skeleton(message.id), message.id


def test_what_the_extension_itself_says_is_translated():
    said = set()
    for path in (ROOT / 'docs' / 'extension').glob('*.py'):
        said |= {match[2] for match in re.finditer(r"""\b_\((['"])(.+?)\1\)""", path.read_text(encoding='utf-8'))}
    assert len(said) >= 6
    said |= {variant.says for variant in VARIANTS}
    assert said <= {message.id for message in messages(LOCALES / 'sphinx.po')}


def test_the_skeleton_sees_what_a_translation_has_lost():
    text = '{in}`ppo.PPO` minimises $-L$, `old_pi` as in [PPO](ppo.md)'
    assert skeleton('见 [PPO](ppo.md)：`old_pi`，{in}`ppo.PPO` 最小化 $-L$') == skeleton(text)
    for lost in ('$-L$', '`old_pi`', '{in}', '(ppo.md)'):
        assert skeleton(text.replace(lost, '')) != skeleton(text)
