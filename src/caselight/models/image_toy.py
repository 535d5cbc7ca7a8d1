"""A toy image tower without weights, for tests and demonstrations: fast, not good."""

import torch
from torch import Tensor
from torch.nn import functional as F

from caselight.models.preprocess import Preprocess


class ToyImage:
    """An 8 by 8 thumbnail as 64 features."""

    name = "toy"
    dim = 64
    digest = "toy-image-1"

    def __init__(self, *, trim_fraction: float, device: torch.device) -> None:
        self._device = device
        self.preprocess = Preprocess(
            size_px=32, mean=(0.5,) * 3, std=(0.5,) * 3, trim_fraction=trim_fraction
        )

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, 32, 32]; returns f32[B, 64]."""
        grey = pixels.to(self._device).mean(dim=1, keepdim=True)
        return F.adaptive_avg_pool2d(grey, 8).flatten(1).cpu()
