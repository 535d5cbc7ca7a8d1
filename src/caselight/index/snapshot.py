"""An index as it is at one moment: parts that do not change, and which of their items are alive.

Whoever has a snapshot can search it and read it, whatever a writer does meanwhile, and has no way
to change anything: its arrays are views that cannot be written, and it has no method that would.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from caselight.errors import IndexMismatch
from caselight.index.halves import unit_vectors
from caselight.index.kernel import scan
from caselight.index.layout import pack
from caselight.index.prices import choose, prices
from caselight.index.segments import LEAF_BYTES, Items, Segment, SegmentInfo, joined, leaves
from caselight.types import BoolArray, Candidates, Codes

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartWork:
    """How a part was searched, and what it cost, summed over its queries."""

    file: str
    """Empty for what lies in the journal."""
    n: int
    n_allowed: int
    """Living items that might answer."""
    method: Literal["scan", "tables"]
    """What was begun; `n_fell_back` queries of the tables were finished by the scan."""
    reason: str
    n_scanned: int = 0
    """Distances that the scan computed."""
    n_probes: int = 0
    """Values that were looked up in the tables."""
    n_candidates: int = 0
    """Distances to items that the tables named."""
    n_fell_back: int = 0


@dataclass(frozen=True)
class Part:
    """A segment, in a file or in memory, and which of its items are alive."""

    segment: Segment
    alive: BoolArray | None
    """bool[n]; None is all of them."""
    kept: bool
    """Whether it lies in a file, so that its items are held against their digests."""

    @cached_property
    def slots(self) -> Places:
        """Places of the living in the segment, i64[N], rising."""
        n = len(self.segment)
        return np.arange(n) if self.alive is None else np.flatnonzero(self.alive)

    @cached_property
    def _alive_bits(self) -> NDArray[np.uint8]:
        alive = np.ones(len(self.segment), np.bool_) if self.alive is None else self.alive
        return np.packbits(alive, bitorder="little")

    @property
    def row(self) -> NDArray[np.int64]:
        """Rows of the living, i64[N], rising."""
        return self.segment.row if self.alive is None else self.segment.row[self.alive]

    def without(self, rows: NDArray[np.int64]) -> "Part":
        """The same with these rows no longer alive."""
        low, high = np.searchsorted(rows, (self.segment.info.first, self.segment.info.last + 1))
        if low == high:
            return self
        at = np.searchsorted(self.segment.row, rows[low:high])
        at = at[self.segment.row[np.minimum(at, len(self.segment) - 1)] == rows[low:high]]
        if not len(at):
            return self
        alive = np.ones(len(self.segment), np.bool_) if self.alive is None else self.alive.copy()
        alive[at] = False
        return Part(self.segment, alive, self.kept)

    def nearest(
        self, codes: Codes, *, k: int, allowed: BoolArray | None, threads: int
    ) -> tuple[Candidates, PartWork]:
        """The k nearest of the living, as places among the living, and how they were found.

        The tables are asked where there are any and few of many are wanted; what they give up is
        scanned for, no further than they have seen.
        """
        segment, bitmap = self.segment, None
        n_allowed = len(self.slots) if allowed is None else int(np.count_nonzero(allowed))
        if allowed is not None:
            full = np.zeros(len(segment), dtype=np.bool_)
            full[self.slots[allowed]] = True
            bitmap = np.packbits(full, bitorder="little")
        elif self.alive is not None:
            bitmap = self._alive_bits
        choice = choose(len(segment), k=k, n_allowed=n_allowed)
        work = PartWork(
            file=segment.info.file,
            n=len(segment),
            n_allowed=n_allowed,
            method="scan",
            reason=choice.reason,
        )
        left, within = np.arange(len(codes)), None
        rows = np.zeros((len(codes), min(k, n_allowed)), dtype=np.int64)
        distance = np.zeros(rows.shape, dtype=np.int32)
        if choice.method == "tables" and segment.tables is not None and rows.size:
            found = segment.tables.search(
                codes,
                k=rows.shape[1],
                prices=prices(
                    len(segment),
                    codes.n_bits,
                    beside=segment.tables.beside,
                    n_allowed=n_allowed,
                    n_queries=len(codes),
                ),
                allowed=bitmap,
            )
            rows, distance = found.rows, found.distance
            left, within = np.flatnonzero(~found.answered), found.bound
            work = replace(
                work,
                method="tables",
                n_probes=found.n_probes,
                n_candidates=found.n_candidates,
                n_fell_back=found.n_fell_back,
            )
        elif choice.method == "tables":
            work = replace(work, reason=f"{choice.reason}, but this segment has no tables here")
        if len(left):
            scanned = scan(
                segment.blocks,
                len(segment),
                codes.n_bits,
                codes.packed[left],
                k,
                allowed=bitmap,
                within=within,
                threads=threads,
            )
            rows[left], distance[left] = scanned.rows, scanned.distance
            work = replace(work, n_scanned=scanned.n_compared)
        if self.alive is not None:
            rows = np.searchsorted(self.slots, rows)
        n_compared = work.n_scanned + work.n_candidates
        return Candidates(rows=rows, distance=distance, n_compared=n_compared), work

    def items(self, places: Places) -> Items:
        """Living items by their places among the living.

        Raises:
            IndexMismatch: `index.digest_mismatch` for one that was changed on disk.
        """
        slots = self.slots[places]
        return self.segment.items(slots) if self.kept else self.segment.all_items().chosen(slots)

    def living(self) -> Items:
        """All of the living, not checked."""
        found = self.segment.all_items()
        return found if self.alive is None else found.chosen(self.slots)


@dataclass(frozen=True)
class Snapshot:
    """All parts of an index, in order of row."""

    parts: tuple[Part, ...]
    n_bits: int
    dim: int
    """Numbers of an embedding."""

    def __len__(self) -> int:
        return int(self._ends[-1]) if self.parts else 0

    @cached_property
    def row(self) -> NDArray[np.int64]:
        """Rows of all items, i64[N], rising."""
        return _together([part.row for part in self.parts], np.int64)

    def column(self, name: str) -> NDArray[np.int64]:
        """`kind`, `study` or `position` of all items, [N], in order of row."""
        kind = np.uint8 if name == "kind" else np.int64
        return _together([part.segment.arrays[name][part.slots] for part in self.parts], kind)

    def search(
        self, codes: Codes, *, k: int, allowed: BoolArray | None = None, threads: int = 1
    ) -> Candidates:
        """Find the k nearest items of each query, nearest first, ties in order of row.

        Args:
            codes: Q codes of the index's width.
            k: items wanted, at least 1; fewer come back when fewer are allowed.
            allowed: bool[N], in order of row; None is all.
            threads: how many share the work.

        Returns:
            Places 0..N - 1 in order of row, and distances.

        Raises:
            IndexMismatch: `index.bits_mismatch` for another width.
        """
        return self.explain(codes, k=k, allowed=allowed, threads=threads)[0]

    def explain(
        self, codes: Codes, *, k: int, allowed: BoolArray | None = None, threads: int = 1
    ) -> tuple[Candidates, tuple[PartWork, ...]]:
        """Search, and say how each part was searched and why; the arguments are `search`'s."""
        if codes.n_bits != self.n_bits:
            raise IndexMismatch(
                f"the index holds {self.n_bits}-bit codes and these have {codes.n_bits}; use the "
                "model the index was built with, or run `caselight index build` again",
                code="index.bits_mismatch",
            )
        found, works, begin, n_compared = [], [], 0, 0
        for part, end in zip(self.parts, self._ends.tolist(), strict=True):
            own = None if allowed is None else allowed[begin:end]
            if own is None or own.any():
                near, work = part.nearest(codes, k=k, allowed=own, threads=threads)
                found.append((near.rows + begin, near.distance))
                works.append(work)
                n_compared += near.n_compared
            begin = end
        best = nearest_of(found, n_queries=len(codes), k=k, n_compared=n_compared)
        return best, tuple(works)

    def take(self, places: Places) -> Codes:
        """Codes of items, in the order asked for."""
        out = np.empty((len(places), self.n_bits // 8), dtype=np.uint8)
        for part, which, own in self._by_part(places):
            out[which] = part.segment.packed(part.slots[own])
        return Codes(packed=out, n_bits=self.n_bits)

    def vectors(self, places: Places) -> NDArray[np.float32]:
        """Embeddings of items, f32[K, D], unit length, in the order asked for.

        Raises:
            IndexMismatch: `index.digest_mismatch` for an item that was changed on disk.
        """
        asked = self._by_part(places)
        if len(asked) == 1:
            part, _, own = asked[0]
            return unit_vectors(part.items(own).embeddings)
        out = np.empty((len(places), self.dim), dtype=np.float32)
        for part, which, own in asked:
            out[which] = unit_vectors(part.items(own).embeddings)
        return out

    def items(self, places: Places) -> Items:
        """Items by their places in rising order.

        Raises:
            IndexMismatch: `index.digest_mismatch` for one that was changed on disk.
        """
        return joined([part.items(own) for part, _, own in self._by_part(places)])

    def leaves(self) -> NDArray[np.uint8]:
        """Digests of all items as they were written, u8[N, 32], in order of row."""
        parts = [
            part.segment.arrays["leaf"][part.slots]
            if part.kept
            else leaves(part.items(np.arange(len(part.slots))))
            for part in self.parts
        ]
        return np.concatenate([np.zeros((0, LEAF_BYTES), np.uint8), *parts])

    def digest(self, model: str) -> str:
        """SHA-256 over all items and the model they are of, whatever parts they lie in."""
        return digest_of(self.leaves(), model=model, n_bits=self.n_bits, dim=self.dim)

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum([len(part.slots) for part in self.parts])

    def _by_part(self, places: Places) -> list[tuple[Part, NDArray[np.int64], Places]]:
        """Each part that is asked, which of the places are its, and these counted in it."""
        owner = np.searchsorted(self._ends, places, side="right")
        begins = np.concatenate([[0], self._ends[:-1]])
        return [
            (self.parts[i], which := np.flatnonzero(owner == i), places[which] - begins[i])
            for i in np.unique(owner).tolist()
        ]


def nearest_of(
    found: Sequence[tuple[Places, NDArray[np.int32]]], *, n_queries: int, k: int, n_compared: int
) -> Candidates:
    """The k nearest of all, of what parts in order of row found: their places and distances."""
    if not found:
        empty = np.zeros((n_queries, 0), dtype=np.int64)
        return Candidates(rows=empty, distance=empty.astype(np.int32), n_compared=n_compared)
    rows, distance = found[0]
    if len(found) > 1:
        rows, distance = (np.concatenate(one, axis=1) for one in zip(*found, strict=True))
        # Stable: parts come in order of row, and so do ties inside a part.
        order = np.argsort(distance, axis=1, kind="stable")[:, :k]
        rows = np.take_along_axis(rows, order, axis=1)
        distance = np.take_along_axis(distance, order, axis=1)
    return Candidates(rows=rows, distance=distance, n_compared=n_compared)


def digest_of(listed: NDArray[np.uint8], *, model: str, n_bits: int, dim: int) -> str:
    """SHA-256 over the digests of all items, u8[N, 32], and the model they are of."""
    digest = hashlib.sha256(f"caselight-index:{model}:{n_bits}:{dim};".encode())
    digest.update(listed.tobytes())
    return digest.hexdigest()


def in_memory(items: Items) -> Part:
    """Items as a part that lies in no file."""
    info = SegmentInfo(
        file="",
        n=len(items),
        n_bits=8 * items.packed.shape[1],
        first=int(items.row[0]),
        last=int(items.row[-1]),
        sections={},
    )
    arrays = {
        "codes": pack(items.packed),
        **{name: getattr(items, name) for name in Items.__slots__ if name != "packed"},
    }
    for array in arrays.values():
        array.setflags(write=False)
    return Part(Segment(info, arrays), None, kept=False)


def living(parts: Sequence[Part]) -> Items:
    """All living items of parts that are not empty, not checked."""
    return joined([part.living() for part in parts])


def checked(parts: Sequence[Part]) -> tuple[Items, NDArray[np.uint8]]:
    """All living items of parts that are not empty, and their `leaves`.

    Raises:
        IndexMismatch: `index.digest_mismatch` for one that was changed on the disk: written anew,
            it would have a digest of its own.
    """
    items, begin = living(parts), 0
    leaf = leaves(items)
    for part in parts:
        end = begin + len(part.slots)
        if part.kept:
            part.segment.check(items.row[begin:end], leaf[begin:end], part.slots)
        begin = end
    return items, leaf


def _together(arrays: Sequence[NDArray[np.generic]], kind: type[np.generic]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, dtype=kind), *arrays])
