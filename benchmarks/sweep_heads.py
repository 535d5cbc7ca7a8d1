"""Every choice about the heads, tried on training and validation patients alone.

Four folds by patient over the train and val splits of medpix2 and ieee8023; the test split is
never read. Writes benchmarks/results/sweep.json and docs/experiments.md.

    python benchmarks/sweep_heads.py [--only NAME,...]
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caselight.config import Config
from caselight.engine import Engine, open_engine
from caselight.evaluation.gallery import Gallery, read_gallery
from caselight.evaluation.suite import gallery_features
from caselight.train.loop import EpochLog, train_heads
from caselight.train.pairs import Pairs
from machine import machine
from results_retrieval import ROOT, SETS, make_home

N_FOLDS = 4
NAMES = ("medpix2", "ieee8023")
SCRATCH = {"train.warm_start": False, "train.hash_lr": 1e-3, "train.hash_epochs": 60}
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "light dropout 0.3 and 0.1": {"model.dropout": 0.3, "model.input_dropout": 0.1},
    "input dropout 0.2": {"model.input_dropout": 0.2},
    "float temperature 0.1": {"loss.temperature": 0.1},
    "100 float epochs": {"train.epochs": 100},
    "hash heads from scratch": SCRATCH,
    "hash heads from scratch, no normalisation": {**SCRATCH, "model.normalise_bits": False},
    "hash temperature 0.1": {"loss.hash_temperature": 0.1},
    "60 hash epochs": {"train.hash_epochs": 60},
    "hash rate 1e-3": {"train.hash_lr": 1e-3},
    "no quantization, no bit balance": {
        "hash_terms.quantization": 0.0,
        "hash_terms.bit_balance": 0.0,
    },
    "sharpness to 5": {"loss.sharpness_end": 5.0},
}


def main() -> None:
    """Run the variants that are asked for, or that have no result yet, and write both files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    target = ROOT / "benchmarks/results/sweep.json"
    found: dict[str, Any] = {"machine": machine(), "n_folds": N_FOLDS, "variants": {}}
    if target.is_file():
        found = json.loads(target.read_text("utf-8"))
    only = [name for name in options.only.split(",") if name]
    with tempfile.TemporaryDirectory() as work:
        homes = {name: make_home(SETS[name], Path(work)) for name in NAMES}
        for variant, overrides in VARIANTS.items():
            if variant in found["variants"] and variant not in only:
                continue
            if only and variant not in only:
                continue
            block = {}
            for name, home in homes.items():
                start = time.perf_counter()
                block[name] = run_variant(name, home, overrides, Path(work))
                block[name]["seconds"] = round(time.perf_counter() - start, 1)
            found["variants"][variant] = {"settings": overrides, "sets": block}
            print(variant, json.dumps(block), flush=True)
            target.parent.mkdir(exist_ok=True)
            target.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    table = page(found)
    doc = ROOT / "docs/experiments.md"
    before, _, rest = doc.read_text("utf-8").partition("<!-- sweep -->")
    _, _, after = rest.partition("<!-- /sweep -->")
    doc.write_text(f"{before}<!-- sweep -->\n{table}<!-- /sweep -->{after}", "utf-8")


def run_variant(name: str, home: Path, overrides: dict[str, Any], work: Path) -> dict[str, Any]:
    """Mean strict Recall@10 over folds and directions, a reading each."""
    data = SETS[name]
    values: dict[str, dict[str, Any]] = {
        "train": {"text": data.text, "filters": data.filters},
        "model": {"bits": [64, 128]},
        "loss": {},
    }
    for key, value in overrides.items():
        section, field = key.split(".")
        values[section][field] = value
    config = Config.from_mapping(values)
    scores: dict[str, list[float]] = {}
    with open_engine(
        home, config=config, device=torch.device("cpu"), progress=lambda *_: None
    ) as engine:
        for train_rows, val_rows, gallery in folds(engine, config):
            last: dict[str, float] = {}

            def keep(log: EpochLog, last: dict[str, float] = last) -> None:
                last.update(log.val_recall_at_10)

            train_heads(
                pairs(engine, gallery, train_rows),
                pairs(engine, gallery, val_rows),
                config=config,
                device=engine.device,
                partial=work / "unfinished",
                identity=os.urandom(8).hex(),
                on_epoch=keep,
            )
            for reading, value in last.items():
                scores.setdefault(reading, []).append(value)
    return {
        reading: {"mean": round(float(np.mean(v)), 4), "folds": [round(x, 4) for x in v]}
        for reading, v in scores.items()
    }


def folds(engine: Engine, config: Config) -> Any:
    """(training rows, held-out rows, gallery): patients in a fixed random order, dealt out."""
    entries = []
    for split in ("train", "val"):
        part = read_gallery(
            engine.store,
            split=split,
            text=config.train.text,
            filters=config.train.filters,
            pool=engine.towers.stack_pool,
        )
        entries += [part.entries[i] for i in part.with_text]
    gallery = Gallery(tuple(entries))
    patients = gallery.patient_ids
    order = np.random.default_rng(0).permutation(int(patients.max()) + 1)
    for fold in range(N_FOLDS):
        held_out = np.isin(patients, order[fold::N_FOLDS])
        yield np.flatnonzero(~held_out), np.flatnonzero(held_out), gallery


def pairs(engine: Engine, gallery: Gallery, rows: Any) -> Pairs:
    """Rows of a gallery as training pairs."""
    features = gallery_features(engine, gallery)
    return Pairs(
        image=features.image[rows], text=features.text[rows], text_id=gallery.text_ids[rows]
    )


def page(found: dict[str, Any]) -> str:
    """The table of everything tried."""
    lines = [
        "",
        f"Strict Recall@10 in per cent, both directions averaged, mean of {found['n_folds']} folds "
        "by patient over the train and val splits (the galleries of these folds are larger than "
        "the test splits, so the numbers are lower). Seed 0. The folds of one set differ by 2 to "
        "4 points, so differences below one point are noise.",
        "",
        "| variant | medpix2 float | 64 bits | 128 bits | ieee8023 float | 64 bits | 128 bits |",
        "|---|---|---|---|---|---|---|",
    ]
    for variant, block in found["variants"].items():
        cells = [
            f"{100 * block['sets'][name][reading]['mean']:.1f}"
            for name in NAMES
            for reading in ("float", "bits_64", "bits_128")
        ]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
