"""Studies come in once; what cannot be read is refused, and the rest goes on."""

import datetime
import json
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import numpy as np

from caselight.data.store import open_store
from tests.data import broken
from tests.homes import (
    Answer,
    archive,
    contents,
    done,
    door,
    held,
    ingest,
    one_row,
    picture,
    save,
    script,
    stored,
    tally,
    write_records,
)


def state(home: Path) -> tuple[str, str]:
    with open_store(home) as store:
        return store.generation, store.digest()


# -- once ------------------------------------------------------------------------------------------


def test_the_same_archive_twice_adds_nothing(tmp_path: Path) -> None:
    source, home = archive(tmp_path / "archive"), tmp_path / "home"
    assert tally(ingest(source, home)) == (24, 0, 0, 0)
    before, files = state(home), contents(home)
    again = ingest(source, home)
    assert tally(again) == (0, 0, 24, 0)
    assert again["images"] == 0
    assert state(home) == before
    assert contents(home) == files


def test_a_changed_report_updates_its_study_alone(tmp_path: Path) -> None:
    source, home = archive(tmp_path / "archive", n_studies=4), tmp_path / "home"
    ingest(source, home)
    before = state(home)
    rows = [json.loads(line) for line in (source / "records.jsonl").read_text().splitlines()]
    for row in rows:
        if row["study_id"] == "s002":
            row["findings"] = "Revised."
    write_records(source, rows)
    assert tally(ingest(source, home)) == (0, 1, 3, 0)
    assert held(home)["s002"].sections["findings"] == "Revised."
    assert len(held(home)) == 4
    after = state(home)
    assert after[0] != before[0]
    assert after[1] != before[1]


def test_a_changed_picture_updates_its_study(tmp_path: Path) -> None:
    source, home = archive(tmp_path / "archive", n_studies=4), tmp_path / "home"
    ingest(source, home)
    save(source / "images" / "001-PA.png", picture(99))
    assert tally(ingest(source, home)) == (0, 1, 3, 0)
    (image,) = held(home)["s001"].images
    assert np.array_equal(stored(home, image.digest), picture(99))


def test_a_study_of_another_archive_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ingest(archive(tmp_path / "one", n_studies=4), home)
    before, files = held(home), contents(home)
    other = tmp_path / "other"
    save(other / "x.png", picture(7))
    save(other / "y.png", picture(8))
    rows = [
        {"image": "x.png", "study_id": "s001", "findings": "Someone else."},
        {"image": "y.png", "study_id": "new", "findings": "New."},
    ]
    receipt = ingest(write_records(other, rows), home)
    assert tally(receipt) == (1, 0, 0, 1)
    assert receipt["rejected"][0]["file"] == "s001"
    assert receipt["rejected"][0]["code"] == "data.duplicate_study"
    after = held(home)
    assert {uid: after[uid] for uid in before} == before
    gone = files.keys() - contents(home).keys()
    assert not gone


def test_a_copy_of_an_archive_elsewhere_is_known_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ingest(archive(tmp_path / "one", n_studies=4), home)
    assert tally(ingest(archive(tmp_path / "two", n_studies=4), home)) == (0, 0, 4, 0)


def test_order_and_batches_decide_nothing(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive", n_studies=8)
    ingest(source, tmp_path / "a", "--set", "ingest.batch_studies=1")
    rows = [json.loads(line) for line in (source / "records.jsonl").read_text().splitlines()]
    write_records(source, rows[::-1])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "key").write_bytes((tmp_path / "a" / "key").read_bytes())
    ingest(source, tmp_path / "b", "--set", "ingest.batch_studies=3")
    single = {uid: s for uid, s in held(tmp_path / "a").items() if len(s.images) == 1}
    assert single
    assert single.items() <= held(tmp_path / "b").items()


# -- refusals --------------------------------------------------------------------------------------

BROKEN = [
    (broken.truncated_png, "data.truncated"),
    (broken.png_without_end, "data.truncated"),
    (broken.truncated_jpeg, "data.truncated"),
    (broken.empty_file, "data.empty_file"),
    (broken.zero_pixel_png, "data.zero_pixels"),
    (broken.text_named_png, "data.not_an_image"),
    (broken.jpeg_named_png, "data.mislabelled"),
    (broken.dicom_named_png, "data.mislabelled"),
    (broken.enormous_png, "data.too_large"),
    (broken.transparent_png, "data.transparent"),
    (broken.cmyk_jpeg, "data.unsupported_pixels"),
    (broken.truncated_dicom, "data.truncated"),
]


def test_what_cannot_be_read_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    good = broken.good_png(source)
    names = {}
    rows: list[dict[str, object]] = [{"image": good.name, "study_id": "good", "findings": "Fine."}]
    for n, (build, code) in enumerate(BROKEN):
        path = build(source)
        name = path.rename(path.with_name(f"broken-{n}{path.suffix}")).name
        names[name] = code
        rows.append({"image": name, "study_id": f"bad{n}", "findings": "Lost."})
    broken.good_png(source)
    rows.append({"image": "gone.png", "study_id": "mixed", "findings": "Half."})
    save(source / "kept.png", picture(3))
    rows.append({"image": "kept.png", "study_id": "mixed"})
    names["gone.png"] = "data.not_found"
    receipt = ingest(write_records(source, rows), home)
    assert {one["file"]: one["code"] for one in receipt["rejected"]} == names
    assert all(one["reason"] for one in receipt["rejected"])
    assert held(home).keys() == {"good", "mixed"}
    assert [image.image_uid for image in held(home)["mixed"].images] == ["kept.png"]
    n_stored = sum(not p.name.startswith(".") for p in (home / "pixels").rglob("*.png"))
    assert n_stored == 2
    again = ingest(source, home)
    assert tally(again) == (0, 0, 2, len(names))
    assert again["rejected"] == receipt["rejected"]


def test_a_picture_that_was_mended_comes_in(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    broken.empty_file(source)
    save(source / "b.png", picture(2))
    rows = [{"image": "empty.png", "study_id": "s"}, {"image": "b.png", "study_id": "s"}]
    ingest(write_records(source, rows), home)
    assert len(held(home)["s"].images) == 1
    save(source / "empty.png", picture(1))
    receipt = ingest(source, home)
    assert tally(receipt) == (0, 1, 0, 0)
    assert len(held(home)["s"].images) == 2


def test_an_archive_refused_whole_exits_with_1(tmp_path: Path) -> None:
    broken.truncated_png(tmp_path / "archive")
    write_records(tmp_path / "archive", [{"image": "truncated.png", "study_id": "s"}])
    answer = door("ingest", tmp_path / "archive", "--home", tmp_path / "home", "--json")
    assert answer.status == 1
    assert tally(answer.json) == (0, 0, 0, 1)


def test_a_person_reads_what_was_refused(tmp_path: Path) -> None:
    source = broken.climbing_path(tmp_path / "archive").parent
    answer = done("ingest", source, "--home", tmp_path / "home")
    assert "1 studies accepted" in answer.out
    assert "refused records.jsonl:1: data.path_outside: " in answer.out
    assert "next: caselight train --home" in answer.out


# -- two at once -----------------------------------------------------------------------------------


def test_a_home_that_another_process_writes_is_locked_or_waited_for(tmp_path: Path) -> None:
    """The writer in the way lets go after half a second."""
    source, home = archive(tmp_path / "archive", n_studies=4), tmp_path / "home"
    ingest(one_row(tmp_path / "first", study_id="first"), home)
    other = sqlite3.connect(home / "store.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.5, lambda: other.execute("COMMIT"))
    timer.start()
    began = time.monotonic()
    assert tally(ingest(source, home)) == (4, 0, 0, 0)
    assert time.monotonic() - began > 0.4
    timer.join()
    other.close()


def test_two_processes_bring_two_archives_into_one_new_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    sources = []
    for n in range(2):
        folder = tmp_path / f"archive{n}"
        rows = []
        for i in range(12):
            save(folder / f"{i}.png", picture(100 * n + i))
            rows.append({"image": f"{i}.png", "study_id": f"a{n}-{i}"})
        sources.append(write_records(folder, rows))
    running = [
        subprocess.Popen(
            [
                *(script(), "ingest", str(source), "--home", str(home), "--json"),
                *("--set", "ingest.batch_studies=1"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for source in sources
    ]
    answers = []
    for one in running:
        out, err = one.communicate(timeout=120)
        answers.append(Answer(status=one.returncode, out=out, err=err))
    expected: set[str] = set()
    for n, answer in enumerate(answers):
        if answer.status == 0:
            assert tally(answer.json) == (12, 0, 0, 0)
            expected |= {f"a{n}-{i}" for i in range(12)}
        else:
            assert answer.refusal[0] == "store.locked"
    assert expected <= held(home).keys()
    assert any(answer.status == 0 for answer in answers)


def test_the_receipt_counts_seconds(tmp_path: Path) -> None:
    began = datetime.datetime.now(datetime.UTC)
    receipt = ingest(one_row(tmp_path / "archive"), tmp_path / "home")
    spent = (datetime.datetime.now(datetime.UTC) - began).total_seconds()
    assert 0 <= receipt["seconds"] <= spent
