"""How far a mean over queries can be trusted: intervals that resample patients.

Queries of one patient resemble each other, so resampling queries one by one makes intervals too
narrow. Here whole clusters (patients) are drawn with replacement, as many as there are, and the
interval runs between percentiles of the recomputed statistic.

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13 (percentile
interval); Field and Welsh, "Bootstrapping clustered data", JRSS B 2007.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from caselight.types import IntArray

_F64 = NDArray[np.float64]
_I64 = NDArray[np.int64]

_BLOCK_CELLS = 1 << 21
"""Counts held at once, so that memory stays bounded whatever the number of resamples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A statistic and the percentile interval around it."""

    value: float
    """The statistic on the queries themselves, not the mean of the resamples."""
    low: float
    """NaN where the data set no lower bound: see the function that made the interval."""
    high: float
    """NaN where the data set no upper bound."""


def cluster_bootstrap(
    values: _F64,
    clusters: Sequence[str] | IntArray,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    statistic: Literal["mean", "median"] = "mean",
    level: float = 0.95,
) -> Interval:
    """Give the mean or median over queries an interval that resamples clusters.

    Args:
        values: f64[Q], one value a query; NaN (an unjudged query) is dropped.
        clusters: Q names or numbers; queries of one patient share one.
        n_resamples: resamples drawn, at least 1; 1000 or more for a 95 % interval.
        rng: the source of the draws.
        statistic: what is computed on each resample, over its queries and not over its clusters.
        level: share of resamples inside the interval, 0..1 exclusive.

    Returns:
        The interval. With one cluster there is no spread to see: `low` and `high` are NaN.

    Raises:
        ValueError: when no query is left, lengths differ, a value is infinite, or a setting lies
            outside its range.
    """
    (kept,), member, n_clusters = _kept(values, clusters=clusters)
    if statistic == "mean":
        value = float(kept.mean())
        over = _weighted_mean(kept, member, n_clusters)
    else:
        value = float(np.median(kept))
        over = _weighted_median(kept, member)
    drawn = _resample(over, n_clusters, n_queries=len(kept), n_resamples=n_resamples, rng=rng)
    return _percentiles(value, drawn, n_clusters=n_clusters, level=level)


def paired_difference(
    a: _F64,
    b: _F64,
    clusters: Sequence[str] | IntArray,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    level: float = 0.95,
) -> Interval:
    """Give mean(a) - mean(b) an interval; both see the same resamples.

    A query that is NaN in either is dropped from both. Arguments, result and errors are those of
    `cluster_bootstrap`.
    """
    (left, right), member, n_clusters = _kept(a, b, clusters=clusters)
    over = _weighted_mean(left - right, member, n_clusters)
    drawn = _resample(over, n_clusters, n_queries=len(left), n_resamples=n_resamples, rng=rng)
    value = float((left - right).mean())
    return _percentiles(value, drawn, n_clusters=n_clusters, level=level)


def paired_ratio(
    numerator: _F64,
    denominator: _F64,
    clusters: Sequence[str] | IntArray,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    level: float = 0.95,
) -> Interval:
    """Give mean(numerator) / mean(denominator) an interval; both see the same resamples.

    A query that is NaN in either is dropped from both. A resample whose denominator is zero has no
    ratio. Dropping it would narrow the interval exactly where the denominator is least certain, so
    it counts as below every value when `low` is found and as above every value when `high` is
    found; a bound that falls among such resamples is NaN, and so is `value` when the denominator
    of the queries themselves is zero. Arguments, result and errors are otherwise those of
    `cluster_bootstrap`.
    """
    (top, bottom), member, n_clusters = _kept(numerator, denominator, clusters=clusters)
    top_sums = np.bincount(member, weights=top, minlength=n_clusters)
    bottom_sums = np.bincount(member, weights=bottom, minlength=n_clusters)

    def over(counts: _I64) -> _F64:
        weights = counts.astype(np.float64)
        return _ratio(weights @ top_sums, weights @ bottom_sums)

    drawn = _resample(over, n_clusters, n_queries=len(top), n_resamples=n_resamples, rng=rng)
    value = float(_ratio(top.sum(keepdims=True), bottom.sum(keepdims=True))[0])
    return _percentiles(value, drawn, n_clusters=n_clusters, level=level)


def _kept(*columns: _F64, clusters: Sequence[str] | IntArray) -> tuple[tuple[_F64, ...], _I64, int]:
    """Drop queries with a NaN in any column and number the clusters that remain from 0."""
    names = np.asarray(clusters)
    for column in columns:
        if column.shape != (len(names),):
            raise ValueError(
                f"values have shape {column.shape} and there are {len(names)} clusters; give one "
                "value and one cluster for each query"
            )
        if np.isinf(column).any():
            raise ValueError("a value is infinite and has no mean; mark what is unknown as NaN")
    judged = np.logical_and.reduce([~np.isnan(column) for column in columns])
    if not judged.any():
        raise ValueError(
            f"none of {len(names)} queries has a value, so there is nothing to average; score at "
            "least one query with a relevant item"
        )
    found, member = np.unique(names[judged], return_inverse=True)
    return tuple(column[judged] for column in columns), member.astype(np.int64), len(found)


def _resample(
    over: Callable[[_I64], _F64],
    n_clusters: int,
    *,
    n_queries: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> _F64:
    """Apply `over` to how often each cluster was drawn, block by block: f64[n_resamples]."""
    if n_resamples < 1:
        raise ValueError(f"{n_resamples} resamples make no interval; ask for at least 1")
    return np.concatenate(
        [
            over(rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=size))
            for size in _block_sizes(n_resamples, n_queries)
        ]
    )


def _block_sizes(n_resamples: int, n_queries: int) -> Iterator[int]:
    """Cut the resamples into blocks; rows are drawn one after another, so cuts change nothing."""
    step = max(1, _BLOCK_CELLS // n_queries)
    for start in range(0, n_resamples, step):
        yield min(step, n_resamples - start)


def _weighted_mean(values: _F64, member: _I64, n_clusters: int) -> Callable[[_I64], _F64]:
    """Return a function from counts i64[B, C] to the mean over the drawn queries, f64[B]."""
    sums = np.bincount(member, weights=values, minlength=n_clusters)
    sizes = np.bincount(member, minlength=n_clusters).astype(np.float64)

    def over(counts: _I64) -> _F64:
        weights = counts.astype(np.float64)
        means: _F64 = (weights @ sums) / (weights @ sizes)
        return means

    return over


def _weighted_median(values: _F64, member: _I64) -> Callable[[_I64], _F64]:
    """Return a function from counts i64[B, C] to the median over the drawn queries, f64[B]."""
    order = np.argsort(values, kind="stable")
    ranked, owner = values[order], member[order]

    def over(counts: _I64) -> _F64:
        up_to = counts[:, owner].cumsum(axis=1)
        n_drawn = up_to[:, -1:]
        lower = (up_to > (n_drawn - 1) // 2).argmax(axis=1)
        upper = (up_to > n_drawn // 2).argmax(axis=1)
        medians: _F64 = (ranked[lower] + ranked[upper]) / 2
        return medians

    return over


def _ratio(top: _F64, bottom: _F64) -> _F64:
    """Divide, with NaN where the denominator is zero."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom != 0)


def _percentiles(value: float, drawn: _F64, *, n_clusters: int, level: float) -> Interval:
    """Read the interval off the resamples; between two of them, the outer one counts."""
    if not 0 < level < 1:
        raise ValueError(f"an interval of level {level} does not exist; give 0 < level < 1")
    if n_clusters == 1:
        return Interval(value=value, low=float("nan"), high=float("nan"))
    tail = (1 - level) / 2
    undefined = np.isnan(drawn)
    low = np.quantile(np.where(undefined, -np.inf, drawn), tail, method="lower")
    high = np.quantile(np.where(undefined, np.inf, drawn), 1 - tail, method="higher")
    return Interval(
        value=value,
        low=float(low) if np.isfinite(low) else float("nan"),
        high=float(high) if np.isfinite(high) else float("nan"),
    )
