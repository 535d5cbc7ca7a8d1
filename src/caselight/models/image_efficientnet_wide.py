"""EfficientNet-Lite0 read at several depths: coarse things and fine ones in one vector."""

import torch
from torch import Tensor, nn

from caselight.models.image_efficientnet import EfficientNetLite0

TAPS = (4, 10, 14)
"""Blocks whose maps are read besides the last one; 40, 112 and 192 channels."""


class EfficientNetLite0Wide(EfficientNetLite0):
    """2904 features a picture, by the weights and in the time of `efficientnet-lite0`.

    The mean over the last feature map (1280), its maximum (1280), which a small finding moves more
    than it moves the mean, and the means over three maps before it (344), which keep what ImageNet
    classes need not know: texture, scale, kind of picture.
    """

    base = name = "efficientnet-lite0-wide"
    dim = 2904

    def __init__(self, *, trim_fraction: float, device: torch.device) -> None:
        super().__init__(trim_fraction=trim_fraction, device=device)
        # Other features by the same weights: no cache may take one for the other.
        self.digest = f"{self.digest}-wide"
        self._taken: list[Tensor] = []
        for number in TAPS:
            self._network._blocks[number].register_forward_hook(self._take)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, 224, 224], normalised; returns f32[B, 2904] with a gradient."""
        self._taken.clear()
        inputs = pixels.to(self._device, memory_format=torch.channels_last)
        maps: Tensor = self._network.extract_features(inputs)
        parts = [maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3)), *self._taken]
        self._taken.clear()
        return torch.cat(parts, dim=1)

    def _take(self, _block: nn.Module, _inputs: object, maps: Tensor) -> None:
        self._taken.append(maps.mean(dim=(2, 3)))
