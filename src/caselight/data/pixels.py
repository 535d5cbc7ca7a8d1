"""One picture, read exactly as the file holds it, or refused."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import png
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin

from caselight.data.dicom import is_dicom, read_dicom_pixels, read_head
from caselight.errors import DataError
from caselight.types import Pixels, Window

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
DICOM_SUFFIXES = (".dcm", ".dicom")

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_KIND_OF_SUFFIX = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".dcm": "DICOM"}
_KIND_OF_SUFFIX[".dicom"] = "DICOM"
_SUFFIX_OF_KIND = {"PNG": ".png", "JPEG": ".jpg", "DICOM": ".dcm"}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bit depths by PNG colour type: grey, RGB, palette, grey with alpha, RGB with alpha."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_PASSES = {0: ((0, 0, 1, 1),), 1: (*_ADAM7, (0, 1, 1, 2))}
"""First column, first row, column step and row step of each pass, by PNG interlace method."""
_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_END_OF_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
_DECODE_ERRORS = (OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error)
"""What Pillow raises, by plugin and kind of damage; SyntaxError is its word for a bad header."""

_DAMAGED = "the file is cut short or damaged ({}); copy it again from its source"


def read_pixels(
    path: Path, *, max_pixels: int, frame: int | None = None, window: Window | None = None
) -> Pixels:
    """Read one PNG, JPEG or DICOM file.

    A PNG keeps its depth: 1, 2 and 4 bits expand to 8 (black to 0, white to 255), palettes to RGB,
    16 bits stay 16. An alpha channel is dropped where every pixel is opaque. A JPEG is turned as
    its EXIF orientation says. Colour profiles and gamma are not applied. A DICOM file is known by
    its content, whatever its suffix; see `dicom.read_dicom_pixels`.

    A JPEG damaged in its middle, with its end intact, decodes to wrong pixels and is not noticed:
    the format carries no checksum. A PNG's checksums are verified.

    Args:
        path: named .png, .jpg or .jpeg, or a DICOM file.
        max_pixels: the most pixels, height times width; judged from the header, before decoding.
        frame: of a DICOM file with several, from 0.
        window: of a CT slice.

    Returns:
        u8 or u16, [H, W] grey or [H, W, 3] RGB, contiguous and writable.

    Raises:
        DataError: data.not_found, data.empty_file, data.not_an_image, data.mislabelled,
            data.truncated, data.zero_pixels, data.too_large, data.unsupported_pixels,
            data.transparent, and those of `dicom.read_dicom_pixels`.
    """
    kind = _kind(path)
    if kind == "DICOM":
        return read_dicom_pixels(path, max_pixels=max_pixels, frame=frame, window=window)
    data = path.read_bytes()
    if kind == "PNG":
        return _read_png(data, max_pixels)
    return _read_jpeg(data, max_pixels)


def _kind(path: Path) -> str:
    """What the file is, by suffix and content together: "PNG", "JPEG" or "DICOM"."""
    head = read_head(path)
    named = _KIND_OF_SUFFIX.get(path.suffix.lower())
    held = "DICOM" if is_dicom(head) else None
    if named is None and held is None:
        raise DataError(
            f'a file ending in "{path.suffix}" is not read; convert it to '
            f"{', '.join(IMAGE_SUFFIXES)} or DICOM",
            code="data.not_an_image",
        )
    if not head:
        raise DataError(
            "the file is empty (0 bytes); copy it again from its source", code="data.empty_file"
        )
    if head.startswith(_PNG):
        held = "PNG"
    elif head.startswith(_JPEG):
        held = "JPEG"
    elif len(head) < len(_PNG) and (_PNG.startswith(head) or _JPEG.startswith(head)):
        raise _damaged("it ends inside its first bytes")
    if held is None:
        raise DataError(
            "the file's bytes are neither PNG nor JPEG nor DICOM; export the picture again as one "
            "of these",
            code="data.not_an_image",
        )
    if named is not None and held != named:
        raise DataError(
            f'the name ends in "{path.suffix}" and the bytes are {held}; rename it to end in '
            f"{_SUFFIX_OF_KIND[held]}",
            code="data.mislabelled",
        )
    return held


def _damaged(what: str) -> DataError:
    return DataError(_DAMAGED.format(what), code="data.truncated")


def _unsupported(what: str, remedy: str) -> DataError:
    return DataError(f"{what} cannot be read exactly; {remedy}", code="data.unsupported_pixels")


def _check_size(height: int, width: int, max_pixels: int) -> None:
    if height == 0 or width == 0:
        raise DataError(
            f"the picture is {width} x {height} pixels, which is none; export it again",
            code="data.zero_pixels",
        )
    if height * width > max_pixels:
        raise DataError(
            f"the picture is {width} x {height} pixels and the limit is {max_pixels} in all; "
            "shrink it or raise the limit",
            code="data.too_large",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _PngHeader:
    width: int
    height: int
    depth: int
    colour: int
    interlace: int


def _read_png(data: bytes, max_pixels: int) -> Pixels:
    chunks = _png_chunks(data)
    kind, first = next(chunks)
    if kind != b"IHDR" or len(first) != 13:
        raise _damaged("its header is missing")
    header = _PngHeader(
        width=int.from_bytes(first[:4], "big"),
        height=int.from_bytes(first[4:8], "big"),
        depth=first[8],
        colour=first[9],
        interlace=first[12],
    )
    _check_size(header.height, header.width, max_pixels)
    if header.depth not in _DEPTHS.get(header.colour, ()) or header.interlace not in _PASSES:
        raise _unsupported(
            f"a PNG of colour type {header.colour} with {header.depth} bits", "export it again"
        )
    body: dict[bytes, bytes] = {}
    for kind, content in chunks:
        body[kind] = body.get(kind, b"") + content if kind == b"IDAT" else content
    if b"acTL" in body:
        raise _unsupported("an animated PNG", "save the frame to be read as a PNG of its own")
    try:
        samples = _png_samples(data, header, body.get(b"IDAT", b""))
    except (*_DECODE_ERRORS, png.Error) as error:
        raise _damaged("its pixels end early or do not decompress") from error
    return _opaque(samples, header, palette=body.get(b"PLTE", b""), keyed=body.get(b"tRNS"))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every chunk as far as IEND, checksums verified."""
    position, kind = len(_PNG), b""
    while kind != b"IEND":
        length, kind = (
            int.from_bytes(data[position : position + 4], "big"),
            data[position + 4 : position + 8],
        )
        end = position + 12 + length
        if end > len(data):
            raise _damaged("it has no end mark")
        content = data[position + 8 : end - 4]
        if zlib.crc32(content, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
            raise _damaged("a checksum fails")
        yield kind, content
        position = end


def _png_samples(data: bytes, header: _PngHeader, packed: bytes) -> NDArray[Any]:
    """[H, W] or [H, W, C] as stored, apart from 1-, 2- and 4-bit grey, which is scaled to 8."""
    # Pillow takes some files with too few rows, and pypng inflates whatever there is.
    expected = _unpacked_bytes(header)
    if len(zlib.decompressobj().decompress(packed, expected + 1)) != expected:
        raise ValueError("other than the number of pixels that the header says")
    if header.depth == 16 and header.colour != 0:
        # Pillow reduces these to 8 bits without a word.
        _, _, rows, _ = png.Reader(bytes=data).read()
        flat = np.vstack([np.asarray(row, dtype=np.uint16) for row in rows])
        return flat.reshape(header.height, header.width, _CHANNELS[header.colour])
    # The plugin itself, since Image.open judges size by a process-wide limit.
    image = PngImagePlugin.PngImageFile(io.BytesIO(data))
    image.load()
    if image.mode == "1":
        return np.array(image.convert("L"))
    return np.array(image)


def _unpacked_bytes(header: _PngHeader) -> int:
    """Bytes of all rows once inflated, the filter byte of each among them."""
    total = 0
    for left, top, across, down in _PASSES[header.interlace]:
        width = -((left - header.width) // across)
        height = -((top - header.height) // down)
        if width > 0:
            total += height * (1 + (width * _CHANNELS[header.colour] * header.depth + 7) // 8)
    return total


def _opaque(
    samples: NDArray[Any], header: _PngHeader, *, palette: bytes, keyed: bytes | None
) -> Pixels:
    """Apply palette and transparency: colours without alpha, or a refusal."""
    full = 65535 if header.depth == 16 else 255
    transparent = False
    if header.colour == 3:
        colours = np.frombuffer(palette[: len(palette) // 3 * 3], dtype=np.uint8).reshape(-1, 3)
        if samples.max() >= len(colours):
            raise _unsupported("a palette PNG with a colour it does not define", "export it again")
        alpha = np.full(len(colours), 255, dtype=np.uint8)
        given = np.frombuffer(keyed or b"", dtype=np.uint8)[: len(colours)]
        alpha[: len(given)] = given
        transparent = (alpha[samples] != 255).any()
        samples = colours[samples]
    elif header.colour in (4, 6):
        transparent = (samples[..., -1] != full).any()
        samples = samples[..., 0] if header.colour == 4 else samples[..., :3]
    elif keyed is not None:
        key = np.frombuffer(keyed, dtype=">u2")
        scale = 255 // (2**header.depth - 1) if header.depth < 8 else 1
        match = samples == key * scale
        transparent = (match.all(axis=-1) if header.colour == 2 else match).any()
    if transparent:
        raise DataError(
            "some pixels are transparent, so what they look like depends on the viewer; flatten "
            "the picture onto a background",
            code="data.transparent",
        )
    if header.depth == 16:
        return np.array(samples, dtype=np.uint16, order="C")
    return np.array(samples, dtype=np.uint8, order="C")


@dataclass(frozen=True, slots=True, kw_only=True)
class _JpegHeader:
    precision: int
    height: int
    width: int
    components: int


def _read_jpeg(data: bytes, max_pixels: int) -> Pixels:
    header: _JpegHeader | None = None
    for marker, content in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and header is None:
            if len(content) < 6:
                raise _damaged("its header is cut short")
            header = _JpegHeader(
                precision=content[0],
                height=int.from_bytes(content[1:3], "big"),
                width=int.from_bytes(content[3:5], "big"),
                components=content[5],
            )
            _check_size(header.height, header.width, max_pixels)
            _check_jpeg(header)
        elif marker == 0xE2 and content.startswith(b"MPF\0"):
            raise _unsupported("a JPEG that holds several pictures", "save one of them by itself")
    if header is None:
        raise _damaged("its header is missing")
    try:
        # The plugin itself, since Image.open judges size by a process-wide limit.
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        image.load()
    except _DECODE_ERRORS as error:
        raise _damaged("its pixels do not decode") from error
    upright = _turned(np.array(image), _orientation(image))
    return np.array(upright, dtype=np.uint8, order="C")


def _check_jpeg(header: _JpegHeader) -> None:
    if header.precision != 8:
        raise _unsupported(f"a JPEG of {header.precision} bits", "export it as a 16-bit PNG")
    if header.components not in (1, 3):
        raise _unsupported(
            f"a JPEG of {header.components} inks (CMYK)", "convert it to grey or RGB"
        )


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every marker with its content, as far as the end mark; padding behind that is ignored.

    A search for the end mark's two bytes would not do: they also end the thumbnail that many a
    header carries.
    """
    position = 2
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            raise _damaged("it has no end mark")
        marker, position = found[1][0], found.end()
        if marker == 0xD9:
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            raise _damaged("a segment is cut short")
        yield marker, data[position + 2 : position + length]
        position += length
        if marker == 0xDA:
            end = _END_OF_SCAN.search(data, position)
            if end is None:
                raise _damaged("it has no end mark")
            position = end.start()


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1..8; 1 where there is none or the EXIF block is unreadable."""
    try:
        value = image.getexif().get(0x0112, 1)
    except (*_DECODE_ERRORS, TypeError, KeyError):
        return 1
    return value if value in range(1, 9) else 1


def _turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Upright pixels, from the EXIF orientation they were stored in."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
