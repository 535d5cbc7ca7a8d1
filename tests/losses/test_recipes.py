"""The published recipes are their formulas, written out, and forgive what they say they forgive."""

import math
from statistics import median_low
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from caselight.losses import djsrh, jdsh, ucch
from tests.losses.cases import batches, equal, eye, gradients, ids, seeds, units

Table = list[list[float]]


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b) / (float(a.norm()) * float(b.norm()))


def cosines(left: Tensor, right: Tensor) -> Table:
    return [[cosine(a, b) for b in right] for a in left]


def error(left: Tensor, right: Tensor, wanted: Table) -> float:
    """Mean squared error between cosines and what they should be."""
    pairs = zip(cosines(left, right), wanted, strict=True)
    gaps = [(c - w) ** 2 for cs, ws in pairs for c, w in zip(cs, ws, strict=True)]
    return sum(gaps) / len(gaps)


def affinity(image: Tensor, text: Tensor, beta: float, eta: float) -> Table:
    """The joint-semantics affinity, one number at a time."""
    s_image, s_text, n = cosines(image, image), cosines(text, text), len(image)
    mixed = [[beta * s_image[i][j] + (1 - beta) * s_text[i][j] for j in range(n)] for i in range(n)]
    return [
        [
            (1 - eta) * mixed[i][j] + eta * sum(mixed[i][k] * mixed[j][k] for k in range(n)) / n
            for j in range(n)
        ]
        for i in range(n)
    ]


@given(seeds, st.floats(0, 1), st.floats(0, 1), st.floats(1, 2), st.floats(0, 1))
def test_djsrh_is_the_formula_written_by_hand(
    seed: int, beta: float, eta: float, mu: float, within: float
) -> None:
    image, text = batches(seed, n=3)
    source_image, source_text = batches(seed + 1, n=3, width=4)
    wanted = [[mu * s for s in row] for row in affinity(source_image, source_text, beta, eta)]
    expected = error(image, text, wanted)
    expected += within * (error(image, image, wanted) + error(text, text, wanted))
    loss = djsrh(
        image,
        text,
        source_image,
        source_text,
        image_share=beta,
        second_order=eta,
        stretch=mu,
        intra_weight=within,
    )["djsrh"]
    assert float(loss) == pytest.approx(expected, rel=1e-9)


@given(seeds)
def test_djsrh_is_zero_at_codes_whose_cosines_are_the_source_s(seed: int) -> None:
    codes, _ = (torch.where(t >= 0, 1.0, -1.0).double() for t in batches(seed))
    loss = djsrh(
        codes, codes, 3 * codes, codes, image_share=0.3, second_order=0, stretch=1, intra_weight=1
    )["djsrh"]
    assert float(loss) == pytest.approx(0, abs=1e-12)


def joint(image: Tensor, text: Tensor, alpha: float, beta: float) -> Table:
    """JDSH's similarity before any weight, one number at a time."""
    s_image, s_text = cosines(image, image), cosines(text, text)
    across = cosines(torch.tensor(s_image), torch.tensor(s_text))
    n = len(image)
    return [
        [
            alpha * s_image[i][j]
            + beta * s_text[i][j]
            + (1 - alpha - beta) * (across[i][j] + across[j][i]) / 2
            for j in range(n)
        ]
        for i in range(n)
    ]


def weighted(table: Table, cuts: tuple[float, float], weights: tuple[float, float]) -> Table:
    """The same, pushed outwards where it is sure."""
    n = len(table)
    others = [table[i][j] for i in range(n) for j in range(n) if i != j]
    middle = median_low(others)

    def spread(gaps: list[float]) -> float:
        return math.sqrt(sum(g * g for g in gaps) / len(gaps)) if gaps else 0.0

    left = middle - cuts[0] * spread([middle - s for s in others if s < middle])
    right = middle + cuts[1] * spread([s - middle for s in others if s > middle])

    def push(s: float) -> float:
        if s < left:
            return s * (1 + weights[0] * math.exp(min(others) - s))
        return s * (1 + weights[1] * math.exp(s - max(others))) if s > right else s

    return [[push(s) for s in row] for row in table]


@given(seeds, st.floats(0.2, 0.6), st.floats(0, 0.4), st.floats(0.3, 1.7), st.floats(0.3, 1.7))
def test_jdsh_is_the_formula_written_by_hand(
    seed: int, alpha: float, beta: float, unlike: float, alike: float
) -> None:
    image, text = batches(seed, n=4)
    source_image, source_text = batches(seed + 1, n=4, width=4)
    table = joint(source_image.double(), source_text.double(), alpha, beta)
    wanted = [[1.4 * s for s in row] for row in weighted(table, (unlike, alike), (0.5, 0.7))]
    expected = 2 * error(image, text, wanted)
    expected -= sum(cosine(i, t) for i, t in zip(image, text, strict=True)) / 4
    expected += 0.1 * (error(image, image, wanted) + error(text, text, wanted))
    loss = jdsh(
        image,
        text,
        source_image,
        source_text,
        image_share=alpha,
        text_share=beta,
        unlike_cutoff=unlike,
        alike_cutoff=alike,
        unlike_weight=0.5,
        alike_weight=0.7,
        stretch=1.4,
        intra_weight=0.1,
    )["jdsh"]
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_the_sources_are_held_fixed() -> None:
    codes = [t.requires_grad_() for t in batches(2)]
    sources = [t.requires_grad_() for t in units(3)]
    first = djsrh(
        *codes, *sources, image_share=0.6, second_order=0.4, stretch=1.5, intra_weight=0.1
    )["djsrh"]
    second = jdsh(
        *codes,
        *sources,
        image_share=0.5,
        text_share=0.1,
        unlike_cutoff=1,
        alike_cutoff=1,
        unlike_weight=0.1,
        alike_weight=0.2,
        stretch=1.4,
        intra_weight=0.1,
    )["jdsh"]
    for loss in (first, second):
        assert all(float(g.abs().max()) == 0 for g in gradients(loss, *sources))


def entropy(logits: Table, same: Tensor) -> float:
    """Mean cross-entropy of the diagonal, rows of equal content left out, one number at a time."""
    total = 0.0
    for i, row in enumerate(logits):
        spared = [j for j in range(len(same)) if j != i and bool(same[i, j])]
        whole = sum(math.exp(x) for j, x in enumerate(row) if j not in spared)
        total += math.log(whole) - row[i]
    return total / len(logits)


def ucch_by_hand(image: Tensor, text: Tensor, same: Tensor, alpha: float, margin: float) -> float:
    shared = torch.stack([(i + t).sign() for i, t in zip(image, text, strict=True)])
    contrast = ranking = 0.0
    for side, other in ((image, text), (text, image)):
        scores = cosines(side, other)
        for i, row in enumerate(scores):
            own = row[i]
            scores[i] = [s if s >= own - margin else s - 0.3 for s in row]
        ranking += entropy(scores, same)
        contrast += entropy([[c / 0.9 for c in row] for row in cosines(side, shared)], same)
    return alpha * contrast + (1 - alpha) * ranking


@given(seeds, ids, st.floats(0, 1), st.floats(0, 0.5))
def test_ucch_is_the_formula_written_by_hand(
    seed: int, contents: list[int], alpha: float, margin: float
) -> None:
    image, text = batches(seed, n=len(contents))
    same = equal(contents)
    loss = ucch(
        image,
        text,
        same,
        temperature=0.9,
        margin=margin,
        shift=0.3,
        contrast_share=alpha,
    )["ucch"]
    slow = ucch_by_hand(image, text, same, alpha, margin)
    assert float(loss) == pytest.approx(slow, rel=1e-9)


def test_an_item_beaten_by_the_margin_hardly_teaches() -> None:
    image = torch.eye(2, dtype=torch.float64)
    settings: dict[str, Any] = {"temperature": 0.9, "margin": 0.2, "contrast_share": 0.0}
    moved = []
    for shift in (0.0, 5.0):
        text = image.clone().requires_grad_()
        loss = ucch(image, text, eye(2), shift=shift, **settings)["ucch"]
        moved.append(float(gradients(loss, text)[0].abs().max()))
    assert 0 < moved[1] < 0.02 * moved[0]


def test_cases_of_one_content_are_no_negatives_in_ucch() -> None:
    image, text = (t.requires_grad_() for t in batches(5, n=3))
    loss = ucch(
        image,
        text,
        equal([0, 0, 0]),
        temperature=0.9,
        margin=0.2,
        shift=1.0,
        contrast_share=0.5,
    )["ucch"]
    assert float(loss.detach()) == pytest.approx(0, abs=1e-12)
    assert all(float(g.abs().max()) < 1e-12 for g in gradients(loss, image, text))


def test_a_bit_the_modalities_disagree_on_outright_has_no_say() -> None:
    image = torch.tensor([[1.0, 1, 1, 1], [-1, 1, -1, 1]], dtype=torch.float64)
    text = image * torch.tensor([1.0, 1, 1, -1], dtype=torch.float64)
    settings: dict[str, Any] = {
        "temperature": 0.9,
        "margin": 0.2,
        "shift": 1.0,
        "contrast_share": 1.0,
    }
    loss = ucch(image, text, eye(2), **settings)["ucch"]
    codes = F.normalize(image * torch.tensor([1.0, 1, 1, 0], dtype=torch.float64), dim=1)
    slow = sum(
        entropy([[c / 0.9 for c in r] for r in cosines(s, codes)], eye(2)) for s in (image, text)
    )
    assert float(loss) == pytest.approx(slow, rel=1e-9)
