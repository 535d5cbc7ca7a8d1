"""Time and memory of each way of training, on medpix2; kept in regimes-medpix2.json.

Each regime is `caselight train` in a process of its own, on features that the cache already holds
where it can. Few epochs: a regime's cost is told by its epoch, and the recall beside it is that of
a short training.

    python benchmarks/results_regimes.py [--work FOLDER]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from learning_common import home_of
from machine import machine

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "benchmarks/results/learning/regimes-medpix2.json"
EPOCHS = 2
PAIRS = 400
SHORT: dict[str, Any] = {
    "train.epochs": EPOCHS,
    "train.hash_epochs": EPOCHS,
    "train.text": "caption",
    "train.n_pairs": PAIRS,
}
TUNED = {**SHORT, "train.image_views": 1, "train.text_views": 3, "train.batch_size": 128}
REGIMES: dict[str, dict[str, Any]] = {
    "frozen, as by default": SHORT,
    "frozen, 4 views and 3 renderings cached": {
        **SHORT,
        "train.image_views": 4,
        "train.text_views": 3,
        "towers.image": "efficientnet-lite0-wide",
    },
    "text tower, last third": {**TUNED, "finetune.towers": "text"},
    "text tower, whole": {**TUNED, "finetune.towers": "text", "finetune.part": 1.0},
    "text tower, LoRA of rank 8": {
        **TUNED,
        "finetune.towers": "text",
        "finetune.lora_rank": 8,
        "finetune.lr": 1e-3,
    },
    "text tower, last third, bfloat16": {
        **TUNED,
        "finetune.towers": "text",
        "finetune.precision": "bfloat16",
    },
    "image tower, last third": {**TUNED, "finetune.towers": "image", "train.epochs": 1},
}


def main() -> None:
    """Run every regime once and keep what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        home = home_of("medpix2", work)
        rows = {}
        for name, changed in REGIMES.items():
            warm(home, changed)
            rows[name] = measured(home, Path(scratch) / "model", changed)
            print(name, rows[name], flush=True)
    found = {
        "about": f"medpix2, {PAIRS} pairs, `caselight train` with {EPOCHS} epochs of the float "
        f"stage (one where the image tower is trained) and {EPOCHS} of the hash stage, one run "
        "each. Cached features were there before. A batch is 256 pairs, 128 where a tower is "
        f"trained, passed in chunks of 16. {torch.get_num_threads()} of the cores took part. Peak "
        "memory is the whole process's, PyTorch included.",
        "rows": rows,
        "machine": machine(),
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def command(home: Path, out: Path, changed: dict[str, Any]) -> list[str]:
    """`caselight train` with some settings."""
    said = [f"{key}={json.dumps(value)}" for key, value in changed.items()]
    options = [part for one in said for part in ("--set", one.replace('"', ""))]
    script = Path(sys.executable).parent / "caselight"
    return [str(script), "train", "--home", str(home), "--out", str(out), *options]


def warm(home: Path, changed: dict[str, Any]) -> None:
    """Encode what the cache can hold, by a training of one epoch with frozen towers."""
    frozen = {k: v for k, v in changed.items() if not k.startswith("finetune.")}
    frozen |= {"train.epochs": 1, "train.hash_epochs": 1}
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(command(home, Path(out), frozen), check=True, capture_output=True)


def measured(home: Path, out: Path, changed: dict[str, Any]) -> dict[str, Any]:
    """One run in a process of its own."""
    with get_context("spawn").Pool(1) as pool:
        seconds, peak = pool.apply(_run, (command(home, out, changed),))
    record = json.loads((out / "run.json").read_text("utf-8"))
    epochs = [e for e in record["epochs"] if e["stage"] == "float"]
    return {
        "seconds": round(seconds, 1),
        "epoch_seconds": round(sum(e["seconds"] for e in epochs) / len(epochs), 2),
        "peak_mib": round(peak / 1024),
        "val_float": epochs[-1]["val_recall_at_10"]["float"],
    }


def _run(line: list[str]) -> tuple[float, int]:
    start = time.perf_counter()
    subprocess.run(line, check=True, capture_output=True)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


if __name__ == "__main__":
    main()
