"""What a ranking is worth to each query, averaged over every order that ties allow.

Hamming distances tie often and the order inside a tie means nothing, so no number here depends
on a sort: each is the exact expectation over uniformly random orders inside every tie group.

Sources: McSherry and Najork, "Computing Information Retrieval Performance Measures Efficiently in
the Presence of Tied Scores", ECIR 2008; for AP at R, Musgrave, Belongie and Lim, "A Metric
Learning Reality Check", ECCV 2020.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caselight.types import BoolArray, FloatArray, IntArray

_F64 = NDArray[np.float64]
_I64 = NDArray[np.int64]

_NDCG_DEPTH = 10
_BLOCK_CELLS = 1 << 18
"""Query-gallery pairs ranked at once: small enough for a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryScores:
    """One value a query; NaN where the query has no relevant item in its gallery."""

    judged: BoolArray
    """bool[Q], whether the query has a relevant item among those kept."""
    recall_at: Mapping[int, _F64]
    """k to f64[Q], 0..1: the chance that a relevant item stands among the first k. Image-text
    retrieval calls this Recall@K and TREC calls it success_k."""
    first_rank: _F64
    """f64[Q], 1..M: expected rank of the first relevant item; 1 is best."""
    reciprocal_rank: _F64
    """f64[Q], 0..1: expected 1 / rank of the first relevant item."""
    ap_at_r: _F64
    """f64[Q], 0..1: expected (1/R) * sum over ranks i <= R of precision@i * relevant_i, where R is
    the number of relevant items."""
    ndcg_at_10: _F64
    """f64[Q], 0..1: expected discounted gain of the first 10 over that of the ideal order; NaN,
    too, where every gain is zero."""


def score_queries(
    distance: IntArray | FloatArray,
    relevant: BoolArray,
    *,
    gain: FloatArray | None = None,
    keep: BoolArray | None = None,
    ks: Sequence[int] = (1, 5, 10, 50),
) -> QueryScores:
    """Score every query against its gallery, in expectation over the order inside ties.

    Chance level needs no formula of its own: give every item one distance, and the scores are
    those of a uniformly random order (with one relevant item, Recall@k is then k / M).

    Args:
        distance: int or float [Q, M]; lower is nearer. Equal values tie, floats included.
        relevant: bool[Q, M].
        gain: float[Q, M], at least 0, used by NDCG alone; None takes 1 for relevant items and
            0 for others. Gains are linear and discounts 1 / log2(rank + 1), as in trec_eval's
            ndcg_cut; give 2**grade - 1 for the exponential form.
        keep: bool[Q, M]; a False item counts as absent from that query's gallery (the query's own
            study, say). None keeps everything.
        ks: depths of Recall@k, each at least 1; a k past the gallery counts the whole gallery.

    Returns:
        f64[Q] of each metric, in the order of the queries.

    Raises:
        ValueError: for shapes that differ, a NaN distance, a negative or non-finite gain, k < 1.
    """
    _check(distance, relevant, gain=gain, keep=keep, ks=ks)
    n_queries, n_gallery = distance.shape
    counted = relevant if keep is None else relevant & keep
    judged: BoolArray = np.any(counted, axis=1)
    recall_at = {k: np.full(n_queries, np.nan) for k in ks}
    first_rank, reciprocal_rank, ap_at_r, ndcg_at_10 = np.full((4, n_queries), np.nan)
    for rows in _blocks(np.flatnonzero(judged), n_gallery):
        kept = None if keep is None else keep[rows]
        gains = counted[rows].astype(np.float64) if gain is None else gain[rows].astype(np.float64)
        if kept is not None:
            gains = np.where(kept, gains, 0.0)
        ties = _tie_groups(distance[rows], counted[rows], gains, kept)
        miss, first_rank[rows], reciprocal_rank[rows] = _first_relevant(ties)
        for k, found in recall_at.items():
            found[rows] = 1.0 - _miss_after(miss, ties, k)
        ap_at_r[rows] = _ap_at_r(ties)
        ndcg_at_10[rows] = _ndcg(ties, gains)
    return QueryScores(
        judged=judged,
        recall_at=recall_at,
        first_rank=first_rank,
        reciprocal_rank=reciprocal_rank,
        ap_at_r=ap_at_r,
        ndcg_at_10=ndcg_at_10,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ties:
    """The tie groups of a block of q queries, G in all.

    Left-out items follow all kept ones, in groups of their own without relevance or gain, so they
    add nothing to any sum.
    """

    group_at: _I64
    """i64[q, M], the group that holds each rank."""
    first: _I64
    """i64[q], each query's nearest group with a relevant item."""
    start: _I64
    """i64[G], items of the same query strictly nearer."""
    size: _I64
    """i64[G]."""
    n_relevant: _I64
    """i64[G]."""
    n_relevant_nearer: _I64
    """i64[G], relevant items of the same query strictly nearer."""
    gain: _F64
    """f64[G], sum of gains."""
    n_relevant_of_query: _I64
    """i64[q], at least 1."""


def _tie_groups(
    distance: IntArray | FloatArray, counted: BoolArray, gains: _F64, kept: BoolArray | None
) -> _Ties:
    """Rank a block of queries and sum up each tie group."""
    n_queries, n_gallery = distance.shape
    order = np.argsort(_narrow(distance), axis=1, kind="stable")
    if kept is not None:
        # A stable sort of booleans moves the left-out items behind the kept ones.
        last = np.argsort(~np.take_along_axis(kept, order, axis=1), axis=1, kind="stable")
        order = np.take_along_axis(order, last, axis=1)
    ranked = np.take_along_axis(distance, order, axis=1)
    opens = np.ones((n_queries, n_gallery), dtype=np.bool_)
    opens[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    if kept is not None:
        n_kept = kept.sum(axis=1)
        some_left_out = np.flatnonzero(n_kept < n_gallery)
        opens[some_left_out, n_kept[some_left_out]] = True
    begin = np.flatnonzero(opens)
    relevant = np.take_along_axis(counted, order, axis=1)
    n_relevant = np.add.reduceat(relevant.ravel(), begin, dtype=np.int64)
    up_to = relevant.cumsum(axis=1, dtype=np.int64)
    group_at = opens.ravel().cumsum(dtype=np.int64).reshape(opens.shape) - 1
    return _Ties(
        group_at=group_at,
        first=group_at[np.arange(n_queries), relevant.argmax(axis=1)],
        start=begin % n_gallery,
        size=np.diff(begin, append=opens.size),
        n_relevant=n_relevant,
        n_relevant_nearer=(up_to - relevant).ravel()[begin],
        gain=np.add.reduceat(np.take_along_axis(gains, order, axis=1).ravel(), begin),
        n_relevant_of_query=up_to[:, -1],
    )


def _first_relevant(ties: _Ties) -> tuple[_F64, _F64, _F64]:
    """Follow a random order through each query's first group with a relevant item.

    Returns:
        miss f64[q, T + 1]: the chance that the group's first n items hold no relevant one,
        C(t - r, n) / C(t, n) for size t and r relevant; expected rank f64[q] of the first relevant
        item; expected reciprocal rank f64[q].
    """
    start, size = ties.start[ties.first, None], ties.size[ties.first, None]
    n_relevant = ties.n_relevant[ties.first, None]
    taken = np.arange(size.max())
    remaining = np.maximum(size - taken, 1)
    miss = np.ones((len(size), len(taken) + 1))
    np.cumprod(np.maximum(size - n_relevant - taken, 0) / remaining, axis=1, out=miss[:, 1:])
    comes_next = miss[:, :-1] * n_relevant / remaining
    rank = start + (size + 1) / (n_relevant + 1)
    return miss, rank[:, 0], (comes_next / (start + taken + 1)).sum(axis=1)


def _miss_after(miss: _F64, ties: _Ties, k: int) -> _F64:
    """Return the chance f64[q] that none of the first k items is relevant."""
    taken = np.clip(k - ties.start[ties.first], 0, ties.size[ties.first])
    chance: _F64 = miss[np.arange(len(taken)), taken]
    return chance


def _ap_at_r(ties: _Ties) -> _F64:
    """Return the expected AP at R, f64[q].

    The item at place j of a group of size t with r relevant is relevant with chance r / t, and
    then expects (j - 1)(r - 1) / (t - 1) relevant items before it inside the group.
    """
    depth = ties.n_relevant_of_query
    rank = np.arange(1, depth.max() + 1)
    group = ties.group_at[:, : len(rank)]
    places_before = rank - 1 - ties.start[group]
    chance = (ties.n_relevant / ties.size)[group]
    pace = ((ties.n_relevant - 1) / np.maximum(ties.size - 1, 1))[group]
    relevant_by_then = ties.n_relevant_nearer[group] + 1 + places_before * pace
    terms = np.where(rank <= depth[:, None], chance * relevant_by_then / rank, 0.0)
    total: _F64 = terms.sum(axis=1) / depth
    return total


def _ndcg(ties: _Ties, gains: _F64) -> _F64:
    """Return the expected NDCG of the first ten, f64[q]; NaN where no item has a gain."""
    depth = min(_NDCG_DEPTH, gains.shape[1])
    discount = 1.0 / np.log2(np.arange(2, depth + 2))
    got = (ties.gain / ties.size)[ties.group_at[:, :depth]] @ discount
    best = -np.sort(np.partition(-gains, depth - 1, axis=1)[:, :depth], axis=1) @ discount
    # Rounding may lift an ideal order a last bit above 1.
    share: _F64 = np.minimum(got / np.where(best > 0, best, np.nan), 1.0)
    return share


def _narrow(distance: IntArray | FloatArray) -> IntArray | FloatArray:
    """Hold small whole numbers in 16 bits, where NumPy sorts by radix, many times faster."""
    whole = np.issubdtype(distance.dtype, np.integer)
    if whole and distance.min() >= 0 and distance.max() <= np.iinfo(np.uint16).max:
        return distance.astype(np.uint16)
    return distance


def _blocks(rows: _I64, n_gallery: int) -> Iterator[_I64]:
    """Cut the judged queries into blocks of bounded working memory."""
    step = max(1, _BLOCK_CELLS // max(1, n_gallery))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _check(
    distance: IntArray | FloatArray,
    relevant: BoolArray,
    *,
    gain: FloatArray | None,
    keep: BoolArray | None,
    ks: Sequence[int],
) -> None:
    """Refuse inputs whose scores would mean nothing."""
    if distance.ndim != 2:
        raise ValueError(
            f"distance has {distance.ndim} axes and needs 2; give one row a query, one column an "
            "item of the gallery"
        )
    for name, array in (("relevant", relevant), ("gain", gain), ("keep", keep)):
        if array is not None and array.shape != distance.shape:
            raise ValueError(
                f"{name} has shape {array.shape} and distance {distance.shape}; give one value "
                "for each query and item"
            )
    for name, array in (("relevant", relevant), ("keep", keep)):
        if array is not None and array.dtype != np.bool_:
            raise ValueError(f"{name} holds {array.dtype} and needs bool; compare it first")
    if np.issubdtype(distance.dtype, np.inexact):
        unknown = np.isnan(distance) if keep is None else np.isnan(distance) & keep
        if unknown.any():
            raise ValueError(
                f"{int(unknown.sum())} distances are NaN and have no rank; leave those items out "
                "with keep"
            )
    if gain is not None and not (np.isfinite(gain) & (gain >= 0)).all():
        raise ValueError("a gain is negative or not finite; give gains of 0 and above")
    if any(k < 1 for k in ks):
        raise ValueError(f"Recall@k was asked at k = {min(ks)}; give every k as 1 or more")
