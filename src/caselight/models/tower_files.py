"""A tuned tower in one safetensors file: its weights, what it was made from, and their digest.

The file is replaced in one step and named by its weights. It holds no path but that of a base which
was itself opened by one (`transformers:FOLDER`), and the digest covers the weights alone.
"""

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from caselight.errors import ModelError
from caselight.models.towers import state_digest
from caselight.models.tunable import N_DIGITS, AnyTower, not_tunable, settle

FORMAT = "caselight-tower-1"
PREFIX = "file:"
_ENTRY = "tower"
Kind = Literal["image", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerFile:
    """What such a file holds."""

    path: Path
    base: str
    """The name that opens the tower these weights belong in."""
    inputs: dict[str, Any]
    """What the tower is given: an image tower's size and normalisation, a text tower's tokenizer;
    not what the settings decide, which are trimming and the limit on tokens."""
    digest: str
    """`state_digest` of the weights."""
    weights: dict[str, Tensor]


def save_tower(tower: AnyTower, folder: Path) -> Path:
    """Write a tower as `<kind>-<digest16>.safetensors`; the tower itself does not change.

    Args:
        tower: tuned or not, without LoRA layers that are still to be merged.
        folder: made where it is missing.

    Returns:
        The file; `file:PATH` in the settings opens it.

    Raises:
        ModelError: `model.not_tunable` for a tower without weights or with unmerged LoRA layers.
    """
    weights = tower.module.state_dict()
    if not weights:
        raise not_tunable(tower, "it has no weights to save")
    if any("lora_" in name for name in weights):
        raise not_tunable(tower, "its LoRA layers are not merged; call merge_lora first")
    kind, digest = _kind(tower), state_digest(tower.module)
    said = {
        "format": FORMAT,
        "kind": kind,
        "base": tower.base,
        "inputs": _inputs(tower),
        "digest": digest,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{digest[:16]}.safetensors"
    staged = folder / f".{path.name}-{secrets.token_hex(4)}"
    tensors = {name: tensor.cpu().contiguous() for name, tensor in weights.items()}
    try:
        # One entry, because safetensors writes several in no fixed order.
        staged.write_bytes(save(tensors, metadata={_ENTRY: json.dumps(said, sort_keys=True)}))
        os.replace(staged, path)  # noqa: PTH105 - the word says that it is atomic
    finally:
        staged.unlink(missing_ok=True)
    return path


def read_tower(path: Path, *, kind: Kind) -> TowerFile:
    """Read a file of `save_tower`; its weights are checked once they are in their tower.

    Raises:
        ModelError: `model.tower_missing` without a file, `model.weights_mismatch` for one that is
            damaged, of another kind or not of Caselight.
    """
    if not path.is_file():
        raise ModelError(
            f"there is no tower at {path}; name a file that the tuning wrote, as {PREFIX}PATH",
            code="model.tower_missing",
        )
    try:
        with safe_open(path, framework="pt") as file:
            entry = (file.metadata() or {}).get(_ENTRY, "{}")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is no safetensors file ({type(error).__name__}); tune again or restore it "
            "from a copy"
        ) from None
    try:
        said = json.loads(entry)
        its_kind, its_format = said["kind"], said["format"]
        found = TowerFile(
            path=path,
            base=str(said["base"]),
            inputs=said["inputs"],
            digest=str(said["digest"]),
            weights=weights,
        )
    except (KeyError, TypeError, ValueError):
        raise _foreign(path) from None
    # A base that is a file could name itself.
    if its_format != FORMAT or found.base.startswith(PREFIX):
        raise _foreign(path)
    if its_kind != kind:
        raise ModelError(
            f"{path} holds a tower of kind {its_kind!r}, expected {kind!r}; name a file whose name "
            f"begins with {kind}-"
        )
    return found


def fill_tower(tower: AnyTower, file: TowerFile) -> None:
    """Put the weights of a file into its base, strictly, and give the tower their identity.

    Raises:
        ModelError: `model.weights_mismatch` when they do not fit or are not those that were saved,
            `model.preprocess_mismatch` when the base now takes other input.
    """
    if _inputs(tower) != file.inputs:
        raise ModelError(
            f"the preprocessing or tokenizer of {tower.base} differs from the one that {file.path} "
            "was tuned with; install the same version, or tune again",
            code="model.preprocess_mismatch",
        )
    mine = tower.module.state_dict()
    if {name: _form(t) for name, t in mine.items()} != {
        name: _form(t) for name, t in file.weights.items()
    }:
        raise ModelError(
            f"{file.path} holds other weights than {tower.base} asks for; install the version it "
            "was tuned with, or tune again"
        )
    tower.module.load_state_dict(file.weights, strict=True)
    settle(tower)
    if tower.digest[:N_DIGITS] != file.digest:
        raise ModelError(
            f"{file.path} does not match its own digest: it was changed or damaged; tune again or "
            "restore it from a copy"
        )


def _foreign(path: Path) -> ModelError:
    return ModelError(f"{path} is no tower of Caselight; name a file that the tuning wrote")


def _form(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
    return tensor.shape, tensor.dtype


def _kind(tower: AnyTower) -> Kind:
    return "text" if hasattr(tower, "tokenizer_json") else "image"


def _inputs(tower: AnyTower) -> dict[str, Any]:
    """What the weights were tuned for, as JSON gives it back."""
    said: dict[str, Any]
    if hasattr(tower, "tokenizer_json"):
        said = {"tokenizer": hashlib.sha256(tower.tokenizer_json.encode()).hexdigest()}
    else:
        said = {k: v for k, v in tower.preprocess.settings().items() if k != "trim_fraction"}
    known: dict[str, Any] = json.loads(json.dumps(said))
    return known
