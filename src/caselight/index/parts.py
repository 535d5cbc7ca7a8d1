"""Search an open index with several parts at once: codes, words, or both.

Each part that asks with a code takes its shortlist by Hamming distance, each that asks with words
takes the rows that have any of them. One part alone orders its rows by its own score; of several,
each orders all candidates, and their rankings are fused.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from caselight.codes import hamming, pack_signs, sign_bits
from caselight.composing import Asked
from caselight.index.manifest import OpenIndex
from caselight.ranking import RRF_K, Groups, first_of_each, fuse_ranks, ranks_of, rescore
from caselight.types import BoolArray, Codes

_Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePart:
    """A ranking by one code and its vector."""

    name: str
    asked: Asked
    weight: float = 1.0

    @property
    def codes(self) -> Codes:
        """The code it asks with."""
        return pack_signs(sign_bits(self.asked.soft[None]))


@dataclass(frozen=True, slots=True, kw_only=True)
class WordPart:
    """A ranking by words."""

    name: str
    scores: NDArray[np.float64]
    """f64[N], the BM25 score of every row; a row with 0 is not ranked."""
    ties: _Rows
    """i64[N], the order of rows whose scores are equal; lower is first."""
    weight: float = 1.0


Part = CodePart | WordPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The best row of one group."""

    row: int
    hamming: int | None
    """None unless exactly one part asks with a code."""
    score: float
    parts: Mapping[str, float] = field(default_factory=dict)
    """Where several parts were fused: the score of the group's best row in each."""


def search_parts(
    index: OpenIndex,
    parts: Sequence[Part],
    *,
    allowed: BoolArray,
    groups: Groups,
    k: int,
    shortlist: int,
) -> tuple[list[Found], int]:
    """Find the k best groups.

    The shortlists grow until k groups or all rows are seen, so fewer than k come back only where
    there are no more.

    Args:
        index: the open index, N rows.
        parts: at least one of weight above 0; the others are passed over.
        allowed: bool[N], rows that may answer, at least one.
        groups: the group of every row.
        k: groups wanted, at least 1.
        shortlist: rows taken by Hamming distance at first.

    Returns:
        The groups' best rows, best first, and how many codes and texts were compared.
    """
    parts = [part for part in parts if part.weight > 0]
    n_allowed = int(allowed.sum())
    shortlist = max(1, min(max(shortlist, k), n_allowed))
    having = np.flatnonzero(allowed)
    worded = {p.name: _by_words(p, having) for p in parts if isinstance(p, WordPart)}
    n_compared = len(worded) * n_allowed
    while True:
        lists: list[_Rows] = []
        for part in parts:
            if isinstance(part, WordPart):
                lists.append(worded[part.name])
            else:
                near = index.items.search(part.codes, k=shortlist, allowed=allowed)
                n_compared += near.n_compared
                lists.append(near.rows[0])
        if len(parts) == 1:
            found = _one(index, parts[0], lists[0], groups, k)
        else:
            found = _several(index, parts, lists, groups, k)
        if len(found) >= k or shortlist >= n_allowed:
            return found, n_compared
        shortlist = min(2 * shortlist, n_allowed)


def _one(index: OpenIndex, part: Part, rows: _Rows, groups: Groups, k: int) -> list[Found]:
    if isinstance(part, WordPart):
        kept = list(first_of_each(rows.tolist(), groups))[:k]
        return [Found(row=row, hamming=None, score=float(part.scores[row])) for row in kept]
    rows, scores = rescore(part.asked.vector, index.items.vectors(rows), rows)
    score = dict(zip(rows.tolist(), scores.tolist(), strict=True))
    kept = list(first_of_each(rows.tolist(), groups))[:k]
    bits = _bits(index, part, kept)
    return [Found(row=row, hamming=bits[row], score=score[row]) for row in kept]


def _several(
    index: OpenIndex,
    parts: Sequence[Part],
    lists: Sequence[_Rows],
    groups: Groups,
    k: int,
) -> list[Found]:
    candidates = np.unique(np.concatenate(lists))
    rankings: list[dict[Hashable, int]] = []
    bests: list[dict[Hashable, tuple[int, float]]] = []
    vectors = index.items.vectors(candidates)
    for part in parts:
        if isinstance(part, WordPart):
            rows = _by_words(part, candidates)
            scores = part.scores[rows]
        else:
            rows, cosines = rescore(part.asked.vector, vectors, candidates)
            scores = cosines.astype(np.float64)
        rankings.append(ranks_of(rows.tolist(), groups))
        best: dict[Hashable, tuple[int, float]] = {}
        for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
            best.setdefault(groups[row], (row, score))
        bests.append(best)
    fused = fuse_ranks(rankings, [part.weight for part in parts])
    coded = [part for part in parts if isinstance(part, CodePart)]
    found = []
    for group in list(fused)[:k]:
        # The row to show is that of the part which speaks most for the group.
        says = [
            part.weight / (RRF_K + ranking[group]) if group in ranking else 0.0
            for part, ranking in zip(parts, rankings, strict=True)
        ]
        row = bests[int(np.argmax(says))][group][0]
        found.append(
            Found(
                row=row,
                hamming=_bits(index, coded[0], [row])[row] if len(coded) == 1 else None,
                score=fused[group],
                parts={
                    part.name: best[group][1] if group in best else 0.0
                    for part, best in zip(parts, bests, strict=True)
                },
            )
        )
    return found


def _by_words(part: WordPart, rows: _Rows) -> _Rows:
    """The rows that have any of the words, best first."""
    having = rows[part.scores[rows] > 0]
    order: _Rows = having[np.lexsort((part.ties[having], -part.scores[having]))]
    return order


def _bits(index: OpenIndex, part: CodePart, rows: Sequence[int]) -> dict[int, int]:
    """Bits in which rows differ from the code that is asked with."""
    theirs = index.items.take(np.array(rows, dtype=np.int64))
    distance = hamming(part.codes, theirs)[0]
    return dict(zip(rows, map(int, distance), strict=True))
