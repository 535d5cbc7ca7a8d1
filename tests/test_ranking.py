"""Rescoring orders by cosine and leaves ties alone; a group is answered once, by its best row."""

from collections.abc import Hashable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from caselight.ranking import first_of_each, fuse_ranks, ranks_of, rescore

shortlists = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=n, max_size=n),
        st.permutations(range(n)).flatmap(
            lambda order: st.integers(0, n).map(lambda kept: order[:kept])
        ),
    )
)
"""The cosine of every gallery row, and a shortlist of some of the rows in any order."""


@given(shortlists)
def test_rescoring_sorts_by_cosine_and_keeps_the_order_of_equals(
    case: tuple[list[float], list[int]],
) -> None:
    cosines, shortlist = case
    query = np.array([1.0, 0.0], dtype=np.float32)
    gallery = np.array([[c, np.sqrt(1 - c * c)] for c in cosines], dtype=np.float32)
    rows, score = rescore(query, gallery[shortlist], np.array(shortlist, dtype=np.int64))
    # Python's sort is stable.
    assert rows.tolist() == sorted(shortlist, key=lambda row: -cosines[row])
    assert score.tolist() == [cosines[row] for row in rows]


def test_rescoring_takes_the_vectors_in_the_order_of_the_shortlist() -> None:
    gallery = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], dtype=np.float32)
    rows, score = rescore(gallery[0], gallery[[2, 1]], np.array([2, 1], dtype=np.int64))
    assert rows.tolist() == [1, 2]
    assert score.tolist() == [0.0, -1.0]


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.sampled_from("abc"), min_size=10))
def test_the_best_row_of_every_group_is_kept_in_order(rows: list[int], groups: list[str]) -> None:
    kept = list(first_of_each(rows, groups))
    assert [groups[row] for row in kept] == list(dict.fromkeys(groups[row] for row in rows))
    for row in kept:
        ahead = rows[: rows.index(row)]
        assert groups[row] not in {groups[other] for other in ahead}


def test_groups_are_read_as_they_are_needed() -> None:
    def ranked() -> object:
        yield from (0, 1, 2)
        raise AssertionError("more rows were read than were asked for")

    found = first_of_each(ranked(), ["a", "a", "b"])  # type: ignore[arg-type]
    assert [next(found), next(found)] == [0, 2]


rankings = st.lists(
    st.lists(st.sampled_from("abcdefgh"), unique=True).map(
        lambda order: {group: rank for rank, group in enumerate(order, start=1)}
    ),
    min_size=1,
    max_size=4,
)


@given(rankings, st.data())
def test_a_fusion_is_the_sum_of_reciprocal_ranks_whatever_the_order(
    held: list[dict[Hashable, int]], data: st.DataObject
) -> None:
    weights = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(held),
                                 max_size=len(held)))  # fmt: skip
    fused = fuse_ranks(held, weights)
    groups = {g for one, w in zip(held, weights, strict=True) if w for g in one}
    assert set(fused) == groups
    for group in groups:
        slow = sum(
            w / (60 + one[group]) for one, w in zip(held, weights, strict=True) if group in one
        )
        assert abs(fused[group] - slow) < 1e-11
    scores = list(fused.values())
    assert scores == sorted(scores, reverse=True)
    order = data.draw(st.permutations(range(len(held))))
    assert fuse_ranks([held[i] for i in order], [weights[i] for i in order]) == fused


@given(rankings)
def test_a_ranking_of_all_the_weight_keeps_its_order(held: list[dict[Hashable, int]]) -> None:
    fused = fuse_ranks(held, [1.0] + [0.0] * (len(held) - 1))
    assert list(fused) == list(held[0])


def test_equal_sums_stand_by_their_best_rank_then_by_the_first_ranking() -> None:
    assert list(fuse_ranks([{"a": 1, "b": 2}, {"b": 1, "a": 2}], [1.0, 1.0])) == ["a", "b"]
    assert list(fuse_ranks([{"b": 1, "a": 2}, {"a": 1, "b": 2}], [1.0, 1.0])) == ["b", "a"]


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.sampled_from("abc"), min_size=10))
def test_a_group_has_the_rank_of_its_best_row(rows: list[int], groups: list[str]) -> None:
    kept = [groups[row] for row in first_of_each(rows, groups)]
    assert ranks_of(rows, groups) == {group: kept.index(group) + 1 for group in kept}
