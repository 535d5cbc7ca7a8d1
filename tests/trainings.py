"""Small trainings that many tests share."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from caselight.config import Config
from caselight.models.heads import Heads
from caselight.train.loop import EpochLog
from caselight.train.pairs import Loose, Pairs
from caselight.train.partial import drop_partial
from caselight.train.stages import train_heads

CPU = torch.device("cpu")
EPOCHS, HASH_EPOCHS = 4, 3
MOMENTS = [("float", e + 1) for e in range(EPOCHS)] + [("hash", e + 1) for e in range(HASH_EPOCHS)]
"""(stage, epoch) of every epoch of a small training, in order."""

Setting = tuple[str, Any]
"""`section.key` and its value."""

SMALL: dict[str, dict[str, Any]] = {
    "model": {"embed_dim": 8, "hidden_dim": 8, "bits": [16], "dropout": 0.2},
    "train": {
        "epochs": EPOCHS,
        # The stage between has its own tests.
        "settle_epochs": 0,
        "hash_epochs": HASH_EPOCHS,
        "batch_size": 8,
        "warmup_steps": 2,
        "checkpoint_epochs": 2,
    },
    "towers": {"image": "toy", "text": "toy"},
}


def config(*settings: Setting) -> Config:
    """The settings of a small training, some of them changed."""
    values = {section: dict(pairs) for section, pairs in SMALL.items()}
    for key, value in settings:
        section, name = key.split(".")
        values.setdefault(section, {})[name] = value
    return Config.from_mapping(values)


def turned(key: str) -> Setting:
    """The same setting with another value, whatever its value is in a small training."""
    section, name = key.split(".")
    group = getattr(config(), section)
    value = getattr(group, name)
    if isinstance(value, str):
        known = get_args(type(group).model_fields[name].annotation)
        return key, known[(known.index(value) + 1) % len(known)]
    if isinstance(value, bool):
        return key, not value
    if isinstance(value, int):
        return key, value + 1
    if isinstance(value, float):
        return key, value / 2 if value else 0.1
    if isinstance(value, tuple):
        return key, [*value, value[-1] + 16]
    raise TypeError(f"{key} is {value!r}: say here how to turn it")


def pairs(seed: int = 0, *, n: int = 25) -> Pairs:
    """Two views of shared causes. Of 25 pairs, batches of 8 leave one over."""
    rng = np.random.default_rng(seed)
    causes = rng.standard_normal((n, 6))
    views = [
        (causes @ np.random.default_rng(7 + w).standard_normal((6, w)) + 1).astype(np.float32)
        for w in (12, 10)
    ]
    # Two more views of every picture and one more of every text.
    noise = np.random.default_rng(seed + 100)
    image, text = (
        np.stack([v, *(v + 0.1 * noise.standard_normal(v.shape) for _ in range(more))])
        for v, more in zip(views, (2, 1), strict=True)
    )
    said = np.sign(causes[:, :3]) * (np.abs(causes[:, :3]) > 0.5)
    return Pairs(
        image=image.astype(np.float32),
        text=text.astype(np.float32),
        text_id=np.arange(n, dtype=np.int64) // 2,
        patient=np.arange(n, dtype=np.int64) // 3,
        site=np.arange(n, dtype=np.int64) % 2,
        said=said.astype(np.float32),
        loose=Loose(
            image=image[:, : n // 3].astype(np.float32),
            text=text[:, n // 2 :].astype(np.float32),
            image_said=said[: n // 3].astype(np.float32),
            text_said=said[n // 2 :].astype(np.float32),
        ),
    )


def plain(data: Pairs) -> Pairs:
    """The same pairs with no view but the picture and no rendering but the text, and no company."""
    return dataclasses.replace(data, image=data.image[:1], text=data.text[:1], loose=Loose())


def silent(_: EpochLog) -> None:
    """Listen to nothing."""


def trained(
    partial: Path,
    *settings: Setting,
    val: Pairs | None = None,
    data: Pairs | None = None,
    identity: str = "same",
    on_epoch: Callable[[EpochLog], None] = silent,
) -> Heads:
    return train_heads(
        pairs() if data is None else data,
        pairs(1, n=12) if val is None else val,
        config=config(*settings),
        device=CPU,
        partial=partial,
        identity=identity,
        on_epoch=on_epoch,
    )


def fresh(folder: Path, *settings: Setting, **more: Any) -> dict[str, Tensor]:
    """Train from the beginning and return every weight and buffer."""
    partial = folder / "fresh.safetensors"
    drop_partial(partial)
    return dict(trained(partial, *settings, **more).state_dict())


def same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def under(word: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the float heads (`embed`) or of the hash heads (`code`)."""
    found = {name: t for name, t in weights.items() if f".{word}." in name}
    assert found
    return found


class Stopped(Exception):
    """Stands for the process's end."""


def stop_at(moment: tuple[str, int]) -> Callable[[EpochLog], None]:
    def on_epoch(log: EpochLog) -> None:
        if (log.stage, log.epoch) == moment:
            raise Stopped

    return on_epoch
