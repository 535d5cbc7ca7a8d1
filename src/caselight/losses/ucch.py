"""The recipe UCCH: contrast with shared codes, and a ranking that spares likely false negatives."""

import torch
from torch import Tensor
from torch.nn import functional as F


def ucch(
    image: Tensor,
    text: Tensor,
    same: Tensor,
    *,
    temperature: float,
    margin: float,
    shift: float,
    contrast_share: float,
) -> dict[str, Tensor]:
    """Contrastive hashing and cross-modal ranking, weighted alpha to 1 - alpha.

    Contrast: every case has one shared code, the signs of its image's plus its text's bits; either
    modality looks for it among those of the other cases, by softmax of cosine / temperature.
    Ranking: either modality looks for its partner, by softmax of the plain cosine, in which an item
    that the pair beats by more than `margin` is scored lower by `shift` and so hardly teaches any
    more. Both sum the two modalities. Codes are held fixed; rows of equal content are no negatives.

    Args:
        image: f32[B, n_bits], relaxed bits, -1..1.
        text: f32[B, n_bits], likewise, row by row the partner of `image`.
        same: bool[B, B], symmetric, true where two pairs share their content; true on the diagonal.
        temperature: tau, above 0; 0.9 in the authors' program.
        margin: at least 0, in cosine; 0.2.
        shift: delta, at least 0; 1, and 0.1 on MIRFlickr.
        contrast_share: alpha, 0..1; 0.9, and 0.7 on MIRFlickr.

    Returns:
        `{"ucch": scalar}`, at least 0; lower is better.

    Source: Hu et al., TPAMI 45(3), 2023. Departs from it in three ways: a case's shared code comes
    from its present bits, where the paper averages them over epochs with momentum; the negatives
    are the batch, where it draws 4096 from all cases; and the margin, which the paper adds to the
    ranking term as a constant, is left out there.
    """
    shared = image + text
    unit = F.normalize(image, dim=1), F.normalize(text, dim=1)
    contrast = _contrast(*unit, shared, same, temperature)
    ranking = _ranking(*unit, same, margin, shift)
    return {"ucch": contrast_share * contrast + (1 - contrast_share) * ranking}


def _contrast(
    image: Tensor, text: Tensor, shared: Tensor, same: Tensor, temperature: float
) -> Tensor:
    # The sign of 0 is 0 here: a bit on which the modalities disagree outright has no say.
    codes = F.normalize(shared.detach().sign(), dim=1)
    found = [_own_among_others(side @ codes.T / temperature, same) for side in (image, text)]
    return torch.stack(found).sum()


def _ranking(image: Tensor, text: Tensor, same: Tensor, margin: float, shift: float) -> Tensor:
    found = []
    for scores in (image @ text.T, text @ image.T):
        beaten = scores < scores.diagonal()[:, None] - margin
        found.append(_own_among_others(torch.where(beaten, scores - shift, scores), same))
    return torch.stack(found).sum()


def _own_among_others(logits: Tensor, same: Tensor) -> Tensor:
    """Mean cross-entropy of the diagonal."""
    eye = torch.eye(len(same), dtype=torch.bool, device=same.device)
    kept = logits.masked_fill(same & ~eye, -torch.inf)
    return (kept.logsumexp(dim=1) - logits.diagonal()).mean()
