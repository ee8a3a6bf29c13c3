"""How a program ends."""

import signal
import subprocess
import sys

from common.errors import UserError
from common.running import program

import pytest


def test_exit_codes(capsys):
    def wrong():
        raise UserError('the flag is wrong')

    def interrupted():
        raise KeyboardInterrupt

    for main, code in ((wrong, 2), (interrupted, 130)):
        with pytest.raises(SystemExit) as caught:
            program.run(main)
        assert caught.value.code == code
    assert capsys.readouterr().err.endswith('error: the flag is wrong\n')


def test_a_program_of_ones_own_that_sigterm_ends_has_the_exit_code_of_an_exception():
    """The page on runs says so. Python 3.14 ends it as it ends any KeyboardInterrupt, by SIGINT; before only a plain one."""
    ended = subprocess.run(
        [sys.executable, '-c', 'from common.errors import Terminated; raise Terminated'], capture_output=True
    )
    assert ended.returncode == (-signal.SIGINT if sys.version_info >= (3, 14) else 1)
