"""A home's index is verified with its model, and scanned by study."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caselight
from caselight.audit.files import LogFiles
from caselight.audit.log import FOLDER
from caselight.audit.notes import Signer
from caselight.index import poisoning
from caselight.index.canaries import settle
from caselight.index.manifest import current_folder
from caselight.index.writer import IndexWriter
from caselight.indexing import build_index
from caselight.models.canaries import answers_alike
from caselight.models.dual_encoder import DualEncoder
from caselight.types import Codes
from tests.homes import TOY, contents, done, door, held, trained, trained_copy


def test_verify_asks_canaries_and_writes_nothing(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    before = contents(home)
    said = done("index", "verify", "--home", home, "--json").json
    assert said["ok"]
    assert said["canaries"] == 16
    assert said["poisoning"] is None
    records = (home / "audit" / "log").read_text()
    assert "16 canary queries, all whole" in done("index", "verify", "--home", home).out
    assert (home / "audit" / "log").read_text() == records
    assert contents(home) == before


def test_canaries_are_there_after_an_erasure_and_a_compaction(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    patient = next(iter(held(home).values())).patient_key
    done("erase", "--home", home, "--patient", patient, "--yes")
    for command in (("index", "compact"), ("index", "build")):
        assert done("index", "verify", "--home", home, "--json").json["canaries"] == 16
        done(*command, "--home", home)
    assert done("index", "verify", "--home", home, "--json").json["canaries"] == 16


def test_an_older_index_that_was_put_back_is_found_by_the_record(tmp_path: Path) -> None:
    """All of it was signed once, and no byte is another."""
    home = trained_copy(tmp_path)
    before = shutil.copytree(home / "index", tmp_path / "before")
    patient = next(iter(held(home).values())).patient_key
    done("erase", "--home", home, "--patient", patient, "--yes")
    done("index", "build", "--home", home)
    after = shutil.copytree(home / "index", tmp_path / "after")
    assert done("index", "verify", "--home", home).status == 0
    fault = verified(home, before)
    assert fault["kind"] == "record"
    assert fault["detail"].startswith("record ")
    assert door("search", "amber", "--home", home).refusal[0] == "index.stale"
    # What came last is not all: nothing of it may be an older piece.
    (folder,) = (path for path in after.iterdir() if path.is_dir())
    with IndexWriter(home_of(home, after), seal=signer(home)) as writer:
        writer.change(remove=writer.snapshot.row[:2])
        settle(writer, store=writer.state["store"])
    assert folder.name == current_folder(home).name
    assert verified(home)["detail"].startswith("no record names it")
    done("index", "build", "--home", home)
    assert done("index", "verify", "--home", home).status == 0


def test_the_index_of_another_model_that_was_pointed_at_is_found(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    first = current_folder(home).name
    done("train", "--home", home, "--out", tmp_path / "other", *TOY, "--set", "train.seed=5")
    done("index", "build", "--home", home, "--model", tmp_path / "other")
    assert done("index", "verify", "--home", home).status == 0
    (home / "index" / "current").write_text(first)
    fault = verified(home)
    assert fault["kind"] == "record"
    assert "names it, and by record" in fault["detail"]
    # To go back in earnest is on the record.
    done("index", "build", "--home", home)
    assert current_folder(home).name == first
    assert done("index", "verify", "--home", home).status == 0


def test_a_home_whose_record_names_no_index_is_not_blamed(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    shutil.rmtree(home / "audit")
    shutil.rmtree(home / "index")
    store = caselight.Home(home)
    store._recorder().say("search.explained", {"target": "study", "k": 1})
    model, engine = store._load(home / "trained"), None
    engine = store._open_engine(model.config)
    build_index(engine, model, home / "trained", n_bits=max(model.bits))
    store.close()
    assert done("index", "verify", "--home", home).status == 0


def verified(home: Path, index: Path | None = None) -> Any:
    """The one thing that is wrong, with another folder in the place of all indexes."""
    if index is not None:
        home_of(home, index)
    answer = door("index", "verify", "--home", home, "--json")
    assert answer.status == 1
    (fault,) = answer.json["faults"]
    return fault


def home_of(home: Path, index: Path) -> Path:
    """Put a folder of indexes into a home; the current one."""
    shutil.rmtree(home / "index")
    shutil.copytree(index, home / "index")
    return current_folder(home)


def signer(home: Path) -> Signer:
    return LogFiles(home / FOLDER).signer()


def test_a_model_that_makes_other_codes_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = trained_copy(tmp_path)
    real = DualEncoder.encode_codes

    def turned(self: Any, features: Any, modality: Any, n_bits: int) -> Codes:
        codes = real(self, features, modality, n_bits)
        return codes if modality == "image" else Codes(packed=codes.packed[::-1], n_bits=n_bits)

    with monkeypatch.context() as patched:
        patched.setattr(DualEncoder, "encode_codes", turned)
        answer = door("index", "verify", "--home", home)
        assert answer.status == 1
        assert answer.out.startswith("model: the model makes other codes than it must\n")
    for path in (home / "models").glob("*/*.safetensors"):
        path.unlink()
    answer = door("index", "verify", "--home", home, "--poisoning", "--json")
    assert answer.status == 1
    (fault,) = answer.json["faults"]
    assert (fault["kind"], fault["row"]) == ("model", None)
    assert answer.json["poisoning"] is None


def test_a_bit_in_a_hundred_may_differ() -> None:
    said = bytes(100).hex()
    for n_turned, alike in ((0, True), (8, True), (9, False)):
        bits = np.zeros(800, np.uint8)
        bits[:n_turned] = 1
        assert answers_alike(said, np.packbits(bits).tobytes().hex()) is alike
    assert not answers_alike(said, "00")


def test_a_clean_home_has_nothing_suspicious() -> None:
    home = trained()[1]
    said = done("index", "verify", "--home", home, "--poisoning").out
    assert "\nnothing is suspicious\n" in said
    assert "too few to say what is usual" in said
    with caselight.Home(home) as place:
        assert place.scan_index() == place.scan_index()
        assert place.scan_index().scan.suspicions == ()


def test_suspicions_name_studies_and_are_no_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = trained_copy(tmp_path)
    # On so few items nothing real is suspicious: the limit is put where something is.
    monkeypatch.setattr(poisoning, "MIN_CODES", 5)
    monkeypatch.setattr(poisoning, "HUB_ALPHA", 50.0)
    records = (home / "audit" / "log").read_text()
    answer = door("index", "verify", "--home", home, "--poisoning")
    assert answer.status == 0
    lines = answer.out.splitlines()
    assert lines[0].endswith("all whole; index " + lines[0].split()[-1])
    hubs = [line for line in lines if ": hub: study s" in line]
    assert hubs
    assert "nearest of" in hubs[0]
    assert any(line.endswith("are suspicious") for line in lines)
    assert lines[-1].startswith("next: ")
    said = done("index", "verify", "--home", home, "--poisoning", "--json").json
    assert said["ok"]
    assert {one["study"] for one in said["poisoning"]["suspicions"]} <= set(held(home))
    assert [group["learned"] for group in said["poisoning"]["pairs"]] == [True, False]
    assert (home / "audit" / "log").read_text() == records
