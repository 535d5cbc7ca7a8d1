"""Header values read from their bytes: pydicom's own conversion warns, and quotes what it warns of.

Everything here takes a dataset as pydicom reads it, before any value is converted.
"""

import io
import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence

from caselight.errors import DataError

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_ITEM = 0xFFFEE000
_UNDEFINED = 0xFFFFFFFF


def unsupported(what: str, remedy: str) -> DataError:
    """A refusal of pixels that could only be read inexactly."""
    return DataError(f"{what}, and that is not read; {remedy}", code="data.unsupported_pixels")


def contradicted(what: str) -> DataError:
    """A refusal of pixels that are not what their header says."""
    return DataError(f"{what}; copy the file again from its source", code="data.truncated")


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """The values of a number element, empty where it is missing or empty.

    An element whose VR is "US or SS" is read as unsigned; see `signed_as`.

    Raises:
        ValueError: something that is no number, or not a finite one.
    """
    element = dataset.get_item(keyword, keep_deferred=True)
    value = None if element is None else element.value
    if value is None and isinstance(element, RawDataElement) and element.length:
        raise ValueError("a header value longer than any number")
    if value is None or value in ("", b""):
        return ()
    if not isinstance(value, bytes):
        found = tuple(float(number) for number in np.atleast_1d(value))
    else:
        vr = str(element.VR or "UN")
        if vr not in _BINARY and vr not in ("DS", "IS"):
            vr = str(dictionary_VR(element.tag))[:2]
        if vr in _BINARY:
            order = "<" if element.is_little_endian else ">"
            step = struct.calcsize(_BINARY[vr])
            found = struct.unpack(f"{order}{len(value) // step}{_BINARY[vr]}", value)
        else:
            parts = value.decode("ascii").strip(" \0").split("\\")
            found = tuple(float(part) for part in parts) if parts != [""] else ()
    if not all(math.isfinite(number) for number in found):
        raise ValueError("a header value is not finite")
    return tuple(float(number) for number in found)


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of a number element, None where it has none."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def whole(dataset: Dataset, keyword: str) -> int | None:
    """The first value of a whole-number element, None where it has none.

    Raises:
        ValueError: it has a fraction.
    """
    found = number(dataset, keyword)
    if found is None:
        return None
    if found != int(found):
        raise ValueError("a header value should be whole")
    return int(found)


def signed_as(value: float, *, signed: bool, bits: int) -> int:
    """A whole value as the pixels' own kind of `bits`-bit number, whatever its VR was."""
    wrapped = int(value) % (1 << bits)
    return wrapped - (1 << bits) if signed and wrapped >> (bits - 1) else wrapped


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence, empty where it is missing.

    Raises:
        ValueError: the element is no sequence.
    """
    if dataset.get_item(keyword) is None:
        return []
    value = dataset[keyword].value
    if value is None:
        return []
    if not isinstance(value, Sequence):
        raise ValueError("a sequence is none")  # noqa: TRY004 (damage, not a misuse)
    return list(value)


def item(dataset: Dataset, keyword: str, index: int) -> Dataset | None:
    """One item of a sequence, without reading the others where their lengths are written."""
    element = dataset.get_item(keyword)
    if element is None:
        return None
    raw = element.value
    if isinstance(raw, bytes):
        order, at = ("<" if element.is_little_endian else ">"), 0
        for seen in range(index + 1):
            if at + 8 > len(raw):
                return None
            group, number_, length = struct.unpack_from(f"{order}HHI", raw, at)
            if group << 16 | number_ != _ITEM or length == _UNDEFINED:
                break
            if seen == index:
                body = io.BytesIO(raw[at + 8 : at + 8 + length])
                return read_dataset(body, element.is_implicit_VR, element.is_little_endian)
            at += 8 + length
    every = items(dataset, keyword)
    return every[index] if index < len(every) else None


def lookup_table(
    dataset: Dataset, descriptor: str, data: str, *, signed: bool
) -> tuple[int, NDArray[np.uint16], int]:
    """A lookup table: the first value mapped, u16[N] entries, and the bits of an entry.

    Args:
        dataset: the item, or the header itself, that holds the table.
        descriptor: keyword of the three numbers.
        data: keyword of the entries.
        signed: whether the values looked up may be negative.

    Raises:
        ValueError: a table that is not what its descriptor says.
    """
    n_entries, first, bits, one_byte = table_shape(dataset, descriptor, signed=signed)
    packed = table_words(dataset, data)
    if one_byte and len(packed) == n_entries + n_entries % 2:
        entries = packed[:n_entries].astype(np.uint16)
    elif len(packed) == 2 * n_entries:
        entries = packed.view("<u2").astype(np.uint16)
    else:
        raise ValueError("a lookup table of another length than it says")
    if entries.max() >> bits:
        raise ValueError("a lookup table with entries of more bits than it says")
    return first, entries, bits


def table_shape(dataset: Dataset, descriptor: str, *, signed: bool) -> tuple[int, int, int, bool]:
    """Entries, first value mapped, bits of an entry, and whether one may fill a single byte."""
    shape = numbers(dataset, descriptor)
    if len(shape) != 3 or not 1 <= shape[2] <= 16:
        raise ValueError("a lookup table without its three numbers")
    n_entries = signed_as(shape[0], signed=False, bits=16) or 1 << 16
    vr = dataset.get_item(descriptor).VR
    unsigned = vr == "US" or (vr != "SS" and not signed)
    first = signed_as(shape[1], signed=not unsigned, bits=16)
    return n_entries, first, int(shape[2]), shape[2] <= 8


def table_words(dataset: Dataset, keyword: str) -> NDArray[np.uint8]:
    """The bytes of a lookup table, in the order of a little-endian file."""
    element = dataset.get_item(keyword, keep_deferred=True)
    value: Any = None if element is None else element.value
    if isinstance(value, bytes):
        raw = np.frombuffer(value, dtype=np.uint8)
        if element.is_little_endian or element.VR == "OB" or len(raw) % 2:
            return raw
        return raw.reshape(-1, 2)[:, ::-1].reshape(-1)
    if value is None:
        raise ValueError("a lookup table without entries")
    return np.atleast_1d(np.asarray(value)).astype("<u2").view(np.uint8)
