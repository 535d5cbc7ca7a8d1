"""Keeps two views of one picture, or of one text, together."""

import torch
from torch import Tensor


def intra_modal(one: Tensor, two: Tensor, same: Tensor, *, temperature: float) -> dict[str, Tensor]:
    """NT-Xent between two views of one modality.

    Each of the 2B views looks for its other view among the views of the other cases; the mean
    over the 2B. Cases that share their content are no negatives of each other, in either view.

    Args:
        one: f32[B, D], unit length; the first view of every case.
        two: f32[B, D], unit length; the second, row by row.
        same: bool[B, B], symmetric, true where two cases share their content; true on the diagonal.
        temperature: above 0; smaller is sharper.

    Returns:
        `{"intra_modal": scalar}`, at least 0; lower is better. A view without a negative adds 0.

    Source: Chen et al., ICML 2020, eq. 1; leaving out equal contents is ours.
    """
    views = torch.cat([one, two])
    logits = views @ views.T / temperature
    partner = torch.eye(len(views), dtype=torch.bool, device=views.device).roll(len(one), dims=0)
    kept = logits.masked_fill(same.repeat(2, 2) & ~partner, -torch.inf)
    return {"intra_modal": (kept.logsumexp(dim=1) - logits[partner]).mean()}
