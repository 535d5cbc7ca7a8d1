"""Grey values become what a reader sees: rescaling, windows, lookup tables, padding, inversion."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_windowing
from pydicom.sequence import Sequence

from caselight.data.dicom import read_dicom_pixels
from caselight.data.dicom.windows import CT_WINDOWS
from caselight.errors import DataError
from tests.data import broken

RAMP = broken.RAMP
DEEP = np.arange(-96, 96, dtype=np.int16).reshape(12, 16) * 20
CT_CLASS, SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.7"
CT: dict[str, Any] = {
    "SOPClassUID": CT_CLASS,
    "Modality": "CT",
    "RescaleSlope": 1,
    "RescaleIntercept": -1024,
}

pictures = arrays(np.int16, (5, 6))
windows = st.tuples(
    st.floats(-2000, 2000), st.floats(1, 4000), st.sampled_from(["LINEAR", "LINEAR_EXACT"])
)


def read(path: Path, **options: Any) -> Any:
    return read_dicom_pixels(path, max_pixels=1_000_000, **options)


def shown(folder: Path, pixels: NDArray[Any], window: Any = None, **tags: Any) -> Any:
    return read(broken.dicom_file(folder, pixels=pixels, **tags), window=window)


def table(
    entries: NDArray[Any], *, first: int = 0, bits: int = 16, vr: str = "US", **tags: Any
) -> Sequence:
    found = Dataset()
    found.add_new("LUTDescriptor", vr, [len(entries), first, bits])
    found.add_new("LUTData", "OW", entries.astype(entries.dtype.newbyteorder("<")).tobytes())
    for keyword, value in tags.items():
        setattr(found, keyword, value)
    return Sequence([found])


def stretched(values: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * 65535)


def test_plain_8_bit_pixels_come_as_they_are(tmp_path: Path) -> None:
    pixels = shown(tmp_path, RAMP)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, RAMP)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable


def test_without_a_window_deep_pixels_fill_the_range(tmp_path: Path) -> None:
    pixels = shown(tmp_path, DEEP)
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels, stretched(DEEP, DEEP.min(), DEEP.max()))


def test_a_constant_picture_is_black_not_an_error(tmp_path: Path) -> None:
    assert not shown(tmp_path, np.full((4, 4), 700, dtype=np.uint16)).any()


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


@given(picture=pictures, window=windows)
def test_a_window_keeps_the_order_and_monochrome1_turns_it_over(
    picture: NDArray[np.int16],
    window: tuple[float, float, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("window")
    centre, width, function = window
    tags: dict[str, Any] = {
        "WindowCenter": f"{centre:.6g}",
        "WindowWidth": f"{width:.6g}",
        "VOILUTFunction": function,
    }
    bright = shown(folder, picture, **tags).astype(int)
    order = np.argsort(picture, axis=None, kind="stable")
    assert (np.diff(bright.reshape(-1)[order]) >= 0).all()
    inverted = shown(folder, picture, PhotometricInterpretation="MONOCHROME1", **tags)
    assert np.abs(bright + inverted - 65535).max() <= 1


@given(picture=pictures)
def test_the_quick_way_by_table_is_the_slow_way(
    picture: NDArray[np.int16], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("table")
    tags: dict[str, Any] = {"RescaleSlope": "-1.75", "RescaleIntercept": 12}
    for more in ({}, {"WindowCenter": 40, "WindowWidth": 9000}, {"PixelPaddingValue": 0}):
        quick = shown(folder, picture, **tags, **more)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("caselight.data.dicom.windows._WIDEST_TABLE", 0)
            assert np.array_equal(shown(folder, picture, **tags, **more), quick)


def test_monochrome1_is_inverted_so_that_bright_is_dense(tmp_path: Path) -> None:
    inverted = shown(tmp_path, RAMP, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(inverted, 255 - RAMP)


@pytest.mark.parametrize("window", CT_WINDOWS)
def test_ct_windows_are_the_formula_in_hounsfield_units(window: Any, tmp_path: Path) -> None:
    centre, width = CT_WINDOWS[window]
    stored = (np.linspace(-1400, 1900, 192) + 1024).astype(np.int16).reshape(12, 16)
    own = {"WindowCenter": 1, "WindowWidth": 2}
    pixels = shown(tmp_path, stored, window, **CT, **own)
    low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    assert np.array_equal(pixels, stretched(stored - 1024.0, low, high))
    assert pixels.min() == 0
    assert pixels.max() == 65535
    file = shown(tmp_path, stored, "file", **CT, **own)
    assert np.array_equal(file, shown(tmp_path, stored, **CT, **own))


@pytest.mark.parametrize(
    "change",
    [
        {"Modality": "MR"},
        {"Modality": None},
        {"SOPClassUID": SECONDARY_CAPTURE},
        {"RescaleType": "US"},
        {"RescaleType": "Z_EFF"},
        {"RescaleSlope": None, "RescaleIntercept": None},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"ModalityLUTSequence": table(np.arange(64, dtype=np.uint16), ModalityLUTType="OD")},
    ],
)
def test_a_ct_window_needs_hounsfield_units(change: dict[str, Any], tmp_path: Path) -> None:
    tags = {key: value for key, value in (CT | change).items() if value is not None}
    with pytest.raises(DataError) as caught:
        shown(tmp_path, DEEP, "lung", **tags)
    assert caught.value.code == "data.not_hounsfield"
    colour = np.dstack([RAMP] * 3)
    with pytest.raises(DataError) as caught:
        shown(tmp_path, colour, "bone", **CT)
    assert caught.value.code == "data.not_hounsfield"
    said = shown(tmp_path, DEEP, "lung", **CT, RescaleType="HU")
    assert np.array_equal(said, shown(tmp_path, DEEP, "lung", **CT))
    captured = CT | {"SOPClassUID": SECONDARY_CAPTURE, "RescaleType": "HU"}
    assert np.array_equal(said, shown(tmp_path, DEEP, "lung", **captured))


def test_a_voi_lut_comes_before_a_window(tmp_path: Path) -> None:
    squares = np.arange(256, dtype=np.uint16) ** 2
    pixels = shown(tmp_path, RAMP, VOILUTSequence=table(squares), WindowCenter=9, WindowWidth=9)
    assert np.array_equal(pixels, RAMP.astype(np.uint16) ** 2)


def test_lookup_tables_hold_their_ends_and_may_begin_below_zero(tmp_path: Path) -> None:
    entries = np.arange(101, dtype=np.uint16) * 600
    tags = {"VOILUTSequence": table(entries, first=-50, vr="SS")}
    wanted = entries[np.clip(DEEP.astype(int) + 50, 0, 100)]
    assert np.array_equal(shown(tmp_path, DEEP, **tags), wanted)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_8_bit_tables_come_in_bytes_or_in_words(kind: Any, tmp_path: Path) -> None:
    entries = np.arange(256)[::-1].astype(kind)
    pixels = shown(tmp_path, RAMP, VOILUTSequence=table(entries, bits=8))
    assert np.array_equal(pixels, (255 - RAMP).astype(int) * 257)


def test_a_modality_table_comes_before_the_window(tmp_path: Path) -> None:
    entries = (np.arange(256) * 10 + 5).astype(np.uint16)
    tags = {"WindowCenter": 1000, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"}
    pixels = shown(tmp_path, RAMP, ModalityLUTSequence=table(entries), **tags)
    assert np.array_equal(pixels, stretched(RAMP * 10.0 + 5, 500, 1500))


@pytest.mark.parametrize(
    "damaged",
    [
        table(np.arange(255, dtype=np.uint16)),
        table(np.arange(256, dtype=np.uint16), bits=17),
        table(np.arange(256, dtype=np.uint16) * 9, bits=8),
    ],
)
def test_a_table_that_is_not_what_it_says_is_refused(damaged: Sequence, tmp_path: Path) -> None:
    if len(damaged[0].LUTData) == 510:
        damaged[0].LUTDescriptor = [256, 0, 16]
    with pytest.raises(DataError) as caught:
        shown(tmp_path, RAMP, VOILUTSequence=damaged)
    assert caught.value.code == "data.truncated"


@pytest.mark.parametrize("value", [-2000, 65536 - 2000])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_darkest_and_takes_no_part(photometric: str, value: int, tmp_path: Path) -> None:
    """Whether its VR has the sign of the pixels or, as often, has not."""
    padded = np.where(DEEP < -1000, -2000, DEEP).astype(np.int16)
    tags: dict[str, Any] = {"PhotometricInterpretation": photometric}
    path = broken.dicom_file(tmp_path, pixels=padded, **tags)
    dataset = pydicom.dcmread(path)
    dataset.add_new("PixelPaddingValue", "SS" if value < 0 else "US", value)
    dataset.save_as(path)
    pixels, inside = read(path), padded != -2000
    wanted = stretched(padded, DEEP[inside].min(), DEEP.max())
    if photometric == "MONOCHROME1":
        wanted = 65535 - wanted
    assert not pixels[~inside].any()
    assert np.abs(pixels[inside] - wanted[inside]).max() <= 1


def test_padding_may_be_a_range_and_may_be_everything(tmp_path: Path) -> None:
    tags: dict[str, Any] = {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 9}
    pixels = shown(tmp_path, RAMP, PhotometricInterpretation="MONOCHROME1", **tags)
    assert np.array_equal(pixels, np.where(RAMP <= 9, 0, 255 - RAMP))
    assert not shown(tmp_path, np.full((3, 4), 7, np.uint16), PixelPaddingValue=7).any()


def test_bits_above_the_stored_ones_take_no_part(tmp_path: Path) -> None:
    clean = RAMP.astype(np.uint16) * 21
    tags: dict[str, Any] = {"BitsStored": 12, "HighBit": 11}
    plain = shown(tmp_path, clean, **tags)
    assert np.array_equal(shown(tmp_path, clean | 0x8000, **tags), plain)
    # The same values at the top of their words, with an overlay's bits below them.
    high = (clean << 4) | 0b1010
    assert np.array_equal(shown(tmp_path, high, BitsStored=12, HighBit=15), plain)
    signed = np.arange(-96, 96, dtype=np.int16).reshape(12, 16)
    assert np.array_equal(shown(tmp_path, signed & 0x0FFF, **tags), shown(tmp_path, signed))


@pytest.mark.parametrize(
    ("kind", "keyword"), [("f4", "FloatPixelData"), ("f8", "DoubleFloatPixelData")]
)
def test_floating_point_pixels_are_read(kind: str, keyword: str, tmp_path: Path) -> None:
    values = np.linspace(-1.5, 2.5, 192, dtype=kind).reshape(12, 16)
    tags = {keyword: values.tobytes(), "PixelData": None}
    assert np.array_equal(shown(tmp_path, RAMP, **tags), stretched(values.astype(float), -1.5, 2.5))
    tags[keyword] = np.where(values > 2, np.nan, values).tobytes()
    with pytest.raises(DataError) as caught:
        shown(tmp_path, RAMP, **tags)
    assert caught.value.code == "data.unsupported_pixels"


@pytest.mark.parametrize("kind", [np.uint32, np.int32])
def test_32_bit_pixels_keep_all_their_bits(kind: Any, tmp_path: Path) -> None:
    values = np.linspace(np.iinfo(kind).min, np.iinfo(kind).max, 192).astype(kind).reshape(12, 16)
    info = np.iinfo(kind)
    wanted = stretched(values.astype(float), info.min, info.max)
    assert np.array_equal(shown(tmp_path, values), wanted)


@pytest.mark.parametrize(
    "build", [lambda bits: bits, lambda bits: np.zeros_like(bits), lambda bits: np.ones_like(bits)]
)
def test_single_bits_are_black_and_white(
    build: Callable[[NDArray[Any]], NDArray[Any]], tmp_path: Path
) -> None:
    bits = build(np.random.default_rng(0).integers(0, 2, (5, 7)).astype(np.uint8))
    tags: dict[str, Any] = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    tags["PixelData"] = np.packbits(bits, bitorder="little").tobytes()
    assert np.array_equal(shown(tmp_path, bits, **tags), bits * 255)
    inverted = shown(tmp_path, bits, PhotometricInterpretation="MONOCHROME1", **tags)
    assert np.array_equal(inverted, (1 - bits) * 255)
