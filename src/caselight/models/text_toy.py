"""Toy text towers, for tests and demonstrations: fast, not good."""

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from caselight.models.empty import with_memory
from caselight.models.towers import Stages, freeze, state_digest


class ToyText:
    """Words counted in 64 buckets; it has no weights."""

    name = base = "toy"
    dim = 64
    digest = "toy-text-1"
    tokenizer_json = "{}"

    def __init__(self, *, max_tokens: int, device: torch.device) -> None:
        self.max_tokens = max_tokens
        self.module = nn.Identity()
        self._device = device

    def count_cut(self, texts: Sequence[str]) -> int:
        """How many of the texts have more than `max_tokens` words."""
        return _count_cut(texts, self.max_tokens)

    def stages(self) -> Stages:
        """None: there is nothing to tune."""
        return ()

    def tokenise(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Buckets i64[B, L] of the words, and which are words, i64[B, L]."""
        return _padded([_buckets(text, self.dim)[: self.max_tokens] for text in texts])

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """How many words fall into each bucket, f32[B, 64]."""
        counts = torch.zeros((len(ids), self.dim), device=self._device)
        return counts.scatter_add_(1, ids.to(self._device), mask.to(counts))

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode a batch; returns f32[B, 64]."""
        return self.forward(*self.tokenise(texts)).cpu()


class ToyEmbedding:
    """The mean of word vectors drawn once, 16 features: the smallest text tower that can learn."""

    name = base = "toy-embedding"
    dim = 16
    tokenizer_json = "{}"

    def __init__(self, *, max_tokens: int, device: torch.device) -> None:
        # Bucket 64 opens every text, so that an empty one has a mean too.
        table = nn.Embedding(65, self.dim, _weight=torch.empty(65, self.dim))
        output = with_memory(nn.Linear(self.dim, self.dim, device="meta"))
        generator = torch.Generator().manual_seed(0)
        for parameter in (*table.parameters(), *output.parameters()):
            nn.init.uniform_(parameter, -0.5, 0.5, generator=generator)
        network = nn.Sequential(table, nn.Dropout(0.1), output)
        self.max_tokens = max_tokens
        self.digest = state_digest(network)
        self.module = freeze(network).to(device)
        self._device = device

    def count_cut(self, texts: Sequence[str]) -> int:
        """How many of the texts have more than `max_tokens` words."""
        return _count_cut(texts, self.max_tokens)

    def stages(self) -> Stages:
        """The output layer and the word vectors."""
        table, *output = self.module.parameters()
        return (("output", tuple(output)), ("words", (table,)))

    def tokenise(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Buckets i64[B, L] of an opening token and the words, and which are no padding."""
        return _padded([[64, *_buckets(text, 64)[: self.max_tokens]] for text in texts])

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """f32[B, 16] with a gradient."""
        weights = mask.to(self._device)[..., None].float()
        states: Tensor = self.module(ids.to(self._device))
        return (states * weights).sum(1) / weights.sum(1)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode a batch; returns f32[B, 16]."""
        return self.forward(*self.tokenise(texts)).cpu()


def _buckets(text: str, n_buckets: int) -> list[int]:
    return [zlib.crc32(word.strip(".,;").encode()) % n_buckets for word in text.casefold().split()]


def _count_cut(texts: Sequence[str], max_tokens: int) -> int:
    return sum(len(text.split()) > max_tokens for text in texts)


def _padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    width = max(len(row) for row in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for row, values in enumerate(rows):
        ids[row, : len(values)] = torch.tensor(values, dtype=torch.long)
        mask[row, : len(values)] = 1
    return ids, mask
