"""The note that an erasure is not finished: what a killed one needs to go on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from caselight.data.system_errors import explained
from caselight.data.tombstones import flush, write_durable
from caselight.errors import EraseError

FILE = "erasing"
"""It is there from before the studies are deleted until nothing is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An erasure that is not finished. It names nobody to who has not the home's key."""

    before: str
    """Generation of the store before it."""
    after: str
    """And when the studies are gone."""
    patients: Mapping[str, Sequence[str]]
    """Each patient's digest on the record to the tombstone and digests of the studies' ids."""


def read_pending(home: Path) -> Pending | None:
    """Read the note, where there is one.

    Raises:
        EraseError: `erase.bad_list` for one that is damaged.
    """
    path = home / FILE
    if not path.exists():
        return None
    try:
        with explained():
            return Pending(**json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        raise EraseError(
            f"{path} is damaged; remove it, run `caselight erase` and `caselight index build`",
            code="erase.bad_list",
        ) from None


def write_pending(home: Path, pending: Pending) -> None:
    """Write it, durable."""
    write_durable(home / FILE, json.dumps(asdict(pending)).encode())


def drop_pending(home: Path) -> None:
    """Take it away: nothing is left to do."""
    with explained():
        (home / FILE).unlink(missing_ok=True)
        flush(home)
