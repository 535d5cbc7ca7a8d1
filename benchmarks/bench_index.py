"""Search of binary codes against other libraries, one thread each, taking turns in one run."""

import argparse
import ctypes
import itertools
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from caselight.index import kernel
from index_methods import FLAT, METHODS, Method, Search
from machine import machine

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "index.json"
CASE = ("n", "n_bits", "data", "k", "method")
N_BATCH = 128
BATCH = f", batch of {N_BATCH}"
READ = "plain read of the codes"
Bytes = NDArray[np.uint8]
Row = dict[str, Any]


def flipped(rng: np.random.Generator, codes: Bytes) -> Bytes:
    """The codes with 6.25 % of their bits flipped, a part at a time."""
    out = np.empty_like(codes)
    for start in range(0, len(codes), 1 << 18):
        part = codes[start : start + (1 << 18)]
        chance = rng.integers(0, 256, (4, *part.shape), dtype=np.uint8)
        out[start : start + len(part)] = part ^ np.bitwise_and.reduce(chance)
    return out


def make(n: int, n_bits: int, data: str) -> tuple[Bytes, Bytes]:
    """Codes and queries: n/50 centres and members near to them, or all at random."""
    rng, n_bytes = np.random.default_rng(n_bits), n_bits // 8
    if data == "uniform":
        both = rng.integers(0, 256, (n + N_BATCH, n_bytes), dtype=np.uint8)
        return both[:n], both[n:]
    centres = rng.integers(0, 256, (n // 50, n_bytes), dtype=np.uint8)
    codes = flipped(rng, centres[rng.integers(0, len(centres), n)])
    return codes, flipped(rng, codes[rng.integers(0, n, N_BATCH)])


def reader() -> Callable[[Bytes], None] | None:
    """What reads a buffer as fast as memory goes; None where there is no compiler."""
    library = Path(tempfile.mkdtemp()) / "read_memory.so"
    command = ["cc", "-O3", "-march=native", "-shared", "-fPIC", HERE / "read_memory.c"]
    try:
        subprocess.run([*command, "-o", library], check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    read = ctypes.CDLL(str(library)).read_memory
    read.restype = ctypes.c_uint64
    return lambda codes: read(ctypes.c_void_p(codes.ctypes.data), ctypes.c_size_t(codes.nbytes))


def settle() -> None:
    """Have the allocator sort what was freed: after faiss's hash maps the next malloc takes 3 ms.

    It would be charged to whoever comes next; here it is charged to nobody.
    """
    quick = 0
    for size in range(2_000, 102_000, 1_000):
        start = time.perf_counter()
        np.empty(size, dtype=np.uint8)
        quick = quick + 1 if time.perf_counter() - start < 2e-5 else 0
        if quick == 3:
            return


def medians(runs: dict[str, list[Callable[[], Any]]], repeats: int) -> dict[str, float]:
    """Milliseconds of each, a median over its runs; all take turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats * max(map(len, runs.values()))):
        for name, own in runs.items():
            run = own[turn % len(own)]
            start = time.perf_counter()
            run()
            times[name].append(1000 * (time.perf_counter() - start))
            settle()
    return {name: float(np.median(took)) for name, took in times.items()}


def asking(search: Search, queries: list[Bytes], k: int) -> list[Callable[[], Any]]:
    """One run for each of the queries, or batches of them."""
    return [partial(search, asked, k) for asked in queries]


def recall(found: NDArray[np.int32], truth: NDArray[np.int32]) -> float:
    """The share of hits that are no further than the true k-th: ties have no order."""
    return float((found <= truth[:, -1:]).mean())


def measure(
    n: int, n_bits: int, data: str, ks: tuple[int, ...], *, singles: int, methods: list[Method]
) -> list[Row]:
    """The methods on one set of codes."""
    codes, queries = make(n, n_bits, data)
    read = reader()
    built: dict[str, tuple[Search, int, float]] = {}
    for method in methods:
        start = time.perf_counter()
        search, size = method.build(codes)
        built[method.name] = search, size, time.perf_counter() - start
    one = [queries[i : i + 1] for i in range(singles)]
    batched = [method.name for method in methods if method.in_batches]
    rows = []
    for k in ks:
        truth = built[FLAT][0](queries, k)
        runs = {name: asking(built[name][0], one, k) for name in built}
        if read is not None:
            runs[READ] = [partial(read, codes)]
        took = medians(runs, repeats=3)
        groups = {name + BATCH: asking(built[name][0], [queries], k) for name in batched}
        took |= {name: ms / N_BATCH for name, ms in medians(groups, repeats=5).items()}
        for name, ms in took.items():
            plain = name.removesuffix(BATCH)
            search, size, build_s = built.get(plain, (None, codes.nbytes, 0.0))
            flat = took[FLAT + BATCH * (name != plain)]
            row = {"n": n, "n_bits": n_bits, "data": data, "k": k, "method": name}
            row |= {"ms_per_query": round(ms, 5), "bytes": size, "build_s": round(build_s, 4)}
            if search is not None:
                row["recall"] = round(recall(search(queries, k), truth), 4)
                row["ratio_to_faiss_flat"] = round(flat / ms, 2)
            if READ in took and name != READ:
                row["ratio_to_plain_read"] = round(took[READ] / ms, 3)
            rows.append(row)
    return rows


def chosen(n: int, named: list[str] | None, slow: bool) -> list[Method]:
    """What is measured with n codes: what is named, and the flat scan that ratios are taken to."""
    if named:
        return [x for x in METHODS if x.name == FLAT or any(part in x.name for part in named)]
    return [x for x in METHODS if n <= x.at_most and (slow or not x.builds_slowly)]


def show(row: Row) -> None:
    """One line a row."""
    ratio = row.get("ratio_to_faiss_flat", "")
    case = f"{row['n']:>10,} {row['n_bits']:>4} {row['data']:9} {row['k']:>4} {row['method']:40}"
    print(f"{case} {row['ms_per_query']:10.4f} ms {ratio:>6}", flush=True)


def main() -> None:
    """Measure, and put the new rows in the place of the old ones of the same case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a million codes, under a minute")
    parser.add_argument("--n", type=int, nargs="+", default=(100_000, 1_000_000, 10_000_000))
    parser.add_argument("--bits", type=int, nargs="+", default=(64, 128, 256))
    parser.add_argument("--data", nargs="+", default=("clustered", "uniform"))
    parser.add_argument("--no-slow", action="store_true", help="leave out what builds slowly")
    parser.add_argument(
        "--methods", nargs="+", help="only those whose name has one of these; of any size"
    )
    asked = parser.parse_args()
    quick = asked.quick
    faiss.omp_set_num_threads(1)
    sizes, ks = ((1_000_000,), (10,)) if quick else (asked.n, (10, 100))
    singles, slow = 8 if quick else 24, not quick and not asked.no_slow
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True
    ).stdout.strip()
    where = {"machine": machine() | {"kernel": kernel.describe()}, "commit": commit}
    for n, n_bits, data in itertools.product(sizes, asked.bits, asked.data):
        methods = chosen(n, asked.methods, slow)
        measured = measure(n, n_bits, data, ks, singles=singles, methods=methods)
        new = [row | where for row in measured]
        for row in new:
            show(row)
        known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else []
        cases = {tuple(row[key] for key in CASE): row for row in [*known, *new]}
        RESULTS.write_text(json.dumps(list(cases.values()), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
