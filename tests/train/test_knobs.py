"""Every setting of a training turns something, and none turns what it should not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel
from torch import Tensor

from caselight.config import FloatTerms, HashTerms, LossSettings, ModelSettings, TrainSettings
from caselight.data.store import create_store
from caselight.errors import QueryRefused
from filled import learned, put_study
from trainings import Setting, config, fresh, same, turned, under

SECTIONS: dict[str, type[BaseModel]] = {
    "loss": LossSettings,
    "float_terms": FloatTerms,
    "hash_terms": HashTerms,
    "model": ModelSettings,
    "train": TrainSettings,
}
ELSEWHERE = {
    # What is read from a home: below, and in `test_collect.py`.
    "train.text",
    "train.filters",
    "train.n_pairs",
    "train.image_views",
    "train.view_strength",
    "train.text_views",
    "loss.near_equal",
    # It changes no weights: `test_resume.py`.
    "train.checkpoint_epochs",
}
KNOBS = [
    key
    for section, settings in SECTIONS.items()
    for key in (f"{section}.{name}" for name in settings.model_fields)
    if key not in ELSEWHERE
]
TOGETHER: dict[str, tuple[Setting, ...]] = {
    "loss.intra_temperature": (("float_terms.intra_image", 1.0),),
    "loss.teacher_temperature": (("hash_terms.distillation", 1.0),),
    "loss.margin": (("float_terms.margin", 1.0),),
    "loss.margin_max_scale": (("float_terms.margin", 1.0),),
    "train.unpaired": (("float_terms.unpaired", 1.0),),
    "loss.settle_temperature": (("train.settle_epochs", 2),),
    "train.settle_lr": (("train.settle_epochs", 2),),
    "train.settle_dropout": (("train.settle_epochs", 2),),
    "train.hash_layers": (("model.rotation", True),),
    # A nested head is another one only where there is more than one width.
    "model.nested": (("model.bits", [16, 32]),),
}
"""Settings that act only beside another one."""


Weights = Callable[..., dict[str, Tensor]]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """What a small training with some settings makes; each is trained once."""
    known: dict[str, dict[str, Tensor]] = {}

    def made(*settings: Setting) -> dict[str, Tensor]:
        key = repr(settings)
        if key not in known:
            known[key] = fresh(tmp_path_factory.mktemp("fresh"), *settings)
        return known[key]

    return made


@pytest.mark.parametrize("key", KNOBS)
def test_every_knob_is_wired(weights: Weights, key: str) -> None:
    base = TOGETHER.get(key, ())
    assert config(*base, turned(key)) != config(*base)
    assert not same(weights(*base), weights(*base, turned(key)))


HASH_ALONE = (
    *(f"hash_terms.{name}" for name in HashTerms.model_fields),
    "loss.hash_temperature",
    "loss.teacher_temperature",
    "loss.relaxation",
    "loss.sharpness_start",
    "loss.sharpness_end",
    "train.hash_epochs",
    "train.hash_layers",
    "train.hash_lr",
    "train.hash_mix",
    "train.warm_start",
    "model.hash_dropout",
    "model.hash_input_dropout",
    "model.normalise_bits",
    "model.rotation",
    "model.nested",
)


@pytest.mark.parametrize("key", HASH_ALONE)
def test_the_float_heads_are_trained_without_hash_terms(weights: Weights, key: str) -> None:
    base = TOGETHER.get(key, ())
    one, other = weights(*base), weights(*base, turned(key))
    assert same(under("embed", one), under("embed", other))
    assert not same(under("code", one), under("code", other))


@pytest.mark.parametrize(
    "key",
    [
        "loss.temperature",
        "train.lr",
        "train.epochs",
        *(f"float_terms.{name}" for name in FloatTerms.model_fields),
    ],
)
def test_hash_heads_without_a_warm_start_do_not_see_the_float_stage(
    weights: Weights, key: str
) -> None:
    cold = ("train.warm_start", False)
    one, other = weights(cold), weights(cold, turned(key))
    assert same(under("code", one), under("code", other))
    assert not same(under("embed", one), under("embed", other))


# What is learned from a home -----------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caselight.train.run.write_curves", lambda *_: None)


def fill(home: Path) -> None:
    """Make a home of thirty studies, half of them X-rays, in which no two sections agree."""
    with create_store(home) as store:
        for number in range(30):
            words = {s: f"{s} {'abcde'[number % 5]}" for s in ("impression", "indication", "notes")}
            if number % 2:
                words["findings"] = f"findings {number}"
            put_study(
                store,
                number,
                split="val" if number >= 24 else "train",
                sections=words,
                patient=number,
                caption=None if number % 3 else f"caption {number}",
                modality="X-ray" if number % 2 else "CT",
                sex="F" if number % 3 else "M",
            )


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
