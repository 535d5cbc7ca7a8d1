"""What stands in for the sign is bounded, has the gradient it names, and agrees with the codes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from caselight.codes import sign_bits
from caselight.losses import RELAXATIONS, bit_independence, greedy_penalty
from caselight.losses.relaxations import signs
from tests.losses.cases import batches, gradients, seeds

reals = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=12)


def slope(name: str, values: list[float], sharpness: float = 1.0) -> list[float]:
    at = torch.tensor(values, requires_grad=True)
    (gradient,) = gradients(RELAXATIONS[name](at, sharpness).sum(), at)
    found: list[float] = gradient.tolist()
    return found


@pytest.mark.parametrize("name", list(RELAXATIONS))
@given(values=reals, sharpness=st.floats(0.1, 100))
def test_a_relaxed_bit_lies_between_the_signs_and_on_the_side_of_its_own(
    name: str, values: list[float], sharpness: float
) -> None:
    relaxed = RELAXATIONS[name](torch.tensor(values), sharpness)
    assert float(relaxed.abs().max()) <= 1
    for bit, value in zip(relaxed.tolist(), values, strict=True):
        assert bit * value >= 0


@pytest.mark.parametrize("name", ["straight_through", "greedy_hash"])
@given(values=reals)
def test_these_are_exactly_the_bits_of_the_codes(name: str, values: list[float]) -> None:
    real = torch.tensor([*values, 0.0, -0.0, 1e-30, -1e-30])
    assert np.array_equal(RELAXATIONS[name](real, 1.0).numpy(), sign_bits(real.numpy()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_signs_keep_the_type_and_carry_no_gradient(dtype: torch.dtype) -> None:
    bits = signs(torch.tensor([-2.0, 0.0, 3.0], dtype=dtype, requires_grad=True))
    assert bits.dtype == dtype
    assert not bits.requires_grad
    assert bits.tolist() == [-1, 1, 1]


@pytest.mark.parametrize("name", list(RELAXATIONS))
def test_what_is_no_number_stays_none(name: str) -> None:
    relaxed = RELAXATIONS[name](torch.tensor([math.nan, 1.0]), 1.0)
    assert relaxed.isnan().tolist() == [True, False]


@given(st.floats(-3, 3), st.floats(0.1, 10))
def test_tanh_has_its_own_gradient_and_hardens(value: float, sharpness: float) -> None:
    bit = math.tanh(sharpness * value)
    found = RELAXATIONS["tanh"](torch.tensor(value, dtype=torch.float64), sharpness)
    assert float(found) == pytest.approx(bit)
    assert slope("tanh", [value], sharpness)[0] == pytest.approx(
        sharpness * (1 - bit**2), rel=1e-3, abs=1e-5
    )
    harder = RELAXATIONS["tanh"](torch.tensor(value, dtype=torch.float64), 2 * sharpness)
    assert abs(float(harder)) >= abs(bit)


def test_straight_through_stops_the_gradient_beyond_one() -> None:
    assert slope("straight_through", [-1.5, -1.0, -0.2, 0.0, 0.7, 1.0, 1.01]) == [
        0, 1, 1, 1, 1, 1, 0,
    ]  # fmt: skip


def test_greedy_hash_passes_the_gradient_everywhere() -> None:
    assert slope("greedy_hash", [-9.0, -0.2, 0.0, 0.7, 50.0]) == [1, 1, 1, 1, 1]


@given(seeds)
def test_greedy_penalty_is_the_mean_cubed_distance_to_the_sign(seed: int) -> None:
    image, text = (3 * t for t in batches(seed))
    gaps = [abs(float(v) - math.copysign(1, v)) ** 3 for t in (image, text) for v in t.flatten()]
    loss = float(greedy_penalty(image, text)["greedy_penalty"])
    assert loss == pytest.approx(sum(gaps) / len(gaps), rel=1e-9)


@given(seeds)
def test_greedy_penalty_is_at_rest_at_signs(seed: int) -> None:
    image, text = (signs(t).requires_grad_() for t in batches(seed))
    loss = greedy_penalty(image, text)["greedy_penalty"]
    assert float(loss.detach()) == 0
    assert all(float(g.abs().max()) == 0 for g in gradients(loss, image, text))


def overlaps(codes: Tensor) -> list[float]:
    """The squared product moment of every two bits, one number at a time."""
    n_cases, n_bits = codes.shape
    moments = [
        sum(float(row[a]) * float(row[b]) for row in codes) / n_cases
        for a in range(n_bits)
        for b in range(n_bits)
        if a != b
    ]
    return [m**2 for m in moments]


@given(seeds)
def test_bit_independence_is_the_mean_over_pairs_of_bits(seed: int) -> None:
    image, text = batches(seed, n=4, width=5)
    slow = overlaps(image) + overlaps(text)
    loss = float(bit_independence(image, text)["bit_independence"])
    assert loss == pytest.approx(sum(slow) / len(slow), rel=1e-9)


def test_bit_independence_is_zero_for_unrelated_bits_and_one_for_copies() -> None:
    unrelated = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    copies = torch.tensor([[1.0, -1], [-1, 1], [1, -1]])
    assert float(bit_independence(unrelated, unrelated)["bit_independence"]) == 0
    assert float(bit_independence(copies, copies)["bit_independence"]) == 1
    assert float(bit_independence(unrelated, copies)["bit_independence"]) == 0.5


@given(seeds)
def test_bit_independence_does_not_mind_a_bit_turned_over(seed: int) -> None:
    image, text = batches(seed)
    turned = torch.tensor([1.0, -1, -1, 1, 1, -1, 1, -1], dtype=torch.float64)
    plain = bit_independence(image, text)["bit_independence"]
    other = bit_independence(image * turned, text * turned)["bit_independence"]
    assert float(plain) == pytest.approx(float(other), rel=1e-12)
