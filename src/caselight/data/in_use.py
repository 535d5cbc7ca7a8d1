"""Who works in a home with its patients, and the erasure that needs the home to itself.

A training, a build of the index and their like read patients first and write what they made of them
later; an erasure in between would be undone. So no erasure begins while one of them runs, and none
of them while an erasure does; any number of them run together. Nobody waits: whoever comes second
is told who is there. The system lets go of the locks of a process that dies.

The folder `in-use` holds the file `lock`, and one file for each that runs, named after it.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from caselight.data.system_errors import explained
from caselight.errors import StoreError

FOLDER = "in-use"
_LOCK = "lock"


@contextlib.contextmanager
def using(home: Path, what: str) -> Iterator[None]:
    """Keep erasures out while something runs that writes what it makes of patients.

    Args:
        home: the home.
        what: what runs, to be named to an erasure.

    Raises:
        StoreError: `store.in_use` while an erasure runs.
    """
    own = home / FOLDER / f"{what}-{os.getpid()}-{secrets.token_hex(4)}"
    with _locked(home / FOLDER / _LOCK, fcntl.LOCK_SH) as locked:
        if not locked:
            raise StoreError(
                "a patient is being erased from this home; wait for that and try again",
                code="store.in_use",
            )
        with _locked(own, fcntl.LOCK_EX):
            try:
                yield
            finally:
                own.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(home: Path) -> Iterator[None]:
    """Have a home to oneself, for an erasure.

    Raises:
        StoreError: `store.in_use`, naming who is there.
    """
    with _locked(home / FOLDER / _LOCK, fcntl.LOCK_EX) as locked:
        running = _running(home / FOLDER)
        if not locked:
            names = ", ".join(running) or "another command"
            raise StoreError(
                f"an erasure needs the home to itself, and {names} is at work in it; wait for "
                "that, or stop it, and run the same command again; nothing was erased",
                code="store.in_use",
            )
        yield


def _running(folder: Path) -> list[str]:
    """Everybody who is at work, with the number of the process; the dead are cleared away."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name != _LOCK:
            with _locked(path, fcntl.LOCK_EX) as dead:
                if dead:
                    path.unlink(missing_ok=True)
                else:
                    what, process, _ = path.name.rsplit("-", 2)
                    found.append(f"{what} (process {process})")
    return found


@contextlib.contextmanager
def _locked(path: Path, kind: int) -> Iterator[bool]:
    """Hold a lock on a file, unless somebody has it in the way; whether it is held."""
    with explained():
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        held = True
        with explained():
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                held = False
        yield held
    finally:
        os.close(descriptor)
