"""Look at every byte of an index, and say which item was altered, dropped, added or swapped."""

import contextlib
import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from caselight.errors import IndexMismatch
from caselight.index.canaries import wrong_canaries
from caselight.index.journal import HEAD, Opens, has_head, read_journal
from caselight.index.layout import size_of, unpack
from caselight.index.manifest import LOCK, MANIFEST, Version, read_snapshot, read_version
from caselight.index.segments import (
    HEADER,
    LIST,
    LIST_SECTIONS,
    SECTIONS,
    TABLES,
    Items,
    SegmentInfo,
    header_digest,
    leaves,
    mapped,
    read_arrays,
    section_digest,
)
from caselight.index.snapshot import Snapshot

FaultKind = Literal[
    "file", "altered", "dropped", "added", "swapped", "state", "record", "canary", "model"
]
_TRIES = 5
_LAID = {
    "codes": ("|u1", 1),
    "embeddings": ("<f2", 2),
    "kind": ("|u1", 1),
    "position": ("<i8", 1),
    "row": ("<i8", 1),
    "study": ("<i8", 1),
}
"""Type and dimensions of each section."""
_PAIRS = 200
"""Items that differ, among which those that changed places are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFault:
    """One thing that is wrong."""

    kind: FaultKind
    file: str
    """Empty for `record`, `canary` and `model`: all files are whole, and what they are is wrong."""
    row: int | None
    """Which item, by the number it was given when it came in; None for a whole file."""
    study: int | None
    """Its study's row in the store, where it is still known."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexVerdict:
    """What was found."""

    n_items: int
    """Items alive."""
    n_files: int
    digest: str
    """Of all items; what answers and the record name."""
    n_canaries: int
    """Queries that were asked again; none in an index of an earlier Caselight."""
    faults: tuple[IndexFault, ...]

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.faults


def verify_index(folder: Path, *, seal: Opens) -> IndexVerdict:
    """Read a whole index, hold it against its signed manifest, and ask its canaries.

    Args:
        folder: the index's folder. A writer may be at work in it.
        seal: whose signature it must have.
    """
    for _ in range(_TRIES):
        try:
            version = read_version(folder, seal=seal)
        except IndexMismatch as error:
            return _given_up([_file_fault(MANIFEST, _first(error))], n_files=1)
        try:
            verdict = _verify_version(folder, version, seal=seal)
        except IndexMismatch as error:
            verdict = _given_up([_file_fault(folder.name, _first(error))], n_files=1)
        if verdict.ok or _stands(folder, version, seal=seal):
            break
    return verdict


def _stands(folder: Path, version: Version, *, seal: Opens) -> bool:
    """Whether no writer has put new files in place of those meanwhile."""
    with contextlib.suppress(IndexMismatch):
        return read_version(folder, seal=seal) == version
    return False


def _verify_version(folder: Path, version: Version, *, seal: Opens) -> IndexVerdict:
    faults: list[IndexFault] = []
    for info in version.segments:
        faults += _segment_faults(folder, info)
    try:
        read_journal(folder, version.journal, seal=seal)
    except IndexMismatch as error:
        faults.append(_file_fault(version.journal, _first(error)))
    if not has_head(folder, version.journal):
        detail = "it is empty; where the power was lost, `caselight index compact` mends that"
        faults.append(_file_fault(f"{version.journal}{HEAD}", detail))
    named = _named(version)
    unnamed = [
        _file_fault(
            path.name,
            "the manifest names no such file; what a killed build left goes with the next one",
        )
        for path in sorted(folder.iterdir())
        if path.name not in named and not path.name.startswith(".")
    ]
    if unnamed and not _is_written(folder):
        faults += unnamed
    if faults:
        return _given_up(faults, n_files=len(named))
    _, items, state = read_snapshot(folder, seal=seal, whole=True)
    digest = items.digest(version.model)
    if state.get("digest", digest) != digest:
        faults.append(
            IndexFault(
                kind="state",
                file=version.journal,
                row=None,
                study=None,
                detail="the items are not those that the index says it is of",
            )
        )
    n_canaries, wrong = wrong_canaries(items, state)
    faults += [_canary_fault(items, row) for row in wrong]
    return IndexVerdict(
        n_items=len(items),
        n_files=len(named),
        digest=digest,
        n_canaries=n_canaries,
        faults=tuple(faults),
    )


def _is_written(folder: Path) -> bool:
    """Whether a writer is at work: it makes files before it names them."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _first(error: IndexMismatch) -> str:
    """What was found, without what to do."""
    return str(error).split(": the index")[0]


def _canary_fault(items: Snapshot, row: int) -> IndexFault:
    place = int(np.searchsorted(items.row, row))
    return IndexFault(
        kind="canary",
        file="",
        row=row,
        study=int(items.column("study")[place]),
        detail="asked with its code, the index answers otherwise than it must",
    )


def _segment_faults(folder: Path, info: SegmentInfo) -> list[IndexFault]:
    listed = _arrays(folder / f"{info.file}{LIST}", LIST_SECTIONS)
    found = _arrays(folder / info.file, SECTIONS)
    faults = []
    sound = listed is not None and all(
        section_digest(listed[name]) == info.sections[name] for name in LIST_SECTIONS
    )
    if sound:
        faults += _header_faults(folder, info, LIST)
    else:
        faults.append(_file_fault(f"{info.file}{LIST}", "the list of items was changed or lost"))
    faults += _tables_fault(folder, info)
    if found is None:
        return [*faults, _file_fault(info.file, "it is missing, cut short, or no such file")]
    changed = [name for name in SECTIONS if section_digest(found[name]) != info.sections[name]]
    if not changed:
        return [*faults, *_header_faults(folder, info, "")]
    items = _items(found, info)
    named = []
    if items is not None and listed is not None and sound:
        named = _item_faults(info, items, listed)
    detail = f"sections {', '.join(changed)} were changed"
    return [*faults, *(named or [_file_fault(info.file, detail)])]


def _header_faults(folder: Path, info: SegmentInfo, end: str) -> list[IndexFault]:
    path = folder / f"{info.file}{end}"
    if header_digest(mapped(path)) == info.sections[f"{end}{HEADER}"]:
        return []
    return [_file_fault(path.name, "its header was changed")]


def _tables_fault(folder: Path, info: SegmentInfo) -> list[IndexFault]:
    if TABLES not in info.sections:
        return []
    path = folder / f"{info.file}{TABLES}"
    with contextlib.suppress(OSError, ValueError):
        found = np.frombuffer(mapped(path), dtype=np.uint8)
        if section_digest(found) == info.sections[TABLES]:
            return []
    return [_file_fault(path.name, "the tables were changed or lost")]


def _item_faults(
    info: SegmentInfo, items: Items, listed: Mapping[str, NDArray[Any]]
) -> list[IndexFault]:
    """Which items are not those of the list."""
    expected = {
        int(row): leaf.tobytes() for row, leaf in zip(listed["listed"], listed["leaf"], strict=True)
    }
    there = {int(row): place for place, row in enumerate(items.row)}
    digests = [leaf.tobytes() for leaf in leaves(items)]
    faults = [
        _item_fault("dropped", info, row, None, "the list has it and the segment has not")
        for row in expected
        if row not in there
    ]
    faults += [
        _item_fault("added", info, row, items, "the segment has it and the list has not", place)
        for row, place in there.items()
        if row not in expected
    ]
    wrong = [row for row in there if row in expected and digests[there[row]] != expected[row]]
    partner = _swapped(items, wrong[:_PAIRS], there, expected)
    for row in wrong:
        if row in partner:
            detail = f"its code or embedding is that of item {partner[row]}"
            faults.append(_item_fault("swapped", info, row, items, detail, there[row]))
        else:
            detail = "it does not match its digest"
            faults.append(_item_fault("altered", info, row, items, detail, there[row]))
    return faults


def _swapped(
    items: Items, wrong: list[int], there: Mapping[int, int], expected: Mapping[int, bytes]
) -> dict[int, int]:
    """Item to the item whose content it has now."""
    found = {}
    for row in wrong:
        others = [there[other] for other in wrong if other != row]
        own = np.full(len(others), there[row])
        for name in ("packed", "embeddings"):
            moved = {field: getattr(items, field)[own] for field in Items.__slots__}
            moved[name] = getattr(items, name)[others]
            both = {**moved, "packed": items.packed[others], "embeddings": items.embeddings[others]}
            for arrays in (moved, both):
                for other, leaf in zip(others, leaves(Items(**arrays)), strict=True):
                    if leaf.tobytes() == expected[row]:
                        found[row] = int(items.row[other])
    return found


def _items(arrays: Mapping[str, NDArray[Any]], info: SegmentInfo) -> Items | None:
    if {name: (array.dtype.str, array.ndim) for name, array in arrays.items()} != _LAID:
        return None
    n = len(arrays["row"])
    sizes = {len(arrays[name]) for name in SECTIONS if name != "codes"}
    if sizes != {n} or arrays["codes"].size != size_of(n, info.n_bits):
        return None
    plain = {name: arrays[name] for name in ("row", "kind", "study", "position", "embeddings")}
    return Items(packed=unpack(arrays["codes"], n, info.n_bits), **plain)


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]] | None:
    try:
        found = read_arrays(path)
    except (OSError, ValueError):
        return None
    return found if sorted(found) == sorted(names) else None


def _named(version: Version) -> set[str]:
    named = {MANIFEST, LOCK, version.journal, f"{version.journal}{HEAD}"}
    for info in version.segments:
        named |= {info.file, f"{info.file}{LIST}"}
        if TABLES in info.sections:
            named.add(f"{info.file}{TABLES}")
    return named


def _given_up(faults: list[IndexFault], *, n_files: int) -> IndexVerdict:
    return IndexVerdict(n_items=0, n_files=n_files, digest="", n_canaries=0, faults=tuple(faults))


def _file_fault(file: str, detail: str) -> IndexFault:
    return IndexFault(kind="file", file=file, row=None, study=None, detail=detail)


def _item_fault(
    kind: FaultKind,
    info: SegmentInfo,
    row: int,
    items: Items | None,
    detail: str,
    place: int = 0,
) -> IndexFault:
    study = None if items is None else int(items.study[place])
    return IndexFault(kind=kind, file=info.file, row=row, study=study, detail=detail)
