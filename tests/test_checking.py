"""A home's index is verified with its model, and scanned by study."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caselight
from caselight.index import poisoning
from caselight.models.canaries import answers_alike
from caselight.models.dual_encoder import DualEncoder
from caselight.types import Codes
from tests.homes import contents, done, door, held, trained, trained_copy


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
