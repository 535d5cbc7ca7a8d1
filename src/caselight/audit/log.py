"""The log: records are appended, made durable, and only then is anything answered.

Writers of several threads share one flush to the disk, and writers of several processes take
turns. A write that fails takes back what it had begun; a write that was killed leaves at most a
part of a line, which nobody was told of, and which the next writer cuts off.
"""

import contextlib
import errno
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from caselight.audit.end import LogEnd
from caselight.audit.files import LogFiles, flush_folder
from caselight.audit.notes import Checkpoint, Signer
from caselight.audit.record import (
    FORMAT,
    NO_RECORD,
    AuditRecord,
    Entry,
    make_line,
    read_line,
    split_line,
)
from caselight.errors import AuditError
from caselight.merkle import Frontier, leaf_digest

FOLDER = "audit"
SELF = "caselight"
"""The actor of what a log says about itself."""
Clock = Callable[[], datetime]


class _Ticket:
    """Entries that wait for their turn."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.positions: list[int] | None = None
        self.error: BaseException | None = None


class AuditLog:
    """An open log. Use `open_log`."""

    def __init__(self, files: LogFiles, signer: Signer, *, clock: Clock) -> None:
        self.files = files
        self.digest_key = files.digest_key()
        self._signer = signer
        self._clock = clock
        self._state: LogEnd | None = None
        self._torn = self._unsigned = 0
        self._queue: list[_Ticket] = []
        self._queue_lock = threading.Lock()
        self._turn = threading.Lock()

    @property
    def origin(self) -> str:
        """Name of the log."""
        return self._signer.name

    def append(self, *entries: Entry) -> list[int]:
        """Record entries, and come back when they are durable.

        Returns:
            Their positions.

        Raises:
            AuditError: `audit.not_written` when the disk is full or refuses, or when the witness
                cannot be told; `audit.truncated`, `audit.altered` or `audit.fork` when the log is
                not what it was. Whatever was to be answered must not be.
        """
        ticket = _Ticket(entries)
        with self._queue_lock:
            self._queue.append(ticket)
        with self._turn:
            if ticket.positions is None and ticket.error is None:
                with self._queue_lock:
                    group, self._queue = self._queue, []
                self._commit(group)
        if ticket.error is not None:
            raise ticket.error
        if ticket.positions is None:
            raise RuntimeError("a ticket was neither served nor refused")
        return ticket.positions

    def records(self, *, start: int = 0, events: Collection[str] = ()) -> Iterator[AuditRecord]:
        """Records from a position on, as of now.

        Args:
            start: position of the first.
            events: which; all if none are named. Others are passed over without being read.

        Raises:
            AuditError: `audit.altered` at one that does not match its own digest.
        """
        head, _ = self.files.read_head()
        marks = [f'"event":"{event}"'.encode() for event in events]
        for position, line in enumerate(lines_of(self.files.log, LogEnd.read(head).n_bytes)):
            if position >= start and (not marks or any(mark in line for mark in marks)):
                yield read_line(line)

    def leaves(self) -> tuple[Checkpoint, list[bytes]]:
        """The newest checkpoint and the digests of its leaves, each as its line says it."""
        head, _ = self.files.read_head()
        lines = lines_of(self.files.log, LogEnd.read(head).n_bytes)
        try:
            return head, [bytes.fromhex(line[:64].decode()) for line in lines]
        except ValueError:
            raise AuditError(
                "a record does not match its own digest; run `caselight audit verify` to see which",
                code="audit.altered",
            ) from None

    def name_witness(self, path: Path) -> None:
        """Give a file elsewhere every checkpoint from now on, the newest first.

        Raises:
            AuditError: `audit.not_written`, or `audit.fork` when it has seen more than this log.
        """
        try:
            with self.files.writing():
                self.files.name_witness(path)
                head, _ = self.files.read_head()
                self._ask_witness(LogEnd.read(head))
                self._tell_witness(head)
        except OSError as error:
            raise _not_written(error, "the name of the witness file") from error

    def checkpoint_of(self, checkpoint: Checkpoint) -> str:
        """A checkpoint of this log as a signed note, without what only we read."""
        return self._signer.sign(replace(checkpoint, extra=()))

    # Writing --------------------------------------------------------------------------------

    def _commit(self, group: Sequence[_Ticket]) -> None:
        try:
            with self.files.writing():
                state = self._current()
                lines, positions, state = self._lines(group, state)
                self._write(lines, state)
        except OSError as error:
            self._refuse(group, _not_written(error, "the log"))
        except (AuditError, ValueError) as error:
            self._refuse(group, error)
        else:
            for ticket, given in zip(group, positions, strict=True):
                ticket.positions = given

    def _refuse(self, group: Sequence[_Ticket], error: BaseException) -> None:
        self._state = None
        for ticket in group:
            ticket.error = error

    def _lines(
        self, group: Sequence[_Ticket], state: LogEnd
    ) -> tuple[list[bytes], list[list[int]], LogEnd]:
        frontier = Frontier(state.size, state.peaks)
        last, lines = state.last, []

        def add(entry: Entry) -> int:
            nonlocal last
            at = frontier.size
            line, digest = make_line(entry, position=at, at=self._clock(), previous=last)
            frontier.append(digest)
            last = digest.hex()
            lines.append(line)
            return at

        if self._torn or self._unsigned:
            said = {"bytes": self._torn, "records": self._unsigned}
            add(Entry(event="log.recovered", actor=SELF, payload=said))
        positions = [[add(entry) for entry in ticket.entries] for ticket in group]
        n_bytes = state.n_bytes + sum(map(len, lines))
        return lines, positions, LogEnd(n_bytes, last, tuple(frontier.peaks), frontier.size)

    def _write(self, lines: Sequence[bytes], state: LogEnd) -> None:
        """Make lines durable, then say so in the head and to the witness."""
        if not lines:
            return
        descriptor = os.open(self.files.log, os.O_WRONLY | os.O_APPEND)
        try:
            begin = os.fstat(descriptor).st_size
            try:
                _write_all(descriptor, b"".join(lines))
                os.fdatasync(descriptor)
            except OSError:
                os.ftruncate(descriptor, begin)
                raise
        finally:
            os.close(descriptor)
        checkpoint = state.checkpoint(self.origin)
        self.files.write_head(self._signer.sign(checkpoint))
        self._state = state
        self._torn = self._unsigned = 0
        self._tell_witness(checkpoint)

    def _current(self) -> LogEnd:
        """Where the log ends now; other processes may have gone on, or been killed."""
        if not self.files.log.exists():
            raise AuditError(
                f"{self.files.log} is missing and its head is not; restore it from a copy, or "
                "nothing more is answered",
                code="audit.truncated",
            )
        size = self.files.log.stat().st_size
        if self._state is not None and self._state.n_bytes == size:
            return self._state
        head, _ = self.files.read_head()
        state = LogEnd.read(head)
        if size < state.n_bytes:
            raise AuditError(
                f"the log holds {size} bytes and its head is signed for {state.n_bytes}: records "
                "are missing at the end; restore it from a copy, and see `caselight audit verify`",
                code="audit.truncated",
            )
        if size > state.n_bytes:
            state = self._read_on(state, size)
        self._ask_witness(state)
        return state

    def _read_on(self, state: LogEnd, size: int) -> LogEnd:
        """Take in whole records that the head does not know, and set the rest aside.

        A killed writer may have flushed them and not have signed for them; who has not the key can
        make such records as well. So the log says how many were taken in.
        """
        frontier, last, n_bytes = Frontier(state.size, state.peaks), state.last, state.n_bytes
        for line in lines_of(self.files.log, size, start=n_bytes):
            parts = split_line(line)
            whole = n_bytes + len(line) < size
            follows = (
                parts is not None
                and leaf_digest(parts[1]).hex().encode() == parts[0]
                and parts[2:] == (frontier.size, last.encode())
            )
            if parts is None or not whole or not follows:
                break
            last, n_bytes = parts[0].decode(), n_bytes + len(line) + 1
            frontier.append(bytes.fromhex(last))
        if n_bytes < size:
            self._set_aside(n_bytes, size, position=frontier.size)
        self._unsigned = frontier.size - state.size
        return LogEnd(n_bytes, last, tuple(frontier.peaks), frontier.size)

    def _set_aside(self, begin: int, end: int, *, position: int) -> None:
        """Take what was never acknowledged out of the log, but do not destroy it."""
        with self.files.log.open("r+b") as file:
            file.seek(begin)
            torn = file.read(end - begin)
            (self.files.folder / f"torn-{position}").write_bytes(torn)
            file.truncate(begin)
        self._torn = end - begin

    # The witness ----------------------------------------------------------------------------

    def _tell_witness(self, checkpoint: Checkpoint) -> None:
        path = self.files.witness()
        if path is None:
            return
        note = self.checkpoint_of(checkpoint)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                _write_all(descriptor, note.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _not_written(error, "the witness file") from error

    def _ask_witness(self, state: LogEnd) -> None:
        """Refuse to go on from less than the witness has seen."""
        note = self.files.last_witnessed()
        if note is None:
            return
        seen = self._signer.verifier.check(note)
        own = state.checkpoint(self.origin)
        if seen.size > own.size or (seen.size == own.size and seen.root != own.root):
            raise AuditError(
                f"the witness has seen {seen.size} records and this log holds {own.size}, or "
                "others: it was cut, or a copy of it went its own way; see "
                "`caselight audit verify --witness`",
                code="audit.fork",
            )


def open_log(home: Path, *, clock: Clock | None = None) -> AuditLog:
    """Open the log of a home, making it first where there is none.

    Args:
        home: the home; the log lies in its folder `audit`.
        clock: the time, with a zone; UTC now if not given.

    Raises:
        AuditError: when it has lost a file, cannot be made, or was written by a newer Caselight.
    """
    now = clock or _now
    files = LogFiles(home / FOLDER)
    if not files.folder.exists():
        try:
            _create(home, now)
        except OSError as error:
            raise _not_written(error, "the log") from error
    _check_format(files)
    return AuditLog(files, files.signer(), clock=now)


def lines_of(path: Path, end: int, *, start: int = 0) -> Iterator[bytes]:
    """Lines of a file between two bytes, without their newlines."""
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0:
            line = file.readline(left)
            if not line:
                return
            left -= len(line)
            yield line[:-1] if line.endswith(b"\n") else line


def _create(home: Path, clock: Clock) -> None:
    """Make a log beside its place and move it there whole, unless another process was first."""
    files = LogFiles(home / f".{FOLDER}-{secrets.token_hex(4)}")
    files.folder.mkdir(mode=0o700)
    try:
        signer = files.make_keys()
        created = {"format": FORMAT, "origin": signer.name}
        entry = Entry(event="log.created", actor=SELF, payload=created)
        line, digest = make_line(entry, position=0, at=clock(), previous=NO_RECORD)
        files.make("log", line)
        state = LogEnd(len(line), digest.hex(), (digest,), 1)
        files.write_head(signer.sign(state.checkpoint(signer.name)))
        flush_folder(files.folder)
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            files.folder.rename(home / FOLDER)
            flush_folder(home)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
    finally:
        shutil.rmtree(files.folder, ignore_errors=True)


def _check_format(files: LogFiles) -> None:
    first = next(lines_of(files.log, 4096), b"") if files.log.is_file() else b""
    if not first:
        return  # said when it is written to or read
    found = read_line(first).payload.get("format")
    if found != FORMAT:
        raise AuditError(
            f"the log is of format {found}, and this Caselight writes {FORMAT}; upgrade Caselight",
            code="audit.newer_version",
        )


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _not_written(error: OSError, what: str) -> AuditError:
    return AuditError(
        f"{what} cannot be written ({error.strerror}), and nothing is answered without a record; "
        "make room, or mend the folder and its permissions, and ask again",
        code="audit.not_written",
    )


def _now() -> datetime:
    return datetime.now(tz=UTC)
