"""Measure the guards on texts they have not seen: benchmarks/results/guards.json.

    python benchmarks/results_guards.py --data FOLDER

FOLDER is the folder `text` of the development data. The splits are those of `guard_corpus.py`, the
thresholds those of the settings. Run it on one thread (`OMP_NUM_THREADS=1`) for its times.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caselight.config import GuardSettings
from caselight.mediator.guards import Verdict, guard, guard_document
from guard_corpus import SEED, TRIGGERS, Row, read_corpus, synthetic
from machine import commit, machine

RESULT = Path(__file__).resolve().parent / "results" / "guards.json"
RESAMPLES = 1_000
CURVE = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05)
MOST_REPORTS = 1_500
TIMED_CHARACTERS = 200


def share(hits: Sequence[bool]) -> dict[str, float | int | list[float]]:
    """A share of texts with a 95 % interval, texts resampled."""
    found = np.asarray(hits, dtype=np.float64)
    rng = np.random.default_rng(SEED)
    means = [rng.choice(found, len(found)).mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return {
        "n": len(found),
        "count": int(found.sum()),
        "share": round(float(found.mean()), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
    }


def judged(
    rows: Sequence[Row], ask: Callable[[str, GuardSettings], Verdict], settings: GuardSettings
) -> list[Verdict]:
    return [ask(row.text, settings) for row in rows]


def refused(verdicts: Sequence[Verdict]) -> list[bool]:
    return [one.verdict == "refuse" for one in verdicts]


def asked_by(verdicts: Sequence[Verdict], layer: str) -> list[bool]:
    return [any(f.layer == layer and f.action == "ask" for f in one.layers) for one in verdicts]


def curve(
    attacks: NDArray[np.float64], queries: NDArray[np.float64], sets: dict[str, NDArray[np.float64]]
) -> list[dict[str, float]]:
    """Attacks refused at each share of held-out queries refused; for reading, not for choosing."""
    ordered = np.sort(queries)[::-1]
    points: list[dict[str, float]] = []
    for most in CURVE:
        threshold = float(ordered[int(most * len(ordered))])
        point = {"queries_refused_at_most": most, "threshold": round(threshold, 4)}
        point["attacks_refused"] = round(float((attacks > threshold).mean()), 4)
        for name, p in sets.items():
            point[name] = round(float((p > threshold).mean()), 4)
        points.append(point)
    return points


def milliseconds(texts: Sequence[str], settings: GuardSettings) -> dict[str, float | int]:
    for text in texts[:50]:
        guard(text, settings)
    # The processor's time, too: other work on the machine delays a clock, not this.
    took: list[float] = []
    worked: list[float] = []
    for text in texts:
        began, worked_before = time.perf_counter(), time.process_time()
        guard(text, settings)
        worked.append(1e3 * (time.process_time() - worked_before))
        took.append(1e3 * (time.perf_counter() - began))
    return {
        "n": len(took),
        "characters": TIMED_CHARACTERS,
        "median_ms": round(float(np.median(took)), 2),
        "p99_ms": round(float(np.quantile(took, 0.99)), 2),
        "processor_median_ms": round(float(np.median(worked)), 2),
        "processor_p99_ms": round(float(np.quantile(worked, 0.99)), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    asked = parser.parse_args()
    settings = GuardSettings()
    every = read_corpus(asked.data)
    test = [row for row in every if row.split == "test"]
    made = synthetic("test", [row.text for row in test if row.kind == "attack"])
    sets: dict[str, list[Row]] = defaultdict(list)
    for row in test:
        sets[row.kind].append(row)
    sets["general_with_triggers"] = [r for r in sets["general"] if TRIGGERS.search(r.text)]
    for row in made:
        sets[row.category].append(row)
    reports = sets.pop("report")
    rng = np.random.default_rng(SEED)
    reports = [reports[i] for i in rng.permutation(len(reports))[:MOST_REPORTS]]
    print({name: len(rows) for name, rows in sets.items()}, flush=True)
    verdicts = {name: judged(rows, guard, settings) for name, rows in sets.items()}
    p = {name: np.array([v.injection for v in found]) for name, found in verdicts.items()}

    by_category: dict[str, list[bool]] = defaultdict(list)
    by_source: dict[str, list[bool]] = defaultdict(list)
    for row, hit in zip(sets["attack"], refused(verdicts["attack"]), strict=True):
        by_category[row.category].append(hit)
        by_source[row.source].append(hit)
    by_query: dict[str, list[bool]] = defaultdict(list)
    for row, hit in zip(sets["query"], refused(verdicts["query"]), strict=True):
        by_query[row.category].append(hit)
    lines = (asked.data / "benign_clinical_queries.jsonl").read_text("utf-8").splitlines()
    all_found = [guard(json.loads(line)["text"], settings) for line in lines]
    documents = judged(reports, guard_document, settings)
    long = [r.text for r in reports if len(r.text) >= TIMED_CHARACTERS]
    timed = [text[:TIMED_CHARACTERS] for text in long[:1000]]
    padded = [
        f"{row.text} {timed[i % len(timed)]}"[:TIMED_CHARACTERS]
        for i, row in enumerate(sets["query"][:500])
    ]
    refused_in = {name: share(refused(found)) for name, found in verdicts.items()}
    result = {
        "data": "prompt_injection.jsonl, benign_clinical_queries.jsonl, report texts; test split",
        "seed": SEED,
        "n_resamples": RESAMPLES,
        "settings": settings.model_dump(),
        "refused": refused_in,
        "attacks_by_category": {k: share(v) for k, v in sorted(by_category.items())},
        "attacks_by_split": {k: share(v) for k, v in sorted(by_source.items())},
        "queries_by_source": {k: share(v) for k, v in sorted(by_query.items())},
        "all_queries_refused": share(refused(all_found)),
        "reports_refused": share(refused(documents)),
        "reports_refused_as_questions": share(refused(judged(reports[:500], guard, settings))),
        "asked_off_topic": {
            name: share(asked_by(found, "off_topic")) for name, found in verdicts.items()
        },
        "queries_asked_by_layer": {
            layer: share(asked_by(all_found, layer))
            for layer in ("characters", "encodings", "identifiers", "off_topic")
        },
        "curve": curve(
            p["attack"],
            p["query"],
            {name: p[name] for name in ("own_trigger", "general", "general_with_triggers")},
        ),
        "time": {
            "reports": milliseconds(timed, settings),
            "queries": milliseconds(padded, settings),
        },
        "machine": machine(),
        "commit": commit(),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    for name, found in refused_in.items():
        print(f"{name:24s} refused {found}")
    print("all queries", result["all_queries_refused"], "reports", result["reports_refused"])
    print(result["time"])


if __name__ == "__main__":
    main()
