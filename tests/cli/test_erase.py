"""Erasure through the door."""

import json
from pathlib import Path
from unittest import mock

import pytest

from caselight.cli import erase as erase_module
from caselight.data.store import open_store
from tests.docs.pages import ROOT, blocks, same_shape
from tests.homes import contents, done, door, trained, trained_copy


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return trained_copy(tmp_path)


def key_of(home: Path, study: str) -> str:
    with open_store(home) as store:
        return store.owner(study)


@pytest.mark.parametrize("named", ["patient", "patient-id", "study"])
def test_a_patient_is_named_in_three_ways(home: Path, named: str) -> None:
    value = {"patient": key_of(home, "s004"), "patient-id": "mrn-48392", "study": "s005"}[named]
    answer = done("erase", f"--{named}", value, "--home", home, "--yes")
    first, model, *_ = answer.out.splitlines()
    assert first.startswith("erased: 2 studies with 3 images, 3 pictures, 3 thumbnails, ")
    assert "learned from the patient; record " in model
    assert value not in answer.out
    hits = done("search", "amber", "--home", home, "-k", 99, "--json").json["hits"]
    assert not {hit["study"] for hit in hits} & {"s004", "s005"}


def test_the_receipt_is_checked_offline_and_had_again(home: Path, tmp_path: Path) -> None:
    first = done("erase", "--study", "s004", "--home", home, "--yes", "--json")
    again = done("erase", "--receipt", first.json["record"], "--home", home, "--json")
    assert again.json == first.json
    (promised,) = map(json.loads, blocks(ROOT / "docs" / "guide" / "erase.md", "json"))
    same_shape(promised, first.json)
    (tmp_path / "receipt").write_text(first.out, "utf-8")
    check = ("audit", "verify", "--proof", tmp_path / "receipt", "--verifier")
    proven = done(*check, home / "audit" / "verifier")
    assert proven.out.startswith(f"proven: record {first.json['record']}, patient.erased ")
    other = first.out.replace('"studies": 2', '"studies": 1')
    assert other != first.out
    (tmp_path / "receipt").write_text(other, "utf-8")
    assert door(*check, home / "audit" / "verifier").refusal[0] == "audit.bad_proof"


def test_nothing_goes_without_a_yes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(home)
    asked = ("erase", "--study", "s004", "--home", home)
    code, sentence = door(*asked).refusal
    assert code == "erase.not_confirmed"
    assert "--yes" in sentence
    with mock.patch.object(erase_module.sys.stdin, "isatty", return_value=True, create=True):
        for answer, status in ((False, 1), (True, 0)):
            said: list[str] = []

            def confirm(
                text: str, *, err: bool, said: list[str] = said, yes: bool = answer
            ) -> bool:
                said.append(text)
                return yes

            monkeypatch.setattr(erase_module.typer, "confirm", confirm)
            assert contents(home) == before
            assert door(*asked).status == status
            assert said[0].startswith("2 studies with 3 images, ")
    assert contents(home) != before


def test_a_dry_run_needs_no_yes_and_changes_nothing(home: Path) -> None:
    before = contents(home)
    answer = done("erase", "--study", "s004", "--home", home, "--dry-run")
    assert answer.out.startswith("would be erased: 2 studies with 3 images, ")
    assert contents(home) == before


def test_apply_readmit_and_finish(home: Path, tmp_path: Path) -> None:
    backup = trained_copy(tmp_path / "restored")
    done("erase", "--patient-id", "mrn-48392", "--home", home, "--yes")
    applied = ("erase", "--apply", home / "tombstones", "--home", backup)
    assert door(*applied).refusal[0] == "erase.not_confirmed"
    assert "1 patients erased" in done(*applied, "--yes").out
    assert done(*applied, "--yes", "--json").json == []
    assert "0 patients erased" in done("erase", "--home", backup).out
    done("erase", "--readmit", "--patient-id", "mrn-48392", "--home", backup)
    assert done("ingest", trained()[0], "--home", backup, "--json").json["accepted"] == 2
    assert done("ingest", trained()[0], "--home", home, "--json").json["accepted"] == 0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--patient", "0" * 32, "--yes"), "erase.no_such_patient"),
        (("--patient-id", "mrn-0", "--dry-run"), "erase.no_such_patient"),
        (("--patient-id", "mrn-0", "--readmit"), "erase.no_such_patient"),
        (("--study", "none", "--yes"), "query.no_such_study"),
        (("--study", "s004", "--patient", "x"), "usage.bad_argument"),
        (("--study", "s004", "--readmit"), "usage.bad_argument"),
        (("--readmit",), "usage.bad_argument"),
        (("--dry-run",), "usage.bad_argument"),
        (("--apply", "none", "--dry-run"), "usage.bad_argument"),
        (("--apply", "none", "--yes"), "erase.bad_list"),
        (("--receipt", "0"), "audit.no_such_record"),
        (("--receipt", "0", "--study", "s004"), "usage.bad_argument"),
    ],
)
def test_bad_input_gets_one_sentence(home: Path, options: tuple[str, ...], code: str) -> None:
    before = contents(home, without=("tombstones",))
    answer = door("erase", "--home", home, *options)
    assert answer.refusal[0] == code
    assert answer.out == ""
    assert contents(home, without=("tombstones",)) == before


def test_no_home_no_erasure(tmp_path: Path) -> None:
    answer = door("erase", "--study", "s004", "--home", tmp_path / "none", "--yes")
    assert answer.refusal[0] == "store.missing"
