"""Ways to search binary codes behind the same two calls; a new one is a function and a line."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import faiss
import numpy as np
from numpy.typing import NDArray

from caselight.index import kernel, layout
from caselight.index.auto import AutoIndex
from caselight.index.tables import MultiIndex
from caselight.types import Codes
from index_peers import hnsw, ivf, multi_hash, usearch_hnsw

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
    builds_slowly: bool = False
    """Takes from half a minute to ten for a million codes."""
    in_batches: bool = False
    """Measured with many queries at once, too."""


def scan(codes: Bytes) -> tuple[Search, int]:
    """Our scan."""
    (n, n_bytes), blocks = codes.shape, layout.pack(codes)

    def search(queries: Bytes, k: int) -> NDArray[np.int32]:
        return kernel.scan(blocks, n, 8 * n_bytes, queries, k).distance

    return search, blocks.nbytes


def _of_index(index: MultiIndex, codes: Bytes) -> tuple[Search, int]:
    """Filled, with its tables built where it will use them."""
    index.add(np.arange(len(codes)), Codes(packed=codes, n_bits=index.n_bits))

    def search(queries: Bytes, k: int) -> NDArray[np.int32]:
        return index.search(Codes(packed=queries, n_bits=index.n_bits), k=k).distance

    search(codes[:1], 1)
    return search, index.n_bytes


def tables(codes: Bytes) -> tuple[Search, int]:
    """Our multi-index hashing, exact."""
    return _of_index(MultiIndex(8 * codes.shape[1]), codes)


def tables_to_a_radius(codes: Bytes) -> tuple[Search, int]:
    """The same, sure of what is within 12 % of the bits; there may be nearer ones beyond."""
    n_bits = 8 * codes.shape[1]
    return _of_index(MultiIndex(n_bits, max_radius=round(0.12 * n_bits)), codes)


def auto(codes: Bytes) -> tuple[Search, int]:
    """Our choice between scan and tables."""
    return _of_index(AutoIndex(8 * codes.shape[1]), codes)


def faiss_flat(codes: Bytes) -> tuple[Search, int]:
    """The scan of faiss."""
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(codes)

    def search(queries: Bytes, k: int) -> NDArray[np.int32]:
        return index.search(queries, k)[0]

    return search, codes.nbytes


METHODS = (
    Method(name="caselight scan", build=scan, in_batches=True),
    Method(name="caselight tables", build=tables, in_batches=True),
    Method(name="caselight tables, to a radius", build=tables_to_a_radius, in_batches=True),
    Method(name="caselight auto", build=auto, in_batches=True),
    Method(name=FLAT, build=faiss_flat, in_batches=True),
    Method(name="faiss BinaryMultiHash, 16-bit, 1 flip", build=multi_hash),
    Method(name="faiss BinaryIVF, 64 probes", build=ivf, builds_slowly=True),
    # A graph of 10 M codes takes an hour to build.
    Method(
        name="faiss BinaryHNSW, M 16, ef 64",
        build=partial(hnsw, degree=16),
        at_most=10**6,
        builds_slowly=True,
    ),
    Method(
        name="faiss BinaryHNSW, M 32, ef 64",
        build=partial(hnsw, degree=32),
        at_most=10**6,
        builds_slowly=True,
    ),
    Method(name="usearch b1 HNSW, ef 64", build=usearch_hnsw, at_most=10**6, builds_slowly=True),
)
