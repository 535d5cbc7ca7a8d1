"""From candidates to a ranking: exact float rescoring, and one hit a group."""

from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def rescore(
    query: NDArray[np.float32], gallery: NDArray[np.float32], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Order a shortlist by cosine, highest first.

    Args:
        query: f32[D], unit length.
        gallery: f32[N, D], unit length.
        rows: i64[K], the shortlist.

    Returns:
        The rows in their new order, i64[K], and their cosines, f32[K]; equal cosines keep the
        order of the shortlist.
    """
    score = gallery[rows] @ query
    order = np.argsort(-score, kind="stable")
    return rows[order], score[order]


def first_of_each(rows: Iterable[int], groups: Sequence[Hashable]) -> Iterator[int]:
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
