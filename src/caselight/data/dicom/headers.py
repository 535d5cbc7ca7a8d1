"""DICOM headers, read without trusting them."""

import struct
import zlib
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

from caselight.errors import DataError

_LONGEST_VALUE = 1 << 20
"""Header values beyond this many bytes are left in the file."""
_MOST_INFLATED = 1 << 28
"""The most bytes a deflated file may inflate to: 256 MiB, well above one plain picture."""
DAMAGE = (
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


def open_header(path: Path, tags: tuple[str, ...]) -> Dataset:
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
    except DAMAGE:
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


def header_text(dataset: Dataset, keyword: str) -> str | None:
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
