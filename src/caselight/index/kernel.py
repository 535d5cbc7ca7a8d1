"""The scan of packed codes: in C where that was compiled, in NumPy otherwise, with equal answers.

`layout.py` says how the codes lie, `native/` holds the C, decision 0030 the reasons.
"""

import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.codes import hamming
from caselight.index.layout import BLOCK, SEGMENT, Bytes, check_size, unpack
from caselight.types import Candidates, Codes

try:
    _native: Any = importlib.import_module("caselight.index._native")
except ImportError:
    _native = None

_QUERIES_AT_ONCE = 16
"""In NumPy: working memory stays near 20 MiB."""


def instruction_sets() -> tuple[str, ...]:
    """What can run here, the fastest first: "avx512", "avx2", "neon", "portable", "numpy"."""
    return (*(_native.instruction_sets() if _native else ()), "numpy")


def describe() -> str:
    """Which of them runs, and why it is no faster one."""
    if _native is None:
        return (
            "numpy: no compiler was found when Caselight was installed; install gcc or clang, then "
            "Caselight again, and searches are many times faster"
        )
    return instruction_sets()[0]


def scan(
    blocks: Bytes,
    n: int,
    n_bits: int,
    queries: Bytes,
    k: int,
    *,
    allowed: Bytes | None = None,
    first_row: int = 0,
    within: int | None = None,
    threads: int = 1,
    isa: str | None = None,
) -> Candidates:
    """Find the k nearest codes of each query, in order of distance, then row.

    Args:
        blocks: u8[size_of(n, n_bits)] from `layout.pack`; may be read-only, as a mapped file is.
        n: codes in the blocks.
        n_bits: bits of a code, a multiple of 8 from 8 to 512.
        queries: u8[Q, n_bits // 8], in rows as `Codes.packed`.
        k: codes wanted, at least 1.
        allowed: u8[ceil(n / 8)], a bit a code, lowest bit first; None is all.
        first_row: added to every row.
        within: the greatest distance wanted, 0..n_bits; None is n_bits.
        threads: how many share the work, at least 1; any number gives the same answer.
        isa: one of `instruction_sets()`; None is the fastest.

    Returns:
        Rows i64[Q, K] and distances i32[Q, K], where K is k or the number of allowed codes, the
        lesser. Where `within` leaves fewer, row -1 and distance n_bits + 1 fill up. n_compared
        is Q times the allowed codes, whether their distance was computed to the last bit or not.

    Raises:
        ValueError: for a size, a number or a name that is none of these, in one sentence.
    """
    check_size(blocks, n, n_bits)
    within = n_bits if within is None else within
    isa = isa or instruction_sets()[0]
    if queries.ndim != 2 or queries.shape[1] != n_bits // 8:
        raise ValueError(f"found queries of shape {queries.shape}; give u8[Q, {n_bits // 8}]")
    if any(array.dtype != np.uint8 for array in (blocks, queries)):
        raise ValueError("found blocks or queries that are not bytes; give arrays of uint8")
    if k < 1 or threads < 1:
        raise ValueError(f"found k = {k} and threads = {threads}; both are at least 1")
    if not 0 <= within <= n_bits:
        raise ValueError(f"found within = {within}; it is a distance, 0 to {n_bits}")
    if isa not in instruction_sets():
        raise ValueError(f"found no {isa!r} here; use one of {', '.join(instruction_sets())}")
    blocks, queries = np.ascontiguousarray(blocks), np.ascontiguousarray(queries)
    n_allowed = n
    if allowed is not None:
        allowed, n_allowed = _checked(allowed, n)
    k = min(k, n_allowed)
    n_queries = len(queries)
    if k == 0 or n_queries == 0:
        rows, distance = np.zeros((n_queries, k), np.int64), np.zeros((n_queries, k), np.int32)
        return Candidates(rows=rows, distance=distance, n_compared=n_queries * n_allowed)

    def part(first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        if isa == "numpy":
            return _scan_numpy(blocks, n, n_bits, (first, last), queries, k, allowed, within)
        rows = np.empty((n_queries, k), dtype=np.int64)
        distance = np.empty((n_queries, k), dtype=np.int32)
        span = (first // BLOCK, -(-last // BLOCK))
        _native.scan(
            blocks, n, n_bits // 8, *span, queries, k, allowed, within, isa, rows, distance
        )
        return rows, distance

    step = -(-n // SEGMENT // threads) * SEGMENT or SEGMENT
    spans = [(first, min(n, first + step)) for first in range(0, n, step)]
    if threads == 1 or len(spans) == 1:
        rows, distance = part(0, n)
    else:
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(lambda span: part(*span), spans))
        rows, distance = _merge(parts, k)
    if first_row:
        rows[rows >= 0] += first_row
    return Candidates(rows=rows, distance=distance, n_compared=n_queries * n_allowed)


def _checked(allowed: Bytes, n: int) -> tuple[Bytes, int]:
    """The bitmap, contiguous, and how many codes it allows."""
    if allowed.dtype != np.uint8 or allowed.shape != (-(-n // 8),):
        raise ValueError(
            f"found allowed of {allowed.dtype} and shape {allowed.shape}; give u8[{-(-n // 8)}], "
            "a bit a code"
        )
    count = int(np.bitwise_count(allowed).sum(dtype=np.int64))
    if n % 8:
        count -= int(np.bitwise_count(allowed[-1] >> n % 8))
    return np.ascontiguousarray(allowed), count


def _merge(
    parts: list[tuple[NDArray[np.int64], NDArray[np.int32]]], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The k nearest of several parts, which come in rising order of row."""
    rows = np.concatenate([rows for rows, _ in parts], axis=1)
    distance = np.concatenate([distance for _, distance in parts], axis=1)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(distance, order, axis=1)


def _scan_numpy(
    blocks: Bytes,
    n: int,
    n_bits: int,
    span: tuple[int, int],
    queries: Bytes,
    k: int,
    allowed: Bytes | None,
    within: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The same in NumPy: one number holds distance and row, so that the least are the nearest."""
    beyond = (n_bits + 1) << 48
    keys = np.full((len(queries), k), beyond, dtype=np.int64)
    for first in range(*span, SEGMENT):
        last = min(n, first + SEGMENT)
        rows = np.arange(first, last)
        codes = unpack(blocks, n, n_bits, first=first, last=last)
        if allowed is not None:
            bits = np.unpackbits(allowed[first // 8 : -(-last // 8)], bitorder="little")
            chosen = np.flatnonzero(bits[: last - first])
            rows, codes = rows[chosen], codes[chosen]
        gallery = Codes(packed=codes, n_bits=n_bits)
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            own = slice(start, start + _QUERIES_AT_ONCE)
            distance = hamming(Codes(packed=queries[own], n_bits=n_bits), gallery)
            found = np.where(distance <= within, (distance.astype(np.int64) << 48) | rows, beyond)
            joined = np.concatenate([keys[own], found], axis=1)
            keys[own] = np.partition(joined, k - 1, axis=1)[:, :k]
    keys.sort(axis=1)
    rows, distance = keys & ((1 << 48) - 1), (keys >> 48).astype(np.int32)
    rows[keys >= beyond] = -1
    return rows, np.minimum(distance, n_bits + 1).astype(np.int32)
