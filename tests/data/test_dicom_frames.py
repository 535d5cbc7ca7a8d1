"""DICOM files become pictures: every frame, pydicom's own files, and every refusal."""

import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from caselight.data.dicom import read_dicom_pixels
from caselight.data.dicom.frames import read_stored_frame
from caselight.errors import DataError
from tests.data import broken
from tests.data.encoders import LOSSLESS, as_jpeg_2000, as_runs

MANY = 1_000_000
RAMP = np.tile(broken.RAMP, (3, 2))
"""As small as a picture can be that the JPEG 2000 encoder takes."""
DEEP = (np.arange(-576, 576, dtype=np.int16) * 20).reshape(RAMP.shape)


def read(path: Path, **options: Any) -> Any:
    return read_dicom_pixels(path, max_pixels=MANY, **options)


def stored(path: Path, frame: int | None = None) -> Any:
    return read_stored_frame(path, max_pixels=MANY, frame=frame).values


def refusal(path: Path, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    return caught.value


def shipped(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


def packed(folder: Path, frame: NDArray[Any], data: bytes, syntax: str, **tags: Any) -> Path:
    return broken.compressed_dicom(folder, [data], syntax=syntax, like=frame, **tags)


@pytest.mark.parametrize(
    ("build", "code", "remedy"),
    [
        (broken.truncated_dicom, "data.truncated", "copy the file again"),
        (broken.promising_dicom, "data.too_large", "raise the limit"),
        (
            lambda f: broken.dicom_file(f, Rows=900, Columns=900),
            "data.truncated",
            "copy the file again",
        ),
        (lambda f: broken.dicom_file(f, Rows=6), "data.truncated", "room for another frame"),
        (lambda f: broken.dicom_file(f, Rows=0), "data.zero_pixels", "export it again"),
        (lambda f: broken.dicom_file(f, PixelData=None), "data.no_pixels", "leave it out"),
        (
            lambda f: broken.dicom_file(f, Rows=None, PixelData=None),
            "data.no_pixels",
            "leave it out",
        ),
        (lambda f: broken.dicom_file(f, syntax=JPEGBaseline8Bit), "data.truncated", "are plain"),
        (
            lambda f: packed(f, RAMP, as_runs(RAMP), pydicom.uid.ExplicitVRLittleEndian),
            "data.truncated",
            "are compressed",
        ),
        (
            lambda f: broken.dicom_file(f, syntax=pydicom.uid.JPEG2000MCLossless),
            "data.unsupported_syntax",
            "JPEG 2000 Part 2",
        ),
        (
            lambda f: broken.dicom_file(f, syntax=pydicom.uid.MPEG2MPML),
            "data.unsupported_syntax",
            "MPEG2",
        ),
        (lambda f: broken.dicom_file(f, NumberOfFrames=2), "data.which_frame", "which is meant"),
        (lambda f: broken.dicom_file(f, NumberOfFrames=0), "data.truncated", "NumberOfFrames"),
        (
            lambda f: broken.dicom_file(f, PhotometricInterpretation="CMYK"),
            "data.unsupported_pixels",
            "MONOCHROME2 or RGB",
        ),
        (
            lambda f: broken.dicom_file(f, BitsAllocated=12, BitsStored=12, HighBit=11),
            "data.unsupported_pixels",
            "8, 16 or 32 bits",
        ),
        (
            lambda f: broken.dicom_file(f, BitsStored=6, HighBit=3),
            "data.unsupported_pixels",
            "HighBit",
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
        (
            lambda f: broken.dicom_file(f, RescaleSlope=0, RescaleIntercept=1),
            "data.unsupported_pixels",
            "slope",
        ),
        (broken.empty_file, "data.empty_file", "copy it again"),
        (broken.good_png, "data.not_dicom", "name it in a manifest"),
        (lambda f: f / "none.dcm", "data.not_found", "correct the path"),
    ],
)
def test_a_broken_file_is_refused_with_its_code_and_a_remedy(
    build: Callable[[Path], Path], code: str, remedy: str, tmp_path: Path
) -> None:
    error = refusal(build(tmp_path))
    assert error.code == code
    assert remedy in str(error)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("cut", range(0, 700, 23))
def test_a_file_cut_anywhere_is_refused(cut: int, tmp_path: Path) -> None:
    whole = broken.dicom_bytes()
    path = tmp_path / "cut.dcm"
    path.write_bytes(whole[: min(cut, len(whole) - 1)])
    refusal(path)


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_a_frame_of_many_is_the_file_of_that_frame(
    syntax: str, table: bool, tmp_path: Path
) -> None:
    every = [np.roll(DEEP, shift) for shift in range(3)]
    coded = [LOSSLESS[syntax](frame) for frame in every]
    path = broken.compressed_dicom(
        tmp_path, coded, syntax=syntax, like=DEEP, table=table, name="many.dcm"
    )
    for index, frame in enumerate(every):
        single = packed(tmp_path, frame, coded[index], syntax)
        assert np.array_equal(read(path, frame=index), read(single))
        assert np.array_equal(stored(path, index), frame)


def test_plain_frames_and_single_bits_are_cut_where_they_lie(tmp_path: Path) -> None:
    every = np.stack([np.roll(DEEP, shift) for shift in range(4)])
    path = broken.dicom_file(tmp_path, pixels=DEEP, PixelData=every.tobytes(), NumberOfFrames=4)
    assert all(np.array_equal(stored(path, index), every[index]) for index in range(4))
    bits = np.random.default_rng(0).integers(0, 2, (3, 5, 7)).astype(np.uint8)
    path = broken.dicom_file(
        tmp_path,
        pixels=bits[0],
        PixelData=np.packbits(bits, bitorder="little").tobytes(),
        NumberOfFrames=3,
        **dict.fromkeys(("BitsAllocated", "BitsStored"), 1),
        HighBit=0,
    )
    assert all(np.array_equal(read(path, frame=index), bits[index] * 255) for index in range(3))


def test_a_frame_is_decoded_without_the_others(tmp_path: Path) -> None:
    coded = [as_jpeg_2000(DEEP), b"\xff\x4fthis is no picture"]
    path = broken.compressed_dicom(tmp_path, coded, syntax=JPEG2000Lossless, like=DEEP)
    assert np.array_equal(stored(path, 0), DEEP)
    assert refusal(path, frame=1).code == "data.truncated"


def test_a_frame_that_is_not_there_is_refused_by_number(tmp_path: Path) -> None:
    many = broken.dicom_file(tmp_path, pixels=RAMP, NumberOfFrames=2, PixelData=RAMP.tobytes() * 2)
    assert "2 frames" in str(refusal(many))
    for frame in (-1, 2):
        assert refusal(many, frame=frame).code == "data.which_frame"
    assert np.array_equal(read(broken.dicom_file(tmp_path, pixels=RAMP), frame=0), RAMP)


def test_a_number_of_frames_that_lies_is_refused(tmp_path: Path) -> None:
    plain = broken.dicom_file(tmp_path, pixels=RAMP, NumberOfFrames=3, PixelData=RAMP.tobytes() * 2)
    assert refusal(plain, frame=0).code == "data.truncated"
    for table in (False, True):
        coded = broken.encapsulated([as_runs(RAMP)] * 2, table=table)
        path = broken.compressed_dicom(
            tmp_path, [b""] * 3, syntax=RLELossless, like=RAMP, pixel_data=coded
        )
        assert refusal(path, frame=0).code == "data.truncated"


def test_a_deflated_file_may_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("caselight.data.dicom.headers._MOST_INFLATED", 10_000)
    path = shipped("image_dfl.dcm")
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert zlib.MAX_WBITS == 15
    error = refusal(path)
    assert error.code == "data.too_large"
    assert "export it plain" in str(error)


def test_a_frame_has_its_own_window_or_the_shared_one(tmp_path: Path) -> None:
    def group(centre: float | None, intercept: float | None) -> Dataset:
        found = Dataset()
        if centre is not None:
            window = Dataset()
            window.WindowCenter, window.WindowWidth = centre, 400
            found.FrameVOILUTSequence = Sequence([window])
        if intercept is not None:
            rescale = Dataset()
            rescale.RescaleSlope, rescale.RescaleIntercept = 1, intercept
            found.PixelValueTransformationSequence = Sequence([rescale])
        return found

    tags = {"pixels": DEEP, "PixelData": DEEP.tobytes() * 2, "NumberOfFrames": 2}
    enhanced = broken.dicom_file(
        tmp_path,
        "enhanced.dcm",
        **tags,
        SharedFunctionalGroupsSequence=Sequence([group(50, -1000)]),
        PerFrameFunctionalGroupsSequence=Sequence([group(None, None), group(-300, 7)]),
    )
    for frame, (centre, intercept) in enumerate([(50, -1000), (-300, 7)]):
        single = broken.dicom_file(
            tmp_path,
            pixels=DEEP,
            WindowCenter=centre,
            WindowWidth=400,
            RescaleSlope=1,
            RescaleIntercept=intercept,
        )
        assert np.array_equal(read(enhanced, frame=frame), read(single))
    short = broken.dicom_file(
        tmp_path, **tags, PerFrameFunctionalGroupsSequence=Sequence([group(50, 0)])
    )
    assert refusal(short, frame=1).code == "data.truncated"


SHIPPED_REFUSALS = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "data.truncated",
    "MR_truncated.dcm": "data.truncated",
    "badVR.dcm": "data.truncated",
    "rtdose_expb_1frame.dcm": "data.unsupported_pixels",
    "rtdose.dcm": "data.which_frame",
    "rtplan.dcm": "data.no_pixels",
    "UN_sequence.dcm": "data.no_pixels",
}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pydicoms_own_files_are_refused_only_where_they_should_be() -> None:
    for name, code in SHIPPED_REFUSALS.items():
        assert refusal(shipped(name)).code == code, name


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "frame", "same"),
    [
        ("MR_small_RLE.dcm", None, "MR_small.dcm"),
        ("MR_small_bigendian.dcm", None, "MR_small.dcm"),
        ("MR_small_implicit.dcm", None, "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", None, "MR_small.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", None, "MR_small.dcm"),
        ("MR_small_padded.dcm", None, "MR_small.dcm"),
        ("liver_expb_1frame.dcm", None, "liver_1frame.dcm"),
        ("rtdose_rle_1frame.dcm", None, "rtdose_1frame.dcm"),
        ("SC_rgb_rle_2frame.dcm", 0, "SC_rgb_rle.dcm"),
        ("SC_rgb_rle_16bit_2frame.dcm", 0, "SC_rgb_rle_16bit.dcm"),
        ("SC_rgb_gdcm_KY.dcm", None, "SC_rgb_rle.dcm"),
        ("SC_rgb_small_odd_big_endian.dcm", None, "SC_rgb_small_odd.dcm"),
        ("SC_rgb_jpeg.dcm", None, "SC_rgb_jpeg_dcmd.dcm"),
        ("SC_jpeg_no_color_transform_2.dcm", None, "SC_rgb_jpeg_app14_dcmd.dcm"),
    ],
)
def test_one_picture_coded_in_two_ways_is_one_picture(
    name: str, frame: int | None, same: str
) -> None:
    assert np.array_equal(read(shipped(name), frame=frame), read(shipped(same)))


def test_depth_changes_the_grain_and_not_the_picture() -> None:
    eight = stored(shipped("SC_rgb_rle.dcm")).astype(np.int64)
    assert np.array_equal(stored(shipped("SC_rgb_rle_16bit.dcm")), eight * 0x101)
    assert np.array_equal(stored(shipped("SC_rgb_rle_32bit.dcm")), eight * 0x1010101)
    assert np.array_equal(read(shipped("SC_rgb_rle_32bit.dcm")), eight * 0x101)


FUZZED = (
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "SC_rgb_rle_2frame.dcm",
)


@given(name=st.sampled_from(FUZZED), data=st.data())
@settings(max_examples=150)
def test_bytes_flipped_anywhere_are_read_or_refused(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    raw = bytearray(shipped(name).read_bytes())
    pixels = raw.rindex(b"\xe0\x7f\x10\x00")
    where = st.one_of(st.integers(132, len(raw) - 1), st.integers(pixels, pixels + 200))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[min(data.draw(where), len(raw) - 1)] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("flipped") / "a.dcm"
    path.write_bytes(bytes(raw))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert read(path, frame=0).dtype in (np.uint8, np.uint16)
        except DataError as error:
            assert error.__cause__ is None  # noqa: PT017 (either outcome is right)


@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning")
@pytest.mark.parametrize(
    "tags",
    [
        {"PhotometricInterpretation": "MILLER^ANN"},
        {"WindowCenter": 1, "WindowWidth": 9, "VOILUTFunction": "MILLER^ANN"},
    ],
)
def test_a_header_word_that_means_nothing_is_not_repeated(
    tags: dict[str, Any], tmp_path: Path
) -> None:
    assert "MILLER" not in str(refusal(broken.dicom_file(tmp_path, **tags)))
    odd = refusal(broken.dicom_file(tmp_path, syntax="1.2.3.MILLER"))
    assert odd.code == "data.unsupported_syntax"
    assert "MILLER" not in str(odd)


def test_a_damaged_value_is_not_quoted_anywhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A warning of pydicom's would quote the value; numbers are read without it."""
    good = broken.dicom_bytes(
        DEEP, WindowCenter="12345", WindowWidth="98765", RescaleSlope=2, RescaleIntercept=1
    )
    path = tmp_path / "named.dcm"
    path.write_bytes(good.replace(b"12345 ", b"MILLER").replace(b"98765 ", b"SMITH "))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        error = refusal(path)
    said = " ".join(
        [str(error), *(str(warning.message) for warning in caught), *capfd.readouterr()]
    )
    assert error.code == "data.truncated"
    assert "MILLER" not in said
    assert "SMITH" not in said
