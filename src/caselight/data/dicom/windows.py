"""Stored grey values to what a reader sees: rescaling, windows, padding, inversion."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)

from caselight.data.dicom.groups import FrameGroups
from caselight.data.dicom.headers import header_text
from caselight.data.dicom.pixel_header import PixelHeader
from caselight.data.dicom.values import (
    items,
    lookup_table,
    number,
    numbers,
    signed_as,
    unsupported,
)
from caselight.errors import DataError
from caselight.types import BoolArray, Pixels, Window

CT_WINDOWS: dict[Window, tuple[float, float]] = {
    "lung": (-600.0, 1500.0),
    "soft-tissue": (40.0, 400.0),
    "bone": (400.0, 1800.0),
}
"""Centre and width in Hounsfield units, by name.

Source: presets in common use; lung and soft tissue as in the OHIF viewer, bone as in Radiopaedia's
"Windowing (CT)".
"""
GREY_TAGS = (
    "SOPClassUID",
    "Modality",
    "ImageType",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "FloatPixelPaddingValue",
    "FloatPixelPaddingRangeLimit",
    "DoubleFloatPixelPaddingValue",
    "DoubleFloatPixelPaddingRangeLimit",
)
_CT_CLASSES = (CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
_WIDEST_TABLE = 1 << 17
"""Where the values span no more than this, each is mapped once and then looked up."""
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rescale:
    """The modality LUT: stored values to the units that a window speaks of."""

    apply: Callable[[NDArray[Any]], Values]
    identity: bool = False
    unit: str | None = None
    """What the header calls the units; None where it says nothing or does not rescale."""
    given: bool = True
    """Whether the header has a modality LUT at all."""


def has_hounsfield_units(header: Dataset, groups: FrameGroups) -> bool:
    """Whether rescaled values are Hounsfield units: CT, rescaled, and called nothing else.

    A picture of a CT class whose header names no unit has Hounsfield units (PS3.3 C.8.2.1); of any
    other class, a secondary capture say, it must name them. A localizer is a projection and has
    none.
    """
    unit = _unit(groups)
    said = unit == "HU" or (unit is None and header_text(header, "SOPClassUID") in _CT_CLASSES)
    named = header_text(header, "ImageType") or ""
    kind = named.upper().replace("'", "").strip("[]").replace(", ", "\\").split("\\")
    return (
        (header_text(header, "Modality") or "").upper() == "CT"
        and said
        and "LOCALIZER" not in kind[2:3]
        and _has_modality_lut(groups)
    )


def displayed(
    raw: NDArray[Any],
    values: NDArray[Any],
    header: PixelHeader,
    dataset: Dataset,
    groups: FrameGroups,
    window: Window | None,
) -> Pixels:
    """Grey values to what a reader sees, bright where dense; padding is always darkest.

    Args:
        raw: [H, W] as the file holds it, spare bits and all.
        values: the same without them.
        header: what the pixels are.
        dataset: the header itself.
        groups: where this frame's rescaling and windows stand.
        window: a CT window, or the file's own.

    Returns:
        u8[H, W] for 8 bits with neither window nor rescaling, and for single bits; else u16[H, W].

    Raises:
        DataError: data.unsupported_pixels, data.not_hounsfield.
        ValueError: a table or a number that is damaged.

    Source: DICOM PS3.3 2024, C.7.5.1.1.2 (padding), C.11.1 (modality LUT), C.11.2 (VOI LUT).
    """
    padding = _padding(raw, values, header, dataset)
    if window is not None and window != "file" and not has_hounsfield_units(dataset, groups):
        raise DataError(
            f'the window "{window}" is for Hounsfield units and the picture has none; read it '
            'with its own window ("file")',
            code="data.not_hounsfield",
        )
    rescale = _rescale(groups, header)
    inverted = header.photometric == "MONOCHROME1"
    voi = _window(window, groups, rescale, header)
    if header.allocated == 1 and rescale.identity and voi is None:
        return (values ^ inverted).astype(np.uint8) * 255
    if voi is None and rescale.identity and values.dtype == np.uint8 and header.stored == 8:
        plain = np.array(values, dtype=np.uint8, order="C")
        shown: Pixels = 255 - plain if inverted else plain
    else:
        shown = _mapped(values, padding, rescale.apply, voi, inverted)
    if padding is not None:
        shown[padding] = 0
    return shown


def _mapped(
    values: NDArray[Any],
    padding: BoolArray | None,
    rescaled: Callable[[NDArray[Any]], Values],
    voi: Callable[[Values], Values] | None,
    inverted: bool,
) -> Pixels:
    """u16[H, W]: rescaled, windowed or stretched from the lowest to the highest, and inverted."""
    kept = values if padding is None else values[~padding]
    if not kept.size:
        return np.zeros(values.shape, dtype=np.uint16)
    low, high = kept.min(), kept.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise unsupported("some pixels are no finite number", "export it again")
    by_table = values.dtype.kind in "iu" and int(high) - int(low) < _WIDEST_TABLE
    grid, present = kept, None
    if by_table:
        grid = np.arange(int(low), int(high) + 1)
        place = np.subtract(values, low, dtype=np.intp)
        if padding is not None:
            np.clip(place, 0, len(grid) - 1, out=place)
        if voi is None:
            present = np.zeros(len(grid), dtype=bool)
            present[place if padding is None else place[~padding]] = True
    with np.errstate(over="ignore", invalid="ignore"):
        units = rescaled(grid)
        seen = units if present is None else units[present]
        bottom, top = seen.min(), seen.max()
        if not np.isfinite(top - bottom):
            raise unsupported("the rescaling gives values without end", "correct its rescale slope")
    if voi is None:
        fractions = (units - bottom) / max(top - bottom, np.finfo(np.float64).tiny)
    else:
        fractions = voi(units)
    bright = 1 - fractions if inverted else fractions
    table = np.rint(np.clip(bright, 0, 1) * 65535).astype(np.uint16)
    if by_table:
        return np.ascontiguousarray(table[place])
    if padding is None:
        return np.ascontiguousarray(table)
    shown = np.zeros(values.shape, dtype=np.uint16)
    shown[~padding] = table
    return shown


def _padding(
    raw: NDArray[Any], values: NDArray[Any], header: PixelHeader, dataset: Dataset
) -> BoolArray | None:
    """bool[H, W], true outside of the picture; None where there is no padding."""
    prefix = {4: "Float", 8: "DoubleFloat"}[raw.dtype.itemsize] if raw.dtype.kind == "f" else ""
    first = number(dataset, f"{prefix}PixelPaddingValue")
    if first is None:
        return None
    limit = number(dataset, f"{prefix}PixelPaddingRangeLimit")
    last = first if limit is None else limit
    if raw.dtype.kind != "f":
        # Its VR is often the other of "US or SS" than the pixels' own sign.
        bits = 8 * raw.dtype.itemsize
        first = signed_as(first, signed=header.signed, bits=bits)
        last = signed_as(last, signed=header.signed, bits=bits)
    low, high = min(first, last), max(first, last)
    found: BoolArray = ((raw >= low) & (raw <= high)) | ((values >= low) & (values <= high))
    return found if found.any() else None


def _has_modality_lut(groups: FrameGroups) -> bool:
    source = groups.rescale
    return bool(items(source, "ModalityLUTSequence")) or (
        number(source, "RescaleSlope") is not None
        and number(source, "RescaleIntercept") is not None
    )


def _unit(groups: FrameGroups) -> str | None:
    tables = items(groups.rescale, "ModalityLUTSequence")
    if tables:
        return header_text(tables[0], "ModalityLUTType") or "US"
    return header_text(groups.rescale, "RescaleType")


def _rescale(groups: FrameGroups, header: PixelHeader) -> _Rescale:
    """The modality LUT of the frame; a table comes before slope and intercept."""
    source = groups.rescale
    tables = items(source, "ModalityLUTSequence")
    if tables:
        first, entries, _ = lookup_table(
            tables[0], "LUTDescriptor", "LUTData", signed=header.signed
        )
        return _Rescale(apply=lambda stored: _looked_up(stored, first, entries))
    slope, intercept = number(source, "RescaleSlope"), number(source, "RescaleIntercept")
    if slope is None or intercept is None or (slope, intercept) == (1, 0):
        return _Rescale(apply=lambda stored: stored.astype(np.float64), identity=True)
    if slope == 0:
        raise unsupported("the rescale slope is 0", "correct it")
    return _Rescale(apply=lambda stored: stored.astype(np.float64) * slope + intercept)


def _looked_up(values: NDArray[Any], first: int, entries: NDArray[np.uint16]) -> Values:
    """Entries by value; below the first and above the last, those two."""
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, len(entries) - 1)
    found: Values = entries[index].astype(np.float64)
    return found


def _window(
    window: Window | None, groups: FrameGroups, rescale: _Rescale, header: PixelHeader
) -> Callable[[Values], Values] | None:
    """Values in units to 0..1: a CT window, the file's first VOI LUT or window, or None."""
    if window is not None and window != "file":
        centre, width = CT_WINDOWS[window]
        return lambda units: linear(units, centre, width)
    source = groups.voi
    tables = items(source, "VOILUTSequence")
    if tables:
        lowest = rescale.apply(np.array([_lowest(header)]))[0]
        first, entries, bits = lookup_table(
            tables[0], "LUTDescriptor", "LUTData", signed=bool(lowest < 0)
        )
        return lambda units: _looked_up(units, first, entries) / (2.0**bits - 1)
    centres, widths = numbers(source, "WindowCenter"), numbers(source, "WindowWidth")
    if not centres or not widths:
        return None
    function = (header_text(source, "VOILUTFunction") or "LINEAR").upper()
    return _shaped(centres[0], widths[0], function)


def _lowest(header: PixelHeader) -> int:
    return -(1 << (header.stored - 1)) if header.signed and header.stored <= 32 else 0


def _shaped(centre: float, width: float, function: str) -> Callable[[Values], Values]:
    if width < 1 if function == "LINEAR" else width <= 0:
        raise unsupported(
            f"the window is {width:g} wide", "correct WindowWidth or remove the window"
        )
    if function == "SIGMOID":
        return lambda units: 1 / (1 + np.exp(np.clip(-4 * (units - centre) / width, -700, 700)))
    if function == "LINEAR_EXACT":
        return lambda units: np.clip((units - centre) / width + 0.5, 0, 1)
    if function != "LINEAR":
        raise unsupported(
            "the window's function is of no known name",
            "export it with LINEAR, LINEAR_EXACT or SIGMOID",
        )
    return lambda units: linear(units, centre, width)


def linear(units: Values, centre: float, width: float) -> Values:
    """0..1 across a window, as DICOM's LINEAR has it: half a step aside, and one step narrower."""
    offset = units - (centre - 0.5)
    if width == 1:
        return (offset > 0).astype(np.float64)
    return np.clip(offset / (width - 1) + 0.5, 0, 1)
