"""Ways to damage an index, and to see that it is found, for the tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.errors import IndexMismatch
from caselight.index.manifest import read_snapshot
from caselight.index.segments import LIST, read_arrays
from caselight.index.verify import IndexVerdict, verify_index
from tests.index.sealed import SEAL


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name != "lock")


def journal_of(folder: Path) -> Path:
    """The only journal there is."""
    (path,) = [path for path in folder.glob("journal-*") if not path.suffix]
    return path


def used(folder: Path) -> None:
    """All that a search would do: open, and read every vector."""
    snapshot = read_snapshot(folder, seal=SEAL, whole=True)[1]
    snapshot.vectors(np.arange(len(snapshot)))


def refused(act: Callable[[], object], *says: str, code: str = "index.digest_mismatch") -> None:
    with pytest.raises(IndexMismatch) as error:
        act()
    assert error.value.code == code
    for word in says:
        assert word in str(error.value)


def tampered(folder: Path, change: Callable[[dict[str, Any]], None]) -> IndexVerdict:
    """Change the arrays of the segment and write them as a good file; what verify says."""
    from safetensors.numpy import save

    (path,) = [p for p in files(folder) if p.name.startswith("segment") and p.suffix != LIST]
    arrays = {name: array.copy() for name, array in read_arrays(path).items()}
    change(arrays)
    path.write_bytes(save({name: np.ascontiguousarray(a) for name, a in arrays.items()}))
    refused(lambda: used(folder))
    return verify_index(folder, seal=SEAL)


def named(verdict: IndexVerdict) -> list[tuple[str, int | None]]:
    return [(fault.kind, fault.row) for fault in verdict.faults]


def blotted(folder: Path) -> None:
    """Change an embedding."""
    (path,) = [p for p in files(folder) if p.name.startswith("segment") and p.suffix != LIST]
    vector = read_snapshot(folder, seal=SEAL)[1].parts[0].segment.embeddings[5].tobytes()
    whole = path.read_bytes()
    assert whole.count(vector) == 1
    path.write_bytes(whole.replace(vector, bytes(len(vector))))
