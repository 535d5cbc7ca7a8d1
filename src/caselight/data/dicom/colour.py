"""Colours as stored, to RGB."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from caselight.data.dicom.pixel_header import PixelHeader
from caselight.data.dicom.values import lookup_table, table_shape, table_words, unsupported
from caselight.types import Pixels

PALETTE_TAGS = tuple(
    f"{prefix}{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for prefix, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def to_rgb(values: NDArray[Any], photometric: str, header: PixelHeader) -> Pixels:
    """Colour samples as RGB that fills its range: u8 up to 8 bits, u16 beyond.

    Args:
        values: u[H, W, 3] of `header.stored` bits.
        photometric: "RGB", or "YBR_FULL" or "YBR_FULL_422" with a brightness in every pixel.
        header: for the bits.

    Source: DICOM PS3.3 2024, C.7.6.3.1.2.
    """
    top = (1 << header.stored) - 1
    if photometric != "RGB":
        values = _from_brightness(values, header.stored)
    full = 255 if header.stored <= 8 else 65535
    filled = values if top == full else np.rint(values / top * full)
    if full == 255:
        return np.array(filled, dtype=np.uint8, order="C")
    return np.array(filled, dtype=np.uint16, order="C")


def _from_brightness(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Brightness, blueness and redness as red, green and blue, in the same bits."""
    bright = values[..., 0].astype(np.float64)
    blue = values[..., 1] - float(1 << (bits - 1))
    red = values[..., 2] - float(1 << (bits - 1))
    mixed = np.stack(
        [
            bright + 1.402 * red,
            bright - (0.114 * 1.772 * blue + 0.299 * 1.402 * red) / 0.587,
            bright + 1.772 * blue,
        ],
        axis=-1,
    )
    return np.rint(np.clip(mixed, 0, (1 << bits) - 1)).astype(values.dtype)


def palette_to_rgb(values: NDArray[Any], header: PixelHeader, dataset: Dataset) -> Pixels:
    """Look the colour of every pixel up: u8[H, W, 3], or u16 where the palette has over 8 bits.

    Raises:
        DataError: data.unsupported_pixels, for a palette whose depth is in doubt.
        ValueError: a palette that is missing or damaged.

    Source: DICOM PS3.3 2024, C.7.6.3.1.5, C.7.6.3.1.6 and C.7.9.
    """
    tables = [_table(dataset, colour, header) for colour in ("Red", "Green", "Blue")]
    (bits,) = {bits for _, _, bits in tables}
    if bits == 16 and max(int(entries.max()) for _, entries, _ in tables) in range(1, 256):
        raise unsupported(
            "the palette says 16 bits and no colour needs more than 8, so its brightness is in "
            "doubt",
            "export it as RGB",
        )
    full, kind = (255, np.uint8) if bits <= 8 else (65535, np.uint16)
    planes = []
    for first, entries, _ in tables:
        scaled = np.rint(entries / ((1 << bits) - 1) * full).astype(kind)
        index = np.clip(values.astype(np.int64) - first, 0, len(entries) - 1)
        planes.append(scaled[index])
    return np.ascontiguousarray(np.stack(planes, axis=-1))


def _table(
    dataset: Dataset, colour: str, header: PixelHeader
) -> tuple[int, NDArray[np.uint16], int]:
    descriptor, data = (f"{colour}PaletteColorLookupTable{part}" for part in ("Descriptor", "Data"))
    if f"Segmented{data}" not in dataset:
        return lookup_table(dataset, descriptor, data, signed=header.signed)
    n_entries, first, bits, _ = table_shape(dataset, descriptor, signed=header.signed)
    packed = table_words(dataset, f"Segmented{data}")
    words = packed.astype(np.int64) if bits <= 8 else packed.view("<u2").astype(np.int64)
    entries = _expanded(words, n_entries, bytes_each=1 if bits <= 8 else 2)
    if len(entries) != n_entries or max(entries) >> bits:
        raise ValueError("a palette's segments make another table than they say")
    return first, np.array(entries, dtype=np.uint16), bits


def _expanded(words: NDArray[np.int64], n_entries: int, *, bytes_each: int) -> list[int]:
    """Every entry of a table stored in segments; the indirect ones copy earlier segments."""
    entries: list[int] = []
    position = 0
    while position + 1 < len(words) and len(entries) < n_entries:
        opcode, length = int(words[position]), int(words[position + 1])
        if opcode == _INDIRECT:
            parts = [int(word) for word in words[position + 2 : position + 2 + 4 // bytes_each]]
            offset = sum(part << (8 * bytes_each * place) for place, part in enumerate(parts))
            source = offset // bytes_each
            for _ in range(length):
                source = _add_segment(words, source, entries, n_entries)
            position += 2 + 4 // bytes_each
        else:
            position = _add_segment(words, position, entries, n_entries)
    return entries


def _add_segment(
    words: NDArray[np.int64], position: int, entries: list[int], n_entries: int
) -> int:
    """Add one discrete or linear segment; where the next one begins."""
    opcode, length = int(words[position]), int(words[position + 1])
    position += 2
    if opcode == _DISCRETE:
        entries.extend(int(word) for word in words[position : position + length])
        position += length
    elif opcode == _LINEAR and entries and length:
        start, end = entries[-1], int(words[position])
        steps = np.arange(1, length + 1) / length
        entries.extend(int(value) for value in np.rint(start + (end - start) * steps))
        position += 1
    else:
        raise ValueError("a palette segment of no known kind")
    if len(entries) > n_entries:
        raise ValueError("a palette's segments make more entries than it says")
    return position
