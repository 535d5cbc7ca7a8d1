"""The loop that adapts a tower: AdamW, a cosine in steps, resumable, the same from run to run.

All randomness of a step comes from generators seeded by the seed and the step's place, so an
adaptation that goes on from its partial file is bit for bit the one that was never interrupted (on
one device and one number of threads).
"""

import contextlib
import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from caselight.errors import TrainError
from caselight.train.batches import epoch_batches, n_batches
from caselight.train.schedule import learning_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """What both adaptations need to know."""

    epochs: int
    """Passes over the pictures or texts."""
    batch_size: int
    """Pictures or texts a step; each is a negative of the others."""
    chunk_size: int
    """Rows encoded with a gradient at a time; less takes less memory and the same result, but for
    rounding and for which units dropout silences."""
    lr: float
    """Peak learning rate of AdamW."""
    weight_decay: float
    """Decoupled weight decay; of matrices alone, not of biases and normalisations."""
    warmup_steps: int
    """Steps of linear warm-up before the cosine."""
    checkpoint_steps: int
    """A killed adaptation goes on from the last multiple of this."""
    temperature: float
    """Divides every cosine before the softmax."""
    bf16: bool
    """Encode in bfloat16 where PyTorch deems it safe; weights and losses stay float32."""
    seed: int
    """Decides batches, views and dropout: same seed, same result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLog:
    """What one step did."""

    step: int
    """1 is the first."""
    n_steps: int
    lr: float
    losses: Mapping[str, float]
    """Every weighted term."""


def run_steps(
    weights: Mapping[str, nn.Parameter],
    n_rows: int,
    step: Callable[[Tensor, int, int], dict[str, float]],
    *,
    settings: Adaptation,
    partial: Path,
    identity: str,
    on_step: Callable[[StepLog], None],
) -> None:
    """Train weights in place.

    Args:
        weights: by name; all else is left alone.
        n_rows: pictures or texts, at least 2.
        step: (rows i64[B], epoch, step) to the values of its terms; it adds to the gradients.
        settings: see `Adaptation`.
        partial: file that a killed adaptation leaves behind and the next one goes on from; the
            caller drops it once the tower is saved.
        identity: digest of tower, settings and data; a partial file of another one is ignored.
        on_step: told after every step that is made now.

    Raises:
        TrainError: `train.non_finite`; the partial file leads there again.
    """
    groups: list[dict[str, Any]] = [
        {"params": [p for p in weights.values() if p.ndim > 1]},
        {"params": [p for p in weights.values() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, lr=settings.lr, weight_decay=settings.weight_decay, fused=True
    )
    n_steps = settings.epochs * n_batches(n_rows, settings.batch_size)
    done, now = _resume(partial, identity, weights, optimizer), 0
    for epoch in range(settings.epochs):
        order = seeded(settings.seed, "order", epoch)
        for rows in epoch_batches(n_rows, settings.batch_size, generator=order):
            now += 1
            if now <= done:
                continue
            lr = learning_rate(
                now - 1, peak=settings.lr, warmup_steps=settings.warmup_steps, total_steps=n_steps
            )
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.zero_grad()
            losses = step(rows, epoch, now)
            finite = all(map(math.isfinite, losses.values()))
            optimizer.step()
            if now == n_steps:
                # No step follows whose losses would tell what this one did.
                finite &= all(map(math.isfinite, step(rows, epoch, now).values()))
            keeps = now % settings.checkpoint_steps == 0 or now == n_steps
            if keeps:
                finite &= all(bool(p.isfinite().all()) for p in weights.values())
            if not finite:
                raise diverged(f"the losses or the weights of step {now} of {n_steps}")
            if keeps:
                _keep(partial, identity, weights, optimizer, now)
            on_step(StepLog(step=now, n_steps=n_steps, lr=lr, losses=losses))


def diverged(what: str) -> TrainError:
    """The refusal of what is infinite or not a number."""
    return TrainError(
        f"found {what} infinite or not a number, expected numbers; lower finetune.lr",
        code="train.non_finite",
    )


def check_enough(n_rows: int, what: str) -> None:
    """Refuse to adapt a tower to less than one pair.

    Raises:
        TrainError: `train.too_few_pairs`.
    """
    if n_rows < 2:
        raise TrainError(
            f"found {n_rows} {what} to adapt to, expected at least 2; ingest more",
            code="train.too_few_pairs",
        )


def seeded(*parts: object) -> torch.Generator:
    """Return a CPU generator that depends on all the parts and on nothing else."""
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


@contextlib.contextmanager
def dropout(module: nn.Module, *, generator: torch.Generator) -> Iterator[None]:
    """Let a module's own dropout silence units, as the generator's seed says.

    Its dropout can only draw from PyTorch's global generators: they are seeded for as long as this
    is open, and put back. BatchNorm keeps its statistics.
    """
    device = next(module.parameters()).device
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(generator.initial_seed())
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(generator.initial_seed())
        module.train()
        for part in module.modules():
            if isinstance(part, _BatchNorm):
                part.eval()
        try:
            yield
        finally:
            module.eval()


def _keep(
    path: Path,
    identity: str,
    weights: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    step: int,
) -> None:
    """Replace the partial file in one step."""
    tensors = {f"weight.{name}": p.detach() for name, p in weights.items()}
    for name, parameter in weights.items():
        for key, value in optimizer.state[parameter].items():
            tensors[f"{key}.{name}"] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.new")
    said = {"step": str(step), "identity": identity}
    staged.write_bytes(save({k: t.cpu().contiguous() for k, t in tensors.items()}, metadata=said))
    os.replace(staged, path)  # noqa: PTH105 - the word says that it is atomic


def _resume(
    path: Path,
    identity: str,
    weights: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> int:
    """Put an unfinished adaptation back; returns the steps that are done, 0 without one."""
    if not path.is_file():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata() or {}
            if said.get("identity") != identity:
                return 0
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        return 0
    with torch.no_grad():
        for name, parameter in weights.items():
            parameter.copy_(tensors.pop(f"weight.{name}"))
    for full, value in tensors.items():
        key, _, name = full.partition(".")
        parameter = weights[name]
        # The same layout as the parameter's, or AdamW would sum in another order.
        moment = value if key == "step" else torch.empty_like(parameter).copy_(value)
        optimizer.state[parameter][key] = moment.detach()
    return int(said["step"])
