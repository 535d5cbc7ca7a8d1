"""Multi-index hashing: look up the rows near a query instead of reading every code.

Exact like the flat index, and with the same answers in the same order. Source: Norouzi, Punjani
and Fleet, CVPR 2012; see `native/tables.h` and decision 0031.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from caselight.index.flat import FlatIndex
from caselight.index.prices import prices
from caselight.index.substrings import Found, SubstringTables, available
from caselight.types import BoolArray, Candidates, Codes

STALE = 1 / 8
"""Rows added or removed since the tables were built, as a share, that has them built again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a search cost, summed over its queries."""

    n_scanned: int = 0
    """Distances that scans computed, of recent rows and of queries the tables gave up."""
    n_probes: int = 0
    n_candidates: int = 0
    """Distances to rows that the tables named."""
    radius: int | None = None
    """Every row within it was looked at, the least of the queries the tables answered."""
    n_fell_back: int = 0
    """Queries that the tables gave up because the scan was foreseen to be cheaper."""


@dataclass(frozen=True, slots=True)
class _Built:
    """Tables and what has changed since they were built."""

    tables: SubstringTables
    rows: NDArray[np.int64]
    """Rows the tables know, in order."""
    alive: BoolArray
    """Which of them were never removed: a row may have come back with another code."""
    place: NDArray[np.int64] | None
    """Where each row held now is in the tables, -1 for a recent one; None when all are as built."""
    n_recent: int
    """Rows held now that the tables do not know."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows may be answered, prepared once for tables and scan."""

    mask: BoolArray | None
    bitmap: NDArray[np.uint8] | None
    """The mask, one bit a row, lowest first."""
    n_allowed: int


class MultiIndex:
    """A flat index with tables over it, built at the first search and again when out of date."""

    def __init__(
        self,
        n_bits: int,
        *,
        m: int | None = None,
        beside: bool | None = None,
        max_radius: int | None = None,
    ) -> None:
        """Hold no codes yet.

        Args:
            n_bits: width of the codes.
            m: tables; None chooses by size, see `substrings.default_tables`.
            beside: whether codes lie beside their rows; None chooses by width.
            max_radius: None answers exactly. Else rows within it are surely found, and nearer ones
                beyond it may be missing: 0..n_bits, higher finds more.
        """
        self.n_bits = n_bits
        self.max_radius = max_radius
        self._m, self._beside = m, beside
        self._flat = FlatIndex(n_bits)
        self._built: _Built | None = None

    def __len__(self) -> int:
        return len(self._flat)

    @property
    def rows(self) -> NDArray[np.int64]:
        """All rows, i64[N], in order."""
        return self._flat.rows

    @property
    def codes(self) -> Codes:
        """All codes, in order of row."""
        return self._flat.codes

    @property
    def n_bytes(self) -> int:
        """Bytes that codes, rows and, once built, tables take in memory."""
        n_bytes = self._flat.n_bytes
        if self._built is not None:
            n_bytes += self._built.tables.buffer.nbytes + self._built.alive.nbytes
        return n_bytes

    def add(self, rows: NDArray[np.int64], codes: Codes) -> None:
        """Add codes under rows, i64[N]; raises as `FlatIndex.add` does."""
        self._flat.add(rows, codes)
        self._refresh()

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Take rows out; rows that are not there are passed over."""
        self._flat.remove(rows)
        if self._built is not None:
            self._built.alive[np.isin(self._built.rows, rows)] = False
        self._refresh()

    def search(self, codes: Codes, *, k: int, allowed: BoolArray | None = None) -> Candidates:
        """Find the k nearest rows of each query code; see `FlatIndex.search`.

        With `max_radius` set nearer rows may be missing; rows, distances and order stay true.
        """
        return self.look_up(codes, k=k, chosen=self.prepare(allowed))[0]

    def prepare(self, allowed: BoolArray | None) -> Filter:
        """Pack and count bool[len(self)], in order of row; None is all."""
        bitmap = self._flat.bitmap(allowed)
        n_allowed = len(self) if bitmap is None else int(np.bitwise_count(bitmap).sum())
        return Filter(allowed, bitmap, n_allowed)

    def scan(self, codes: Codes, *, k: int, chosen: Filter) -> tuple[Candidates, Work]:
        """Answer without the tables; the arguments are those of `look_up`."""
        found = self._flat.scan(codes, k=k, bitmap=chosen.bitmap)
        return found, Work(n_scanned=found.n_compared)

    def look_up(self, codes: Codes, *, k: int, chosen: Filter) -> tuple[Candidates, Work]:
        """Answer with the tables and say what it cost; scans where there is no extension.

        Args:
            codes: Q codes of the index's width.
            k: rows wanted, at least 1.
            chosen: from `prepare`.
        """
        n_known = chosen.n_allowed
        if not available() or n_known < 1 or k < 1 or codes.n_bits != self.n_bits:
            return self.scan(codes, k=k, chosen=chosen)
        built = self._open()
        k = min(k, n_known)
        if built.n_recent:
            n_known -= int(np.count_nonzero(_late(built, chosen.mask)))
            if n_known < k:
                return self.scan(codes, k=k, chosen=chosen)
        found = built.tables.search(
            codes,
            k=k,
            prices=prices(
                built.tables.n,
                self.n_bits,
                beside=built.tables.beside,
                n_allowed=n_known,
                n_queries=len(codes),
            ),
            allowed=chosen.bitmap if built.place is None else _known(built, chosen.mask),
            max_radius=self.max_radius,
        )
        return self._finish(codes, k, chosen, built, found)

    def digest(self) -> str:
        """SHA-256 over rows and codes: that of the flat index, whatever tables there are."""
        return self._flat.digest()

    def _finish(
        self,
        codes: Codes,
        k: int,
        chosen: Filter,
        built: _Built,
        found: Found,
    ) -> tuple[Candidates, Work]:
        """Join what the tables found with the recent rows, and scan for what they gave up."""
        n_scanned, left = 0, found.n_fell_back
        if left == len(codes):  # at once: after a scan every step here starts cold
            joined = self._flat.scan(codes, k=k, bitmap=chosen.bitmap, within=found.bound)
            n_scanned += joined.n_compared
        else:
            joined = Candidates(rows=built.rows[found.rows], distance=found.distance, n_compared=0)
            if built.n_recent:
                late = self._flat.search(codes, k=k, allowed=_late(built, chosen.mask))
                n_scanned += late.n_compared
                joined = _merge(joined, late, k)
            if left:
                which = np.flatnonzero(~found.answered)
                rest = Codes(packed=codes.packed[which], n_bits=codes.n_bits)
                scanned = self._flat.scan(rest, k=k, bitmap=chosen.bitmap, within=found.bound)
                n_scanned += scanned.n_compared
                joined.rows[which], joined.distance[which] = scanned.rows, scanned.distance
        return replace(joined, n_compared=n_scanned + found.n_candidates), Work(
            n_scanned=n_scanned,
            n_probes=found.n_probes,
            n_candidates=found.n_candidates,
            radius=found.least_radius if left < len(codes) else None,
            n_fell_back=left,
        )

    def _open(self) -> _Built:
        if self._built is None:
            self._built = _Built(
                SubstringTables.build(self._flat.codes, m=self._m, beside=self._beside),
                self._flat.rows,
                np.ones(len(self), dtype=np.bool_),
                None,
                0,
            )
        return self._built

    def _refresh(self) -> None:
        """After a change: note where the rows are in the tables, or drop tables out of date."""
        if self._built is None:
            return
        known, alive = self._built.rows, self._built.alive
        place = np.minimum(np.searchsorted(known, self.rows), len(known) - 1)
        place[(known[place] != self.rows) | ~alive[place]] = -1
        n_recent = int(np.count_nonzero(place < 0))
        if n_recent + np.count_nonzero(~alive) > STALE * len(known):
            self._built = None
        else:
            self._built = _Built(self._built.tables, known, alive, place, n_recent)


def _late(built: _Built, allowed: BoolArray | None) -> BoolArray:
    """bool[N]: the allowed rows that the tables do not know."""
    assert built.place is not None  # noqa: S101 - there are such rows only after a change
    late: BoolArray = built.place < 0
    return late if allowed is None else late & allowed


def _known(built: _Built, allowed: BoolArray | None) -> NDArray[np.uint8]:
    """One bit for each row of the tables: is it held, as it was, and allowed?"""
    if allowed is None:
        return np.packbits(built.alive, bitorder="little")
    assert built.place is not None  # noqa: S101 - without changes the index's own bitmap serves
    place = built.place[allowed]
    known = np.zeros(len(built.rows), dtype=np.bool_)
    known[place[place >= 0]] = True
    return np.packbits(known, bitorder="little")


def _merge(left: Candidates, right: Candidates, k: int) -> Candidates:
    """The k nearest of both, ties in order of row."""
    rows = np.concatenate([left.rows, right.rows], axis=1)
    distance = np.concatenate([left.distance, right.distance], axis=1)
    order = np.lexsort((rows, distance), axis=1)[:, :k]
    return Candidates(
        rows=np.take_along_axis(rows, order, axis=1),
        distance=np.take_along_axis(distance, order, axis=1),
        n_compared=0,
    )
