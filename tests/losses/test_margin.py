"""The margin-scalable constraint counts who is behind, by how much, and how hard that weighs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from caselight.losses import margin, margin_scale, violation_rate
from tests.losses.cases import equal, eye, gradients, ids, seeds, units

margins = st.floats(0.0, 2.0)


def hinges(image: Tensor, text: Tensor, relevant: Tensor, ahead: float) -> list[float]:
    """The hinges of both directions, one number at a time."""
    found = []
    for queries, gallery, answers in ((image, text, relevant), (text, image, relevant.T)):
        for i, query in enumerate(queries):
            wrong = [float(query @ g) for j, g in enumerate(gallery) if not bool(answers[i, j])]
            if wrong:
                found.append(max(0.0, ahead + max(wrong) - float(query @ gallery[i])))
    return found


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


@given(seeds, margins, st.floats(0, 5), ids)
def test_margin_is_the_loop_written_by_hand(
    seed: int, ahead: float, scale: float, contents: list[int]
) -> None:
    image, text = units(seed, n=len(contents))
    relevant = equal(contents)
    slow = hinges(image, text, relevant, ahead)
    loss = margin(image, text, relevant, margin=ahead, scale=scale)["margin"]
    assert float(loss) == pytest.approx(scale * mean(slow), rel=1e-9, abs=1e-12)
    rate = violation_rate(image, text, relevant, margin=ahead)
    violated = [float(h > 0) for h in slow]
    assert rate == (pytest.approx(mean(violated)) if slow else None)


@given(seeds, st.floats(0.0, 1.0))
def test_pairs_that_are_ahead_by_the_margin_are_at_rest(seed: int, ahead: float) -> None:
    basis = torch.eye(6, dtype=torch.float64)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    image, text = (basis[order].clone().requires_grad_() for _ in range(2))
    loss = margin(image, text, eye(6), margin=ahead, scale=3.0)["margin"]
    assert float(loss.detach()) == 0
    assert violation_rate(image, text, eye(6), margin=ahead) == 0
    assert all(float(g.abs().max()) == 0 for g in gradients(loss, image, text))


@given(seeds, st.floats(0.01, 1.0))
def test_pairs_that_are_all_alike_miss_the_whole_margin(seed: int, ahead: float) -> None:
    row, _ = units(seed, n=1)
    image = row.expand(4, -1)
    loss = margin(image, image, eye(4), margin=ahead, scale=1.0)["margin"]
    assert float(loss) == pytest.approx(ahead, rel=1e-9)
    assert violation_rate(image, image, eye(4), margin=ahead) == 1


def test_an_item_called_relevant_is_no_negative_any_more() -> None:
    image = torch.eye(3, dtype=torch.float64)
    text = torch.tensor([[0.6, 0.8, 0], [0.8, 0.6, 0], [0, 0, 1]], dtype=torch.float64)
    spared = eye(3)
    spared[0, 1] = True
    # Text 1 beats image 0's own text, and image 0 beats text 1's own image, until they may.
    strict = margin(image, text, eye(3), margin=0.5, scale=1.0)["margin"]
    kind = margin(image, text, spared, margin=0.5, scale=1.0)["margin"]
    assert float(strict) == pytest.approx(4 * 0.7 / 6)
    assert float(kind) == pytest.approx(2 * 0.7 / 6)


def test_only_the_hardest_irrelevant_item_teaches() -> None:
    image = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    text = torch.tensor([[0.6, 0.8], [0.8, 0.6], [0.0, 1.0]], dtype=torch.float64)
    text.requires_grad_()
    only_first = torch.ones(3, 3, dtype=torch.bool)
    only_first[0, 1] = only_first[0, 2] = False
    loss = margin(image, text, only_first, margin=1.0, scale=1.0)["margin"]
    (gradient,) = gradients(loss, text)
    # As the pair, text 0 is pulled towards image 0; text 1 scores 0.8 and is pushed; text 2, at 0,
    # is seen by image 0 but not the hardest, and only has its own row to answer for.
    assert float(gradient[0, 0]) < 0
    assert float(gradient[1, 0]) > 0
    assert float(gradient[2, 0]) == pytest.approx(float((image[0] - image[2])[0]) / 3)


@pytest.mark.parametrize("n", [1, 3])
def test_a_batch_without_an_irrelevant_item_is_at_rest(n: int) -> None:
    image, text = (t.requires_grad_() for t in units(3, n=n))
    everyone = torch.ones(n, n, dtype=torch.bool)
    loss = margin(image, text, everyone, margin=0.5, scale=2.0)["margin"]
    assert float(loss.detach()) == 0
    assert all(float(g.abs().max()) == 0 for g in gradients(loss, image, text))
    assert violation_rate(image, text, everyone, margin=0.5) is None


def test_the_two_directions_are_told_apart() -> None:
    basis = torch.eye(3, dtype=torch.float64)
    one_way = eye(3)
    one_way[0] = True  # image 0 has no irrelevant text; every text still has irrelevant images
    assert len(hinges(basis, basis, one_way, 1.5)) == 5
    assert violation_rate(basis, basis, one_way, margin=1.5) == 1


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 10))
def test_fewer_violations_are_punished_harder(few: float, many: float, most: float) -> None:
    few, many = sorted((few, many))
    low, high = margin_scale(many, max_scale=most), margin_scale(few, max_scale=most)
    assert 1 <= low <= high <= most + 1e-9
    assert margin_scale(1.0, max_scale=most) == 1
    assert margin_scale(0.0, max_scale=most) == pytest.approx(most)
