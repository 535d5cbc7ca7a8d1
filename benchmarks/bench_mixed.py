"""A living index under mixed load: 90 % search, 9 % add, 1 % delete on a million codes.

Every tenth answer is held against a reference that was kept beside it, the slow way. Writes
benchmarks/results/index_mixed.json. `--quick`: a tenth of the codes, for five seconds.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from caselight.audit.notes import Signer
from caselight.index.writer import IndexWriter, create_index
from caselight.types import Codes
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "index_mixed.json"
N_BITS, DIM, K = 128, 8, 10


class Reference:
    """What the index must hold: room for all that will come, and which of it is there."""

    def __init__(self, n: int) -> None:
        self.words = np.zeros((n, N_BITS // 64), dtype=np.uint64)
        self.there = np.zeros(n, dtype=np.bool_)

    def add(self, rows: np.ndarray, packed: np.ndarray) -> None:
        """Put codes where their rows are."""
        self.words[rows] = packed.view(np.uint64)
        self.there[rows] = True

    def nearest(self, query: np.ndarray) -> np.ndarray:
        """The distances of the k nearest."""
        rows = np.flatnonzero(self.there)
        differ = np.bitwise_count(self.words[rows] ^ query.view(np.uint64)).sum(axis=1)
        return np.sort(differ)[:K]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    n, seconds = (100_000, 5.0) if quick else (1_000_000, 60.0)
    rng = np.random.default_rng(0)
    seal = Signer(name="bench", key=Ed25519PrivateKey.generate())
    took: dict[str, list[float]] = {"search": [], "add": [], "delete": [], "search_while": []}
    checked = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        create_index(index, model="b" * 64, n_bits=N_BITS, dim=DIM, seal=seal)
        reference = Reference(2 * n)
        with IndexWriter(index, seal=seal) as writer:

            def add(packed: np.ndarray) -> None:
                size = len(packed)
                rows = writer.change(
                    kind=np.zeros(size, dtype=np.uint8),
                    study=np.arange(size),
                    position=np.zeros(size, dtype=np.int64),
                    packed=packed,
                    embeddings=np.ones((size, DIM), dtype=np.float32),
                )
                reference.add(rows, packed)

            centres = rng.integers(0, 256, (n // 50, N_BITS // 8), dtype=np.uint8)

            def near(size: int) -> np.ndarray:
                flips = np.bitwise_and.reduce(
                    rng.integers(0, 256, (4, size, N_BITS // 8), dtype=np.uint8)
                )
                return centres[rng.integers(0, len(centres), size)] ^ flips

            begin = time.perf_counter()
            for _ in range(0, n, 100_000):
                add(near(100_000))
            writer.compact()
            build_s = time.perf_counter() - begin
            end = time.perf_counter() + seconds
            compactions = 0
            while time.perf_counter() < end:
                what = rng.choice(("search", "add", "delete"), p=(0.90, 0.09, 0.01))
                start = time.perf_counter()
                if what == "search":
                    query = near(1)
                    busy = writer.compacting
                    start = time.perf_counter()
                    found = writer.snapshot.search(Codes(packed=query, n_bits=N_BITS), k=K)
                    spent = time.perf_counter() - start
                    took["search_while" if busy else "search"].append(spent)
                    if len(took["search"]) % 10 == 0:
                        checked += 1
                        wrong += not np.array_equal(found.distance[0], reference.nearest(query[0]))
                    continue
                if what == "add":
                    add(near(4))
                else:
                    gone = rng.choice(np.flatnonzero(reference.there), 1)
                    start = time.perf_counter()
                    writer.change(remove=gone)
                    reference.there[gone] = False
                took[what].append(time.perf_counter() - start)
                if sum(len(part.slots) for part in writer.snapshot.parts if not part.kept) > 3_000:
                    writer.compact_in_background()
                    compactions += 1
            n_end = len(writer.snapshot)
            assert n_end == int(reference.there.sum())
    result = {
        "n": n,
        "n_bits": N_BITS,
        "k": K,
        "seconds": seconds,
        "build_s": round(build_s, 2),
        "n_end": n_end,
        "operations": sum(map(len, took.values())),
        "compactions": compactions,
        "checked": checked,
        "wrong": wrong,
        **{
            what: {
                "n": len(times),
                "p50_ms": round(float(np.percentile(times, 50)) * 1000, 3),
                "p99_ms": round(float(np.percentile(times, 99)) * 1000, 3),
            }
            for what, times in took.items()
            if times
        },
        "machine": machine(),
        "commit": commit(),
    }
    print(json.dumps(result, indent=1))
    if not quick:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
