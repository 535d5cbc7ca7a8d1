"""Pulls relaxed bits towards the signs they will become."""

from torch import Tensor


def quantization(image: Tensor, text: Tensor) -> dict[str, Tensor]:
    """Mean squared distance between a relaxed bit and its sign, both modalities averaged.

    Args:
        image: f32[B, n_bits], -1..1.
        text: f32[B, n_bits], -1..1.

    Returns:
        `{"quantization": scalar}`, 0..1; lower is better.

    Source: the quantization term of DCMH, Jiang and Li, CVPR 2017, as a mean over bits.
    """
    gap = (image.abs() - 1).square().mean() + (text.abs() - 1).square().mean()
    return {"quantization": gap / 2}
