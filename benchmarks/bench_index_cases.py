"""The tables at their worst against our own scan, and how their cost grows with the archive."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.index.auto import AutoIndex
from caselight.index.prices import prices
from caselight.index.substrings import Prices, SubstringTables
from caselight.types import Codes
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "index_cases.json"
N_QUERIES = 60
REPEATS = 7
Row = dict[str, Any]


def flips(rng: np.random.Generator, n: int, n_bytes: int) -> NDArray[np.uint8]:
    """Every bit set with a chance of 1/16: 6.25 %."""
    out = rng.integers(0, 256, (n, n_bytes), dtype=np.uint8)
    for _ in range(3):
        out &= rng.integers(0, 256, (n, n_bytes), dtype=np.uint8)
    return out


def make(n: int, n_bits: int, data: str) -> tuple[Codes, Codes]:
    """Codes and queries, "clustered" (n/50 centres), "uniform" or "equal"; "far" asks at random."""
    rng, n_bytes = np.random.default_rng(0), n_bits // 8
    asked = rng.integers(0, 256, (N_QUERIES, n_bytes), dtype=np.uint8)
    if data == "equal":
        packed = np.tile(asked[:1], (n, 1))
    elif data == "uniform":
        packed = rng.integers(0, 256, (n, n_bytes), dtype=np.uint8)
    else:
        centres = rng.integers(0, 256, (max(1, n // 50), n_bytes), dtype=np.uint8)
        packed = centres[rng.integers(0, len(centres), n)] ^ flips(rng, n, n_bytes)
        if data == "clustered":
            asked = packed[rng.integers(0, n, N_QUERIES)] ^ flips(rng, N_QUERIES, n_bytes)
    return Codes(packed=packed, n_bits=n_bits), Codes(packed=asked, n_bits=n_bits)


def per_query(searches: dict[str, Callable[[Codes], Any]], asked: Codes) -> dict[str, float]:
    """Milliseconds of one query alone, a median a query; the searches take turns at each.

    All queries are asked before any is asked again, or what it needs would still be at hand.
    """
    times = np.zeros((len(searches), len(asked), REPEATS))
    for repeat in range(REPEATS):
        for at in range(len(asked)):
            query = Codes(packed=asked.packed[at : at + 1], n_bits=asked.n_bits)
            for which, search in enumerate(searches.values()):
                start = time.perf_counter()
                search(query)
                times[which, at, repeat] = time.perf_counter() - start
    return dict(zip(searches, 1000 * np.median(times, axis=2).mean(axis=1), strict=True))


def adverse(n: int, n_bits: int, data: str, k: int, share: float) -> list[Row]:
    """Scan, tables and the choosing index on one case; `share` of the rows is allowed."""
    codes, asked = make(n, n_bits, data)
    rows = np.arange(n, dtype=np.int64)
    allowed = None if share == 1 else np.random.default_rng(1).random(n) < share
    index = AutoIndex(n_bits)
    index.add(rows, codes)
    _, work = index.look_up(asked, k=k, chosen=index.prepare(allowed))
    ways: dict[str, Callable[[Codes], Any]] = {
        "scan": lambda query: index.scan(query, k=k, chosen=index.prepare(allowed)),
        "tables": lambda query: index.look_up(query, k=k, chosen=index.prepare(allowed)),
        "auto": lambda query: index.explain(query, k=k, allowed=allowed),
    }
    took = per_query(ways, asked)
    return [
        {
            "n": n,
            "n_bits": n_bits,
            "data": data,
            "k": k,
            "share_allowed": share,
            "method": f"caselight {name}",
            "ms_per_query": round(ms, 5),
            "recall": 1.0,
            "ratio_to_scan": round(ms / took["scan"], 3),
            "fell_back": round(work.n_fell_back / len(asked), 3) if name == "tables" else None,
        }
        for name, ms in took.items()
    ]


def growth(n_bits: int, sizes: list[int], max_radius: int | None) -> list[Row]:
    """Milliseconds a query at each size, never giving up, and the exponent fitted to them."""
    out: list[Row] = []
    for n in sizes:
        codes, asked = make(n, n_bits, "clustered")
        start = time.perf_counter()
        tables = SubstringTables.build(codes)
        build_s = time.perf_counter() - start
        never = replace(prices(n, n_bits, beside=tables.beside), scan=float("inf"))

        def search(query: Codes, tables: SubstringTables = tables, never: Prices = never) -> object:
            return tables.search(query, k=10, prices=never, max_radius=max_radius)

        out.append(
            {
                "n": n,
                "n_bits": n_bits,
                "data": "clustered",
                "k": 10,
                "method": "caselight tables" + ("" if max_radius is None else f" to {max_radius}"),
                "ms_per_query": round(per_query({"": search}, asked)[""], 5),
                "build_s": round(build_s, 3),
                "bytes": len(tables.buffer),
                "m": tables.m,
            }
        )
        print(json.dumps(out[-1]), flush=True)
    slope = np.polyfit(np.log([r["n"] for r in out]), np.log([r["ms_per_query"] for r in out]), 1)
    return [row | {"fitted_exponent": round(float(slope[0]), 3)} for row in out]


CASES = [
    ("clustered", 10, 1.0),
    ("uniform", 10, 1.0),
    ("far", 10, 1.0),
    ("equal", 10, 1.0),
    ("clustered", 100, 1.0),
    ("clustered", 10_000, 1.0),
    ("clustered", 10, 0.5),
    ("clustered", 10, 0.1),
    ("clustered", 10, 0.01),
]


def main(*, quick: bool) -> None:
    """Measure the cases at 100 k and 1 M, and the growth up to 100 M; quick stays at 1 M."""
    rows: list[Row] = []
    for n in (1_000_000,) if quick else (100_000, 1_000_000, 10_000_000):
        for n_bits in (128,) if quick else (64, 128, 256) if n < 10_000_000 else (128,):
            for data, k, share in CASES:
                rows += adverse(n, n_bits, data, k, share)
                print(*(json.dumps(row) for row in rows[-3:]), sep="\n", flush=True)
    sizes = [10_000, 100_000, 1_000_000] + ([] if quick else [10_000_000, 100_000_000])
    rows += growth(64, sizes, None)
    rows += growth(128, sizes[:4], None)
    rows += growth(128, sizes[:4], 14)
    where = {"machine": machine(), "commit": commit()}
    RESULTS.write_text(json.dumps([row | where for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
