"""DICOM files: their headers as studies, and the pixels of the plain, uncompressed ones."""

import io
import os
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from caselight.data.columns import read_age, read_date, read_sex
from caselight.data.spool import Row, Spool, SpooledArchive, printable
from caselight.data.windows import displayed, unsupported
from caselight.errors import DataError
from caselight.types import Pixels, SourceImage

_PLAIN = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
_HEADER_TAGS = (
    "StudyInstanceUID",
    "SOPInstanceUID",
    "PatientID",
    "PatientSex",
    "PatientAge",
    "StudyDate",
    "Modality",
    "ViewPosition",
)
_PIXEL_TAGS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PlanarConfiguration",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
)
_LONGEST_VALUE = 1 << 20
"""Header values beyond this many bytes are left in the file."""
_MOST_INFLATED = 1 << 28
"""The most bytes a deflated file may inflate to: 256 MiB, well above one plain picture."""
_DAMAGE = (
    BytesLengthException,
    InvalidDicomError,
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom raises on bytes that are not what they claim. Some of it quotes the header, patient
and all, so it is never chained to our errors."""


class DicomFolder(SpooledArchive):
    """An archive of DICOM files, grouped by StudyInstanceUID."""


def read_head(path: Path) -> bytes:
    """The first 132 bytes of a file, or fewer where it is shorter.

    Raises:
        DataError: data.not_found.
    """
    if not path.is_file():
        raise DataError(
            f"no file at {path}; correct the path or restore the file", code="data.not_found"
        )
    try:
        with path.open("rb") as file:
            return file.read(132)
    except PermissionError:
        raise DataError(
            f"{path} cannot be opened; give permission to read it", code="data.not_found"
        ) from None


def is_dicom(head: bytes) -> bool:
    """Whether a file's first 132 bytes carry the DICOM mark."""
    return head[128:132] == b"DICM"


def archive_files(folder: Path) -> Iterator[Path]:
    """Files below a folder in order of path; hidden ones and DICOMDIR are passed over."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name != "DICOMDIR":
                yield Path(place) / name


def open_dicom_folder(folder: Path) -> DicomFolder:
    """Read the headers of every DICOM file below a folder and group them into studies.

    Reads StudyInstanceUID, SOPInstanceUID (the image's name), PatientID, PatientSex, PatientAge,
    StudyDate, Modality and ViewPosition, nothing else; a sex, an age or a date that cannot be read
    is left out and counted in a note. Files that are not DICOM are refused, and so is the second of
    two files with one SOPInstanceUID. Pixels are looked at only when they are read.

    Returns:
        The archive, whose `rejected` is complete.
    """
    spool, counts, n_rows = Spool(), Counter[str](), 0
    inside = os.path.realpath(folder).rstrip(os.sep) + os.sep
    for path in archive_files(folder):
        n_rows += 1
        place = printable(path.relative_to(folder).as_posix())
        try:
            if not os.path.realpath(path).startswith(inside):
                raise DataError(  # noqa: TRY301 (one way to refuse a file)
                    "the file is a link that leads outside of the folder; copy the file itself",
                    code="data.path_outside",
                )
            spool.add(_header_row(path, place, counts))
        except DataError as error:
            spool.reject(place, code=error.code, reason=str(error))
    notes = [f"{what}: {count}" for what, count in sorted(counts.items())]
    return DicomFolder(spool, n_rows=n_rows, notes=notes)


def _header_row(path: Path, place: str, counts: Counter[str]) -> Row:
    dataset = _open_header(path, _HEADER_TAGS)
    study, instance = _text(dataset, "StudyInstanceUID"), _text(dataset, "SOPInstanceUID")
    if study is None or instance is None:
        raise DataError(
            "the header lacks its StudyInstanceUID or SOPInstanceUID; export the file again",
            code="data.not_dicom",
        )
    readers: dict[str, tuple[str, Callable[[object], object]]] = {
        "sex": ("PatientSex", read_sex),
        "age": ("PatientAge", read_age),
        "date": ("StudyDate", read_date),
    }
    fields: dict[str, Any] = {}
    for name, (keyword, read) in readers.items():
        try:
            fields[name] = read(_text(dataset, keyword))
        except ValueError:
            counts[f"{keyword} left out because it could not be read"] += 1
    return Row(
        place=place,
        study_id=study,
        image=SourceImage(
            path=path,
            name=instance,
            view=_text(dataset, "ViewPosition"),
            modality=_text(dataset, "Modality"),
        ),
        image_key=instance,
        patient_id=_text(dataset, "PatientID"),
        fields={name: value for name, value in fields.items() if value is not None},
    )


def _open_header(path: Path, tags: tuple[str, ...]) -> Dataset:
    """The named header values of one file.

    Raises:
        DataError: data.not_found, data.empty_file, data.not_dicom, data.truncated, data.too_large.
    """
    head = read_head(path)
    if not head:
        raise DataError(
            "the file is empty (0 bytes); copy it again from its source", code="data.empty_file"
        )
    if not is_dicom(head):
        raise DataError(
            "the file is not DICOM (its mark is missing behind the first 128 bytes); move it out "
            "of the folder, or name it in a manifest if it is a PNG or JPEG",
            code="data.not_dicom",
        )
    try:
        _check_inflated(path)
        return pydicom.dcmread(
            path, stop_before_pixels=True, specific_tags=list(tags), defer_size=_LONGEST_VALUE
        )
    except _DAMAGE:
        raise DataError(
            "the DICOM header is cut short or damaged; copy the file again from its source",
            code="data.truncated",
        ) from None


def _check_inflated(path: Path) -> None:
    """Refuse a deflated file that would fill the memory."""
    with path.open("rb") as file:
        read_preamble(file, False)
        meta = _read_file_meta_info(file)
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        inflater.decompress(file.read(), _MOST_INFLATED)
    if inflater.unconsumed_tail:
        raise DataError(
            f"the deflated file would inflate beyond {_MOST_INFLATED} bytes; export it plain",
            code="data.too_large",
        )


def _text(dataset: Dataset, keyword: str) -> str | None:
    """A header value as text, None where it is missing or empty.

    Decoded here rather than by pydicom, whose warnings on a malformed value quote it.
    """
    element = dataset.get_item(keyword)
    value = None if element is None else element.value
    if value is None:
        return None
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8").strip(" \0") or None
        except UnicodeDecodeError:
            return value.decode("latin-1").strip(" \0") or None
    return str(value).strip(" \0") or None


def read_dicom_pixels(path: Path, *, max_pixels: int) -> Pixels:
    """Read the picture of one plain DICOM file.

    8-bit RGB and 8-bit grey without window or rescaling come as they are. Any other grey picture is
    rescaled (modality LUT), windowed by its own first window or VOI LUT, and stretched linearly to
    0..65535: the window's lower end is 0, its upper end 65535. Without a window, the lowest and the
    highest value present are the ends. MONOCHROME1 is inverted, so bright is dense.

    Args:
        path: a DICOM file in an uncompressed transfer syntax.
        max_pixels: the most pixels, rows times columns.

    Returns:
        u8 or u16, [H, W], or u8[H, W, 3], contiguous.

    Raises:
        DataError: data.not_found, data.empty_file, data.not_dicom, data.truncated, data.no_pixels,
            data.compressed_dicom, data.zero_pixels, data.too_large, data.unsupported_pixels.

    Source: DICOM PS3.3 2024, C.7.6.3 (pixels) and C.11.2 (windows).
    """
    header = _open_header(path, _PIXEL_TAGS)
    _check_syntax(header)
    try:
        expected = _check_pixel_header(header, max_pixels)
        deflated = header.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
        if not deflated:
            _check_length(path.stat().st_size, expected)
        dataset = pydicom.dcmread(
            io.BytesIO(path.read_bytes()),
            specific_tags=[*_PIXEL_TAGS, "PixelData", "FloatPixelData", "DoubleFloatPixelData"],
        )
        _check_length(_pixel_length(dataset), expected)
        stored = dataset.pixel_array
        if stored.ndim == 3:
            return np.array(stored, dtype=np.uint8, order="C")
        return displayed(stored, dataset)
    except _DAMAGE:
        raise DataError(
            "the DICOM picture is damaged or contradicts its header; copy the file again from its "
            "source",
            code="data.truncated",
        ) from None


def _check_syntax(header: Dataset) -> None:
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise DataError(
            "the file does not say its transfer syntax; export it again", code="data.not_dicom"
        )
    if not isinstance(syntax, str):
        raise DataError(
            "the file names two transfer syntaxes; export it again", code="data.not_dicom"
        )
    if syntax not in _PLAIN:
        raise DataError(
            f'the pixels are compressed as "{printable(UID(syntax).name)}" and only uncompressed '
            "ones are read; decompress the file first, for example with gdcmconv --raw",
            code="data.compressed_dicom",
        )


def _check_pixel_header(header: Dataset, max_pixels: int) -> int:
    """Refuse what cannot be read exactly; the bytes the pixels must have.

    Without Rows there is no picture to judge, and the pixels' absence is found out afterwards.
    """
    if "Rows" not in header or "Columns" not in header:
        raise DataError(
            "the file holds no picture (its header has no Rows and Columns); leave it out",
            code="data.no_pixels",
        )
    height, width = int(header.Rows), int(header.Columns)
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
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise unsupported(
            f"the file holds {int(header.NumberOfFrames)} frames", "export the frame to be read"
        )
    samples, allocated = int(header.get("SamplesPerPixel") or 1), int(header.BitsAllocated)
    stored, colour = int(header.BitsStored), str(header.get("PhotometricInterpretation"))
    if colour not in ("MONOCHROME1", "MONOCHROME2", "RGB") or samples != 1 + 2 * (colour == "RGB"):
        raise unsupported(
            f'the colours are "{printable(colour)}" in {samples} samples',
            "export it as MONOCHROME1, MONOCHROME2 or RGB",
        )
    plain_high_bit = int(header.get("HighBit", stored - 1)) == stored - 1
    if (
        allocated not in (8, 16)
        or not 1 <= stored <= allocated
        or not plain_high_bit
        or (samples == 3 and (allocated, stored) != (8, 8))
    ):
        raise unsupported(
            f"the samples have {stored} of {allocated} bits", "export it with 8 or 16 bits"
        )
    return height * width * samples * allocated // 8


def _check_length(held: int, expected: int) -> None:
    if held < expected:
        raise DataError(
            f"the header promises {expected} bytes of pixels and the file holds {held}; copy it "
            "again from its source",
            code="data.truncated",
        )


def _pixel_length(dataset: Dataset) -> int:
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise unsupported("the pixels are floating point", "export it with 8 or 16 bits")
    if "PixelData" not in dataset:
        raise DataError(
            "the file holds no pixels (it may be a report or a plan); leave it out",
            code="data.no_pixels",
        )
    return len(dataset.PixelData)
