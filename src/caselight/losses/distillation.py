"""Hands the ranking of the float embeddings down to the codes."""

import torch
from torch import Tensor


def distillation(
    image: Tensor,
    text: Tensor,
    teacher_image: Tensor,
    teacher_text: Tensor,
    *,
    temperature: float,
    teacher_temperature: float,
) -> dict[str, Tensor]:
    """Match, row by row, how a batch ranks for the codes and for the float embeddings.

    For each of the four tables image-text, text-image, image-image and text-text, the mean over
    rows of KL(softmax(teacher score / teacher_temperature) || softmax(code score / temperature)),
    where a code score is the inner product over n_bits; then the mean of the four. Within a
    modality an item is not asked about itself.

    Args:
        image: f32[B, n_bits], relaxed bits, -1..1; B at least 2.
        text: f32[B, n_bits], likewise, row by row the partner of `image`.
        teacher_image: f32[B, E], unit length; held fixed.
        teacher_text: f32[B, E], unit length; held fixed.
        temperature: above 0; smaller is sharper.
        teacher_temperature: above 0.

    Returns:
        `{"distillation": scalar}`, at least 0; 0 where both rank with the same probabilities.

    Source: Hinton et al. 2015, without its factor of the squared temperature. A batch's
    similarities as what is taught: "Similarity-preserving knowledge distillation", ICCV 2019; their
    softmax: Passalis and Tefas, ECCV 2018.
    """
    n_bits = image.shape[1]
    student = _tables(image, text, n_bits * temperature)
    teacher = _tables(teacher_image.detach(), teacher_text.detach(), teacher_temperature)
    gaps = [_divergence(t, s) for t, s in zip(teacher, student, strict=True)]
    return {"distillation": torch.stack(gaps).mean()}


def _tables(image: Tensor, text: Tensor, divisor: float) -> list[Tensor]:
    cross = image @ text.T / divisor
    inner = [_without_self(side @ side.T / divisor) for side in (image, text)]
    return [cross, cross.T, *inner]


def _without_self(table: Tensor) -> Tensor:
    """f32[B, B] to f32[B, B - 1]: the diagonal taken out."""
    others = ~torch.eye(len(table), dtype=torch.bool, device=table.device)
    return table[others].view(len(table), -1)


def _divergence(teacher: Tensor, student: Tensor) -> Tensor:
    log_p, log_q = teacher.log_softmax(dim=1), student.log_softmax(dim=1)
    return (log_p.exp() * (log_p - log_q)).sum(dim=1).mean()
