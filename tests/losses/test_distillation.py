"""Codes are taught to rank as the float embeddings do."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from caselight.losses import distillation
from tests.losses.cases import batches, gradients, seeds, units


def probabilities(row: list[float], temperature: float) -> list[float]:
    whole = sum(math.exp(x / temperature) for x in row)
    return [math.exp(x / temperature) / whole for x in row]


def by_hand(
    codes: tuple[Tensor, Tensor], floats: tuple[Tensor, Tensor], t: float, f: float
) -> float:
    """The same divergence, one number at a time."""
    n, n_bits = codes[0].shape
    total = 0.0
    for a, b in ((0, 1), (1, 0), (0, 0), (1, 1)):
        for i in range(n):
            others = [j for j in range(n) if a != b or j != i]
            student = [float(codes[a][i] @ codes[b][j]) / n_bits for j in others]
            teacher = [float(floats[a][i] @ floats[b][j]) for j in others]
            p, q = probabilities(teacher, f), probabilities(student, t)
            total += sum(x * math.log(x / y) for x, y in zip(p, q, strict=True))
    return total / (4 * n)


@given(seeds, st.integers(2, 5), st.floats(0.1, 1.0), st.floats(0.1, 1.0))
def test_distillation_is_the_loop_written_by_hand(
    seed: int, n: int, temperature: float, teacher_temperature: float
) -> None:
    codes, floats = batches(seed, n=n), units(seed + 1, n=n, width=3)
    loss = distillation(
        *codes, *floats, temperature=temperature, teacher_temperature=teacher_temperature
    )["distillation"]
    slow = by_hand(codes, floats, temperature, teacher_temperature)
    assert float(loss) == pytest.approx(slow, rel=1e-9, abs=1e-12)


@given(seeds)
def test_distillation_is_zero_where_codes_rank_as_their_teacher(seed: int) -> None:
    image, text = (torch.where(t >= 0, 1.0, -1.0).double().requires_grad_() for t in batches(seed))
    floats = [t.detach() / 8**0.5 for t in (image, text)]
    loss = distillation(image, text, *floats, temperature=0.3, teacher_temperature=0.3)
    assert float(loss["distillation"].detach()) == pytest.approx(0, abs=1e-12)
    for gradient in gradients(loss["distillation"], image, text):
        assert float(gradient.abs().max()) < 1e-12


@given(seeds)
def test_only_differences_of_scores_within_a_row_are_taught(seed: int) -> None:
    codes, (image, text) = batches(seed), units(seed + 1, width=3)
    # A coordinate that all items share adds a constant to every score: no rank, no chance changes.
    lifted = [torch.cat([t, torch.full((6, 1), 0.7, dtype=t.dtype)], dim=1) for t in (image, text)]
    plain = distillation(*codes, image, text, temperature=0.3, teacher_temperature=0.2)
    other = distillation(*codes, *lifted, temperature=0.3, teacher_temperature=0.2)
    assert float(plain["distillation"]) == pytest.approx(float(other["distillation"]), rel=1e-9)


@given(seeds)
def test_distillation_is_never_below_zero(seed: int) -> None:
    codes, floats = batches(seed), units(seed + 1)
    loss = distillation(*codes, *floats, temperature=0.2, teacher_temperature=0.1)["distillation"]
    assert float(loss) >= 0


def test_the_teacher_is_held_fixed() -> None:
    codes = [t.requires_grad_() for t in batches(2)]
    floats = [t.requires_grad_() for t in units(3)]
    loss = distillation(*codes, *floats, temperature=0.2, teacher_temperature=0.1)["distillation"]
    assert all(float(g.abs().max()) > 0 for g in gradients(loss, *codes))
    assert all(float(g.abs().max()) == 0 for g in gradients(loss, *floats))


@pytest.mark.parametrize("temperature", [1e-6, 1e6])
@pytest.mark.parametrize("teacher_temperature", [1e-6, 1e6])
@pytest.mark.parametrize("n", [2, 5])
def test_extreme_temperatures_stay_finite_in_single_precision(
    temperature: float, teacher_temperature: float, n: int
) -> None:
    codes = [t.float().requires_grad_() for t in batches(4, n=n)]
    floats = [t.float() for t in units(5, n=n)]
    loss = distillation(
        *codes, *floats, temperature=temperature, teacher_temperature=teacher_temperature
    )["distillation"]
    assert bool(loss.isfinite())
    assert all(bool(g.isfinite().all()) for g in gradients(loss, *codes))
