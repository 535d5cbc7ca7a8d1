"""Write docs/results/real-run.md: the main job on real data, as a user would type it.

Runs the commands in subprocesses on the sets `medpix2` and `ieee8023` of CASELIGHT_DATA and keeps
ranks, ids and distances; no text and no picture of those sets is written down.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine

ROOT = Path(__file__).resolve().parent.parent
CASELIGHT = str(Path(sys.executable).parent / "caselight")
SETS = ("medpix2", "ieee8023")
QUERIES = (
    ("bilateral ground-glass opacities in COVID-19 pneumonia", ("--filter", "modality=X-ray")),
    ("ring-enhancing lesion in the left frontal lobe", ()),
    ("ruptured abdominal aortic aneurysm with retroperitoneal haematoma", ()),
    ("small bowel obstruction, dilated loops with a transition point", ("--target", "image")),
    ("T2 hyperintense mass in the cerebellopontine angle", ("--target", "report")),
    ("renal calculus with hydronephrosis", ("--filter", "sex=F")),
)


def main() -> None:
    """Run, time, write."""
    data = Path(os.environ["CASELIGHT_DATA"])
    lines = [
        "# The main job on real data",
        "",
        "Written by `make results` (benchmarks/results_real_run.py); do not edit. Texts and "
        "pictures of the sets are left out: many state no licence.",
        "",
        f"Machine: {machine()['processor']}, {machine()['cores']} cores.",
        "",
    ]
    with tempfile.TemporaryDirectory() as work:
        home = Path(work) / "home"
        for name in SETS:
            receipt = run("ingest", str(data / name), "--home", str(home), "--json")
            lines += [
                f"`caselight ingest {name} --home home --json`: {receipt['accepted']} studies "
                f"accepted, {len(receipt['rejected'])} refused, {receipt['images']} images, "
                f"{receipt['images_without_text']} of them without a text, {receipt['seconds']} s.",
                "",
            ]
        seconds = timed("train", "--home", str(home))
        record = json.loads((home / "trained/run.json").read_text("utf-8"))
        lines += [
            f"`caselight train --home home`: {record['n_pairs']} training pairs, {seconds:.0f} s "
            "in all, features included.",
            "",
        ]
        seconds = timed("index", "build", "--home", str(home))
        lines += [f"`caselight index build --home home`: {seconds:.0f} s.", ""]
        for words, options in QUERIES:
            answer = run("search", words, "--home", str(home), "-k", "5", "--json", *options)
            lines += transcript(words, options, answer)
        test_image = next(
            data / "medpix2" / row["image"]
            for row in map(json.loads, (data / "medpix2/records.jsonl").open(encoding="utf-8"))
            if row["split"] == "test"
        )
        options = ("--image", f"medpix2/images/{test_image.name}", "--target", "report")
        answer = run(
            "search", "--image", str(test_image), "--target", "report", "--home", str(home),
            "-k", "5", "--json",
        )  # fmt: skip
        lines += transcript(None, options, answer)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    lines += [f"Peak memory of any of these commands: {peak:.0f} MiB.", ""]
    (ROOT / "docs/results/real-run.md").write_text("\n".join(lines), "utf-8")


def transcript(words: str | None, options: tuple[str, ...], answer: dict[str, Any]) -> list[str]:
    """One search as a table of ids and numbers."""
    said = " ".join(options)
    command = f'caselight search "{words}"' if words else "caselight search"
    lines = [
        f"`{command} {said}".rstrip() + " --home home -k 5`:",
        "",
        "| rank | study | image | bits differ (of 128) | score | matched |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {hit['rank']} | {hit['study']} | {Path(hit['image'] or '-').name} | {hit['hamming']} "
        f"| {hit['score']:.3f} | {hit['matched']} |"
        for hit in answer["hits"]
    ]
    cost = answer["cost"]
    lines += [
        "",
        f"{cost['n_compared']} codes compared, {cost['latency_ms']:.0f} ms"
        + "".join(f"; {note}" for note in answer["notes"])
        + ".",
        "",
    ]
    return lines


def run(*arguments: str) -> Any:
    """One command's JSON."""
    done = subprocess.run([CASELIGHT, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def timed(*arguments: str) -> float:
    """One command's seconds."""
    start = time.perf_counter()
    subprocess.run([CASELIGHT, *arguments], capture_output=True, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
