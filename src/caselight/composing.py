"""One query out of several things: words with a picture, and studies to be near to or away from.

Everything that is asked with has two readings, an embedding and the real numbers whose signs are
its code. Both are composed the same way, so that the code of a composed query goes with its vector.

Sources: the relevance feedback is Rocchio's, "Relevance Feedback in Information Retrieval", 1971;
its weights 1, 0.75 and 0.15 are those of Manning, Raghavan and Schütze, "Introduction to
Information Retrieval", 2008, section 9.1.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Something to ask with."""

    vector: _F32
    """f32[D], unit length."""
    soft: _F32
    """f32[n_bits], real numbers whose signs are the code, about -1..1."""


def weigh(image: Asked, text: Asked, *, image_weight: float) -> Asked:
    """The weighted mean of a picture's and some words' readings (fusion `vectors`).

    A weight of 1 gives the picture back exactly, and 0 the words.

    Args:
        image: the picture.
        text: the words.
        image_weight: 0..1.
    """
    if image_weight in (0.0, 1.0):
        return image if image_weight else text
    return _mix([(image_weight, image), (1 - image_weight, text)])


def feedback(
    asked: Asked | None,
    *,
    like: Sequence[Asked],
    unlike: Sequence[Asked],
    like_weight: float,
    unlike_weight: float,
) -> Asked:
    """Pull a query towards some studies and push it away from others.

    Args:
        asked: the query, which counts 1; None to start from the studies alone.
        like: studies to be near to; each counts the same, and together `like_weight`.
        unlike: studies to be away from; together `unlike_weight`.
        like_weight: 0 or more.
        unlike_weight: 0 or more.

    Raises:
        ValueError: when nothing is asked, or the parts cancel each other out.
    """
    if asked is not None and not like and not unlike:
        return asked
    parts = [] if asked is None else [(1.0, asked)]
    parts += [(like_weight / len(like), one) for one in like]
    parts += [(-unlike_weight / len(unlike), one) for one in unlike]
    return _mix(parts)


def mean_of(vectors: _F32, signs: NDArray[np.int8]) -> Asked:
    """What the rows of one study share: their mean, the vector of unit length.

    Args:
        vectors: f32[N, D], at least one row.
        signs: i8[N, n_bits], +1 and -1.
    """
    return Asked(vector=unit(vectors.mean(axis=0)), soft=signs.mean(axis=0, dtype=np.float32))


def unit(vector: _F32) -> _F32:
    """The vector at length 1.

    Raises:
        ValueError: for a vector without a direction.
    """
    length = float(np.linalg.norm(vector))
    if length < 1e-6:
        raise ValueError("the parts of the query cancel each other out and leave no direction")
    return (vector / np.float32(length)).astype(np.float32)


def _mix(parts: Sequence[tuple[float, Asked]]) -> Asked:
    if not parts:
        raise ValueError("a query needs something to ask with")
    weights = np.array([weight for weight, _ in parts], dtype=np.float32)
    return Asked(
        vector=unit(weights @ np.stack([one.vector for _, one in parts])),
        soft=weights @ np.stack([one.soft for _, one in parts]),
    )
