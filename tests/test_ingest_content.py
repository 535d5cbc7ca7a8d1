"""What the home holds of a study: its pixels and words exactly, and nobody's name."""

import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from caselight.config import IngestSettings
from caselight.data.store import open_store
from caselight.ingest import assign_split
from caselight.types import Pixels
from tests.data import broken
from tests.homes import held, ingest, one_row, picture, save, stored, tally, write_records

# -- what a study holds ----------------------------------------------------------------------------


def test_images_without_text_and_texts_without_image_are_kept_and_counted(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    for n in range(3):
        save(source / f"{n}.png", picture(n))
    rows: list[dict[str, object]] = [
        {"image": "0.png", "study_id": "both", "findings": "Clear."},
        {"image": "1.png", "study_id": "silent"},
        {"image": "2.png", "study_id": "silent"},
        {"study_id": "blind", "impression": "Words alone."},
    ]
    receipt = ingest(write_records(source, rows), home)
    assert tally(receipt) == (3, 0, 0, 0)
    assert receipt["images"] == 3
    assert receipt["images_without_text"] == 2
    assert receipt["texts_without_image"] == 1
    studies = held(home)
    assert len(studies["silent"].images) == 2
    assert studies["blind"].images == ()
    assert studies["blind"].sections == {"impression": "Words alone."}


def test_a_study_has_several_images_with_captions_of_their_own(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    for n in range(2):
        save(source / f"{n}.png", picture(n))
    rows = [
        {
            "image": f"{n}.png",
            "study_id": "s",
            "caption": f"Caption {n}.",
            "view": ("PA", "LATERAL")[n],
            "findings": "One report.",
            "labels": ["a", "b"],
            "age": "063Y",
            "sex": "female",
            "date": "20240131",
            "site": "north",
        }
        for n in range(2)
    ]
    ingest(write_records(source, rows), home)
    study = held(home)["s"]
    assert [image.image_uid for image in study.images] == ["0.png", "1.png"]
    assert [image.caption for image in study.images] == ["Caption 0.", "Caption 1."]
    assert [image.view for image in study.images] == ["PA", "LATERAL"]
    assert (study.age, study.sex, study.date, study.site) == (63, "F", "2024-01-31", "north")
    assert study.labels == ("a", "b")
    assert study.sections == {"findings": "One report."}


RNG = np.random.default_rng(5)
DEEP = RNG.integers(0, 65536, size=(9, 13), dtype=np.uint16)
DEEP_COLOUR = RNG.integers(0, 65536, size=(9, 13, 3), dtype=np.uint16)
COLOUR = RNG.integers(0, 256, size=(9, 13, 3), dtype=np.uint8)


def eight_bit(folder: Path, pixels: Pixels) -> Path:
    return save(folder / "p.png", pixels)


@pytest.mark.parametrize(
    ("pixels", "write"),
    [
        (broken.RAMP, eight_bit),
        (COLOUR, eight_bit),
        (DEEP, broken.sixteen_bit_grey),
        (DEEP_COLOUR, broken.sixteen_bit_rgb),
        (np.zeros((1, 1), np.uint8), eight_bit),
        (np.full((3, 5), 65535, np.uint16), broken.sixteen_bit_grey),
    ],
    ids=["grey 8", "colour 8", "grey 16", "colour 16", "one pixel", "flat 16"],
)
def test_pixels_are_stored_exactly(
    pixels: Pixels, write: Callable[[Path, Pixels], Path], tmp_path: Path
) -> None:
    source = tmp_path / "archive"
    source.mkdir()
    write_records(source, [{"image": write(source, pixels).name, "study_id": "s"}])
    ingest(source, tmp_path / "home")
    (image,) = held(tmp_path / "home")["s"].images
    back = stored(tmp_path / "home", image.digest)
    assert back.dtype == pixels.dtype
    assert np.array_equal(back, pixels)


def test_a_jpeg_is_stored_as_it_decodes(tmp_path: Path) -> None:
    source = tmp_path / "archive"
    broken.good_jpeg(source, "p.jpg")
    write_records(source, [{"image": "p.jpg", "study_id": "s"}])
    ingest(source, tmp_path / "home")
    (image,) = held(tmp_path / "home")["s"].images
    with Image.open(source / "p.jpg") as opened:
        assert np.array_equal(stored(tmp_path / "home", image.digest), np.asarray(opened))


def test_every_picture_has_a_small_thumbnail(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    source.mkdir()
    wide = np.tile(DEEP, (30, 50))
    write_records(source, [{"image": broken.sixteen_bit_grey(source, wide).name, "study_id": "s"}])
    ingest(source, home, "--set", "ingest.thumbnail_px=100")
    (image,) = held(home)["s"].images
    with open_store(home) as store, Image.open(store.thumbnail_path(image.digest)) as thumbnail:
        assert max(thumbnail.size) == 100
        assert thumbnail.mode == "L"


def test_unknown_columns_are_ignored_and_named(tmp_path: Path) -> None:
    source = one_row(tmp_path / "archive", scanner="X", operator="Y", findings="Clear.")
    assert ingest(source, tmp_path / "home")["ignored_columns"] == ["operator", "scanner"]


def test_other_names_are_mapped(tmp_path: Path) -> None:
    source = tmp_path / "archive"
    save(source / "a.png", picture(1))
    rows = [{"file": "a.png", "accession": "acc", "report_text": "Clear."}]
    write_records(source, rows)
    options = [
        part
        for pair in ("image=file", "study_id=accession", "findings=report_text")
        for part in ("--map", pair)
    ]
    receipt = ingest(source, tmp_path / "home", *options)
    assert receipt["ignored_columns"] == []
    assert held(tmp_path / "home")["acc"].sections == {"findings": "Clear."}


def test_a_csv_is_read_as_a_jsonl_is(tmp_path: Path) -> None:
    broken.good_png(tmp_path / "archive")
    row = {"image": "good.png", "study_id": "s", "findings": 'Said "clear", twice.'}
    broken.csv_manifest(tmp_path / "archive", [row])
    ingest(tmp_path / "archive", tmp_path / "home")
    assert held(tmp_path / "home")["s"].sections["findings"] == row["findings"]


# -- patients --------------------------------------------------------------------------------------

SECRETS = ("Quixley", "mrn-7719345", "19430217", "1943-02-17")


def bytes_of(home: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_no_patient_stays_in_a_home_made_from_a_manifest(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    save(source / "a.png", picture(1))
    save(source / "b.png", picture(2))
    rows = [
        {
            "image": f"{name}.png",
            "study_id": name,
            "patient_id": "mrn-7719345",
            "patient_name": "Quixley",
            "birth_date": "1943-02-17",
            "dob": 19430217,
            "findings": f"Findings {name}.",
        }
        for name in "ab"
    ]
    ingest(write_records(source, rows), home)
    rows[0]["findings"] = "Changed."
    ingest(write_records(source, rows), home)
    everything = bytes_of(home)
    assert b"Findings b." in everything
    for secret in SECRETS:
        assert secret.encode() not in everything
    assert held(home)["a"].patient_key == held(home)["b"].patient_key


def test_no_patient_stays_in_a_home_made_from_dicom(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    for n in range(3):
        broken.dicom_file(
            source,
            f"{n}.dcm",
            StudyInstanceUID=f"1.2.3.{n // 2}",
            PatientName="Quixley^Ada",
            PatientID="mrn-7719345",
            PatientBirthDate="19430217",
            PatientAddress="Quixley Lane",
            PatientSex="F",
            PatientAge="081Y",
            StudyDate="20240131",
            Modality="CR",
            ViewPosition="PA",
            pixels=broken.RAMP + np.uint8(n),
        )
    receipt = ingest(source, home)
    assert tally(receipt) == (2, 0, 0, 0)
    study = held(home)["1.2.3.0"]
    assert len(study.images) == 2
    assert (study.age, study.sex, study.date) == (81, "F", "2024-01-31")
    assert (study.images[0].modality, study.images[0].view) == ("CR", "PA")
    everything = bytes_of(home)
    assert b"1.2.3.1" in everything
    for secret in SECRETS:
        assert secret.encode() not in everything


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    ingest(one_row(tmp_path / "archive"), tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home" / "key").stat().st_mode) == 0o600


def test_another_home_gives_another_pseudonym(tmp_path: Path) -> None:
    source = one_row(tmp_path / "archive", patient_id="mrn-7719345")
    for name in ("a", "b"):
        ingest(source, tmp_path / name)
    assert held(tmp_path / "a")["s"].patient_key != held(tmp_path / "b")["s"].patient_key


def test_a_path_that_shows_the_patient_is_told(tmp_path: Path) -> None:
    source = tmp_path / "archive"
    save(source / "7719345" / "a.png", picture(1))
    rows = [{"image": "7719345/a.png", "study_id": "s", "patient_id": "7719345"}]
    receipt = ingest(write_records(source, rows), tmp_path / "home")
    told = any("patient" in note for note in receipt["notes"])
    assert told or b"7719345" not in bytes_of(tmp_path / "home")


def test_a_study_id_that_shows_the_patient_is_told(tmp_path: Path) -> None:
    source = one_row(tmp_path / "archive", patient_id="7719345", study_id="7719345-chest")
    assert any(
        "contains the patient's id in 1 studies" in note
        for note in ingest(source, tmp_path / "home")["notes"]
    )


# -- splits ----------------------------------------------------------------------------------------


def test_the_archives_own_split_wins(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        home = tmp_path / f"home-{split}"
        ingest(one_row(tmp_path / split, split=split, patient_id="p"), home)
        study = held(home)["s"]
        assert (study.split, study.own_split) == (split, True)


def test_our_split_is_by_patient_and_the_same_in_every_home(tmp_path: Path) -> None:
    source = tmp_path / "archive"
    rows = [
        {"study_id": f"s{n}", "patient_id": f"p{n // 3}", "findings": f"Text {n}."}
        for n in range(240)
    ]
    write_records(source, rows)
    splits = []
    for name in ("a", "b"):
        ingest(source, tmp_path / name)
        splits.append({uid: study.split for uid, study in held(tmp_path / name).items()})
    assert splits[0] == splits[1]
    assert set(splits[0].values()) == {"train", "val", "test"}
    for n in range(0, 240, 3):
        assert len({splits[0][f"s{n + i}"] for i in range(3)}) == 1
    study = held(tmp_path / "a")["s0"]
    assert not study.own_split


@given(st.text(min_size=1), st.integers(0, 50), st.integers(0, 50))
def test_a_larger_share_only_adds_patients(patient: str, val: int, test: int) -> None:
    small = IngestSettings(val_percent=val, test_percent=test)
    if assign_split(patient, small) == "test" and test < 50:
        grown = IngestSettings(val_percent=val, test_percent=test + 1)
        assert assign_split(patient, grown) == "test"
    assert assign_split(patient, IngestSettings(val_percent=0, test_percent=0)) == "train"


def test_the_shares_are_what_the_settings_say() -> None:
    settings = IngestSettings(val_percent=20, test_percent=30)
    found = [assign_split(f"patient {n}", settings) for n in range(5000)]
    assert abs(found.count("test") / 5000 - 0.3) < 0.03
    assert abs(found.count("val") / 5000 - 0.2) < 0.03
