"""One loop for both stages and both regimes, resumable, and the same from run to run.

Every epoch draws its randomness from a generator seeded by (seed, stage, epoch), so a training
that goes on from a partial checkpoint is bit for bit the training that was never interrupted (on
one device and one number of threads).
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from caselight.config import Config
from caselight.errors import TrainError
from caselight.models.heads import Heads
from caselight.train.average import Average
from caselight.train.batches import cut, n_batches
from caselight.train.objective import Objective, Violations, float_objective, hash_objective
from caselight.train.pairs import Pairs
from caselight.train.partial import Partial, moments, restore_moments, write_partial
from caselight.train.samplers import SAMPLERS
from caselight.train.schedule import learning_rate, sharpness
from caselight.train.seeing import Eye
from caselight.train.sources import Sources
from caselight.train.watch import watch

Scores = tuple[dict[str, float], dict[str, float]]
"""Validation recall by reading, and statistics of the codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochLog:
    """What one epoch did."""

    stage: str
    """"float", "settle" or "hash"."""
    epoch: int
    """1 is the first."""
    n_epochs: int
    losses: dict[str, float]
    """Mean of every weighted term over the epoch's batches."""
    val_recall_at_10: dict[str, float]
    """Strict, both directions averaged; by reading. Empty without validation pairs."""
    bits: dict[str, float] = field(default_factory=dict)
    """Statistics of the validation codes, by `name_width`; and the share of margins violated."""
    learning_rate: float = 0.0
    """Of the heads, at the epoch's last step."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """One stage of a training as it stands."""

    name: str
    n_epochs: int
    heads: Heads
    sources: Sources
    groups: list[tuple[float, list[nn.Parameter]]]
    """Peak learning rate and parameters."""
    objective: Objective
    violations: Violations
    towers: dict[str, str] = field(default_factory=dict)
    """Files of towers that an earlier stage has trained."""
    statistics: list[Tensor] = field(default_factory=list)
    """What the layers in training measure of their batches, and is kept with their weights."""
    mix: float = 1.0
    """How far from the weights it begins with to those it ends with the stage goes, 0..1."""

    @property
    def params(self) -> list[nn.Parameter]:
        """All that is trained, in one order."""
        return [p for _, group in self.groups for p in group]

    def weights(self) -> dict[str, Tensor]:
        """Heads and towers in training, by name."""
        return {**self.heads.state_dict(), **self.sources.state_dict()}

    def load(self, weights: dict[str, Tensor]) -> None:
        """Put such weights back."""
        towers = {k: v for k, v in weights.items() if k.startswith("towers.")}
        self.heads.load_state_dict({k: v for k, v in weights.items() if k not in towers})
        self.sources.load_state_dict(towers)


def float_stage(heads: Heads, sources: Sources, config: Config) -> Stage:
    """The stage that trains the float heads, and the towers that are open to training."""
    violations = Violations()
    embed = [p for t in (heads.image, heads.text) for p in t.embed.parameters()]
    groups = [(config.train.lr, embed)]
    if sources.trainable():
        groups.append((config.finetune.lr, sources.trainable()))
    return Stage(
        name="float",
        n_epochs=config.train.epochs,
        heads=heads,
        sources=sources,
        groups=groups,
        objective=float_objective(heads, config, violations),
        violations=violations,
    )


def settle_stage(heads: Heads, sources: Sources, config: Config) -> Stage:
    """The stage in which the float heads see more at once, after they learned with much dropout.

    Dropout keeps the heads from learning the training pairs by heart, and leaves them blurred; a
    few epochs with less of it, at a softer temperature, sharpen what they have learned.
    """
    violations = Violations()
    for tower in (heads.image, heads.text):
        tower.embed.dropout = config.train.settle_dropout, config.train.settle_dropout
    softer = config.loss.model_copy(update={"temperature": config.loss.settle_temperature})
    return Stage(
        name="settle",
        n_epochs=config.train.settle_epochs,
        heads=heads,
        sources=sources,
        groups=[
            (
                config.train.settle_lr,
                [p for t in (heads.image, heads.text) for p in t.embed.parameters()],
            )
        ],
        objective=float_objective(heads, config.model_copy(update={"loss": softer}), violations),
        violations=violations,
    )


def hash_stage(heads: Heads, sources: Sources, config: Config) -> Stage:
    """The stage that trains the hash heads, or their rotation alone.

    It goes a part of the way only: a mean of the warm start, which knows the pairs through the
    float heads alone, and of what was trained finds more than either.
    """
    violations = Violations()
    codes = (heads.image.code, heads.text.code)
    params = [
        p
        for code in codes
        for name, p in code.named_parameters()
        if config.train.hash_layers == "all" or name.endswith(".turn")
    ]
    return Stage(
        name="hash",
        n_epochs=config.train.hash_epochs,
        heads=heads,
        sources=sources,
        groups=[(config.train.hash_lr, params)],
        objective=hash_objective(heads, config, violations),
        violations=violations,
        statistics=[b for code in codes for b in code.buffers() if b.is_floating_point()],
        mix=config.train.hash_mix if config.train.warm_start else 1.0,
    )


def run_stage(
    stage: Stage,
    pairs: Pairs,
    val: Sources,
    *,
    config: Config,
    device: torch.device,
    resumed: Partial | None,
    partial: Path,
    identity: str,
    logs: list[EpochLog],
    on_epoch: Callable[[EpochLog], None],
) -> None:
    """Train one stage to its end, in place.

    Args:
        stage: what is trained.
        pairs: the training split.
        val: features of the validation split, for watching, and for stopping early where set.
        config: all settings.
        device: where the heads live.
        resumed: the stage's own state to go on from.
        partial: file that a killed training leaves behind.
        identity: digest of settings and data.
        logs: of the epochs so far, of both stages; appended to.
        on_epoch: told after every epoch.

    Raises:
        TrainError: `train.non_finite`.
    """
    settings = config.train
    eye = Eye(pairs, stage.sources, stage.heads, config=config, stage=stage.name, device=device)
    optimizer = torch.optim.AdamW(
        [{"params": group, "lr": lr, "peak": lr} for lr, group in stage.groups],
        weight_decay=settings.weight_decay,
        # One pass over the memory instead of ten: a fifth of the time of a step on a CPU.
        fused=True,
    )
    average = Average([*stage.params, *stage.statistics], keep=settings.ema, mix=stage.mix)
    best = _Best(patience=settings.patience)
    if resumed is not None:
        restore_moments(resumed.moments, optimizer, stage.params)
        state = json.loads(resumed.state)
        average.restore(resumed.mean, state["n_steps"])
        best.weights, best.score, best.n_worse = resumed.best, state["best"], state["n_worse"]
        stage.violations.rates.update(state["violations"])
    steps = n_batches(len(pairs), settings.batch_size)
    total = steps * stage.n_epochs
    rate = {"float": "train.lr", "settle": "train.settle_lr", "hash": "train.hash_lr"}[stage.name]
    if stage.sources.trainable():
        rate += " or finetune.lr"
    for epoch in range(resumed.epoch if resumed else 0, stage.n_epochs):
        if best.is_over:
            break
        stage.heads.train()
        generator = stage_generator(settings.seed, stage.name, epoch)
        sums: dict[str, float] = {}
        order = SAMPLERS[settings.sampler](pairs, settings.batch_size, generator)
        for step, rows in enumerate(cut(order, settings.batch_size), start=epoch * steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(
                    step,
                    peak=group["peak"],
                    warmup_steps=settings.warmup_steps,
                    total_steps=total,
                )
            sharp = sharpness(
                step,
                start=config.loss.sharpness_start,
                end=config.loss.sharpness_end,
                total_steps=total,
            )
            terms = stage.objective(eye.see(rows, generator), sharp, generator)
            if not terms:  # unpaired studies alone, of which none in this batch agree
                continue
            for name, term in terms.items():
                value = float(term.detach())
                if not math.isfinite(value):
                    raise TrainError(
                        f"{name} became {value} at step {step} of {total}; lower {rate}"
                    )
                sums[name] = sums.get(name, 0.0) + value / steps
            optimizer.zero_grad()
            torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
            stage.sources.backward()
            optimizer.step()
            average.step()
        stage.heads.eval()
        # The last step of an epoch has no loss after it to tell that it diverged, and a variance
        # overflows before a weight does.
        if not all(bool(torch.isfinite(t).all()) for t in [*stage.params, *stage.statistics]):
            raise TrainError(
                f"the weights became non-finite in the last step of epoch {epoch + 1} of the "
                f"{stage.name} stage; lower {rate}"
            )
        with average.applied():
            recalls, bits = score(stage.heads, val, stage.name)
            best.take(recalls, stage)
        log = EpochLog(
            stage=stage.name,
            epoch=epoch + 1,
            n_epochs=stage.n_epochs,
            losses=sums,
            val_recall_at_10=recalls,
            bits={
                **bits,
                **{f"violations_{k}": v for k, v in stage.violations.rates.items()},
            },
            learning_rate=float(optimizer.param_groups[0]["lr"]),
        )
        logs.append(log)
        is_last = epoch + 1 == stage.n_epochs or best.is_over
        if (epoch + 1) % settings.checkpoint_epochs == 0 or is_last:
            write_partial(
                partial,
                Partial(
                    stage=stage.name,
                    epoch=epoch + 1,
                    weights=stage.weights(),
                    moments=moments(optimizer, stage.params),
                    mean=average.state(),
                    best=best.weights,
                    towers=stage.towers,
                    log=json.dumps([asdict(one) for one in logs]),
                    state=json.dumps(
                        {
                            "n_steps": average.n_steps,
                            "best": best.score,
                            "n_worse": best.n_worse,
                            "violations": stage.violations.rates,
                        }
                    ),
                ),
                identity=identity,
            )
        on_epoch(log)
    average.apply()
    if best.weights:
        stage.load(best.weights)
    stage.heads.eval()


def score(heads: Heads, val: Sources, stage: str) -> Scores:
    """Recall and bits of the validation split as the model now stands."""
    if val.image.n_rows == 0:  # a tower cannot encode nothing
        return {}, {}
    with torch.no_grad():
        sides = [
            tower.standardise(source.features(rows, torch.zeros_like(rows)))
            for tower, source in ((heads.image, val.image), (heads.text, val.text))
            for rows in [torch.arange(source.n_rows)]
        ]
    return watch(heads, sides[0], sides[1], stage)


def stage_generator(seed: int, stage: str, epoch: int) -> torch.Generator:
    """What draws all that one epoch of one stage needs."""
    digest = hashlib.sha256(f"{seed}:{stage}:{epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


class _Best:
    """The best weights by validation recall, and when there has been no better for too long."""

    def __init__(self, *, patience: int) -> None:
        self.patience = patience
        self.score = -1.0
        self.n_worse = 0
        self.weights: dict[str, Tensor] = {}

    @property
    def is_over(self) -> bool:
        return bool(self.patience) and self.n_worse >= self.patience

    def take(self, recalls: dict[str, float], stage: Stage) -> None:
        if not self.patience or not recalls:
            return
        score = sum(recalls.values()) / len(recalls)
        if score > self.score:
            self.score, self.n_worse = score, 0
            self.weights = {name: t.detach().clone() for name, t in stage.weights().items()}
        else:
            self.n_worse += 1
