"""A training in a home: what it leaves behind, and what stops it."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from caselight.data.store import create_store, open_store
from caselight.errors import Error, StoreError, TrainError
from caselight.models.checkpoint import FILE, load_checkpoint
from caselight.train.loop import EpochLog
from caselight.train.run import PARTIAL
from filled import N_TRAIN, N_VAL, fill_with_company, learned, opened, put_study, report
from trainings import EPOCHS, MOMENTS, Stopped, same, stop_at


@pytest.fixture(autouse=True)
def _no_curves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "record" not in request.node.name:
        monkeypatch.setattr("caselight.train.run.write_curves", lambda *_: None)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_with_company(tmp_path_factory.mktemp("run") / "home")


def refused(act: Callable[[], object]) -> Error:
    with pytest.raises(Error) as caught:
        act()
    return caught.value


def small_home(folder: Path, *texts: str) -> Path:
    with create_store(folder / "home") as store:
        for number, text in enumerate(texts):
            put_study(store, number, sections={"findings": text})
    return folder / "home"


def test_a_run_leaves_its_model_its_record_and_its_curves(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    logs: list[EpochLog] = []
    receipt = learned(home, out, ("float_terms.margin", 0.5), on_epoch=logs.append)
    assert {path.name for path in out.iterdir()} == {FILE, "run.json", "curves.png"}
    model = load_checkpoint(out)
    assert model.fingerprint == receipt.fingerprint
    assert (receipt.n_pairs, receipt.n_val_pairs) == (N_TRAIN, N_VAL)
    assert (receipt.n_unpaired_images, receipt.n_unpaired_texts) == (4, 3)
    record = json.loads((out / "run.json").read_text())
    for key in ("fingerprint", "data_digest", "n_pairs", "n_unpaired_images", "n_texts_cut"):
        assert record[key] == getattr(receipt, key)
    assert record["settings"]["float_terms"]["margin"] == 0.5
    assert [(e["stage"], e["epoch"]) for e in record["epochs"]] == MOMENTS
    for said, log in zip(record["epochs"], logs, strict=True):
        assert said["losses"] == pytest.approx(log.losses, abs=1e-6)
        assert said["bits"] == pytest.approx(log.bits, abs=1e-6)
        assert said["learning_rate"] == log.learning_rate > 0
        margins = {"violations_margin"} if log.stage == "float" else set()
        assert {name for name in said["bits"] if "violations" in name} == margins
    # Nothing of a patient is in the record.
    assert not any(word in json.dumps(record) for word in ("key-", "study-", "effusion"))


def test_the_same_home_and_settings_make_the_same_model(home: Path, tmp_path: Path) -> None:
    one, other = (learned(home, tmp_path / name) for name in ("a", "b"))
    assert one.fingerprint == other.fingerprint
    assert one.data_digest == other.data_digest


@pytest.mark.parametrize("moment", [("float", 2), ("hash", 1)])
def test_a_training_that_was_stopped_goes_on(
    home: Path, tmp_path: Path, moment: tuple[str, int]
) -> None:
    whole = learned(home, tmp_path / "whole")
    with pytest.raises(Stopped):
        learned(home, tmp_path / "out", on_epoch=stop_at(moment))
    assert (tmp_path / "out" / PARTIAL).is_file()
    assert not (tmp_path / "out" / FILE).exists()
    resumed = learned(home, tmp_path / "out")
    assert resumed.fingerprint == whole.fingerprint
    assert not (tmp_path / "out" / PARTIAL).exists()


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ((), "train.too_few_pairs"),
        ((report(1),), "train.too_few_pairs"),
        (("The heart is large.",) * 3, "train.no_contrast"),
        (("The heart is large.", "the heart is  LARGE."), "train.no_contrast"),
    ],
)
def test_a_home_without_enough_to_tell_apart_is_refused(
    tmp_path: Path, texts: tuple[str, ...], code: str
) -> None:
    error = refused(lambda: learned(small_home(tmp_path, *texts), tmp_path / "out"))
    assert isinstance(error, TrainError)
    assert error.code == code
    assert "large" not in str(error)
    assert not list((tmp_path / "out").iterdir())


# Going on from a model -----------------------------------------------------------------------


def test_a_model_is_trained_further_from_its_own_weights(home: Path, tmp_path: Path) -> None:
    learned(home, tmp_path / "first")
    first = load_checkpoint(tmp_path / "first")
    # So slow that what comes out is what went in, but for a little.
    slow = (("train.lr", 1e-7), ("train.hash_lr", 1e-7), ("train.weight_decay", 0.0))
    learned(home, tmp_path / "second", *slow, ("train.warm_start", False), begin=first)
    second = load_checkpoint(tmp_path / "second")
    assert second.fingerprint != first.fingerprint
    before, after = first.heads.state_dict(), second.heads.state_dict()
    for name in before:
        if name.endswith(("weight", "bias", ".mean", ".std")):
            assert torch.allclose(before[name], after[name], atol=1e-4), name


def test_codes_of_a_model_trained_further_begin_anew_from_its_embeddings(
    home: Path, tmp_path: Path
) -> None:
    learned(home, tmp_path / "first")
    slow = (("train.hash_lr", 1e-7), ("train.weight_decay", 0.0))
    learned(home, tmp_path / "second", *slow, begin=load_checkpoint(tmp_path / "first"))
    heads = load_checkpoint(tmp_path / "second").heads.image
    for head in heads.code.values():
        assert torch.allclose(head.hidden.weight, heads.embed.hidden.weight, atol=1e-4)


def test_a_training_from_a_model_that_was_stopped_goes_on(home: Path, tmp_path: Path) -> None:
    learned(home, tmp_path / "first")
    first = load_checkpoint(tmp_path / "first")
    whole = learned(home, tmp_path / "whole", begin=first)
    assert whole.fingerprint != first.fingerprint
    for moment in (("float", 2), ("hash", 2)):
        out = tmp_path / moment[0]
        with pytest.raises(Stopped):
            learned(home, out, begin=first, on_epoch=stop_at(moment))
        # Begun anew it would be another training.
        assert refused(lambda out=out: learned(home, out)).code == "train.other_unfinished"
        assert learned(home, out, begin=first).fingerprint == whole.fingerprint


def test_a_model_is_trained_further_under_its_own_towers_and_in_its_own_shape(
    home: Path, tmp_path: Path
) -> None:
    learned(home, tmp_path / "first")
    first = load_checkpoint(tmp_path / "first")
    error = refused(
        lambda: learned(home, tmp_path / "a", ("towers.image", "toy-conv"), begin=first)
    )
    assert error.code == "model.weights_mismatch"
    learned(home, tmp_path / "b", ("model.bits", [32]), ("model.nested", True), begin=first)
    assert load_checkpoint(tmp_path / "b").config.model == first.config.model


# The home changes meanwhile ------------------------------------------------------------------


def adding(home: Path, number: int, split: str) -> Callable[[EpochLog], None]:
    def on_epoch(log: EpochLog) -> None:
        if (log.stage, log.epoch) == ("hash", 1):
            with open_store(home) as store:
                put_study(store, number, split=split)

    return on_epoch


def test_a_home_that_changed_during_a_training_is_refused(tmp_path: Path) -> None:
    home = small_home(tmp_path, *(report(n) for n in range(6)))
    out = tmp_path / "out"
    error = refused(lambda: learned(home, out, on_epoch=adding(home, 30, "train")))
    assert error.code == "train.home_changed"
    # No model of a home that is no more; the next training is one of what the home holds now.
    assert not (out / FILE).exists()
    again = learned(home, out)
    assert again.n_pairs == 7
    assert again.fingerprint == learned(home, tmp_path / "other").fingerprint


def test_a_home_that_changed_elsewhere_costs_no_second_training(tmp_path: Path) -> None:
    home = small_home(tmp_path, *(report(n) for n in range(6)))
    whole = learned(home, tmp_path / "whole")
    out = tmp_path / "out"
    error = refused(lambda: learned(home, out, on_epoch=adding(home, 30, "test")))
    assert error.code == "train.home_changed"
    again = learned(home, out, on_epoch=lambda _: None)
    assert again.fingerprint == whole.fingerprint
    assert again.data_digest != whole.data_digest


# Another unfinished training -----------------------------------------------------------------


OTHER = ("train.lr", 2e-3)


def unfinished(home: Path, out: Path) -> bytes:
    with pytest.raises(Stopped):
        learned(home, out, on_epoch=stop_at(("float", EPOCHS)))
    return (out / PARTIAL).read_bytes()


def test_an_unfinished_training_of_other_settings_is_not_written_over(
    home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    left = unfinished(home, out)
    error = refused(lambda: learned(home, out, OTHER))
    assert error.code == "train.other_unfinished"
    assert "--restart" in str(error)
    assert (out / PARTIAL).read_bytes() == left
    # With its own settings it goes on, as before.
    later: list[EpochLog] = []
    receipt = learned(home, out, on_epoch=later.append)
    assert receipt.fingerprint == learned(home, tmp_path / "whole").fingerprint
    # Once it is finished there is nothing to lose.
    assert learned(home, out, OTHER).fingerprint != receipt.fingerprint


def test_an_unfinished_training_is_given_up_by_a_word(home: Path, tmp_path: Path) -> None:
    unfinished(home, tmp_path / "out")
    restarted = learned(home, tmp_path / "out", OTHER, restart=True)
    assert restarted.fingerprint == learned(home, tmp_path / "whole", OTHER).fingerprint


def test_restarting_its_own_training_goes_on_where_it_stopped(home: Path, tmp_path: Path) -> None:
    whole = learned(home, tmp_path / "whole")
    unfinished(home, tmp_path / "out")
    assert learned(home, tmp_path / "out", restart=True).fingerprint == whole.fingerprint


def test_an_unfinished_training_that_cannot_be_read_is_begun_anew(
    home: Path, tmp_path: Path
) -> None:
    left = unfinished(home, tmp_path / "out")
    (tmp_path / "out" / PARTIAL).write_bytes(left[:-7])
    whole = learned(home, tmp_path / "whole")
    assert learned(home, tmp_path / "out").fingerprint == whole.fingerprint


def test_an_unfinished_training_of_another_home_is_not_written_over(
    home: Path, tmp_path: Path
) -> None:
    unfinished(home, tmp_path / "out")
    other = small_home(tmp_path, *(report(n) for n in range(6)))
    assert refused(lambda: learned(other, tmp_path / "out")).code == "train.other_unfinished"


# The disk ------------------------------------------------------------------------------------


def full_disk(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the disk be full when a file of this name is written, or one staged for it."""
    write = Path.write_bytes

    def fail(path: Path, data: Any) -> int:
        if name in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fail)


@pytest.mark.parametrize("name", [PARTIAL, FILE])
def test_a_full_disk_is_one_sentence_and_loses_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = learned(home, tmp_path / "whole")
    with monkeypatch.context() as patch:
        full_disk(patch, name)
        error = refused(lambda: learned(home, tmp_path / "out"))
    assert isinstance(error, StoreError)
    assert error.code == "store.disk_full"
    assert "\n" not in str(error)
    assert not (tmp_path / "out" / FILE).exists()
    assert (tmp_path / "out" / PARTIAL).is_file() == (name == FILE)
    assert learned(home, tmp_path / "out").fingerprint == whole.fingerprint


def test_a_disk_that_fills_up_keeps_the_last_checkpoint(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with pytest.raises(Stopped):
        learned(home, out, on_epoch=stop_at(("float", 2)))
    before = load_file(out / PARTIAL)
    with monkeypatch.context() as patch:
        full_disk(patch, PARTIAL)
        assert refused(lambda: learned(home, out)).code == "store.disk_full"
    assert same(before, load_file(out / PARTIAL))
    assert learned(home, out).fingerprint == learned(home, tmp_path / "whole").fingerprint


def test_a_folder_that_is_a_file_is_refused_before_anything_is_encoded(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("in the way")
    error = refused(lambda: learned(home, tmp_path / "out"))
    assert isinstance(error, StoreError)
    assert (tmp_path / "out").read_text() == "in the way"


def test_training_leaves_the_engine_as_it_was(home: Path, tmp_path: Path) -> None:
    with opened(home) as engine:
        before = (engine.towers, engine.store.digest(), engine.store.generation)
    learned(home, tmp_path / "out")
    with opened(home) as engine:
        assert (engine.towers, engine.store.digest(), engine.store.generation) == before
