"""The recipe DJSRH: codes that rebuild one table of similarities of the float embeddings."""

from torch import Tensor
from torch.nn import functional as F


def djsrh(
    image: Tensor,
    text: Tensor,
    source_image: Tensor,
    source_text: Tensor,
    *,
    image_share: float,
    second_order: float,
    stretch: float,
    intra_weight: float,
) -> dict[str, Tensor]:
    """Mean squared error between the cosines of codes and a joint-semantics affinity.

    mixed = beta S_I + (1 - beta) S_T;  S = (1 - eta) mixed + eta mixed mixed' / B;
    loss = |mu S - cos(B_I, B_T)|^2 + lambda (|mu S - cos(B_I, B_I)|^2 + |mu S - cos(B_T, B_T)|^2),
    with S_I and S_T the cosines within a batch and every |.|^2 a mean over the table.

    Args:
        image: f32[B, n_bits], relaxed bits, -1..1.
        text: f32[B, n_bits], likewise, row by row the partner of `image`.
        source_image: f32[B, E], the float embeddings or features; held fixed.
        source_text: f32[B, F], likewise.
        image_share: beta, 0..1; the paper takes 0.9 on MIRFlickr and 0.6 on NUS-WIDE.
        second_order: eta, 0..1, the share of second-order similarity; 0.4 in the paper.
        stretch: mu, at least 1; makes the affinities reach the ends of the cosine; 1.5.
        intra_weight: lambda, at least 0, of both terms within a modality; 0.1.

    Returns:
        `{"djsrh": scalar}`, at least 0; lower is better.

    Source: Su, Zhong and Zhang, ICCV 2019. Departs from it in two ways: a mean over the table in
    place of its sum, as the authors' program has it; and cosines as they are, where that program
    maps them by 2 c - 1, since its features are never negative and ours are.
    """
    s_image, s_text = _cosines(source_image.detach()), _cosines(source_text.detach())
    mixed = image_share * s_image + (1 - image_share) * s_text
    wanted = (1 - second_order) * mixed + second_order * (mixed @ mixed.T) / len(mixed)
    return {"djsrh": rebuilding(image, text, stretch * wanted, intra_weight=intra_weight)}


def rebuilding(image: Tensor, text: Tensor, wanted: Tensor, *, intra_weight: float) -> Tensor:
    """Mean squared error of the cosines across, and weighted within, the modalities.

    Args:
        image: f32[B, n_bits].
        text: f32[B, n_bits].
        wanted: f32[B, B], the cosines asked for, images by texts; symmetric.
        intra_weight: of either term within a modality.

    Returns:
        A scalar, at least 0.
    """
    i, t = F.normalize(image, dim=1), F.normalize(text, dim=1)
    within = F.mse_loss(i @ i.T, wanted) + F.mse_loss(t @ t.T, wanted)
    return F.mse_loss(i @ t.T, wanted) + intra_weight * within


def _cosines(rows: Tensor) -> Tensor:
    unit = F.normalize(rows, dim=1)
    return unit @ unit.T
