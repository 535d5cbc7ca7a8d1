"""What a tower is, and the checks they share."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from caselight.errors import ModelError
from caselight.models.preprocess import Preprocess

Stages = tuple[tuple[str, tuple[nn.Parameter, ...]], ...]
"""Names and parameters of the parts of a network, from its output back to its input."""


class ImageTower(Protocol):
    """An image encoder; frozen, except while `tunable.unfreeze` or LoRA has opened it."""

    name: str
    """What it is opened by; for tuned weights, the base and the beginning of their digest."""
    base: str
    """What it is opened by before its own weights are put in."""
    dim: int
    digest: str
    """Of the weights."""
    preprocess: Preprocess

    @property
    def module(self) -> nn.Module:
        """The network whose state is saved."""
        ...

    def stages(self) -> Stages:
        """Parts that can be tuned, from the output back; empty for a tower without weights."""
        ...

    def forward(self, pixels: Tensor) -> Tensor:
        """As `encode`, with a gradient, and left on the tower's device."""
        ...

    def encode(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, H, W], normalised; returns f32[B, dim]."""
        ...


class TextTower(Protocol):
    """A text encoder; frozen, except while `tunable.unfreeze` or LoRA has opened it."""

    name: str
    """What it is opened by; for tuned weights, the base and the beginning of their digest."""
    base: str
    """What it is opened by before its own weights are put in."""
    dim: int
    digest: str
    """Of the weights."""
    max_tokens: int
    tokenizer_json: str
    """The whole tokenizer, as the `tokenizers` library writes it."""

    @property
    def module(self) -> nn.Module:
        """The network whose state is saved."""
        ...

    def stages(self) -> Stages:
        """Parts that can be tuned, from the output back; empty for a tower without weights."""
        ...

    def tokenise(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids i64[B, L], cut and padded, and mask i64[B, L], 1 where a token is no padding."""
        ...

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """f32[B, dim] with a gradient, left on the tower's device; ids and mask as `tokenise`."""
        ...

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
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def freeze(module: nn.Module) -> nn.Module:
    """Set a module to evaluation and keep gradients out of it."""
    module.eval()
    return module.requires_grad_(requires_grad=False)
