"""Train the two learned layers of the guards, and harden the filter against a search.

    python benchmarks/train_injection_filter.py --data FOLDER

Reads `prompt_injection.jsonl`, `benign_clinical_queries.jsonl` and the report texts below FOLDER,
writes `src/caselight/mediator/guards/*.safetensors` and `benchmarks/results/guards_training.json`.
Everything is chosen on validation; the test split is read once, at the end, to say how an attacker
fares before and after hardening.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caselight.mediator.guards.linear import Linear
from guard_attacker import Attacker
from guard_corpus import SEED, TRIGGERS, Row, moved, read_corpus, synthetic, thinned
from guard_training import (
    fit,
    fit_worst_windows,
    linear_scores,
    model_of,
    packed,
    platt,
    rounded,
    ship,
    whole,
    windows_read,
    worst,
)
from machine import commit, machine

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "caselight" / "mediator" / "guards"
RESULT = ROOT / "benchmarks" / "results" / "guards_training.json"

L2 = 0.1
HARDENING_ROUNDS = 4
N_HARDENED = 300
"""Training attacks that the attacker changes in a round."""
N_HELD_OUT = 150
MOST_QUERIES_REFUSED = 0.003
"""Of validation queries; what is promised is 0.005, and a test split differs from this one."""
MOST_TRIGGERS_REFUSED = 0.04
"""Of validation texts with trigger words; what is promised is 0.05."""
MOST_QUERIES_ASKED = 0.01


def weight_of(row: Row) -> float:
    """How much a text counts; everyday requests count less, save those with trigger words."""
    match row.kind:
        case "attack":
            return 1.0 if row.category == "in_requisition" else 2.0
        case "general":
            return 1.5 if TRIGGERS.search(row.text) else 0.3
        case "query":
            return 3.0
        case "trigger":
            return 6.0
        case "requisition":
            return 2.0
        case _:
            return 1.0


def training_rows(rows: Sequence[Row], split: str) -> list[Row]:
    """What a split gives: corpus, reports (some), and texts from templates of the same split."""
    of = [row for row in rows if row.split == split]
    payloads = [row.text for row in of if row.kind == "attack"]
    made = synthetic(of[0].split, payloads)
    reports = thinned([row for row in of if row.kind == "report"], most=2500)
    return [row for row in of if row.kind in ("attack", "general", "query")] + made + reports


def calibrated(values: NDArray[np.float64], rows: Sequence[Row]) -> Linear:
    """The filter as it is shipped, with the lowest threshold that validation allows."""
    model, _, _ = rounded(model_of(values))
    table, owner = packed([row.text for row in rows], windows_read)
    scores = worst(linear_scores(table, np.append(model.weights, model.bias)), owner)
    kinds = np.array([row.kind for row in rows])
    attack = kinds == "attack"
    slope, offset = platt(scores, attack)
    model = replace(model, slope=slope, offset=offset)
    p = np.array([model.calibrated(score) for score in scores])
    least = max(
        _least(p[kinds == "query"], MOST_QUERIES_REFUSED),
        _least(p[kinds == "trigger"], MOST_TRIGGERS_REFUSED),
    )
    return replace(model, threshold=float(np.ceil(least * 1000) / 1000))


def _least(p: NDArray[np.float64], share: float) -> float:
    """The lowest threshold (three digits are kept) that at most this share of texts reaches."""
    ordered = np.sort(p)[::-1]
    return float(ordered[int(share * len(p))]) + 1e-6


def document_threshold(model: Linear, rows: Sequence[Row]) -> float:
    """The threshold that at most one validation report in a thousand reaches, at least ours."""
    reports = [row.text for row in rows if row.kind == "report"]
    table, owner = packed(reports, windows_read)
    scores = worst(linear_scores(table, np.append(model.weights, model.bias)), owner)
    p = np.array([model.calibrated(score) for score in scores])
    return max(model.threshold, float(np.ceil(_least(p, 0.001) * 1000) / 1000))


def off_topic_model(rows: Sequence[Row]) -> Linear:
    """Clinical texts against everyday ones, the whole text at once."""
    kinds = ("general", "query", "report", "trigger", "requisition")
    clear = [r for r in rows if r.kind in kinds and r.category != "other_trigger"]
    parts = {name: [row for row in clear if row.split == name] for name in ("train", "val")}
    table, _ = packed([row.text for row in parts["train"]], whole)
    other = np.array([row.kind == "general" for row in parts["train"]])
    values = fit(table, other, np.where(other, 2, 1).astype(np.float32), l2=0.5)
    model, _, _ = rounded(model_of(values))
    table, _ = packed([row.text for row in parts["val"]], whole)
    scores = linear_scores(table, np.append(model.weights, model.bias)).astype(np.float64)
    other = np.array([row.kind == "general" for row in parts["val"]])
    slope, offset = platt(scores, other)
    model = replace(model, slope=slope, offset=offset)
    query = np.array([row.kind == "query" for row in parts["val"]])
    p = np.array([model.calibrated(score) for score in scores])
    least = _least(p[query], MOST_QUERIES_ASKED)
    return replace(model, threshold=float(np.ceil(least * 1000) / 1000))


def probability(model: Linear, text: str) -> float:
    """What the layer `injection` would say with this model."""
    return model.probability(windows_read(text))


def attacked(
    model: Linear, rows: Sequence[Row], *, n: int, seed: int
) -> list[tuple[Row, str, float]]:
    """Search against a model with attacks (all of one split) that it refuses as they are."""
    caught = [
        row
        for row in rows
        if len(row.text) < 300 and probability(model, row.text) >= model.threshold
    ]
    drawn = random.Random(seed).sample(caught, min(n, len(caught)))
    attacker = Attacker(
        lambda text: probability(model, text),
        split=drawn[0].split,
        threshold=model.threshold,
        seed=seed,
    )
    return [(row, *attacker.attack(row.text)) for row in drawn]


def share_through(model: Linear, found: Sequence[tuple[Row, str, float]]) -> dict[str, float | int]:
    """How many of the attacks searched with got below the threshold."""
    through = sum(p < model.threshold for _, _, p in found)
    return {"n": len(found), "through": through, "share": round(through / len(found), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Folder `text` of the data.")
    parser.add_argument("--rounds", type=int, default=HARDENING_ROUNDS)
    asked = parser.parse_args()
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - began:6.0f} s  {text}", flush=True)

    rows = read_corpus(asked.data)
    train, val = training_rows(rows, "train"), training_rows(rows, "val")
    say(f"train {Counter(r.kind for r in train)}, val {Counter(r.kind for r in val)}")
    model = before = calibrated(fit_worst_windows(train, weight_of, l2=L2), val)
    say(f"threshold {before.threshold}")
    # The attacker also works with our own attacks, so that the corpus' habits are not all it knows.
    targets = [r for r in train if r.kind == "attack" and r.category != "in_requisition"]
    rounds: list[dict[str, float | int]] = []
    hardened = list(train)
    for i in range(asked.rounds):
        found = attacked(model, targets, n=N_HARDENED, seed=SEED + i)
        rounds.append(share_through(model, found))
        say(f"round {i + 1}: {rounds[-1]}")
        hardened += [moved(row, text) for row, text, _ in found if text != row.text]
        model = calibrated(fit_worst_windows(hardened, weight_of, l2=L2), val)
        say(f"threshold {model.threshold}")
    documents = document_threshold(model, val)
    topic = off_topic_model(training_rows(rows, "train") + training_rows(rows, "val"))
    say(f"documents {documents}, off topic {topic.threshold}")
    card = {"seed": SEED, "commit": commit(), "n_train": len(hardened), "n_val": len(val)}
    ship(PACKAGE / "injection.safetensors", model, card)
    ship(PACKAGE / "off_topic.safetensors", topic, card)
    # Only now the test split: every choice is made.
    test = [r for r in training_rows(rows, "test") if r.kind == "attack"]
    test = [r for r in test if r.category != "in_requisition"]
    say("the attacker on held-out attacks")
    old = attacked(before, test, n=N_HELD_OUT, seed=SEED)
    new = attacked(model, test, n=N_HELD_OUT, seed=SEED)
    carried = [
        probability(model, text) < model.threshold for _, text, p in old if p < before.threshold
    ]
    RESULT.write_text(
        json.dumps(
            {
                "seed": SEED,
                "n_train": dict(Counter(r.kind for r in hardened)),
                "n_val": dict(Counter(r.kind for r in val)),
                "thresholds": {
                    "before": before.threshold,
                    "injection": model.threshold,
                    "document": documents,
                    "off_topic": topic.threshold,
                },
                "hardening_rounds": rounds,
                "held_out_search": {
                    "before": share_through(before, old),
                    "after": share_through(model, new),
                    "found_before_still_through": {"n": len(carried), "through": sum(carried)},
                },
                "minutes": round((time.perf_counter() - began) / 60, 1),
                "machine": machine(),
                "commit": commit(),
            },
            indent=1,
        )
        + "\n",
        "utf-8",
    )
    say(f"written; before {share_through(before, old)}, after {share_through(model, new)}")


if __name__ == "__main__":
    main()
