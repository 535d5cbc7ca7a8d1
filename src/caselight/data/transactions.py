"""A change to an SQLite file: all of it, or nothing."""

import contextlib
import sqlite3
from collections.abc import Iterator

from caselight.data.system_errors import explained


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Hold the file for writing; what was written is kept at the end, and undone after an error.

    Raises:
        StoreError: when the system refuses: a full disk, a lock that another process holds.
    """
    with explained():
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            # A full disk has rolled back by itself.
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
