"""From candidates to a ranking: float rescoring, fusion of rankings, and one hit a group."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

RRF_K = 60
"""How slowly a rank's worth falls in a fusion; 60 is the value of Cormack et al. (see below)."""

_Fused = dict[Hashable, float]


class Groups(Protocol):
    """What each row of a gallery belongs to: a list, or an array."""

    def __getitem__(self, row: int, /) -> Hashable: ...


def rescore(
    query: NDArray[np.float32], vectors: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Order a shortlist by cosine, highest first.

    Args:
        query: f32[D], unit length.
        vectors: f32[K, D], unit length, of the rows.
        rows: i64[K], the shortlist.

    Returns:
        The rows in their new order, i64[K], and their cosines, f32[K]; equal cosines keep the
        order of the shortlist.
    """
    score = vectors @ query
    order = np.argsort(-score, kind="stable")
    return rows[order], score[order]


def first_of_each(rows: Iterable[int], groups: Groups) -> Iterator[int]:
    """Keep the first row of each group, in order.

    Args:
        rows: ranked rows.
        groups: the group of every row of the gallery.
    """
    seen: set[Hashable] = set()
    for row in rows:
        group = groups[row]
        if group not in seen:
            seen.add(group)
            yield row


def fuse_ranks(rankings: Sequence[Mapping[Hashable, int]], weights: Sequence[float]) -> _Fused:
    """Reciprocal rank fusion: what stands near the top of several rankings comes first.

    score(group) = sum over rankings of weight / (RRF_K + rank); a ranking without the group adds
    nothing. The order of the rankings changes no score.

    Args:
        rankings: group to rank, 1 is best.
        weights: one for each ranking, 0 or more; a ranking of weight 0 is passed over.

    Returns:
        Group to score, best first; equal scores in order of the best rank anywhere, then of the
        first ranking that has them.

    Source: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and
    individual Rank Learning Methods", SIGIR 2009.
    """
    scores: dict[Hashable, float] = {}
    best: dict[Hashable, int] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        if weight == 0:
            continue
        for group, rank in ranking.items():
            scores[group] = scores.get(group, 0.0) + weight / (RRF_K + rank)
            best[group] = min(best.get(group, rank), rank)
    # Rounded, because a sum of floats depends on the order of its terms and a score must not.
    rounded = {group: round(score, 12) for group, score in scores.items()}
    return dict(sorted(rounded.items(), key=lambda item: (-item[1], best[item[0]])))


def ranks_of(rows: Iterable[int], groups: Groups) -> dict[Hashable, int]:
    """The rank of each group in a ranking of rows: the place of its best row among groups."""
    return {groups[row]: rank for rank, row in enumerate(first_of_each(rows, groups), start=1)}
