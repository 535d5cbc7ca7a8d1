"""A head start for the hash heads: the float heads, rotated so that signs lose little.

Trained from random weights, a hash head has to find the shared space again, through a function that
hardly passes a gradient. Instead each one begins as a copy of its float head followed by the ITQ
rotation of the training embeddings, and the hash stage only has to improve on that.
"""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from caselight.models.heads import Head, Heads
from caselight.models.itq import fit_itq
from caselight.train.pairs import PairTensors

N_ITERATIONS = 50
"""Of ITQ; its error hardly falls after that (Gong and Lazebnik, CVPR 2011, figure 2)."""


def warm_start(heads: Heads, pairs: PairTensors, *, seed: int) -> None:
    """Set every hash head from the float heads, in place.

    Args:
        heads: with trained float heads.
        pairs: the training pairs.
        seed: decides the rotations' starting points.
    """
    with torch.inference_mode():
        image = F.normalize(heads.image.embed(pairs.image), dim=1)
        text = F.normalize(heads.text.embed(pairs.text), dim=1)
        # Each modality about its own mean: their offset from each other carries no content.
        centred = torch.cat([image - image.mean(0), text - text.mean(0)]).cpu().numpy()
    for width in heads.image.code:
        turn = torch.from_numpy(rotation(centred, int(width), seed=seed)).to(image.device)
        for tower, features in ((heads.image, pairs.image), (heads.text, pairs.text)):
            head = tower.code[width]
            assert isinstance(head, Head)  # noqa: S101 - ModuleDict forgets the type
            _start(head, tower.embed, turn, features)


def rotation(centred: NDArray[np.float32], n_bits: int, *, seed: int) -> NDArray[np.float32]:
    """Directions whose signs keep the most, f32[D, n_bits].

    ITQ gives at most D of them; a wider code takes several rotations from other starting points.
    """
    dim = centred.shape[1]
    parts = []
    for start in range(0, n_bits, dim):
        digest = hashlib.sha256(f"{seed}:itq:{n_bits}:{start}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        n_here = min(dim, n_bits - start)
        parts.append(fit_itq(centred, n_here, n_iterations=N_ITERATIONS, rng=rng).projection)
    return np.concatenate(parts, axis=1)


def _start(head: Head, source: Head, turn: Tensor, features: Tensor) -> None:
    with torch.no_grad():
        head.hidden.weight.copy_(source.hidden.weight)
        head.hidden.bias.copy_(source.hidden.bias)
        head.out.weight.copy_(turn.T @ source.out.weight)
        head.out.bias.copy_(turn.T @ source.out.bias)
        values = head.out(F.gelu(head.hidden(features)))
        if head.norm is None:
            head.out.bias.sub_(values.mean(dim=0))
        else:
            head.norm.running_mean = values.mean(dim=0)
            head.norm.running_var = values.var(dim=0)
