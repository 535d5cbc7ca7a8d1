"""Compressed frames: every coding that is decoded, and pictures that are not what they say."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate_extended
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from caselight.data.dicom import read_dicom_pixels
from caselight.data.dicom.frames import read_stored_frame
from caselight.errors import DataError
from tests.data import broken
from tests.data.encoders import (
    LOSSLESS,
    as_deep_jpeg,
    as_jpeg,
    as_jpeg_2000,
    as_jpeg_ls,
    as_lossless_jpeg,
    as_runs,
)

MANY = 1_000_000
RAMP = np.tile(broken.RAMP, (3, 2))
"""As small as a picture can be that the JPEG 2000 encoder takes."""
DEEP = (np.arange(-576, 576, dtype=np.int16) * 20).reshape(RAMP.shape)
COLOUR = np.dstack([RAMP, 255 - RAMP, RAMP // 3])


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


frames = st.one_of(
    *(
        arrays(dtype, st.tuples(st.integers(1, 6), st.integers(1, 7)))
        for dtype in (np.uint8, np.uint16, np.int16)
    ),
    arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 7), st.just(3))),
)


@pytest.mark.parametrize("syntax", LOSSLESS)
@given(st.data())
@settings(max_examples=20)
def test_a_lossless_picture_is_the_uncompressed_one(
    syntax: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    frame = data.draw(frames)
    if syntax != RLELossless:  # the other encoders take no picture as small as that
        frame = np.tile(frame, (32, 32, *[1] * (frame.ndim - 2)))
    folder = tmp_path_factory.mktemp("packed")
    path = packed(folder, frame, LOSSLESS[syntax](frame), syntax)
    plain = broken.dicom_file(folder, pixels=frame)
    assert np.array_equal(stored(path), frame)
    assert np.array_equal(stored(plain), frame)
    assert np.array_equal(read(path), read(plain))


@pytest.mark.parametrize("encode", [as_runs, as_lossless_jpeg, as_jpeg_ls, as_jpeg_2000])
def test_deep_colours_stay_deep(encode: Callable[..., bytes], tmp_path: Path) -> None:
    deep = COLOUR.astype(np.uint16) * 251
    (syntax,) = (syntax for syntax, one in LOSSLESS.items() if one is encode)
    path = packed(tmp_path, deep, encode(deep), syntax)
    assert read(path).dtype == np.uint16
    assert np.array_equal(read(path), deep)
    assert np.array_equal(read(broken.dicom_file(tmp_path, pixels=deep)), deep)


def test_colours_interleaved_by_plane_by_line_or_by_sample_are_the_same(tmp_path: Path) -> None:
    for interleave in (0, 1, 2):
        data = as_jpeg_ls(COLOUR, interleave=interleave)
        assert np.array_equal(read(packed(tmp_path, COLOUR, data, JPEGLSLossless)), COLOUR)


def test_a_near_lossless_picture_differs_by_no_more_than_it_says(tmp_path: Path) -> None:
    path = packed(tmp_path, RAMP, as_jpeg_ls(RAMP, near=3), JPEGLSNearLossless)
    assert 0 < np.abs(read(path).astype(int) - RAMP).max() <= 3
    signed = packed(tmp_path, DEEP, as_jpeg_ls(DEEP, near=3), JPEGLSNearLossless)
    assert refusal(signed).code == "data.unsupported_pixels"


def test_bits_of_negative_values_coded_without_signs_get_them_back(tmp_path: Path) -> None:
    unsigned = as_jpeg_2000(DEEP.view(np.uint16))
    assert np.array_equal(stored(packed(tmp_path, DEEP, unsigned, JPEG2000Lossless)), DEEP)
    signed = as_jpeg_2000(DEEP)
    path = packed(tmp_path, DEEP, signed, JPEG2000Lossless, PixelRepresentation=0)
    assert "signs" in str(refusal(path))


@pytest.mark.parametrize("table", [False, True])
def test_a_frame_may_be_in_several_fragments_but_not_in_runs(table: bool, tmp_path: Path) -> None:
    every = [np.roll(DEEP, shift) for shift in range(2)]
    coded = [as_jpeg_ls(frame) for frame in every]
    cut = [[data[:20], data[20:44], data[44:]] for data in coded]
    options: dict[str, Any] = {"syntax": JPEGLSLossless, "like": DEEP, "table": table}
    path = broken.compressed_dicom(tmp_path, cut, **options)
    assert all(np.array_equal(stored(path, index), every[index]) for index in range(2))
    runs = as_runs(DEEP)
    path = broken.compressed_dicom(
        tmp_path, [[runs[:70], runs[70:]]], syntax=RLELossless, like=DEEP, table=table
    )
    assert refusal(path).code == "data.truncated"


def _with_table(offsets: list[int]) -> bytes:
    items = broken.encapsulated([as_runs(RAMP)] * 2)[8:]
    table = struct.pack(f"<{len(offsets)}I", *offsets)
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(table)) + table + items


@pytest.mark.parametrize("offsets", [[0, 9], [0, 1 << 31], [4, 0], [0, 0], [0], [0, 2, 4]])
def test_an_offset_table_that_points_elsewhere_is_refused(
    offsets: list[int], tmp_path: Path
) -> None:
    path = broken.compressed_dicom(
        tmp_path, [b""] * 2, syntax=RLELossless, like=RAMP, pixel_data=_with_table(offsets)
    )
    assert refusal(path, frame=0).code == "data.truncated"


def test_the_extended_offset_table_is_followed_or_refused(tmp_path: Path) -> None:
    every = [RAMP, 255 - RAMP]
    coded, offsets, lengths = encapsulate_extended([as_jpeg_ls(frame) for frame in every])
    tags: dict[str, Any] = {"syntax": JPEGLSLossless, "like": RAMP}
    tags["pixel_data"] = coded + b"\xfe\xff\xdd\xe0\0\0\0\0"
    good: dict[str, Any] = {
        "ExtendedOffsetTable": offsets,
        "ExtendedOffsetTableLengths": lengths,
    }
    path = broken.compressed_dicom(tmp_path, [b""] * 2, **tags, **good)
    assert all(np.array_equal(stored(path, index), every[index]) for index in range(2))
    for bad in ({"ExtendedOffsetTable": struct.pack("<2Q", 0, 1 << 60)},
                {"ExtendedOffsetTableLengths": struct.pack("<2Q", 1 << 60, 1 << 60)},
                {"ExtendedOffsetTable": offsets[:8]}):  # fmt: skip
        path = broken.compressed_dicom(tmp_path, [b""] * 2, **tags, **(good | bad))
        assert refusal(path, frame=1).code == "data.truncated"


@pytest.mark.parametrize("cut", range(8, 60, 6))
def test_fragments_that_leave_the_file_are_refused(cut: int, tmp_path: Path) -> None:
    path = packed(tmp_path, RAMP, as_runs(RAMP), RLELossless)
    path.write_bytes(path.read_bytes()[:-cut])
    assert refusal(path).code == "data.truncated"


def _grown(data: bytes, marker: bytes, skip: int, form: str, *values: int) -> bytes:
    """The codestream with a size in its own header replaced."""
    at = data.index(marker) + skip
    return data[:at] + struct.pack(form, *values) + data[at + struct.calcsize(form) :]


def _twice(data: bytes, marker: bytes) -> bytes:
    """The codestream with everything from a marker to its end mark repeated."""
    return data[:-2] + data[data.index(marker) :]


SIZE, SOF0, SOF3, SOF55 = b"\xff\x51", b"\xff\xc0", b"\xff\xc3", b"\xff\xf7"


@pytest.mark.parametrize(
    ("syntax", "data"),
    [
        (JPEG2000Lossless, _grown(as_jpeg_2000(RAMP), SIZE, 6, ">II", 60_000, 60_000)),
        (JPEG2000Lossless, _grown(as_jpeg_2000(RAMP), SIZE, 38, ">H", 16384)),
        (JPEG2000Lossless, _grown(as_jpeg_2000(RAMP), SIZE, 40, ">B", 15)),
        (JPEG2000Lossless, _grown(as_jpeg_2000(RAMP), SIZE, 22, ">II", 0, 0)),
        (JPEG2000Lossless, as_jpeg_2000(COLOUR)),
        (JPEG2000Lossless, as_jpeg_2000(RAMP.astype(np.uint16))),
        (JPEG2000Lossless, as_jpeg_2000(RAMP)[:-9] + b"\xff\xd9"),
        (JPEGBaseline8Bit, _grown(as_jpeg(RAMP), SOF0, 5, ">HH", 60_000, 60_000)),
        (JPEGBaseline8Bit, as_jpeg(COLOUR)),
        (JPEGBaseline8Bit, as_jpeg(RAMP) * 2),
        (JPEGBaseline8Bit, as_jpeg(RAMP)[:-2]),
        (JPEGBaseline8Bit, as_jpeg_ls(RAMP)),
        (JPEGBaseline8Bit, as_lossless_jpeg(RAMP)),
        (JPEGBaseline8Bit, as_deep_jpeg(RAMP.astype(np.uint16))),
        (JPEGExtended12Bit, _grown(as_jpeg(RAMP), SOF0, 4, ">B", 7)),
        (JPEGLossless, _grown(as_lossless_jpeg(RAMP), SOF3, 5, ">HH", 60_000, 60_000)),
        (JPEGLossless, _grown(as_lossless_jpeg(RAMP), SOF3, 4, ">B", 12)),
        (JPEGLossless, _grown(as_lossless_jpeg(RAMP), SOF3, 4, ">B", 1)),
        (JPEGLossless, _grown(as_lossless_jpeg(RAMP), SOF3, 1, ">B", 0xC7)),
        (JPEGLossless, as_lossless_jpeg(COLOUR)),
        (JPEGLossless, as_lossless_jpeg(RAMP)[:-2]),
        (JPEGLossless, _twice(as_lossless_jpeg(RAMP), b"\xff\xda")),
        (JPEGBaseline8Bit, _twice(as_jpeg(RAMP), b"\xff\xda")),
        (JPEGLossless, _grown(as_lossless_jpeg(RAMP), b"\xff\xda", 7, ">B", 8)),
        (JPEGLossless, as_lossless_jpeg(RAMP) * 2),
        (JPEGLossless, as_jpeg(RAMP)),
        (JPEGLSLossless, _grown(as_jpeg_ls(RAMP), SOF55, 5, ">HH", 60_000, 60_000)),
        (JPEGLSLossless, _grown(as_jpeg_ls(RAMP), SOF55, 4, ">B", 16)),
        (JPEGLSLossless, as_jpeg(RAMP)),
        (JPEGLSLossless, as_jpeg_ls(RAMP)[:-20]),
        (RLELossless, as_runs(COLOUR)),
        (RLELossless, as_runs(np.vstack([RAMP, RAMP]))),
        (RLELossless, as_runs(RAMP[:-1])),
        (RLELossless, struct.pack("<16I", 1, 1 << 30, *[0] * 14) + as_runs(RAMP)[64:]),
        (RLELossless, as_runs(RAMP)[:40]),
    ],
)
def test_a_compressed_picture_of_another_size_than_its_header_is_refused_unread(
    syntax: str, data: bytes, tmp_path: Path
) -> None:
    assert refusal(packed(tmp_path, RAMP, data, syntax)).code == "data.truncated"


def test_extended_jpeg_of_8_bits_is_read_as_the_baseline_is(tmp_path: Path) -> None:
    same = read(packed(tmp_path, RAMP, as_jpeg(RAMP), JPEGBaseline8Bit))
    assert np.array_equal(read(packed(tmp_path, RAMP, as_jpeg(RAMP), JPEGExtended12Bit)), same)


def test_extended_jpeg_of_12_bits_is_near_its_source_and_nothing_else_is_assumed(
    tmp_path: Path,
) -> None:
    # Smooth, so that a lossy coding can be told from a wrong one.
    deep = np.add.outer(np.arange(24) * 90, np.arange(32) * 60).astype(np.uint16)
    data, twelve = as_deep_jpeg(deep), {"BitsStored": 12, "HighBit": 11}
    found = stored(packed(tmp_path, deep, data, JPEGExtended12Bit, **twelve))
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - deep).max() <= 16
    colours = np.dstack([deep, 3930 - deep, deep // 2])
    path = packed(
        tmp_path, colours, as_deep_jpeg(colours, colorspace="rgb", outcolorspace="rgb"),
        JPEGExtended12Bit, **twelve,
    )  # fmt: skip
    assert np.abs(stored(path).astype(int) - colours).max() <= 16
    for other in ({}, {"BitsStored": 10, "HighBit": 9}, twelve | {"PixelRepresentation": 1}):
        path = packed(tmp_path, deep, data, JPEGExtended12Bit, **other)
        assert refusal(path).code == "data.truncated"


@pytest.mark.parametrize("rows_apart", [0, 1, 3])
@pytest.mark.parametrize("predictor", range(1, 8))
@given(st.integers(2, 16), st.data())
@settings(max_examples=5)
def test_lossless_jpeg_is_exact_with_every_predictor_and_precision(
    predictor: int,
    rows_apart: int,
    tmp_path_factory: pytest.TempPathFactory,
    bits: int,
    data: st.DataObject,
) -> None:
    shape = data.draw(st.sampled_from([(1, 1), (5, 4), (7, 3, 3)]))
    dtype = np.uint8 if bits <= 8 else np.uint16
    frame = data.draw(arrays(dtype, shape, elements=st.integers(0, (1 << bits) - 1)))
    coded = as_lossless_jpeg(frame, bits=bits, predictor=predictor, rows_apart=rows_apart)
    path = packed(
        tmp_path_factory.mktemp("packed"), frame, coded, JPEGLossless, BitsStored=bits,
        HighBit=bits - 1,
    )  # fmt: skip
    assert np.array_equal(stored(path), frame)


def test_lossless_jpeg_without_its_low_bits_keeps_the_others(tmp_path: Path) -> None:
    path = packed(tmp_path, RAMP, as_lossless_jpeg(RAMP, dropped=3), JPEGLossless)
    assert np.array_equal(stored(path), RAMP >> 3 << 3)


def test_lossless_jpeg_of_signs_may_code_them_in_the_value_or_the_whole_cell(
    tmp_path: Path,
) -> None:
    frame = (DEEP // 8).astype(np.int16)
    twelve: dict[str, Any] = {"BitsStored": 12, "HighBit": 11}
    for cell, bits in ((frame, 12), (frame, 16), (frame & 0xFFF, 16)):
        coded = as_lossless_jpeg(cell, bits=bits)
        path = packed(tmp_path, frame, coded, JPEGLosslessSV1, **twelve)
        assert np.array_equal(stored(path), frame)
    overflowing = packed(tmp_path, frame, as_lossless_jpeg(DEEP), JPEGLosslessSV1, **twelve)
    assert "beyond 12 bits" in str(refusal(overflowing))
    unsigned = packed(
        tmp_path, frame, as_lossless_jpeg(frame), JPEGLosslessSV1, PixelRepresentation=0, **twelve
    )
    assert "beyond 12 bits" in str(refusal(unsigned))
    narrow = packed(tmp_path, frame, as_lossless_jpeg(frame, bits=12), JPEGLosslessSV1)
    assert "12" in str(refusal(narrow))


ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"


def test_the_header_names_the_colours_of_lossless_jpeg_unless_the_picture_objects(
    tmp_path: Path,
) -> None:
    for photometric, mark, read_as in (
        ("RGB", b"", "RGB"),
        ("RGB", ADOBE + b"\0", "RGB"),
        ("YBR_FULL", b"", "YBR_FULL"),
        ("YBR_FULL", ADOBE + b"\1", "YBR_FULL"),
        ("RGB", ADOBE + b"\1", None),
        ("YBR_FULL", ADOBE + b"\0", None),
    ):
        coded = as_lossless_jpeg(COLOUR, before=mark)
        path = packed(tmp_path, COLOUR, coded, JPEGLossless, PhotometricInterpretation=photometric)
        if read_as is None:
            assert refusal(path).code == "data.unsupported_pixels"
            continue
        found = read_stored_frame(path, max_pixels=MANY)
        assert np.array_equal(found.values, COLOUR)
        assert found.photometric == read_as
    coarse = as_lossless_jpeg(COLOUR, sampling=0x21)
    assert refusal(packed(tmp_path, COLOUR, coarse, JPEGLossless)).code == "data.unsupported_pixels"
    mixed = packed(
        tmp_path, COLOUR, as_lossless_jpeg(COLOUR), JPEGLossless,
        PhotometricInterpretation="YBR_RCT",
    )  # fmt: skip
    assert refusal(mixed).code == "data.truncated"


@pytest.mark.parametrize("name", ["SC_rgb_jpeg_gdcm.dcm", "JPGExtended.dcm", "JPEG-lossy.dcm"])
def test_lossless_and_deep_jpeg_are_what_another_decoder_reads(name: str) -> None:
    gdcm = pytest.importorskip("gdcm")
    reader = gdcm.ImageReader()
    reader.SetFileName(str(shipped(name)))
    assert reader.Read()
    ours = stored(shipped(name))
    theirs = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    assert np.array_equal(np.frombuffer(theirs, ours.dtype).reshape(ours.shape), ours)


def test_an_installed_decoder_that_is_not_ours_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trap(*_: Any, **__: Any) -> None:
        raise AssertionError("decoded through a registry")

    monkeypatch.setattr("pydicom.pixels.decoders.base.Decoder.as_array", trap)
    monkeypatch.setattr("pydicom.pixels.decoders.base.Decoder.iter_array", trap)
    with pytest.raises(AssertionError):
        _ = pydicom.dcmread(shipped("SC_rgb_jpeg_gdcm.dcm")).pixel_array
    assert stored(shipped("SC_rgb_jpeg_gdcm.dcm")).shape == (100, 100, 3)
