"""Compressed pictures: what their own headers say, read before a decoder allocates anything."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from caselight.data.dicom.pixel_header import PixelHeader
from caselight.data.dicom.values import contradicted, unsupported

_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
_AFTER_LS_SCAN = re.compile(rb"\xff+[\x80-\xfe]", re.DOTALL)
"""JPEG-LS stuffs a bit rather than a byte: behind FF, only a byte below 80 is data."""
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SOC_SIZ = b"\xff\x4f\xff\x51"
_BOXED = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_MOST_TILES = 65535
_DAMAGED = "the compressed picture is cut short or damaged ({})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codestream:
    """What a compressed picture says of itself."""

    rows: int
    columns: int
    components: int
    precision: int
    """Bits of a sample."""
    signed: bool = False
    kind: int = 0
    """The marker that opens a JPEG frame, which names the process; 0 for JPEG 2000."""
    near: int = 0
    """JPEG-LS: by how much a value may differ; 0 is lossless."""
    claims: frozenset[str] = frozenset()
    """"RGB" or "YBR", as far as the picture says which its colours are."""
    subsampled: bool = False
    mixed: bool = False
    """JPEG 2000: whether its own colour transform was used, so that decoding gives RGB."""


def check_agrees(stream: Codestream, header: PixelHeader) -> None:
    """Refuse a compressed picture of another shape or depth than its header says.

    Raises:
        DataError: data.truncated.
    """
    said = (header.rows, header.columns, header.samples)
    found = (stream.rows, stream.columns, stream.components)
    if said != found:
        raise contradicted(
            "the header says {1} x {0} pixels in {2} samples and the compressed picture has "
            "{4} x {3} in {5}".format(*said, *found)
        )
    if not 1 <= stream.precision <= header.allocated:
        raise contradicted(
            f"the header gives a sample {header.allocated} bits and the compressed picture "
            f"{stream.precision}"
        )


def read_jpeg(data: bytes) -> Codestream:
    """The frame header and the colour marks of a JPEG or JPEG-LS picture, as far as its end mark.

    Raises:
        DataError: data.truncated, data.unsupported_pixels.
    """
    found: Codestream | None = None
    claims: set[str] = set()
    ids, scanned, near = b"", b"", 0
    for marker, content in _segments(data):
        if marker in _FRAME_MARKERS:
            if found is not None:
                raise contradicted(_DAMAGED.format("it has two frame headers"))
            found = _frame_header(marker, content)
            ids = bytes(content[6::3])
            claims |= {"RGB"} if ids in (b"RGB", b"rgb") else set()
        elif marker == 0xE0 and content.startswith(b"JFIF\0"):
            claims.add("YBR")
        elif marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12:
            claims.add({0: "RGB", 1: "YBR"}.get(content[11], "other"))
        elif marker == 0xE8 and content.startswith(b"mrfx") and content[4:5] != b"\0":
            raise unsupported("a JPEG-LS picture with its own colour transform", "export it plain")
        elif marker == 0xDA and found is not None:
            scanned += content[1:-3:2]
            if found.kind == 0xF7:
                near = max(near, content[-3] if len(content) >= 3 else 0)
    if found is None:
        raise contradicted(_DAMAGED.format("it has no frame header"))
    if found.kind not in _PROGRESSIVE and sorted(scanned) != sorted(ids):
        # A decoder leaves a component without a scan empty, and takes its time with a thousand.
        raise contradicted(_DAMAGED.format("its scans do not hold every component once"))
    if found.components == 1:
        claims.clear()
    return Codestream(
        rows=found.rows,
        columns=found.columns,
        components=found.components,
        precision=found.precision,
        kind=found.kind,
        near=near,
        claims=frozenset(claims),
        subsampled=found.subsampled,
    )


def _frame_header(marker: int, content: bytes) -> Codestream:
    if len(content) < 6 or len(content) != 6 + 3 * content[5]:
        raise contradicted(_DAMAGED.format("its frame header is of another length than it says"))
    precision, rows, columns, components = struct.unpack(">BHHB", content[:6])
    return Codestream(
        rows=rows,
        columns=columns,
        components=components,
        precision=precision,
        kind=marker,
        subsampled=len(set(content[7::3])) > 1,
    )


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every marker with its content, as far as the end mark."""
    if data[:2] != b"\xff\xd8":
        raise contradicted(_DAMAGED.format("it does not begin as a JPEG"))
    position, after_scan = 2, _AFTER_SCAN
    while True:
        found = _MARKER.match(data, position)
        if found is None:
            raise contradicted(_DAMAGED.format("it has no end mark"))
        marker, position = found[1][0], found.end()
        if marker == 0xD9:
            if len(data) - position > 1 and data[position:].strip(b"\0"):
                raise contradicted(_DAMAGED.format("another picture follows its end mark"))
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            raise contradicted(_DAMAGED.format("a segment is cut short"))
        if marker == 0xF7:
            after_scan = _AFTER_LS_SCAN
        yield marker, data[position + 2 : position + length]
        position += length
        if marker == 0xDA:
            end = after_scan.search(data, position)
            if end is None:
                raise contradicted(_DAMAGED.format("it has no end mark"))
            position = end.start()


def unboxed(data: bytes) -> bytes:
    """A JPEG 2000 codestream, taken out of the file format that some writers leave around it.

    DICOM wants the bare codestream (PS3.5 A.4.4). The boxes are ignored, unless they would change
    what the codestream's values mean.

    Raises:
        DataError: data.truncated, data.unsupported_pixels.
    """
    if not data.startswith(_BOXED):
        return data
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        length = length or len(data) - position
        body = data[position + 8 : position + length]
        if length < 8 or position + length > len(data):
            break
        if kind == b"jp2h" and any(name in body for name in (b"pclr", b"cmap", b"cdef")):
            raise unsupported("a JPEG 2000 picture with its own palette", "export it plain")
        if kind == b"jp2c":
            return body
        position += length
    raise contradicted(_DAMAGED.format("its boxes hold no picture"))


def read_jpeg_2000(data: bytes) -> Codestream:
    """The size and coding of a JPEG 2000 codestream, whose parts are followed to its end mark.

    A decoder fills in what is missing without a word, so every part must be there.

    Raises:
        DataError: data.truncated, data.unsupported_pixels.
    """
    if not data.startswith(_SOC_SIZ) or len(data) < 45:
        raise contradicted(_DAMAGED.format("it does not begin as a JPEG 2000 codestream"))
    width, height, left, top, tile_width, tile_height, tile_left, tile_top, components = (
        struct.unpack_from(">8IH", data, 8)
    )
    parts = data[42 : 42 + 3 * components]
    if not 1 <= components <= 3 or len(parts) != 3 * components:
        raise contradicted(f"the compressed picture has {components} components")
    if len(set(parts[0::3])) != 1:
        raise unsupported("a JPEG 2000 picture of mixed depths", "export it plain")
    if width <= left or height <= top or not tile_width or not tile_height:
        raise contradicted(_DAMAGED.format("its size is not positive"))
    tiles = -(-(width - tile_left) // tile_width) * -(-(height - tile_top) // tile_height)
    if tile_left > left or tile_top > top or tiles > _MOST_TILES:
        raise contradicted(_DAMAGED.format("its tiles do not cover it"))
    mixed = _follow(data)
    return Codestream(
        rows=height - top,
        columns=width - left,
        components=components,
        precision=(parts[0] & 0x7F) + 1,
        signed=bool(parts[0] & 0x80),
        subsampled=set(parts[1::3]) | set(parts[2::3]) != {1},
        mixed=mixed,
    )


def _follow(data: bytes) -> bool:
    """Walk header segments and tile parts to the end mark; whether the colours are mixed."""
    position, mixed = 2, None
    while data[position : position + 2] != b"\xff\xd9":
        marker = data[position : position + 2]
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == b"\xff\x52" and position + 9 <= len(data):
            mixed = data[position + 8] == 1
        if marker == b"\xff\x90":
            length = int.from_bytes(data[position + 6 : position + 10], "big") - 2
            if length == -2:
                # The last part may leave its length open: then it ends where the picture does.
                if data.rstrip(b"\0")[-2:] == b"\xff\xd9":
                    break
                raise contradicted(_DAMAGED.format("it has no end mark"))
        if marker[:1] != b"\xff" or length < 2 or position + 2 + length > len(data):
            raise contradicted(_DAMAGED.format("its parts end early"))
        position += 2 + length
    if mixed is None:
        raise contradicted(_DAMAGED.format("it does not say how it is coded"))
    return mixed


def run_length_planes(data: bytes, header: PixelHeader) -> list[int]:
    """Where each plane of an RLE picture begins, and where the last ends.

    Raises:
        DataError: data.truncated.
    """
    wanted = header.samples * header.allocated // 8
    if len(data) < 64:
        raise contradicted(_DAMAGED.format("its table is cut short"))
    count, *offsets = struct.unpack("<16I", data[:64])
    if count != wanted:
        raise contradicted(
            f"the header makes {wanted} planes of bytes and the compressed picture has {count}"
        )
    used = [*offsets[:count], len(data)]
    if used[0] != 64 or any(a >= b for a, b in pairwise(used)):
        raise contradicted(_DAMAGED.format("its table points outside"))
    return used
