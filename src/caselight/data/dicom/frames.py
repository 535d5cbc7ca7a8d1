"""The pixels of a DICOM file, one frame at a time."""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.filereader import _read_file_meta_info, read_dataset, read_preamble
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from caselight.data.dicom.codecs import COMPRESSED, decode_frame, unsupported_syntax
from caselight.data.dicom.colour import PALETTE_TAGS, palette_to_rgb, to_rgb
from caselight.data.dicom.encapsulated import frame_bytes
from caselight.data.dicom.groups import GROUP_TAGS, frame_groups
from caselight.data.dicom.headers import DAMAGE, open_header
from caselight.data.dicom.native import read_floats, read_native, without_spare_bits
from caselight.data.dicom.pixel_header import (
    GREY,
    PIXEL_TAGS,
    PixelHeader,
    read_pixel_header,
)
from caselight.data.dicom.safe_files import open_file
from caselight.data.dicom.values import contradicted
from caselight.data.dicom.windows import GREY_TAGS, displayed
from caselight.errors import DataError
from caselight.types import Pixels, Window

_PLAIN = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
_EXTENDED_TABLE = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
_TAGS = (*PIXEL_TAGS, *GREY_TAGS, *PALETTE_TAGS, *GROUP_TAGS, *_EXTENDED_TABLE)
_PIXEL_GROUP = 0x7FE0
_PIXEL_ELEMENTS = {0x0010: 0, 0x0008: 32, 0x0009: 64}
"""Elements of that group that hold pixels, with the bits of a floating-point sample or 0."""
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFrame:
    """One frame as the file stores it, decoded and not yet displayed."""

    raw: NDArray[Any]
    """[H, W] or [H, W, 3], with the bits that carry no value."""
    values: NDArray[Any]
    """The same without them: what the standard calls stored values."""
    photometric: str
    """What the values are once decoded, as the standard spells it."""
    header: PixelHeader
    dataset: Dataset
    frame: int


def read_dicom_pixels(
    path: Path, *, max_pixels: int, frame: int | None = None, window: Window | None = None
) -> Pixels:
    """Read one picture of a DICOM file, as a reader would see it.

    8-bit grey without window or rescaling, and 8-bit colours, come as they are; colours of more
    bits, and palettes of more, fill 16. Any other grey picture is rescaled (modality LUT),
    windowed by its own first VOI LUT or window, and stretched linearly to 0..65535: the window's
    lower end is 0, its upper end 65535. Without a window, the lowest and the highest value present
    are the ends. MONOCHROME1 is inverted, so bright is dense. Padding takes no part in the stretch
    and is 0. A frame of an enhanced object has its own rescaling and window, or the shared ones.
    Overlays and colour profiles are not applied.

    A JPEG damaged in its middle, with its end intact, decodes to wrong pixels and is not noticed:
    the format carries no checksum.

    Args:
        path: a DICOM file, plain, deflated, or coded in one of `codecs.COMPRESSED`.
        max_pixels: the most pixels of a frame, rows times columns; judged before decoding.
        frame: from 0; may be left out where the file has one.
        window: "lung", "soft-tissue" or "bone" in Hounsfield units; "file" and None are the file's
            own.

    Returns:
        u8 or u16, [H, W] or [H, W, 3], contiguous and writable.

    Raises:
        DataError: data.not_found, data.empty_file, data.not_dicom, data.truncated, data.no_pixels,
            data.unsupported_syntax, data.zero_pixels, data.too_large, data.which_frame,
            data.not_hounsfield, data.unsupported_pixels.

    Source: DICOM PS3.3 2024, C.7.6.3 (pixels) and C.11 (lookup tables); PS3.5, 8 (encoding).
    """
    stored = read_stored_frame(path, max_pixels=max_pixels, frame=frame)
    header, dataset = stored.header, stored.dataset
    try:
        if header.photometric in GREY:
            groups = frame_groups(dataset, stored.frame)
            return displayed(stored.raw, stored.values, header, dataset, groups, window)
        if window is not None and window != "file":
            raise _without_units(window)
        if header.photometric == "PALETTE COLOR":
            return palette_to_rgb(stored.values, header, dataset)
        return to_rgb(stored.values, stored.photometric, header)
    except DAMAGE:
        raise _damaged() from None


def read_stored_frame(path: Path, *, max_pixels: int, frame: int | None = None) -> StoredFrame:
    """Decode one frame and stop there: no rescaling, no window, no colours converted.

    Args:
        path: as for `read_dicom_pixels`.
        max_pixels: the most pixels of a frame.
        frame: from 0; may be left out where the file has one.

    Raises:
        DataError: those of `read_dicom_pixels` but data.not_hounsfield.
    """
    dataset = open_header(path, _TAGS)
    if "Rows" not in dataset or "Columns" not in dataset:
        raise DataError(
            "the file holds no picture (its header has no Rows and Columns); leave it out",
            code="data.no_pixels",
        )
    syntax = _syntax(dataset)
    try:
        with _opened(path, syntax) as file:
            return _stored(file, dataset, syntax, max_pixels, frame)
    except DAMAGE:
        raise _damaged() from None


def _stored(
    file: BinaryIO, dataset: Dataset, syntax: str, max_pixels: int, frame: int | None
) -> StoredFrame:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    _skip_to_pixels(file, syntax)
    # As the elements before it were found to be coded, whatever the transfer syntax says of them.
    rows = dataset.get_item("Rows")
    implicit, little = rows.is_implicit_VR, rows.is_little_endian
    floating, words, length = _pixel_element(file, implicit=implicit, little=little)
    header = read_pixel_header(dataset, max_pixels=max_pixels, floating=floating)
    index = _which_frame(header, frame)
    photometric = header.photometric
    if syntax in COMPRESSED:
        if length != _UNDEFINED or floating:
            raise contradicted("the header says that the pixels are compressed, and they are plain")
        data = frame_bytes(
            file,
            size,
            index,
            n_frames=header.n_frames,
            one_each=syntax == RLELossless,
            extended=_extended_table(dataset),
        )
        raw, photometric = decode_frame(syntax, data, header)
    elif length == _UNDEFINED:
        raise contradicted("the header says that the pixels are plain, and they are compressed")
    elif floating:
        raw = read_floats(file, min(length, size - file.tell()), header, index, little=little)
    else:
        held = min(length, size - file.tell())
        raw = read_native(file, held, header, index, little=little, words=words)
        if photometric in ("YBR_RCT", "YBR_ICT"):
            raise contradicted(f"the header says {photometric} and the pixels are not JPEG 2000")
    plain = syntax in _PLAIN or syntax == RLELossless
    values = without_spare_bits(raw, header) if plain and not floating else raw
    return StoredFrame(
        raw=raw,
        values=values,
        photometric=photometric,
        header=header,
        dataset=dataset,
        frame=index,
    )


def _syntax(dataset: Dataset) -> str:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise DataError(
            "the file does not say its transfer syntax; export it again", code="data.not_dicom"
        )
    if not isinstance(syntax, str):
        raise DataError(
            "the file names two transfer syntaxes; export it again", code="data.not_dicom"
        )
    if syntax not in _PLAIN and syntax not in COMPRESSED:
        raise unsupported_syntax(syntax)
    return str(syntax)


def _opened(path: Path, syntax: str) -> BinaryIO:
    """The file; a deflated one as its inflated dataset, whose size `open_header` has judged."""
    file = open_file(path)
    if syntax != DeflatedExplicitVRLittleEndian:
        return file
    with file:
        read_preamble(file, False)
        _read_file_meta_info(file)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        return io.BytesIO(inflater.decompress(file.read()))


def _skip_to_pixels(file: BinaryIO, syntax: str) -> None:
    """Move to the element that holds the pixels."""
    if syntax == DeflatedExplicitVRLittleEndian:
        read_dataset(file, False, True, stop_when=_holds_pixels, specific_tags=[])
    else:
        pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[])


def _holds_pixels(tag: int, vr: str | None, length: int) -> bool:  # noqa: ARG001 (pydicom's form)
    return tag >> 16 == _PIXEL_GROUP and tag & 0xFFFF in _PIXEL_ELEMENTS


def _pixel_element(file: BinaryIO, *, implicit: bool, little: bool) -> tuple[int, bool, int]:
    """Read an element's head: bits of a floating-point sample, whether in words, and its length."""
    order = "<" if little else ">"
    head = file.read(8)
    group, element = struct.unpack(f"{order}HH", head[:4]) if len(head) == 8 else (0, 0)
    if group != _PIXEL_GROUP or element not in _PIXEL_ELEMENTS:
        raise DataError(
            "the file holds no pixels (it may be a report or a plan); leave it out",
            code="data.no_pixels",
        )
    floating = _PIXEL_ELEMENTS[element]
    if implicit:
        return floating, True, struct.unpack(f"{order}I", head[4:])[0]
    if head[4:6] not in _LONG_VRS:
        raise contradicted("the pixels have a type of value that cannot hold them")
    (length,) = struct.unpack(f"{order}I", file.read(4))
    return floating, head[4:6] == b"OW", length


def _which_frame(header: PixelHeader, frame: int | None) -> int:
    if frame is None and header.n_frames > 1:
        raise DataError(
            f"the file holds {header.n_frames} frames; say which is meant, or ingest the file as a "
            "stack",
            code="data.which_frame",
        )
    index = frame or 0
    if not 0 <= index < header.n_frames:
        raise DataError(
            f"the file holds {header.n_frames} frames and frame {index + 1} was asked for; ask for "
            "one that it has",
            code="data.which_frame",
        )
    return index


def _extended_table(dataset: Dataset) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    tables = []
    for keyword in _EXTENDED_TABLE:
        element = dataset.get_item(keyword, keep_deferred=True)
        if element is None:
            return None
        value = element.value
        if not isinstance(value, bytes) or len(value) % 8:
            raise contradicted("the extended offset table is damaged")
        tables.append(struct.unpack(f"<{len(value) // 8}Q", value))
    return tables[0], tables[1]


def _without_units(window: Window) -> DataError:
    return DataError(
        f'the window "{window}" is for Hounsfield units and the picture is in colour; read it with '
        'its own window ("file")',
        code="data.not_hounsfield",
    )


def _damaged() -> DataError:
    return contradicted("the DICOM picture is damaged or contradicts its header")
