"""What a query needs of an index, wherever its items lie."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from caselight.index.snapshot import PartWork, Places
from caselight.types import BoolArray, Candidates, Codes


class Readable(Protocol):
    """Items in order of row: a `Snapshot` of one machine, or a `Sharded` of several."""

    @property
    def n_bits(self) -> int:
        """Bits of a code."""
        ...

    @property
    def dim(self) -> int:
        """Numbers of an embedding."""
        ...

    def __len__(self) -> int: ...

    @property
    def row(self) -> NDArray[np.int64]:
        """Rows of all items, i64[N], rising."""
        ...

    def search(self, codes: Codes, *, k: int, allowed: BoolArray | None = None) -> Candidates:
        """The k nearest items of each query, nearest first, ties in order of row."""
        ...

    def explain(
        self, codes: Codes, *, k: int, allowed: BoolArray | None = None
    ) -> tuple[Candidates, tuple[PartWork, ...]]:
        """Search, and say how."""
        ...

    def take(self, places: Places) -> Codes:
        """Codes of items, in the order asked for."""
        ...

    def vectors(self, places: Places) -> NDArray[np.float32]:
        """Embeddings of items, f32[K, D], unit length, in the order asked for."""
        ...
