"""Which pairs of a batch belong together, and how much."""

import torch
from torch import Tensor
from torch.nn import functional as F

from caselight.config import LossSettings

SPREAD_TEMPERATURE = 0.05
"""Divides the cosine of two texts before the softmax that spreads a soft target."""


def targets(text_id: Tensor, text: Tensor, said: Tensor | None, loss: LossSettings) -> Tensor:
    """Weights of the positives, f32[B, B]; rows sum to about 1, and the diagonal is never 0.

    Equal texts share a row's weight equally. With `findings`, another pair has the share of it
    that the findings of both texts agree; with `soft_targets`, that much of the whole weight is
    spread by the softmax of the texts' cosine.

    Args:
        text_id: i64[B], equal where texts count as the same.
        text: f32[B, text_dim], features of the plain texts.
        said: f32[B, F], findings of the texts as `Pairs.said`, or None.
        loss: settings.
    """
    same = (text_id[:, None] == text_id[None, :]).to(text.dtype)
    weight = same
    if loss.findings and said is not None:
        weight = torch.maximum(weight, loss.findings * agreement(said, said))
    weight = weight / weight.sum(dim=1, keepdim=True)
    if loss.soft_targets:
        plain = F.normalize(text, dim=1)
        spread = (plain @ plain.T / SPREAD_TEMPERATURE).softmax(dim=1)
        weight = (1 - loss.soft_targets) * weight + loss.soft_targets * spread
    return weight


def agreement(a: Tensor, b: Tensor) -> Tensor:
    """Share of the findings present in either that are present in both, f32[A, B], 0..1.

    0 where one says present what the other says absent, and where nothing is present in both.

    Args:
        a: f32[A, F]; 1 present, -1 absent, 0 not said.
        b: f32[B, F], the same findings.
    """
    here, there = (a > 0).to(a.dtype), (b > 0).to(b.dtype)
    both = here @ there.T
    either = here.sum(dim=1)[:, None] + there.sum(dim=1)[None, :] - both
    clash = here @ (b < 0).to(b.dtype).T + (a < 0).to(a.dtype) @ there.T
    return torch.where(clash > 0, 0.0, both / either.clamp(min=1.0))
