"""The cells of the page on notebooks run, one after the other, and the picture they show is there."""

import importlib
import re
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs' / 'notebook.md').read_text(encoding='utf-8')
CELLS = re.findall(r'^```python\n(.*?)^```', PAGE, re.S | re.M)


def test_the_cells_of_the_page_run(tmp_path, monkeypatch, capsys):
    """Shorter, and not compiled. Between training and loading the run is begun again and interrupted, as by the stop button."""
    shown = []
    ipython, display = ModuleType('IPython'), ModuleType('IPython.display')
    ipython.version_info, display.Image = (9, 0), shown.append
    monkeypatch.setitem(sys.modules, 'IPython', ipython)
    monkeypatch.setitem(sys.modules, 'IPython.display', display)
    monkeypatch.chdir(tmp_path)
    short = 'steps=2048, batch_steps=1024, minibatch_size=1024, hidden=(8,), epochs=1, episodes=2, eager=True'
    names = {}
    train, image, go_on, reload = (cell.replace('steps=20_480', short) for cell in CELLS)
    for cell in (train, image):
        exec(cell, names)
    assert Path(shown[0]).is_file()
    assert '|' not in capsys.readouterr().err
    names['stop'] = lambda run, losses: signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        exec(train.replace('eager=True', "eager=True, name='stopped', on_update=stop"), names)
    said = capsys.readouterr().out
    assert "load_agent('notebook/model/PPO_CartPole-v1/stopped/checkpoint.npz') loads the agent as it is" in said
    assert "resume=True, name='stopped'" in said
    exec(go_on.replace('seed0', 'stopped'), names)
    assert Path('notebook/model/PPO_CartPole-v1/stopped/agent.npz').is_file()
    exec(reload, names)
    assert names['ppo'] is importlib.import_module('ppo')
