"""Verb: a home's training split in, towers that know its pictures and its way of writing out.

Neither a label nor a pairing is used, and nothing of the validation and test splits is read. What
says how good it was is kept from the learning: a tenth of the patients, and half of the findings
whose denial and side are asked about.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from caselight.config import TRAINED, Config
from caselight.data.filters import check_filters
from caselight.data.probe_texts import Probe
from caselight.data.system_errors import explained
from caselight.data.texts import normalise_text
from caselight.engine import Engine
from caselight.errors import TrainError
from caselight.metrics.significance import Interval
from caselight.models import open_image_tower, open_text_tower
from caselight.models.checkpoint import image_identity, text_identity
from caselight.models.dual_encoder import TowerIdentity
from caselight.models.lora import add_lora, merge_lora
from caselight.models.tower_files import save_tower
from caselight.models.tunable import AnyTower, unfreeze
from caselight.models.views import augment
from caselight.train.adapt_images import ImageAdaptation, adapt_images
from caselight.train.adapt_texts import TextAdaptation, Triplet, adapt_texts
from caselight.train.adapting import StepLog, check_enough, diverged, seeded
from caselight.train.collect import Item
from caselight.train.partial import claim_partial, drop_partial
from caselight.train.unlabelled import kept_back, read_pictures, split_probes, unlabelled
from caselight.train.view_agreement import view_agreement

Kind = Literal["image", "text"]
Encode = Callable[[Sequence[str]], NDArray[Any]]
Hear = Callable[[Encode, Sequence[Probe]], dict[str, Interval]]
"""(encoder, probes) to named accuracies."""
OnStep = Callable[[Kind, StepLog], None]

MOST_ASKED = 1000
"""Pictures of theirs that are looked at."""
_TEXTS_TOGETHER = 64
_PARTIAL = "unfinished-{}.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerReceipt:
    """What became of one tower."""

    kind: Kind
    file: Path
    """`file:PATH` in the settings opens it."""
    base: str
    """The tower it was made from."""
    n_learned: int
    """Pictures, or distinct texts."""
    n_asked: int
    """Pictures or probes, kept from the learning, by which it is measured."""
    before: Mapping[str, Interval]
    """What the measures said of the tower as it was, by name; empty with nothing to ask."""
    after: Mapping[str, Interval]
    n_triplets: int = 0
    """A text with its paraphrase and its opposite; 0 for an image tower."""
    seconds: float = 0.0


def adapt_towers(
    engine: Engine,
    kinds: Sequence[Kind],
    *,
    config: Config,
    out: Path,
    clock: Callable[[], float],
    hear: Hear,
    on_step: OnStep,
    restart: bool = False,
) -> tuple[TowerReceipt, ...]:
    """Adapt the towers of the settings to the home's training split and save them.

    Args:
        engine: the open home; its own towers stay as they are.
        kinds: which towers.
        config: all settings; `adapt` says how, `finetune` which part of a tower is trained.
        out: folder for the towers; an unfinished adaptation in it with the same settings and data
            goes on.
        clock: seconds, for the receipt.
        hear: asks a text tower its probes.
        on_step: told after every step.
        restart: give up an unfinished adaptation in `out` that had other settings or data.

    Returns:
        A receipt for each tower, in the order asked.

    Raises:
        ConfigError: for filters or a part that cannot be.
        ModelError: `model.not_tunable` for a tower without weights, say.
        TrainError: when there are too few pictures or texts, the adaptation diverges, the home
            changes meanwhile, or `out` holds another unfinished one.
    """
    check_filters(config.train.filters)
    data_digest = engine.store.digest()
    items = unlabelled(engine, config)
    receipts: list[TowerReceipt] = []
    jobs: list[_Job] = []

    def check_unchanged() -> None:
        if engine.store.digest() == data_digest:
            return
        held = unlabelled(engine, config)
        for job in jobs:
            # What was learned can only go on where the training split is still the same.
            if _material(job.kind, held) != _material(job.kind, items):
                drop_partial(job.partial)
        raise TrainError(
            "studies came into the home or left it while a tower was adapted, expected none to; "
            "adapt again to what it holds now",
            code="train.home_changed",
        )

    with explained():
        for kind in kinds:
            start = clock()
            job = _Job(
                engine=engine,
                config=config,
                out=out,
                kind=kind,
                check_unchanged=check_unchanged,
                restart=restart,
                on_step=partial(on_step, kind),
            )
            jobs.append(job)
            try:
                made = (
                    _adapt_image(job, items) if kind == "image" else _adapt_text(job, items, hear)
                )
            except TrainError as error:
                if error.code == "train.non_finite":
                    # It leads there again, and with a lower rate it would be another one's.
                    drop_partial(job.partial)
                raise
            receipts.append(replace(made, seconds=round(clock() - start, 3)))
        # Not one by one: a tower that is done is not learned again when the other is killed.
        for job in jobs:
            drop_partial(job.partial)
    return tuple(receipts)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What both towers need besides what they learn from."""

    engine: Engine
    config: Config
    out: Path
    kind: Kind
    check_unchanged: Callable[[], None]
    restart: bool
    on_step: Callable[[StepLog], None]

    @property
    def partial(self) -> Path:
        """Where the unfinished tower is kept."""
        return self.out / _PARTIAL.format(self.kind)

    def begin(self, tower: TowerIdentity, items: Sequence[Item]) -> str:
        """Refuse to write over another unfinished adaptation; returns the identity of this one."""
        said: list[Any] = [
            # Another version may round otherwise, or draw otherwise.
            [torch.__version__, version("caselight")],
            self.config.model_dump(mode="json", include={*TRAINED, "adapt"}),
            asdict(tower),
            _material(self.kind, items),
        ]
        mine = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        claim_partial(self.partial, mine, restart=self.restart)
        return mine

    def open(self, tower: AnyTower) -> None:
        """Let the part of a tower that the settings name be trained."""
        tune = self.config.finetune
        if tune.lora_rank:
            generator = seeded(self.config.train.seed, "lora", self.kind)
            add_lora(tower, rank=tune.lora_rank, alpha=tune.lora_alpha, generator=generator)
        else:
            unfreeze(tower, part=tune.part)

    def close(self, tower: AnyTower) -> Path:
        """Save a tower that was adapted to what the home still holds."""
        self.check_unchanged()
        if self.config.finetune.lora_rank:
            merge_lora(tower)
        return save_tower(tower, self.out)

    def settings(self, *, epochs: int) -> dict[str, Any]:
        """What both adaptations need to know."""
        adapt, tune, train = self.config.adapt, self.config.finetune, self.config.train
        return {
            "epochs": epochs,
            "batch_size": adapt.batch_size,
            "chunk_size": tune.chunk,
            "lr": tune.lr,
            "weight_decay": train.weight_decay,
            "warmup_steps": train.warmup_steps,
            "checkpoint_steps": adapt.checkpoint_steps,
            "temperature": self.config.loss.intra_temperature,
            "bf16": tune.precision == "bfloat16",
            "seed": train.seed,
        }


def _material(kind: Kind, items: Sequence[Item]) -> list[Any]:
    """What a tower of this kind is adapted to, for an identity."""
    if kind == "image":
        return [(item.patient, item.digests) for item in items if item.digests]
    return [item.texts for item in items if item.texts]


def _adapt_image(job: _Job, items: Sequence[Item]) -> TowerReceipt:
    config, engine = job.config, job.engine
    seen = [item for item in items if item.digests]
    back = kept_back(seen, seed=config.train.seed)
    asked = {d: item.patient for item in seen if item.patient in back for d in item.digests}
    # A picture that two studies share is learned from once, or not at all.
    group = {d: n for n, item in enumerate(seen) for d in item.digests if d not in asked}
    check_enough(len(group), "pictures")
    tower = open_image_tower(config.towers, device=engine.device)
    job.open(tower)
    identity = job.begin(image_identity(tower), items)
    shown = dict(list(asked.items())[:MOST_ASKED])
    inputs = torch.zeros((0, 3, 1, 1))
    if shown:
        inputs = torch.from_numpy(
            np.stack([tower.preprocess(engine.read_stored(digest)) for digest in shown])
        )
    numbers = np.unique(list(shown.values()), return_inverse=True)[1].astype(np.int64)

    def measured() -> dict[str, Interval]:
        agreement = view_agreement(
            tower,
            inputs,
            list(shown),
            numbers,
            strength=config.train.view_strength,
            settings=config.evaluate,
        )
        return {} if agreement is None else {"view_agreement": agreement}

    before = measured()
    adapt_images(
        tower,
        read_pictures(engine, tower, list(group), job.out),
        torch.tensor(list(group.values())),
        augment=augment,
        settings=ImageAdaptation(
            **job.settings(epochs=config.adapt.picture_epochs),
            strength=config.train.view_strength,
            project_dim=config.adapt.project_dim,
        ),
        partial=job.partial,
        identity=identity,
        on_step=job.on_step,
    )
    # Asked before it is saved: nothing is written of a tower that cannot answer.
    after = measured()
    return TowerReceipt(
        kind="image",
        file=job.close(tower),
        base=tower.base,
        n_learned=len(group),
        n_asked=len(shown),
        before=before,
        after=after,
    )


def _adapt_text(job: _Job, items: Sequence[Item], hear: Hear) -> TowerReceipt:
    config = job.config
    texts: dict[str, tuple[str, ...]] = {}
    for item in items:
        if item.texts:
            texts.setdefault(normalise_text(item.texts[0]), item.texts)
    check_enough(len(texts), "texts")
    asked, learned = split_probes(
        [renderings[0] for renderings in texts.values()],
        rng=np.random.default_rng(config.train.seed),
    )
    triplets: list[Triplet] = [
        (probe.text, probe.paraphrase, opposite)
        for probe in learned
        for opposite in (probe.opposite, probe.reworded_opposite)
    ]
    tower = open_text_tower(config.towers, device=job.engine.device)
    job.open(tower)
    identity = job.begin(text_identity(tower), items)

    def encode(said: Sequence[str]) -> NDArray[Any]:
        starts = range(0, len(said), _TEXTS_TOGETHER)
        features = torch.cat([tower.encode(said[i : i + _TEXTS_TOGETHER]) for i in starts])
        if not features.isfinite().all():
            raise diverged("the text tower's features of texts")
        return features.numpy()

    before = hear(encode, asked)
    adapt_texts(
        tower,
        list(texts.values()),
        triplets,
        settings=TextAdaptation(
            **job.settings(epochs=config.adapt.text_epochs),
            batch_triplets=config.adapt.batch_triplets,
            opposites=config.adapt.opposites,
            keep=config.adapt.keep,
            masked=config.adapt.masked,
        ),
        partial=job.partial,
        identity=identity,
        on_step=job.on_step,
    )
    after = hear(encode, asked)
    return TowerReceipt(
        kind="text",
        file=job.close(tower),
        base=tower.base,
        n_learned=len(texts),
        n_triplets=len(triplets),
        n_asked=len(asked),
        before=before,
        after=after,
    )
