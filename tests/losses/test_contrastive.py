"""The losses by softmax over a batch: their formulas, their masks, and their edges."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from caselight.losses import asymmetric, infonce, intra_modal
from tests.losses.cases import batches, equal, eye, gradients, ids, seeds, units

temperatures = st.floats(0.05, 2.0)


def weights(seed: int, rows: int, columns: int) -> Tensor:
    """f64[rows, columns], at least 0, about half of them 0, some rows and columns all 0."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand((rows, columns), generator=generator, dtype=torch.float64) - 0.5
    return drawn.clamp_min(0)


def crossed(logits: list[list[float]], target: Tensor) -> float:
    """Mean cross-entropy of the rows that have a positive, one number at a time."""
    found = []
    for row, wanted in zip(logits, target.tolist(), strict=True):
        total = sum(wanted)
        if total > 0:
            whole = math.log(sum(math.exp(x) for x in row))
            found.append(sum(w / total * (whole - x) for w, x in zip(wanted, row, strict=True)))
    return sum(found) / len(found) if found else 0.0


def table(queries: Tensor, gallery: Tensor, divisor: float) -> list[list[float]]:
    return [[float(q @ g) / divisor for g in gallery] for q in queries]


@given(seeds, temperatures, st.integers(1, 5), st.integers(1, 5))
def test_infonce_takes_weights_and_two_batches_of_any_lengths(
    seed: int, temperature: float, n_images: int, n_texts: int
) -> None:
    image, text = units(seed, n=n_images)[0], units(seed + 1, n=n_texts)[1]
    target = weights(seed, n_images, n_texts)
    expected = crossed(table(image, text, temperature), target)
    expected += crossed(table(text, image, temperature), target.T)
    loss = infonce(image, text, target, temperature=temperature)["infonce"]
    assert float(loss) == pytest.approx(expected / 2, rel=1e-9, abs=1e-12)


@given(seeds, temperatures, st.floats(0.01, 100), st.integers(0, 4))
def test_a_row_of_weights_may_be_scaled_only_as_a_whole(
    seed: int, temperature: float, factor: float, row: int
) -> None:
    image, text = units(seed, n=5)
    target = weights(seed, 5, 5) + 0.1
    whole = infonce(image, text, factor * target, temperature=temperature)["infonce"]
    plain = infonce(image, text, target, temperature=temperature)["infonce"]
    assert float(whole) == pytest.approx(float(plain), rel=1e-9)
    doubled = target.clone()
    doubled[row] *= 2  # no change for this row's images, a change for the columns of the texts
    rows = crossed(table(image, text, temperature), doubled)
    assert rows == pytest.approx(crossed(table(image, text, temperature), target), rel=1e-9)


@given(seeds, ids)
def test_weights_of_one_are_the_hard_targets(seed: int, contents: list[int]) -> None:
    image, text = units(seed, n=len(contents))
    same = equal(contents)
    hard = infonce(image, text, same, temperature=0.1)["infonce"]
    soft = infonce(image, text, same.double(), temperature=0.1)["infonce"]
    assert float(hard) == float(soft)


@given(seeds)
def test_a_row_without_a_positive_is_only_a_negative(seed: int) -> None:
    image, text = units(seed, n=4)
    target = eye(4)
    target[2, 2] = False
    image.requires_grad_()
    loss = infonce(image, text, target, temperature=0.1)["infonce"]
    rows = table(image.detach(), text, 0.1)
    columns = [list(c) for c in zip(*rows, strict=True)]
    expected = crossed(rows, target) + crossed(columns, target.T)
    assert float(loss.detach()) == pytest.approx(expected / 2, rel=1e-9)
    (gradient,) = gradients(loss, image)
    # Image 2 answers nothing, and is still in the way of the texts that look for theirs.
    assert float(gradient[2].abs().max()) > 0


def test_a_batch_without_any_positive_is_at_rest() -> None:
    image, text = (t.requires_grad_() for t in units(1, n=3))
    loss = infonce(image, text, torch.zeros(3, 3), temperature=0.1)["infonce"]
    assert float(loss.detach()) == 0
    assert all(float(g.abs().max()) == 0 for g in gradients(loss, image, text))


def test_targets_are_a_constant() -> None:
    image, text = units(2, n=3)
    target = (weights(2, 3, 3) + 0.1).requires_grad_()
    loss = infonce(image.requires_grad_(), text, target, temperature=0.1)["infonce"]
    assert float(gradients(loss, target)[0].abs().max()) == 0


@given(seeds)
def test_soft_targets_are_met_at_their_entropy(seed: int) -> None:
    image, text = units(seed, n=4)
    target = (image @ text.T / 0.3).exp()
    target = target / target.sum(dim=1, keepdim=True)
    image = image.requires_grad_()
    entropy = -(target * target.log()).sum(dim=1).mean()
    rows = -(target * (image @ text.T / 0.3).log_softmax(dim=1)).sum(dim=1).mean()
    assert float(rows.detach()) == pytest.approx(float(entropy.detach()), rel=1e-9)
    lower = infonce(image, text, target, temperature=0.3)["infonce"]
    columns = crossed(table(text, image.detach(), 0.3), target.detach().T)
    assert float(lower.detach()) == pytest.approx((float(entropy.detach()) + columns) / 2, rel=1e-9)


def nt_xent(one: Tensor, two: Tensor, same: Tensor, temperature: float) -> float:
    """The loss between views, one number at a time."""
    n = len(one)
    views = [*one, *two]
    total = 0.0
    for i, view in enumerate(views):
        partner = (i + n) % (2 * n)
        rivals = [j for j in range(2 * n) if j == partner or not bool(same[i % n, j % n])]
        whole = math.log(sum(math.exp(float(view @ views[j]) / temperature) for j in rivals))
        total += whole - float(view @ views[partner]) / temperature
    return total / (2 * n)


@given(seeds, temperatures, ids)
def test_intra_modal_is_the_loop_written_by_hand(
    seed: int, temperature: float, contents: list[int]
) -> None:
    one, two = units(seed, n=len(contents))
    loss = intra_modal(one, two, equal(contents), temperature=temperature)["intra_modal"]
    expected = nt_xent(one, two, equal(contents), temperature)
    assert float(loss) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(seeds)
def test_the_two_views_may_trade_places(seed: int) -> None:
    one, two = units(seed)
    there = intra_modal(one, two, eye(6), temperature=0.2)["intra_modal"]
    back = intra_modal(two, one, eye(6), temperature=0.2)["intra_modal"]
    assert float(there) == pytest.approx(float(back), rel=1e-12)


def test_intra_modal_is_nearly_zero_when_views_agree_and_cases_differ() -> None:
    basis = torch.eye(4)
    assert float(intra_modal(basis, basis, eye(4), temperature=0.01)["intra_modal"]) < 1e-6


def test_views_of_one_content_are_not_pushed_apart() -> None:
    same = equal([0, 0, 1])
    one = torch.eye(3, dtype=torch.float64)
    for spared, pushed in ((same, False), (eye(3), True)):
        two = one.clone().requires_grad_()
        loss = intra_modal(one, two, spared, temperature=0.5)["intra_modal"]
        (gradient,) = gradients(loss, two)
        # A step of training moves every view against its gradient.
        assert bool(-gradient[1] @ one[0] < 0) is pushed
        assert float(-gradient[2] @ one[0]) < 0


def test_a_batch_of_one_content_has_nothing_to_tell_apart() -> None:
    one, two = (t.requires_grad_() for t in units(6, n=3))
    loss = intra_modal(one, two, equal([0, 0, 0]), temperature=0.1)["intra_modal"]
    assert float(loss.detach()) == pytest.approx(0, abs=1e-12)
    assert all(float(g.abs().max()) < 1e-12 for g in gradients(loss, one, two))


@given(seeds, temperatures, st.integers(1, 5), st.integers(1, 5))
def test_asymmetric_is_the_loop_written_by_hand(
    seed: int, temperature: float, n_images: int, n_texts: int
) -> None:
    image, text = batches(seed, n=n_images)[0], batches(seed + 1, n=n_texts)[1]
    target = weights(seed, n_images, n_texts)
    bits = [torch.where(t >= 0, 1.0, -1.0).double() for t in (image, text)]
    expected = crossed(table(image, bits[1], 8 * temperature), target)
    expected += crossed(table(text, bits[0], 8 * temperature), target.T)
    loss = asymmetric(image, text, target, temperature=temperature)["asymmetric"]
    assert float(loss) == pytest.approx(expected / 2, rel=1e-9, abs=1e-12)


@given(seeds)
def test_at_signs_asymmetric_is_infonce(seed: int) -> None:
    image, text = (torch.where(t >= 0, 1.0, -1.0).double() for t in batches(seed))
    loss = asymmetric(image, text, eye(6), temperature=0.2)["asymmetric"]
    symmetric = infonce(image / 8**0.5, text / 8**0.5, eye(6), temperature=0.2)["infonce"]
    assert float(loss) == pytest.approx(float(symmetric), rel=1e-9)


def test_each_side_learns_only_as_the_query() -> None:
    image, text = (t.requires_grad_() for t in batches(7))
    nobody = torch.zeros(6, 6)
    nobody[0, 0] = 1  # image 0 and text 0 alone have an answer
    loss = asymmetric(image, text, nobody, temperature=0.1)["asymmetric"]
    for gradient in gradients(loss, image, text):
        assert float(gradient[0].abs().max()) > 0
        assert float(gradient[1:].abs().max()) == 0


@pytest.mark.parametrize("temperature", [1e-6, 1e6])
@pytest.mark.parametrize("n", [2, 6])
def test_extreme_temperatures_stay_finite_in_single_precision(temperature: float, n: int) -> None:
    image, text = (t.float().requires_grad_() for t in units(9, n=n))
    for loss in (
        infonce(image, text, eye(n), temperature=temperature)["infonce"],
        intra_modal(image, text, eye(n), temperature=temperature)["intra_modal"],
        asymmetric(image, text, eye(n), temperature=temperature)["asymmetric"],
    ):
        assert bool(loss.isfinite())
        assert all(bool(g.isfinite().all()) for g in gradients(loss, image, text))
