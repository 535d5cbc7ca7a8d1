"""Measure what is learned, and by which term; one JSON a part under benchmarks/results/learning.

    python benchmarks/results_learning.py PART [--sets ...] [--seeds ...] [--work FOLDER]

Parts: `choose` (the length of two stages by folds of training and validation patients; the other
parts take what it found), `main` (test splits, beside the baselines and published objectives),
`folds` (the same settings over patient folds of all splits, to resolve more), `float_terms` and
`hash_terms` (every term switched on or off, on folds of training and validation patients),
`unpaired` (pairings hidden).
What an encoder hears, and adapting, are measured by results_adapt.py, time and memory by
results_regimes.py; `learning_page.py` writes docs/results/learning.md from all.
Reads the folder of data sets named by CASELIGHT_DATA.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import learning_terms
from caselight.config import Config
from caselight.evaluation.figures import plain_interval
from caselight.metrics.significance import cluster_bootstrap, paired_ratio
from caselight.models.cca import fit_cca
from caselight.models.itq import fit_itq
from caselight.train.pairs import Pairs
from learning_common import (
    BITS,
    OUT,
    QUICK,
    Values,
    best,
    folds,
    patients,
    read_material,
    recall_at_10,
    settings,
    settle,
    spaces,
    train_float,
    train_hash,
    train_unsettled,
)
from machine import machine
from results_retrieval import PLAIN, SETS

RECIPES = {
    # The hash stage alone, from the same float heads and as long: what each paper's objective adds.
    "djsrh": {"hash_terms.djsrh": 1.0},
    "jdsh": {"hash_terms.jdsh": 1.0},
    "ucch": {"hash_terms.ucch": 1.0},
}
NO_TERMS = {
    "hash_terms.infonce": 0.0,
    "hash_terms.distillation": 0.0,
    "hash_terms.asymmetric": 0.0,
    "hash_terms.quantization": 0.0,
    "hash_terms.bit_balance": 0.0,
}


SETTLE: tuple[dict[str, Any], ...] = (
    {"train.settle_epochs": 0},
    *(
        {"train.settle_epochs": 60, "loss.settle_temperature": soft, "train.settle_dropout": drop}
        for soft in (0.2, 0.3)
        for drop in (0.0, 0.2)
    ),
)
HASH: tuple[dict[str, Any], ...] = tuple(
    {"train.hash_epochs": 60, "loss.hash_temperature": soft, "train.hash_lr": rate}
    for soft, rate in ((0.12, 1e-3), (0.2, 3e-4), (0.2, 1e-3), (0.3, 3e-4), (0.3, 1e-3))
)
"""What `choose` tries for every set: as many points for float as for the codes."""
SEEDS = 2
"""Of every hash point in each fold: one hash training tells less than one of float."""


def scored(sides: dict[str, tuple[Any, Any]]) -> dict[str, Values]:
    return {name: recall_at_10(*both) for name, both in sides.items()}


def hashed(codes: Any) -> Any:
    return np.where(codes >= 0, 1.0, -1.0)


def baselines(
    train: Pairs, test: Pairs, trained: dict[str, Any], tested: dict[str, Any], seed: int
) -> dict[str, Values]:
    """ITQ and plain signs of the float embedding, random rotation, and CCA of the features."""
    image, text = trained["float"]
    ask = tested["float"]
    out = {}
    for n_bits in BITS:
        rng = np.random.default_rng(seed)
        itq = fit_itq(np.concatenate([image, text]), n_bits, n_iterations=50, rng=rng)
        out[f"itq_bits_{n_bits}"] = recall_at_10(*(hashed(itq.project(side)) for side in ask))
        middle = image.mean(0), text.mean(0)
        joint = np.concatenate([image - middle[0], text - middle[1]])
        itq = fit_itq(joint, n_bits, n_iterations=50, rng=np.random.default_rng(seed))
        out[f"itq_centred_bits_{n_bits}"] = recall_at_10(
            *(hashed(itq.project(side - m)) for side, m in zip(ask, middle, strict=True))
        )
        turned = fit_itq(joint, n_bits, n_iterations=0, rng=np.random.default_rng(seed))
        out[f"pca_bits_{n_bits}"] = recall_at_10(
            *(hashed(turned.project(side - m)) for side, m in zip(ask, middle, strict=True))
        )
        turn = np.random.default_rng(seed).standard_normal((image.shape[1], n_bits))
        out[f"random_bits_{n_bits}"] = recall_at_10(
            *(hashed((side - m) @ turn) for side, m in zip(ask, middle, strict=True))
        )
        views = [train.image[0], train.text[0]]
        scale = [(v.mean(0), np.maximum(v.std(0), 1e-6)) for v in views]
        normal = [((v - m) / s).astype(np.float32) for v, (m, s) in zip(views, scale, strict=True)]
        if n_bits <= min(len(normal[0]), normal[1].shape[1]):
            cca = fit_cca(normal[0], normal[1], n_bits, ridge=1.0)
            out[f"cca_bits_{n_bits}"] = recall_at_10(
                *(
                    hashed(one.project(((v - m) / s).astype(np.float32)))
                    for one, v, (m, s) in zip(
                        cca, (test.image[0], test.text[0]), scale, strict=True
                    )
                )
            )
    return out


def run_choose(name: str, n_used: int, work: Path) -> dict[str, Any]:
    """How long and how softly to settle by float recall, then the hash stage by its 128 bits."""
    data = SETS[name]
    material = read_material(name, work, best(""))
    base = best("", **{"model.bits": [128]})
    found: dict[str, dict[str, list[float]]] = {"float": defaultdict(list), "bits_128": {}}
    held = folds(material, 4, splits=("train", "val"))[:n_used]
    settled: list[dict[str, Any]] = []
    for fold, (rows, asked) in enumerate(held):
        train, test = material.take(rows), material.take(asked)
        begun = train_unsettled(train, settings(data, base, seed=fold))
        settled.append({})
        for point in SETTLE:
            config = settings(data, {**base, **point, **QUICK}, seed=fold)
            made = settle(begun, train, config)
            settled[fold][json.dumps(point)] = made
            found["float"][json.dumps(point)].append(mean_recall(made, test, "float"))
        print(name, "choose: a fold settled", flush=True)
    softest = max(found["float"], key=lambda point: np.mean(found["float"][point]))
    for point in HASH:
        config = {**base, **json.loads(softest), **point, **QUICK}
        found["bits_128"][json.dumps(point)] = [
            mean_recall(
                train_hash(
                    settled[fold][softest],
                    material.take(rows),
                    settings(data, config, seed=fold + 100 * again),
                ),
                material.take(asked),
                "bits_128",
            )
            for fold, (rows, asked) in enumerate(held)
            for again in range(SEEDS)
        ]
        print(name, "choose: a hash point tried", flush=True)
    codes = max(found["bits_128"], key=lambda point: np.mean(found["bits_128"][point]))
    return {
        "chosen": json.loads(softest) | json.loads(codes),
        "recall_at_10": {
            reading: {point: [round(v, 4) for v in values] for point, values in rows.items()}
            for reading, rows in found.items()
        },
        "n_folds": n_used,
        "n_hash_seeds": SEEDS,
    }


def mean_recall(heads: Any, test: Pairs, reading: str) -> float:
    return float(recall_at_10(*spaces(heads, test)[reading]).mean())


def run_main(name: str, seeds: list[int], work: Path) -> dict[str, Any]:
    """The test split: ours at every width, beside baselines and published objectives."""
    material = read_material(name, work, best(name))
    train, test = material.take(material.rows("train")), material.take(material.rows("test"))
    found: dict[str, list[Values]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        one, times = run_once(name, train, test, seed)
        for reading, values in one.items():
            found[reading].append(values)
        for stage, spent in times.items():
            seconds[stage].append(round(spent, 1))
    return {
        **summary(found, patients(test)),
        "n_train": len(train),
        "n_test": len(test),
        "n_distinct_texts": len(np.unique(test.text_id)),
        "seconds": dict(seconds),
    }


def run_once(
    name: str, train: Pairs, test: Pairs, seed: int, *, ours_only: bool = False
) -> tuple[dict[str, Values], dict[str, float]]:
    """One seed: every reading's recall of every query, and what the stages took."""
    data = SETS[name]
    config = settings(data, best(name), seed=seed)
    start = time.perf_counter()
    heads = train_float(train, config)
    times = {"float": time.perf_counter() - start}
    start = time.perf_counter()
    made = train_hash(heads, train, config)
    times["hash"] = time.perf_counter() - start
    tested = spaces(made, test)
    found = scored(tested)
    found |= baselines(train, test, spaces(made, train), tested, seed)
    if not ours_only:
        for recipe, terms in RECIPES.items():
            other = settings(data, best(name, **NO_TERMS, **terms), seed=seed)
            found |= {
                f"{recipe}_{reading}": values
                for reading, values in scored(spaces(train_hash(heads, train, other), test)).items()
                if reading != "float"
            }
        plain = {f"{s}.{k}": v for s, group in PLAIN.items() for k, v in group.items()}
        other = settings(data, best(name, **plain), seed=seed)
        found |= {
            f"tanh_sign_{reading}": values
            for reading, values in scored(spaces(train_hash(heads, train, other), test)).items()
            if reading != "float"
        }
    return found, times


def run_folds(name: str, n_folds: int, work: Path) -> dict[str, Any]:
    """The same settings, trained and scored over folds by patient of all splits together."""
    material = read_material(name, work, best(name))
    found: dict[str, list[Values]] = defaultdict(list)
    owners = []
    for fold, (rows, held) in enumerate(folds(material, n_folds, splits=("train", "val", "test"))):
        test = material.take(held)
        one, _ = run_once(name, material.take(rows), test, fold, ours_only=True)
        owners.append(patients(test))
        for reading, values in one.items():
            found[reading].append(values)
    return {
        **summary(found, np.concatenate(owners), tiled=False),
        "n_folds": n_folds,
        "n_pairs": len(material.pairs),
    }


def summary(found: dict[str, list[Values]], owner: Any, *, tiled: bool = True) -> dict[str, Any]:
    """Recall in both directions, and the ratio to float paired by query, with intervals."""
    evaluate = Config().evaluate
    n_runs = len(found["float"])
    clusters = np.tile(owner, n_runs) if tiled else owner
    table = {}
    for reading, runs in found.items():
        both = np.concatenate(runs)
        options: dict[str, Any] = {"n_resamples": evaluate.n_resamples, "level": evaluate.level}
        table[reading] = {
            "recall_at_10": plain_interval(
                cluster_bootstrap(
                    both, clusters, rng=np.random.default_rng(0), statistic="mean", **options
                )
            ),
            "text_to_image": round(float(np.mean([np.split(r, 2)[0].mean() for r in runs])), 4),
            "image_to_text": round(float(np.mean([np.split(r, 2)[1].mean() for r in runs])), 4),
            "by_run": [round(float(r.mean()), 4) for r in runs],
            "ratio": plain_interval(
                paired_ratio(
                    both,
                    np.concatenate(found["float"]),
                    clusters,
                    rng=np.random.default_rng(0),
                    **options,
                )
            ),
        }
    return {"readings": table, "n_queries": len(clusters), "n_patients": len(np.unique(clusters))}


PARTS: dict[str, Callable[[str, argparse.Namespace], dict[str, Any]]] = {
    "choose": lambda name, o: run_choose(name, o.folds, o.work),
    "main": lambda name, o: run_main(name, [int(s) for s in o.seeds.split(",")], o.work),
    "folds": lambda name, o: run_folds(name, 5, o.work),
    "float_terms": lambda name, o: learning_terms.run_float_terms(name, o.folds, o.work),
    "hash_terms": lambda name, o: learning_terms.run_hash_terms(name, o.folds, o.work),
    "unpaired": lambda name, o: learning_terms.run_unpaired(name, o.folds, o.work),
}


def main() -> None:
    """Measure one part and write its JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--folds", type=int, default=2, help="of four, for all but main and folds")
    parser.add_argument("--work", type=Path, help="folder for homes; kept when given")
    parser.add_argument("--quick", action="store_true", help="one epoch each, nothing kept")
    options = parser.parse_args()
    if options.quick:
        QUICK.update({f"train.{stage}epochs": 1 for stage in ("", "settle_", "hash_")})
    with tempfile.TemporaryDirectory() as scratch:
        options.work = options.work or Path(scratch)
        for name in options.sets.split(","):
            start = time.perf_counter()
            found = PARTS[options.part](name, options)
            found |= {"machine": machine(), "minutes": round((time.perf_counter() - start) / 60, 1)}
            if options.quick:
                continue
            OUT.mkdir(parents=True, exist_ok=True)
            target = OUT / f"{options.part}-{name}.json"
            target.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
            print(options.part, name, found["minutes"], "min", flush=True)


if __name__ == "__main__":
    main()
