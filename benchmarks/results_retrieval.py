"""Write docs/results/retrieval.md and benchmarks/results/retrieval.json.

Trains three seeds on each data set and scores them on its test split, beside three baselines in
the same run. Reads the folder of data sets named by CASELIGHT_DATA.

    python benchmarks/results_retrieval.py [--sets medpix2,ieee8023,phantoms] [--seeds 0,1,2]
"""

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from baselines import cca_distance, choose_ridge
from caselight.codes import hamming
from caselight.config import Config
from caselight.data.phantoms.archive import write_archive
from caselight.data.store import create_store
from caselight.engine import Engine, open_engine
from caselight.evaluation.figures import FIGURES, limits, per_query, plain_interval, score_task
from caselight.evaluation.gallery import Gallery, read_gallery
from caselight.evaluation.readings import Features, modalities, read_model
from caselight.evaluation.relevance import Task, make_tasks
from caselight.evaluation.suite import gallery_features
from caselight.ingest import ingest
from caselight.metrics.significance import cluster_bootstrap, paired_ratio
from caselight.models.checkpoint import load_checkpoint
from caselight.models.itq import fit_itq
from caselight.recording import Recorder
from caselight.train.run import train
from caselight.types import FloatArray, IntArray
from machine import machine
from retrieval_page import BITS, CROSS, page

ROOT = Path(__file__).resolve().parent.parent
N_TRAIN_PHANTOMS, N_TEST_PHANTOMS = 1500, 500
PLAIN = {
    "hash_terms": {"quantization": 0.0, "bit_balance": 0.0},
    "loss": {
        "sharpness_start": 1.0,
        "sharpness_end": 1.0,
        "hash_temperature": 0.07,
    },
    "model": {"normalise_bits": False},
    "train": {"warm_start": False, "hash_lr": 1e-3},
}
"""The sign of a tanh head: no annealing, no hash term, the float model's temperature."""


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One data set and how it is read."""

    name: str
    text: str
    filters: dict[str, str]
    about: str


SETS = {
    "medpix2": DataSet(
        name="medpix2", text="caption", filters={}, about="CT and MR slices of teaching cases"
    ),
    "ieee8023": DataSet(
        name="ieee8023",
        text="notes",
        filters={"modality": "X-ray"},
        about="chest X-rays of public COVID-era cases",
    ),
    "phantoms": DataSet(
        name="phantoms",
        text="report",
        filters={},
        about="500 studies by `demo-archive`, after training on 1,500 of another seed",
    ),
}

Scores = dict[str, dict[str, dict[str, dict[str, list[NDArray[np.float64]]]]]]
"""reading -> direction -> figure -> metric -> one array of queries a seed."""


def main() -> None:
    """Train, score, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--set", dest="set_", action="append", default=[])
    parser.add_argument("--split", default="test")
    parser.add_argument("--out", type=Path, default=ROOT)
    parser.add_argument("--page-only", action="store_true", help="write the page from the JSON")
    options = parser.parse_args()
    if options.page_only:
        kept = json.loads((options.out / "benchmarks/results/retrieval.json").read_text("utf-8"))
        (options.out / "docs/results/retrieval.md").write_text(page(kept), "utf-8")
        return
    seeds = [int(seed) for seed in options.seeds.split(",")]
    target = options.out / "benchmarks/results/retrieval.json"
    results: dict[str, Any] = {"machine": machine(), "seeds": seeds, "sets": {}}
    if options.sets != ",".join(SETS) and target.is_file():
        # Sets that are not asked for keep what they have, where it was measured alike.
        kept = json.loads(target.read_text("utf-8"))
        if {k: kept[k] for k in ("machine", "seeds")} == {
            k: results[k] for k in ("machine", "seeds")
        }:
            results["sets"] = kept["sets"]
    with tempfile.TemporaryDirectory() as work:
        for name in options.sets.split(","):
            start = time.perf_counter()
            block = run_set(SETS[name], seeds, Path(work), options.split, options.set_)
            block["seconds"] = round(time.perf_counter() - start, 1)
            results["sets"][name] = block
            print(summary(name, block), flush=True)
    (options.out / "benchmarks/results").mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    (options.out / "docs/results").mkdir(parents=True, exist_ok=True)
    (options.out / "docs/results/retrieval.md").write_text(page(results), "utf-8")


def run_set(
    data: DataSet, seeds: list[int], work: Path, split: str, overrides: list[str]
) -> dict[str, Any]:
    """Everything about one data set, as plain values."""
    home = make_home(data, work)
    scores: Scores = defaultdict(
        lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    )
    seconds: list[float] = []
    ridge: float | None = None
    for seed in seeds:
        config = settings(data, seed, overrides)
        with open_engine(
            home, config=config, device=torch.device("cpu"), progress=lambda *_: None
        ) as engine:
            # Features first, so that the time of a training is that of the training.
            cached(engine, data)
            receipt = train(
                engine,
                config=config,
                out=work / f"{data.name}-{seed}",
                clock=time.perf_counter,
                on_epoch=lambda _: None,
            )
            seconds.append(receipt.seconds)
            plain = train(
                engine,
                config=settings(data, seed, overrides, plain=True),
                out=work / f"{data.name}-{seed}-plain",
                clock=time.perf_counter,
                on_epoch=lambda _: None,
            )
            gallery = read_gallery(
                engine.store,
                split=split,
                text=config.train.text,
                filters=data.filters,
                pool=engine.towers.stack_pool,
            )
            features = gallery_features(engine, gallery)
            pairs = training_pairs(engine, data)
            if ridge is None:
                val = gallery_of(engine, data, "val")
                ridge = choose_ridge(pairs, gallery_features(engine, val), val)
            for task in make_tasks(gallery):
                for reading, distance in readings(
                    receipt.model, plain.model, features, task, pairs, seed, ridge
                ):
                    scored = score_task(distance, task)
                    for figure in FIGURES:
                        for metric, values in per_query(scored.of(figure)).items():
                            scores[reading][task.name][figure][metric].append(values)
    return {
        **summarise_set(data, gallery, scores, seconds, receipt.n_pairs, split),
        "cca_ridge": ridge,
    }


def settings(data: DataSet, seed: int, overrides: list[str], *, plain: bool = False) -> Config:
    """The defaults, for this data set and seed."""
    values: dict[str, Any] = {
        "train": {"seed": seed, "text": data.text, "filters": data.filters},
        "model": {"bits": list(BITS)},
        "loss": {},
        "hash_terms": {},
    }
    for override in overrides:
        key, _, value = override.partition("=")
        section, name = key.split(".")
        values.setdefault(section, {})[name] = json.loads(value)
    if plain:
        for section, changed in PLAIN.items():
            values[section] = {**values[section], **changed}
    return Config.from_mapping(values)


def make_home(data: DataSet, work: Path) -> Path:
    """Ingest the data set into a home of its own."""
    if data.name == "phantoms":
        archive = work / "phantoms"
        write_phantoms(archive)
    else:
        archive = Path(os.environ["CASELIGHT_DATA"]) / data.name
    home = work / f"home-{data.name}"
    with create_store(home) as store:
        receipt = ingest(
            archive,
            store,
            settings=Config().ingest,
            mapping={},
            clock=time.perf_counter,
            on_studies=lambda *_: None,
            recorder=Recorder(store, actor="benchmark"),
        )
    if receipt.rejected:
        print(f"{data.name}: {len(receipt.rejected)} refused", flush=True)
    return home


def write_phantoms(archive: Path) -> None:
    """Two archives in one: patients of one seed to learn from, of another to be scored on."""
    rows = []
    for part, n_studies, seed in (("a", N_TRAIN_PHANTOMS, 0), ("b", N_TEST_PHANTOMS, 1)):
        write_archive(archive / part, n_studies=n_studies, seed=seed)
        with (archive / part / "records.jsonl").open(encoding="utf-8") as file:
            for row in map(json.loads, file):
                held_out = int(row["patient_id"].rsplit("-", 1)[1]) % 10 == 0
                for name in ("study_id", "patient_id"):
                    row[name] = f"{part}-{row[name]}"
                row["image"] = f"{part}/{row['image']}"
                row["split"] = "test" if part == "b" else "val" if held_out else "train"
                rows.append(json.dumps(row))
    (archive / "records.jsonl").write_text("\n".join(rows) + "\n", "utf-8")


def cached(engine: Engine, data: DataSet) -> None:
    """Encode what the training will need."""
    training_pairs(engine, data)
    for split in ("val", "test"):
        gallery_features(engine, gallery_of(engine, data, split))


def gallery_of(engine: Engine, data: DataSet, split: str) -> Gallery:
    """The images of one split."""
    text = Config.from_mapping({"train": {"text": data.text}}).train.text
    return read_gallery(
        engine.store, split=split, text=text, filters=data.filters, pool=engine.towers.stack_pool
    )


def training_pairs(
    engine: Engine, data: DataSet
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Image and text features of the training pairs, for the baselines."""
    gallery = gallery_of(engine, data, "train")
    features = gallery_features(engine, gallery)
    return features.image[gallery.with_text], features.text[gallery.with_text]


def readings(
    model_folder: Path,
    plain_folder: Path,
    features: Features,
    task: Task,
    pairs: tuple[NDArray[np.float32], NDArray[np.float32]],
    seed: int,
    ridge: float,
) -> Iterator[tuple[str, FloatArray | IntArray]]:
    """Our readings, then the baselines'."""
    model, plain = load_checkpoint(model_folder), load_checkpoint(plain_folder)
    yield from read_model(model, features, task, shortlist=Config().evaluate.shortlist)
    for name, distance in read_model(plain, features, task, shortlist=1):
        if name.startswith("bits_"):
            yield f"tanh_sign_{name}", distance
    asks, answers = modalities(task)
    train_image, train_text = pairs
    trained = {
        "image": model.embed(train_image, "image").mean,
        "text": model.embed(train_text, "text").mean,
    }
    query = model.embed(features.of(asks)[task.queries], asks).mean
    answer = model.embed(features.of(answers)[task.answers], answers).mean
    for n_bits in BITS:
        for name, centred in (("itq", False), ("itq_centred", True)):
            # As published, both modalities about their common mean; or each about its own, which
            # is what our warm start does.
            middle = {k: v.mean(axis=0) * centred for k, v in trained.items()}
            joint = np.concatenate([v - middle[k] for k, v in trained.items()])
            itq = fit_itq(joint, n_bits, n_iterations=50, rng=np.random.default_rng(seed))
            codes = itq.encode(query - middle[asks]), itq.encode(answer - middle[answers])
            yield f"{name}_bits_{n_bits}", hamming(*codes)
        yield f"cca_bits_{n_bits}", cca_distance(pairs, features, task, n_bits, ridge)


def summarise_set(
    data: DataSet,
    gallery: Gallery,
    scores: Scores,
    seconds: list[float],
    n_pairs: int,
    split: str,
) -> dict[str, Any]:
    """Pool the seeds: every figure's mean with its interval over patients, and paired ratios."""
    config = Config().evaluate
    tasks = {task.name: task for task in make_tasks(gallery)}
    clusters = {name: gallery.patient_ids[task.queries] for name, task in tasks.items()}
    n_seeds = len(seconds)

    def pooled(reading: str, direction: str, figure: str, metric: str) -> NDArray[np.float64]:
        return np.concatenate(scores[reading][direction][figure][metric])

    def interval(values: NDArray[np.float64], owner: IntArray, metric: str) -> Any:
        if np.isnan(values).all():
            return {"value": None, "low": None, "high": None}
        return plain_interval(
            cluster_bootstrap(
                values,
                np.tile(owner, n_seeds),
                n_resamples=config.n_resamples,
                rng=np.random.default_rng(config.seed),
                statistic="median" if metric == "median_rank" else "mean",
                level=config.level,
            )
        )

    table: dict[str, Any] = {}
    ratios: dict[str, Any] = {}
    both = np.concatenate([np.tile(clusters[name], n_seeds) for name in CROSS])
    for reading in scores:
        table[reading] = {
            direction: {
                figure: {
                    metric: interval(
                        pooled(reading, direction, figure, metric), clusters[direction], metric
                    )
                    for metric in scores[reading][direction][figure]
                }
                for figure in FIGURES
            }
            for direction in scores[reading]
        }
        parts = [
            np.concatenate([pooled(which, name, "strict", "recall_at_10") for name in CROSS])
            for which in (reading, "float")
        ]
        ratios[reading] = plain_interval(
            paired_ratio(
                parts[0],
                parts[1],
                both,
                n_resamples=config.n_resamples,
                rng=np.random.default_rng(config.seed),
                level=config.level,
            )
        )
    seed_means = {
        direction: [
            round(float(np.nanmean(values)), 4)
            for values in scores["float"][direction]["strict"]["recall_at_10"]
        ]
        for direction in CROSS
    }
    return {
        "about": data.about,
        "text": data.text,
        "filters": data.filters,
        "split": split,
        "n_pairs": n_pairs,
        "n_queries": len(tasks["text_to_image"].queries),
        "n_gallery": len(gallery),
        "n_unique_texts": gallery.n_unique_texts,
        "train_seconds": seconds,
        "float_recall_at_10_by_seed": seed_means,
        "limits": {name: limits(task, gallery) for name, task in tasks.items()},
        "readings": table,
        "ratio_to_float": ratios,
    }


def summary(name: str, block: dict[str, Any]) -> str:
    """One line while it runs."""
    ratio = block["ratio_to_float"]["bits_128"]
    return (
        f"{name}: float R@10 {block['float_recall_at_10_by_seed']}, 128 bits to float "
        f"{ratio['value']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f}), {block['seconds']} s"
    )


if __name__ == "__main__":
    main()
