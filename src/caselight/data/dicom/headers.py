"""DICOM headers, read without trusting them."""

import struct
import zlib
from collections.abc import Sequence as SequenceOf
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from caselight.data.dicom.charsets import decode
from caselight.data.dicom.safe_files import open_file
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
    LookupError,
    NotImplementedError,
    OSError,
    ArithmeticError,
    AssertionError,
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


def open_header(path: Path, tags: SequenceOf[str | int]) -> Dataset:
    """The named header values of one file, and its SpecificCharacterSet.

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
        with open_file(path) as file:
            _check_inflated(file)
            file.seek(0)
            return pydicom.dcmread(
                file,
                stop_before_pixels=True,
                specific_tags=list(_tags(tuple(tags))),
                defer_size=_LONGEST_VALUE,
            )
    except DAMAGE:
        raise DataError(
            "the DICOM header is cut short or damaged; copy the file again from its source",
            code="data.truncated",
        ) from None


@lru_cache(maxsize=64)
def _tags(tags: tuple[str | int, ...]) -> tuple[BaseTag, ...]:
    """Tags of keywords; to look each up in the dictionary takes as long as to read it."""
    return tuple(Tag(tag) for tag in tags)


def _check_inflated(file: BinaryIO) -> None:
    """Refuse a deflated file that would fill the memory."""
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


def header_text(
    dataset: Dataset, keyword: str, *, charset: bytes | str | None = None
) -> str | None:
    """A header value as text, None where it is missing or empty.

    Decoded here rather than by pydicom, whose warnings on a malformed value quote it.

    Args:
        dataset: a header, or an item of one of its sequences.
        keyword: of a value that is text in the file: not of numbers such as Rows.
        charset: the character sets of the header around an item; see `charset_of`.
    """
    return decoded_text(dataset, keyword, charset=charset)[0]


def decoded_text(
    dataset: Dataset, keyword: str, *, charset: bytes | str | None = None
) -> tuple[str | None, bool]:
    """As `header_text`, and whether it was written in the character sets that the file declares."""
    value = _raw(dataset, keyword)
    if value is None:
        return None, True
    if not isinstance(value, bytes):
        return str(value).strip(" \0") or None, True
    text, exact = decode(value, charset_of(dataset) or charset)
    return text or None, exact


def charset_of(dataset: Dataset) -> bytes | str | None:
    """SpecificCharacterSet as a header spells it; None where it has none of its own."""
    value = _raw(dataset, "SpecificCharacterSet")
    if value is None or isinstance(value, bytes | str):
        return value
    return "\\".join(str(part) for part in value)


def _raw(dataset: Dataset, keyword: str) -> Any:
    """A value as it stands in the file; None where it is missing, empty, or left in the file."""
    # Without `keep_deferred`, pydicom converts what has no value yet, and raises on some of it.
    element = dataset.get_item(keyword, keep_deferred=True)
    return None if element is None else element.value


def items_of(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is missing or damaged."""
    try:
        element = dataset.get(keyword)
    except DAMAGE:
        return []
    return list(element) if isinstance(element, Sequence) else []


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes; files that cannot be read are not the same."""
    try:
        if one.stat().st_size != other.stat().st_size:
            return False
        with one.open("rb") as first, other.open("rb") as second:
            while chunk := first.read(1 << 20):
                if chunk != second.read(1 << 20):
                    return False
    except OSError:
        return False
    return True
