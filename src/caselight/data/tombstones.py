"""The list of the erased: whom a home no longer takes in, and erases from a restored backup.

A line holds no pseudonym but a digest of it under the home's key: a list that gets about says
nothing, not even to who has seen pseudonyms in a program's output, and only a home with the same
key can use it. The lines are sorted, so that the order of erasures, which the record tells, cannot
be read from them. The first line says which key the list belongs to.
"""

import os
import re
import secrets
from pathlib import Path

from caselight.data.store import Store
from caselight.data.system_errors import explained
from caselight.errors import EraseError

FILE = "tombstones"
_HEAD = re.compile(r"caselight-tombstones 1 ([0-9a-f]{32})")
_LINE = re.compile(r"[0-9a-f]{32}")


def tombstone(store: Store, patient_key: str) -> str:
    """The line that stands for a patient, 32 hex digits."""
    return store.keyed("tombstone", patient_key)


def read_tombstones(store: Store, path: Path | None = None) -> frozenset[str]:
    """Read the home's list, or another of the same key.

    Args:
        store: the open home.
        path: another list; the home's own if not given, which may be missing.

    Raises:
        EraseError: `erase.bad_list`, or `erase.other_home` for a list of another key.
    """
    own = store.home / FILE
    if path is None and not own.exists():
        return frozenset()
    try:
        lines = (path or own).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise _bad(path or own, str(why)) from None
    head = _HEAD.fullmatch(lines[0]) if lines else None
    if head is None:
        raise _bad(path or own, "its first line is not `caselight-tombstones 1 ...`")
    for number, line in enumerate(lines[1:], start=2):
        if _LINE.fullmatch(line) is None:
            raise _bad(path or own, f"line {number} is not 32 hex digits")
    if head[1] != _check(store):
        raise EraseError(
            f"{path or own} belongs to a home with another key, and would find nobody here; name "
            f"the file `{FILE}` of the home that this one is a copy of",
            code="erase.other_home",
        )
    return frozenset(lines[1:])


def write_tombstones(store: Store, lines: frozenset[str]) -> None:
    """Put a list in place of the home's, durable and for its owner alone."""
    said = [f"caselight-tombstones 1 {_check(store)}", *sorted(lines)]
    write_durable(store.home / FILE, "".join(f"{line}\n" for line in said).encode())


def write_durable(path: Path, data: bytes) -> None:
    """Write a file in one step, for its owner alone, and come back when it is on the disk."""
    staged = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with explained():
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(staged, flags, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            staged.replace(path)
            flush(path.parent)
        finally:
            staged.unlink(missing_ok=True)


def flush(folder: Path) -> None:
    """Make what was put into a folder, or taken out of it, durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(store: Store) -> str:
    return store.keyed("tombstones", "of this key")


def _bad(path: Path, why: str) -> EraseError:
    return EraseError(
        f"{path} is no list of the erased ({why}); restore it from a copy, and do not go on "
        "without it: whoever is on it would come back",
        code="erase.bad_list",
    )
