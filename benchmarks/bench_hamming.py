"""Packed Hamming distance against counting signs, as a ratio in one run; one JSON line a size."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from caselight.codes import hamming, pack_signs
from machine import machine

RESULTS = Path(__file__).resolve().parent / "results"


def median_seconds(run: Callable[[], object], repeats: int = 7) -> float:
    """The median of several timings."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> None:
    """Measure three sizes and append them."""
    RESULTS.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for n_gallery in (1_000, 10_000, 100_000):
        signs = (2 * rng.integers(0, 2, (n_gallery, 128)) - 1).astype(np.int8)
        gallery, query = pack_signs(signs), pack_signs(signs[:1])
        packed = median_seconds(lambda q=query, g=gallery: hamming(q, g))  # type: ignore[misc]
        loop = median_seconds(lambda s=signs: (s[:1] != s).sum(axis=1))  # type: ignore[misc]
        result = {
            "bench": "hamming",
            "n_bits": 128,
            "n_gallery": n_gallery,
            "packed_ms": round(1000 * packed, 4),
            "ratio_to_counting_signs": round(loop / packed, 1),
            "machine": machine(),
        }
        print(json.dumps(result))
        with (RESULTS / "hamming.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
