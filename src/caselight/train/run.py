"""Verb: a home's training split in, a model and the record of its making out."""

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from caselight.config import TRAINED, Config
from caselight.data.feedback import FeedbackPair
from caselight.data.filters import check_filters
from caselight.data.system_errors import explained
from caselight.engine import Engine
from caselight.errors import ConfigError, TrainError
from caselight.models.checkpoint import (
    check_towers,
    image_identity,
    save_checkpoint,
    text_identity,
)
from caselight.models.dual_encoder import DualEncoder
from caselight.train.collect import Found, find, read_pairs
from caselight.train.curves import write_curves
from caselight.train.finetuning import Tuning
from caselight.train.loop import EpochLog
from caselight.train.partial import claim_partial, drop_partial
from caselight.train.stages import check_pairs, train_heads

PARTIAL = "unfinished.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainReceipt:
    """What a training made, and from what."""

    model: Path
    fingerprint: str
    n_pairs: int
    n_val_pairs: int
    n_unpaired_images: int
    """Images without a text in the training split."""
    n_unpaired_texts: int
    """Texts without an image there."""
    n_texts_cut: int
    """Texts longer than the tower reads."""
    data_digest: str
    seconds: float
    patients: tuple[str, ...] = field(repr=False)
    """Pseudonyms of all whose studies it may have learned from, sorted."""
    feedback: tuple[str, ...] = ()
    """Ids of the feedback that it learned from, sorted."""
    notes: tuple[str, ...] = ()
    """What of the approved feedback was left out, and why."""


def train(
    engine: Engine,
    *,
    config: Config,
    out: Path,
    clock: Callable[[], float],
    on_epoch: Callable[[EpochLog], None],
    restart: bool = False,
    begin: DualEncoder | None = None,
    draw: bool = True,
    feedback: Sequence[FeedbackPair] = (),
) -> TrainReceipt:
    """Train heads on the home's training split and save them, with the record of the run.

    Args:
        engine: the open home.
        config: all settings.
        out: the model's folder; an unfinished training in it with the same settings and data
            goes on.
        clock: seconds, for the record.
        on_epoch: told after every epoch.
        restart: give up an unfinished training in `out` that had other settings or data.
        begin: a model whose heads are trained further, under its own towers and of its own shape;
            None begins anew.
        draw: write the curves as a picture, too.
        feedback: approved pairs of words and a study, to be learned from beside the home's own.

    Raises:
        ConfigError: `config.out_of_range` for a term that compares views there are none of.
        ModelError: when the engine's towers are not those of `begin`.
        TrainError: when there is nothing to learn from, the training diverges, the home changes
            meanwhile, or `out` holds another unfinished training.
    """
    start = clock()
    check_filters(config.train.filters)
    check_views(config)
    if begin is not None:
        check_towers(begin, image=engine.image_tower, text=engine.text_tower)
        config = config.model_copy(update={"model": begin.config.model})
    found = find(engine, config, feedback=feedback)
    data_digest = engine.store.digest()
    identity = _identity(engine, config, found, begin)
    with explained():
        claim_partial(out / PARTIAL, identity, restart=restart)
    pairs, val = read_pairs(engine, found, config)
    logs: list[EpochLog] = []
    times = [clock()]

    def log(epoch: EpochLog) -> None:
        logs.append(epoch)
        times.append(clock())
        on_epoch(epoch)

    check_pairs(pairs)
    tuning = Tuning(engine, found, config, out) if config.finetune.towers != "none" else None
    with explained():
        heads = train_heads(
            pairs,
            val,
            config=config,
            device=engine.device,
            partial=out / PARTIAL,
            identity=identity,
            on_epoch=log,
            tuning=tuning,
            begin=None if begin is None else begin.heads.state_dict(),
        )
    if engine.store.digest() != data_digest:
        # What was learned can only go on where the training split is still the same.
        if _identity(engine, config, find(engine, config, feedback=feedback), begin) != identity:
            drop_partial(out / PARTIAL)
        raise TrainError(
            "studies came into the home or left it while the model was trained, expected none to; "
            "train again on what it holds now",
            code="train.home_changed",
        )
    final = config if tuning is None else config.model_copy(update={"towers": tuning.settings})
    towers = engine.with_towers(final.towers)
    with explained():
        model = save_checkpoint(out, heads, final, image=towers.image_tower, text=towers.text_tower)
    receipt = TrainReceipt(
        model=out,
        fingerprint=model.fingerprint,
        n_pairs=len(pairs),
        n_val_pairs=len(val),
        n_unpaired_images=len(found.loose_images),
        n_unpaired_texts=len(found.loose_texts),
        n_texts_cut=engine.text_tower.count_cut(
            sorted({item.texts[0] for item in found.pairs["train"]})
        ),
        data_digest=data_digest,
        seconds=round(clock() - start, 3),
        patients=tuple(sorted({item.patient for item in found.learned})),
        feedback=tuple(sorted({one for item in found.learned for one in item.feedback})),
    )
    with explained():
        _write_record(out, receipt, model, config, logs, times, draw=draw)
        drop_partial(out / PARTIAL)
    return receipt


def _identity(engine: Engine, config: Config, found: Found, begin: DualEncoder | None) -> str:
    said: list[Any] = [
        # Another version may round otherwise, or draw otherwise.
        [torch.__version__, version("caselight")],
        config.model_dump(mode="json", include=set(TRAINED)),
        asdict(image_identity(engine.image_tower)),
        asdict(text_identity(engine.text_tower)),
        [asdict(item) for item in found.everything],
        None if begin is None else begin.fingerprint,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def check_views(config: Config) -> None:
    """Refuse terms that compare two views where there is one.

    Raises:
        ConfigError: `config.out_of_range`.
    """
    for section in ("float_terms", "hash_terms"):
        for name, views in (("intra_image", "image_views"), ("intra_text", "text_views")):
            if getattr(getattr(config, section), name) and not getattr(config.train, views):
                raise ConfigError(
                    f"found {section}.{name} above 0 and train.{views} at 0, expected views to "
                    f"compare; set train.{views} to 1 or more",
                    code="config.out_of_range",
                )


def _write_record(
    out: Path,
    receipt: TrainReceipt,
    model: DualEncoder,
    config: Config,
    logs: list[EpochLog],
    times: list[float],
    *,
    draw: bool,
) -> None:
    record = {
        "fingerprint": receipt.fingerprint,
        "data_digest": receipt.data_digest,
        "n_pairs": receipt.n_pairs,
        "n_val_pairs": receipt.n_val_pairs,
        "n_unpaired_images": receipt.n_unpaired_images,
        "n_unpaired_texts": receipt.n_unpaired_texts,
        "n_texts_cut": receipt.n_texts_cut,
        "feedback": list(receipt.feedback),
        "seconds": receipt.seconds,
        "towers": {"image": model.image_tower.name, "text": model.text_tower.name},
        "settings": config.model_dump(mode="json"),
        "epochs": [
            {
                "stage": e.stage,
                "epoch": e.epoch,
                "losses": {k: round(v, 6) for k, v in e.losses.items()},
                "val_recall_at_10": {k: round(v, 6) for k, v in e.val_recall_at_10.items()},
                "bits": {k: round(v, 6) for k, v in e.bits.items()},
                "learning_rate": e.learning_rate,
                # Of an epoch before a resumption: none to speak of.
                "seconds": round(end - begin, 3),
            }
            for e, begin, end in zip(logs, times, times[1:], strict=False)
        ],
    }
    staged = out / f".run-{secrets.token_hex(4)}"
    staged.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    staged.replace(out / "run.json")
    if draw:
        write_curves(record, out / "curves.png")
