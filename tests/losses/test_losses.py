"""Each loss is its formula, teaches something, and is smallest where its docstring says."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from caselight.losses import (
    LOSSES,
    asymmetric,
    bit_balance,
    bit_independence,
    distillation,
    djsrh,
    greedy_penalty,
    infonce,
    intra_modal,
    jdsh,
    margin,
    quantization,
    ucch,
)
from tests.losses.cases import batches, eye, seeds, units

TAKEN: dict[str, Callable[[Tensor, Tensor], dict[str, Tensor]]] = {
    "infonce": lambda image, text: infonce(
        F.normalize(image, dim=1), F.normalize(text, dim=1), eye(len(image)), temperature=0.1
    ),
    "intra_modal": lambda image, text: intra_modal(
        F.normalize(image, dim=1), F.normalize(text, dim=1), eye(len(image)), temperature=0.1
    ),
    "margin": lambda image, text: margin(
        F.normalize(image, dim=1), F.normalize(text, dim=1), eye(len(image)), margin=0.2, scale=2.0
    ),
    "asymmetric": lambda image, text: asymmetric(image, text, eye(len(image)), temperature=0.1),
    "distillation": lambda image, text: distillation(
        image, text, *_of_rows(image, text), temperature=0.2, teacher_temperature=0.1
    ),
    "quantization": quantization,
    "bit_balance": bit_balance,
    "bit_independence": bit_independence,
    "greedy_penalty": greedy_penalty,
    "djsrh": lambda image, text: djsrh(
        image,
        text,
        *_of_rows(image, text),
        image_share=0.6,
        second_order=0.4,
        stretch=1.5,
        intra_weight=0.1,
    ),
    "jdsh": lambda image, text: jdsh(
        image,
        text,
        *_of_rows(image, text),
        image_share=0.5,
        text_share=0.1,
        unlike_cutoff=1.0,
        alike_cutoff=1.0,
        unlike_weight=0.1,
        alike_weight=0.2,
        stretch=1.4,
        intra_weight=0.1,
    ),
    "ucch": lambda image, text: ucch(
        image,
        text,
        eye(len(image)),
        temperature=0.9,
        margin=0.2,
        shift=1.0,
        contrast_share=0.7,
    ),
}
"""Every loss of the table, as a function of two batches."""


def _of_rows(image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Float embeddings that go with their rows in any order, f64[B, 4], and stand a small step."""
    uneven = torch.arange(1.0, 5.0, dtype=image.dtype)
    rough = ((t.detach() > 0) * 2 - 1 for t in (image[:, :4], text[:, -4:]))
    i, t = (F.normalize(bits * uneven, dim=1) for bits in rough)
    return i, t


def by_hand(image: Tensor, text: Tensor, same: Tensor, temperature: float) -> float:
    """The same contrastive loss, one number at a time."""
    n = len(image)
    total = 0.0
    for queries, answers in ((image, text), (text, image)):
        for i in range(n):
            logits = [float(queries[i] @ answers[j]) / temperature for j in range(n)]
            whole = math.log(sum(math.exp(x) for x in logits))
            positives = [j for j in range(n) if bool(same[i, j])]
            total += sum(whole - logits[j] for j in positives) / len(positives)
    return total / (2 * n)


def test_the_table_names_every_loss_of_the_room() -> None:
    assert set(LOSSES) == set(TAKEN)
    assert all(LOSSES[name].__name__ == name for name in LOSSES)


@pytest.mark.parametrize("name", list(TAKEN))
def test_a_loss_returns_its_terms_by_name_and_teaches_both_sides(name: str) -> None:
    image, text = (t.requires_grad_() for t in batches(3))
    terms = TAKEN[name](image, text)
    assert list(terms) == [name]
    assert terms[name].shape == ()
    assert float(terms[name].detach()) > 0
    terms[name].backward()  # type: ignore[no-untyped-call]
    for side in (image, text):
        assert side.grad is not None
        assert bool(side.grad.isfinite().all())
        assert float(side.grad.abs().max()) > 0


@pytest.mark.parametrize("name", list(TAKEN))
def test_following_the_gradient_lowers_the_loss(name: str) -> None:
    image, text = (t.requires_grad_() for t in batches(4))
    start = TAKEN[name](image, text)[name]
    g_image, g_text = torch.autograd.grad(start, (image, text))
    after = TAKEN[name](image - 0.01 * g_image, text - 0.01 * g_text)[name]
    assert float(after.detach()) < float(start.detach())


@pytest.mark.parametrize("name", list(TAKEN))
@given(seed=seeds)
def test_a_loss_does_not_depend_on_the_order_of_the_pairs(name: str, seed: int) -> None:
    image, text = batches(seed)
    order = torch.randperm(len(image), generator=torch.Generator().manual_seed(seed))
    loss, shuffled = TAKEN[name](image, text)[name], TAKEN[name](image[order], text[order])[name]
    assert float(loss) == pytest.approx(float(shuffled), rel=1e-9)


@pytest.mark.parametrize("name", list(TAKEN))
@pytest.mark.parametrize("n", [2, 5])
def test_a_batch_of_identical_rows_stays_finite(name: str, n: int) -> None:
    one, other = batches(8, n=1)
    image, text = (t.expand(n, -1).clone().requires_grad_() for t in (one, other))
    loss = TAKEN[name](image, text)[name]
    assert bool(loss.isfinite())
    for gradient in torch.autograd.grad(loss, (image, text)):
        assert bool(gradient.isfinite().all())


@given(seeds, st.floats(0.05, 2.0), st.lists(st.integers(0, 3), min_size=2, max_size=7))
def test_infonce_is_the_loop_written_by_hand(
    seed: int, temperature: float, text_ids: list[int]
) -> None:
    image, text = units(seed, n=len(text_ids))
    ids = torch.tensor(text_ids)
    same = ids[:, None] == ids[None, :]
    loss = infonce(image, text, same, temperature=temperature)["infonce"]
    assert float(loss) == pytest.approx(by_hand(image, text, same, temperature), rel=1e-9)


@given(seeds)
def test_without_equal_texts_infonce_is_symmetric_cross_entropy(seed: int) -> None:
    image, text = units(seed)
    logits, own = image @ text.T / 0.1, torch.arange(len(image))
    expected = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    loss = infonce(image, text, eye(len(image)), temperature=0.1)["infonce"]
    assert float(loss) == pytest.approx(float(expected), rel=1e-9)


def test_infonce_is_nearly_zero_when_every_pair_is_found() -> None:
    basis = torch.eye(4)
    assert float(infonce(basis, basis, eye(4), temperature=0.01)["infonce"]) < 1e-6
    wrong = infonce(basis, basis.roll(1, 0), eye(4), temperature=0.01)["infonce"]
    assert float(wrong) == pytest.approx(100, rel=1e-3)


@given(st.floats(0.05, 0.5), st.floats(0.5, 2.0))
def test_a_smaller_temperature_is_sharper(cold: float, warm: float) -> None:
    basis = torch.eye(4, dtype=torch.float64)
    losses = [
        float(infonce(basis, basis, eye(4), temperature=t)["infonce"]) for t in (cold, warm + 0.01)
    ]
    assert losses[0] < losses[1]


def test_two_pairs_of_one_text_are_not_pushed_apart() -> None:
    twins = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    image = torch.eye(3, dtype=torch.float64)
    for same, pushed in ((twins, False), (eye(3), True)):
        text = image.clone().requires_grad_()
        infonce(image, text, same, temperature=0.5)["infonce"].backward()  # type: ignore[no-untyped-call]
        assert text.grad is not None
        # A step of training moves every text against its gradient.
        assert bool(-text.grad[1] @ image[0] < 0) is pushed
        assert float(-text.grad[2] @ image[0]) < 0


def test_a_batch_of_one_text_is_at_rest_when_all_are_alike() -> None:
    image = torch.eye(2, dtype=torch.float64)[[0, 0, 0]].requires_grad_()
    everyone = torch.ones((3, 3), dtype=torch.bool)
    loss = infonce(image, image.detach(), everyone, temperature=0.1)["infonce"]
    assert float(loss.detach()) == pytest.approx(math.log(3))
    loss.backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    assert float(image.grad.abs().max()) < 1e-12


@given(seeds)
def test_quantization_is_zero_at_signs_and_one_at_zero(seed: int) -> None:
    image, text = (torch.where(t >= 0, 1.0, -1.0) for t in batches(seed))
    assert float(quantization(image, text)["quantization"]) == 0
    assert float(quantization(0 * image, 0 * text)["quantization"]) == 1
    assert float(quantization(0 * image, text)["quantization"]) == 0.5


@given(seeds)
def test_quantization_is_the_mean_squared_distance_to_the_sign(seed: int) -> None:
    image, text = batches(seed)
    gaps = [(float(v) - math.copysign(1, v)) ** 2 for t in (image, text) for v in t.flatten()]
    loss = float(quantization(image, text)["quantization"])
    assert loss == pytest.approx(sum(gaps) / len(gaps), rel=1e-9)
    assert 0 <= loss <= 1


@given(seeds)
def test_bit_balance_is_zero_for_bits_on_half_of_the_time_and_one_for_stuck_bits(
    seed: int,
) -> None:
    image, text = (torch.where(t >= 0, 1.0, -1.0) for t in batches(seed))
    balanced = torch.cat([image, -image]), torch.cat([text, -text])
    assert float(bit_balance(*balanced)["bit_balance"]) == 0
    stuck = image[:1].expand(6, -1), text[:1].expand(6, -1)
    assert float(bit_balance(*stuck)["bit_balance"]) == 1
    assert float(bit_balance(stuck[0], balanced[1])["bit_balance"]) == 0.5


@given(seeds)
def test_bit_balance_is_the_mean_over_bits_of_the_squared_batch_mean(seed: int) -> None:
    image, text = batches(seed)
    leans = [(sum(map(float, c)) / len(c)) ** 2 for t in (image, text) for c in t.T]
    loss = float(bit_balance(image, text)["bit_balance"])
    assert loss == pytest.approx(sum(leans) / len(leans), rel=1e-9)
