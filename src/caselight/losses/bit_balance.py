"""Keeps every bit on for half of the cases, so that none is wasted."""

from torch import Tensor


def bit_balance(image: Tensor, text: Tensor) -> dict[str, Tensor]:
    """Mean over bits of the squared batch mean, both modalities averaged.

    Args:
        image: f32[B, n_bits], -1..1.
        text: f32[B, n_bits], -1..1.

    Returns:
        `{"bit_balance": scalar}`, 0..1; lower is better.

    Source: the balance condition of Weiss et al., NIPS 2008, as a penalty.
    """
    lean = image.mean(dim=0).square().mean() + text.mean(dim=0).square().mean()
    return {"bit_balance": lean / 2}
