"""What a frozen tower is, and the checks they share."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from caselight.errors import ModelError
from caselight.models.preprocess import Preprocess


class ImageTower(Protocol):
    """A frozen image encoder."""

    name: str
    dim: int
    digest: str
    """Of the weights."""
    preprocess: Preprocess

    def encode(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, H, W], normalised; returns f32[B, dim]."""
        ...


class TextTower(Protocol):
    """A frozen text encoder."""

    name: str
    dim: int
    digest: str
    """Of the weights."""
    max_tokens: int
    tokenizer_json: str
    """The whole tokenizer, as the `tokenizers` library writes it."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Texts in any order; returns f32[B, dim]."""
        ...

    def count_cut(self, texts: Sequence[str]) -> int:
        """How many of the texts are longer than `max_tokens`."""
        ...


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_file(path: Path, expected: str, *, name: str) -> None:
    """Refuse weights that are missing or not the ones that were pinned.

    Raises:
        ModelError: `model.tower_missing` or `model.weights_mismatch`.
    """
    if not path.is_file():
        raise ModelError(
            f"the weights of {name} are not at {path}; install the package again",
            code="model.tower_missing",
        )
    found = file_digest(path)
    if found != expected:
        raise ModelError(
            f"the weights of {name} have SHA-256 {found[:16]}, expected {expected[:16]}; "
            "install the package again"
        )


def state_digest(module: nn.Module) -> str:
    """SHA-256 over every weight's name, shape and bytes: the identity of a loaded module."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name}:{tuple(tensor.shape)}:{tensor.dtype};".encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def freeze(module: nn.Module) -> nn.Module:
    """Set a module to evaluation and keep gradients out of it."""
    module.eval()
    return module.requires_grad_(requires_grad=False)
