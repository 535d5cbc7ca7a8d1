"""An erasure leaves nothing, proves it, and cannot be stopped half way."""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight import erasing
from caselight.audit import log as log_module
from caselight.audit.digests import patient_digest, study_digest
from caselight.audit.files import LogFiles
from caselight.audit.log import FOLDER
from caselight.audit.receipts import check_receipt, trace_models
from caselight.config import Config
from caselight.data import sweeping, tombstones
from caselight.data.feedback import FeedbackStore, read_feedback
from caselight.data.store import Store, open_store
from caselight.data.words import WordStore
from caselight.errors import AuditError, EraseError, IndexMismatch, QueryRefused, StoreError
from caselight.home import Home
from caselight.index.manifest import current_folder, read_snapshot
from caselight.recording import Recorder
from caselight.types import ErasureReceipt, Query
from caselight.wire import erasure_json
from tests.homes import TOY, archive, done, picture, save, trained, trained_copy, write_records

SIGNATURE = re.compile(rb"\xe2\x80\x94 [^\n]*\n")
"""Letters by chance, among which a study's short id stands now and then."""
UID = "s004"
"""A study of a patient with two, s004 and s005, of whom the model learned."""


def key_of(home: Path, study: str = UID) -> str:
    with open_store(home) as store:
        return store.owner(study)


def erase(home: Path, study: str = UID) -> ErasureReceipt:
    return Home(home).erase(study=study)


def records(home: Path) -> list[Any]:
    return list(Home(home).log().records())


def arrays(home: Path) -> dict[str, Any]:
    items = read_snapshot(current_folder(home), seal=LogFiles(home / FOLDER).verifier())[1]
    every = np.arange(len(items))
    vectors = [part.segment.embeddings[part.slots] for part in items.parts]
    return {
        "codes": items.take(every).packed,
        "embeddings": np.concatenate(vectors),
        **{name: items.column(name) for name in ("kind", "study", "position")},
    }


def dump(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return sorted(db.iterdump())


def state(home: Path) -> dict[str, Any]:
    """All that a home holds, however it lies on the disk, but the record."""
    index = {name: found.tobytes() for name, found in arrays(home).items()}
    rest = {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.parts[len(home.parts)] not in ("audit", "index")
        if path.suffix != ".sqlite"
    }
    databases = {name: dump(home / name) for name in ("store.sqlite", "features.sqlite")}
    with open_store(home) as store:
        return {**rest, **databases, "index": index, "generation": store.generation}


@cache
def erased() -> dict[str, Any]:
    """What a home is after an erasure that nothing disturbed."""
    home = trained()[1].parent / "erased"
    shutil.copytree(trained()[1], home)
    erase(home)
    return state(home)


# What is gone, and what stays ---------------------------------------------------------------


def secrets_of(home: Path, patient: str) -> dict[str, bytes]:
    """Everything by which a patient could be known: as text, as bytes, as numbers."""
    found: dict[str, bytes] = {"key": patient.encode()}
    kept: set[bytes] = set()
    with open_store(home) as store:
        found["salt"] = store.salts([patient])[patient]
        index = arrays(home)
        features = sqlite3.connect(home / "features.sqlite").execute(
            "SELECT key, vector FROM features"
        )
        keys = dict(features.fetchall())
        for row, study in store.studies():
            mine = study.patient_key == patient
            vectors = {
                f"{name} {study.study_uid} {n}": one.tobytes()
                for name in ("codes", "embeddings")
                for n, one in enumerate(index[name][index["study"] == row])
            }
            said = {
                study.study_uid: study.study_uid.encode(),
                **{text: text.encode() for text in study.sections.values()},
                **{image.digest: image.digest.encode() for image in study.images},
                **{f"raw {image.digest}": bytes.fromhex(image.digest) for image in study.images},
                **{image.image_uid: image.image_uid.encode() for image in study.images},
                **{image.dhash: image.dhash.encode() for image in study.images},
                **{f"of {i.digest}": keys[i.digest] for i in study.images if i.digest in keys},
                **vectors,
            }
            if mine:
                found |= said
            else:
                kept |= set(said.values())
        digests = "SELECT source_digest, content_digest FROM studies WHERE patient_key = ?"
        for row in store._db.execute(digests, (patient,)):
            found |= {one: one.encode() for one in row}
    return {name: one for name, one in found.items() if one not in kept and len(one) > 3}


def told(home: Path, secrets: dict[str, bytes]) -> set[tuple[str, str]]:
    """Which files of a home hold which secrets, in their bytes or their names."""
    return {
        (path.relative_to(home).as_posix(), name)
        for path in home.rglob("*")
        for name, secret in secrets.items()
        if secret in str(path.relative_to(home)).encode()
        or (path.is_file() and secret in SIGNATURE.sub(b"", path.read_bytes()))
    }


def test_not_a_byte_of_a_patient_is_left(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    # Views and renderings in the cache, searches on the record, and what killed writers leave.
    views = ("--set", "train.text_views=3", "--set", "train.image_views=2")
    done("train", "--home", home, "--out", home / "views", *TOY, *views)
    done("search", "--like", UID, "--home", home)
    done("search", "amber", "--image", trained()[0] / "images" / "004-PA.png", "--home", home)
    patient = key_of(home)
    secrets = secrets_of(home, patient)
    with open_store(home) as store:
        (image, *_) = next(s for _, s in store.studies() if s.study_uid == UID).images
        whole = store.pixels_path(image.digest)
    staged = whole.with_name(f".{whole.name}-0a1b2c3d")
    staged.write_bytes(whole.read_bytes())
    (home / ".store-0a1b2c3d").write_bytes(secrets["salt"])
    (home / "index" / "left-behind").mkdir()
    (home / "index" / "left-behind" / "index.safetensors").write_bytes(secrets["salt"])
    assert len(secrets) > 20
    assert {name for _, name in told(home, secrets)} >= {"key", "salt", UID, image.digest}
    with contextlib.closing(sqlite3.connect(home / "features.sqlite")) as db:
        before = dict(db.execute("SELECT tower || key, vector FROM features"))
    receipt = erase(home)
    assert told(home, secrets) == set()
    assert not list(home.rglob("*-journal"))
    assert receipt.studies == 2
    assert receipt.swept is not None
    assert receipt.swept.pictures == 4
    with contextlib.closing(sqlite3.connect(home / "features.sqlite")) as db:
        after = dict(db.execute("SELECT tower || key, vector FROM features"))
    assert after.items() <= before.items()
    assert len(before) - len(after) == receipt.swept.features
    # Not a vector of his, renderings among them: whatever is left is of a picture or a text here.
    with open_store(home) as store:
        owned = set(sweeping._keys(store, ""))
    assert {name[-64:] for name in after} <= owned


def test_others_are_untouched_and_searching_goes_on(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    with open_store(home) as store:
        before = {s.study_uid: s for _, s in store.studies() if s.study_uid not in (UID, "s005")}
        salts = store.salts({study.patient_key for study in before.values()})
    asked = ("search", "amber", "--home", home, "-k", 30, "--group", "image", "--json")
    hits = [hit for hit in done(*asked).json["hits"] if hit["study"] not in (UID, "s005")]
    old = arrays(home)
    erase(home)
    with open_store(home) as store:
        assert {s.study_uid: s for _, s in store.studies()} == before
        assert store.salts(salts) == salts
        for study in before.values():
            for image in study.images:
                assert store.pixels_path(image.digest).is_file()
                assert store.thumbnail_path(image.digest).is_file()
    found = done(*asked).json["hits"]
    assert [{**hit, "rank": 0} for hit in found] == [{**hit, "rank": 0} for hit in hits]
    new, left = arrays(home), np.isin(old["study"], arrays(home)["study"])
    assert all(np.array_equal(new[name], old[name][left]) for name in new)
    assert done("audit", "verify", "--home", home).status == 0


def test_a_picture_of_two_patients_stays_until_both_are_erased(tmp_path: Path) -> None:
    rows = [
        {"image": f"{n}.png", "study_id": f"study-{n}", "patient_id": f"p{n}", "findings": text}
        for n, text in enumerate(("The same.", "The same.", "Other."))
    ]
    for n in range(3):
        save(tmp_path / "archive" / f"{n}.png", picture(n // 2))
    home = tmp_path / "home"
    done("ingest", write_records(tmp_path / "archive", rows), "--home", home)
    first = erase(home, "study-0")
    assert (first.images, first.swept and first.swept.pictures) == (1, 0)
    with open_store(home) as store:
        (shared,) = next(s for _, s in store.studies() if s.study_uid == "study-1").images
        assert store.pixels_path(shared.digest).is_file()
    second = erase(home, "study-1")
    assert second.swept is not None
    assert (second.swept.pictures, second.swept.thumbnails) == (1, 1)
    assert len(list((home / "pixels").rglob("*.png"))) == 1


def test_rows_of_a_stale_index_that_nobody_can_name_go_too(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    rows = [json.loads(line) for line in (trained()[0] / "records.jsonl").open()]
    source = tmp_path / "changed"
    shutil.copytree(trained()[0], source)
    changed = [{**r, "findings": "Else."} if r["study_id"] == UID else r for r in rows]
    with open_store(home) as store:
        before = next(row for row, s in store.studies() if s.study_uid == UID)
        store._db.execute("UPDATE studies SET archive = ?", (store.pseudonym(f"archive:{source}"),))
    done("ingest", write_records(source, changed), "--home", home)
    assert before in arrays(home)["study"]
    erase(home)
    assert before not in arrays(home)["study"]
    with pytest.raises(IndexMismatch):
        Home(home).search("amber")  # it was stale before, and is


def test_a_damaged_index_is_removed_and_told(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    (path,) = (home / "index").glob("*/manifest")
    path.write_bytes(path.read_bytes()[:-9] + b"something")
    receipt = erase(home)
    assert not list((home / "index").iterdir())
    assert erasing.NO_INDEX in receipt.notes


def test_old_records_say_nothing_any_more(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    patient = key_of(home)
    with open_store(home) as store:
        salt = store.salts([patient])[patient]
        old = {patient_digest(salt, patient), study_digest(salt, UID)}
    said = (home / "audit" / "log").read_text("utf-8")
    assert all(digest in said for digest in old)
    receipt = erase(home)
    assert receipt.patient in old
    # Not even who has the home, its keys and the patient's pseudonym finds the old digests.
    with open_store(home) as store:
        assert patient not in store.patients()
        anew = store.salts([patient])[patient]
        assert not {patient_digest(anew, patient), study_digest(anew, UID)} & old


def test_the_list_tells_neither_the_order_nor_the_names(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    keys = [key_of(home, uid) for uid in ("s020", "s004", "s000", "s010")]
    for key in keys:
        Home(home).erase(patient=key)
    _, *lines, _ = (home / tombstones.FILE).read_text("utf-8").splitlines()
    assert lines == sorted(lines)
    assert len(lines) == 4
    assert not set(lines) & set(keys)
    log = (home / "audit" / "log").read_text("utf-8")
    assert not [line for line in lines if line in log]
    assert (home / tombstones.FILE).stat().st_mode & 0o077 == 0


def said_of(home: Path) -> tuple[set[str], set[int]]:
    """Studies that feedback is on, and records whose words are kept."""
    with contextlib.closing(sqlite3.connect(home / "words.sqlite")) as db:
        kept = {record for (record,) in db.execute("SELECT record FROM words")}
    return {one.study_uid for one in read_feedback(home)}, kept


def judged(home: Path) -> tuple[int, int, int]:
    """A home with feedback and kept words; records of answers: plain, like the patient, an id."""
    config = Config.from_mapping({"words": {"keep": True}})
    queries = (
        Query(text="amber", k=24, group="study"),
        Query(text="amber", like=(UID,)),
        Query(text="as in s005"),
    )
    with Home(home, config=config) as place:
        answers = [place.search(query) for query in queries]
        at = [int(answer.record or 0) for answer in answers]
        place.give_feedback(at[0], [UID, "s020"], relevant=True)
        place.give_feedback(at[1], ["s000"], relevant=True, any_study=True)
        place.give_feedback(at[2], ["s001"], relevant=True, any_study=True)
    return at[0], at[1], at[2]


def test_feedback_and_words_go_with_whom_they_are_about(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    plain, like, by_id = judged(home)
    assert said_of(home) == ({UID, "s020", "s000", "s001"}, {plain, like, by_id})
    (home / "words-key").unlink()  # nothing of this needs the key
    patient = key_of(home)
    planned = Home(home).erase(study=UID, dry_run=True)
    assert said_of(home)[1] == {plain, like, by_id}
    receipt = erase(home)
    assert planned.swept == receipt.swept
    assert receipt.swept is not None
    assert (receipt.swept.feedback, receipt.swept.words) == (3, 2)
    assert said_of(home) == ({"s020"}, {plain})
    for path in home.glob("*.sqlite"):
        assert patient.encode() not in path.read_bytes(), path.name
    verifier = Home(home).log().files.verifier()
    whole = json.loads(json.dumps(erasure_json(receipt)))
    check_receipt(whole, verifier)
    for name in ("feedback", "words"):
        other = json.loads(json.dumps(whole))
        other["removed"][name] += 1
        with pytest.raises(AuditError):
            check_receipt(other, verifier)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["drop", "forget"])
def test_a_sweep_of_feedback_that_is_killed_is_finished(
    tmp_path: Path, name: str, after: bool
) -> None:
    home = trained_copy(tmp_path)
    plain, *_ = judged(home)
    place = FeedbackStore if name == "drop" else WordStore
    with killing(place, name, after=after), pytest.raises(Killed):
        erase(home)
    Home(home).finish_erasures()
    assert said_of(home) == ({"s020"}, {plain})
    assert not list(home.glob("*-journal"))


def test_a_salt_that_a_late_search_made_again_keeps_no_feedback(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    plain, *_ = judged(home)
    patient, real = key_of(home), erasing.drop_pending

    def late(folder: Path) -> None:
        with open_store(folder) as store:
            store.salts([patient])
        real(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erasing, "drop_pending", late)
        erase(home)
    assert said_of(home) == ({"s020"}, {plain})


def test_receipts_of_homes_before_feedback_can_still_be_made(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    real = Recorder.say

    def say(self: Recorder, event: str, payload: Any) -> int:
        return real(self, event, {k: v for k, v in payload.items() if k not in SAID})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "say", say)
        receipt = erase(home)
    assert receipt.record is not None
    whole = json.loads(json.dumps(erasure_json(Home(home).erasure(receipt.record))))
    assert all(whole["removed"].pop(name) == 0 for name in SAID)
    check_receipt(whole, Home(home).log().files.verifier())


SAID = ("feedback", "words")

# The receipt --------------------------------------------------------------------------------


def test_a_receipt_is_proven_by_the_log_and_a_changed_one_is_not(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    done("train", "--home", home, "--out", tmp_path / "b", *TOY, "--from", home / "trained")
    with open_store(home) as store:
        Recorder(store, actor="").trained(
            "model.trained", "c" * 64, [key_of(home, "s020")], {"began": None}
        )
    receipt = erasure_json(erase(home))
    verifier = Home(home).log().files.verifier()
    learned = {model["learned"] for model in receipt["models"]}
    assert learned == {"directly", "no"}
    shutil.rmtree(home)  # nothing but the receipt and the verifier is needed
    plain = json.loads(json.dumps(receipt))
    assert check_receipt(plain, verifier).record is not None
    changes: list[Callable[[Any], object]] = [
        lambda r: r.update(patient="0" * 32),
        lambda r: r["removed"].update(studies=1),
        lambda r: r["removed"].update(pictures=99),
        lambda r: r["models"].pop(),
        lambda r: r["models"][0].update(learned="no"),
        lambda r: r["models"][-1].update(learned="no"),
        lambda r: r.update(record=r["finished"]),
        lambda r: r.update(finished=r["record"]),
        lambda r: r["proofs"].pop(0),
        lambda r: r.update(version=2),
        lambda r: r.update(models=None),
        lambda r: [m["path"].reverse() or m["path"].pop() for m in r["models"] if m["path"]],
        lambda r: [m.update(place=0, record=None) for m in r["models"]] and r.update(proofs=[]),
    ]
    for change in changes:
        other = json.loads(json.dumps(receipt))
        change(other)
        if other == plain:
            continue
        with pytest.raises(AuditError):
            check_receipt(other, verifier)


def test_a_model_that_began_from_one_that_learned_has_learned_too(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    first = next(r.payload["model"] for r in records(home) if r.event == "model.trained")
    others = {key_of(home, uid) for uid in ("s020", "s022")}
    with open_store(home) as store:
        recorder = Recorder(store, actor="")
        recorder.trained("model.adapted", "b" * 64, others, {"began": first})
        recorder.trained("model.trained", "c" * 64, others, {"began": "b" * 64})
        recorder.trained("model.trained", "d" * 64, others, {"began": None})
    (home / "audit" / "trained-on" / ("d" * 64)).unlink()
    receipt = erase(home)
    found = {trace.model[:1]: trace for trace in receipt.models}
    assert found.pop(first[:1]).learned == "directly"
    assert (found["b"].learned, found["b"].through) == ("through", first)
    assert (found["c"].learned, found["c"].through) == ("through", "b" * 64)
    assert found["d"].learned == "unknown"
    assert erasing.UNKNOWN in receipt.notes
    verifier = Home(home).log().files.verifier()
    plain = json.loads(json.dumps(erasure_json(receipt)))
    check_receipt(plain, verifier)
    for model in plain["models"]:
        if model["learned"] == "through":
            model["through"] = "d" * 64
    with pytest.raises(AuditError):
        check_receipt(plain, verifier)


def test_a_receipt_can_be_had_again(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    receipt = erase(home)
    assert receipt.record is not None
    again = Home(home).erasure(receipt.record)
    assert again == receipt
    erase(home, "s010")
    later = Home(home).erasure(receipt.record)
    assert (later.swept, later.models, later.finished) == (
        receipt.swept,
        receipt.models,
        receipt.finished,
    )
    for position in (0, 10**6, -1):
        with pytest.raises(AuditError) as refused:
            Home(home).erasure(position)
        assert refused.value.code == "audit.no_such_record"


def test_a_list_whose_record_was_never_written_counts() -> None:
    (trace,) = trace_models([], {"m": ["a", "b"]}, "b")
    assert (trace.learned, trace.record) == ("directly", None)
    (trace,) = trace_models([], {"m": ["a", "b"]}, "c")
    assert trace.learned == "no"


# Restore, ingest, readmit -------------------------------------------------------------------


def test_a_backup_is_cleansed_by_the_list(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    backup = tmp_path / "backup"
    shutil.copytree(home, backup)
    patient = key_of(home)
    secrets = secrets_of(home, patient)
    erase(home)
    assert told(backup, secrets)
    (receipt,) = Home(backup).apply_tombstones(home / tombstones.FILE)
    assert told(backup, secrets) == set()
    assert state(backup) == state(home)
    assert receipt.studies == 2
    assert [r.event for r in records(backup)][-3:] == [
        "patient.erased",
        "erasure.finished",
        "backup.cleansed",
    ]
    assert records(backup)[-1].payload == {"listed": 1, "new": 1, "erased": 1}
    assert done("audit", "verify", "--home", backup).status == 0
    assert Home(backup).apply_tombstones(home / tombstones.FILE) == ()
    assert Home(backup).search("amber").hits


def test_a_list_of_another_home_is_refused(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    done("ingest", archive(tmp_path / "archive", n_studies=4), "--home", tmp_path / "other")
    erase(home)
    with pytest.raises(EraseError) as refused:
        Home(tmp_path / "other").apply_tombstones(home / tombstones.FILE)
    assert refused.value.code == "erase.other_home"
    path = home / tombstones.FILE
    whole = path.read_bytes()
    head, line, end = whole.splitlines(keepends=True)
    other = line.translate(bytes.maketrans(b"0123456789", b"1234567890"))
    for text in (
        *(b"", b"\xff", b"mrn-48392\n", whole + b"mrn-48392\n"),
        *(head, head + line, head + end, head + line + line + end, head + other + end),
    ):
        (tmp_path / "bad").write_bytes(text)
        with pytest.raises(EraseError) as refused:
            Home(home).apply_tombstones(tmp_path / "bad")
        assert refused.value.code == "erase.bad_list"
    with pytest.raises(EraseError):
        Home(home).apply_tombstones(tmp_path / "none")
    path.write_bytes(b"damaged")
    with pytest.raises(EraseError):
        Home(home).ingest(trained()[0])  # rather than bring anybody back


@pytest.mark.parametrize("how", ["removed", "emptied", "older"])
def test_a_list_that_has_lost_somebody_lets_nobody_in(tmp_path: Path, how: str) -> None:
    """Both lists are good by themselves; the record knows that there were two on it."""
    home = trained_copy(tmp_path)
    path, copy = home / tombstones.FILE, tmp_path / "copy"
    erase(home)
    older = path.read_bytes()
    erase(home, "s020")
    copy.write_bytes(path.read_bytes())
    path.unlink()
    if how == "emptied":
        with open_store(home) as store:
            tombstones.write_tombstones(store, frozenset())
    elif how == "older":
        path.write_bytes(older)
    for act in (
        lambda: Home(home).ingest(trained()[0]),
        lambda: erase(home, "s000"),
        lambda: Home(home).finish_erasures(),
        lambda: Home(home).readmit(patient_id="mrn-48392"),
    ):
        with pytest.raises(EraseError, match=f"names {how == 'older':d} .* were 2") as refused:
            act()
        assert refused.value.code == "erase.bad_list"
    assert Home(home).search("amber").hits
    assert Home(home).apply_tombstones(copy) == ()
    assert path.read_bytes() == copy.read_bytes()
    assert Home(home).ingest(trained()[0]).accepted == 0


def test_a_list_of_which_no_copy_is_left_is_given_up_on_the_record(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    path = home / tombstones.FILE
    erase(home)
    path.unlink()
    assert Home(home).apply_tombstones(path) == ()
    assert records(home)[-1].payload == {"listed": 0, "new": 0, "erased": 0}
    assert Home(home).ingest(trained()[0]).accepted == 2
    erase(home)
    Home(home).readmit(patient_id="mrn-48392")
    erase(home, "s020")
    assert Home(home).ingest(trained()[0]).accepted == 2


def test_an_archive_does_not_bring_him_back_until_he_is_readmitted(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    patient = key_of(home)
    erase(home)
    receipt = Home(home).ingest(trained()[0])
    assert (receipt.accepted, receipt.unchanged, receipt.rejected) == (0, 22, ())
    assert "2 studies of erased patients were left out" in receipt.notes[-1]
    assert UID not in str(receipt)
    assert records(home)[-1].payload["erased"] == 2
    with open_store(home) as store:
        assert patient not in store.patients()
    with pytest.raises(EraseError):
        Home(home).readmit(patient_id="nobody")
    Home(home).readmit(patient_id="mrn-48392")
    assert records(home)[-1].event == "patient.readmitted"
    assert Home(home).ingest(trained()[0]).accepted == 2
    assert key_of(home) == patient


def test_a_new_home_of_the_same_key_and_list_refuses_him_too(tmp_path: Path) -> None:
    home, other = trained_copy(tmp_path), tmp_path / "other"
    erase(home)
    other.mkdir()
    for name in ("key", tombstones.FILE):
        shutil.copy(home / name, other / name)
    assert Home(other).ingest(trained()[0]).accepted == 22


# Asking -------------------------------------------------------------------------------------


def test_a_dry_run_changes_nothing_and_is_right(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    before, log = state(home), len(records(home))
    planned = Home(home).erase(patient_id="mrn-48392", dry_run=True)
    assert (state(home), len(records(home))) == (before, log)
    found = Home(home).erase(patient_id="mrn-48392")
    for name in ("patient", "studies", "images", "swept", "models"):
        assert getattr(planned, name) == getattr(found, name)
    assert (planned.record, planned.proofs) == (None, ())


def test_twice_and_unknown_are_refused_and_change_nothing(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    patient = key_of(home)
    erase(home)
    before = state(home)
    for key in (patient, "0" * 32, "", "mrn-48392"):
        for dry_run in (False, True):
            with pytest.raises(EraseError) as refused:
                Home(home).erase(patient=key, dry_run=dry_run)
            assert refused.value.code == "erase.no_such_patient"
    with pytest.raises(EraseError, match="already"):
        Home(home).erase(patient=patient)
    assert state(home) == before


def test_the_last_patient_can_go(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done("ingest", archive(tmp_path / "archive", n_studies=2), "--home", home)
    erase(home, "s000")
    with open_store(home) as store:
        assert (len(store), store.patients()) == (0, set())
    assert not list((home / "pixels").rglob("*"))


# Interrupted --------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands in for SIGKILL."""


STEPS: tuple[tuple[Any, str], ...] = (
    (erasing, "write_tombstones"),
    (erasing, "write_pending"),
    (erasing, "drop_studies"),
    (erasing, "sweep_pictures"),
    (erasing, "sweep_features"),
    (erasing, "sweep_staged"),
    (erasing, "drop_pending"),
    (erasing, "receipt_of"),
    (Store, "erase"),
    (Store, "vacuum"),
    (Store, "_advance"),
    (log_module.AuditLog, "append"),
    (tombstones.os, "fsync"),
    (Recorder, "say"),
)


@contextlib.contextmanager
def killing(place: Any, name: str, *, after: bool, error: BaseException | None = None) -> Iterator:  # type: ignore[type-arg]
    """Let a step be the last one."""
    real = getattr(place, name)

    def die(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise error or Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, die)
        yield


WAYS = [
    *((*step, after, "study") for step in STEPS for after in (False, True)),
    # Whoever comes next goes on, whatever is asked.
    *((erasing, "write_pending", False, by) for by in ("another", "nobody")),
    *((Store, "erase", True, by) for by in ("another", "nobody")),
    *((erasing, "sweep_pictures", True, by) for by in ("another", "nobody")),
]


@pytest.mark.parametrize(
    ("place", "name", "after", "by"), WAYS, ids=[f"{w[1]}-{w[2]}-{w[3]}" for w in WAYS]
)
def test_an_erasure_killed_at_any_step_ends_as_if_it_had_not_been(
    tmp_path: Path, place: Any, name: str, after: bool, by: str
) -> None:
    home = trained_copy(tmp_path)
    secrets = secrets_of(home, key_of(home))
    with killing(place, name, after=after), pytest.raises(Killed):
        erase(home)
    began = (home / tombstones.FILE).exists()
    ended = began and not (home / "erasing").exists() and UID not in dump_text(home)
    refused = False
    try:
        if by == "study":
            receipt = erase(home)
            assert receipt.studies == 2
            check_receipt(
                json.loads(json.dumps(erasure_json(receipt))), Home(home).log().files.verifier()
            )
        elif by == "another":
            with contextlib.suppress(EraseError):
                Home(home).erase(patient="0" * 32)
        else:
            Home(home).finish_erasures()
    except (EraseError, QueryRefused):
        refused = True
    assert ended or not refused, "unless it had ended, and only nobody was told"
    assert state(home) == erased()
    assert told(home, secrets) == set()
    events = [record.event for record in records(home)]
    assert events.count("erasure.finished") in (1, 2)
    assert events.index("patient.erased") < events.index("erasure.finished")
    assert Home(home).search("amber").hits
    assert done("audit", "verify", "--home", home).status == 0


def dump_text(home: Path) -> str:
    return "\n".join(dump(home / "store.sqlite"))


def test_what_was_interrupted_says_so(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    with killing(erasing, "sweep_features", after=False), pytest.raises(Killed):
        erase(home)
    assert erasing.INTERRUPTED in erase(home).notes


def test_a_search_that_brings_a_salt_back_does_no_harm(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    patient = key_of(home)
    erase(home)
    with open_store(home) as store:
        store.salts([patient])  # as a search that had read the studies before would
    (receipt,) = Home(home).finish_erasures()
    assert (receipt.studies, receipt.images) == (0, 0)
    assert state(home) == erased()


@pytest.mark.parametrize(
    ("place", "name", "code"),
    [
        (tombstones.os, "fsync", "store.disk_full"),
        (log_module.os, "fdatasync", "audit.not_written"),
        (Store, "vacuum", "store.disk_full"),
        (erasing, "drop_studies", "store.disk_full"),
    ],
)
def test_a_full_disk_is_told_and_the_next_one_goes_on(
    tmp_path: Path, place: Any, name: str, code: str
) -> None:
    home = trained_copy(tmp_path)
    full: BaseException = OSError(28, os.strerror(28))
    if place is Store:
        full = StoreError("the disk is full", code="store.disk_full")
    with killing(place, name, after=False, error=full):
        with pytest.raises((StoreError, AuditError)) as refused:
            erase(home)
        assert refused.value.code == code
    assert erase(home).studies == 2
    assert state(home) == erased()


def test_without_a_record_nothing_is_erased(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    before = state(home)
    full = OSError(28, "full")
    with killing(log_module.os, "fdatasync", after=False, error=full), pytest.raises(AuditError):
        erase(home)
    now = state(home)
    for name in (tombstones.FILE, "erasing"):
        assert now.pop(name)
    assert now == before


CHILD = """
import os, signal, sys
from caselight.home import Home
home, uid, at = Home(sys.argv[1]), sys.argv[2], int(sys.argv[3])
home.log(), home.close()
count = 0
def hook(event, args):
    global count
    if event in ("open", "os.remove", "os.rename", "os.rmdir", "sqlite3.connect", "os.mkdir"):
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
home.erase(study=uid)
print(count)
"""


def child(home: Path, at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(home), UID, str(at)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_erasure_that_is_really_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    trained_copy(tmp_path / "count")
    total = int(child(tmp_path / "count" / "home", 0).stdout)
    assert total > 40
    rng = np.random.default_rng(30)
    for at in rng.choice(np.arange(2, total), size=min(16, total - 2), replace=False).tolist():
        home = trained_copy(tmp_path / str(at))
        secrets = secrets_of(home, key_of(home))
        assert child(home, at).returncode == -signal.SIGKILL
        if (home / "erasing").exists() or UID in dump_text(home):
            assert erase(home).studies == 2
        assert state(home) == erased()
        assert told(home, secrets) == set()
