"""Retrieval of phantoms by finding, side, severity, size and style, asked for in words."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asking_common import F64, I64, N_RESAMPLES, interval, read_side
from asking_phantoms import Phantoms, phantom_model, read_phantoms, say, what

SIZES = (("0.00-0.25", 0.25), ("0.25-0.50", 0.5), ("0.50-0.75", 0.75), ("0.75-1.00", 1.01))
SEVERITIES = (
    "small", "moderate", "large", "mild", "severe", "healed", "nondisplaced", "displaced",
)  # fmt: skip


def by_finding(work: Path, *, n_train: int, n_studies: int) -> dict[str, Any]:
    """Ask for every finding in words; pictures alone answer, and pictures with reports."""
    with phantom_model(work, n_train=n_train, n_studies=n_studies) as (engine, model):
        part = read_phantoms(engine, model, work, "test")
        questions = _by_severity(part)
        texts = read_side(model, engine.text_features([text for text, _ in questions]), "text")
        asked = [texts.one(i) for i in range(len(questions))]
        return {
            target: _one_target(part, questions, part.scores(asked, target=target))
            for target in ("image", "study")
        }


def _by_severity(part: Phantoms) -> list[tuple[str, Callable[[Mapping[str, Any]], bool]]]:
    """Questions in words with the test of a finding that answers them."""
    out: dict[str, Callable[[Mapping[str, Any]], bool]] = {}
    findings = [finding for truth in part.truths for finding in truth["findings"]]
    for one in sorted({what(finding) for finding in findings}, key=str):
        out[say(one)] = lambda finding, one=one: what(finding) == one  # type: ignore[misc]
        for severity in sorted({f["severity"] or "" for f in findings if what(f) == one} - {""}):
            out[f"{severity} {say(one)}"] = lambda finding, one=one, severity=severity: (  # type: ignore[misc]
                what(finding) == one and finding["severity"] == severity
            )
    return list(out.items())


def _one_target(
    part: Phantoms,
    questions: Sequence[tuple[str, Callable[[Mapping[str, Any]], bool]]],
    scores: F64,
) -> dict[str, Any]:
    patients = np.unique(part.patients, return_inverse=True)[1]
    table: dict[str, Any] = {}
    found: list[dict[str, Any]] = []
    for (text, answers), row in zip(questions, scores, strict=True):
        matching = [[f for f in truth["findings"] if answers(f)] for truth in part.truths]
        relevant = np.array([bool(held) for held in matching])
        n_relevant = int(relevant.sum())
        if n_relevant < 10:
            continue
        order = np.argsort(-row, kind="stable")
        table[text] = {
            "n_relevant": n_relevant,
            "chance": round(n_relevant / len(relevant), 6),
            **_at_10(relevant[order], patients[order]),
        }
        if text.split()[0] in SEVERITIES:
            continue
        # Each study that has it: is it among the first R, where R have it?
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        found += [
            {
                "question": text,
                "name": held[0]["name"],
                "side": held[0]["side"] or "none",
                "size": next(band for band, top in SIZES if held[0]["size"] < top),
                "author": part.truths[study]["author"],
                "site": part.studies[study].site or "unknown",
                "patient": int(patients[study]),
                "found": float(rank[study] < n_relevant),
                "chance": n_relevant / len(order),
            }
            for study, held in enumerate(matching)
            if held
        ]
    # A device has a kind and no size worth the name.
    sized = [one for one in found if one["name"] != "device"]
    return {
        "questions": table,
        "recall_at_r": {
            key: _recall(sized if key == "size" else found, key)
            for key in ("name", "side", "size", "author", "site")
        },
        "recall_at_r_by_name_and_size": {
            name: _recall([one for one in found if one["name"] == name], "size")
            for name in sorted({one["name"] for one in found} - {"device"})
        },
    }


def _recall(found: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """The share of findings that are among the first R of their question, by one trait."""
    out = {}
    for value in sorted({one[key] for one in found}):
        rows = [one for one in found if one[key] == value]
        values = np.array([one["found"] for one in rows])
        out[value] = {
            "n": len(rows),
            "chance": round(float(np.mean([one["chance"] for one in rows])), 6),
            **interval(values, np.array([one["patient"] for one in rows])),
        }
    return out


def _at_10(relevant: np.ndarray, patients: I64) -> dict[str, dict[str, float]]:
    """Precision and nDCG of the first ten, with intervals that resample the gallery's patients."""
    rng = np.random.default_rng(0)
    n = int(patients.max()) + 1
    draws = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)[:, patients]
    counts = np.concatenate([np.ones((1, len(patients)), dtype=draws.dtype), draws])
    # A study drawn twice takes two places.
    places = np.minimum(counts.cumsum(axis=1), 10)
    before = np.concatenate(
        [np.zeros((len(counts), 1), dtype=places.dtype), places[:, :-1]], axis=1
    )
    worth = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, 12)))])
    precision = ((places - before) * relevant).sum(axis=1) / 10
    gained = ((worth[places] - worth[before]) * relevant).sum(axis=1)
    ideal = worth[np.minimum((counts * relevant).sum(axis=1), 10)]
    ndcg = np.divide(gained, ideal, out=np.zeros_like(gained), where=ideal > 0)
    return {
        name: {
            "value": round(float(values[0]), 6),
            "low": round(float(np.quantile(values[1:], 0.025)), 6),
            "high": round(float(np.quantile(values[1:], 0.975)), 6),
        }
        for name, values in (("precision_at_10", precision), ("ndcg_at_10", ndcg))
    }
