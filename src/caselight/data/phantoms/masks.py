"""The truth behind a film: where a finding lies, and where lungs and heart are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from caselight.data.phantoms.chest import Chest
from caselight.data.phantoms.field import Field
from caselight.data.phantoms.shapes import Box, Map

RIGHT_LUNG, LEFT_LUNG, HEART = 1, 2, 4
"""Bits of a mask; they may overlap."""

SEEN = 0.035
"""Attenuation from which a finding counts as seen."""

_LUNG_AIR = 0.22
"""Share of a full depth of air from which a pixel counts as lung."""
_HEART_PATH = 0.40
"""Share of the way through the heart from which a pixel counts as heart."""

PixelBox = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the film; right and bottom are just outside."""


def shadow_box(field: Field, shadows: Sequence[tuple[Box, Map]]) -> PixelBox | None:
    """The smallest upright box on the film round what a finding adds; None where nothing is.

    Args:
        field: what the finding was drawn on.
        shadows: parts of the field, and what the finding adds there, log units.
    """
    columns, rows = [], []
    height, width = field.shape
    for box, part in shadows:
        seen = np.abs(part) > SEEN
        row, column = np.nonzero(seen)
        rows.append(row + box[0].indices(height)[0])
        columns.append(column + box[1].indices(width)[0])
    if not columns or not sum(map(len, columns)):
        return None
    # A pixel's middle lies half a pixel beyond its index.
    across, down = field.film(
        np.concatenate(columns).astype(np.float32) + 0.5,
        np.concatenate(rows).astype(np.float32) + 0.5,
    )
    return _around(field.size, across, down)


def _around(size: int, across: Map, down: Map) -> PixelBox | None:
    """The box round pixel middles, one pixel wider for the blur, cut to the film."""
    inside = (across > 0) & (across < size) & (down > 0) & (down < size)
    if not inside.any():
        return None
    across, down = across[inside], down[inside]
    left, right = np.floor(across.min() - 1.0), np.ceil(across.max() + 1.0)
    top, bottom = np.floor(down.min() - 1.0), np.ceil(down.max() + 1.0)
    return (max(0, int(left)), max(0, int(top)), min(size, int(right)), min(size, int(bottom)))


def heart_box(field: Field, heart: Map) -> PixelBox | None:
    """The box round the heart, which is the box of an enlarged one."""
    whole = (slice(None), slice(None))
    return shadow_box(field, [(whole, (heart > _HEART_PATH).astype(np.float32))])


def chest_mask(chest: Chest) -> NDArray[np.uint8]:
    """Lungs and heart of a frontal film as bits: u8[size, size].

    Lungs are what is seen as lung without its findings: not what lies behind heart or dome.
    """
    mask = np.where(chest.heart > _HEART_PATH, np.uint8(HEART), np.uint8(0))
    for side, lung in chest.lungs.items():
        bit = LEFT_LUNG if side == "left" else RIGHT_LUNG
        mask[lung.box] |= np.where(lung.air > _LUNG_AIR, np.uint8(bit), np.uint8(0))
    return chest.field.develop_bits(mask)
