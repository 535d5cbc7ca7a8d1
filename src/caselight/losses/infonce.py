"""Cross-modal alignment by pairing alone."""

import torch
from torch import Tensor


def infonce(
    image: Tensor, text: Tensor, target: Tensor, *, temperature: float
) -> dict[str, Tensor]:
    """Symmetric contrastive loss with any number of positives a row, hard or weighted.

    For each row, the cross-entropy between the softmax of cosine / temperature and the row's
    targets, scaled to sum to 1; the mean over rows; the mean over both directions, columns of
    `target` serving the second. A row or column without any positive counts in neither.

    Args:
        image: f32[Q, D], unit length.
        text: f32[G, D], unit length.
        target: bool[Q, G], true where a pair belongs together (its own, and those of equal
            texts), or f32[Q, G] of weights, at least 0. A constant: no gradient flows into it.
        temperature: above 0; smaller is sharper.

    Returns:
        `{"infonce": scalar}`, at least the entropy of the targets, and 0 where they are empty;
        lower is better.

    Source: van den Oord et al. 2018; multi-positives as in Khosla et al., NeurIPS 2020, eq. 2.
    """
    logits = image @ text.T / temperature
    forward = soft_cross_entropy(logits, target)
    backward = soft_cross_entropy(logits.T, target.T)
    return {"infonce": (forward + backward) / 2}


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of the rows that have a positive.

    Args:
        logits: f32[Q, G].
        target: bool[Q, G] or f32[Q, G], at least 0; each row is scaled to sum to 1.

    Returns:
        A scalar; 0, with a gradient of 0, when no row has a positive.
    """
    weight = target.detach().to(logits.dtype)
    total = weight.sum(dim=1, keepdim=True)
    share = weight / torch.where(total > 0, total, 1)
    rows = -(share * logits.log_softmax(dim=1)).sum(dim=1)
    return rows.sum() / (total > 0).sum().clamp_min(1)
