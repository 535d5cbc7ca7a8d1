"""Any vision model that `transformers` can load, by name or local path."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from caselight.models.preprocess import Preprocess
from caselight.models.towers import Stages, freeze, state_digest
from caselight.models.transformer_files import layer_stages, load_transformer

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class TransformerImage:
    """The class token of a vision transformer, or the mean over a feature map.

    Args:
        source: a folder, or a name the hub knows; loading a name may use the network.
        trim_fraction: see `Preprocess`.
        device: where it runs.
    """

    def __init__(self, source: str, *, trim_fraction: float, device: torch.device) -> None:
        model = load_transformer(source, kind="image")
        size = model.config.image_size
        mean, std = _normalisation(source)
        self.name = self.base = f"transformers:{source}"
        self.digest = state_digest(model)
        self.preprocess = Preprocess(
            size_px=int(size if isinstance(size, int) else size[0]),
            mean=mean,
            std=std,
            trim_fraction=trim_fraction,
        )
        self.module: nn.Module = freeze(model).to(device)
        self._device = device
        self.dim = int(self.encode(torch.zeros(1, 3, *(self.preprocess.size_px,) * 2)).shape[1])

    def stages(self) -> Stages:
        """What follows the layers, the layers from the last to the first, and the embeddings."""
        return layer_stages(self.module)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, H, W], normalised; returns f32[B, dim] with a gradient."""
        states: Tensor = self.module(pixel_values=pixels.to(self._device)).last_hidden_state
        features = states[:, 0] if states.ndim == 3 else states.mean(dim=(2, 3))
        return features.float()

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """pixels: f32[B, 3, H, W], normalised; returns f32[B, dim]."""
        return self.forward(pixels).cpu()


def _normalisation(source: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Read mean and std where the model's own preprocessing file names them."""
    from transformers.utils import cached_file

    found = cached_file(
        source, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False
    )
    if found is None:
        return IMAGENET_MEAN, IMAGENET_STD
    settings = json.loads(Path(found).read_text(encoding="utf-8"))
    mean, std = settings.get("image_mean"), settings.get("image_std")
    return tuple(mean or IMAGENET_MEAN), tuple(std or IMAGENET_STD)
