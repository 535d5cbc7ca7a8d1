"""Segments: files of items that never change once they are written.

A segment is two safetensors files, read through the memory map. One holds the codes in the layout
of the kernel, the embeddings in half precision, and what every item is; the other, its list, the
digest of every item by its row. A large one has its tables in a third file. Digests of the headers
and all sections, and the Merkle root of the list, stand in the index's signed manifest. All but the
embeddings and the tables are checked when a segment is opened, and these when they are used: they
are by far the largest, and a query uses few of the embeddings. The list is what `verify.py` can
tell by which item was changed, dropped, added or swapped.
"""

import contextlib
import hashlib
import json
import math
import mmap
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from caselight.errors import IndexMismatch
from caselight.index.layout import pack, size_of, take, unpack
from caselight.index.prices import MIN_ROWS
from caselight.index.substrings import SubstringTables, available
from caselight.merkle import root_of
from caselight.types import Codes

LEAF_BYTES = 32
LIST = ".items"
"""Ends the name of the list of a segment."""
SECTIONS = ("codes", "embeddings", "kind", "position", "row", "study")
LIST_SECTIONS = ("leaf", "listed")
TABLES = ".tables"
"""Ends the name of the file with a large segment's tables, see `substrings.py`."""
HEADER = ".header"
"""Stands among the sections for the header of a file, behind what the file's name ends with."""
_HEADER_MAX = 65_536
"""Bytes; ours have less than a thousand."""
_HASHED_TOGETHER = 1024
"""Items laid out at once, so that a query lays out all of its own and a whole segment little."""
_AHEAD = 10_000
"""Rows that are asked for ahead; more are most of a file, and read in its order."""
_TYPES: Mapping[str, np.dtype[Any]] = {
    "U8": np.dtype(np.uint8),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Items of an index, in order of row."""

    row: NDArray[np.int64]
    """i64[N], rising: the number an item was given when it came in, and never another's."""
    kind: NDArray[np.uint8]
    """u8[N], see `manifest.IMAGE` and `REPORT`."""
    study: NDArray[np.int64]
    """i64[N]: the study's row in the store."""
    position: NDArray[np.int64]
    """i64[N]: the image's place in its study; for a report, the image its text speaks of; or -1."""
    packed: NDArray[np.uint8]
    """u8[N, n_bits // 8]."""
    embeddings: NDArray[np.float16]
    """f16[N, D]."""

    def __len__(self) -> int:
        return len(self.row)

    def chosen(self, which: NDArray[Any]) -> "Items":
        """Some of them, by a mask or by places in rising order."""
        return Items(**{name: getattr(self, name)[which] for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentInfo:
    """What the manifest says of a segment."""

    file: str
    n: int
    n_bits: int
    first: int
    """Row of its first item."""
    last: int
    """Row of its last item."""
    sections: Mapping[str, str]
    """Section, of the list too, and `HEADER` of both, to SHA-256."""
    root: str = ""
    """Of the Merkle tree over the digests of its items, 64 hex digits."""


class Segment:
    """An open segment; its arrays are views of the file and cannot be written."""

    def __init__(
        self,
        info: SegmentInfo,
        arrays: Mapping[str, NDArray[Any]],
        *,
        tables: NDArray[np.uint8] | None = None,
    ) -> None:
        self.info = info
        self._tables = tables
        self.arrays = arrays
        self.row: NDArray[np.int64] = arrays["row"]
        self.blocks: NDArray[np.uint8] = arrays["codes"]
        self.embeddings: NDArray[np.float16] = arrays["embeddings"]
        self.n_bits = info.n_bits
        self._fetched = np.zeros(info.n, dtype=np.bool_)

    def __len__(self) -> int:
        return self.info.n

    @cached_property
    def tables(self) -> SubstringTables | None:
        """Its tables, where it has some and they can be used here; checked when first wanted.

        Raises:
            IndexMismatch: `index.digest_mismatch`.
        """
        if TABLES not in self.info.sections or not available():
            return None
        if self._tables is not None and (
            section_digest(self._tables) == self.info.sections[TABLES]
        ):
            return SubstringTables(self._tables)
        raise damaged(f"{self.info.file}{TABLES} is missing, or was changed")

    def packed(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Codes of items by their places, u8[K, n_bits // 8]."""
        return take(self.blocks, len(self), self.n_bits, places)

    def all_items(self) -> Items:
        """All of its items, not checked."""
        whole = {name: self.arrays[name] for name in ("row", "kind", "study", "position")}
        packed = unpack(self.blocks, len(self), self.n_bits)
        return Items(packed=packed, embeddings=self.embeddings, **whole)

    def check(
        self, row: NDArray[np.int64], leaf: NDArray[np.uint8], places: NDArray[np.int64]
    ) -> None:
        """Hold digests of items against those they had when they were written.

        Args:
            row: i64[N], of the items.
            leaf: u8[N, 32], as `leaves` gives them.
            places: i64[N], where they lie here.

        Raises:
            IndexMismatch: `index.digest_mismatch`, naming the row.
        """
        wrong = np.flatnonzero((leaf != self.arrays["leaf"][places]).any(axis=1))
        if len(wrong):
            raise damaged(f"item {row[wrong[0]]} of {self.info.file} does not match its digest")

    def items(self, places: NDArray[np.int64]) -> Items:
        """Items by their places, each held against its digest.

        Raises:
            IndexMismatch: `index.digest_mismatch`, naming the row.
        """
        new = places[~self._fetched[places]]
        self._fetched[new] = True
        fetch_ahead(self.embeddings, new)
        found = Items(
            row=self.row[places],
            kind=self.arrays["kind"][places],
            study=self.arrays["study"][places],
            position=self.arrays["position"][places],
            packed=self.packed(places),
            embeddings=np.ascontiguousarray(self.embeddings[places]),
        )
        self.check(found.row, leaves(found), places)
        return found


def leaves(items: Items) -> NDArray[np.uint8]:
    """SHA-256 of every item, u8[N, 32]: all that it is, its code and its embedding.

    Each is the digest of a leaf of a Merkle tree as RFC 6962 makes them.
    """
    n_code, dim = items.packed.shape[1], items.embeddings.shape[1]
    laid = np.dtype(
        [
            ("mark", "u1"),  # 0 for a leaf
            ("kind", "u1"),
            ("row", "<i8"),
            ("study", "<i8"),
            ("position", "<i8"),
            ("packed", "u1", (n_code,)),
            ("embeddings", "<f2", (dim,)),
        ]
    )
    out = np.empty((len(items), LEAF_BYTES), dtype=np.uint8)
    room = np.zeros(min(len(items), _HASHED_TOGETHER), dtype=laid)
    data, size = room.view(np.uint8).data, laid.itemsize
    for first in range(0, len(items), _HASHED_TOGETHER):
        last = min(len(items), first + _HASHED_TOGETHER)
        for name in Items.__slots__:
            room[name][: last - first] = getattr(items, name)[first:last]
        found = [
            hashlib.sha256(data[at : at + size]).digest()
            for at in range(0, (last - first) * size, size)
        ]
        out[first:last] = np.frombuffer(b"".join(found), dtype=np.uint8).reshape(-1, LEAF_BYTES)
    return out


def write_segment(path: Path, items: Items, leaf: NDArray[np.uint8]) -> SegmentInfo:
    """Write items and their `leaves` as a new segment, durable when this comes back."""
    arrays: dict[str, NDArray[Any]] = {
        "codes": pack(items.packed),
        "embeddings": items.embeddings,
        "kind": items.kind,
        "position": items.position,
        "row": items.row,
        "study": items.study,
    }
    listed: dict[str, NDArray[Any]] = {"leaf": leaf, "listed": items.row}
    sections = {name: section_digest(array) for name, array in {**arrays, **listed}.items()}
    sections[HEADER] = _write(path, arrays)
    sections[f"{LIST}{HEADER}"] = _write(path.with_name(f"{path.name}{LIST}"), listed)
    if available() and len(items) >= MIN_ROWS:
        codes = Codes(packed=items.packed, n_bits=8 * items.packed.shape[1])
        tables = SubstringTables.build(codes).buffer
        _write_bytes(path.with_name(f"{path.name}{TABLES}"), tables.data)
        sections[TABLES] = section_digest(tables)
    return SegmentInfo(
        file=path.name,
        n=len(items),
        n_bits=8 * items.packed.shape[1],
        first=int(items.row[0]),
        last=int(items.row[-1]),
        sections=sections,
        root=root_of([one.tobytes() for one in leaf]).hex(),
    )


def open_segment(folder: Path, info: SegmentInfo, *, whole: bool = False) -> Segment:
    """Open a segment and hold it against what the manifest says.

    Args:
        folder: where it lies.
        info: from the signed manifest.
        whole: check the embeddings too.

    Raises:
        IndexMismatch: `index.digest_mismatch`, naming the file and what is wrong with it.
    """
    found = []
    for end in ("", LIST):
        try:
            found.append(
                read_arrays(folder / f"{info.file}{end}", header=info.sections[f"{end}{HEADER}"])
            )
        except (OSError, ValueError) as error:
            why = "it cannot be read" if isinstance(error, OSError) else str(error)
            raise damaged(f"{info.file}{end} is not what was written ({why})") from None
    arrays, listed = found
    if sorted(arrays) != sorted(SECTIONS) or sorted(listed) != sorted(LIST_SECTIONS):
        raise damaged(f"{info.file} holds other sections than it was written with")
    arrays |= listed
    for name in arrays:
        if (whole or name != "embeddings") and section_digest(arrays[name]) != info.sections[name]:
            raise damaged(f"section {name!r} of {info.file} was changed")
    sizes = {len(array) for name, array in arrays.items() if name != "codes"}
    if sizes != {info.n} or arrays["codes"].size != size_of(info.n, info.n_bits):
        raise damaged(f"{info.file} holds another number of items than the manifest says")
    tables = None
    if TABLES in info.sections:
        # Now, though they are checked later: a compaction may have taken the file away by then.
        with contextlib.suppress(OSError, ValueError):
            tables = np.frombuffer(mapped(folder / f"{info.file}{TABLES}"), dtype=np.uint8)
    return Segment(info, arrays, tables=tables)


def mapped(path: Path) -> mmap.mmap:
    """A file as memory that cannot be written.

    Raises:
        OSError: where there is none.
        ValueError: for an empty one.
    """
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise ValueError("it is empty")
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_arrays(path: Path, *, header: str | None = None) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file, mapped into memory to be read alone.

    Args:
        path: the file.
        header: what its header must be, see `header_digest`; None takes any.

    Raises:
        OSError: when it cannot be read.
        ValueError: for a file that is none, or has another header.
    """
    data = mapped(path)
    if header is not None and header_digest(data) != header:
        raise ValueError("it has another header")
    try:
        return _arrays(data)
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError):
        raise ValueError("it has no header") from None


def header_digest(data: bytes | mmap.mmap) -> str:
    """SHA-256 of the header of a safetensors file, and of the number that says how long it is."""
    return hashlib.sha256(data[: 8 + _header_size(data)]).hexdigest()


def _header_size(data: bytes | mmap.mmap) -> int:
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= min(_HEADER_MAX, len(data) - 8):
        raise ValueError("its header is longer than it can be")
    return size


def _arrays(data: mmap.mmap) -> dict[str, NDArray[Any]]:
    size = _header_size(data)
    end, arrays = 8 + size, {}
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    for name, said in header.items():
        begin, stop = (8 + size + int(offset) for offset in said["data_offsets"])
        kind = _TYPES[said["dtype"]]
        count = math.prod(map(int, said["shape"]))
        if not 8 + size <= begin <= stop <= len(data) or stop - begin != count * kind.itemsize:
            raise ValueError("a section lies outside of it")
        flat = np.frombuffer(data, dtype=kind, count=count, offset=begin) if count else None
        arrays[name] = (np.zeros(0, kind) if flat is None else flat).reshape(said["shape"])
        end = max(end, stop)
    if end != len(data):
        raise ValueError("there is more in it than its sections")
    return arrays


def fetch_ahead(array: NDArray[Any], places: NDArray[np.int64]) -> None:
    """Ask the system for some rows of an array that is mapped from a file, all of them at once.

    Rows that are touched one by one are read from the disk one by one, each with its neighbours:
    a hundred times as slow for a shortlist.
    """
    mapped: Any = array
    while isinstance(mapped, np.ndarray | memoryview):
        mapped = mapped.base if isinstance(mapped, np.ndarray) else mapped.obj
    if not isinstance(mapped, mmap.mmap) or len(places) > _AHEAD:
        return
    begin = array.ctypes.data - np.frombuffer(mapped, dtype=np.uint8).ctypes.data
    for at in (begin + array.strides[0] * places).tolist():
        page = at - at % mmap.PAGESIZE
        mapped.madvise(mmap.MADV_WILLNEED, page, at + array.strides[0] - page)


def joined(parts: Sequence[Items]) -> Items:
    """Items of several parts, which follow one another, as one."""
    return Items(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Items.__slots__
        }
    )


def damaged(what: str) -> IndexMismatch:
    """The refusal of a file that is not what it was."""
    return IndexMismatch(
        f"{what}: the index was changed or damaged on disk; run `caselight index verify` to see "
        "all of it, and `caselight index build --fresh` to make it anew",
        code="index.digest_mismatch",
    )


def _write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Write arrays; the digest of the file's header comes back."""
    data = save({name: np.ascontiguousarray(a) for name, a in arrays.items()})
    _write_bytes(path, data)
    return header_digest(data)


def _write_bytes(path: Path, data: bytes | memoryview) -> None:
    staged = path.with_name(f".{path.name}")
    try:
        with staged.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def section_digest(array: NDArray[Any]) -> str:
    """SHA-256 of an array, its type and its shape."""
    digest = hashlib.sha256(f"{array.dtype.str}:{array.shape};".encode())
    digest.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()
