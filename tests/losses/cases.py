"""Batches the tests of the losses share."""

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

seeds = st.integers(0, 10_000)
ids = st.lists(st.integers(0, 3), min_size=2, max_size=7)
"""What each case of a batch contains; equal numbers, equal contents."""


def eye(n: int) -> Tensor:
    return torch.eye(n, dtype=torch.bool)


def equal(contents: list[int]) -> Tensor:
    """bool[B, B]: which cases share their content."""
    row = torch.tensor(contents)
    return row[:, None] == row[None, :]


def batches(seed: int, *, n: int = 6, width: int = 8) -> tuple[Tensor, Tensor]:
    """Two batches in -1..1, f64[n, width]."""
    generator = torch.Generator().manual_seed(seed)
    both = torch.rand((2, n, width), generator=generator, dtype=torch.float64) * 1.8 - 0.9
    return both[0], both[1]


def units(seed: int, *, n: int = 6, width: int = 8) -> tuple[Tensor, Tensor]:
    image, text = batches(seed, n=n, width=width)
    return F.normalize(image, dim=1), F.normalize(text, dim=1)


def gradients(loss: Tensor, *sides: Tensor) -> list[Tensor]:
    """The gradient of every side; zeros where it does not reach."""
    found = torch.autograd.grad(loss, sides, allow_unused=True)
    return [torch.zeros_like(s) if g is None else g for s, g in zip(sides, found, strict=True)]
