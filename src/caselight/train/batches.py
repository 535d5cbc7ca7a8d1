"""An epoch cut into batches."""

from collections.abc import Iterator

import torch
from torch import Tensor


def epoch_batches(n_pairs: int, batch_size: int, *, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield the rows of each batch of one epoch, i64[B], in a fresh random order; see `cut`."""
    yield from cut(torch.randperm(n_pairs, generator=generator), batch_size)


def cut(order: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Cut rows, i64[N], into batches, i64[B].

    The last, smaller batch is kept unless it holds fewer than two pairs: a contrastive loss needs
    another pair to tell apart.
    """
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        if len(batch) >= 2:
            yield batch


def n_batches(n_pairs: int, batch_size: int) -> int:
    """How many batches `epoch_batches` yields."""
    whole, rest = divmod(n_pairs, batch_size)
    return whole + (rest >= 2)
