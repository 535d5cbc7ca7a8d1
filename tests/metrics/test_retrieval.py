"""The fast expectations against every order that ties allow, and against trec_eval."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from math import log2
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.metrics.retrieval import QueryScores, score_queries

KS = (1, 2, 3, 5, 50)


@dataclass(frozen=True, kw_only=True)
class Batch:
    distance: NDArray[np.int64]
    relevant: NDArray[np.bool_]
    gain: NDArray[np.float64]
    keep: NDArray[np.bool_]

    def score(self) -> QueryScores:
        return score_queries(self.distance, self.relevant, gain=self.gain, keep=self.keep, ks=KS)


@st.composite
def batches(draw: st.DrawFn, *, max_gallery: int = 6) -> Batch:
    """Few distances, so that ties are common."""
    n_queries = draw(st.integers(1, 3))
    n_gallery = draw(st.integers(1, max_gallery))

    def table(cell: st.SearchStrategy[int]) -> NDArray[np.int64]:
        row = st.lists(cell, min_size=n_gallery, max_size=n_gallery)
        return np.array(draw(st.lists(row, min_size=n_queries, max_size=n_queries)))

    return Batch(
        distance=table(st.integers(0, 3)),
        relevant=table(st.integers(0, 1)).astype(np.bool_),
        gain=table(st.integers(0, 3)).astype(np.float64),
        keep=table(st.sampled_from([0, 1, 1, 1])).astype(np.bool_),
    )


def columns(scores: QueryScores) -> dict[str, NDArray[np.float64]]:
    table = {f"recall_at_{k}": found for k, found in scores.recall_at.items()}
    for name in ("first_rank", "reciprocal_rank", "ap_at_r", "ndcg_at_10"):
        table[name] = getattr(scores, name)
    return table


def assert_same(a: QueryScores, b: QueryScores) -> None:
    assert np.array_equal(a.judged, b.judged)
    for name, values in columns(a).items():
        np.testing.assert_allclose(values, columns(b)[name], rtol=0, atol=1e-12, err_msg=name)


def of_one_order(relevant: Sequence[bool], gain: Sequence[float]) -> dict[str, float]:
    """Score one strict order, as the definitions read."""
    n_relevant = sum(relevant)
    first = relevant.index(True) + 1
    ideal = sum(g / log2(i + 2) for i, g in enumerate(sorted(gain, reverse=True)[:10]))
    got = sum(g / log2(i + 2) for i, g in enumerate(gain[:10]))
    precisions = [sum(relevant[:i]) / i for i in range(1, n_relevant + 1) if relevant[i - 1]]
    return {f"recall_at_{k}": float(any(relevant[:k])) for k in KS} | {
        "first_rank": float(first),
        "reciprocal_rank": 1 / first,
        "ap_at_r": sum(precisions) / n_relevant,
        "ndcg_at_10": got / ideal if ideal else float("nan"),
    }


def of_every_order(batch: Batch, query: int) -> dict[str, float]:
    """Average over every order of the kept items that never puts a farther one first."""
    kept = np.flatnonzero(batch.keep[query])
    distance = batch.distance[query]
    scored = [
        of_one_order(
            [bool(batch.relevant[query, i]) for i in order],
            [float(batch.gain[query, i]) for i in order],
        )
        for order in permutations(kept)
        if all(distance[a] <= distance[b] for a, b in pairwise(order))
    ]
    return {name: float(np.mean([one[name] for one in scored])) for name in scored[0]}


@settings(max_examples=60, deadline=None)
@given(batches())
def test_every_metric_is_the_mean_over_all_tie_orders(batch: Batch) -> None:
    scores = batch.score()
    assert np.array_equal(scores.judged, (batch.relevant & batch.keep).any(axis=1))
    for query, judged in enumerate(scores.judged):
        found = {name: values[query] for name, values in columns(scores).items()}
        if judged:
            assert found == pytest.approx(of_every_order(batch, query), abs=1e-12, nan_ok=True)
        else:
            assert np.isnan(list(found.values())).all()


@given(batches(max_gallery=15), st.randoms(use_true_random=False))
def test_gallery_order_changes_nothing(batch: Batch, random: Random) -> None:
    order = list(range(batch.distance.shape[1]))
    random.shuffle(order)
    moved = Batch(
        distance=batch.distance[:, order],
        relevant=batch.relevant[:, order],
        gain=batch.gain[:, order],
        keep=batch.keep[:, order],
    )
    assert_same(batch.score(), moved.score())


@given(batches(max_gallery=15))
def test_fractions_lie_in_0_to_1_and_recall_grows_with_k(batch: Batch) -> None:
    scores = batch.score()
    for name, values in columns(scores).items():
        held = values[~np.isnan(values)]
        if name == "first_rank":
            assert ((held >= 1) & (held <= batch.distance.shape[1])).all()
        else:
            assert ((held >= 0) & (held <= 1)).all(), name
    recalls = np.array([scores.recall_at[k][scores.judged] for k in KS])
    assert (np.diff(recalls, axis=0) >= 0).all()
    assert (recalls[-1] == 1).all()


@given(batches(max_gallery=15), st.data())
def test_keep_is_the_same_as_deleting_columns(batch: Batch, data: st.DataObject) -> None:
    n_gallery = batch.distance.shape[1]
    stay = np.array(data.draw(st.lists(st.booleans(), min_size=n_gallery, max_size=n_gallery)))
    keep = np.broadcast_to(stay, batch.distance.shape)
    left_out = score_queries(batch.distance, batch.relevant, gain=batch.gain, keep=keep, ks=KS)
    deleted = score_queries(
        batch.distance[:, stay], batch.relevant[:, stay], gain=batch.gain[:, stay], ks=KS
    )
    assert_same(left_out, deleted)


@given(batches(max_gallery=15))
def test_the_type_that_holds_a_distance_changes_nothing(batch: Batch) -> None:
    for distance in (batch.distance / 7, batch.distance - 2, batch.distance.astype(np.int32) << 20):
        other = score_queries(distance, batch.relevant, gain=batch.gain, keep=batch.keep, ks=KS)
        assert_same(batch.score(), other)


def test_a_tie_is_not_settled_by_position() -> None:
    distance = np.array([[3, 3, 3, 9]])
    relevant = np.array([[True, False, False, False]])
    by_position = float(relevant[0, np.argsort(distance[0], kind="stable")[0]])
    scores = score_queries(distance, relevant, ks=(1, 2))
    assert by_position == 1.0
    assert scores.recall_at[1] == pytest.approx([1 / 3])
    assert scores.recall_at[2] == pytest.approx([2 / 3])
    assert scores.first_rank == pytest.approx([2.0])
    assert scores.reciprocal_rank == pytest.approx([(1 + 1 / 2 + 1 / 3) / 3])


def test_all_tied_distances_give_chance_level() -> None:
    n_gallery = 1000
    relevant = np.arange(n_gallery)[None] == 123
    scores = score_queries(np.zeros((1, n_gallery), dtype=np.int32), relevant, ks=(1, 10, 400))
    for k, found in scores.recall_at.items():
        assert found == pytest.approx([k / n_gallery], rel=1e-12)
    assert scores.first_rank == pytest.approx([(n_gallery + 1) / 2])
    assert scores.ap_at_r == pytest.approx([1 / n_gallery])
    harmonic = (1 / np.arange(1, n_gallery + 1)).sum()
    assert scores.reciprocal_rank == pytest.approx([harmonic / n_gallery])


def test_blocks_do_not_mix_queries() -> None:
    """Enough queries for several blocks, each scored again alone."""
    rng = np.random.default_rng(0)
    distance = rng.binomial(32, 0.5, (700, 900))
    relevant = rng.random(distance.shape) < rng.random((700, 1)) * 0.02
    keep = rng.random(distance.shape) < 0.9
    together = columns(score_queries(distance, relevant, keep=keep))
    for query in (0, 350, 699):
        row = slice(query, query + 1)
        alone = columns(score_queries(distance[row], relevant[row], keep=keep[row]))
        for name, values in alone.items():
            np.testing.assert_allclose(together[name][row], values, rtol=1e-12)


def test_an_empty_gallery_judges_no_query() -> None:
    scores = score_queries(np.zeros((2, 0), dtype=int), np.zeros((2, 0), dtype=bool))
    assert not scores.judged.any()
    assert np.isnan(scores.recall_at[1]).all()


def test_parity_with_trec_eval_where_nothing_ties() -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval")
    ir_measures = pytest.importorskip("ir_measures")
    rng = np.random.default_rng(1)
    n_queries, n_gallery = 12, 40
    distance = np.argsort(rng.random((n_queries, n_gallery)), axis=1)
    grade = rng.choice(4, size=distance.shape, p=[0.8, 0.1, 0.05, 0.05])
    grade[:, 0] = 1
    scores = score_queries(distance, grade > 0, gain=grade.astype(float), ks=(1, 5, 10))

    def by_name(table: NDArray[np.int64]) -> dict[str, dict[str, int]]:
        return {
            f"q{q}": {f"d{d}": int(cell) for d, cell in enumerate(row)}
            for q, row in enumerate(table)
        }

    qrels = by_name(grade)
    run = {q: {d: -float(x) for d, x in row.items()} for q, row in by_name(distance).items()}
    n_relevant = (grade > 0).sum(axis=1)
    depths = ",".join(str(r) for r in sorted(set(n_relevant)))
    measures = {"success.1,5,10", "recip_rank", "ndcg_cut.10", f"map_cut.{depths}"}
    judged = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    for q in range(n_queries):
        theirs = judged[f"q{q}"]
        for k in (1, 5, 10):
            assert scores.recall_at[k][q] == pytest.approx(theirs[f"success_{k}"])
        assert scores.reciprocal_rank[q] == pytest.approx(theirs["recip_rank"])
        assert scores.ndcg_at_10[q] == pytest.approx(theirs["ndcg_cut_10"])
        assert scores.ap_at_r[q] == pytest.approx(theirs[f"map_cut_{n_relevant[q]}"])

    means = ir_measures.calc_aggregate(
        [ir_measures.Success @ 5, ir_measures.RR, ir_measures.nDCG @ 10], qrels, run
    )
    assert scores.recall_at[5].mean() == pytest.approx(means[ir_measures.Success @ 5])
    assert scores.reciprocal_rank.mean() == pytest.approx(means[ir_measures.RR])
    assert scores.ndcg_at_10.mean() == pytest.approx(means[ir_measures.nDCG @ 10])


ONE = np.ones((1, 2))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distance": np.ones(2)}, "axes"),
        ({"relevant": np.ones((2, 2), dtype=bool)}, "relevant has shape"),
        ({"relevant": ONE}, "needs bool"),
        ({"keep": np.ones((1, 3), dtype=bool)}, "keep has shape"),
        ({"distance": np.array([[0.0, np.nan]])}, "1 distances are NaN"),
        ({"gain": np.array([[0.0, -1.0]])}, "negative"),
        ({"gain": np.array([[0.0, np.inf]])}, "not finite"),
        ({"ks": (5, 0)}, "k = 0"),
    ],
)
def test_what_cannot_be_scored_is_refused(change: dict[str, object], words: str) -> None:
    whole: dict[str, object] = {"distance": ONE, "relevant": np.ones((1, 2), dtype=bool)}
    with pytest.raises(ValueError, match=words):
        score_queries(**(whole | change))  # type: ignore[arg-type]


def test_a_left_out_item_may_have_no_distance() -> None:
    scores = score_queries(
        np.array([[np.nan, 1.0, 2.0]]),
        np.array([[True, False, True]]),
        keep=np.array([[False, True, True]]),
    )
    assert scores.first_rank == pytest.approx([2.0])
