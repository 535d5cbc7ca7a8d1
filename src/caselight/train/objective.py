"""The two objectives: one for the float heads, one for the hash heads."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caselight.config import LossSettings
from caselight.losses import bit_balance, infonce, quantization
from caselight.models.heads import Head, Heads, draw_seed
from caselight.train.pairs import PairTensors

Objective = Callable[[Tensor, float, torch.Generator], dict[str, Tensor]]
"""(rows of the batch, sharpness, generator of the dropout) to weighted terms by name."""


def float_objective(heads: Heads, pairs: PairTensors, loss: LossSettings) -> Objective:
    """Contrastive alignment of the float embeddings, without any hash term."""

    def terms(rows: Tensor, _sharpness: float, generator: torch.Generator) -> dict[str, Tensor]:
        image = F.normalize(heads.image.embed(pairs.image[rows], generator), dim=1)
        text = F.normalize(heads.text.embed(pairs.text[rows], generator), dim=1)
        return infonce(image, text, pairs.same(rows), temperature=loss.temperature)

    return terms


def hash_objective(heads: Heads, pairs: PairTensors, loss: LossSettings) -> Objective:
    """For every width: alignment of the relaxed codes, quantization, and bit balance.

    A bit is relaxed to tanh(sharpness * x); two codes' cosine is their inner product over n_bits,
    which is 1 - 2 * Hamming / n_bits once the bits are signs. The widths share no weights, so
    their sum trains each as if alone.
    """

    def terms(rows: Tensor, sharpness: float, generator: torch.Generator) -> dict[str, Tensor]:
        same = pairs.same(rows)
        out: dict[str, Tensor] = {}
        base = draw_seed(generator)
        for width in heads.image.code:
            # Its own dropout, so that a width comes out the same whichever others are trained.
            own = torch.Generator().manual_seed(base + int(width))
            image = _relax(heads.image.code[width], pairs.image[rows], sharpness, own)
            text = _relax(heads.text.code[width], pairs.text[rows], sharpness, own)
            scale = math.sqrt(int(width))
            parts = infonce(image / scale, text / scale, same, temperature=loss.hash_temperature)
            parts["quantization"] = loss.quantization * quantization(image, text)["quantization"]
            parts["bit_balance"] = loss.bit_balance * bit_balance(image, text)["bit_balance"]
            out.update({f"{name}_{width}": value for name, value in parts.items()})
        return out

    return terms


def _relax(
    head: nn.Module, features: Tensor, sharpness: float, generator: torch.Generator
) -> Tensor:
    assert isinstance(head, Head)  # noqa: S101 - ModuleDict forgets the type
    return torch.tanh(sharpness * head(features, generator))
