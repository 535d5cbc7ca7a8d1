"""The order in which pairs are seen."""

from collections.abc import Iterator

import torch
from torch import Tensor


def epoch_batches(n_pairs: int, batch_size: int, *, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield the rows of each batch of one epoch, i64[B], in a fresh random order.

    The last, smaller batch is kept unless it holds fewer than two pairs: a contrastive loss needs
    another pair to tell apart.
    """
    order = torch.randperm(n_pairs, generator=generator)
    for start in range(0, n_pairs, batch_size):
        batch = order[start : start + batch_size]
        if len(batch) >= 2:
            yield batch


def n_batches(n_pairs: int, batch_size: int) -> int:
    """How many batches `epoch_batches` yields."""
    whole, rest = divmod(n_pairs, batch_size)
    return whole + (rest >= 2)
