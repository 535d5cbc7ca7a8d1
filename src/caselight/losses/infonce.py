"""Cross-modal alignment by pairing alone."""

from torch import Tensor


def infonce(image: Tensor, text: Tensor, same: Tensor, *, temperature: float) -> dict[str, Tensor]:
    """Symmetric contrastive loss in which equal texts are positives of each other.

    For each row, the cross-entropy between the softmax of cosine / temperature and the uniform
    distribution over the row's positives; the mean over rows; the mean over both directions.

    Args:
        image: f32[B, D], unit length.
        text: f32[B, D], unit length.
        same: bool[B, B], symmetric, true where two pairs share their text; true on the diagonal.
        temperature: above 0; smaller is sharper.

    Returns:
        `{"infonce": scalar}`, at least 0 up to the entropy of the positives; lower is better.

    Source: van den Oord et al. 2018; multi-positives as in Khosla et al., NeurIPS 2020, eq. 2.
    """
    logits = image @ text.T / temperature
    share = same.to(logits.dtype)
    share = share / share.sum(dim=1, keepdim=True)
    forward = -(share * logits.log_softmax(dim=1)).sum(dim=1).mean()
    backward = -(share * logits.T.log_softmax(dim=1)).sum(dim=1).mean()
    return {"infonce": (forward + backward) / 2}
