"""The shapes that exchangeable parts fill. A fourth needs a second implementation first."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from caselight.types import BoolArray, Candidates, Codes


class Index(Protocol):
    """Binary codes that can be searched by Hamming distance."""

    n_bits: int

    def __len__(self) -> int:
        """How many rows it holds."""
        ...

    def add(self, rows: NDArray[np.int64], codes: Codes) -> None:
        """Add codes under rows, i64[N]; a row may be added once."""
        ...

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Take rows out; rows that are not there are passed over."""
        ...

    def search(self, codes: Codes, *, k: int, allowed: BoolArray | None = None) -> Candidates:
        """Find the k nearest rows of each query code, nearest first, ties in order of row.

        Args:
            codes: Q codes of the index's width.
            k: rows wanted; fewer come back when fewer are allowed.
            allowed: bool[len(self)], in order of row: which rows may be answered; None is all.
        """
        ...

    def digest(self) -> str:
        """SHA-256 over rows and codes, whatever the order they were added in."""
        ...
