"""Pixels come back exactly, or the file is refused with a code and a remedy."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFile, ImageOps

from caselight.data.pixels import read_pixels
from caselight.errors import DataError
from tests.data import broken

MANY = 1_000_000


def refusal(path: Path, *, max_pixels: int = MANY) -> DataError:
    with pytest.raises(DataError) as caught:
        read_pixels(path, max_pixels=max_pixels)
    return caught.value


@pytest.mark.parametrize(
    ("build", "code", "remedy"),
    [
        (broken.truncated_png, "data.truncated", "copy it again"),
        (broken.png_without_end, "data.truncated", "copy it again"),
        (broken.png_with_a_flipped_bit, "data.truncated", "checksum"),
        (broken.png_with_too_few_rows, "data.truncated", "copy it again"),
        (broken.truncated_jpeg, "data.truncated", "copy it again"),
        (broken.truncated_jpeg_with_thumbnail, "data.truncated", "copy it again"),
        (broken.empty_file, "data.empty_file", "copy it again"),
        (broken.text_named_png, "data.not_an_image", "export the picture again"),
        (broken.jpeg_named_png, "data.mislabelled", "rename it to end in .jpg"),
        (broken.dicom_named_png, "data.mislabelled", "rename it to end in .dcm"),
        (broken.png_named_dcm, "data.mislabelled", "rename it to end in .png"),
        (broken.zero_pixel_png, "data.zero_pixels", "export it again"),
        (broken.enormous_png, "data.too_large", "shrink it or raise the limit"),
        (broken.transparent_png, "data.transparent", "flatten"),
        (broken.animated_png, "data.unsupported_pixels", "save the frame"),
        (broken.cmyk_jpeg, "data.unsupported_pixels", "convert it to grey or RGB"),
        (broken.twelve_bit_jpeg, "data.unsupported_pixels", "16-bit PNG"),
    ],
)
def test_a_broken_file_is_refused_with_its_code_and_a_remedy(
    build: Callable[[Path], Path], code: str, remedy: str, tmp_path: Path
) -> None:
    error = refusal(build(tmp_path))
    assert error.code == code
    assert remedy in str(error)


def test_a_missing_file_and_a_folder_are_not_found(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.png").code == "data.not_found"
    assert refusal(tmp_path).code == "data.not_found"
    assert "correct the path" in str(refusal(tmp_path / "none.png"))


def test_an_unknown_suffix_names_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(broken.good_png(tmp_path).read_bytes())
    error = refusal(path)
    assert error.code == "data.not_an_image"
    assert ".png, .jpg, .jpeg" in str(error)


def test_a_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    pixels = read_pixels(broken.good_png(tmp_path, "GOOD.PNG"), max_pixels=MANY)
    assert np.array_equal(pixels, broken.RAMP)


def test_the_limit_is_inclusive_and_judged_before_decoding(tmp_path: Path) -> None:
    path = broken.good_png(tmp_path)
    assert read_pixels(path, max_pixels=12 * 16).shape == (12, 16)
    assert refusal(path, max_pixels=12 * 16 - 1).code == "data.too_large"
    jpeg = broken.good_jpeg(tmp_path)
    assert refusal(jpeg, max_pixels=12 * 16 - 1).code == "data.too_large"


def test_padding_behind_a_jpeg_is_no_damage(tmp_path: Path) -> None:
    padded = read_pixels(broken.jpeg_with_padding(tmp_path), max_pixels=MANY)
    assert np.array_equal(padded, read_pixels(broken.good_jpeg(tmp_path), max_pixels=MANY))


@given(st.data())
def test_every_prefix_of_a_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("prefix")
    build = data.draw(st.sampled_from([broken.good_png, broken.good_jpeg]))
    whole = build(folder)
    cut = data.draw(st.integers(1, len(whole.read_bytes()) - 1))
    whole.write_bytes(whole.read_bytes()[:cut])
    # Two bytes are too few to be known as either format.
    assert refusal(whole).code in {"data.truncated", "data.not_an_image"}


@given(pixels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_8_bit_pngs_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray[Any, Any]
) -> None:
    folder = tmp_path_factory.mktemp("exact")
    for name, picture in (("g", pixels), ("c", np.dstack([pixels, 255 - pixels, pixels // 2]))):
        Image.fromarray(picture).save(folder / f"{name}.png")
        read = read_pixels(folder / f"{name}.png", max_pixels=MANY)
        assert read.dtype == np.uint8
        assert read.flags.c_contiguous
        assert np.array_equal(read, picture)


@given(pixels=hnp.arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))))
def test_16_bit_pngs_keep_every_bit(
    tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray[Any, Any]
) -> None:
    folder = tmp_path_factory.mktemp("deep")
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 65535, dtype=np.uint16)])
    for path, wanted in (
        (broken.sixteen_bit_grey(folder, pixels[..., 0]), pixels[..., 0]),
        (broken.sixteen_bit_rgb(folder, pixels), pixels),
        (broken.sixteen_bit_rgba(folder, opaque), pixels),
    ):
        read = read_pixels(path, max_pixels=MANY)
        assert read.dtype == np.uint16
        assert np.array_equal(read, wanted)


@given(height=st.integers(1, 9), width=st.integers(1, 9))
def test_interlaced_pngs_are_read_exactly(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int
) -> None:
    pixels = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    starts = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    starts += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    passes = [pixels[top::down, left::across] for left, top, across, down in starts]
    rows = [row.tobytes() for part in passes if part.size for row in part]
    path = tmp_path_factory.mktemp("interlaced") / "i.png"
    path.write_bytes(broken.png_bytes(rows, width=width, height=height, interlace=1))
    assert np.array_equal(read_pixels(path, max_pixels=MANY), pixels)
    path.write_bytes(broken.png_bytes(rows[:-1], width=width, height=height, interlace=1))
    assert refusal(path).code == "data.truncated"


def test_16_bit_alpha_that_is_nearly_opaque_is_refused(tmp_path: Path) -> None:
    pixels = np.full((3, 3, 4), 65535, dtype=np.uint16)
    pixels[1, 1, 3] = 65534
    assert refusal(broken.sixteen_bit_rgba(tmp_path, pixels)).code == "data.transparent"


def test_a_16_bit_file_that_inflates_beyond_its_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "swollen.png"
    path.write_bytes(broken.png_bytes([bytes(10_000)] * 50, width=2, height=2, depth=16, colour=2))
    assert refusal(path).code == "data.truncated"


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_shallow_grey_expands_from_black_to_white(depth: int, tmp_path: Path) -> None:
    levels = 2**depth
    packed = [int("".join(f"{v % levels:0{depth}b}" for v in range(8)), 2).to_bytes(depth, "big")]
    path = tmp_path / "shallow.png"
    path.write_bytes(broken.png_bytes(packed, width=8, depth=depth))
    wanted = [(v % levels) * 255 // (levels - 1) for v in range(8)]
    assert read_pixels(path, max_pixels=MANY).tolist() == [wanted]


def test_a_palette_expands_to_its_colours(tmp_path: Path) -> None:
    palette = bytes([1, 2, 3, 40, 50, 60, 255, 0, 9])
    path = tmp_path / "palette.png"
    path.write_bytes(
        broken.png_bytes([bytes([2, 0, 1])], width=3, colour=3, before=[(b"PLTE", palette)])
    )
    wanted = [[[255, 0, 9], [1, 2, 3], [40, 50, 60]]]
    assert read_pixels(path, max_pixels=MANY).tolist() == wanted


def test_a_palette_is_transparent_only_where_a_pixel_uses_it(tmp_path: Path) -> None:
    extra = [(b"PLTE", bytes(9)), (b"tRNS", bytes([0]))]
    path = tmp_path / "palette.png"
    path.write_bytes(broken.png_bytes([bytes([2, 1])], width=2, colour=3, before=extra))
    assert read_pixels(path, max_pixels=MANY).shape == (1, 2, 3)
    path.write_bytes(broken.png_bytes([bytes([2, 0])], width=2, colour=3, before=extra))
    assert refusal(path).code == "data.transparent"


def test_a_colour_beyond_the_palette_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    path.write_bytes(
        broken.png_bytes([bytes([0, 3])], width=2, colour=3, before=[(b"PLTE", bytes(9))])
    )
    assert refusal(path).code == "data.unsupported_pixels"


def test_a_transparent_grey_counts_only_where_it_occurs(tmp_path: Path) -> None:
    assert refusal(broken.keyed_png(tmp_path, key=7)).code == "data.transparent"
    read = read_pixels(broken.keyed_png(tmp_path, key=250), max_pixels=MANY)
    assert np.array_equal(read, broken.RAMP)


def test_an_opaque_alpha_is_dropped(tmp_path: Path) -> None:
    assert np.array_equal(
        read_pixels(broken.opaque_alpha_png(tmp_path), max_pixels=MANY), broken.RAMP
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("colour", [False, True])
def test_exif_orientation_is_applied(orientation: int, colour: bool, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = np.dstack([broken.RAMP] * 3) if colour else broken.RAMP
    path = tmp_path / "turned.jpg"
    Image.fromarray(picture).save(path, exif=exif, quality=90)
    with Image.open(path) as image:
        wanted = np.array(ImageOps.exif_transpose(image))
    assert np.array_equal(read_pixels(path, max_pixels=MANY), wanted)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_an_unreadable_exif_block_is_passed_over(tmp_path: Path) -> None:
    data = broken.good_jpeg(tmp_path).read_bytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"
    path = tmp_path / "exif.jpg"
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    wanted = read_pixels(broken.good_jpeg(tmp_path), max_pixels=MANY)
    assert np.array_equal(read_pixels(path, max_pixels=MANY), wanted)


def test_several_pictures_in_one_jpeg_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(broken.RAMP), Image.fromarray(255 - broken.RAMP)]
    held = io.BytesIO()
    frames[0].save(held, "MPO", save_all=True, append_images=frames[1:])
    path = tmp_path / "several.jpg"
    path.write_bytes(held.getvalue())
    error = refusal(path)
    assert error.code == "data.unsupported_pixels"
    assert "save one of them" in str(error)


def test_progressive_jpegs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "progressive.jpg"
    Image.fromarray(np.tile(broken.RAMP, (9, 9))).save(path, progressive=True)
    with Image.open(path) as image:
        assert np.array_equal(read_pixels(path, max_pixels=MANY), np.array(image))


def test_no_global_switch_is_touched_or_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    assert refusal(broken.truncated_png(tmp_path)).code == "data.truncated"
    assert refusal(broken.truncated_jpeg(tmp_path)).code == "data.truncated"
    assert read_pixels(broken.good_png(tmp_path), max_pixels=MANY).shape == (12, 16)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    assert Image.MAX_IMAGE_PIXELS == 5


def test_dicom_is_known_by_content_whatever_its_suffix(tmp_path: Path) -> None:
    for name in ("a.dcm", "1.2.840.5", "IM0001"):
        path = broken.dicom_file(tmp_path, name)
        assert np.array_equal(read_pixels(path, max_pixels=MANY), broken.RAMP)
