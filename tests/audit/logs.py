"""Logs of nothing in particular, for the tests of the record."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from caselight.audit.log import FOLDER, AuditLog, open_log
from caselight.audit.record import Entry


def clock() -> Iterator[datetime]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    while True:
        now += timedelta(milliseconds=1)
        yield now


def entry(n: int = 0) -> Entry:
    return Entry(event="search.answered", actor="reader", payload={"n": n, "of": "ä∑"})


def log_of(home: Path, n_records: int, *, group: int = 5) -> AuditLog:
    """A log in a home, with so many records: the first is its own."""
    home.mkdir(parents=True, exist_ok=True)
    times = clock()
    log = open_log(home, clock=lambda: next(times))
    entries = [entry(n) for n in range(1, n_records)]
    for start in range(0, len(entries), group):
        log.append(*entries[start : start + group])
    return log


def folder(home: Path) -> Path:
    return home / FOLDER
