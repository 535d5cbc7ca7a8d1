"""The exact index: compare the query with every code."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from caselight.errors import IndexMismatch
from caselight.index import kernel, layout
from caselight.types import BoolArray, Candidates, Codes


class FlatIndex:
    """All codes in one array, in order of row; a search passes over each of them once."""

    def __init__(self, n_bits: int) -> None:
        self.n_bits = n_bits
        self.rows: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._blocks = layout.empty_blocks(0, n_bits)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def codes(self) -> Codes:
        """All codes, in order of row: a copy, made anew each time; `take` makes a few."""
        packed = layout.unpack(self._blocks, len(self), self.n_bits)
        return Codes(packed=packed, n_bits=self.n_bits)

    @property
    def n_bytes(self) -> int:
        """Bytes that codes and rows take in memory."""
        return self._blocks.nbytes + self.rows.nbytes

    def take(self, places: NDArray[np.int64]) -> Codes:
        """The codes at some places, i64[N] of 0..len(self) - 1, in the order asked for.

        Raises:
            IndexError: for a place that is none.
        """
        packed = layout.take(self._blocks, len(self), self.n_bits, places)
        return Codes(packed=packed, n_bits=self.n_bits)

    def add(self, rows: NDArray[np.int64], codes: Codes) -> None:
        """Add codes under rows, i64[N].

        Raises:
            IndexMismatch: `index.bits_mismatch` for another width.
            ValueError: when a row is there already, or named twice, or rows and codes differ in
                number.
        """
        self._check(codes)
        if len(rows) != len(codes):
            raise ValueError(f"found {len(rows)} rows for {len(codes)} codes; give one row a code")
        if len(rows) == 0:
            return
        # Rows below the lowest new one stay as they are; the rest is sorted in.
        kept = self._kept(int(np.searchsorted(self.rows, rows.min())))
        joined = np.concatenate([self.rows[kept:], rows])
        packed = np.concatenate([self._tail(kept), codes.packed])
        if not (joined[1:] > joined[:-1]).all():
            order = np.argsort(joined, kind="stable")
            joined, packed = joined[order], packed[order]
            if (joined[1:] == joined[:-1]).any():
                raise ValueError("a row was added twice; remove it first")
        self._replace(kept, joined, packed)

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Take rows out; rows that are not there are passed over."""
        stays = ~np.isin(self.rows, rows)
        if not stays.all():
            kept = self._kept(int(np.argmin(stays)))
            stays = stays[kept:]
            self._replace(kept, self.rows[kept:][stays], self._tail(kept)[stays])

    def search(self, codes: Codes, *, k: int, allowed: BoolArray | None = None) -> Candidates:
        """Find the k nearest rows of each query code, nearest first, ties in order of row.

        Args:
            codes: Q codes of the index's width.
            k: rows wanted, at least 1; fewer come back when fewer are allowed.
            allowed: bool[len(self)], in order of row; None is all.

        Raises:
            IndexMismatch: `index.bits_mismatch` for another width.
            ValueError: for k below 1, or allowed of another length.
        """
        return self.scan(codes, k=k, bitmap=self.bitmap(allowed))

    def bitmap(self, allowed: BoolArray | None) -> NDArray[np.uint8] | None:
        """One bit a row, lowest first, for `scan`; None stays None.

        Raises:
            ValueError: for allowed of another length than the index.
        """
        if allowed is None:
            return None
        if len(allowed) != len(self):
            raise ValueError(f"found {len(allowed)} allowed for {len(self)} rows; give one a row")
        return np.packbits(allowed, bitorder="little")

    def scan(
        self,
        codes: Codes,
        *,
        k: int,
        bitmap: NDArray[np.uint8] | None = None,
        within: int | None = None,
    ) -> Candidates:
        """Do as `search` does, for what is known already.

        Args:
            codes: Q codes of the index's width.
            k: rows wanted, at least 1.
            bitmap: which rows are allowed, from `bitmap`; None is all.
            within: a distance that the k nearest are known not to exceed; None knows nothing.

        Raises:
            IndexMismatch: `index.bits_mismatch` for another width.
            ValueError: for k below 1.
        """
        self._check(codes)
        found = kernel.scan(
            self._blocks, len(self), self.n_bits, codes.packed, k, allowed=bitmap, within=within
        )
        return Candidates(
            rows=self.rows[found.rows], distance=found.distance, n_compared=found.n_compared
        )

    def digest(self) -> str:
        """SHA-256 over rows and codes, whatever the order they were added in."""
        digest = hashlib.sha256(f"flat:{self.n_bits}:".encode())
        digest.update(self.rows.astype("<i8").tobytes())
        for first in range(0, len(self), layout.SEGMENT):
            last = min(len(self), first + layout.SEGMENT)
            part = layout.unpack(self._blocks, len(self), self.n_bits, first=first, last=last)
            digest.update(part.tobytes())
        return digest.hexdigest()

    def _kept(self, place: int) -> int:
        """The codes before a place that lie in segments of their own, which can stay."""
        return place // layout.SEGMENT * layout.SEGMENT

    def _tail(self, kept: int) -> NDArray[np.uint8]:
        """The codes from a place on."""
        return layout.unpack(self._blocks, len(self), self.n_bits, first=kept)

    def _replace(self, kept: int, rows: NDArray[np.int64], packed: NDArray[np.uint8]) -> None:
        """Put rows and codes in the place of all from `kept` on."""
        size = layout.size_of(kept, self.n_bits)
        blocks = layout.empty_blocks(kept + len(rows), self.n_bits)
        blocks[:size] = self._blocks[:size]
        layout.pack(packed, out=blocks[size:])
        self.rows, self._blocks = np.concatenate([self.rows[:kept], rows]), blocks

    def _check(self, codes: Codes) -> None:
        if codes.n_bits != self.n_bits:
            raise IndexMismatch(
                f"the index holds {self.n_bits}-bit codes and these have {codes.n_bits}; use the "
                "model the index was built with, or run `caselight index build` again",
                code="index.bits_mismatch",
            )
