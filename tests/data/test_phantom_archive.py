"""The phantom archive: the same bytes each time, DICOM that others read, truth that agrees."""

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from caselight.data.phantoms.archive import (
    SR_SITES,
    render_case,
    window_film,
    write_archive,
)
from caselight.data.phantoms.detectors import SCANNERS
from caselight.data.phantoms.dicom_files import SYNTAXES, WHITE, make_uid, write_picture
from caselight.data.phantoms.findings import IN_A_ZONE, NAMES
from caselight.data.phantoms.patients import SUBGROUPS, Case, draw_cases
from caselight.errors import DataError, UsageError

COLUMNS = [
    *("image", "study_id", "patient_id", "date", "findings", "impression", "indication"),
    *("labels", "age", "sex", "view", "modality", "site"),
]
SIZE, SEED, N_STUDIES = 64, 7, 30


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def first_cases(n: int) -> list[Case]:
    return [case for case, _ in zip(draw_cases(SEED), range(n), strict=False)]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantoms") / "archive"
    write_archive(out, n_studies=N_STUDIES, seed=SEED, size=SIZE)
    return out


@pytest.fixture(scope="module")
def pictures(archive: Path) -> dict[str, Dataset]:
    """Every picture, by the name that the records give it."""
    found = (archive / "dicom").rglob("*.dcm")
    return {
        path.relative_to(archive).as_posix(): pydicom.dcmread(path)
        for path in found
        if path.stem != "report"
    }


# -- the folder ------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", ["dicom", "png"])
def test_the_same_seed_writes_the_same_bytes(images: Any, tmp_path: Path) -> None:
    for name in ("once", "again"):
        write_archive(tmp_path / name, n_studies=8, seed=SEED, size=SIZE, images=images)
    assert contents(tmp_path / "once") == contents(tmp_path / "again")


def test_another_seed_writes_other_bytes_and_other_identifiers(
    archive: Path, pictures: dict[str, Dataset], tmp_path: Path
) -> None:
    write_archive(tmp_path / "other", n_studies=2, seed=SEED + 1, size=SIZE)
    ours, other = contents(archive), contents(tmp_path / "other")
    shared = [name for name in other if name in ours and name.endswith("pa.dcm")]
    assert shared
    for name in shared:
        assert ours[name] != other[name]
        theirs = pydicom.dcmread(tmp_path / "other" / name, stop_before_pixels=True)
        assert theirs.StudyInstanceUID != pictures[name].StudyInstanceUID


def test_a_smaller_archive_is_the_start_of_a_larger_one(archive: Path, tmp_path: Path) -> None:
    write_archive(tmp_path / "small", n_studies=9, seed=SEED, size=SIZE)
    small, large = contents(tmp_path / "small"), contents(archive)
    for name, data in small.items():
        assert large[name].startswith(data)
    assert len(small) < len(large)


def test_pictures_alone_are_png_where_that_is_asked_for(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "png"
    write_archive(out, n_studies=5, seed=SEED, size=SIZE, images="png")
    assert {path.name for path in out.iterdir()} == {
        *("images", "masks", "records.jsonl", "truth.jsonl")
    }
    ours = {record["study_id"]: record for record in lines(archive / "records.jsonl")}
    for record in lines(out / "records.jsonl"):
        with PIL.Image.open(out / record["image"]) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (SIZE, SIZE))
        same = ours[record["study_id"]]
        assert {**record, "image": "", "view": ""} == {**same, "image": "", "view": ""}


def test_a_listener_hears_of_every_study(tmp_path: Path) -> None:
    heard: list[int] = []
    write_archive(tmp_path / "a", n_studies=3, seed=0, size=64, on_study=heard.append)
    assert heard == [1, 2, 3]


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError) as refused:
        write_archive(tmp_path, n_studies=1, seed=0, size=64)
    assert refused.value.code == "data.not_empty"
    assert contents(tmp_path) == {"notes.txt": b"mine"}
    with pytest.raises(DataError):
        write_archive(tmp_path / "notes.txt", n_studies=1, seed=0, size=64)


@pytest.mark.parametrize(
    "wrong", [{"n_studies": 0}, {"n_studies": -1}, {"seed": -1}, {"size": 8}], ids=str
)
def test_counts_out_of_range_are_refused_before_anything_is_written(
    wrong: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        write_archive(tmp_path / "a", **{"n_studies": 1, "seed": 0, "size": 64, **wrong})
    assert not (tmp_path / "a").exists()


# -- records and truth -----------------------------------------------------------------------------


def test_records_have_every_column_and_only_valid_cells(
    archive: Path, pictures: dict[str, Dataset]
) -> None:
    records = lines(archive / "records.jsonl")
    assert len({record["image"] for record in records}) == len(records)
    assert {record["image"] for record in records} == set(pictures)
    for record in records:
        assert list(record) == COLUMNS
        assert 18 <= record["age"] <= 110
        assert record["sex"] in {"M", "F"}
        assert record["view"] in {"PA", "LATERAL"}
        assert record["modality"] == "DX"
        assert record["site"] in SUBGROUPS
        assert record["labels"] == ["normal"] or set(record["labels"]) <= set(NAMES)
        assert datetime.date.fromisoformat(record["date"]).isoformat() == record["date"]


def test_truth_and_labels_agree(archive: Path) -> None:
    truth = {row["study_id"]: row for row in lines(archive / "truth.jsonl")}
    records = lines(archive / "records.jsonl")
    assert len(truth) == N_STUDIES
    assert {record["study_id"] for record in records} == set(truth)
    boxes = []
    for record in records:
        found = truth[record["study_id"]]["findings"]
        names = list(dict.fromkeys(item["name"] for item in found))
        assert record["labels"] == (names or ["normal"])
        for item in found:
            assert 0.0 <= item["size"] <= 1.0
            assert (item["kind"] is not None) == (item["name"] == "device")
            assert (item["zone"] is not None) == (item["name"] in IN_A_ZONE)
            boxes.append(item["boxes"][record["view"]])
    # On so small a film a thin line may not be seen at all, and then it has no box.
    seen = [box for box in boxes if box is not None]
    assert len(seen) > 0.9 * len(boxes)
    for left, top, right, bottom in seen:
        assert 0 <= left < right <= SIZE
        assert 0 <= top < bottom <= SIZE


def test_every_frontal_film_has_its_mask(archive: Path) -> None:
    wanted = {
        f"{record['study_id']}-pa.png"
        for record in lines(archive / "records.jsonl")
        if record["view"] == "PA"
    }
    assert {path.name for path in (archive / "masks").iterdir()} == wanted
    for name in wanted:
        with PIL.Image.open(archive / "masks" / name) as image:
            mask = np.asarray(image)
        assert mask.dtype == np.uint8
        assert {1, 2, 4} <= set(np.unique(mask).tolist()) <= set(range(8))


# -- DICOM -----------------------------------------------------------------------------------------


def test_every_picture_says_whose_it_is_and_how_it_was_taken(
    archive: Path, pictures: dict[str, Dataset]
) -> None:
    cases = first_cases(N_STUDIES)
    for record in lines(archive / "records.jsonl"):
        case, picture = cases[int(record["study_id"][-6:]) - 1], pictures[record["image"]]
        scanner = SCANNERS[case.scanner]
        assert picture.SOPClassUID.name == "Digital X-Ray Image Storage - For Presentation"
        assert (picture.Modality, picture.BodyPartExamined) == ("DX", "CHEST")
        assert picture.PresentationIntentType == "FOR PRESENTATION"
        assert picture.ViewPosition == ("PA" if record["view"] == "PA" else "LL")
        right_hand = "L" if record["view"] == "PA" else "P"
        assert list(picture.PatientOrientation) == [right_hand, "F"]
        assert picture.PatientID == record["patient_id"]
        assert picture.PatientName == case.patient_name
        assert (picture.PatientSex, picture.PatientAge) == (case.sex, f"{case.age:03d}Y")
        assert picture.StudyDate == record["date"].replace("-", "")
        assert picture.AccessionNumber == case.accession
        assert picture.InstitutionName == record["site"] == scanner.site
        assert picture.Manufacturer == scanner.manufacturer
        assert picture.ManufacturerModelName == scanner.model
        assert picture.StationName == scanner.station
        assert picture.file_meta.TransferSyntaxUID == SYNTAXES[scanner.syntax][0]
        assert picture.file_meta.MediaStorageSOPInstanceUID == picture.SOPInstanceUID


def test_identifiers_are_well_formed_and_each_names_one_thing(
    pictures: dict[str, Dataset],
) -> None:
    studies: dict[str, set[str]] = {}
    for name, picture in pictures.items():
        for uid in (picture.StudyInstanceUID, picture.SeriesInstanceUID, picture.SOPInstanceUID):
            assert uid.is_valid
            assert uid.startswith("2.25.")
        studies.setdefault(picture.StudyInstanceUID, set()).add(name.split("/")[1])
    assert all(len(folders) == 1 for folders in studies.values())
    assert len(studies) == N_STUDIES
    assert len({picture.SOPInstanceUID for picture in pictures.values()}) == len(pictures)
    assert make_uid(1, 23) != make_uid(12, 3)


@pytest.mark.parametrize("name", SCANNERS)
def test_what_is_read_is_what_was_drawn(name: str, tmp_path: Path) -> None:
    scanner, path = SCANNERS[name], tmp_path / "film.dcm"
    case = next(case for case in draw_cases(SEED) if case.scanner == name)
    drawn = render_case(case, seed=SEED, size=SIZE)["PA"].pixels
    write_picture(path, drawn, case=case, view="PA", seed=SEED)
    read = pydicom.dcmread(path)
    assert (read.BitsStored, read.HighBit, read.PixelRepresentation) == (12, 11, 0)
    stored = read.pixel_array
    negative = read.PhotometricInterpretation == "MONOCHROME1"
    assert negative == scanner.inverted
    assert np.array_equal(WHITE - stored if negative else stored, drawn)
    # The window and its 8-bit twin round apart by one level at most.
    assert np.abs(shown(read) - window_film(drawn, scanner)).max() <= 1


def shown(picture: Dataset) -> NDArray[np.int64]:
    """What the window in the header makes of the pixels, 0 black .. 255 white."""
    width = float(picture.WindowWidth)
    low = float(picture.WindowCenter) - 0.5 - (width - 1) / 2
    grey = np.clip((picture.pixel_array - low) / (width - 1), 0.0, 1.0)
    if picture.PhotometricInterpretation == "MONOCHROME1":
        grey = 1.0 - grey
    rounded: NDArray[np.int64] = np.round(255 * grey).astype(np.int64)
    return rounded


def test_the_scanners_use_every_coding_and_both_photometric_interpretations() -> None:
    assert {scanner.syntax for scanner in SCANNERS.values()} == set(SYNTAXES)
    assert {scanner.inverted for scanner in SCANNERS.values()} == {True, False}
    for name, scanner in SCANNERS.items():
        assert name.startswith(f"{scanner.site}/")
        assert 0 <= scanner.levels[0] < scanner.levels[1] <= WHITE


def test_every_study_has_its_report_as_its_site_files_it(archive: Path) -> None:
    for number, case in enumerate(first_cases(N_STUDIES), start=1):
        folder = archive / "dicom" / f"study-{number:06d}"
        text, document = folder / "report.txt", folder / "report.dcm"
        assert text.exists() != document.exists()
        assert document.exists() == (case.site in SR_SITES)
        sections = [
            *(case.dictation.findings, case.dictation.impression, case.dictation.indication)
        ]
        if text.exists():
            words = text.read_text(encoding="utf-8")
            assert words.splitlines()[0] == f"Accession: {case.accession}"
        else:
            report = pydicom.dcmread(document)
            assert report.SOPClassUID.name == "Basic Text SR Storage"
            assert report.AccessionNumber == case.accession
            assert report.StudyInstanceUID == pydicom.dcmread(folder / "pa.dcm").StudyInstanceUID
            words = "\n".join(item.TextValue for item in report.ContentSequence)
            meanings = [i.ConceptNameCodeSequence[0].CodeMeaning for i in report.ContentSequence]
            assert ("Findings" in meanings) == (case.dictation.findings is not None)
        assert all(section in words for section in sections if section is not None)
