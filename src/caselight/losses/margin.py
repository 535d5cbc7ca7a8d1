"""The margin-scalable constraint: a relevant pair beats the hardest irrelevant item clearly."""

import torch
from torch import Tensor
from torch.nn import functional as F


def margin(
    image: Tensor, text: Tensor, relevant: Tensor, *, margin: float, scale: float
) -> dict[str, Tensor]:
    """Hinge between each pair and the highest-scoring irrelevant item of the batch.

    hinge = max(0, margin + hardest irrelevant score - score of the pair), for every image among
    the texts and every text among the images; `scale` times the mean over both. A row whose items
    are all relevant counts in neither.

    Args:
        image: f32[B, D], unit length, or relaxed bits over sqrt(n_bits).
        text: f32[B, D], likewise; row by row the partner of `image`.
        relevant: bool[B, B], images by texts, true where an item answers the row; true on the
            diagonal.
        margin: how far ahead a pair must be, in cosine, 0..2.
        scale: at least 0, from `margin_scale`.

    Returns:
        `{"margin": scalar}`, `scale` times 0..2 + margin; 0 once every pair is ahead by the margin.

    Source: the hashing loss of Gell et al., "Adversarially robust cross-modal medical image
    retrieval", section 4, after Yu et al., Neurocomputing 483, 2022. Yu et al. scale by semantics
    learned from labels; here are none, and the scale follows convergence, as that section asks.
    The hardest item of a batch: Faghri et al., BMVC 2018.
    """
    hinges = _hinges(image, text, relevant, margin)
    return {"margin": scale * hinges.sum() / max(1, len(hinges))}


def violation_rate(image: Tensor, text: Tensor, relevant: Tensor, *, margin: float) -> float | None:
    """Share of rows, of both directions, that are not ahead by the margin.

    Args:
        image: f32[B, D], as for `margin`.
        text: f32[B, D].
        relevant: bool[B, B]; a row without an irrelevant item does not count.
        margin: as for `margin`.

    Returns:
        A fraction, 0..1; None when no row counts.
    """
    hinges = _hinges(image.detach(), text.detach(), relevant, margin)
    return int((hinges > 0).sum()) / len(hinges) if len(hinges) else None


def margin_scale(violations: float, *, max_scale: float) -> float:
    """How hard the remaining violations are punished: the fewer they are, the harder.

    Args:
        violations: the running mean of `violation_rate`, 0..1; 1 before the first batch.
        max_scale: the scale once nothing violates, at least 1.

    Returns:
        1..max_scale, linear in `violations`.
    """
    return 1 + (max_scale - 1) * (1 - violations)


def _hinges(image: Tensor, text: Tensor, relevant: Tensor, margin: float) -> Tensor:
    """f32[<= 2B]: the hinges of the rows that have an irrelevant item, both directions."""
    scores = image @ text.T
    pair = scores.diagonal()
    wrong = scores.masked_fill(relevant, -torch.inf)
    hinges = torch.cat([F.relu(margin + wrong.amax(dim=d) - pair) for d in (1, 0)])
    return hinges[torch.cat([~relevant.all(dim=1), ~relevant.all(dim=0)])]
