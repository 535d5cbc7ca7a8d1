"""Search of float embeddings: rescored binary shortlists against faiss, one thread each."""

import os

# Before NumPy reads it: a product of a shortlist and a query must not take a second core.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import gc
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from bench_index import medians
from caselight.codes import hamming
from caselight.data.store import open_store
from caselight.index import kernel
from caselight.index.manifest import IMAGE, current_folder, open_index, read_snapshot
from caselight.models.itq import fit_itq
from caselight.ranking import rescore
from caselight.recording import Recorder
from float_data import SPREADS, Data, make
from float_methods import FAMILIES, FLAT, SEAL, SHORTLISTS, Search, Way, asked_of, hashed
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "float.json"
CASE = ("n", "dim", "data", "method")
K = 10
MB = 1_000_000
Row = dict[str, Any]


def recall_at_10(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """The share of the ten truly nearest that were found, mean over the queries."""
    return float((found[:, :, None] == truth[:, None, :K]).any(axis=1).mean())


def build_all(data: Data) -> list[tuple[Way, float]]:
    """Everything that is measured at this size, and the seconds that building it took."""
    out = []
    for family in FAMILIES:
        if len(data.vectors) <= family.at_most:
            start = time.perf_counter()
            ways = list(family.build(data))
            took = time.perf_counter() - start
            out += [(way, took) for way in ways]
            print(f"{took:8.1f} s to build {ways[0].name}", flush=True)
    return out


def measure(n: int, dim: int, kind: str, *, n_queries: int, n_timed: int) -> list[Row]:
    """Every method on one set of made vectors."""
    with tempfile.TemporaryDirectory() as name:
        data = make(n, dim, SPREADS[kind], n_queries=n_queries, folder=Path(name))
        built = build_all(data)
        truth = next(way.search for way, _ in built if way.name == FLAT)(data.queries, K)
        runs = {way.name: asking(way.search, data.queries[:n_timed]) for way, _ in built}
        took = medians(runs, repeats=2)
        rows: dict[str, Row] = {}
        for way, build_s in built:
            row = {"n": n, "dim": dim, "data": kind, "method": way.name}
            row["recall_at_10"] = round(recall_at_10(way.search(data.queries, K), truth), 4)
            row["ms_per_query"] = round(took[way.name], 4)
            row["mb"] = round(way.n_bytes / MB, 1)
            row["mb_in_memory"] = round(way.n_bytes_in_memory / MB, 1)
            row["build_s"] = round(build_s, 2)
            rows[way.name] = row
            show(row)
        del built, runs, way
        for method, ms in first_from_disk(data).items():
            rows[method]["ms_first_from_disk"] = round(ms, 3)
            print(f"{ms:8.2f} ms for a first query from disk, {method}", flush=True)
    return list(rows.values())


def asking(search: Search, queries: NDArray[np.float32]) -> list[Callable[[], Any]]:
    """One run for each query."""
    return [partial(search, queries[i : i + 1], K) for i in range(len(queries))]


def first_from_disk(data: Data) -> dict[str, float]:
    """Milliseconds of the first query to an index of which no page of embeddings is in memory."""
    n_bits, out = 128, {}
    made, _ = hashed(data, n_bits, 30)
    folder = data.folder / f"index-{n_bits}"
    for count in SHORTLISTS:
        took = []
        for query in data.queries[:5]:
            gc.collect()  # what is mapped stays
            for path in folder.glob("segment-*"):
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            snapshot = read_snapshot(folder, seal=SEAL.verifier)[1]
            snapshot.search(made.encode(query[None]), k=1)  # opens the tables
            start = time.perf_counter()
            asked_of(snapshot, made, snapshot.vectors, count, query[None], K)
            took.append(1000 * (time.perf_counter() - start))
            del snapshot
        out[f"index on disk, {n_bits} bit, {count} rescored"] = float(np.median(took))
    return out


def of_a_home(home: Path) -> list[Row]:
    """Recall on what a trained model made: a home's pictures asked for its reports, and back.

    Codes and embeddings are those of the home's index, and the truth is exact over these.
    """
    seal = Recorder(open_store(home), actor="benchmark").verifier
    index = open_index(current_folder(home), seal=seal)
    items, images = index.items, index.rows.kind == IMAGE
    vectors, rng = items.vectors(np.arange(len(items))), np.random.default_rng(0)
    rows = []
    for said, asks, allowed in (
        ("pictures to reports", images, ~images),
        ("reports to pictures", ~images, images),
    ):
        places = np.flatnonzero(asks)
        places = np.sort(rng.choice(places, min(len(places), 500), replace=False))
        theirs = np.flatnonzero(allowed)
        scores = vectors[places] @ vectors[theirs].T
        truth = theirs[np.argsort(-scores, axis=1, kind="stable")[:, :K]]
        # ITQ has no more bits than an embedding has numbers.
        n_bits = min(items.n_bits, items.dim)
        made = fit_itq(vectors, n_bits, n_iterations=50, rng=rng)
        far = hamming(made.encode(vectors[places]), made.encode(vectors[theirs]))
        by_itq = theirs[np.argsort(far, axis=1, kind="stable")]
        for count in SHORTLISTS:
            learned = items.search(items.take(places), k=count, allowed=allowed).rows
            lists = {f"learned {items.n_bits} bit": learned, f"ITQ {n_bits} bit": by_itq[:, :count]}
            for name, near in lists.items():
                found = [
                    rescore(vectors[place], vectors[own], own)[0][:K]
                    for place, own in zip(places, near, strict=True)
                ]
                row: Row = {"n": len(theirs), "dim": items.dim, "data": said}
                row |= {"n_queries": len(places), "method": f"{name}, {count} rescored"}
                row["recall_at_10"] = round(recall_at_10(np.stack(found), truth), 4)
                rows.append(row)
                print(row, flush=True)
    return rows


def show(row: Row) -> None:
    """One line a row."""
    print(
        f"{row['n']:>9,} {row['data']:5} {row['method']:58} {row['recall_at_10']:.3f} "
        f"{row['ms_per_query']:9.3f} ms {row['mb']:7.0f} MB {row['mb_in_memory']:7.0f} in memory "
        f"{row['build_s']:7.1f} s",
        flush=True,
    )


def main() -> None:
    """Measure, and put the new rows in the place of the old ones of the same case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, nargs="*", default=(377_000,))
    parser.add_argument("--data", nargs="+", choices=tuple(SPREADS), default=tuple(SPREADS))
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--timed", type=int, default=60)
    parser.add_argument("--home", type=Path, help="a home with an index: its recall, too")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    faiss.omp_set_num_threads(1)
    where = {"machine": machine() | {"kernel": kernel.describe(), "faiss": faiss.__version__}}
    where["commit"] = commit()
    if asked.home is not None:
        keep([row | where for row in of_a_home(asked.home)], asked.out)
    for n, kind in itertools.product(asked.n, asked.data):
        found = measure(n, asked.dim, kind, n_queries=asked.queries, n_timed=asked.timed)
        keep([row | where for row in found], asked.out)


def keep(rows: list[Row], path: Path) -> None:
    """Put rows in the place of the old ones of the same case."""
    known = json.loads(path.read_text("utf-8")) if path.is_file() else []
    cases = {tuple(row[key] for key in CASE): row for row in [*known, *rows]}
    path.write_text(json.dumps(list(cases.values()), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
