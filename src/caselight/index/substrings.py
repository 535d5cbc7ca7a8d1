"""Tables from parts of codes to the rows that have them: exact search without reading every code.

A thin face of `native/tables.h`, which says how the tables work and how their bytes lie. Where the
extension was not built, `available()` is false and callers scan.
"""

import importlib
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from caselight.types import BoolArray, Codes

try:
    native: Any = importlib.import_module("caselight.index._native")
except ImportError:  # installed without a compiler
    native = None

MAX_TABLES = 64


def available() -> bool:
    """Whether tables can be built and searched here."""
    return native is not None


def default_beside(n_bits: int) -> bool:
    """Whether the tables keep codes beside their rows: up to 128 bits.

    Beside, 1 M codes of 128 bits take 1.3 times less time and 3 times the memory; of 512 bits
    also 1.3 times less time, but 7 times the memory.
    """
    return n_bits <= 128


def default_tables(n: int, n_bits: int, *, beside: bool) -> int:
    """Choose how many tables to cut codes into.

    Longer substrings have fewer rows a value and more values within a radius. Rows that are read
    in order are cheap, so substrings are shorter where codes lie beside. Measured on clustered
    codes, 64 to 512 bits, 100 k to 10 M: within a fifth of the best (decision 0031).

    Args:
        n: codes.
        n_bits: their width.
        beside: whether codes lie beside their rows.

    Returns:
        1..64.
    """
    size = math.log2(max(2, n))
    bits = 1.5 + 0.75 * size if beside else size - 2
    return min(MAX_TABLES, max(1, round(n_bits / min(22.0, max(8.0, bits)))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What the model counts with, nanoseconds on the machine of decision 0031; ratios matter."""

    probe: float
    """Looking up one value."""
    candidate: float
    """One distance to a row found under it."""
    scan: float
    """The whole scan that would answer one query instead; infinite never gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the tables answer, and what it cost them."""

    rows: NDArray[np.int64]
    """i64[Q, K], places 0..n-1 in order of distance, then row; zeros for unanswered queries."""
    distance: NDArray[np.int32]
    """i32[Q, K]; not set for unanswered queries."""
    work: NDArray[np.int64]
    """i64[Q, 6]: the columns below, as the extension writes them."""
    n_probes: int
    n_candidates: int
    n_fell_back: int
    bound: int
    """The greatest `within` of the queries that fell back."""
    least_radius: int
    """Of the queries that did not; n_bits where there are none."""

    @property
    def count(self) -> NDArray[np.int64]:
        """i64[Q], answers of each query: K unless fewer rows are allowed or within the bound."""
        return self.work[:, 0]

    @property
    def probes(self) -> NDArray[np.int64]:
        """i64[Q], values looked up."""
        return self.work[:, 1]

    @property
    def candidates(self) -> NDArray[np.int64]:
        """i64[Q], distances computed, repeats included."""
        return self.work[:, 2]

    @property
    def radius(self) -> NDArray[np.int64]:
        """i64[Q]: every row within it was looked at; -1 for none."""
        return self.work[:, 3]

    @property
    def within(self) -> NDArray[np.int64]:
        """i64[Q]: none of the K nearest is further, also where the search gave up."""
        return self.work[:, 4]

    @property
    def answered(self) -> BoolArray:
        """bool[Q]; false where the scan was foreseen to be cheaper."""
        answered: BoolArray = self.work[:, 5] == 0
        return answered


class SubstringTables:
    """Tables over n codes that do not change, in one buffer."""

    def __init__(self, buffer: NDArray[np.uint8]) -> None:
        """Open a buffer that `build` made: in memory, or mapped from a file, read-only or not.

        Args:
            buffer: u8[size], beginning at a multiple of 8 bytes. All of it is read and checked.

        Raises:
            ValueError: when it is cut short, of another format, or damaged.
        """
        self.n, self.n_bits, self.m, beside = native.tables_check(buffer)
        self.beside = bool(beside)
        self.buffer = buffer

    @classmethod
    def build(cls, codes: Codes, *, m: int | None = None, beside: bool | None = None) -> Self:
        """Build tables over codes, in order of row.

        Args:
            codes: N codes of 8 to 512 bits.
            m: tables, 1..64 and at most the bits; None for `default_tables`.
            beside: keep a copy of the code beside each row of each table: a run of candidates is
                then read in order and not from all over memory, for m times the codes' bytes.
                None for `default_beside`.
        """
        n = len(codes)
        beside = default_beside(codes.n_bits) if beside is None else beside
        m = default_tables(n, codes.n_bits, beside=beside) if m is None else m
        buffer = aligned(native.tables_size(n, codes.n_bits, m, beside))
        packed = np.ascontiguousarray(codes.packed)
        native.tables_build(packed, n, codes.n_bits, m, beside, buffer)
        tables = cls.__new__(cls)  # just built: there is nothing to check
        tables.n, tables.n_bits, tables.m, tables.beside = n, codes.n_bits, m, beside
        tables.buffer = buffer
        return tables

    def search(
        self,
        codes: Codes,
        *,
        k: int,
        prices: Prices,
        allowed: NDArray[np.uint8] | None = None,
        within: int | None = None,
        max_radius: int | None = None,
    ) -> Found:
        """Find the k nearest of each query, ties in order of row, or find that a scan is cheaper.

        Args:
            codes: Q codes of the tables' width.
            k: answers wanted, 1..n.
            prices: what decides when to give up.
            allowed: u8[(n + 7) // 8], one bit a row, lowest bit first; None is all.
            within: leave out rows further than this, 0..n_bits.
            max_radius: None is exact. Else stop once k rows are found and every row within this
                distance was looked at: the answers are true rows and distances, in order, but
                nearer ones beyond the radius may be missing.

        Raises:
            ValueError: for a width, k or bitmap that does not fit.
        """
        if codes.n_bits != self.n_bits:
            raise ValueError(
                f"the tables hold {self.n_bits}-bit codes and these have {codes.n_bits}; build "
                "tables of one width"
            )
        n_queries = len(codes)
        distance = np.empty((n_queries, k), dtype=np.int32)
        rows = np.zeros((n_queries, k), dtype=np.int64)
        work = np.empty((n_queries, 6), dtype=np.int64)
        n_probes, n_candidates, n_fell_back, bound, least_radius = native.tables_search(
            self.buffer,
            np.ascontiguousarray(codes.packed),
            k,
            allowed,
            self.n_bits if within is None else within,
            self.n_bits if max_radius is None else max_radius,
            prices.probe,
            prices.candidate,
            prices.scan,
            distance,
            rows,
            work,
        )
        return Found(
            rows=rows,
            distance=distance,
            work=work,
            n_probes=n_probes,
            n_candidates=n_candidates,
            n_fell_back=n_fell_back,
            bound=bound,
            least_radius=least_radius,
        )


def aligned(size: int) -> NDArray[np.uint8]:
    """Make u8[size] that begins on a cache line; contents not set."""
    raw = np.empty(size + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]
