"""A head start for the hash heads: the float heads, rotated so that signs lose little.

Trained from random weights, a hash head has to find the shared space again, through a function that
hardly passes a gradient. Instead each one begins as a copy of its float head followed by the ITQ
rotation of the training embeddings, and the hash stage only has to improve on that.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from caselight.models.heads import Head, Heads
from caselight.models.itq import fit_itq

N_ITERATIONS = 50
"""Of ITQ; its error hardly falls after that (Gong and Lazebnik, CVPR 2011, figure 2)."""


def warm_start(heads: Heads, image: Tensor, text: Tensor, *, seed: int) -> None:
    """Set every hash head from the float heads, in place.

    Args:
        heads: with trained float heads.
        image: f32[N, image_dim], standardised features of the training pairs.
        text: f32[N, text_dim], likewise.
        seed: decides the rotations' starting points.
    """
    with torch.inference_mode():
        spaces = (
            F.normalize(heads.image.embed(image), dim=1),
            F.normalize(heads.text.embed(text), dim=1),
        )
        # Each modality about its own mean: their offset from each other carries no content.
        centred = torch.cat([space - space.mean(0) for space in spaces]).cpu().numpy()
    for width in heads.image.code:
        # A head that serves several widths keeps the most in its first bits.
        steps = [n for n in heads.image.bits if n <= int(width)] if heads.image.nested else []
        turned = rotation(centred, int(width), seed=seed, steps=steps)
        turn = torch.from_numpy(turned).to(image.device)
        for tower, features in ((heads.image, image), (heads.text, text)):
            head = tower.code[width]
            assert isinstance(head, Head)  # noqa: S101 - ModuleDict forgets the type
            _start(head, tower.embed, turn, features)


def rotation(
    centred: NDArray[np.float32], n_bits: int, *, seed: int, steps: Sequence[int] = ()
) -> NDArray[np.float32]:
    """Directions whose signs keep the most, f32[D, n_bits].

    ITQ gives at most D of them; a wider code takes several rotations from other starting points.
    With `steps`, the first steps[0] directions are ITQ's of so many bits, those up to steps[1] the
    next ones by variance, turned among themselves, and so on.
    """
    dim = centred.shape[1]
    parts: list[NDArray[np.float32]] = []
    rest, done = centred, 0
    while done < n_bits:
        if done % dim == 0:
            rest = centred
        ends = [end for end in (*steps, done - done % dim + dim, n_bits) if end > done]
        n_here = min(ends) - done
        digest = hashlib.sha256(f"{seed}:itq:{n_bits}:{done}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        found = fit_itq(rest, n_here, n_iterations=N_ITERATIONS, rng=rng).projection
        parts.append(found)
        rest = (rest - rest @ found @ found.T).astype(np.float32)
        done += n_here
    return np.concatenate(parts, axis=1)


def _start(head: Head, source: Head, turn: Tensor, features: Tensor) -> None:
    with torch.no_grad():
        head.hidden.weight.copy_(source.hidden.weight)
        head.hidden.bias.copy_(source.hidden.bias)
        head.out.weight.copy_(turn.T @ source.out.weight)
        head.out.bias.copy_(turn.T @ source.out.bias)
        if head.turn is not None:  # of a model that is trained further
            head.turn.zero_()
        values = head.out(F.gelu(head.hidden(features)))
        if head.norm is None:
            head.out.bias.sub_(values.mean(dim=0))
        else:
            head.norm.running_mean = values.mean(dim=0)
            head.norm.running_var = values.var(dim=0)
