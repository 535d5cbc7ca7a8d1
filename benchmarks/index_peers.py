"""Other libraries' approximate indexes over binary codes, each behind the same two calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from usearch.index import Index as USearch

Bytes = NDArray[np.uint8]
Search = Callable[[Bytes, int], NDArray[np.int32]]
"""(queries u8[Q, n_bytes], k) to distances i32[Q, k], nearest first."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One way to build and search."""

    name: str
    build: Callable[[Bytes], tuple[Search, int]]
    """Codes u8[N, n_bytes] to a search, and the bytes the index takes."""
    at_most: int
    """Codes it is measured with: a graph of 10 M takes an hour to build."""


def _of_faiss(index: Any) -> tuple[Search, int]:
    def search(queries: Bytes, k: int) -> NDArray[np.int32]:
        return index.search(queries, k)[0]

    return search, int(faiss.serialize_index_binary(index).nbytes)


def multi_hash(codes: Bytes) -> tuple[Search, int]:
    """Hash maps of 16-bit pieces, all keys within one flip."""
    n_bits = 8 * codes.shape[1]
    index = faiss.IndexBinaryMultiHash(n_bits, n_bits // 16, 16)
    index.nflip = 1
    index.add(codes)
    return _of_faiss(index)


def hnsw(codes: Bytes, degree: int) -> tuple[Search, int]:
    """A navigable graph; looks at 64 candidates."""
    index = faiss.IndexBinaryHNSW(8 * codes.shape[1], degree)
    index.hnsw.efSearch = 64
    index.add(codes)
    return _of_faiss(index)


def ivf(codes: Bytes) -> tuple[Search, int]:
    """Cells about trained centres; visits 64 of them."""
    n_cells = max(64, 2 ** round(np.log2(4 * np.sqrt(len(codes)))))
    index = faiss.IndexBinaryIVF(
        faiss.IndexBinaryFlat(8 * codes.shape[1]), 8 * codes.shape[1], n_cells
    )
    index.own_fields = False
    index.cp.niter = 5
    sample = np.random.default_rng(0).choice(len(codes), min(len(codes), 40 * n_cells), False)
    index.train(codes[sample])
    index.add(codes)
    index.nprobe = 64  # and use_heap stays true: without it 1.15.1 answers nothing
    return _of_faiss(index)


def usearch_hnsw(codes: Bytes) -> tuple[Search, int]:
    """Another library's graph, over bits; expansion 64."""
    index = USearch(
        ndim=8 * codes.shape[1], metric="hamming", dtype="b1", connectivity=16, expansion_search=64
    )
    index.add(np.arange(len(codes)), codes, threads=1)

    def search(queries: Bytes, k: int) -> NDArray[np.int32]:
        return np.stack([index.search(q, k, threads=1).distances for q in queries]).astype(np.int32)

    return search, int(index.memory_usage)


PEERS = (
    Peer(name="faiss BinaryMultiHash 16-bit, 1 flip", build=multi_hash, at_most=10_000_000),
    Peer(name="faiss BinaryIVF, 64 probes", build=ivf, at_most=10_000_000),
    Peer(name="faiss BinaryHNSW M16 ef64", build=lambda c: hnsw(c, 16), at_most=1_000_000),
    Peer(name="faiss BinaryHNSW M32 ef64", build=lambda c: hnsw(c, 32), at_most=1_000_000),
    Peer(name="usearch b1 HNSW M16 ef64", build=usearch_hnsw, at_most=1_000_000),
)
