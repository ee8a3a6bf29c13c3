"""The cells of the page on notebooks run in a real kernel, one after the other, and show what the page says."""

import re
from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'notebook.md').read_text(encoding='utf-8')
CELLS = re.findall(r'^```python\n(.*?)^```', PAGE, re.S | re.M)
SHORT = 'steps=3072, batch_steps=1024, minibatch_size=1024, hidden=(8,), epochs=1, episodes=2, eager=True'
STOP = 'import os, signal\nstop = lambda run, losses: os.kill(os.getpid(), signal.SIGINT)'  # what the stop button sends


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a cell in a kernel; returns its outputs."""
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('PYTHONDONTWRITEBYTECODE', '1')
    monkeypatch.delenv('MPLBACKEND', raising=False)
    notebook = nbformat.v4.new_notebook()
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name='python3', allow_errors=True)
    with client.setup_kernel(cwd=str(tmp_path)):

        def in_kernel(code):
            notebook.cells.append(nbformat.v4.new_code_cell(code))
            return client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)['outputs']

        yield in_kernel


def text(outputs, name='stdout'):
    return ''.join(one.text for one in outputs if one.output_type == 'stream' and one.name == name)


def pictures(outputs):
    return [one for one in outputs if 'image/png' in one.get('data', {})]


def errors(outputs):
    return [one.ename for one in outputs if one.output_type == 'error']


@pytest.mark.slow
def test_the_cells_of_the_page_run_in_a_kernel(run, tmp_path):
    """Shorter, and not compiled. Before a run is continued it is begun, and interrupted as by the stop button."""
    train, image, watch, go_on, reload = (cell.replace('steps=20_480', SHORT) for cell in CELLS)
    trained = run(train)
    assert not errors(trained)
    assert 'Trained 2,' in text(trained)
    assert '|' not in text(trained, 'stderr'), 'a progress bar'
    assert len(pictures(run(image))) == 1
    assert len(pictures(run(watch))) == 1, 'the second picture replaces the first'
    run(STOP)
    stopped = run(train.replace('eager=True', "eager=True, name='stopped', on_update=stop"))
    assert errors(stopped) == ['KeyboardInterrupt']
    assert "load_agent('notebook/model/PPO_CartPole-v1/stopped/checkpoint.npz') loads the agent as it is" in text(stopped)
    assert "resume=True, name='stopped'" in text(stopped)
    assert not errors(run(go_on.replace('seed0', 'stopped')))
    assert (tmp_path / 'notebook/model/PPO_CartPole-v1/stopped/agent.npz').is_file()
    assert not errors(run(reload))


def test_messages_are_pythons_again_after_a_command_line_in_a_notebook(run):
    outputs = run("import ppo\ntry:\n    ppo.main(['--train', '--clip', '-1'])\nexcept Exception as error:\n    print(error)")
    assert '--clip -1' in text(outputs)
    outputs = run('try:\n    ppo.train(clip=-1)\nexcept Exception as error:\n    print(error)')
    assert 'clip=-1' in text(outputs)
    assert '--clip' not in text(outputs)
