"""DICOM folders become studies; plain pixels are read and others refused."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.pixels import apply_windowing
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, JPEGBaseline8Bit

from caselight.data.archive import open_archive
from caselight.data.dicom import open_dicom_folder, read_dicom_pixels
from caselight.errors import DataError
from tests.data import broken

MANY = 1_000_000
DEEP = np.arange(-96, 96, dtype=np.int16).reshape(12, 16) * 20


WINDOWED = broken.dicom_bytes(
    DEEP, PatientID="P1", WindowCenter=3, WindowWidth=9, RescaleSlope=2, RescaleIntercept=1
)


def read(path: Path) -> Any:
    return read_dicom_pixels(path, max_pixels=MANY)


def shipped(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


@pytest.mark.parametrize(
    ("build", "code", "remedy"),
    [
        (broken.truncated_dicom, "data.truncated", "copy it again"),
        (broken.promising_dicom, "data.too_large", "raise the limit"),
        (lambda f: broken.dicom_file(f, Rows=900, Columns=900), "data.truncated", "copy it again"),
        (lambda f: broken.dicom_file(f, Rows=0), "data.zero_pixels", "export it again"),
        (lambda f: broken.dicom_file(f, PixelData=None), "data.no_pixels", "leave it out"),
        (
            lambda f: broken.dicom_file(f, Rows=None, PixelData=None),
            "data.no_pixels",
            "leave it out",
        ),
        (
            lambda f: broken.dicom_file(f, syntax=JPEGBaseline8Bit),
            "data.compressed_dicom",
            "decompress the file first",
        ),
        (
            lambda f: broken.dicom_file(f, NumberOfFrames=2),
            "data.unsupported_pixels",
            "export the frame",
        ),
        (
            lambda f: broken.dicom_file(f, PhotometricInterpretation="PALETTE COLOR"),
            "data.unsupported_pixels",
            "MONOCHROME1, MONOCHROME2 or RGB",
        ),
        (
            lambda f: broken.dicom_file(f, BitsAllocated=32, BitsStored=32, HighBit=31),
            "data.unsupported_pixels",
            "8 or 16 bits",
        ),
        (
            lambda f: broken.dicom_file(f, BitsStored=6, HighBit=7),
            "data.unsupported_pixels",
            "8 or 16 bits",
        ),
        (
            lambda f: broken.dicom_file(f, WindowCenter=40, WindowWidth=0),
            "data.unsupported_pixels",
            "WindowWidth",
        ),
        (
            lambda f: broken.dicom_file(f, WindowCenter=40, WindowWidth=80, VOILUTFunction="GAMMA"),
            "data.unsupported_pixels",
            "LINEAR_EXACT",
        ),
        (broken.empty_file, "data.empty_file", "copy it again"),
        (broken.good_png, "data.not_dicom", "name it in a manifest"),
        (lambda f: f / "none.dcm", "data.not_found", "correct the path"),
    ],
)
def test_a_broken_file_is_refused_with_its_code_and_a_remedy(
    build: Callable[[Path], Path], code: str, remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        read(build(tmp_path))
    assert caught.value.code == code
    assert remedy in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("cut", range(0, 700, 23))
def test_a_file_cut_anywhere_is_refused(cut: int, tmp_path: Path) -> None:
    whole = broken.dicom_bytes()
    path = tmp_path / "cut.dcm"
    path.write_bytes(whole[: min(cut, len(whole) - 1)])
    with pytest.raises(DataError):
        read(path)


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


def test_plain_8_bit_pixels_come_as_they_are(tmp_path: Path) -> None:
    pixels = read(broken.dicom_file(tmp_path))
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, broken.RAMP)
    colour = np.dstack([broken.RAMP, 255 - broken.RAMP, broken.RAMP // 3])
    assert np.array_equal(read(broken.dicom_file(tmp_path, pixels=colour)), colour)


def test_monochrome1_is_inverted_so_that_bright_is_dense(tmp_path: Path) -> None:
    pixels = read(broken.dicom_file(tmp_path, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(pixels, 255 - broken.RAMP)


def test_without_a_window_deep_pixels_fill_the_range(tmp_path: Path) -> None:
    pixels = read(broken.dicom_file(tmp_path, pixels=DEEP))
    wanted = np.rint((DEEP - DEEP.min()) / (DEEP.max() - DEEP.min()) * 65535)
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels, wanted)


def test_a_constant_picture_is_black_not_an_error(tmp_path: Path) -> None:
    pixels = read(broken.dicom_file(tmp_path, pixels=np.full((4, 4), 700, dtype=np.uint16)))
    assert not pixels.any()


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("slope", [1, 2.5])
@pytest.mark.filterwarnings("ignore:overflow")
def test_windows_are_pydicoms_windows(function: str, slope: float, tmp_path: Path) -> None:
    tags: dict[str, Any] = {
        "WindowCenter": [40, 900],
        "WindowWidth": [350, 9],
        "VOILUTFunction": function,
    }
    path = broken.dicom_file(
        tmp_path, pixels=DEEP, RescaleSlope=slope, RescaleIntercept=-24, **tags
    )
    dataset = pydicom.dcmread(path)
    theirs = apply_windowing(DEEP * slope - 24, dataset)
    ends = apply_windowing(np.array([-1e5, 1e5]), dataset)
    wanted = (theirs - ends[0]) / (ends[1] - ends[0]) * 65535
    assert np.abs(read(path) - wanted).max() <= 0.51


def test_a_voi_lut_comes_before_a_window(tmp_path: Path) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [256, 0, 16])
    table.add_new("LUTData", "OW", (np.arange(256, dtype="<u2") ** 2).tobytes())
    path = broken.dicom_file(
        tmp_path, VOILUTSequence=Sequence([table]), WindowCenter=9, WindowWidth=9
    )
    assert np.array_equal(read(path), broken.RAMP.astype(np.uint16) ** 2)


def test_bits_above_the_stored_ones_take_no_part(tmp_path: Path) -> None:
    clean = broken.RAMP.astype(np.uint16) * 21
    overlaid = clean | 0x8000
    tags: dict[str, Any] = {"BitsStored": 12, "HighBit": 11}
    assert np.array_equal(
        read(broken.dicom_file(tmp_path, pixels=overlaid, **tags)),
        read(broken.dicom_file(tmp_path, pixels=clean, **tags)),
    )


def test_byte_orders_and_deflation_give_the_same_picture() -> None:
    small, big = read(shipped("MR_small.dcm")), read(shipped("MR_small_bigendian.dcm"))
    assert np.array_equal(small, big)
    assert np.array_equal(small, read(shipped("MR_small_implicit.dcm")))
    assert pydicom.dcmread(shipped("MR_small_bigendian.dcm")).file_meta.TransferSyntaxUID == (
        ExplicitVRBigEndian
    )
    assert read(shipped("image_dfl.dcm")).shape == (512, 512)


def test_a_deflated_file_may_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("caselight.data.dicom.headers._MOST_INFLATED", 10_000)
    path = shipped("image_dfl.dcm")
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert zlib.MAX_WBITS == 15
    with pytest.raises(DataError, match="export it plain") as caught:
        read(path)
    assert caught.value.code == "data.too_large"


def test_a_folder_becomes_studies_named_by_uid(tmp_path: Path) -> None:
    tags = {"PatientID": "P7", "PatientSex": "F", "PatientAge": "063Y", "StudyDate": "20200131"}
    tags |= {"Modality": "DX", "ViewPosition": "PA", "InstitutionName": "Hidden"}
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
    assert study.site is None
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
    archive = open_dicom_folder(tmp_path)
    (study,) = archive.studies()
    assert (study.age, study.date, study.sex) == (None, None, None)
    assert len(archive.notes) == 3
    assert not recwarn.list  # pydicom's warning would quote the value


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pydicoms_own_files_are_read_or_refused_never_anything_else() -> None:
    folder = shipped("CT_small.dcm").parent
    codes = set()
    for path in sorted(folder.glob("*.dcm"))[::3]:
        try:
            assert read(path).dtype in (np.uint8, np.uint16)
        except DataError as error:
            codes.add(error.code)
    assert "data.compressed_dicom" in codes
