"""The order in which pairs are seen. To add a way, write its function and name it in `SAMPLERS`.

A sampler lays out one epoch: as many rows as there are pairs, cut into batches by `batches.cut`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from torch import Tensor

from caselight.train.pairs import Pairs

Layout = Callable[[Pairs, int, torch.Generator], Tensor]
"""(pairs, batch size, generator) to the rows of an epoch in order, i64[N]."""

N_SEEDS = 8
"""Texts around which a batch of `hard` gathers its likes; fewer where it holds fewer than 16."""


def shuffle(pairs: Pairs, _batch_size: int, generator: torch.Generator) -> Tensor:
    """Every pair once, at random."""
    return torch.randperm(len(pairs), generator=generator)


def patients(pairs: Pairs, _batch_size: int, generator: torch.Generator) -> Tensor:
    """Every patient about as often as every other, whatever the number of their pairs.

    Patients take turns, each with the next of their own pairs in random order; who has few is
    seen again, who has many is not seen whole in one epoch.
    """
    owner = pairs.patient if pairs.patient is not None else np.arange(len(pairs))
    order = torch.randperm(len(pairs), generator=generator).tolist()
    own: dict[int, list[int]] = {}
    for row in order:
        own.setdefault(int(owner[row]), []).append(row)
    rows: list[int] = []
    turn = 0
    while len(rows) < len(pairs):
        rows += [found[turn % len(found)] for found in own.values()]
        turn += 1
    return torch.tensor(rows[: len(pairs)], dtype=torch.long)


def sites(pairs: Pairs, _batch_size: int, generator: torch.Generator) -> Tensor:
    """Every pair once; each batch has every site in the share it has of the whole.

    Source: systematic sampling from strata, Cochran, "Sampling Techniques", 1977, chapter 8.
    """
    order = torch.randperm(len(pairs), generator=generator)
    if pairs.site is None:
        return order
    site = torch.from_numpy(pairs.site)[order]
    place = torch.zeros(len(pairs), dtype=torch.float64)
    for one in torch.unique(site):
        here = (site == one).nonzero()[:, 0]
        begin = torch.rand(1, generator=generator, dtype=torch.float64)
        place[here] = (torch.arange(len(here), dtype=torch.float64) + begin) / len(here)
    return order[place.argsort(stable=True)]


def hard(pairs: Pairs, batch_size: int, generator: torch.Generator) -> Tensor:
    """Every pair once; a batch gathers texts that resemble each other, its hard negatives.

    A batch grows around a few texts drawn at random, each with the nearest of those left.

    Source: in the manner of Xiong et al., "Approximate Nearest Neighbor Negative Contrastive
    Learning", ICLR 2021, with the text tower's own cosine and no index.
    """
    text = torch.nn.functional.normalize(torch.from_numpy(pairs.text[0]), dim=1)
    left = torch.ones(len(pairs), dtype=torch.bool)
    rows: list[Tensor] = []
    while bool(left.any()):
        open_rows = left.nonzero()[:, 0]
        share = max(2, batch_size // N_SEEDS)
        wanted = min(batch_size, len(open_rows))
        batch: list[Tensor] = []
        while wanted:
            open_rows = left.nonzero()[:, 0]
            seed = open_rows[int(torch.randint(len(open_rows), (1,), generator=generator))]
            near = (text[open_rows] @ text[seed]).topk(min(share, wanted, len(open_rows))).indices
            chosen = open_rows[near]
            left[chosen] = False
            batch.append(chosen)
            wanted -= len(chosen)
        rows += batch
    return torch.cat(rows)


SAMPLERS: Final[Mapping[str, Layout]] = MappingProxyType(
    {"shuffle": shuffle, "patients": patients, "sites": sites, "hard": hard}
)
