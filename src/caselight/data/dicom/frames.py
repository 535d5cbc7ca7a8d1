"""The pixels of a DICOM file, one frame at a time."""

import io
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from caselight.data.dicom.headers import DAMAGE, open_header
from caselight.data.dicom.windows import displayed, unsupported
from caselight.data.spool import printable
from caselight.errors import DataError
from caselight.types import Pixels, Window

_PLAIN = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
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


def read_dicom_pixels(
    path: Path, *, max_pixels: int, frame: int | None = None, window: Window | None = None
) -> Pixels:
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
    header = open_header(path, _PIXEL_TAGS)
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
    except DAMAGE:
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
