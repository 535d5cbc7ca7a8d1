"""The recipe JDSH: as DJSRH, and pairs that are clearly alike or unlike count for more."""

import torch
from torch import Tensor
from torch.nn import functional as F

from caselight.losses.djsrh import rebuilding


def jdsh(
    image: Tensor,
    text: Tensor,
    source_image: Tensor,
    source_text: Tensor,
    *,
    image_share: float,
    text_share: float,
    unlike_cutoff: float,
    alike_cutoff: float,
    unlike_weight: float,
    alike_weight: float,
    stretch: float,
    intra_weight: float,
) -> dict[str, Tensor]:
    """Rebuild a joint-modal similarity, pushed outwards where its distribution is sure.

    S = alpha S_I + beta S_T + (1 - alpha - beta) (H + H') / 2, where S_I and S_T are the cosines
    within a batch and H the cosines between the rows of S_I and those of S_T. With m the median of
    S off its diagonal, least and most the ends of S there, and s_left, s_right the root mean square
    distance to m on either side, S becomes

        S (1 + unlike_weight exp(least - S))  where S < m - unlike_cutoff s_left
        S (1 + alike_weight exp(S - most))    where S > m + alike_cutoff s_right

    and loss = 2 |mu S - cos(B_I, B_T)|^2 - mean cos of pairs + lambda (the same within images and
    within texts), every |.|^2 a mean over the table.

    Args:
        image: f32[B, n_bits], relaxed bits, -1..1; B at least 2.
        text: f32[B, n_bits], likewise, row by row the partner of `image`.
        source_image: f32[B, E], the float embeddings or features; held fixed.
        source_text: f32[B, F], likewise.
        image_share: alpha, 0..1.
        text_share: beta, 0..1 - alpha.
        unlike_cutoff: spreads to the left of the middle beyond which a pair is surely unlike.
        alike_cutoff: spreads to the right beyond which it is surely alike.
        unlike_weight: at least 0.
        alike_weight: at least 0.
        stretch: mu, at least 1.
        intra_weight: lambda, at least 0.

    Returns:
        `{"jdsh": scalar}`, at least -1; lower is better.

    Source: Liu et al., SIGIR 2020. Departs from it in three ways: the middle and the spreads are
    the batch's own, where the paper fits two half distributions to a training set beforehand; so
    are the extremes; and cosines are as they are, not mapped by 2 c - 1. Settings of the authors'
    program on MIRFlickr: 0.5, 0.1, 2, 4, 0.1, 0.2, 1.4, 0.1, in the order above.
    """
    s_image, s_text = (F.normalize(s.detach(), dim=1) for s in (source_image, source_text))
    s_image, s_text = s_image @ s_image.T, s_text @ s_text.T
    across = F.normalize(s_image, dim=1) @ F.normalize(s_text, dim=1).T
    joint = image_share * s_image + text_share * s_text
    joint = joint + (1 - image_share - text_share) * (across + across.T) / 2
    others = joint[~torch.eye(len(joint), dtype=torch.bool, device=joint.device)]
    middle = others.median()
    left = middle - unlike_cutoff * _spread(middle - others)
    right = middle + alike_cutoff * _spread(others - middle)
    unlike = 1 + unlike_weight * (others.amin() - joint).exp()
    alike = 1 + alike_weight * (joint - others.amax()).exp()
    weight = torch.where(joint < left, unlike, torch.where(joint > right, alike, 1))
    wanted = stretch * weight * joint
    pairs = F.cosine_similarity(image, text, dim=1).mean()
    twice = 2 * rebuilding(image, text, wanted, intra_weight=intra_weight / 2)
    return {"jdsh": twice - pairs}


def _spread(gaps: Tensor) -> Tensor:
    """Root mean square of the gaps above 0; 0 without any."""
    one_side = gaps.clamp_min(0)
    return (one_side.square().sum() / (one_side > 0).sum().clamp_min(1)).sqrt()
