"""The list of the erased: whom a home no longer takes in, and erases from a restored backup.

A line holds no pseudonym but a digest of it under the home's key: a list that gets about says
nothing, not even to who has seen pseudonyms in a program's output, and only a home with the same
key can use it. The lines are sorted, so that the order of erasures, which the record tells, cannot
be read from them. The first line says which key the list belongs to, and the last is a digest of
the others under that key: a list that was cut short would let somebody in again, and not say so.
That the list is an older one, or gone, is found by the record, which says how many were on it.
"""

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from caselight.data.store import Store
from caselight.data.system_errors import explained
from caselight.errors import EraseError

FILE = "tombstones"
_HEAD = re.compile(r"caselight-tombstones 2 ([0-9a-f]{32})")


def tombstone(store: Store, patient_key: str) -> str:
    """The line that stands for a patient, 32 hex digits."""
    return store.keyed("tombstone", patient_key)


def read_listed(store: Store, *, n_listed: int) -> frozenset[str]:
    """Read the home's list, and refuse one that has lost somebody.

    Args:
        store: the open home.
        n_listed: how many were on it at least, as the record says.

    Raises:
        EraseError: `erase.bad_list`, or `erase.other_home` for a list of another key.
    """
    found = read_tombstones(store, store.home / FILE)
    if len(found) < n_listed:
        raise EraseError(
            f"{store.home / FILE} names {len(found)} of the erased, and by the record there were "
            f"{n_listed}: whoever is missing would come back; restore it with `caselight erase "
            "--apply COPY`, or, where no copy is left, apply it as it is, which the record tells",
            code="erase.bad_list",
        )
    return found


def read_tombstones(store: Store, path: Path) -> frozenset[str]:
    """Read the home's list, or another of the same key.

    Args:
        store: the open home.
        path: the list; the home's own may be missing.

    Raises:
        EraseError: `erase.bad_list`, or `erase.other_home` for a list of another key.
    """
    own = store.home / FILE
    if not path.exists() and path.resolve() == own.resolve():
        return frozenset()
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise _bad(path, str(why)) from None
    head = _HEAD.fullmatch(lines[0]) if lines else None
    if head is None:
        raise _bad(path, "its first line is not `caselight-tombstones 2 ...`")
    if head[1] != _check(store):
        raise EraseError(
            f"{path} belongs to a home with another key, and would find nobody here; name "
            f"the file `{FILE}` of the home that this one is a copy of",
            code="erase.other_home",
        )
    listed = lines[1:-1]
    if len(lines) < 2 or lines[-1] != _end(store, listed):
        raise _bad(path, "its last line is not that of the others: it was cut short or changed")
    return frozenset(listed)


def write_tombstones(store: Store, lines: frozenset[str]) -> None:
    """Put a list in place of the home's, durable and for its owner alone."""
    listed = sorted(lines)
    said = [f"caselight-tombstones 2 {_check(store)}", *listed, _end(store, listed)]
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


def _end(store: Store, listed: Sequence[str]) -> str:
    return f"end {store.keyed('tombstones', ' '.join(listed))}"


def _bad(path: Path, why: str) -> EraseError:
    return EraseError(
        f"{path} is no list of the erased ({why}); restore it from a copy, and do not go on "
        "without it: whoever is on it would come back",
        code="erase.bad_list",
    )
