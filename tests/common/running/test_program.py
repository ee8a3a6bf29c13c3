"""How a program ends."""

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
