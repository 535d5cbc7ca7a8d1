"""Measure the ways of asking and write benchmarks/results/asking.json.

    python benchmarks/results_asking.py [hybrid] [composed] [phantoms] [--studies 2000]

Without names all three parts run; each writes its own key and keeps the others'. Everything that is
chosen (weights) is chosen on validation data. `hybrid` reads the data sets in CASELIGHT_DATA.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from asking_common import N_BITS, N_RESAMPLES
from asking_composed import composed
from asking_findings import by_finding
from asking_hybrid import hybrid
from machine import machine

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("hybrid", "composed", "phantoms")


def main() -> None:
    """Run the parts that are named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--studies", type=int, default=2000, help="phantoms that are searched")
    parser.add_argument("--train-studies", type=int, default=1500, help="phantoms to learn from")
    parser.add_argument("--seeds", default="0,1,2", help="of the trainings on real data")
    parser.add_argument("--split", default="test", choices=["val", "test"])
    parser.add_argument("--work", type=Path, help="keep homes and models here, and use them again")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/asking.json")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    if options.out.is_file():
        results = json.loads(options.out.read_text("utf-8"))
    results |= {"machine": machine(), "n_bits": N_BITS, "n_resamples": N_RESAMPLES}
    seeds = [int(seed) for seed in options.seeds.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        for part in options.parts or PARTS:
            start = time.perf_counter()
            if part == "hybrid":
                found: Any = hybrid(work, seeds=seeds, split=options.split)
            else:
                run = composed if part == "composed" else by_finding
                found = run(work, n_train=options.train_studies, n_studies=options.studies)
            seconds = round(time.perf_counter() - start, 1)
            results[part] = {"seconds": seconds, "results": found}
            print(f"{part}: {seconds} s", flush=True)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
