"""What a training learns from."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


def no_rows() -> Floats:
    """Features of nothing, f32[1, 0, 0]."""
    return np.zeros((1, 0, 0), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loose:
    """Images without a text and texts without an image, as features."""

    image: Floats = field(default_factory=no_rows)
    """f32[V, M, image_dim]; view 0 is the picture itself."""
    text: Floats = field(default_factory=no_rows)
    """f32[R, L, text_dim]; rendering 0 is the text itself."""
    image_said: Floats = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    """f32[M, F]: findings that the labels of a study name; 1 present, -1 absent, 0 not said."""
    text_said: Floats = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    """f32[L, F], the same findings in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Images with their texts, as features; row i of both belongs together."""

    image: Floats
    """f32[V, N, image_dim]; view 0 is the picture itself."""
    text: Floats
    """f32[R, N, text_dim]; rendering 0 is the text itself."""
    text_id: Ints
    """i64[N]; equal where the texts count as the same."""
    patient: Ints | None = None
    """i64[N]; None where every pair is a patient of its own."""
    site: Ints | None = None
    """i64[N]; None where there is one site."""
    said: Floats | None = None
    """f32[N, F]: findings in the text; 1 present, -1 absent, 0 not said. None: not read."""
    loose: Loose = field(default_factory=Loose)

    def __len__(self) -> int:
        return len(self.text_id)


def val_recall_at_10(image: Floats, text: Floats) -> float:
    """Strict Recall@10 between pairs in both directions, ties averaged; for watching a training.

    Args:
        image: f32[N, D].
        text: f32[N, D], row by row the partner of `image`.

    Returns:
        0..1; the mean of both directions.
    """
    score = np.round(image.astype(np.float64) @ text.T.astype(np.float64), 6)
    total = 0.0
    for table in (score, score.T):
        own = np.diag(table)[:, None]
        nearer, tied = (table > own).sum(axis=1), (table == own).sum(axis=1)
        # Not even itself is tied with a number that is not one: never found.
        total += float(np.where(tied, np.clip((10 - nearer) / np.maximum(tied, 1), 0, 1), 0).mean())
    return total / 2
