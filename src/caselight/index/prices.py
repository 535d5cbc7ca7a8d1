"""What searching costs: the fixed ratios by which tables and scan are weighed.

Ratios, not timings: what is chosen, and what an approximate search answers, must not depend on how
busy the machine is. They were measured once, on the machine of decision 0031.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from caselight.index.substrings import Prices

SCAN = (0.15, 0.008)
"""Nanoseconds the scan takes a code, and a byte of it: at its best, which is where data cluster."""
SCAN_TOGETHER = (0.06, 0.005)
"""The same where several queries share what is read."""
TOGETHER = 8
"""Queries from which on they do."""
PROBE = 20.0
BESIDE_WORD = 1.9
"""A candidate, for each 64-bit word, where its code lies beside its row."""
APART_WORD = 7.0
GROUP = 64
"""Codes that the scan passes over together when none of them is allowed."""

MIN_ROWS = 200_000
"""Below it the scan takes microseconds, and tables are not worth their memory."""
MIN_SHARE = 0.05
"""Of rows allowed. With fewer, the nearest of them are far, whatever the codes."""
ROWS_A_HIT = 1_000
"""The k nearest are near when they are few among many: at least so many rows for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How a search will be done."""

    method: Literal["scan", "tables"]
    reason: str


@lru_cache
def prices(
    n: int, n_bits: int, *, beside: bool, n_allowed: int | None = None, n_queries: int = 1
) -> Prices:
    """Price a search of n codes.

    Args:
        n: codes in the tables.
        n_bits: their width.
        beside: whether codes lie beside their rows.
        n_allowed: rows allowed, taken to lie evenly; None is all.
        n_queries: queries asked at once.
    """
    a_code, a_byte = SCAN if n_queries < TOGETHER else SCAN_TOGETHER
    n_words = (n_bits + 63) // 64
    share = 1.0 if n_allowed is None else n_allowed / max(1, n)
    read = 1.0 - (1.0 - share) ** GROUP
    return Prices(
        probe=PROBE,
        candidate=n_words * (BESIDE_WORD if beside else APART_WORD),
        scan=n * read * (a_code + a_byte * n_bits / 8),
    )


def choose(n: int, *, k: int, n_allowed: int) -> Choice:
    """Choose between the scan and the tables before either is begun.

    The tables give up by themselves when a query turns out to be far from everything; this spares
    building and asking them where that is plain.

    Args:
        n: rows held.
        k: rows wanted.
        n_allowed: rows that may be answered, 0..n.
    """
    if n < MIN_ROWS:
        return Choice(method="scan", reason=f"{n} codes are fewer than {MIN_ROWS}")
    if n_allowed < MIN_SHARE * n:
        return Choice(method="scan", reason=f"only {n_allowed} of {n} rows are allowed")
    if k * ROWS_A_HIT > n_allowed:
        return Choice(method="scan", reason=f"{k} rows are many among {n_allowed}")
    return Choice(method="tables", reason=f"{k} of {n_allowed} rows are few, and may be near")
