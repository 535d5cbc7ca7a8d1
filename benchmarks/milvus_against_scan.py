"""The same queries asked of Milvus and of our scan in one run: milliseconds, and whether equal.

Needs pymilvus 3, and milvus-lite 2.5.1 with setuptools before 81; or the address of a server in
`--uri`. Writes benchmarks/results/milvus.json.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from caselight.index.flat import FlatIndex
from caselight.index.milvus import MilvusIndex
from caselight.types import Codes
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "milvus.json"
N, N_BITS, K, N_QUERIES = 100_000, 128, 10, 50
N_CLUSTERS, FLIPPED = 1000, 0.1


def drawn(rng: np.random.Generator, n: int) -> Codes:
    """Clustered codes: those of a thousand centres, a tenth of all bits turned."""
    centres = np.random.default_rng(1).integers(0, 2, (N_CLUSTERS, N_BITS), dtype=np.uint8)
    signs = centres[rng.integers(0, N_CLUSTERS, n)] ^ (rng.random((n, N_BITS)) < FLIPPED)
    return Codes(packed=np.packbits(signs, axis=1), n_bits=N_BITS)


def asked(index: Any, queries: Codes, allowed: Any) -> tuple[list[list[Any]], float]:
    """Answers to one query after the other, and the median milliseconds."""
    answers, took = [], []
    for one in queries.packed:
        start = time.perf_counter()
        found = index.search(Codes(packed=one[None], n_bits=N_BITS), k=K, allowed=allowed)
        took.append(time.perf_counter() - start)
        answers.append([found.rows.tolist(), found.distance.tolist()])
    return answers, float(np.median(took)) * 1000


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri", help="http://HOST:PORT; a milvus-lite file if not given")
    uri = parser.parse_args().uri
    theirs = "milvus server" if uri else "milvus-lite"
    rng = np.random.default_rng(0)
    codes, queries = drawn(rng, N), drawn(rng, N_QUERIES)
    with tempfile.TemporaryDirectory() as folder:
        indexes = {
            "caselight scan": FlatIndex(N_BITS),
            "milvus": MilvusIndex(
                N_BITS,
                uri=uri or str(Path(folder) / "codes.db"),
                collection=f"measured_{time.time_ns()}",
            ),
        }
        build_s = {}
        for name, index in indexes.items():
            start = time.perf_counter()
            index.add(np.arange(N), codes)
            build_s[name] = time.perf_counter() - start
        rows = []
        for share in (None, 0.01):
            allowed = None if share is None else rng.random(N) < share
            found = {}
            for name, index in indexes.items():
                asked(index, Codes(packed=queries.packed[:3], n_bits=N_BITS), allowed)
                found[name] = asked(index, queries, allowed)
            truth, ours_ms = found["caselight scan"]
            for name, (answers, ms) in found.items():
                rows.append(
                    {
                        "method": theirs if name == "milvus" else f"{name}, beside {theirs}",
                        "n": N,
                        "n_bits": N_BITS,
                        "data": "clustered",
                        "k": K,
                        "allowed": share or 1.0,
                        "ms_per_query": round(ms, 3),
                        "ratio_to_our_scan": round(ms / ours_ms, 1),
                        "build_s": round(build_s[name], 2),
                        "equal_answers": answers == truth,
                        "machine": machine(),
                        "commit": commit(),
                    }
                )
        indexes["milvus"].close()
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else []
    fresh = {row["method"] for row in rows}
    for row in rows:
        print(json.dumps(row))
    RESULTS.write_text(
        json.dumps([r for r in kept if r["method"] not in fresh] + rows, indent=1) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main()
