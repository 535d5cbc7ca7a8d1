"""One loop for both stages, resumable, and the same from run to run.

Every epoch draws its randomness from a generator seeded by (seed, stage, epoch), so a training
that goes on from a partial checkpoint is bit for bit the training that was never interrupted (on
one device and one number of threads).
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caselight.config import Config
from caselight.errors import TrainError
from caselight.models.heads import Heads
from caselight.train.batches import epoch_batches, n_batches
from caselight.train.objective import Objective, float_objective, hash_objective
from caselight.train.pairs import Pairs, PairTensors, as_tensors, val_recall_at_10
from caselight.train.partial import Partial, read_partial, write_partial
from caselight.train.schedule import learning_rate, sharpness
from caselight.train.warm import warm_start


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochLog:
    """What one epoch did."""

    stage: str
    """"float" or "hash"."""
    epoch: int
    """1 is the first."""
    n_epochs: int
    losses: dict[str, float]
    """Mean of every weighted term over the epoch's batches."""
    val_recall_at_10: dict[str, float]
    """Strict, both directions averaged; by reading. Empty without validation pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    name: str
    n_epochs: int
    lr: float
    params: list[nn.Parameter]
    objective: Objective


def train_heads(
    pairs: Pairs,
    val: Pairs,
    *,
    config: Config,
    device: torch.device,
    partial: Path,
    identity: str,
    on_epoch: Callable[[EpochLog], None],
) -> Heads:
    """Train all heads from pairs.

    Args:
        pairs: the training split.
        val: the validation split, for watching alone; may be empty.
        config: all settings.
        device: where the heads live.
        partial: file that a killed training leaves behind and the next one goes on from; the
            caller drops it once the model is saved.
        identity: digest of settings and data; a partial file of another identity is ignored.
        on_epoch: told after every epoch; of a resumed training, first the epochs before it.

    Returns:
        The heads, on the CPU, ready to be saved.

    Raises:
        TrainError: `train.too_few_pairs` or `train.non_finite`.
    """
    if len(pairs) < 2:
        raise TrainError(
            f"found {len(pairs)} images with a text in the training split, expected at least 2; "
            "check the text field, the filters and the split",
            code="train.too_few_pairs",
        )
    heads = Heads(
        pairs.image.shape[1],
        pairs.text.shape[1],
        settings=config.model,
        generator=_generator(config.train.seed, "weights", 0),
    )
    raw = as_tensors(pairs, device=device)
    heads.image.fit_scale(raw.image.cpu())
    heads.text.fit_scale(raw.text.cpu())
    heads.to(device)
    tensors = PairTensors(
        image=heads.image.standardise(raw.image),
        text=heads.text.standardise(raw.text),
        text_id=raw.text_id,
    )
    resumed = read_partial(partial, identity=identity)
    logs: list[EpochLog] = []

    def keep(log: EpochLog) -> None:
        logs.append(log)
        on_epoch(log)

    if resumed is not None:
        heads.load_state_dict(resumed.weights, strict=True)
        for done in json.loads(resumed.log):
            keep(EpochLog(**done))
    for stage in _stages(heads, tensors, config):
        here = resumed if resumed is not None and resumed.stage == stage.name else None
        if resumed is not None and resumed.stage == "hash" and here is None:
            continue
        if stage.name == "hash" and here is None and config.train.warm_start:
            heads.eval()
            warm_start(heads, tensors, seed=config.train.seed)
        _run(stage, heads, len(pairs), val, config, here, partial, identity, logs, keep)
    return heads.cpu()


def _stages(heads: Heads, pairs: PairTensors, config: Config) -> tuple[_Stage, _Stage]:
    towers = (heads.image, heads.text)
    return (
        _Stage(
            name="float",
            n_epochs=config.train.epochs,
            lr=config.train.lr,
            params=[p for t in towers for p in t.embed.parameters()],
            objective=float_objective(heads, pairs, config.loss),
        ),
        _Stage(
            name="hash",
            n_epochs=config.train.hash_epochs,
            lr=config.train.hash_lr,
            params=[p for t in towers for p in t.code.parameters()],
            objective=hash_objective(heads, pairs, config.loss),
        ),
    )


def _run(
    stage: _Stage,
    heads: Heads,
    n_pairs: int,
    val: Pairs,
    config: Config,
    resumed: Partial | None,
    partial: Path,
    identity: str,
    logs: list[EpochLog],
    on_epoch: Callable[[EpochLog], None],
) -> None:
    settings = config.train
    optimizer = torch.optim.AdamW(stage.params, lr=stage.lr, weight_decay=settings.weight_decay)
    if resumed is not None:
        resumed.restore(optimizer, stage.params)
    steps = n_batches(n_pairs, settings.batch_size)
    total = steps * stage.n_epochs
    heads.train()
    for epoch in range(resumed.epoch if resumed else 0, stage.n_epochs):
        generator = _generator(settings.seed, stage.name, epoch)
        sums: dict[str, float] = {}
        batches = epoch_batches(n_pairs, settings.batch_size, generator=generator)
        for step, rows in enumerate(batches, start=epoch * steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(
                    step, peak=stage.lr, warmup_steps=settings.warmup_steps, total_steps=total
                )
            sharp = sharpness(
                step,
                start=config.loss.sharpness_start,
                end=config.loss.sharpness_end,
                total_steps=total,
            )
            terms = stage.objective(rows, sharp, generator)
            for name, term in terms.items():
                value = float(term.detach())
                if not math.isfinite(value):
                    raise TrainError(
                        f"{name} became {value} at step {step} of {total}; lower train.lr"
                    )
                sums[name] = sums.get(name, 0.0) + value / steps
            optimizer.zero_grad()
            torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        log = EpochLog(
            stage=stage.name,
            epoch=epoch + 1,
            n_epochs=stage.n_epochs,
            losses=sums,
            val_recall_at_10=_watch(heads, val, stage.name),
        )
        if (epoch + 1) % settings.checkpoint_epochs == 0 or epoch + 1 == stage.n_epochs:
            write_partial(
                partial,
                Partial.of(
                    heads,
                    optimizer,
                    stage.params,
                    stage=stage.name,
                    epoch=epoch + 1,
                    log=json.dumps([asdict(one) for one in (*logs, log)]),
                ),
                identity=identity,
            )
        on_epoch(log)
    heads.eval()


def _watch(heads: Heads, val: Pairs, stage: str) -> dict[str, float]:
    """Score the validation pairs as the model now stands."""
    if len(val) == 0:
        return {}
    heads.eval()
    device = heads.image.mean.device
    with torch.inference_mode():
        image = heads.image.standardise(torch.from_numpy(val.image).to(device))
        text = heads.text.standardise(torch.from_numpy(val.text).to(device))
        spaces: dict[str, tuple[Tensor, Tensor]] = {}
        if stage == "float":
            normal = [
                F.normalize(t, dim=1) for t in (heads.image.embed(image), heads.text.embed(text))
            ]
            spaces["float"] = (normal[0], normal[1])
        else:
            for width, head in heads.image.code.items():
                other = heads.text.code[width]
                spaces[f"bits_{width}"] = (
                    torch.where(head(image) >= 0, 1.0, -1.0),
                    torch.where(other(text) >= 0, 1.0, -1.0),
                )
        scores = {
            name: val_recall_at_10(a.cpu().numpy(), b.cpu().numpy())
            for name, (a, b) in spaces.items()
        }
    heads.train()
    return scores


def _generator(seed: int, stage: str, epoch: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}:{stage}:{epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
