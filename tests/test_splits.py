"""A patient has one split, whatever comes in when."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from homes import held, ingest, picture, save, write_records


def splits(home: Path) -> dict[str, set[str]]:
    """Patient key to the splits of the patient's studies."""
    found: dict[str, set[str]] = defaultdict(set)
    for study in held(home).values():
        found[study.patient_key].add(study.split)
    return found


def source(folder: Path, rows: list[dict[str, Any]]) -> Path:
    for n, row in enumerate(rows):
        row["image"] = f"{n}.png"
        save(folder / f"{n}.png", picture(n + len(folder.name) * 1000))
    return write_records(folder, rows)


def patients(n: int, *, study: str, **more: Any) -> list[dict[str, Any]]:
    return [{"study_id": f"{study}{i}", "patient_id": f"p{i}", "notes": f"n {i}"} | more
            for i in range(n)]  # fmt: skip


def test_a_study_without_a_split_follows_its_patients(tmp_path: Path) -> None:
    rows = patients(30, study="late") + patients(30, study="own", split="test")
    ingest(source(tmp_path / "a", rows), tmp_path / "home")
    assert all(found == {"test"} for found in splits(tmp_path / "home").values())


def test_a_later_study_follows_its_patient_whatever_the_settings_say(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ingest(source(tmp_path / "a", patients(30, study="one")), home)
    before = splits(home)
    ingest(source(tmp_path / "bb", patients(30, study="two")), home,
           "--set", "ingest.test_percent=50")  # fmt: skip
    assert splits(home) == before
    assert {len(found) for found in before.values()} == {1}


def test_a_changed_study_stays_in_its_split(tmp_path: Path) -> None:
    home, rows = tmp_path / "home", patients(30, study="one")
    folder = source(tmp_path / "a", rows)
    ingest(folder, home)
    before = splits(home)
    write_records(folder, [row | {"notes": "corrected"} for row in rows])
    assert ingest(folder, home, "--set", "ingest.test_percent=50")["updated"] == 30
    assert splits(home) == before


def test_two_splits_by_the_archives_own_word_are_told(tmp_path: Path) -> None:
    rows = patients(3, study="one", split="train") + patients(3, study="two", split="test")
    receipt = ingest(source(tmp_path / "a", rows), tmp_path / "home")
    assert any("3 patients have studies in two splits" in note for note in receipt["notes"])


def test_one_archive_has_one_digest_in_every_home(tmp_path: Path) -> None:
    from caselight.data.store import open_store

    folder = source(tmp_path / "a", patients(6, study="one"))
    digests = set()
    for name in ("x", "y"):
        ingest(folder, tmp_path / name)
        with open_store(tmp_path / name) as store:
            digests.add(store.digest())
    assert len(digests) == 1


def test_another_patient_is_another_digest(tmp_path: Path) -> None:
    from caselight.data.store import open_store

    rows = patients(4, study="one")
    folder = source(tmp_path / "a", rows)
    digests = []
    for name in ("x", "y"):
        ingest(folder, tmp_path / name)
        with open_store(tmp_path / name) as store:
            digests.append(store.digest())
        rows[1]["patient_id"] = rows[0]["patient_id"]
        write_records(folder, rows)
    assert digests[0] != digests[1]


def test_a_second_ingest_at_once_is_told_to_wait(tmp_path: Path) -> None:
    from caselight.data.store import create_store
    from homes import door

    folder = source(tmp_path / "a", patients(2, study="one"))
    with create_store(tmp_path / "home") as store, store.writing():
        answer = door("ingest", folder, "--home", tmp_path / "home")
        assert answer.status == 1
        assert "store.locked" in answer.err
        assert len(store) == 0
    assert ingest(folder, tmp_path / "home")["accepted"] == 2
