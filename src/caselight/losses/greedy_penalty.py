"""Keeps real values near their signs where a relaxation lets them drift."""

from torch import Tensor


def greedy_penalty(image: Tensor, text: Tensor) -> dict[str, Tensor]:
    """Mean cubed distance between a real value and its sign, both modalities averaged.

    Args:
        image: f32[B, n_bits], what the hash head gives before any relaxation.
        text: f32[B, n_bits], likewise.

    Returns:
        `{"greedy_penalty": scalar}`, at least 0 and 0 at signs; lower is better.

    Source: |x - sign(x)|^3 of Greedy Hash, Su et al., NeurIPS 2018, section 3, as a mean over bits.
    """
    gap = _cubed(image) + _cubed(text)
    return {"greedy_penalty": gap / 2}


def _cubed(value: Tensor) -> Tensor:
    return (value.abs() - 1).abs().pow(3).mean()
