"""What results_learning.py asks of a change at a time, and of hidden pairs.

Both are measured on folds by patient of the training and validation splits; no test patient takes
part.
"""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from caselight.config import Config
from caselight.evaluation.figures import plain_interval
from caselight.metrics.significance import cluster_bootstrap
from caselight.train.collect import merged_ids
from caselight.train.pairs import Loose, Pairs
from learning_common import (
    Material,
    Values,
    best,
    folds,
    patients,
    read_material,
    recall_at_10,
    settings,
    spaces,
    train_float,
    train_hash,
)
from results_retrieval import SETS

FLOAT_TERMS: dict[str, dict[str, Any]] = {
    "as chosen": {},
    "no settling": {"train.settle_epochs": 0},
    "no image views": {"train.image_views": 0},
    "no text renderings": {"train.text_views": 0},
    "+ intra-modal, images": {"float_terms.intra_image": 0.2},
    "+ intra-modal, texts": {"float_terms.intra_text": 0.2},
    "+ margin, scaled": {"float_terms.margin": 1.0},
    "+ margin, fixed": {"float_terms.margin": 1.0, "loss.margin_max_scale": 1.0},
    "+ near-equal positives": {"loss.near_equal": True},
    "+ soft targets 0.2": {"loss.soft_targets": 0.2},
    "+ findings as positives 0.5": {"loss.findings": 0.5},
    "+ running mean 0.99": {"train.ema": 0.99},
    "hard batches": {"train.sampler": "hard"},
    "patients in turn": {"train.sampler": "patients"},
}
HASH_TERMS: dict[str, dict[str, Any]] = {
    "as chosen": {},
    "no alignment": {"hash_terms.infonce": 0.0, "hash_terms.distillation": 1.0},
    "+ distillation": {"hash_terms.distillation": 1.0},
    "+ asymmetric": {"hash_terms.asymmetric": 1.0},
    "+ margin, scaled": {"hash_terms.margin": 1.0},
    "+ margin, fixed": {"hash_terms.margin": 1.0, "loss.margin_max_scale": 1.0},
    "+ intra-modal, images": {"hash_terms.intra_image": 0.2},
    "+ intra-modal, texts": {"hash_terms.intra_text": 0.2},
    "no quantization": {"hash_terms.quantization": 0.0},
    "no bit balance": {"hash_terms.bit_balance": 0.0},
    "+ bit independence": {"hash_terms.bit_independence": 0.1},
    "straight-through": {"loss.relaxation": "straight_through"},
    "greedy hash": {"loss.relaxation": "greedy_hash", "hash_terms.greedy_penalty": 0.1},
    "tanh to 5": {"loss.sharpness_end": 5.0},
    "hash temperature 0.1": {"loss.hash_temperature": 0.1},
    "rotation learned too": {"model.rotation": True},
    "rotation alone": {
        "model.rotation": True,
        "train.hash_layers": "rotation",
        "train.hash_lr": 3e-3,
    },
    "nested": {"model.nested": True},
    "from scratch": {"train.warm_start": False, "train.hash_lr": 1e-3},
    "all the way from the start": {"train.hash_mix": 1.0},
}
HASH_SEEDS = (0, 100, 200)
"""Of every hash row in each fold: from seed to seed it moves more than most terms move it."""


def run_float_terms(name: str, n_used: int, work: Path) -> dict[str, Any]:
    """Each term of the float stages on or off, over folds of training and validation patients."""
    data = SETS[name]
    material = read_material(name, work, best(name, **{"loss.findings": 0.5}))
    found: dict[str, list[Values]] = defaultdict(list)
    owners = []
    for rows, held in folds(material, 4, splits=("train", "val"))[:n_used]:
        train, test = material.take(rows), material.take(held)
        owners.append(patients(test))
        texts = [material.texts[row] for row in rows]
        for variant, changed in FLOAT_TERMS.items():
            config = settings(data, best(name, **changed))
            heads = train_float(seen_as(train, texts, config), config)
            print(name, variant, flush=True)
            found[f"float: {variant}"].append(recall_at_10(*spaces(heads, test)["float"]))
    return _gains(found, np.concatenate(owners), n_used)


def run_hash_terms(name: str, n_used: int, work: Path) -> dict[str, Any]:
    """Each term of the hash stage on or off, over the same folds and one float model in each."""
    data = SETS[name]
    material = read_material(name, work, best(name))
    found: dict[str, list[Values]] = defaultdict(list)
    owners = []
    for rows, held in folds(material, 4, splits=("train", "val"))[:n_used]:
        train, test = material.take(rows), material.take(held)
        owners.append(patients(test))
        heads = train_float(train, settings(data, best(name)))
        for variant, changed in HASH_TERMS.items():
            recalls = defaultdict(list)
            for seed in HASH_SEEDS:
                more = {"model.bits": [64, 128], **changed}
                made = train_hash(heads, train, settings(data, best(name, **more), seed=seed))
                for width in (64, 128):
                    recalls[width].append(recall_at_10(*spaces(made, test)[f"bits_{width}"]))
            print(name, variant, flush=True)
            for width, runs in recalls.items():
                found[f"bits_{width}: {variant}"].append(np.mean(runs, axis=0))
    return _gains(found, np.concatenate(owners), n_used) | {"n_seeds": len(HASH_SEEDS)}


def _gains(found: dict[str, list[Values]], owner: Any, n_used: int) -> dict[str, Any]:
    rows = {}
    for row, runs in found.items():
        against = found[f"{row.split(':')[0]}: as chosen"]
        gain = np.concatenate(runs) - np.concatenate(against)
        interval = cluster_bootstrap(
            gain,
            owner,
            n_resamples=1000,
            rng=np.random.default_rng(0),
            statistic="mean",
            level=0.95,
        )
        rows[row] = {
            "recall_at_10": round(float(np.concatenate(runs).mean()), 4),
            "gain": plain_interval(interval),
        }
    return {"rows": rows, "n_queries": len(owner), "n_folds": n_used}


def seen_as(train: Pairs, texts: list[str], config: Config) -> Pairs:
    """The same pairs with the views and targets that these settings ask for."""
    ids = train.text_id
    if config.loss.near_equal:
        ids = merged_ids(texts, ids, train.text[0])
    return replace(
        train,
        image=train.image[: 1 + config.train.image_views],
        text=train.text[: 1 if config.train.text_views == 0 else None],
        text_id=ids,
        said=train.said if config.loss.findings else None,
    )


def run_unpaired(name: str, n_used: int, work: Path) -> dict[str, Any]:
    """Half and three quarters of the pairings hidden: what the unpaired rest still gives."""
    data = SETS[name]
    material = read_material(name, work, best("", **{"loss.findings": 0.5}))
    found: dict[str, list[Values]] = defaultdict(list)
    owners = []
    for fold, (rows, held) in enumerate(folds(material, 4, splits=("train", "val"))[:n_used]):
        test = material.take(held)
        owners.append(patients(test))
        order = np.random.default_rng(fold).permutation(rows)
        for hidden in (0.0, 0.5, 0.75):
            n_kept = round(len(order) * (1 - hidden))
            kept, rest = np.sort(order[:n_kept]), order[n_kept:]
            # Apart: which text went with which image is lost.
            texts = np.random.default_rng(fold + 1).permutation(rest)
            loose = loose_of(material, rest, texts)
            for variant, terms in UNPAIRED.items():
                if hidden == 0.0 and not variant.startswith("pairs alone"):
                    continue
                config = settings(data, best("", **{"model.bits": [128], **terms}))
                train = replace(material.take(kept, loose=loose), said=None)
                sides = spaces(train_hash(train_float(train, config), train, config), test)
                for reading in ("float", "bits_128"):
                    row = f"{round(100 * hidden)} % hidden: {variant}: {reading}"
                    found[row].append(recall_at_10(*sides[reading]))
        print(name, "unpaired: a fold done", flush=True)
    owner = np.concatenate(owners)
    out = {}
    for row, runs in found.items():
        hidden, _, reading = row.split(": ")
        values = np.concatenate(runs)
        against = np.concatenate(found[f"{hidden}: pairs alone: {reading}"])
        options: dict[str, Any] = {"n_resamples": 1000, "statistic": "mean", "level": 0.95}
        out[row] = {
            "recall_at_10": plain_interval(
                cluster_bootstrap(values, owner, rng=np.random.default_rng(0), **options)
            ),
            "gain": plain_interval(
                cluster_bootstrap(values - against, owner, rng=np.random.default_rng(0), **options)
            ),
        }
    return {"rows": out, "n_queries": len(owner), "n_folds": n_used}


INTRA = {"float_terms.intra_image": 0.2, "float_terms.intra_text": 0.2}
UNPAIRED: dict[str, dict[str, Any]] = {
    "pairs alone": {"train.unpaired": False},
    "pairs alone, intra-modal": {"train.unpaired": False, **INTRA},
    "+ the rest, intra-modal": INTRA,
    "+ the rest, by findings": {"float_terms.unpaired": 0.5},
}


def loose_of(material: Material, images: Any, texts: Any) -> Loose:
    """Images and texts whose pairing is forgotten; images keep their study's labels."""
    pairs = material.pairs
    assert pairs.said is not None
    return Loose(
        image=pairs.image[:, images],
        text=pairs.text[:, texts],
        image_said=material.label_said[images],
        text_said=pairs.said[texts],
    )
