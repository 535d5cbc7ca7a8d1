"""Colours as stored become RGB: planes, brightness and colour apart, palettes, JPEG's own marks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_color_lut, convert_color_space
from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from caselight.data.dicom import read_dicom_pixels
from caselight.data.dicom.colour import _expanded
from caselight.errors import DataError
from tests.data import broken
from tests.data.encoders import as_jpeg, as_jpeg_2000, as_runs

RAMP = np.tile(broken.RAMP, (3, 2))
COLOUR = np.dstack([RAMP, 255 - RAMP, RAMP // 3])
colours = arrays(np.uint8, (4, 6, 3))


def read(path: Path) -> Any:
    return read_dicom_pixels(path, max_pixels=1_000_000)


def shown(folder: Path, pixels: NDArray[Any], **tags: Any) -> Any:
    return read(broken.dicom_file(folder, pixels=pixels, **tags))


def packed(folder: Path, data: bytes, syntax: str, photometric: str) -> Path:
    return broken.compressed_dicom(
        folder, [data], syntax=syntax, like=COLOUR, PhotometricInterpretation=photometric
    )


def refusal(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path)
    return caught.value


@given(picture=colours)
def test_plane_by_plane_is_pixel_by_pixel(
    picture: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("planes")
    assert np.array_equal(shown(folder, picture), picture)
    planes = np.moveaxis(picture, -1, 0).tobytes()
    tags: dict[str, Any] = {"PlanarConfiguration": 1, "PixelData": planes}
    assert np.array_equal(shown(folder, picture, **tags), picture)


@given(picture=colours)
def test_brightness_and_colour_apart_are_pydicoms_rgb(
    picture: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("ybr")
    theirs = convert_color_space(picture, "YBR_FULL", "RGB").astype(int)
    ours = shown(folder, picture, PhotometricInterpretation="YBR_FULL")
    assert np.abs(ours - theirs).max() <= 1  # it rounds down, and its green has six digits fewer


def test_greys_stay_grey_at_every_depth(tmp_path: Path) -> None:
    for bits, kind in ((8, np.uint8), (12, np.uint16), (16, np.uint16)):
        bright = np.linspace(0, 2**bits - 1, 24).astype(kind).reshape(4, 6)
        middle = np.full_like(bright, 1 << (bits - 1))
        tags = {"BitsStored": bits, "HighBit": bits - 1, "PhotometricInterpretation": "YBR_FULL"}
        rgb = shown(tmp_path, np.dstack([bright, middle, middle]), **tags)
        full = 255 if bits == 8 else 65535
        wanted = np.rint(bright / (2**bits - 1) * full)
        assert all(np.array_equal(rgb[..., channel], wanted) for channel in range(3))


def test_halved_colours_are_shared_by_two_pixels(tmp_path: Path) -> None:
    bright = np.arange(24, dtype=np.uint8).reshape(4, 6) * 9
    shared = np.random.default_rng(0).integers(0, 256, (4, 3, 2)).astype(np.uint8)
    quads = np.stack([bright[:, ::2], bright[:, 1::2], shared[..., 0], shared[..., 1]], axis=-1)
    whole = np.dstack([bright, np.repeat(shared, 2, axis=1)])
    tags: dict[str, Any] = {"PhotometricInterpretation": "YBR_FULL_422"}
    halved = shown(tmp_path, whole, PixelData=quads.tobytes(), **tags)
    assert np.array_equal(halved, shown(tmp_path, whole, PhotometricInterpretation="YBR_FULL"))
    # As many bytes as whole colours have: header and pixels disagree.
    assert refusal(broken.dicom_file(tmp_path, pixels=whole, **tags)).code == "data.truncated"


@pytest.mark.parametrize("photometric", ["YBR_RCT", "YBR_ICT", "YBR_PARTIAL_420", "HSV", "ARGB"])
def test_colours_that_plain_pixels_cannot_have_are_refused(
    photometric: str, tmp_path: Path
) -> None:
    tags = {"PhotometricInterpretation": photometric}
    code = refusal(broken.dicom_file(tmp_path, pixels=COLOUR, **tags)).code
    assert code == ("data.truncated" if "CT" in photometric else "data.unsupported_pixels")


def palette(
    entries: NDArray[Any], *, bits: int = 16, first: int = 0, vr: str = "US"
) -> dict[str, Any]:
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for channel, colour in enumerate(("Red", "Green", "Blue")):
        name = f"{colour}PaletteColorLookupTable"
        tags[f"{name}Descriptor"] = [len(entries), first, bits]
        tags[f"{name}Data"] = np.ascontiguousarray(entries[:, channel]).tobytes()
    return tags


@pytest.mark.parametrize(("bits", "kind"), [(16, "<u2"), (8, "u1"), (8, "<u2")])
def test_a_palette_is_looked_up(bits: int, kind: str, tmp_path: Path) -> None:
    entries = np.random.default_rng(0).integers(0, 1 << bits, (200, 3)).astype(kind)
    pixels = shown(tmp_path, RAMP, **palette(entries, bits=bits, first=10))
    assert pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.array_equal(pixels, entries[np.clip(RAMP.astype(int) - 10, 0, 199)])


def test_a_palette_in_doubt_is_refused(tmp_path: Path) -> None:
    dark = (np.arange(256)[:, None] * [1, 0, 0]).astype("<u2")
    path = broken.dicom_file(tmp_path, pixels=RAMP, **palette(dark))
    assert refusal(path).code == "data.unsupported_pixels"
    missing = palette(dark) | {"GreenPaletteColorLookupTableData": b""}
    path = broken.dicom_file(tmp_path, pixels=RAMP, **missing)
    assert refusal(path).code == "data.truncated"


def test_palette_numbers_coded_with_losses_are_refused(tmp_path: Path) -> None:
    entries = (np.arange(256)[:, None] * [257, 1, 9]).astype("<u2")
    tags = palette(entries)
    lossy = broken.compressed_dicom(
        tmp_path, [as_jpeg_2000(RAMP)], syntax=JPEG2000, like=RAMP, **tags
    )
    assert refusal(lossy).code == "data.unsupported_pixels"
    lossless = broken.compressed_dicom(
        tmp_path, [as_runs(RAMP)], syntax=RLELossless, like=RAMP, **tags
    )
    assert np.array_equal(read(lossless), entries[RAMP])


def _segmented(words: dict[str, list[int]], n_entries: int) -> dict[str, Any]:
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, segments in words.items():
        name = f"{colour}PaletteColorLookupTable"
        tags[f"{name}Descriptor"] = [n_entries, 0, 16]
        tags[f"Segmented{name}Data"] = np.array(segments, dtype="<u2").tobytes()
    return tags


def test_a_palette_in_segments_is_the_palette_written_out(tmp_path: Path) -> None:
    # Two entries, a ramp of 126 to the top, and the same two segments once more.
    segments = [0, 2, 0, 500, 1, 126, 63500, 2, 2, 0, 0]
    ramp = np.rint(500 + (63500 - 500) * np.arange(1, 127) / 126)
    again = np.concatenate([[0, 500], ramp])
    wanted = np.concatenate([again, again]).astype(np.uint16)
    words = dict.fromkeys(("Red", "Green", "Blue"), segments)
    pixels = shown(tmp_path, RAMP, **_segmented(words, 256))
    assert np.array_equal(pixels, np.dstack([wanted[RAMP]] * 3))


@pytest.mark.parametrize(
    "segments",
    [
        [0, 3, 1, 2],
        [1, 9, 5],
        [3, 1, 1],
        [0, 1, 5, 1, 60000, 9],
        [0, 1, 5, 2, 1, 200, 0],
        [0, 1, 5, 2, 60000, 0, 0],
        [0, 1, 5, 2, 1, 6, 0],
    ],
)
def test_segments_that_make_no_palette_are_refused(segments: list[int], tmp_path: Path) -> None:
    words = dict.fromkeys(("Red", "Green", "Blue"), segments)
    path = broken.dicom_file(tmp_path, pixels=RAMP, **_segmented(words, 4))
    assert refusal(path).code == "data.truncated"


def test_8_bit_segments_name_their_source_in_four_bytes() -> None:
    words = np.array([0, 2, 7, 9, 1, 2, 11, 2, 1, 0, 0, 0, 0], dtype=np.int64)
    assert _expanded(words, 6, bytes_each=1) == [7, 9, 10, 11, 7, 9]


def test_pydicoms_palette_file_is_as_pydicom_looks_it_up() -> None:
    import pydicom

    name = get_testdata_file("examples_palette.dcm", download=False)
    dataset = pydicom.dcmread(str(name))
    assert np.array_equal(read(Path(str(name))), apply_color_lut(dataset.pixel_array, dataset))


def _marked(data: bytes, *, keep: tuple[int, ...] = (), add: bytes = b"") -> bytes:
    """A JPEG without its application marks but those kept, and with another one."""
    position, kept = 2, b""
    while data[position + 1] != 0xDB:
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position + 1] in keep:
            kept += data[position : position + 2 + length]
        position += 2 + length
    return data[:2] + kept + add + data[position:]


def _adobe(transform: int) -> bytes:
    return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])


def _named(data: bytes, names: bytes) -> bytes:
    """A JPEG whose three components have other names, in its frame and in its scan."""
    made = bytearray(data)
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    for place, name in enumerate(names):
        made[frame + 10 + 3 * place] = made[scan + 5 + 2 * place] = name
    return bytes(made)


BARE = _marked(as_jpeg(COLOUR))
"""Brightness and colour apart, as JPEG likes them, and no word on it."""
MIXED = "YBR_FULL_422"


@pytest.mark.parametrize(
    ("data", "photometric", "as_if"),
    [
        (BARE, MIXED, MIXED),
        (BARE, "YBR_FULL", MIXED),
        (BARE, "RGB", "RGB"),
        (as_jpeg(COLOUR), "RGB", MIXED),
        (as_jpeg(COLOUR), MIXED, MIXED),
        (_marked(BARE, add=_adobe(1)), "RGB", MIXED),
        (_marked(BARE, add=_adobe(0)), MIXED, "RGB"),
        (_marked(BARE, add=b"\xff\xee\x00\x0aAdobe\x00\x64\x00"), "RGB", "RGB"),
        (_named(BARE, b"RGB"), MIXED, "RGB"),
        (_named(BARE, b"\x00\x01\x02"), "RGB", "RGB"),
    ],
)
def test_a_jpegs_own_word_on_its_colours_comes_before_the_headers(
    data: bytes, photometric: str, as_if: str, tmp_path: Path
) -> None:
    """As libjpeg has it: a JFIF or Adobe mark, components named R, G, B, and then the header."""
    raw = read(packed(tmp_path, BARE, JPEGBaseline8Bit, "RGB"))
    wanted = shown(tmp_path, raw, PhotometricInterpretation="YBR_FULL") if as_if == MIXED else raw
    assert np.array_equal(read(packed(tmp_path, data, JPEGBaseline8Bit, photometric)), wanted)


def test_a_jpeg_of_known_colours_shows_them(tmp_path: Path) -> None:
    for data in (as_jpeg(COLOUR), as_jpeg(COLOUR, keep_rgb=True)):
        pixels = read(packed(tmp_path, data, JPEGBaseline8Bit, MIXED))
        assert np.abs(pixels.astype(int) - COLOUR).mean() < 4


@pytest.mark.parametrize(
    ("data", "photometric"),
    [
        (_marked(as_jpeg(COLOUR), keep=(0xE0,), add=_adobe(0)), MIXED),
        (_marked(_named(BARE, b"RGB"), add=_adobe(1)), MIXED),
        (_marked(BARE, add=_adobe(2)), "RGB"),
        (BARE, "YBR_RCT"),
    ],
)
def test_a_jpeg_that_contradicts_itself_is_refused(
    data: bytes, photometric: str, tmp_path: Path
) -> None:
    code = refusal(packed(tmp_path, data, JPEGBaseline8Bit, photometric)).code
    assert code == ("data.truncated" if "RCT" in photometric else "data.unsupported_pixels")


def test_jpeg_2000_says_itself_whether_its_colours_are_mixed(tmp_path: Path) -> None:
    mixed, plain = as_jpeg_2000(COLOUR, mixed=True), as_jpeg_2000(COLOUR)
    for data, photometric in ((mixed, "YBR_RCT"), (mixed, "RGB"), (plain, "RGB")):
        assert np.array_equal(read(packed(tmp_path, data, JPEG2000Lossless, photometric)), COLOUR)
    apart = read(packed(tmp_path, plain, JPEG2000Lossless, "YBR_FULL"))
    assert np.array_equal(apart, shown(tmp_path, COLOUR, PhotometricInterpretation="YBR_FULL"))
    for data, photometric in ((plain, "YBR_RCT"), (plain, "YBR_ICT"), (mixed, "YBR_FULL")):
        path = packed(tmp_path, data, JPEG2000Lossless, photometric)
        assert refusal(path).code == "data.truncated"
