"""The record through the door: all that is done is on it, and nobody's data is."""

import json
import os
import shutil
from pathlib import Path

import pytest

from caselight.audit import log as log_module
from caselight.audit.digests import patient_digest
from caselight.audit.record import EVENTS
from caselight.data.store import open_store
from caselight.merkle import leaf_digest, root_of
from caselight.recording import Recorder
from tests.docs.pages import ROOT
from tests.homes import archive, done, door, trained, trained_copy


def records(home: Path, *options: object) -> list[dict[str, object]]:
    return done("audit", "show", "--home", home, "--all", "--json", *options).json  # type: ignore[no-any-return]


def events(home: Path) -> list[str]:
    return [str(record["event"]) for record in records(home)]


def test_the_life_of_a_home_is_on_its_record(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    begun = events(home)
    assert begun[:25] == ["log.created", *["study.ingested"] * 24]
    assert begun[25:28] == ["ingest.finished", "model.trained", "index.built"]
    done("search", "amber", "--home", home)
    picture = trained()[0] / "images" / "003-PA.png"
    done("search", "amber", "--image", picture, "--like", "s004", "--home", home)
    assert door("search", "", "--home", home).status == 1
    assert door("train", "--home", home, "--set", "train.filters={'site':'none'}").status == 2
    done("ingest", trained()[0], "--home", home)
    done("embed", "--home", home, "--out", tmp_path / "a.npz")
    done("export", "amber", "--home", home, "--out", tmp_path / "sheet")
    assert events(home)[len(begun) :] == [
        "search.answered",
        "search.answered",
        "request.refused",
        "ingest.finished",
        "embeddings.made",
        "search.answered",
        "answer.exported",
    ]
    size = len(events(home))
    assert done("audit", "verify", "--home", home).out.startswith(f"{size} records, all whole")


def test_an_answer_names_its_record_and_the_record_the_answer(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    answer = done("search", "amber or not", "--home", home, "--json", "-k", 3).json
    (found,) = records(home, "--words", " amber or not ")
    assert found["position"] == answer["record"]
    said = found["payload"]
    assert isinstance(said, dict)
    assert (said["model"], said["index"]) == (answer["model"], answer["index"])
    for hit, recorded in zip(answer["hits"], said["hits"], strict=True):
        (of_study,) = [
            one
            for one in records(home, "--study", hit["study"], "--event", "search.answered")
            if one["position"] == answer["record"]
        ]
        assert recorded in of_study["payload"]["hits"]  # type: ignore[index]
        assert recorded.keys() == {"study", "age", "sex", "site"}
        assert recorded["age"].endswith("9")
    assert not records(home, "--words", "never asked")


def test_nothing_of_a_patient_and_no_word_of_a_query_is_on_the_record(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    done("search", "amber in zone", "--like", "s004", "--filter", "site=north", "--home", home)
    door("search", "amber", "--like", "s999", "--home", home)
    with open_store(home) as store:
        held = [study for _, study in store.studies()]
    secrets = {"amber", "zone", "mrn-", "s004", "s999", "Opinion", "Finding", str(tmp_path)}
    secrets |= {study.patient_key for study in held} | {study.study_uid for study in held}
    secrets |= {image.digest for study in held for image in study.images}
    for path in sorted((home / "audit").rglob("*")):
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            assert not [secret for secret in secrets if secret in text], path.name


def test_who_a_model_was_trained_on_is_proven_by_the_salt_alone(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    made, *_ = records(home, "--event", "model.trained")
    said = made["payload"]
    assert isinstance(said, dict)
    with open_store(home) as store:
        trained_on = Recorder(store, actor="").trained_on()[said["model"]]
        of = {study.patient_key: study.split for _, study in store.studies()}
        salts = store.salts(of)
    assert said["patients"] == len(trained_on) == 6
    assert root_of([leaf_digest(one.encode()) for one in trained_on]).hex() == said["patients_root"]
    for patient, split in of.items():
        assert (patient_digest(salts[patient], patient) in trained_on) == (split == "train")


@pytest.mark.parametrize("request_", ["search", "ingest", "index"])
def test_no_answer_leaves_without_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: str
) -> None:
    home = trained_copy(tmp_path)
    before = events(home)
    with open_store(home) as store:
        digest = store.digest()

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    args: dict[str, tuple[object, ...]] = {
        "search": ("search", "amber", "--home", home),
        "ingest": ("ingest", archive(tmp_path / "more", n_studies=30), "--home", home),
        "index": ("index", "build", "--home", home),
    }
    with monkeypatch.context() as patched:
        patched.setattr(log_module.os, "fdatasync", full)
        answer = door(*args[request_])
    assert answer.status == 1
    # The index is the first to be told, and says it in its own words.
    assert answer.refusal[0] == ("store.disk_full" if request_ == "index" else "audit.not_written")
    assert answer.out == ""
    assert events(home) == before
    with open_store(home) as store:
        assert store.digest() == digest


def test_a_changed_record_is_told_and_nothing_is_answered_after_a_cut(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    log = home / "audit" / "log"
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    log.write_bytes(whole.replace(b'"images":1', b'"images":2', 1))
    broken = door("audit", "verify", "--home", home, "--json")
    assert broken.status == 1
    at = next(i for i, line in enumerate(lines) if b'"images":1' in line)
    assert broken.json["faults"][0]["position"] == at
    assert broken.json["faults"][0]["kind"] == "altered"
    log.write_bytes(b"".join(lines[:-1]))
    assert f"record {len(lines) - 1}: missing" in door("audit", "verify", "--home", home).out
    refused = door("search", "amber", "--home", home)
    assert (refused.status, refused.out) == (1, "")
    assert refused.refusal[0] == "audit.truncated"


def test_a_proof_convinces_without_the_home(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    done("audit", "checkpoint", "--home", home, "--out", tmp_path / "then")
    answer = done("search", "amber", "--home", home, "--json").json
    done("audit", "prove", answer["record"], "--home", home, "--out", tmp_path / "one")
    done("audit", "prove", "--since", tmp_path / "then", "--home", home, "--out", tmp_path / "two")
    verifier = (home / "audit" / "verifier").read_text("utf-8").strip()
    shutil.rmtree(home)
    one = done(
        "audit", "verify", "--proof", tmp_path / "one", "--verifier", verifier, "--json"
    ).json
    assert one["record"]["position"] == answer["record"]
    two = done("audit", "verify", "--proof", tmp_path / "two", "--verifier", verifier)
    assert two.out.startswith("proven: the log of ")
    other = json.loads((tmp_path / "one").read_text("utf-8"))
    other["line"] = other["line"].replace("reader", "writer").replace("search", "starch")
    (tmp_path / "three").write_text(json.dumps(other), "utf-8")
    forged = door("audit", "verify", "--proof", tmp_path / "three", "--verifier", verifier)
    assert forged.status == 1


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("verify",), "usage.bad_argument"),
        (("verify", "--proof", "NONE", "--verifier", "a+b+c"), "audit.bad_signature"),
        (("verify", "--proof", "NONE"), "usage.bad_argument"),
        (("verify", "--home", "HOME", "--witness", "NONE"), "audit.missing"),
        (("verify", "--home", "NONE"), "audit.missing"),
        (("show", "--home", "HOME", "--event", "made.up"), "usage.bad_argument"),
        (("show", "--home", "HOME", "--study", "none"), "query.no_such_study"),
        (("show", "--home", "NONE"), "store.missing"),
        (("prove", "--home", "HOME"), "usage.bad_argument"),
        (("prove", "3", "--since", "NONE", "--home", "HOME"), "usage.bad_argument"),
        (("prove", "999", "--home", "HOME"), "audit.no_such_record"),
        (("prove", "--since", "EMPTY", "--home", "HOME"), "usage.bad_argument"),
        (("prove", "3", "--home", "HOME", "--out", "EMPTY"), "data.not_empty"),
        (("checkpoint", "--home", "NONE"), "store.missing"),
        (("checkpoint", "--home", "HOME", "--witness", "FOLDER"), "audit.not_written"),
    ],
)
def test_bad_input_gets_one_sentence(tmp_path: Path, args: tuple[str, ...], code: str) -> None:
    home = trained_copy(tmp_path)
    (tmp_path / "empty").write_text("")
    (tmp_path / "folder").mkdir()
    named = {
        "HOME": home,
        "NONE": tmp_path / "none",
        "EMPTY": tmp_path / "empty",
        "FOLDER": tmp_path / "folder",
    }
    answer = door("audit", *(named.get(arg, arg) for arg in args))
    assert answer.refusal[0] == code
    assert answer.out == ""


def test_every_event_is_on_its_page() -> None:
    text = (ROOT / "docs" / "guide" / "audit.md").read_text("utf-8")
    assert not [event for event in EVENTS if f"`{event}`" not in text]
