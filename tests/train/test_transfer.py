"""A model goes on with more and more of a home's pairs; what it gains and forgets is told."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.data.features import FeatureCache
from caselight.data.store import create_store, open_store
from caselight.engine import Engine, Progress
from caselight.errors import Error, TrainError, UsageError
from caselight.models.checkpoint import image_identity, load_checkpoint
from caselight.train import transfer as transfers
from caselight.train.adapted import AdaptReceipt, write_record
from caselight.train.collect import find
from caselight.train.loop import EpochLog
from caselight.train.transfer import TransferReceipt, transfer
from caselight.train.two_homes import Shared, TwoHomes
from caselight.train.validation import read_validation, recall_of_queries
from filled import N_TRAIN, fill_with_company, learned, opened, put_study, report
from trainings import Setting, config

READINGS = ("float", "bits_16")
FEW: tuple[Setting, ...] = (("evaluate.n_resamples", 100), ("train.checkpoint_epochs", 1))


@dataclass(frozen=True)
class Places:
    """A new home, an old one, and the model that came from the old one."""

    new: Path
    old: Path
    model: Path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    root = tmp_path_factory.mktemp("transfer")
    with create_store(root / "old") as store:
        for number in range(100, 130):
            put_study(store, number, split="train" if number < 120 else "val")
    fill_with_company(root / "new")
    learned(root / "old", root / "model")
    return Places(root / "new", root / "old", root / "model")


class Killed(Exception):
    pass


def nothing(_n: int, _log: EpochLog) -> None:
    pass


def silent(_what: str, _n: int, _n_all: int) -> None:
    pass


def moved(
    places: Places,
    out: Path,
    *settings: Setting,
    n_pairs: Sequence[int] = (4, 8),
    home: Path | None = None,
    old: bool = True,
    on_epoch: Callable[[int, EpochLog], None] = nothing,
    restart: bool = False,
    progress: Progress = silent,
) -> TransferReceipt:
    with opened(home or places.new, *settings) as engine, opened(places.old) as before:
        engine.progress = progress
        return transfer(
            engine,
            load_checkpoint(places.model),
            config=config(*FEW, *settings),
            n_pairs=n_pairs,
            readings=READINGS,
            old=before if old else None,
            out=out,
            clock=lambda: 0.0,
            on_epoch=on_epoch,
            restart=restart,
        )


@pytest.fixture(scope="module")
def whole(places: Places, tmp_path_factory: pytest.TempPathFactory) -> TransferReceipt:
    return moved(places, tmp_path_factory.mktemp("whole"))


# -- the table ---------------------------------------------------------------------------------


def test_0_pairs_come_first_and_the_last_model_is_kept(whole: TransferReceipt) -> None:
    assert [(p.asked, p.n_pairs, p.n_replayed) for p in whole.points] == [
        (0, 0, 0),
        (4, 4, 16),
        (8, 8, 20),
    ]
    assert whole.model is not None
    assert [path.name for path in whole.model.parent.iterdir()] == ["model"]
    assert load_checkpoint(whole.model).fingerprint == whole.fingerprint


def test_more_than_there_are_is_all_of_them_once(places: Places, tmp_path: Path) -> None:
    receipt = moved(places, tmp_path, n_pairs=[1000, 4, 50, 4], old=False)
    assert [(p.asked, p.n_pairs) for p in receipt.points] == [(0, 0), (4, 4), (50, N_TRAIN)]
    assert receipt.n_available == N_TRAIN
    assert all(not p.old_recall and not p.forgotten and not p.n_replayed for p in receipt.points)


def test_every_number_is_what_the_model_scores_on_the_validation_splits(
    places: Places, whole: TransferReceipt
) -> None:
    assert whole.model is not None
    models = {0: load_checkpoint(places.model), 8: load_checkpoint(whole.model)}
    for home, is_new in ((places.new, True), (places.old, False)):
        with opened(home) as engine:
            validation = read_validation(engine, config())
        for name in READINGS:
            scores = {n: recall_of_queries(m, validation, name).mean() for n, m in models.items()}
            last = whole.points[-1]
            shown = last.recall if is_new else last.old_recall
            change = last.gain if is_new else last.forgotten
            assert shown[name].value == pytest.approx(scores[8])
            sign = 1 if is_new else -1
            assert change[name].value == pytest.approx(sign * (scores[8] - scores[0]))
            assert change[name].low <= change[name].value <= change[name].high
    first = whole.points[0]
    assert {c.value for c in (*first.gain.values(), *first.forgotten.values())} == {0.0}


def test_0_pairs_alone_train_nothing(places: Places, tmp_path: Path) -> None:
    receipt = moved(places, tmp_path, n_pairs=[0])
    assert len(receipt.points) == 1
    assert receipt.model is receipt.fingerprint is None
    assert not list(tmp_path.iterdir())


def test_the_record_is_json_without_nan(whole: TransferReceipt, tmp_path: Path) -> None:
    path = write_record(AdaptReceipt(towers=(), transfer=whole), tmp_path)
    said = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert [point["n_pairs"] for point in said["transfer"]["points"]] == [0, 4, 8]
    assert set(said["transfer"]["points"][1]["forgotten"]) == set(READINGS)


# -- what is learned from ----------------------------------------------------------------------


def trained_on(
    places: Places, out: Path, monkeypatch: pytest.MonkeyPatch, *settings: Setting, **more: Any
) -> list[list[tuple[str, ...]]]:
    """The texts of every training, step by step."""
    seen = []
    read = transfers.read_pairs

    def reading(engine: Engine, found: Any, given: Any) -> Any:
        seen.append([item.texts for item in found.pairs["train"]])
        return read(engine, found, given)

    monkeypatch.setattr(transfers, "read_pairs", reading)
    moved(places, out, *settings, **more)
    return seen


def test_the_pairs_of_a_step_are_among_those_of_the_next_one(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    four, eight = trained_on(places, tmp_path, monkeypatch, old=False)
    assert len(four) == 4
    assert len(eight) == 8
    assert set(four) < set(eight)


def test_only_training_splits_are_learned_from(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {}
    for home in (places.new, places.old):
        with open_store(home) as store:
            for _, study in store.studies():
                said.setdefault(study.split, set()).add(study.sections.get("findings"))
    for step in trained_on(places, tmp_path, monkeypatch, n_pairs=[8, 1000]):
        assert {text for (text,) in step} <= said["train"]
    assert len(step) == N_TRAIN + 20


def test_what_is_replayed_is_set_and_0_is_nothing(places: Places, tmp_path: Path) -> None:
    counts = {
        n: [p.n_replayed for p in moved(places, tmp_path / str(n), ("adapt.replay", n)).points]
        for n in (0, 1)
    }
    assert counts == {0: [0, 0, 0], 1: [0, 4, 8]}


def test_a_picture_that_the_new_home_is_asked_by_is_not_replayed(
    places: Places, tmp_path: Path
) -> None:
    with create_store(tmp_path / "home") as store:
        for number in range(8):
            put_study(store, number)
        for number in range(100, 106):
            put_study(store, number, split="val")
    receipt = moved(places, tmp_path / "out", home=tmp_path / "home", n_pairs=[8])
    assert receipt.points[-1].n_replayed == 20 - 6


@pytest.fixture
def twice(places: Places, tmp_path: Path) -> Places:
    """One archive of 30 studies ingested twice, with other splits; the model is of the first."""
    with create_store(tmp_path / "again") as store:
        for number in range(100, 130):
            # In the old home, those to 119 are for training and the rest for validation.
            put_study(store, number, split={0: "val", 1: "test"}.get(number % 5, "train"))
    return replace(places, new=tmp_path / "again")


def test_no_home_is_asked_by_a_picture_that_was_learned_from_in_the_other(
    twice: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    step = trained_on(
        twice,
        tmp_path / "out",
        monkeypatch,
        n_pairs=[1000],
        progress=lambda *said: told.append(said),
    )[0]
    learned_from = {text for (text,) in step}
    old_train, new_train = range(100, 120), [n for n in range(100, 130) if n % 5 > 1]
    free = {report(n) for n in old_train if n in new_train}
    assert learned_from == free
    # 12 new pairs that are as well replayed.
    assert len(step) == 24
    assert {what: n for what, n, _ in told if "asked" in what or "left out" in what} == {
        "new pairs left out: the old home asks by them": 6,
        "old pairs left out: the new home asks by them": 8,
        "pairs asked that the old home trains on": 4,
    }


def test_what_two_homes_share_is_in_the_receipt_as_counts(twice: Places, tmp_path: Path) -> None:
    receipt = moved(twice, tmp_path / "out", n_pairs=[0])
    assert receipt.shared == Shared(n_asked_known=4, n_not_learned=6, n_not_replayed=8)
    assert receipt.n_available == 12
    assert moved(twice, tmp_path / "alone", n_pairs=[0], old=False).shared == Shared()
    path = write_record(AdaptReceipt(towers=(), transfer=receipt), tmp_path)
    said = json.loads(path.read_text())["transfer"]
    assert [said[name] for name in ("n_asked_known", "n_not_learned", "n_not_replayed")] == [
        *(4, 6, 8)
    ]


def test_both_homes_are_read_as_one_and_kept_apart(places: Places, tmp_path: Path) -> None:
    for name in ("a", "b"):
        with create_store(tmp_path / name) as store:
            for number in (1, 2) if name == "a" else (3, 4):
                put_study(store, number)
    with opened(tmp_path / "a") as new, opened(tmp_path / "b") as old:
        mine, theirs = (find(one, config()).pairs["train"] for one in (new, old))
        both = TwoHomes(new, old, theirs)
        mixed = [theirs[0], mine[0], theirs[1], mine[1]]
        groups, texts = [i.digests for i in mixed], [i.texts for i in mixed]
        views = both.image_views(groups, n_views=2, strength=1.0)
        said = both.text_views(texts)
        for row, item in enumerate(mixed):
            home = old if item in theirs else new
            alone = home.image_views([item.digests], n_views=2, strength=1.0)
            assert np.array_equal(views[:, row], alone[:, 0])
            assert np.array_equal(said[:, row], home.text_views([item.texts])[:, 0])
        tower = image_identity(new.image_tower)
        name = f"image:{tower.digest}:{tower.input_digest}"
        everything = [digest for item in (*mine, *theirs) for digest in item.digests]
        for home, own in ((new, mine), (old, theirs)):
            kept = FeatureCache(home.store.home / "features.sqlite")
            assert list(kept.get(name, everything)) == [d for item in own for d in item.digests]
            kept.close()


# -- going on ----------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [(4, "hash", 1), (8, "float", 2)])
def test_a_killed_run_goes_on_bit_for_bit(
    places: Places, whole: TransferReceipt, tmp_path: Path, at: tuple[int, str, int]
) -> None:
    def kill(n: int, log: EpochLog) -> None:
        if (n, log.stage, log.epoch) == at:
            raise Killed

    with pytest.raises(Killed):
        moved(places, tmp_path, on_epoch=kill)
    again = moved(places, tmp_path)
    assert again.fingerprint == whole.fingerprint
    assert again.points == whole.points
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_another_unfinished_run_is_kept_until_it_is_given_up(
    places: Places, tmp_path: Path
) -> None:
    def kill(n: int, _log: EpochLog) -> None:
        if n == 8:
            raise Killed

    with pytest.raises(Killed):
        moved(places, tmp_path, on_epoch=kill)
    for changed in (("train.lr", 1e-2), ("adapt.replay", 0)):
        with pytest.raises(TrainError) as caught:
            moved(places, tmp_path, changed)
        assert caught.value.code == "train.other_unfinished"
    moved(places, tmp_path, ("train.lr", 1e-2), restart=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("which", "split", "goes_on"),
    [("new", "train", False), ("old", "train", False), ("old", "test", True)],
)
def test_a_home_that_changes_meanwhile_is_refused_and_learned_from_by_the_same_command(
    places: Places, tmp_path: Path, which: str, split: str, goes_on: bool
) -> None:
    with create_store(tmp_path / "new") as store:
        for number in range(20):
            put_study(store, number, split="train" if number < 10 else "val")
    with create_store(tmp_path / "old") as store:
        for number in range(100, 120):
            put_study(store, number, split="train" if number < 110 else "val")
    here = Places(tmp_path / "new", tmp_path / "old", places.model)

    def add(_n: int, log: EpochLog) -> None:
        if (log.stage, log.epoch) == ("hash", 1):
            with open_store(tmp_path / which) as store:
                put_study(store, 900, split=split)

    with pytest.raises(TrainError) as caught:
        moved(here, tmp_path / "out", n_pairs=[4], on_epoch=add)
    assert caught.value.code == "train.home_changed"
    assert not (tmp_path / "out" / "model").exists()
    # What was learned goes on where it would be learned again, and only there.
    assert bool(list((tmp_path / "out").iterdir())) == goes_on
    again = moved(here, tmp_path / "out", n_pairs=[4])
    assert again.fingerprint == moved(here, tmp_path / "afresh", n_pairs=[4]).fingerprint


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_pairs", [[-1], [1], [4, -50], []])
def test_numbers_of_pairs_that_cannot_be_are_refused(
    places: Places, tmp_path: Path, n_pairs: list[int]
) -> None:
    with pytest.raises(UsageError):
        moved(places, tmp_path / "out", n_pairs=n_pairs)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        (("finetune.towers", "image"), "usage.bad_argument"),
        (("train.patience", 3), "usage.bad_argument"),
        (("float_terms.intra_image", 0.5), "config.out_of_range"),
        (("hash_terms.intra_text", 0.5), "config.out_of_range"),
        (("towers.image", "toy-conv"), "model.weights_mismatch"),
        (("towers.trim_fraction", 0.2), "model.preprocess_mismatch"),
        (("train.filters", {"view": "PA"}), "train.too_few_pairs"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    places: Places, tmp_path: Path, setting: Setting, code: str
) -> None:
    with pytest.raises(Error) as caught:
        moved(places, tmp_path / "out", setting)
    assert caught.value.code == code
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("whose", "split"), [("new", "train"), ("new", "val"), ("old", "train")])
def test_a_home_with_one_split_alone_is_refused(
    places: Places, tmp_path: Path, whose: str, split: str
) -> None:
    with create_store(tmp_path / "home") as store:
        for number in range(8):
            put_study(store, number, split=split)
    here = replace(places, **{whose: tmp_path / "home"})
    with pytest.raises(TrainError) as caught:
        moved(here, tmp_path / "out")
    assert caught.value.code == "train.too_few_pairs"
    assert whose in str(caught.value) or split == "val"
    assert not (tmp_path / "out").exists()


def test_an_old_home_without_pairs_to_replay_still_says_what_is_forgotten(
    places: Places, tmp_path: Path
) -> None:
    with create_store(tmp_path / "old") as store:
        for number in range(100, 112):
            put_study(store, number, split="val")
    receipt = moved(replace(places, old=tmp_path / "old"), tmp_path / "out")
    assert [p.n_replayed for p in receipt.points] == [0, 0, 0]
    assert (receipt.n_asked, receipt.n_old_asked) == (6, 12)
    assert set(receipt.points[-1].forgotten) == set(READINGS)
