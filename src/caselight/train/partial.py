"""The state of an unfinished training, in one safetensors file that is replaced in one step."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from caselight.models.heads import Heads


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

    @classmethod
    def of(
        cls,
        heads: Heads,
        optimizer: torch.optim.Optimizer,
        params: list[nn.Parameter],
        *,
        stage: str,
        epoch: int,
        log: str,
    ) -> "Partial":
        """Take the state of a running training."""
        moments = {
            f"{index}.{key}": value
            for index, param in enumerate(params)
            for key, value in optimizer.state[param].items()
        }
        return cls(stage=stage, epoch=epoch, log=log, weights=heads.state_dict(), moments=moments)

    def restore(self, optimizer: torch.optim.Optimizer, params: list[nn.Parameter]) -> None:
        """Put the optimiser's state back."""
        for name, value in self.moments.items():
            index, key = name.split(".")
            param = params[int(index)]
            moved = value if key == "step" else value.to(param.device)
            optimizer.state[param][key] = moved.clone()


def write_partial(path: Path, partial: Partial, *, identity: str) -> None:
    """Replace the file in one step."""
    tensors = {f"weight.{name}": t for name, t in partial.weights.items()}
    tensors |= {f"moment.{name}": t for name, t in partial.moments.items()}
    said = {
        "stage": partial.stage,
        "epoch": str(partial.epoch),
        "log": partial.log,
        "identity": identity,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.new")
    staged.write_bytes(save({k: t.contiguous().cpu() for k, t in tensors.items()}, metadata=said))
    os.replace(staged, path)  # noqa: PTH105 - the word says that it is atomic


def read_partial(path: Path, *, identity: str) -> Partial | None:
    """Read an unfinished training; None when there is none, or it had other settings or data."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata() or {}
            if said.get("identity") != identity:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        return None
    return Partial(
        stage=said["stage"],
        epoch=int(said["epoch"]),
        log=said["log"],
        weights=_under("weight.", tensors),
        moments=_under("moment.", tensors),
    )


def drop_partial(path: Path) -> None:
    """Forget an unfinished training."""
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.new").unlink(missing_ok=True)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
