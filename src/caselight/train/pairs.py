"""What a training learns from."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Images with their texts, as features."""

    image: NDArray[np.float32]
    """f32[N, image_dim]."""
    text: NDArray[np.float32]
    """f32[N, text_dim]."""
    text_id: NDArray[np.int64]
    """i64[N]; equal where the texts are."""

    def __len__(self) -> int:
        return len(self.text_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTensors:
    """The same on the device, standardised."""

    image: Tensor
    text: Tensor
    text_id: Tensor

    def same(self, rows: Tensor) -> Tensor:
        """bool[B, B]: which pairs of a batch share their text."""
        ids = self.text_id[rows]
        return ids[:, None] == ids[None, :]


def val_recall_at_10(image: NDArray[np.float32], text: NDArray[np.float32]) -> float:
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
        total += float(np.clip((10 - nearer) / tied, 0, 1).mean())
    return total / 2


def as_tensors(pairs: Pairs, *, device: torch.device) -> PairTensors:
    """Copy pairs to a device, not yet standardised."""
    return PairTensors(
        image=torch.from_numpy(pairs.image).to(device),
        text=torch.from_numpy(pairs.text).to(device),
        text_id=torch.from_numpy(pairs.text_id).to(device),
    )
