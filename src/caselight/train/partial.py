"""The state of an unfinished training, in one safetensors file that is replaced in one step."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from caselight.errors import TrainError


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """Weights and optimiser after some whole epochs of a stage."""

    stage: str
    epoch: int
    """Epochs of the stage that are done."""
    weights: dict[str, Tensor]
    log: str
    """What the epochs so far did, as JSON."""
    moments: dict[str, Tensor]
    """AdamW's state, named `index.key` in the order of the stage's parameters."""
    mean: dict[str, Tensor] = field(default_factory=dict)
    """What `Average.state` says; empty where the weights themselves are kept."""
    best: dict[str, Tensor] = field(default_factory=dict)
    """The best of them so far by validation, likewise."""
    towers: dict[str, str] = field(default_factory=dict)
    """Files of towers that an earlier stage has trained."""
    state: str = "{}"
    """The loop's own numbers, as JSON."""


def moments(optimizer: torch.optim.Optimizer, params: list[nn.Parameter]) -> dict[str, Tensor]:
    """The optimiser's state, named by the parameter's place."""
    return {
        f"{index}.{key}": value
        for index, param in enumerate(params)
        for key, value in optimizer.state[param].items()
    }


def restore_moments(
    kept: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, params: list[nn.Parameter]
) -> None:
    """Put the optimiser's state back."""
    for name, value in kept.items():
        index, key = name.split(".")
        param = params[int(index)]
        # Its count of steps too: a fused AdamW reads that where the weights are.
        optimizer.state[param][key] = value.to(param.device).clone()


def write_partial(path: Path, partial: Partial, *, identity: str) -> None:
    """Replace the file in one step."""
    tensors = {
        f"{kind}.{name}": tensor
        for kind, group in (
            ("weight", partial.weights),
            ("moment", partial.moments),
            ("mean", partial.mean),
            ("best", partial.best),
        )
        for name, tensor in group.items()
    }
    said = {
        "stage": partial.stage,
        "epoch": str(partial.epoch),
        "log": partial.log,
        "state": partial.state,
        "towers": json.dumps(partial.towers),
        "identity": identity,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.new")
    staged.write_bytes(save({k: t.contiguous().cpu() for k, t in tensors.items()}, metadata=said))
    os.replace(staged, path)  # noqa: PTH105 - the word says that it is atomic


def partial_identity(path: Path) -> str | None:
    """The identity of the unfinished training in a file; None where there is none to be read."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            return str((file.metadata() or {}).get("identity", ""))
    except SafetensorError:
        return None


def read_partial(path: Path, *, identity: str) -> Partial | None:
    """Read an unfinished training; None when there is none, or it had other settings or data."""
    if partial_identity(path) != identity:
        return None
    with safe_open(path, framework="pt") as file:
        said = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return Partial(
        stage=said["stage"],
        epoch=int(said["epoch"]),
        log=said["log"],
        state=said["state"],
        towers=json.loads(said["towers"]),
        weights=_under("weight.", tensors),
        moments=_under("moment.", tensors),
        mean=_under("mean.", tensors),
        best=_under("best.", tensors),
    )


def claim_partial(path: Path, identity: str | None, *, restart: bool) -> None:
    """Make sure, before the work and not after an hour, that a partial file can be written.

    Args:
        path: the file; its folder is made where it is missing.
        identity: of the training that will keep its state there; None where none will.
        restart: give up an unfinished training that is another one.

    Raises:
        OSError: when the folder cannot be written to.
        TrainError: `train.other_unfinished`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    probe = path.with_name(f"{path.name}.new")
    probe.touch()
    probe.unlink()
    if partial_identity(path) in (None, identity):
        return
    if not restart:
        raise TrainError(
            f"{path.parent} holds an unfinished training with other settings, data or versions of "
            "Caselight or PyTorch, expected one with these; finish it with those, name another "
            "--out, or give it up with --restart",
            code="train.other_unfinished",
        )
    drop_partial(path)


def drop_partial(path: Path) -> None:
    """Forget an unfinished training."""
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.new").unlink(missing_ok=True)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
