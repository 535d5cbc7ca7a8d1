"""Other libraries' approximate indexes over binary codes, each behind the same two calls."""

from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from usearch.index import Index as USearch

Bytes = NDArray[np.uint8]
Search = Callable[[Bytes, int], NDArray[np.int32]]
"""(queries u8[Q, n_bytes], k) to distances i32[Q, k], nearest first."""


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
    cells = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index = faiss.IndexBinaryIVF(cells, 8 * codes.shape[1], n_cells)
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
