"""How far an export came, in a file: the signed checkpoint that it came to its end with.

So nobody without the log's key can move it, and it is a checkpoint kept elsewhere besides: `audit
verify --witness` takes it.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from caselight.audit.end import LogEnd
from caselight.audit.files import flush_folder
from caselight.audit.notes import Verifier
from caselight.errors import AuditError


class Cursor:
    """An open cursor. Use `open_cursor`."""

    def __init__(self, path: Path, begin: LogEnd | None) -> None:
        self.path = path
        self.begin = begin
        """Where the last export came to its end; None before the first."""
        # One name, since one export at a time is here: what a killed one left is written over.
        self._staged = path.with_name(f".{path.name}.next")

    def stage(self, note: str) -> None:
        """Write where the export will end, before anything leaves: a full disk shows now."""
        with self._staged.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())

    def advance(self) -> None:
        """Put it in place, once everything has left."""
        self._staged.replace(self.path)
        flush_folder(self.path.parent)

    def drop(self) -> None:
        """Leave nothing behind of what was staged."""
        self._staged.unlink(missing_ok=True)


@contextlib.contextmanager
def open_cursor(path: Path, verifier: Verifier) -> Iterator[Cursor]:
    """Open a cursor, or begin one where there is no file, and keep every other export out.

    Args:
        path: the file; beside it lies a lock, which stays.
        verifier: the public key of the log.

    Raises:
        AuditError: `audit.bad_signature` for a file that is no cursor of this log,
            `audit.not_exported` when it cannot be written, or another export is using it.
    """
    import fcntl

    try:
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AuditError(
                f"another export with the cursor {path} is running; wait for it, or name another",
                code="audit.not_exported",
            ) from None
        cursor = Cursor(path, _read(path, verifier))
        try:
            yield cursor
        finally:
            cursor.drop()
    finally:
        os.close(lock)


def _read(path: Path, verifier: Verifier) -> LogEnd | None:
    try:
        note = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        return LogEnd.read(verifier.check(note))
    except (AuditError, KeyError, ValueError):
        raise AuditError(
            f"{path} is no cursor of this log: it was changed, or is of another; restore it, or "
            "remove it and name --since",
            code="audit.bad_signature",
        ) from None


def _unwritable(path: Path, error: OSError) -> AuditError:
    return AuditError(
        f"the cursor {path} cannot be used ({error.strerror}); mend its folder, or name another "
        "file; nothing was exported",
        code="audit.not_exported",
    )
