"""The two commands of the README, timed on a clean clone; appends one JSON line.

Not named bench_*: it takes minutes and needs a package index, so `make bench` leaves it out.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from machine import machine

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Clone, set up, run, test."""
    result: dict[str, object] = {"bench": "trial"}
    environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    with tempfile.TemporaryDirectory() as work:
        clone = Path(work) / "caselight"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        for target in ("setup", "run", "test"):
            start = time.perf_counter()
            done = subprocess.run(
                ["make", target],
                cwd=clone,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            result[f"{target}_seconds"] = round(time.perf_counter() - start, 1)
            print(done.stdout[-3000:], flush=True)
            if done.returncode:
                print(done.stdout[-8000:], done.stderr[-3000:])
                raise SystemExit(f"make {target} failed with {done.returncode}")
    result["machine"] = machine()
    print(json.dumps(result))
    with (ROOT / "benchmarks/results/trial.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
