"""Verb: a home's training split in, a model and the record of its making out."""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.config import Config, TextField
from caselight.data.filters import check_filters, matches
from caselight.data.stacks import pictures
from caselight.data.system_errors import explained
from caselight.data.texts import normalise_text, pair_text
from caselight.engine import Engine
from caselight.models.checkpoint import image_identity, save_checkpoint, text_identity
from caselight.models.dual_encoder import DualEncoder
from caselight.train.loop import EpochLog, train_heads
from caselight.train.pairs import Pairs
from caselight.train.partial import drop_partial

PARTIAL = "unfinished.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainReceipt:
    """What a training made, and from what."""

    model: Path
    fingerprint: str
    n_pairs: int
    n_val_pairs: int
    n_texts_cut: int
    """Texts longer than the tower reads."""
    data_digest: str
    seconds: float


def train(
    engine: Engine,
    *,
    config: Config,
    out: Path,
    clock: Callable[[], float],
    on_epoch: Callable[[EpochLog], None],
) -> TrainReceipt:
    """Train heads on the home's training split and save them, with the record of the run.

    Args:
        engine: the open home.
        config: all settings.
        out: the model's folder; an unfinished training in it with the same settings and data
            goes on, any other is begun anew.
        clock: seconds, for the record.
        on_epoch: told after every epoch.

    Raises:
        TrainError: when there is nothing to learn from, or the training diverges.
    """
    start = clock()
    settings = config.train
    check_filters(settings.filters)
    # Asked for now, not after an hour.
    with explained():
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f"{PARTIAL}.new"
        probe.touch()
        probe.unlink()
    texts: dict[str, list[str]] = {"train": [], "val": []}
    groups: dict[str, list[tuple[str, ...]]] = {"train": [], "val": []}
    for split, digests, text in _paired(engine, settings.text, settings.filters):
        if split in texts:
            texts[split].append(text)
            groups[split].append(digests)
    train_pairs, val_pairs = (_pairs(engine, groups[s], texts[s]) for s in ("train", "val"))
    data_digest = engine.store.digest()
    identity = _identity(engine, config, groups, texts)
    logs: list[EpochLog] = []

    def log(epoch: EpochLog) -> None:
        logs.append(epoch)
        on_epoch(epoch)

    heads = train_heads(
        train_pairs,
        val_pairs,
        config=config,
        device=engine.device,
        partial=out / PARTIAL,
        identity=identity,
        on_epoch=log,
    )
    model = save_checkpoint(out, heads, config, image=engine.image_tower, text=engine.text_tower)
    receipt = TrainReceipt(
        model=out,
        fingerprint=model.fingerprint,
        n_pairs=len(train_pairs),
        n_val_pairs=len(val_pairs),
        n_texts_cut=engine.text_tower.count_cut(sorted(set(texts["train"]))),
        data_digest=data_digest,
        seconds=round(clock() - start, 3),
    )
    _write_record(out, receipt, model, config, logs)
    drop_partial(out / PARTIAL)
    return receipt


def _paired(
    engine: Engine, field: TextField, filters: Mapping[str, str]
) -> list[tuple[str, tuple[str, ...], str]]:
    """(split, its digests, text) of every picture that has a text and passes the filters."""
    found = []
    for _, study in engine.store.studies():
        for picture in pictures(study.images, engine.towers.stack_pool):
            image = study.images[picture.position]
            text = pair_text(study, image, field)
            if text is not None and matches(study, image, filters):
                found.append((study.split, picture.digests, text))
    # The order decides the batches, so it must not depend on the order of ingest.
    return sorted(found)


def _pairs(engine: Engine, groups: list[tuple[str, ...]], texts: list[str]) -> Pairs:
    keys = [normalise_text(text) for text in texts]
    ids: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    if keys:
        ids = np.unique(np.array(keys), return_inverse=True)[1].astype(np.int64)
    return Pairs(
        image=engine.picture_features(groups), text=engine.text_features(texts), text_id=ids
    )


def _identity(
    engine: Engine,
    config: Config,
    groups: dict[str, list[tuple[str, ...]]],
    texts: dict[str, list[str]],
) -> str:
    said: list[Any] = [
        config.model_dump(mode="json", include={"towers", "model", "loss", "train"}),
        asdict(image_identity(engine.image_tower)),
        asdict(text_identity(engine.text_tower)),
        groups,
        texts,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _write_record(
    out: Path, receipt: TrainReceipt, model: DualEncoder, config: Config, logs: list[EpochLog]
) -> None:
    record = {
        "fingerprint": receipt.fingerprint,
        "data_digest": receipt.data_digest,
        "n_pairs": receipt.n_pairs,
        "n_val_pairs": receipt.n_val_pairs,
        "n_texts_cut": receipt.n_texts_cut,
        "seconds": receipt.seconds,
        "towers": {"image": model.image_tower.name, "text": model.text_tower.name},
        "settings": config.model_dump(mode="json"),
        "epochs": [
            {
                "stage": e.stage,
                "epoch": e.epoch,
                "losses": {k: round(v, 6) for k, v in e.losses.items()},
                "val_recall_at_10": {k: round(v, 6) for k, v in e.val_recall_at_10.items()},
            }
            for e in logs
        ],
    }
    staged = out / f".run-{secrets.token_hex(4)}"
    staged.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    staged.replace(out / "run.json")
