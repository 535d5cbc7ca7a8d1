"""From distances to the published block of numbers, with intervals, ceiling and chance."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from caselight.config import EvaluateSettings
from caselight.evaluation.gallery import Gallery
from caselight.evaluation.relevance import Task, oracle_distances
from caselight.metrics.retrieval import QueryScores, score_queries
from caselight.metrics.significance import Interval, cluster_bootstrap
from caselight.types import FloatArray, IntArray

Figure = Literal["strict", "multi_positive"]
FIGURES: tuple[Figure, ...] = ("strict", "multi_positive")
KS = (1, 5, 10, 50)
LOWER_IS_BETTER = ("median_rank",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One reading of one direction, by query."""

    strict: QueryScores
    multi_positive: QueryScores

    def of(self, figure: Figure) -> QueryScores:
        """The scores of one figure."""
        return self.strict if figure == "strict" else self.multi_positive


def score_task(distance: FloatArray | IntArray, task: Task) -> Scored:
    """Score distances [Q, M] in both figures.

    NDCG@10 has gain 1 for the one right answer in the strict figure, and the grades 3, 2 and 1 in
    the multi-positive one.
    """
    return Scored(
        strict=score_queries(distance, task.strict, keep=task.keep, ks=KS),
        multi_positive=score_queries(
            distance, task.multi_positive, gain=task.grades, keep=task.keep, ks=KS
        ),
    )


def per_query(scores: QueryScores) -> dict[str, NDArray[np.float64]]:
    """Every metric by its published name, f64[Q], NaN for queries without a relevant answer."""
    return {
        **{f"recall_at_{k}": scores.recall_at[k] for k in KS},
        "median_rank": scores.first_rank,
        "map_at_r": scores.ap_at_r,
        "ndcg_at_10": scores.ndcg_at_10,
        "mrr": scores.reciprocal_rank,
    }


def summarise(
    scores: QueryScores, clusters: NDArray[np.int64], settings: EvaluateSettings
) -> dict[str, Any]:
    """Every metric as value, low and high; null where no query could be judged."""
    block: dict[str, Any] = {}
    for name, values in per_query(scores).items():
        rng = np.random.default_rng(settings.seed)
        if np.isnan(values).all():
            block[name] = {"value": None, "low": None, "high": None}
            continue
        interval = cluster_bootstrap(
            values,
            clusters,
            n_resamples=settings.n_resamples,
            rng=rng,
            statistic="median" if name == "median_rank" else "mean",
            level=settings.level,
        )
        block[name] = plain_interval(interval)
    return block


def plain_interval(interval: Interval) -> dict[str, float | None]:
    """An interval for JSON: six decimals, null for what is not defined."""
    return {
        name: None if math.isnan(value) else round(value, 6)
        for name, value in (
            ("value", interval.value),
            ("low", interval.low),
            ("high", interval.high),
        )
    }


def points(scores: QueryScores) -> dict[str, float | None]:
    """Every metric as one number, for ceilings and chance."""
    out: dict[str, float | None] = {}
    for name, values in per_query(scores).items():
        known = values[~np.isnan(values)]
        if len(known) == 0:
            out[name] = None
        else:
            out[name] = round(float(np.median(known) if name == "median_rank" else known.mean()), 6)
    return out


def limits(task: Task, gallery: Gallery) -> Mapping[Figure, dict[str, Any]]:
    """Ceiling and chance of both figures.

    The ceiling is the score of an oracle that cannot tell equal texts apart; chance is the exact
    expectation when everything ties.
    """
    blind = score_task(np.zeros(task.strict.shape), task)
    oracles = oracle_distances(task, gallery)
    return {
        figure: {
            "ceiling": _best([points(score_task(d, task).of(figure)) for d in oracles[figure]]),
            "chance": points(blind.of(figure)),
        }
        for figure in FIGURES
    }


def _best(found: list[dict[str, float | None]]) -> dict[str, float | None]:
    out: dict[str, float | None] = {}
    for name in found[0]:
        values = [one[name] for one in found]
        known = [value for value in values if value is not None]
        pick = min if name in LOWER_IS_BETTER else max
        out[name] = pick(known) if known else None
    return out
