"""Ways to search binary codes behind the same two calls; a new one is a function and a line."""

from collections.abc import Callable
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from caselight.index import kernel, layout

Bytes = NDArray[np.uint8]
Search = Callable[[Bytes, int], NDArray[np.int32]]
"""(queries u8[Q, n_bytes], k) to distances i32[Q, k], nearest first."""
FLAT = "faiss BinaryFlat"


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to build and search."""

    name: str
    build: Callable[[Bytes], tuple[Search, int]]
    """Codes u8[N, n_bytes] to a search, and the bytes that the index takes."""
    at_most: int = 10_000_000
    """Codes it is measured with."""
    in_batches: bool = False
    """Measured with many queries at once, too."""


def scan(codes: Bytes) -> tuple[Search, int]:
    """Our scan."""
    (n, n_bytes), blocks = codes.shape, layout.pack(codes)

    def search(queries: Bytes, k: int) -> NDArray[np.int32]:
        return kernel.scan(blocks, n, 8 * n_bytes, queries, k).distance

    return search, blocks.nbytes


def faiss_flat(codes: Bytes) -> tuple[Search, int]:
    """The scan of faiss."""
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(codes)

    def search(queries: Bytes, k: int) -> NDArray[np.int32]:
        return index.search(queries, k)[0]

    return search, codes.nbytes


METHODS = (
    Method(name="caselight scan", build=scan, in_batches=True),
    Method(name=FLAT, build=faiss_flat, in_batches=True),
)
