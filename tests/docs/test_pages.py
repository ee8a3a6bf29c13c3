"""Each agent's page has the book's names, all of its equations, and the errata; what is renamed breaks the build."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('sphinx', reason='the companion is built with what requirements-docs.txt installs')
from extension import Wrong
from extension.code import Found
from extension.costs import told_of
from extension.equations import numbers
from extension.notes import errata
from extension.tables import in_force, linked_from, worded

ROOT = Path(__file__).resolve().parent.parent.parent
AGENTS = ROOT / 'docs' / 'agents'
NAMES = {
    'trpo': (
        '__init__ get_action pi_loss gradient train_vf kl _flat_concat get_pi_params set_pi_params save load cg hvp update '
        'finish_path store is_full get'
    ),
    'ppo': '__init__ train_actor train_critic update get_action save load store_transition finish_path calc_adv_ref',
    'pg_gaussian_minimal': 'actor reward loss GradientTape',
    'a2c': 'ModelActor ModelCritic AgentA2C calc_logprob',
    'acktr': 'ModelActor ModelCritic K-FAC',
    'sac': 'ModelActor ModelSACTwinQ unpack_batch_sac',
}


def page(agent):
    return (AGENTS / f'{agent}.md').read_text(encoding='utf-8')


def blocks(agent, directive):
    """The arguments and contents of a directive on an agent's page."""
    return re.findall(rf'^```\{{{directive}\}} ?(.*)\n((?:(?!```).*\n)*)```', page(agent), re.M)


def test_tables_are_made_without_the_tools_of_experiments():
    """`make docs` on a fresh machine does not install Ray and Optuna."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ('', 'docs'))
    code = 'import sys; sys.modules.update(ray=None, optuna=None); from extension.tables import written; print(*written(0))'
    done = subprocess.run([sys.executable, '-c', code], env=dict(os.environ, PYTHONPATH=path), capture_output=True, text=True)
    learning = {'matrix', 'learning', 'chapter', 'no-preset', 'short', 'clock', 'minimal', 'optima', 'coverage'}
    assert set(done.stdout.split()) == learning | {'speed', 'speed-claim'}, done.stderr


def test_links_begin_at_the_page_and_web_addresses_stay():
    text = '[a](docs/plain/en/speed.md), [b](LICENSE), [c](https://example.org/a/b)'
    assert linked_from(Path('docs/agents'), text) == '[a](../speed.md), [b](../../LICENSE), [c](https://example.org/a/b)'


def test_settings_in_force_are_the_preset_over_the_defaults():
    found = in_force('ppo.py', 'Pendulum-v1')
    assert (found['clip'], found['gamma'], found['hidden']) == (0.1, 0.99, (64, 64))
    assert in_force('a2c.py', 'HalfCheetah-v4')['final_std'] == 0.2
    with pytest.raises(Wrong, match='no preset for Pendulum-v9'):
        in_force('ppo.py', 'Pendulum-v9')


def test_ranges_of_experiments_are_told_from_other_cells():
    assert worded('-151.5 to -146.1') == '-151.5 to -146.1'
    assert worded('range 1.0 to 2.5') == 'range 1.0 to 2.5'
    assert worded('clip=0.2') == 'clip=0.2'


def test_each_agent_has_a_page():
    assert {path.stem for path in AGENTS.glob('*.md')} == set(NAMES)


@pytest.mark.parametrize('agent', NAMES)
def test_each_name_of_the_book_leads_to_code_that_the_page_shows(agent):
    shown = {name for arguments, _ in blocks(agent, 'code') for name in arguments.split()}
    (_, lines), = blocks(agent, 'book-names')  # fmt: skip
    named = dict(line.rsplit(': ', 1) for line in lines.splitlines())
    assert set(NAMES[agent].split()) <= set(named)
    for book, name in named.items():
        assert name in shown, book
        assert Found(name).first


@pytest.mark.parametrize('agent', NAMES)
def test_each_equation_of_the_docstring_is_on_the_page_once(agent):
    on_the_page = [arguments.split() for arguments, _ in blocks(agent, 'equation')]
    assert {file for file, _ in on_the_page} == {f'{agent}.py'}
    assert sorted(number for _, number in on_the_page) == sorted(numbers(f'{agent}.py'))


def test_each_erratum_is_told_of_on_some_page():
    assert {arguments for agent in NAMES for arguments, _ in blocks(agent, 'erratum')} == errata()


def test_each_erratum_has_a_cost():
    assert told_of() == errata()


def test_code_that_is_gone_is_an_error_that_says_what_is():
    assert Found('ppo.PPO.actor_loss').lines[0].startswith('def actor_loss(')
    with pytest.raises(Wrong, match=r'ppo\.py has no PPO\.actor_cost'):
        Found('ppo.PPO.actor_cost')
    with pytest.raises(Wrong, match='no such file'):
        Found('pppo.PPO')
