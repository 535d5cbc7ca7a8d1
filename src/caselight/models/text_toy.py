"""A toy text tower without weights, for tests and demonstrations: fast, not good."""

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor


class ToyText:
    """Words counted in 64 buckets."""

    name = "toy"
    dim = 64
    digest = "toy-text-1"
    tokenizer_json = "{}"

    def __init__(self, *, max_tokens: int, device: torch.device) -> None:
        self.max_tokens = max_tokens
        self._device = device

    def count_cut(self, texts: Sequence[str]) -> int:
        """How many of the texts have more than `max_tokens` words."""
        return sum(len(text.split()) > self.max_tokens for text in texts)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode a batch; returns f32[B, 64]."""
        counts = torch.zeros((len(texts), self.dim))
        for row, text in enumerate(texts):
            for word in text.casefold().split()[: self.max_tokens]:
                counts[row, zlib.crc32(word.strip(".,;").encode()) % self.dim] += 1.0
        return counts
