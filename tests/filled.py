"""Small homes to learn from, filled without an archive."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from caselight.data.fingerprint import difference_hash, pixel_digest
from caselight.data.store import Held, NewStudy, Store, create_store
from caselight.engine import Engine, open_engine
from caselight.models.dual_encoder import DualEncoder
from caselight.train.loop import EpochLog
from caselight.train.run import TrainReceipt, train
from caselight.types import Image, Study
from trainings import CPU, Setting, config, silent

SAID = (
    "There is a right pleural effusion.",
    "No pneumothorax.",
    "The heart is enlarged.",
    "Consolidation is seen in the left lower lobe.",
    "There is a small nodule in the right upper lobe.",
    "No pleural effusion.",
    "Atelectasis at the left base.",
)


def report(number: int) -> str:
    """Four sentences, of which the last is this report's own."""
    chosen = np.random.default_rng(number).permutation(len(SAID))[:3]
    return " ".join([*(SAID[i] for i in chosen), f"Follow-up number {number} is advised."])


def put_study(
    store: Store,
    number: int,
    *,
    split: str = "train",
    sections: Mapping[str, str] | None = None,
    n_images: int = 1,
    caption: str | None = None,
    labels: Sequence[str] = (),
    patient: int | None = None,
    modality: str = "X-ray",
    sex: str = "F",
) -> Study:
    """Put a study with random pictures of its own into a home."""
    rng = np.random.default_rng(1000 + number)
    images = []
    for place in range(n_images):
        pixels = rng.integers(0, 256, (24, 24), dtype=np.uint8)
        digest = pixel_digest(pixels)
        store.put_pixels(digest, pixels, thumbnail_px=16)
        images.append(
            Image(
                image_uid=f"{number}-{place}.png",
                digest=digest,
                dhash=difference_hash(pixels),
                caption=caption,
                view=None,
                modality=modality,
            )
        )
    study = Study(
        study_uid=f"study-{number:03d}",
        patient_key=f"key-{number // 2 if patient is None else patient}",
        images=tuple(images),
        sections={"findings": report(number)} if sections is None else sections,
        labels=tuple(labels),
        date=None,
        age=None,
        sex=sex,
        site=("north", "south")[number % 2],
        split=split,
        own_split=True,
    )
    held = Held(source_digest=str(number), archive="a", rejected=())
    store.put([NewStudy(study=study, held=held, content_digest=held.source_digest)])
    return study


N_TRAIN, N_VAL = 16, 6


def fill_with_company(home: Path) -> Path:
    """Reports with their pictures, and in each split pictures without words and words without."""
    with create_store(home) as store:
        for number in range(N_TRAIN + N_VAL):
            put_study(store, number, split="train" if number < N_TRAIN else "val")
        for number, split in ((40, "train"), (41, "train"), (42, "val"), (43, "test")):
            labels = ("pleural effusion",)
            put_study(store, number, split=split, sections={}, labels=labels, n_images=2)
        for number, split in ((50, "train"), (51, "train"), (52, "train"), (53, "val")):
            put_study(store, number, split=split, n_images=0)
        put_study(store, 60, split="test")
    return home


def opened(home: Path, *settings: Setting) -> AbstractContextManager[Engine]:
    """The home, open with the towers of these settings."""
    return open_engine(home, config=config(*settings), device=CPU, progress=lambda *_: None)


def learned(
    home: Path,
    out: Path,
    *settings: Setting,
    on_epoch: Callable[[EpochLog], None] = silent,
    restart: bool = False,
    begin: DualEncoder | None = None,
) -> TrainReceipt:
    """Train in a home."""
    with opened(home, *settings) as engine:
        return train(
            engine,
            config=config(*settings),
            out=out,
            clock=lambda: 0.0,
            on_epoch=on_epoch,
            restart=restart,
            begin=begin,
        )
