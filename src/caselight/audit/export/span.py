"""Records that are verified before any of them leaves.

Read twice: once to hold them against the signed root, once to say them. Nothing is kept of them in
between, so that a log of any length takes the same memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from caselight.audit.end import BEGINNING, LogEnd
from caselight.audit.files import LogFiles
from caselight.audit.log import lines_of
from caselight.audit.notes import Checkpoint
from caselight.audit.record import AuditRecord, read_line, split_line
from caselight.audit.verify import FaultKind, Walk, conclude
from caselight.errors import AuditError

Since = int | datetime | LogEnd
"""A position, a moment with a zone, or where an earlier export came to its end."""
_CODES: dict[FaultKind, str] = {"missing": "audit.truncated", "rewritten": "audit.fork"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Verified records of a log, from one on to the newest that is signed for."""

    log: Path
    first: int
    """Position of the first."""
    begins_at: int
    """Byte of the file where its line begins."""
    end: LogEnd
    head: Checkpoint
    """The signed checkpoint that they were held against."""
    note: str
    """The signed note that it stands in."""

    def __len__(self) -> int:
        return self.end.size - self.first

    def records(self) -> Iterator[tuple[AuditRecord, bytes]]:
        """The records, each with the canonical JSON of its line.

        Raises:
            AuditError: `audit.altered` where the file was changed since it was verified.
        """
        lines = lines_of(self.log, self.end.n_bytes, start=self.begins_at)
        position = self.first
        for position, line in enumerate(lines, start=self.first):
            record = read_line(line)
            if record.position != position:
                raise _changed(self.log)
            yield record, line[65:]
        if len(self) and position != self.end.size - 1:
            raise _changed(self.log)


def verified(files: LogFiles, *, since: Since = 0) -> Span:
    """Verify a log as far as it is signed for, and say where what is to be exported begins.

    What lies before an earlier export's end was verified then, and is not read again: the signed
    root holds it together with what follows.

    Args:
        files: the log; only read, its secret keys are not needed.
        since: which records. From a moment on means from the first record at or after it.

    Raises:
        AuditError: `audit.no_such_record` for a position behind the last; `audit.altered`,
            `audit.truncated`, `audit.fork`, `audit.bad_signature` or `audit.missing` when the log
            is not whole.
    """
    head, note = files.read_head()
    end = LogEnd.read(head)
    if isinstance(since, int) and not 0 <= since < end.size:
        raise AuditError(
            f"the log holds {end.size} records, 0 to {end.size - 1}, and not {since}; name one of "
            "them, or a date",
            code="audit.no_such_record",
        )
    begin = since if isinstance(since, LogEnd) else BEGINNING
    if begin.size > end.size:
        raise _broken(
            f"an export has seen {begin.size} records, and the log is signed for {end.size}",
            code="audit.truncated",
        )
    if not files.log.is_file():
        raise _broken(f"{files.log} is missing", code="audit.missing")
    checkpoints = [head]
    witnessed = files.last_witnessed()
    if witnessed is not None:
        checkpoints.append(files.verifier().check(witnessed))
    walk, at = Walk(begin), begin.n_bytes
    met: dict[int, bytes] = {}
    roots = {checkpoint.size for checkpoint in checkpoints}
    found: tuple[int, int] | None = None
    for line in lines_of(files.log, end.n_bytes, start=begin.n_bytes):
        if found is None and _begins(line, walk.frontier.size, since):
            found = (walk.frontier.size, at)
        walk.line(line)
        at += len(line) + 1
        if walk.frontier.size in roots:
            met[walk.frontier.size] = walk.frontier.root()
    faults = conclude(walk, checkpoints, met, torn=0).faults
    if faults:
        fault = faults[0]
        raise _broken(
            f"record {fault.position}: {fault.kind}: {fault.detail}",
            code=_CODES.get(fault.kind, "audit.altered"),
        )
    where, byte = found or (end.size, end.n_bytes)
    return Span(log=files.log, first=where, begins_at=byte, end=end, head=head, note=note)


def _begins(line: bytes, position: int, since: Since) -> bool:
    if isinstance(since, LogEnd):
        return True
    if isinstance(since, int):
        return position == since
    parts = split_line(line)
    # A line that is none is found by the walk.
    return parts is not None and datetime.fromisoformat(read_line(line).at) >= since


def _broken(why: str, *, code: str) -> AuditError:
    return AuditError(f"{why}; nothing was exported; `caselight audit verify` says more", code=code)


def _changed(log: Path) -> AuditError:
    return _broken(f"{log} was changed since it was verified", code="audit.altered")
