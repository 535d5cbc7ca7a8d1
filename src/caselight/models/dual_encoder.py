"""The dual encoder: features of either modality to embeddings and codes in one shared space."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from caselight.codes import pack_signs, sign_bits
from caselight.config import Config
from caselight.errors import ModelError
from caselight.models.heads import Heads, Tower
from caselight.types import Codes, Embeddings

Modality = Literal["image", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerIdentity:
    """What a checkpoint remembers of a tower, so that no other one is used with it."""

    name: str
    digest: str
    dim: int
    input_digest: str
    """Of the preprocessing (image) or of the tokenizer and its limit (text)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DualEncoder:
    """Trained heads with the identity of the towers under them."""

    heads: Heads
    config: Config
    """The settings it was trained with."""
    image_tower: TowerIdentity
    text_tower: TowerIdentity
    fingerprint: str
    """Digest of weights, towers, preprocessing, tokenizer and settings."""

    @property
    def bits(self) -> tuple[int, ...]:
        """The widths it has hash heads for."""
        return self.config.model.bits

    def check_bits(self, n_bits: int) -> None:
        """Refuse a width there is no head for.

        Raises:
            ModelError: `model.no_such_bits`.
        """
        if n_bits not in self.bits:
            raise ModelError(
                f"the model has no {n_bits}-bit head, only {', '.join(map(str, self.bits))}; "
                "choose one of these, or train with model.bits",
                code="model.no_such_bits",
            )

    def embed(self, features: NDArray[np.float32], modality: Modality) -> Embeddings:
        """Float embeddings, f32[N, embed_dim] of unit length, from features f32[N, dim]."""
        tower = self._tower(modality)
        with torch.inference_mode():
            x = tower.embed(tower.standardise(torch.from_numpy(features)))
            return Embeddings(mean=F.normalize(x, dim=1).numpy())

    def soft_bits(
        self, features: NDArray[np.float32], modality: Modality, n_bits: int
    ) -> NDArray[np.float32]:
        """The real numbers whose signs are the code, f32[N, n_bits], squashed to -1..1.

        Raises:
            ModelError: `model.no_such_bits`.
        """
        self.check_bits(n_bits)
        tower = self._tower(modality)
        with torch.inference_mode():
            x = tower.values(tower.standardise(torch.from_numpy(features)), n_bits)
            return torch.tanh(self.config.loss.sharpness_end * x).numpy()

    def encode_codes(self, features: NDArray[np.float32], modality: Modality, n_bits: int) -> Codes:
        """Binary codes from features f32[N, dim]; raises like `soft_bits`."""
        return pack_signs(sign_bits(self.soft_bits(features, modality, n_bits)))

    def _tower(self, modality: Modality) -> Tower:
        return self.heads.image if modality == "image" else self.heads.text
