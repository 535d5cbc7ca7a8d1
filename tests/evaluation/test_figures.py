"""The published block: ceilings, chance, and what no honest model can pass."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.evaluation.figures import (
    FIGURES,
    KS,
    limits,
    per_query,
    plain_interval,
    points,
    score_task,
    summarise,
)
from caselight.evaluation.gallery import Gallery
from caselight.evaluation.suite import score_direction
from caselight.metrics.significance import Interval
from tests.evaluation.galleries import (
    FEW,
    entry,
    galleries,
    gallery,
    group_sizes,
    of_texts,
    tasks,
)

CROSS = ("text_to_image", "image_to_text")
METRICS = (*(f"recall_at_{k}" for k in KS), "median_rank", "map_at_r", "ndcg_at_10", "mrr")
BETTER_WHEN_HIGHER = tuple(name for name in METRICS if name != "median_rank")


@pytest.mark.parametrize("direction", CROSS)
@given(galleries())
def test_the_strict_ceiling_is_the_sum_over_groups_of_equal_texts(
    direction: str, held: Gallery
) -> None:
    """A text that occurs m times finds its own partner in min(k, m) of m orders."""
    sizes = group_sizes(held)
    ceiling = limits(tasks(held)[direction], held)["strict"]["ceiling"]
    for k in KS:
        expected = sum(min(k, m) / m for m in sizes) / len(sizes)
        assert ceiling[f"recall_at_{k}"] == pytest.approx(expected, abs=1e-6)
    harmonic = sum(sum(1 / r for r in range(1, m + 1)) / m for m in sizes) / len(sizes)
    assert ceiling["mrr"] == pytest.approx(harmonic, abs=1e-6)
    assert ceiling["median_rank"] == pytest.approx(np.median([(m + 1) / 2 for m in sizes]))


@pytest.mark.parametrize("direction", CROSS)
@given(galleries())
def test_the_multi_positive_ceiling_is_one(direction: str, held: Gallery) -> None:
    ceiling = limits(tasks(held)[direction], held)["multi_positive"]["ceiling"]
    for name in METRICS:
        assert ceiling[name] == pytest.approx(1.0)


def test_a_ceiling_by_hand() -> None:
    """Four images of one text, one of another: (4 * 1/4 + 1) / 5 at 1, all of them at 5."""
    held = of_texts(["same", "same", "Same ", "same", "other", None])
    ceiling = limits(tasks(held)["text_to_image"], held)["strict"]["ceiling"]
    assert ceiling["recall_at_1"] == pytest.approx(0.4)
    assert ceiling["recall_at_5"] == 1.0
    assert ceiling["median_rank"] == 2.5


@pytest.mark.parametrize("direction", CROSS)
@given(galleries())
def test_chance_is_k_of_the_gallery(direction: str, held: Gallery) -> None:
    task = tasks(held)[direction]
    n = len(task.answers)
    chance = limits(task, held)
    sizes = group_sizes(held)
    for k in KS:
        k_held = min(k, n)
        strict = chance["strict"]["chance"][f"recall_at_{k}"]
        assert strict == pytest.approx(k_held / n, abs=1e-6)
        missed = [math.comb(n - m, k_held) / math.comb(n, k_held) for m in sizes]
        multi = chance["multi_positive"]["chance"][f"recall_at_{k}"]
        assert multi == pytest.approx(1 - sum(missed) / len(missed), abs=1e-6)
    assert chance["strict"]["chance"]["median_rank"] == pytest.approx((n + 1) / 2)
    ranks = sum(1 / r for r in range(1, n + 1)) / n
    assert chance["strict"]["chance"]["mrr"] == pytest.approx(ranks, abs=1e-6)


def test_images_without_a_text_stay_in_the_gallery() -> None:
    held = of_texts(["a", "b", None, None])
    found = limits(tasks(held)["text_to_image"], held)["strict"]["chance"]
    assert found["recall_at_1"] == pytest.approx(0.25)
    found = limits(tasks(held)["image_to_text"], held)["strict"]["chance"]
    assert found["recall_at_1"] == pytest.approx(0.5)
    # A model that puts the silent images first is worse off.
    task = tasks(held)["text_to_image"]
    last = np.array([[1.0, 2, 0, 0], [2, 1, 0, 0]])
    assert points(score_task(last, task).strict)["recall_at_1"] == 0.0


def block(held: Gallery, direction: str, distance: Any) -> Any:
    task = tasks(held)[direction]
    return score_direction(held, task, {"planted": distance}.items(), (), config=FEW)


@pytest.mark.parametrize("direction", [*CROSS, "image_to_image"])
@given(galleries())
def test_a_perfect_model_reaches_exactly_the_ceiling(direction: str, held: Gallery) -> None:
    """It knows everything but which of two equal texts was meant."""
    task = tasks(held)[direction]
    best = {"strict": -task.grades, "multi_positive": -task.grades}
    if direction != "image_to_image":
        best["strict"] = (~task.multi_positive).astype(float)
    for figure in FIGURES:
        found, alarms = block(held, direction, best[figure])
        ceiling = found["planted"][figure]["ceiling"]
        for name in METRICS:
            value = found["planted"][figure][name]["value"]
            if ceiling[name] is None:
                assert value is None
            elif figure == "strict" or name == "ndcg_at_10" or direction == "image_to_image":
                assert value == pytest.approx(ceiling[name], abs=1e-6)
        assert not [a for a in alarms if figure in a and "above the ceiling" in a]


@given(galleries(), st.integers(0, 2**32 - 1))
def test_a_model_that_sees_only_words_never_passes_the_ceiling(held: Gallery, seed: int) -> None:
    """Whatever it makes of them: equal texts have equal distances."""
    rng = np.random.default_rng(seed)
    n_texts = max(held.text_ids.max() + 1, 1)
    for direction in CROSS:
        task = tasks(held)[direction]
        told = rng.integers(0, 4, size=(n_texts, len(held)))
        if direction == "text_to_image":
            distance = told[held.text_ids[task.queries]][:, task.answers]
        else:
            distance = told.T[task.queries][:, held.text_ids[task.answers]]
        bounds = limits(task, held)
        for figure in FIGURES:
            found = points(score_task(distance, task).of(figure))
            for name in BETTER_WHEN_HIGHER:
                value, ceiling = found[name], bounds[figure]["ceiling"][name]
                assert value is not None
                assert value <= ceiling + 2e-6
        _, alarms = score_direction(held, task, {"bits": distance}.items(), (), config=FEW)
        assert not alarms


def test_a_score_above_the_ceiling_raises_the_alarm() -> None:
    """Equal texts told apart, by the order of the file, say: the answer breaks the ties."""
    held = of_texts(["same"] * 6 + ["other", None])
    for direction in CROSS:
        task = tasks(held)[direction]
        honest = (~task.multi_positive).astype(float)
        cheating = honest - 0.5 * task.strict
        assert block(held, direction, honest)[1] == []
        (alarm,) = block(held, direction, cheating)[1]
        assert "above the ceiling" in alarm
        assert direction in alarm
        assert "planted strict Recall@1 is 1.000 and equal texts allow 0.286" in alarm


def test_every_number_is_beside_its_interval() -> None:
    held = of_texts([f"text {n % 7}" for n in range(20)])
    task = tasks(held)["text_to_image"]
    rng = np.random.default_rng(3)
    distance = rng.random((20, 20)) - 0.6 * task.strict
    found, _ = block(held, "text_to_image", distance)
    one = found["planted"]["strict"]
    exact = per_query(score_task(distance, task).strict)
    for name in METRICS:
        by_hand = np.median(exact[name]) if name == "median_rank" else np.mean(exact[name])
        assert one[name]["value"] == pytest.approx(by_hand, abs=1e-6)
        assert one[name]["low"] <= one[name]["value"] <= one[name]["high"]
    assert one["recall_at_1"]["low"] < one["recall_at_1"]["high"]
    assert (one["n_queries"], one["n_gallery"], one["n_unique_texts"]) == (20, 20, 7)
    assert one["n_queries_judged"] == 20


def test_patients_are_resampled_whole() -> None:
    """Ten queries of one patient are worth one: no interval can be told."""
    alone = gallery(*(entry(f"t{n}", study=f"s{n}", patient="p") for n in range(10)))
    assert set(alone.patient_ids) == {0}
    task = tasks(alone)["text_to_image"]
    distance = np.random.default_rng(0).random((10, 10))
    scores = score_task(distance, task).strict
    one = summarise(scores, np.zeros(10, np.int64), FEW.evaluate)["mrr"]
    other = summarise(scores, np.arange(10), FEW.evaluate)["mrr"]
    assert one["value"] == other["value"]
    assert (one["low"], one["high"]) == (None, None)
    assert other["low"] < other["high"]


def test_a_query_that_nothing_answers_is_not_judged() -> None:
    held = gallery(
        entry("a", study="a", labels=("x",)),
        entry("b", study="b", labels=("x",)),
        entry("c", study="c", labels=("alone",)),
    )
    found, _ = block(held, "image_to_image", np.zeros((3, 3)))
    assert found["planted"]["strict"]["n_queries_judged"] == 2
    assert found["planted"]["strict"]["n_queries"] == 3
    nothing = gallery(entry("a", study="a", labels=("x",)), entry("b", study="b"))
    found, alarms = block(nothing, "image_to_image", np.zeros((1, 2)))
    assert found["planted"]["strict"]["mrr"] == {"value": None, "low": None, "high": None}
    assert found["ceiling"]["strict"]["mrr"] is None
    assert alarms == []


def test_what_is_not_defined_is_null() -> None:
    found = plain_interval(Interval(value=0.12345678, low=math.nan, high=1.0))
    assert found == {"value": 0.123457, "low": None, "high": 1.0}
