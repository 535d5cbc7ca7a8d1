"""Towers learn from a training split alone, are asked by what they did not learn, and go on."""

import errno
import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caselight.config import EvaluateSettings
from caselight.data.findings import read_findings
from caselight.data.store import create_store, open_store
from caselight.engine import Engine
from caselight.errors import Error, StoreError, TrainError
from caselight.evaluation.hearing import heard
from caselight.models import open_image_tower, open_text_tower
from caselight.models.views import augment
from caselight.train import adapt, unlabelled
from caselight.train.adapt import Kind, TowerReceipt, adapt_towers
from caselight.train.adapting import StepLog
from caselight.train.unlabelled import read_pictures, split_probes
from caselight.train.view_agreement import view_agreement
from filled import fill_with_company, opened, put_study, report
from tiny_transformers import tiny_bert
from towers import image_tower
from trainings import CPU, Setting, config

BOTH: tuple[Kind, Kind] = ("image", "text")
TOYS: tuple[Setting, ...] = (
    ("towers.image", "toy-conv"),
    ("towers.text", "toy-embedding"),
    ("adapt.picture_epochs", 2),
    ("adapt.text_epochs", 2),
    ("adapt.batch_size", 4),
    ("adapt.project_dim", 8),
    ("adapt.checkpoint_steps", 2),
    ("finetune.part", 1.0),
    ("finetune.lr", 1e-2),
    ("evaluate.n_resamples", 100),
)


class Killed(Exception):
    pass


def nothing(_kind: Kind, _log: StepLog) -> None:
    pass


def adapted(
    home: Path,
    out: Path,
    *settings: Setting,
    kinds: Sequence[Kind] = BOTH,
    on_step: Callable[[Kind, StepLog], None] = nothing,
    restart: bool = False,
) -> dict[Kind, TowerReceipt]:
    with opened(home, *TOYS, *settings) as engine:
        receipts = adapt_towers(
            engine,
            kinds,
            config=config(*TOYS, *settings),
            out=out,
            clock=lambda: 0.0,
            hear=lambda encode, probes: heard(
                encode, probes, settings=EvaluateSettings(n_resamples=100)
            ),
            on_step=on_step,
            restart=restart,
        )
    return {one.kind: one for one in receipts}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_with_company(tmp_path_factory.mktemp("adapt") / "home")


@pytest.fixture(scope="module")
def whole(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, TowerReceipt]:
    """Both towers, adapted without a pause."""
    return adapted(home, tmp_path_factory.mktemp("whole"))


def names(receipts: dict[Kind, TowerReceipt]) -> list[str]:
    return [receipts[kind].file.name for kind in BOTH]


def code(caught: pytest.ExceptionInfo[Any]) -> str:
    return str(caught.value.code)


# -- what is learned from ----------------------------------------------------------------------


def test_the_towers_open_by_their_files_and_are_other_ones(whole: dict[Kind, TowerReceipt]) -> None:
    towers = config(*((f"towers.{k}", f"file:{whole[k].file}") for k in BOTH)).towers
    image = open_image_tower(towers, device=CPU)
    text = open_text_tower(towers, device=CPU)
    assert (image.base, text.base) == ("toy-conv", "toy-embedding")
    assert image.name == f"toy-conv+{image.digest[:8]}" != "toy-conv"
    assert text.name.startswith("toy-embedding+")
    folder = whole["image"].file.parent
    assert sorted(p.name for p in folder.iterdir()) == sorted(names(whole)), "and nothing else"


def test_all_pictures_and_texts_of_the_training_split_take_part(
    whole: dict[Kind, TowerReceipt],
) -> None:
    # 16 reports with a picture each, 2 studies of two pictures without words, 3 reports alone.
    image, text = whole["image"], whole["text"]
    assert image.n_learned + image.n_asked == 16 + 4
    assert text.n_learned == 16 + 3
    assert text.n_triplets > 500


def test_validation_and_test_patients_are_never_seen(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(home) as store:
        studies = [study for _, study in store.studies()]
    theirs = [study for study in studies if study.split != "train"]
    said = {study.sections["findings"] for study in theirs if study.sections}
    read, encoded = list[str](), list[str]()
    read_stored, adapt_texts = Engine.read_stored, adapt.adapt_texts

    def reading(self: Engine, digest: str) -> Any:
        read.append(digest)
        return read_stored(self, digest)

    def learning(tower: Any, texts: Any, triplets: Any, **more: Any) -> None:
        encoded.extend([*(t for own in texts for t in own), *(t for own in triplets for t in own)])
        adapt_texts(tower, texts, triplets, **more)

    monkeypatch.setattr(Engine, "read_stored", reading)
    monkeypatch.setattr(adapt, "adapt_texts", learning)
    adapted(home, tmp_path)
    pictures = {i.digest for study in studies for i in study.images if study.split == "train"}
    assert set(read) == pictures
    assert report(0) in encoded
    assert not said & set(encoded)


def test_other_validation_and_test_patients_change_nothing(
    whole: dict[Kind, TowerReceipt], tmp_path: Path
) -> None:
    with create_store(tmp_path / "home") as store:
        for number in range(16):
            put_study(store, number)
        for number in (40, 41):
            put_study(store, number, sections={}, labels=("pleural effusion",), n_images=2)
        for number in (50, 51, 52):
            put_study(store, number, n_images=0)
        for number in range(70, 80):
            put_study(store, number, split=("val", "test")[number % 2])
    again = adapted(tmp_path / "home", tmp_path / "out")
    assert names(again) == names(whole)
    agreements = [made["image"].after["view_agreement"].value for made in (again, whole)]
    assert agreements[0] == agreements[1]


def test_pictures_are_asked_of_patients_that_were_not_learned_from(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, asked = list[str](), list[str]()

    def reading(engine: Any, tower: Any, digests: Any, folder: Path) -> Any:
        learned.extend(digests)
        return read_pictures(engine, tower, digests, folder)

    def asking(tower: Any, inputs: Any, digests: Any, *rest: Any, **more: Any) -> Any:
        asked.extend(digests)
        return view_agreement(tower, inputs, digests, *rest, **more)

    monkeypatch.setattr(adapt, "read_pictures", reading)
    monkeypatch.setattr(adapt, "view_agreement", asking)
    adapted(home, tmp_path, kinds=["image"])
    with open_store(home) as store:
        owner = {i.digest: s.patient_key for _, s in store.studies() for i in s.images}
    assert learned
    assert asked
    assert not {owner[d] for d in learned} & {owner[d] for d in asked}


def test_filters_narrow_what_is_learned_from(home: Path, tmp_path: Path) -> None:
    north = adapted(home, tmp_path, ("train.filters", {"site": "north"}), kinds=["text"])
    assert north["text"].n_learned == 8 + 2


# -- what it is asked --------------------------------------------------------------------------


def test_no_finding_that_is_asked_is_learned() -> None:
    texts = ["No ascites. There is no rash.", "Rash is seen.", "Left knee mass is seen."]
    texts += ["No ptx. Ptx is seen.", "No pleural fluid. Effusions are seen.", "No hip fracture."]
    texts += ["There is a small left effusion.", "A right renal cyst is seen.", "No liver lesion."]
    asked, learned = split_probes(texts, rng=np.random.default_rng(0))
    assert {probe.kind for probe in asked} == {probe.kind for probe in learned}
    back = {probe.name for probe in asked}
    assert len(back) == 22
    assert not [p.text for p in learned if any(name in p.text.casefold() for name in back)]
    known = {finding.name for name in back for finding in read_findings(name)}
    assert {"pneumothorax", "pleural effusion", "fracture"} <= known
    for probe in learned:
        for text in (probe.text, probe.paraphrase, probe.opposite, probe.reworded_opposite):
            assert not known & {finding.name for finding in read_findings(text)}, text
    own = {probe.name for probe in learned} - {p.name for p in unlabelled.built_in_probes()}
    assert own == {"rash"}


def test_a_text_tower_hears_more_of_findings_it_did_not_learn(home: Path, tmp_path: Path) -> None:
    made = adapted(home, tmp_path, ("adapt.text_epochs", 8), kinds=["text"])["text"]
    assert (
        set(made.before)
        == set(made.after)
        == {*("negation_minimal", "negation_reworded", "laterality_minimal", "laterality_reworded")}
    )
    assert made.before["negation_minimal"].value < 0.3
    assert made.after["negation_minimal"].low > made.before["negation_minimal"].high


def test_view_agreement_is_one_for_a_tower_that_sees_and_chance_for_one_that_does_not() -> None:
    tower = image_tower("toy-conv")
    coarse = torch.randn((12, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    inputs = coarse.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)

    def asked(n: int, strength: float = 0.0) -> Any:
        return view_agreement(
            tower,
            inputs[:n],
            [str(i) for i in range(n)],
            np.arange(n),
            strength=strength,
            settings=EvaluateSettings(n_resamples=100),
        )

    assert asked(12).value == 1.0
    assert asked(12, 1.0).value < 1.0
    assert asked(1) is None
    inputs = torch.zeros((12, 3, 16, 16))
    assert asked(12).value == pytest.approx(1 / 12)


def test_pictures_keep_their_bytes_and_colour_only_where_there_is_any(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (24, 24), dtype=np.uint8)
    shown = {"a": grey, "b": rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)}
    monkeypatch.setattr(Engine, "read_stored", lambda _, digest: shown[digest])
    with opened(home, *TOYS) as engine:
        tower = engine.image_tower
        one = read_pictures(engine, tower, ["a", "a"], tmp_path)
        both = read_pictures(engine, tower, ["a", "b"], tmp_path)
    assert not list(tmp_path.iterdir()), "pictures of patients in a folder that is handed on"
    assert one.shape == (2, 1, 16, 16)
    assert both.shape == (2, 3, 16, 16)
    for row, name in zip(both, "ab", strict=True):
        exact = torch.from_numpy(tower.preprocess(shown[name])).clamp(-1, 1)
        assert torch.allclose(row.float() / 127.5 - 1, exact, atol=0.01)
    views = [augment(x, strength=0.0, generators=[]) for x in (one.float(),)]
    assert torch.equal(views[0][0, 0], both[0, 0].float())


# -- going on ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "at"), [("image", 3), ("text", 5)])
def test_a_killed_adaptation_goes_on_bit_for_bit(
    home: Path, whole: dict[Kind, TowerReceipt], tmp_path: Path, kind: Kind, at: int
) -> None:
    def kill(now: Kind, log: StepLog) -> None:
        if (now, log.step) == (kind, at):
            raise Killed

    with pytest.raises(Killed):
        adapted(home, tmp_path, on_step=kill)
    steps: list[tuple[Kind, int]] = []
    again = adapted(home, tmp_path, on_step=lambda now, log: steps.append((now, log.step)))
    assert names(again) == names(whole)
    # What was done before the last multiple of adapt.checkpoint_steps is not done again.
    assert steps[0] == (kind, at // 2 * 2 + 1)


def test_a_killed_adaptation_leaves_no_picture_behind(home: Path, tmp_path: Path) -> None:
    seen: list[list[str]] = []
    adapted(
        home,
        tmp_path,
        kinds=["image"],
        on_step=lambda *_: seen.append([path.name for path in tmp_path.iterdir()]),
    )
    assert len(seen) > 2
    assert {name for names in seen for name in names} == {"unfinished-image.safetensors"}


def test_a_disk_without_room_for_the_pictures_is_one_sentence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        """A file that takes one picture and no more."""

        def write(self, data: Any) -> int:
            if self.tell():
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(StoreError) as caught:
        adapted(home, tmp_path, kinds=["image"])
    assert code(caught) == "store.disk_full"
    assert not list(tmp_path.iterdir())


def test_an_unfinished_adaptation_of_other_settings_is_kept_until_it_is_given_up(
    home: Path, tmp_path: Path
) -> None:
    def kill(_: Kind, log: StepLog) -> None:
        if log.step == 3:
            raise Killed

    with pytest.raises(Killed):
        adapted(home, tmp_path, kinds=["text"], on_step=kill)
    kept = (tmp_path / "unfinished-text.safetensors").read_bytes()
    with pytest.raises(TrainError) as caught:
        adapted(home, tmp_path, ("adapt.keep", 0.5), kinds=["text"])
    assert code(caught) == "train.other_unfinished"
    assert (tmp_path / "unfinished-text.safetensors").read_bytes() == kept
    made = adapted(home, tmp_path, ("adapt.keep", 0.5), kinds=["text"], restart=True)
    assert [p.name for p in tmp_path.iterdir()] == [made["text"].file.name]


@pytest.mark.parametrize(
    ("at", "split", "goes_on"),
    [("image", "train", False), ("text", "train", False), ("text", "test", True)],
)
def test_a_home_that_changes_meanwhile_is_refused_and_adapted_to_by_the_same_command(
    tmp_path: Path, at: Kind, split: str, goes_on: bool
) -> None:
    home, out = fill_with_company(tmp_path / "home"), tmp_path / "out"

    def add(now: Kind, log: StepLog) -> None:
        if (now, log.step) == (at, 1):
            with open_store(home) as store:
                put_study(store, 90, split=split)

    with pytest.raises(TrainError) as caught:
        adapted(home, out, on_step=add)
    assert code(caught) == "train.home_changed"
    assert not list(out.glob(f"{at}-*"))
    steps: list[tuple[Kind, int]] = []
    adapted(home, out, on_step=lambda now, log: steps.append((now, log.step)))
    # What was learned goes on where the training split is still the same, and only there.
    assert bool(steps) != goes_on
    assert goes_on or {("image", 1), ("text", 1)} < set(steps)


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOTH)
def test_one_study_is_too_little(tmp_path: Path, kind: Kind) -> None:
    with create_store(tmp_path / "home") as store:
        put_study(store, 1)
    with pytest.raises(TrainError) as caught:
        adapted(tmp_path / "home", tmp_path / "out", kinds=[kind])
    assert code(caught) == "train.too_few_pairs"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("setting", "kind", "refusal"),
    [
        (("towers.image", "toy"), "image", "model.not_tunable"),
        (("towers.text", "toy"), "text", "model.not_tunable"),
        (("adapt.masked", 1.0), "text", "model.not_tunable"),
        (("train.filters", {"colour": "red"}), "image", "query.bad_filter"),
        (("finetune.lr", 1e30), "image", "train.non_finite"),
    ],
)
def test_what_cannot_be_adapted_is_refused(
    home: Path, tmp_path: Path, setting: Setting, kind: Kind, refusal: str
) -> None:
    with pytest.raises(Error) as caught:
        adapted(home, tmp_path, setting, kinds=[kind])
    assert code(caught) == refusal


@pytest.mark.parametrize(("kind", "n_steps"), [("image", 1), ("text", 1), ("image", 3)])
def test_a_tower_that_diverges_is_not_written_and_can_be_adapted_more_gently(
    home: Path, tmp_path: Path, kind: Kind, n_steps: int
) -> None:
    once = (
        *(("adapt.picture_epochs", n_steps), ("adapt.text_epochs", n_steps)),
        *(("adapt.batch_size", 1000), ("adapt.checkpoint_steps", 1), ("train.warmup_steps", 0)),
    )
    with pytest.raises(TrainError, match=r"finetune\.lr") as caught:
        adapted(home, tmp_path, *once, ("finetune.lr", 1e30), kinds=[kind])
    assert code(caught) == "train.non_finite"
    assert not list(tmp_path.iterdir())
    adapted(home, tmp_path, *once, kinds=[kind])


def test_a_tower_that_answers_with_what_is_no_number_is_not_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, name in (("image", "adapt_images"), ("text", "adapt_texts")):

        def learning(tower: Any, *_: Any, **__: Any) -> None:
            with torch.no_grad():
                for weight in tower.module.parameters():
                    weight.fill_(1e38)

        monkeypatch.setattr(adapt, name, learning)
        with pytest.raises(TrainError, match=kind) as caught:
            adapted(home, tmp_path, kinds=[kind])
        assert code(caught) == "train.non_finite"
        assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_lora_layers_are_merged_before_they_are_saved(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    base = f"transformers:{tiny_bert(tmp_path / 'bert')}"
    made = adapted(
        home,
        tmp_path / "out",
        ("towers.text", base),
        ("finetune.lora_rank", 2),
        ("adapt.text_epochs", 1),
        ("adapt.batch_size", 32),
        ("adapt.batch_triplets", 4),
        kinds=["text"],
    )["text"]
    tower = open_text_tower(config(("towers.text", f"file:{made.file}")).towers, device=CPU)
    assert tower.base == base
    assert not [name for name in tower.module.state_dict() if "lora" in name]
