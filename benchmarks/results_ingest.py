"""1,000 demo DICOM studies: how long to write, how long to ingest, and what an ingest waits for.

Each ingest is the command itself in a process of its own, held to one core and to two; three times
each, medians. The stages are timed apart, in one thread, on the same files.

    python benchmarks/results_ingest.py [--studies 1000]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom

from caselight.config import IngestSettings
from caselight.data.archive import open_archive
from caselight.data.dicom.series import expand
from caselight.data.fingerprint import difference_hash, pixel_digest
from caselight.data.pixels import read_pixels
from caselight.data.png_files import save_png, thumbnail
from machine import machine

RESULTS = Path(__file__).resolve().parent / "results" / "dicom_ingest.json"
CASELIGHT = str(Path(sys.executable).parent / "caselight")
REPEATS = 3
_PEAK = (
    "import json,resource,subprocess,sys\n"
    "done=subprocess.run(sys.argv[1:],capture_output=True,text=True,check=True)\n"
    "used=resource.getrusage(resource.RUSAGE_CHILDREN)\n"
    "print(json.dumps([done.stdout,used.ru_maxrss,used.ru_utime+used.ru_stime]))"
)


def on_cores(n_cores: int, *command: str) -> tuple[str, float, float, float]:
    """Run a command on the first cores: what it printed, seconds, peak MiB, CPU seconds."""
    cores = sorted(os.sched_getaffinity(0))[:n_cores]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, *command],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    out, peak_kib, cpu = json.loads(done.stdout)
    return out, time.perf_counter() - start, peak_kib / 1024, cpu


def ingest_on(archive: Path, work: Path, n_cores: int) -> dict[str, Any]:
    """Ingest into fresh homes and take medians."""
    runs = []
    for repeat in range(REPEATS):
        home = work / f"home-{n_cores}-{repeat}"
        out, seconds, peak, cpu = on_cores(
            n_cores, CASELIGHT, "ingest", str(archive), "--home", str(home), "--json"
        )
        receipt = json.loads(out)
        runs.append((seconds, peak, cpu, receipt))
    receipt = runs[0][3]
    seconds = statistics.median(run[0] for run in runs)
    return {
        "cores": n_cores,
        "accepted": receipt["accepted"],
        "images": receipt["images"],
        "rejected": len(receipt["rejected"]),
        "notes": receipt["notes"],
        "seconds": round(seconds, 1),
        "all_seconds": [round(run[0], 1) for run in runs],
        "cpu_seconds": round(statistics.median(run[2] for run in runs), 1),
        "studies_a_second": round(receipt["accepted"] / seconds, 1),
        "pictures_a_second": round(receipt["images"] / seconds, 1),
        "peak_mib": round(max(run[1] for run in runs), 1),
    }


def stages(archive: Path, work: Path) -> dict[str, Any]:
    """Seconds of each stage of an ingest, in one thread, and the decoding by transfer syntax."""
    settings = IngestSettings()
    spent: dict[str, float] = defaultdict(float)
    by_syntax: dict[str, list[float]] = defaultdict(list)

    def timed(stage: str, what: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        value = what()
        spent[stage] += time.perf_counter() - start
        return value

    with timed("open: headers, joins", lambda: open_archive(archive, mapping={})) as opened:
        n_pictures = 0
        for study in opened.studies():
            expanded = timed("expand: headers, order", lambda s=study: expand(s, settings))
            for image in expanded.pictures:
                n_pictures += 1
                before = spent["decode pixels"]
                pixels = timed(
                    "decode pixels",
                    lambda i=image: read_pixels(
                        i.path, max_pixels=settings.max_pixels, frame=i.frame, window=i.window
                    ),
                )
                syntax = pydicom.dcmread(image.path, stop_before_pixels=True).file_meta
                by_syntax[str(syntax.TransferSyntaxUID.name)].append(
                    spent["decode pixels"] - before
                )
                digest = timed("digest", lambda p=pixels: pixel_digest(p))
                timed("difference hash", lambda p=pixels: difference_hash(p))
                timed(
                    "write PNG",
                    lambda p=pixels, d=digest: save_png(p, work / d[:2] / f"{d}.png"),
                )
                timed(
                    "write thumbnail",
                    lambda p=pixels, d=digest: save_png(
                        thumbnail(p, settings.thumbnail_px), work / "small" / f"{d}.png"
                    ),
                )
    total = sum(spent.values())
    return {
        "n_pictures": n_pictures,
        "seconds": round(total, 2),
        "share": {
            name: round(seconds / total, 3)
            for name, seconds in sorted(spent.items(), key=lambda item: -item[1])
        },
        "decode_ms": {
            name: {"files": len(all_), "median": round(1000 * statistics.median(all_), 2)}
            for name, all_ in sorted(by_syntax.items())
        },
    }


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        archive = work / "archive"
        _, write_seconds, write_peak, _ = on_cores(
            1, CASELIGHT, "demo-archive", str(archive), "--studies", str(asked.studies)
        )
        size = sum(path.stat().st_size for path in archive.rglob("*") if path.is_file())
        result = {
            "n_studies": asked.studies,
            "write": {
                "cores": 1,
                "seconds": round(write_seconds, 1),
                "studies_a_second": round(asked.studies / write_seconds, 1),
                "peak_mib": round(write_peak, 1),
                "bytes": size,
            },
            "manifest": [ingest_on(archive, work, n_cores) for n_cores in (1, 2)],
            "folder": [ingest_on(archive / "dicom", work / "dicom", n_cores) for n_cores in (1, 2)],
            "stages": stages(archive / "dicom", work / "stages"),
            "machine": machine(),
        }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
