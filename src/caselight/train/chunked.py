"""Large contrastive batches in little memory: the gradient of a loss over all rows, chunk by chunk.

Source: Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
RepL4NLP 2021, section 3.2.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def backward_in_chunks(
    encode: Callable[[Tensor], Tensor],
    jobs: Tensor,
    terms: Callable[[Tensor], dict[str, Tensor]],
    *,
    chunk_size: int,
) -> dict[str, float]:
    """Add the gradients of a loss that sees all rows at once, encoding few of them at a time.

    The rows are encoded without a gradient, the loss is differentiated with respect to their
    features, and each chunk is encoded again to carry its features' gradient to the weights. A
    batch that fits into one chunk is encoded once.

    Args:
        encode: jobs of one chunk to their features, f32[C, D]; the same jobs must always give the
            same features, dropout included.
        jobs: [B, ...], what to encode; split along its first axis.
        terms: features f32[B, D] to weighted losses by name; their sum is differentiated, with
            respect to whatever weights of its own `terms` has too.
        chunk_size: rows encoded with a gradient at a time.

    Returns:
        The terms' values.
    """
    parts = torch.split(jobs, chunk_size)
    if len(parts) == 1:
        losses = terms(encode(jobs))
        _total(losses).backward()
    else:
        with torch.no_grad():
            features = torch.cat([encode(part) for part in parts])
        features.requires_grad_()
        losses = terms(features)
        _total(losses).backward()
        assert features.grad is not None  # noqa: S101 - backward has just filled it
        for part, gradient in zip(parts, torch.split(features.grad, chunk_size), strict=True):
            torch.autograd.backward(encode(part), gradient)
    return {name: float(loss.detach()) for name, loss in losses.items()}


def _total(losses: dict[str, Tensor]) -> Any:
    return torch.stack(list(losses.values())).sum()
