"""Toy image towers, for tests and demonstrations: fast, not good."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caselight.models.empty import with_memory
from caselight.models.preprocess import Preprocess
from caselight.models.towers import Stages, freeze, state_digest


class ToyImage:
    """An 8 by 8 thumbnail as 64 features; it has no weights."""

    name = base = "toy"
    dim = 64
    digest = "toy-image-1"

    def __init__(self, *, trim_fraction: float, device: torch.device) -> None:
        self._device = device
        self.module = nn.Identity()
        self.preprocess = Preprocess(
            size_px=32, mean=(0.5,) * 3, std=(0.5,) * 3, trim_fraction=trim_fraction
        )

    def stages(self) -> Stages:
        """None: there is nothing to tune."""
        return ()

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, 32, 32]; returns f32[B, 64]."""
        grey = pixels.to(self._device).mean(dim=1, keepdim=True)
        return F.adaptive_avg_pool2d(grey, 8).flatten(1)

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, 32, 32]; returns f32[B, 64]."""
        return self.forward(pixels).cpu()


class ToyConv:
    """Two convolutions with weights drawn once, 64 features: the smallest tower that can learn."""

    name = base = "toy-conv"
    dim = 64

    def __init__(self, *, trim_fraction: float, device: torch.device) -> None:
        network = nn.Sequential(
            _convolution(3, 4),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            _convolution(4, 16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        generator = torch.Generator().manual_seed(0)
        for layer in (network[0], network[3]):
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -0.3, 0.3, generator=generator)
        self.digest = state_digest(network)
        self.module = freeze(network).to(device)
        self._device = device
        self.preprocess = Preprocess(
            size_px=16, mean=(0.5,) * 3, std=(0.5,) * 3, trim_fraction=trim_fraction
        )

    def stages(self) -> Stages:
        """The second convolution, and the first with its normalisation."""
        parameters = tuple(self.module.parameters())
        return (("second", parameters[4:]), ("first", parameters[:4]))

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, 16, 16]; returns f32[B, 64] with a gradient."""
        features: Tensor = self.module(pixels.to(self._device))
        return features

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, 16, 16]; returns f32[B, 64]."""
        return self.forward(pixels).cpu()


def _convolution(n_in: int, n_out: int) -> nn.Conv2d:
    return with_memory(nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, device="meta"))
