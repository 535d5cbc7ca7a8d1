"""Models: frozen towers, trained heads, and the checkpoint that holds them together.

Read `dual_encoder.py` first. A tower turns a picture or a text into features and is frozen, unless
it is tuned (`tunable.py`, `lora.py`); a head turns features into the shared space. `IMAGE_TOWERS`
and `TEXT_TOWERS` name the built-in ones; `transformers:NAME_OR_PATH` opens any other, and
`file:PATH` one that was tuned and saved.
"""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from caselight.config import TowerSettings
from caselight.errors import ModelError
from caselight.models.image_efficientnet import EfficientNetLite0
from caselight.models.image_efficientnet_wide import EfficientNetLite0Wide
from caselight.models.image_toy import ToyConv, ToyImage
from caselight.models.image_transformer import TransformerImage
from caselight.models.text_minilm import MiniLM
from caselight.models.text_toy import ToyEmbedding, ToyText
from caselight.models.text_transformer import TransformerText
from caselight.models.tower_files import PREFIX as FILE_PREFIX
from caselight.models.tower_files import fill_tower, read_tower
from caselight.models.towers import ImageTower, TextTower

IMAGE_TOWERS: Mapping[str, Callable[..., ImageTower]] = {
    "efficientnet-lite0": EfficientNetLite0,
    "efficientnet-lite0-wide": EfficientNetLite0Wide,
    "toy": ToyImage,
    "toy-conv": ToyConv,
}
TEXT_TOWERS: Mapping[str, Callable[..., TextTower]] = {
    "minilm-l6": MiniLM,
    "toy": ToyText,
    "toy-embedding": ToyEmbedding,
}
PREFIX = "transformers:"


def open_image_tower(settings: TowerSettings, *, device: torch.device) -> ImageTower:
    """Open the image tower that the settings name.

    Raises:
        ModelError: `model.unknown_tower`, `model.tower_missing`, `model.weights_mismatch` or
            `model.preprocess_mismatch`.
    """
    name, trim = settings.image, settings.trim_fraction
    if name.startswith(FILE_PREFIX):
        saved = read_tower(Path(name.removeprefix(FILE_PREFIX)), kind="image")
        base = settings.model_copy(update={"image": saved.base})
        tower = open_image_tower(base, device=device)
        fill_tower(tower, saved)
        return tower
    if name.startswith(PREFIX):
        return TransformerImage(name.removeprefix(PREFIX), trim_fraction=trim, device=device)
    if name not in IMAGE_TOWERS:
        raise _unknown("image", name, tuple(IMAGE_TOWERS))
    return IMAGE_TOWERS[name](trim_fraction=trim, device=device)


def open_text_tower(settings: TowerSettings, *, device: torch.device) -> TextTower:
    """Open the text tower that the settings name.

    Raises:
        ModelError: `model.unknown_tower`, `model.tower_missing`, `model.weights_mismatch` or
            `model.preprocess_mismatch`.
    """
    name, most = settings.text, settings.max_tokens
    if name.startswith(FILE_PREFIX):
        saved = read_tower(Path(name.removeprefix(FILE_PREFIX)), kind="text")
        base = settings.model_copy(update={"text": saved.base})
        tower = open_text_tower(base, device=device)
        fill_tower(tower, saved)
        return tower
    if name.startswith(PREFIX):
        return TransformerText(name.removeprefix(PREFIX), max_tokens=most, device=device)
    if name not in TEXT_TOWERS:
        raise _unknown("text", name, tuple(TEXT_TOWERS))
    return TEXT_TOWERS[name](max_tokens=most, device=device)


def _unknown(kind: str, name: str, known: tuple[str, ...]) -> ModelError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use {', '.join(known)}"
    return ModelError(
        f"there is no {kind} tower {name!r}; {hint} Any other opens as {PREFIX}NAME_OR_PATH, a "
        f"tuned one as {FILE_PREFIX}PATH",
        code="model.unknown_tower",
    )
