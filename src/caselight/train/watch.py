"""How a training stands: validation recall, and what the bits are like."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from caselight.losses.relaxations import signs
from caselight.metrics.bits import bit_statistics
from caselight.models.heads import Heads
from caselight.train.pairs import Floats, val_recall_at_10

WATCHED = 1024
"""Pairs of a big validation split that are scored; the table of all would not fit."""


@torch.inference_mode()
def watch(
    heads: Heads, image: Tensor, text: Tensor, stage: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Score pairs as the model now stands.

    Args:
        heads: put into evaluation and left there.
        image: f32[N, image_dim], standardised.
        text: f32[N, text_dim], row by row their partners.
        stage: "hash" scores the codes of every width, any other the embeddings.

    Returns:
        Strict Recall@10, both directions averaged, by reading; and statistics of the codes by
        `name_width`. Both empty without pairs.
    """
    if len(image) == 0:
        return {}, {}
    heads.eval()
    image, text = image[:WATCHED], text[:WATCHED]
    if stage != "hash":
        normal = [F.normalize(heads.image.embed(image)), F.normalize(heads.text.embed(text))]
        return {"float": val_recall_at_10(*map(_numpy, normal))}, {}
    recalls: dict[str, float] = {}
    bits: dict[str, float] = {}
    for width in heads.image.bits:
        codes = [
            _numpy(signs(heads.image.values(image, width))),
            _numpy(signs(heads.text.values(text, width))),
        ]
        recalls[f"bits_{width}"] = val_recall_at_10(*codes)
        found = bit_statistics(np.concatenate(codes))
        bits |= {f"{name}_{width}": value for name, value in found.items()}
    return recalls, bits


def _numpy(tensor: Tensor) -> Floats:
    values: Floats = tensor.cpu().numpy()
    return values
