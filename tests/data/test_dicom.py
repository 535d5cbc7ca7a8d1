"""DICOM folders become studies."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.config import IngestSettings
from caselight.data.archive import open_archive
from caselight.data.dicom import open_dicom_folder, read_dicom_pixels
from caselight.data.dicom.series import expand
from caselight.errors import DataError
from tests.data import broken

MANY = 1_000_000
DEEP = np.arange(-96, 96, dtype=np.int16).reshape(12, 16) * 20


WINDOWED = broken.dicom_bytes(
    DEEP, PatientID="P1", WindowCenter=3, WindowWidth=9, RescaleSlope=2, RescaleIntercept=1
)


def read(path: Path) -> Any:
    return read_dicom_pixels(path, max_pixels=MANY)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.data())
def test_a_damaged_header_is_read_or_refused_and_never_quoted(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The errors of pydicom quote the bytes around the damage, where the patient's name may be."""
    raw = bytearray(WINDOWED)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(132, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzzed") / "a.dcm"
    path.write_bytes(bytes(raw))
    list(open_dicom_folder(path.parent).studies())
    try:
        assert read(path).dtype in (np.uint8, np.uint16)
    except DataError as error:
        assert error.__cause__ is None  # noqa: PT017 (either outcome is right)


def test_a_folder_becomes_studies_named_by_uid(tmp_path: Path) -> None:
    tags = {"PatientID": "P7", "PatientSex": "F", "PatientAge": "063Y", "StudyDate": "20200131"}
    tags |= {"Modality": "DX", "ViewPosition": "PA", "InstitutionName": "North"}
    broken.dicom_file(tmp_path / "b", "two.dcm", SOPInstanceUID="1.2.2", **tags)
    broken.dicom_file(tmp_path / "a", "one", SOPInstanceUID="1.2.1", **tags)
    broken.dicom_file(tmp_path, "z.dcm", StudyInstanceUID="9.9", SOPInstanceUID="1.2.3")
    with open_archive(tmp_path, mapping={}) as archive:
        other, study = sorted(archive.studies(), key=lambda s: len(s.images))
        assert (archive.n_rows, archive.n_studies, archive.rejected) == (3, 2, ())
    assert study.study_id == "1.2.3.4"
    assert [image.name for image in study.images] == ["1.2.1", "1.2.2"]
    assert study.images[0].path == tmp_path / "a" / "one"
    assert (study.images[0].view, study.images[0].modality) == ("PA", "DX")
    assert (study.patient_id, study.sex, study.age, study.date) == ("P7", "F", 63, "2020-01-31")
    assert study.site == "North"
    assert (other.patient_id, other.sections) == (None, {})


def test_what_a_folder_cannot_use_is_refused_by_name(tmp_path: Path) -> None:
    broken.dicom_file(tmp_path, "a.dcm", SOPInstanceUID="1.2.1")
    broken.dicom_file(tmp_path, "again.dcm", SOPInstanceUID="1.2.1", StudyInstanceUID="5.5")
    broken.dicom_file(tmp_path, "nameless.dcm", StudyInstanceUID=None)
    broken.good_png(tmp_path, "picture.png")
    broken.empty_file(tmp_path)
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "DICOMDIR").write_text("x")
    outside = broken.dicom_file(tmp_path.parent / f"{tmp_path.name}-outside")
    (tmp_path / "link.dcm").symlink_to(outside)
    archive = open_dicom_folder(tmp_path)
    assert {(r.file, r.code) for r in archive.rejected} == {
        ("again.dcm", "data.duplicate_image"),
        ("nameless.dcm", "data.not_dicom"),
        ("picture.png", "data.not_dicom"),
        ("empty.png", "data.empty_file"),
        ("link.dcm", "data.path_outside"),
    }
    assert [study.study_id for study in archive.studies()] == ["1.2.3.4"]


def test_folders_that_are_not_entered_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, elsewhere = tmp_path / "archive", tmp_path / "elsewhere"
    broken.dicom_file(folder / "in", "a.dcm")
    broken.dicom_file(folder / "shut", "b.dcm")
    broken.dicom_file(elsewhere, "c.dcm")
    (folder / "again").symlink_to("in")
    (folder / "away").symlink_to(elsewhere)
    listed = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with open_dicom_folder(folder) as archive:
        assert [(one.file, one.code) for one in archive.rejected] == [
            ("away", "data.path_outside"),
            ("shut", "data.not_found"),
        ]
        assert archive.notes == (
            "links to folders left out, since these are read in their own place: 1",
        )
        assert archive.n_studies == 1


def test_a_pipe_in_the_folder_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    broken.dicom_file(tmp_path, "b.dcm")
    with open_archive(tmp_path, mapping={}) as archive:
        assert [(one.file, one.code) for one in archive.rejected] == [("a", "data.not_found")]
        assert archive.n_studies == 1


def test_one_study_of_two_patients_is_refused_without_naming_them(tmp_path: Path) -> None:
    for patient in ("MILLER", "SMITH"):
        broken.dicom_file(tmp_path, f"{len(patient)}.dcm", PatientID=patient)
    (refused,) = open_dicom_folder(tmp_path).rejected
    assert refused.code == "data.duplicate_study"
    assert "two patients" in refused.reason
    assert "MILLER" not in refused.reason


@pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")
def test_a_header_value_that_cannot_be_read_is_left_out_and_counted(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    broken.dicom_file(tmp_path, PatientAge="old", StudyDate="31.1.20", PatientSex="X")
    recwarn.clear()
    (study,) = open_dicom_folder(tmp_path).studies()
    assert (study.age, study.date, study.sex) == (None, None, None)
    assert expand(study, IngestSettings()).notes == {
        f"{keyword} left out because it could not be read": 1
        for keyword in ("PatientAge", "PatientSex", "StudyDate")
    }
    assert not recwarn.list  # pydicom's warning would quote the value
