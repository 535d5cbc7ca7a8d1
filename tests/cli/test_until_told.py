"""Ctrl-C ends what serves in order, and a second one at once."""

import os
import signal

import pytest

from caselight.cli.index import _until_told


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_does_not(kind: signal.Signals) -> None:
    before = signal.getsignal(kind)
    with _until_told() as ended:
        os.kill(os.getpid(), kind)
        assert ended.wait(5)
        # It publishes, say, and looks at the event when that is done.
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(kind)
    assert signal.getsignal(kind) == before
