"""Peak memory and speed of an ingest, at 1,000 and 10,000 studies; one JSON line each.

The archive is one 256-pixel picture a study with noise of its own, so every study is different and
the archive is made in seconds.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from machine import machine

RESULTS = Path(__file__).resolve().parent / "results"
CASELIGHT = str(Path(sys.executable).parent / "caselight")


def make_archive(folder: Path, n_studies: int) -> None:
    """Write pictures and a manifest."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    base = np.linspace(0, 200, 256, dtype=np.float64)[None, :] * np.ones((256, 1))
    with (folder / "records.jsonl").open("w", encoding="utf-8") as file:
        for i in range(n_studies):
            pixels = (base + rng.integers(0, 55, (256, 256))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"images/{i}.png", compress_level=1)
            row = {
                "image": f"images/{i}.png",
                "study_id": f"s{i}",
                "patient_id": f"p{i // 2}",
                "findings": " ".join(f"word{w}" for w in rng.integers(0, 5000, 60)),
            }
            file.write(json.dumps(row) + "\n")


def main() -> None:
    """Measure both sizes and append them."""
    RESULTS.mkdir(exist_ok=True)
    for n_studies in (1_000, 10_000):
        with tempfile.TemporaryDirectory() as work:
            make_archive(Path(work) / "archive", n_studies)
            command = [CASELIGHT, "ingest", f"{work}/archive", "--home", f"{work}/home", "--json"]
            # A child of its own: the peak of a parent with two children would be the larger's.
            code = (
                "import json,resource,subprocess,sys\n"
                "done=subprocess.run(sys.argv[1:],capture_output=True,text=True,check=True)\n"
                "peak=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
                "print(json.dumps([json.loads(done.stdout),peak]))"
            )
            done = subprocess.run(
                [sys.executable, "-c", code, *command], capture_output=True, text=True, check=True
            )
        receipt, peak_kib = json.loads(done.stdout)
        result = {
            "bench": "ingest",
            "n_studies": n_studies,
            "accepted": receipt["accepted"],
            "seconds": receipt["seconds"],
            "studies_a_second": round(n_studies / receipt["seconds"], 1),
            "peak_mib": round(peak_kib / 1024, 1),
            "machine": machine(),
        }
        print(json.dumps(result))
        with (RESULTS / "ingest.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
