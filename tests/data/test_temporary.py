"""Temporary databases that were forgotten are closed in peace, whatever thread finds them."""

import sqlite3
import threading
from collections.abc import Callable

import pytest

from caselight.data.datasets.tables import Lookup
from caselight.data.spool import Spool


@pytest.mark.parametrize("make", [Lookup, Spool])
def test_another_thread_may_close_what_was_forgotten(make: Callable[[], Lookup | Spool]) -> None:
    forgotten = make()
    failed: list[sqlite3.Error] = []

    def collect() -> None:
        try:
            forgotten.close()
        except sqlite3.Error as error:
            failed.append(error)

    thread = threading.Thread(target=collect)
    thread.start()
    thread.join()
    assert failed == []
