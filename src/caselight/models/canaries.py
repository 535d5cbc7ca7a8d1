"""Canary queries of a model: the codes that it makes of features that are always the same.

They are kept, signed, with the index that the model made, and asked for again: a model whose
weights are whole may still be loaded, or multiplied, wrongly.
"""

import numpy as np

from caselight.models.dual_encoder import DualEncoder

_N_FEATURES = 8
"""Of either modality."""
_MAY_DIFFER = 0.01
"""Share of all bits: values near to zero, whose sign another machine's arithmetic may turn."""


def model_canaries(model: DualEncoder, n_bits: int) -> str:
    """The codes, in hex: those of made-up pictures, then of made-up texts."""
    rng = np.random.default_rng(0)
    image = rng.standard_normal((_N_FEATURES, model.image_tower.dim)).astype(np.float32)
    text = rng.standard_normal((_N_FEATURES, model.text_tower.dim)).astype(np.float32)
    codes = (
        model.encode_codes(image, "image", n_bits),
        model.encode_codes(text, "text", n_bits),
    )
    return "".join(one.packed.tobytes().hex() for one in codes)


def answers_alike(said: str, found: str) -> bool:
    """Whether codes in hex are those that were kept, but for bits near to zero."""
    one, other = bytes.fromhex(said), bytes.fromhex(found)
    if len(one) != len(other):
        return False
    n_wrong = sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))
    return n_wrong <= _MAY_DIFFER * 8 * len(one)
