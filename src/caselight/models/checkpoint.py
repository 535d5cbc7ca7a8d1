"""One safetensors file holds a model: weights, settings, preprocessing, tokenizer, fingerprint.

A single file is replaced in one step, so a killed training leaves the old model or the new one,
never half of each. Loading is strict: every tensor is named and shaped as the settings say, and
the fingerprint is computed again.
"""

import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from caselight.config import TRAINED, Config
from caselight.errors import ConfigError, ModelError
from caselight.models.dual_encoder import DualEncoder, TowerIdentity
from caselight.models.heads import Heads
from caselight.models.tower_files import PREFIX
from caselight.models.towers import ImageTower, TextTower

FORMAT = "caselight-model-1"
FILE = "model.safetensors"
TOWERS = "towers"
"""Folder of a model that holds the towers trained for it."""


def image_identity(tower: ImageTower) -> TowerIdentity:
    """Name, weights and preprocessing of an image tower."""
    settings = json.dumps(tower.preprocess.settings(), sort_keys=True)
    return TowerIdentity(
        name=tower.name, digest=tower.digest, dim=tower.dim, input_digest=_sha(settings.encode())
    )


def text_identity(tower: TextTower) -> TowerIdentity:
    """Name, weights, tokenizer and limit of a text tower."""
    said = f"{tower.max_tokens}:{tower.tokenizer_json}"
    return TowerIdentity(
        name=tower.name, digest=tower.digest, dim=tower.dim, input_digest=_sha(said.encode())
    )


def save_checkpoint(
    folder: Path, heads: Heads, config: Config, *, image: ImageTower, text: TextTower
) -> DualEncoder:
    """Write a model into a folder, in one step, and return it with its fingerprint.

    Towers opened from files are copied into the folder first, named by their digests: a model
    needs nothing from outside it but its base towers.
    """
    config = carry_towers(config, folder)
    tensors = {name: t.contiguous() for name, t in heads.state_dict().items()}
    said = {
        "format": FORMAT,
        # What is searched or scored later does not belong to a model.
        "config": config.model_dump(mode="json", include=set(TRAINED)),
        "image_tower": _plain(image_identity(image)),
        "text_tower": _plain(text_identity(text)),
        "preprocess": image.preprocess.settings(),
        "tokenizer": text.tokenizer_json,
    }
    fingerprint = _fingerprint(said, tensors)
    header = {key: json.dumps(value, sort_keys=True) for key, value in said.items()}
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f".{FILE}-{secrets.token_hex(4)}"
    staged.write_bytes(save(tensors, metadata={**header, "fingerprint": fingerprint}))
    os.replace(staged, folder / FILE)  # noqa: PTH105 - the word says that it is atomic
    return _encoder(heads, said, fingerprint, folder)


def load_checkpoint(folder: Path) -> DualEncoder:
    """Read a model and check every part of it.

    Raises:
        ModelError: `model.not_found` or `model.weights_mismatch`.
    """
    path = folder / FILE if folder.is_dir() else folder
    if not path.is_file():
        raise ModelError(
            f"there is no model in {folder}; run `caselight train` first, or name the folder that "
            "its --out wrote",
            code="model.not_found",
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is no safetensors file ({error}); train again or restore it from a copy"
        ) from None
    fingerprint = metadata.pop("fingerprint", "")
    try:
        said = {key: json.loads(value) for key, value in metadata.items()}
    except json.JSONDecodeError:
        said = {}
    if said.get("format") != FORMAT:
        raise ModelError(f"{path} is no Caselight model; name the folder that `train` wrote")
    if _fingerprint(said, tensors) != fingerprint:
        raise ModelError(
            f"{path} does not match its own fingerprint: it was changed or damaged; train again "
            "or restore it from a copy"
        )
    try:
        config = Config.from_mapping(said["config"])
    except ConfigError as error:
        raise ModelError(
            f"{path} was trained with settings this Caselight does not know ({error}); use the "
            "version that trained it, or train again"
        ) from None
    heads = Heads(
        said["image_tower"]["dim"],
        said["text_tower"]["dim"],
        settings=config.model,
        generator=torch.Generator(),
    )
    try:
        heads.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"{path} holds other weights than its settings ask for "
            f"({str(error).splitlines()[0]}); train again"
        ) from None
    return _encoder(heads, said, fingerprint, path.parent)


def carry_towers(config: Config, folder: Path) -> Config:
    """Copy the tower files of some settings into a model's folder; the settings that name them.

    Raises:
        ModelError: `model.tower_missing` when a file is not there.
    """
    changed: dict[str, str] = {}
    for name in ("image", "text"):
        said: str = getattr(config.towers, name)
        if not said.startswith(PREFIX):
            continue
        path = Path(said.removeprefix(PREFIX))
        target = folder / TOWERS / path.name
        if not target.is_file():
            if not path.is_file():
                raise ModelError(
                    f"there is no tower at {path}; name a file that the tuning wrote, as "
                    f"{PREFIX}PATH",
                    code="model.tower_missing",
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            staged = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
            shutil.copyfile(path, staged)
            staged.replace(target)
        changed[name] = f"{PREFIX}{TOWERS}/{path.name}"
    return config.model_copy(update={"towers": config.towers.model_copy(update=changed)})


def check_towers(model: DualEncoder, *, image: ImageTower, text: TextTower) -> None:
    """Refuse towers, preprocessing or a tokenizer other than the model was trained on.

    Raises:
        ModelError: `model.weights_mismatch` or `model.preprocess_mismatch`.
    """
    pairs = ((model.image_tower, image_identity(image)), (model.text_tower, text_identity(text)))
    for wanted, found in pairs:
        if (wanted.digest, wanted.dim) != (found.digest, found.dim):
            raise ModelError(
                f"the model was trained on {wanted.name} with weights {wanted.digest[:16]}, found "
                f"{found.name} with {found.digest[:16]}; install the weights it was trained on, or "
                "train again"
            )
        if wanted.input_digest != found.input_digest:
            raise ModelError(
                f"the preprocessing or tokenizer of {found.name} differs from the one the model "
                "was trained with; install the same version, or train again",
                code="model.preprocess_mismatch",
            )


def _encoder(heads: Heads, said: dict[str, Any], fingerprint: str, folder: Path) -> DualEncoder:
    config = Config.from_mapping(said["config"])
    inside = {
        name: f"{PREFIX}{folder / found.removeprefix(PREFIX)}"
        for name in ("image", "text")
        for found in [getattr(config.towers, name)]
        if found.startswith(PREFIX)
    }
    config = config.model_copy(update={"towers": config.towers.model_copy(update=inside)})
    heads.eval()
    heads.requires_grad_(requires_grad=False)
    return DualEncoder(
        heads=heads,
        config=config,
        image_tower=TowerIdentity(**said["image_tower"]),
        text_tower=TowerIdentity(**said["text_tower"]),
        fingerprint=fingerprint,
    )


def _fingerprint(said: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}:{tuple(tensor.shape)}:{tensor.dtype};".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _plain(identity: TowerIdentity) -> dict[str, Any]:
    return {
        "name": identity.name,
        "digest": identity.digest,
        "dim": identity.dim,
        "input_digest": identity.input_digest,
    }


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
