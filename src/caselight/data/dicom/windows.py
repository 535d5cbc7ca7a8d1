"""Stored DICOM values to what a reader sees: rescaling, windows, inversion."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi

from caselight.data.spool import printable
from caselight.errors import DataError
from caselight.types import FloatArray, Pixels


def unsupported(what: str, remedy: str) -> DataError:
    """A refusal of pixels that could only be read inexactly."""
    return DataError(f"{what}, which is not read yet; {remedy}", code="data.unsupported_pixels")


def _without_spare_bits(stored: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Drop bits above BitsStored, where old files keep overlays; C.7.6.3.1.1 gives them no part."""
    spare = 8 * stored.dtype.itemsize - int(dataset.BitsStored)
    return (stored << spare) >> spare if spare else stored


def displayed(stored: NDArray[Any], dataset: Dataset) -> Pixels:
    """Stored values to what a reader sees, bright where dense."""
    stored = _without_spare_bits(stored, dataset)
    inverted = str(dataset.PhotometricInterpretation) == "MONOCHROME1"
    rescaled = apply_modality_lut(stored, dataset)
    windowed = _windowed(rescaled, dataset)
    exact = stored.dtype == np.uint8 and int(dataset.BitsStored) == 8
    if windowed is None and exact and np.array_equal(rescaled, stored):
        plain = np.array(stored, order="C")
        return 255 - plain if inverted else plain
    if windowed is None:
        values = rescaled.astype(np.float64)
        low = values.min()
        windowed = (values - low) / max(values.max() - low, np.finfo(np.float64).tiny)
    if not np.isfinite(windowed).all():
        raise unsupported("the rescaling gives values without end", "correct its rescale slope")
    bright = 1 - windowed if inverted else windowed
    return np.rint(np.clip(bright, 0, 1) * 65535).astype(np.uint16)


def _windowed(rescaled: NDArray[Any], dataset: Dataset) -> FloatArray | None:
    """f64[H, W], 0..1 across the file's own VOI LUT or window; None where it has neither."""
    if dataset.get("VOILUTSequence"):
        n_bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        looked_up: FloatArray = apply_voi(rescaled.astype(np.int64), dataset) / (2.0**n_bits - 1)
        return looked_up
    if dataset.get("WindowCenter") is None or dataset.get("WindowWidth") is None:
        return None
    centre = float(np.atleast_1d(dataset.WindowCenter)[0])
    width = float(np.atleast_1d(dataset.WindowWidth)[0])
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if width < 1 if function == "LINEAR" else width <= 0:
        raise unsupported(
            f"the window is {width:g} wide", "correct WindowWidth or remove the window"
        )
    values = rescaled.astype(np.float64)
    if function == "SIGMOID":
        sigmoid: FloatArray = 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
        return sigmoid
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if function != "LINEAR":
        raise unsupported(
            f'the window\'s function is "{printable(function)}"',
            "export it with LINEAR, LINEAR_EXACT or SIGMOID",
        )
    # The standard's half pixel and width less one; one step wide, it is a threshold.
    offset = values - (centre - 0.5)
    return (
        (offset > 0).astype(np.float64) if width == 1 else np.clip(offset / (width - 1) + 0.5, 0, 1)
    )
