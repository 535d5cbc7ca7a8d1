"""Every setting of a training turns something, and none turns what it should not."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from caselight.config import LossSettings, ModelSettings, TrainSettings
from caselight.data.fingerprint import difference_hash, pixel_digest
from caselight.data.store import Held, NewStudy, create_store
from caselight.engine import open_engine
from caselight.errors import QueryRefused
from caselight.train.run import TrainReceipt, train
from caselight.types import Image, Study
from trainings import CPU, Setting, config, fresh, same, silent, turned, under

SECTIONS: dict[str, type[BaseModel]] = {
    "loss": LossSettings,
    "model": ModelSettings,
    "train": TrainSettings,
}
ELSEWHERE = {"train.text", "train.filters", "train.checkpoint_epochs"}
"""Settings that change no weights by themselves: tested below, and in `test_resume.py`."""

KNOBS = [
    key
    for section, settings in SECTIONS.items()
    for key in (f"{section}.{name}" for name in settings.model_fields)
    if key not in ELSEWHERE
]


@pytest.mark.parametrize("key", KNOBS)
def test_every_knob_is_wired(tmp_path: Path, key: str) -> None:
    assert config(turned(key)) != config()
    assert not same(fresh(tmp_path), fresh(tmp_path, turned(key)))


@pytest.mark.parametrize(
    "key",
    [
        "loss.quantization",
        "loss.bit_balance",
        "loss.hash_temperature",
        "loss.sharpness_start",
        "loss.sharpness_end",
        "train.hash_epochs",
        "train.hash_lr",
        "train.warm_start",
    ],
)
def test_the_float_heads_are_trained_without_hash_terms(tmp_path: Path, key: str) -> None:
    one, other = fresh(tmp_path), fresh(tmp_path, turned(key))
    assert same(under("embed", one), under("embed", other))
    assert not same(under("code", one), under("code", other))


@pytest.mark.parametrize("key", ["loss.temperature", "train.lr", "train.epochs"])
def test_hash_heads_without_a_warm_start_do_not_see_the_float_stage(
    tmp_path: Path, key: str
) -> None:
    cold = ("train.warm_start", False)
    one, other = fresh(tmp_path, cold), fresh(tmp_path, cold, turned(key))
    assert same(under("code", one), under("code", other))
    assert not same(under("embed", one), under("embed", other))


# What is learned from a home -----------------------------------------------------------------


def fill(home: Path) -> None:
    """Make a home of thirty studies, half of them X-rays, in which no two sections agree."""
    rng = np.random.default_rng(0)
    with create_store(home) as store:
        batch = []
        for number in range(30):
            pixels = rng.integers(0, 256, (24, 24), dtype=np.uint8)
            digest = pixel_digest(pixels)
            store.put_pixels(digest, pixels, thumbnail_px=16)
            words = {s: f"{s} {'abcde'[number % 5]}" for s in ("impression", "indication", "notes")}
            if number % 2:
                words["findings"] = f"findings {number}"
            image = Image(
                image_uid=f"{number}.png",
                digest=digest,
                dhash=difference_hash(pixels),
                caption=None if number % 3 else f"caption {number}",
                view=None,
                modality="X-ray" if number % 2 else "CT",
            )
            study = Study(
                study_uid=f"study-{number}",
                patient_key=f"key-{number}",
                images=(image,),
                sections=words,
                labels=(),
                date=None,
                age=None,
                sex="F" if number % 3 else "M",
                site=None,
                split="val" if number >= 24 else "train",
                own_split=True,
            )
            held = Held(source_digest=str(number), archive="a", rejected=())
            batch.append(NewStudy(study=study, held=held, content_digest=held.source_digest))
        store.put(batch)


def learned(home: Path, out: Path, *settings: Setting) -> TrainReceipt:
    chosen = config(*settings)
    with open_engine(home, config=chosen, device=CPU, progress=lambda *_: None) as engine:
        return train(engine, config=chosen, out=out, clock=lambda: 0.0, on_epoch=silent)


@pytest.fixture(scope="module")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("filled") / "home"
    fill(home)
    return home


def test_the_text_field_decides_what_is_paired(filled_home: Path, tmp_path: Path) -> None:
    found = {
        field: learned(filled_home, tmp_path / field, ("train.text", field))
        for field in ("auto", "caption", "report", "findings", "impression", "indication", "notes")
    }
    n_pairs = {field: receipt.n_pairs for field, receipt in found.items()}
    assert n_pairs == {
        "auto": 24,
        "caption": 8,
        "report": 24,
        "findings": 12,
        "impression": 24,
        "indication": 24,
        "notes": 24,
    }
    assert len({receipt.fingerprint for receipt in found.values()}) == len(found)


def test_filters_decide_who_takes_part(filled_home: Path, tmp_path: Path) -> None:
    everyone = learned(filled_home, tmp_path / "all")
    women = learned(filled_home, tmp_path / "women", ("train.filters", {"sex": "f"}))
    films = learned(filled_home, tmp_path / "films", ("train.filters", {"modality": "X-ray"}))
    assert (everyone.n_pairs, women.n_pairs, films.n_pairs) == (24, 16, 12)
    assert (everyone.n_val_pairs, women.n_val_pairs, films.n_val_pairs) == (6, 4, 3)
    assert len({r.fingerprint for r in (everyone, women, films)}) == 3


def test_an_unknown_filter_is_refused_before_anything_is_trained(
    filled_home: Path, tmp_path: Path
) -> None:
    with pytest.raises(QueryRefused) as refused:
        learned(filled_home, tmp_path / "out", ("train.filters", {"colour": "blue"}))
    assert refused.value.code == "query.bad_filter"
    assert not (tmp_path / "out").exists()
