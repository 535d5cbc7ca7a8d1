"""A home encoded by one process and by Ray on this machine: seconds, and whether the bits agree.

With as many threads as PyTorch takes by itself, and with one; Ray then has as many workers as fit.

Needs `pip install caselight[scale]`. Writes benchmarks/results/encode_on_ray.json.
"""

import json
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from caselight import Home
from caselight.config import Config
from caselight.data.phantoms.archive import write_archive
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "encode_on_ray.json"
N_STUDIES = 150
EPOCHS = ("epochs", "hash_epochs", "settle_epochs")


def built(folder: Path, *, ray: str | None) -> dict[str, Any]:
    """Build the index without any features, and say how long it took."""
    (folder / "features.sqlite").unlink()
    start = time.perf_counter()
    moments: dict[str, list[tuple[float, int]]] = {}

    def progress(what: str, n_done: int, _: int) -> None:
        moments.setdefault(what, []).append((time.perf_counter(), n_done))

    with Home(folder, progress=progress) as home:
        digest = home.build_index(fresh=True, ray=ray).manifest.digest
    seconds = time.perf_counter() - start
    first, *rest = moments["encoding pictures"]
    with closing(sqlite3.connect(folder / "features.sqlite")) as db:
        features = db.execute("SELECT * FROM features ORDER BY tower, key").fetchall()
    return {
        "seconds": round(seconds, 1),
        "until_first_batch_s": round(first[0] - start, 1),
        "pictures_a_second_then": round(sum(n for _, n in rest) / (rest[-1][0] - first[0]), 1),
        "digest": digest,
        "features": features,
    }


def main() -> None:
    """Measure and write."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        archive, place = Path(folder) / "archive", Path(folder) / "home"
        write_archive(archive, n_studies=N_STUDIES, seed=0)
        config = Config.from_mapping({"train": dict.fromkeys(EPOCHS, 1)})
        with Home(place, config=config) as home:
            home.ingest(archive)
            home.train()
        for n_threads in sorted({torch.get_num_threads(), 1}):
            torch.set_num_threads(n_threads)
            here, ray = built(place, ray=None), built(place, ray="local")
            rows.append(
                {
                    "n_studies": N_STUDIES,
                    "n_features": len(here["features"]),
                    "threads": n_threads,
                    "equal_features": here.pop("features") == ray.pop("features"),
                    "equal_index": here.pop("digest") == ray.pop("digest"),
                    "here": here,
                    "ray": ray,
                    "machine": machine(),
                    "commit": commit(),
                }
            )
            print(json.dumps(rows[-1], indent=1), flush=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
