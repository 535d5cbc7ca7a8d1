"""The exact index: compare the query with every code."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from caselight.codes import hamming
from caselight.errors import IndexMismatch
from caselight.types import BoolArray, Candidates, Codes


class FlatIndex:
    """All codes in one array, in order of row; a search reads each of them once."""

    def __init__(self, n_bits: int) -> None:
        self.n_bits = n_bits
        self.rows: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._packed: NDArray[np.uint8] = np.zeros((0, n_bits // 8), dtype=np.uint8)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def codes(self) -> Codes:
        """All codes, in order of row."""
        return Codes(packed=self._packed, n_bits=self.n_bits)

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
        joined = np.concatenate([self.rows, rows])
        if len(np.unique(joined)) != len(joined):
            raise ValueError("a row was added twice; remove it first")
        order = np.argsort(joined, kind="stable")
        self.rows = joined[order]
        self._packed = np.concatenate([self._packed, codes.packed])[order]

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Take rows out; rows that are not there are passed over."""
        kept = ~np.isin(self.rows, rows)
        self.rows, self._packed = self.rows[kept], self._packed[kept]

    def search(self, codes: Codes, *, k: int, allowed: BoolArray | None = None) -> Candidates:
        """Find the k nearest rows of each query code, nearest first, ties in order of row.

        Args:
            codes: Q codes of the index's width.
            k: rows wanted, at least 1; fewer come back when fewer are allowed.
            allowed: bool[len(self)], in order of row; None is all.

        Raises:
            IndexMismatch: `index.bits_mismatch` for another width.
        """
        self._check(codes)
        chosen = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        distance = hamming(codes, Codes(packed=self._packed[chosen], n_bits=self.n_bits))
        # Stable: equal distances stay in order of row.
        order = np.argsort(distance, axis=1, kind="stable")[:, :k]
        return Candidates(
            rows=self.rows[chosen][order],
            distance=np.take_along_axis(distance, order, axis=1),
            n_compared=int(distance.size),
        )

    def digest(self) -> str:
        """SHA-256 over rows and codes, whatever the order they were added in."""
        digest = hashlib.sha256(f"flat:{self.n_bits}:".encode())
        digest.update(self.rows.astype("<i8").tobytes())
        digest.update(self._packed.tobytes())
        return digest.hexdigest()

    def _check(self, codes: Codes) -> None:
        if codes.n_bits != self.n_bits:
            raise IndexMismatch(
                f"the index holds {self.n_bits}-bit codes and these have {codes.n_bits}; use the "
                "model the index was built with, or run `caselight index build` again",
                code="index.bits_mismatch",
            )
