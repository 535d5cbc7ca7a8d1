"""Ranks the gallery's bits for a query that keeps its real values."""

from torch import Tensor

from caselight.losses.infonce import soft_cross_entropy
from caselight.losses.relaxations import signs


def asymmetric(
    image: Tensor, text: Tensor, target: Tensor, *, temperature: float
) -> dict[str, Tensor]:
    """Contrastive loss of relaxed queries against a binary gallery, both ways.

    score = query . sign(gallery) / n_bits; for each query, the cross-entropy between the softmax of
    score / temperature and its targets, scaled to sum to 1; the mean over queries that have one;
    the mean over both directions. The gallery is held fixed, as an index is: each side learns
    only as the query.

    Args:
        image: f32[Q, n_bits], relaxed bits, -1..1.
        text: f32[G, n_bits], likewise.
        target: bool[Q, G] or f32[Q, G], at least 0, as for `infonce`.
        temperature: above 0; smaller is sharper.

    Returns:
        `{"asymmetric": scalar}`, at least the entropy of the targets; lower is better.

    Source: a real query against binary codes, Gordo et al., TPAMI 2014; learned so, by another
    objective, in ADSH, Jiang and Li, AAAI 2018. The softmax is that of `infonce`.
    """
    scale = image.shape[1] * temperature
    image_to_text = soft_cross_entropy(image @ signs(text).T / scale, target)
    text_to_image = soft_cross_entropy(text @ signs(image).T / scale, target.T)
    return {"asymmetric": (image_to_text + text_to_image) / 2}
