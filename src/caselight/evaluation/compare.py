"""Two models on the same queries: which finds more, and what these queries cannot tell."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.config import Config, EvaluateSettings
from caselight.engine import Engine
from caselight.errors import EvaluationError, ModelError, UsageError
from caselight.evaluation.figures import per_query, plain_interval, score_task
from caselight.evaluation.gallery import Gallery, read_gallery
from caselight.evaluation.readings import read_model
from caselight.evaluation.relevance import make_tasks
from caselight.evaluation.suite import Question, gallery_features
from caselight.metrics.paired import (
    cluster_sums,
    clustered_standard_error,
    detectable_difference,
    holm,
    sign_flip_p,
)
from caselight.metrics.significance import paired_difference, paired_ratio
from caselight.models.checkpoint import check_towers
from caselight.models.dual_encoder import DualEncoder

METRICS = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "ndcg_at_10")
DIRECTIONS = ("text_to_image", "image_to_text")
POOLED = "both_directions"
N_FLIPS = 20_000
"""So many that the least p-value survives the correction for a hundred rows."""

ReadingPair = tuple[str, str]
"""A reading of the first model and the reading of the second that it is held against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one model is worth to every query, in the strict figure."""

    model: str
    """Fingerprint."""
    data: str
    """Digest of the home."""
    queries: str
    """Digest of who asks, what is answered and in which order: equal where two sides pair."""
    n_images: int
    patients: Mapping[str, NDArray[np.int64]]
    """By direction: i64[Q], whose query it is."""
    scores: Mapping[str, Mapping[str, Mapping[str, NDArray[np.float64]]]]
    """By direction, reading and metric: f64[Q]."""


def pair_readings(
    first: DualEncoder, second: DualEncoder, *, asked: Sequence[ReadingPair] | None = None
) -> tuple[ReadingPair, ...]:
    """Choose what is held against what.

    Args:
        first: a model.
        second: another; the same only where other readings of it are compared.
        asked: pairs of readings as `caselight evaluate` names them; `float` and every `bits_N`
            that both have if not given.

    Raises:
        UsageError: for one model with one reading on both sides, or a reading that does not exist.
        ModelError: `model.no_such_bits` for a width that the model has no head for.
    """
    if asked is None:
        shared = [f"bits_{n}" for n in first.bits if n in second.bits]
        pairs = tuple((name, name) for name in ("float", *shared))
    else:
        pairs = tuple(dict.fromkeys(asked))
    for one, other in pairs:
        _check_reading(first, one)
        _check_reading(second, other)
        if first.fingerprint == second.fingerprint and one == other:
            raise UsageError(
                f"found the model {first.fingerprint[:16]} twice, expected two models; name "
                "another folder, or compare two readings of the one"
            )
    return pairs


def read_side(
    engine: Engine,
    model: DualEncoder,
    question: Question,
    *,
    readings: Sequence[str],
    config: Config,
) -> Side:
    """Score every query with one model.

    Args:
        engine: the open home, with the model's own towers.
        model: the model.
        question: what both sides are asked; the text must be the same on both.
        readings: names out of `read_model`.
        config: the shortlist of rescored readings.

    Raises:
        EvaluationError: for a split or a text field that the home does not have.
        ModelError: for other towers than the model's.
    """
    check_towers(model, image=engine.image_tower, text=engine.text_tower)
    gallery = read_gallery(
        engine.store,
        split=question.split,
        text=question.text,
        filters=question.filters,
        pool=engine.towers.stack_pool,
    )
    features = gallery_features(engine, gallery)
    patients: dict[str, NDArray[np.int64]] = {}
    scores: dict[str, dict[str, dict[str, NDArray[np.float64]]]] = {}
    for task in make_tasks(gallery):
        if task.name not in DIRECTIONS:
            continue
        patients[task.name] = gallery.patient_ids[task.queries].astype(np.int64)
        scores[task.name] = {
            name: {
                metric: values
                for metric, values in per_query(score_task(distance, task).strict).items()
                if metric in METRICS
            }
            for name, distance in read_model(
                model, features, task, shortlist=config.evaluate.shortlist
            )
            if name in readings
        }
    return Side(
        model=model.fingerprint,
        data=engine.store.digest(),
        queries=_digest(gallery),
        n_images=len(gallery),
        patients=patients,
        scores=scores,
    )


def compare(
    first: Side, second: Side, *, pairs: Sequence[ReadingPair], question: Question, config: Config
) -> dict[str, Any]:
    """Hold two sides against each other, query by query.

    Every row is one direction (or both, pooled), one pair of readings and one metric: both means,
    their difference and ratio with intervals that resample patients, a sign-flip p-value over
    patients, and the same after Holm's correction over all rows. `verdict` is "first" or "second"
    where the corrected p-value is below 1 - `evaluate.level`, else "none". A true difference below
    `detectable_difference` is missed more often than one time in five; null where the patients are
    too few to show any, and where no query differs.

    Returns:
        The block promised by `caselight compare --json`; see docs/guide/evaluate.md.

    Raises:
        EvaluationError: when the sides were not asked the same queries.
    """
    if first.queries != second.queries or first.data != second.data:
        raise EvaluationError(
            "the two models were not asked the same queries, expected the same pictures and texts "
            "for both; compare models that pool stacks into the same pictures (towers.stack_pool), "
            "while nothing is ingested"
        )
    rows, sums = [], []
    n_patients = 1 + max(int(ids.max()) for ids in first.patients.values())
    for direction in (*DIRECTIONS, POOLED):
        ids = _over(first.patients, direction)
        for one, other in pairs:
            for metric in METRICS:
                a = _over({d: first.scores[d][one][metric] for d in DIRECTIONS}, direction)
                b = _over({d: second.scores[d][other][metric] for d in DIRECTIONS}, direction)
                rows.append(
                    {
                        "direction": direction,
                        "first_reading": one,
                        "second_reading": other,
                        "metric": metric,
                        **_row(a, b, ids, config.evaluate),
                    }
                )
                sums.append(cluster_sums(a - b, ids, n_clusters=n_patients))
    rng = np.random.default_rng(config.evaluate.seed)
    raw = sign_flip_p(np.stack(sums, axis=1), n_flips=N_FLIPS, rng=rng)
    for row, p, corrected in zip(rows, raw, holm(raw), strict=True):
        level = config.evaluate.level
        seen = corrected < 1 - level
        better = "first" if row["difference"]["value"] > 0 else "second"
        row["p"], row["p_corrected"] = round(float(p), 6), round(float(corrected), 6)
        row["detectable_difference"] = _detectable(row, n_rows=len(rows), level=level)
        row["verdict"] = better if seen else "none"
    return {
        "first": first.model,
        "second": second.model,
        "data": first.data,
        "split": question.split,
        "text": question.text,
        "filters": dict(question.filters),
        "figure": "strict",
        "n_images": first.n_images,
        "level": config.evaluate.level,
        "rows": rows,
    }


def _row(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    patients: NDArray[np.int64],
    settings: EvaluateSettings,
) -> dict[str, Any]:
    def interval(of: Any) -> dict[str, float | None]:
        rng = np.random.default_rng(settings.seed)
        return plain_interval(
            of(a, b, patients, n_resamples=settings.n_resamples, rng=rng, level=settings.level)
        )

    error = clustered_standard_error(a - b, patients)
    return {
        "n_queries": len(a),
        "n_patients": len(np.unique(patients)),
        "first": round(float(a.mean()), 6),
        "second": round(float(b.mean()), 6),
        "difference": interval(paired_difference),
        "ratio": interval(paired_ratio),
        "standard_error": None if math.isnan(error) else round(error, 6),
    }


def _detectable(row: Mapping[str, Any], *, n_rows: int, level: float) -> float | None:
    """The least difference that the row would likely show; None where it can show none."""
    # All patients agreeing is the strongest evidence there is: one flip of them all in 2^(n - 1).
    least_p = 2.0 ** (1 - row["n_patients"])
    if not row["standard_error"] or least_p * n_rows >= 1 - level:
        return None
    least = detectable_difference(row["standard_error"], level=level, n_rows=n_rows)
    return round(least, 6)


def _over(by_direction: Mapping[str, NDArray[Any]], direction: str) -> NDArray[Any]:
    if direction != POOLED:
        return by_direction[direction]
    return np.concatenate([by_direction[d] for d in DIRECTIONS])


def _check_reading(model: DualEncoder, name: str) -> None:
    kind, _, width = name.rpartition("bits_")
    if name == "float":
        return
    if kind not in ("", "float_query_", "rescored_") or not width.isdecimal():
        raise UsageError(
            f"found the reading {name!r}, expected float, bits_N, float_query_bits_N or "
            "rescored_bits_N; name one, or two with a colon between them"
        )
    try:
        model.check_bits(int(width))
    except ModelError as error:
        raise ModelError(
            f"the model {model.fingerprint[:16]} cannot be read as {name}: {error}", code=error.code
        ) from None


def _digest(gallery: Gallery) -> str:
    said = [[e.study.study_uid, e.image.image_uid, e.digests, e.text] for e in gallery.entries]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
