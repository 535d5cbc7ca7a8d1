"""Keeps two bits from saying the same, or the opposite."""

from torch import Tensor


def bit_independence(image: Tensor, text: Tensor) -> dict[str, Tensor]:
    """Mean squared product moment of two different bits, both modalities averaged.

    The mean of the squared off-diagonal entries of B' B / N, where B holds a batch's codes.

    Args:
        image: f32[B, n_bits], -1..1; n_bits at least 2.
        text: f32[B, n_bits], -1..1.

    Returns:
        `{"bit_independence": scalar}`, 0..1; lower is better. N codes cannot reach 0 in more than N
        bits.

    Source: the uncorrelation condition of Weiss et al., NIPS 2008, as a penalty.
    """
    return {"bit_independence": (_overlap(image) + _overlap(text)) / 2}


def _overlap(codes: Tensor) -> Tensor:
    n_bits = codes.shape[1]
    squared = (codes.T @ codes / len(codes)).square()
    return (squared.sum() - squared.diagonal().sum()) / (n_bits * (n_bits - 1))
