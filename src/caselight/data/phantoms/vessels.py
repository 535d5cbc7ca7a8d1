"""The vessels of the lungs: trees that taper from the root of a lung into its periphery."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from caselight.data.phantoms.anatomy import SIGN, Anatomy, Side
from caselight.data.phantoms.canvas import Canvas
from caselight.data.phantoms.chest import Chest
from caselight.data.phantoms.shapes import Map, bump, cloud, ellipse, rise

_STEP = 0.030
"""Length of a piece of a vessel."""
_MOST_PIECES = 900
_SUPERSAMPLE = 3

_TRUNKS = (
    *((-1.38, 0.0085, 6), (-1.05, 0.0090, 7), (-0.60, 0.0080, 8), (-0.15, 0.0080, 8)),
    *((0.22, 0.0090, 8), (0.55, 0.0105, 8), (0.86, 0.0120, 9), (1.12, 0.0125, 9)),
    *((1.38, 0.0115, 7), (0.70, 0.0085, 8), (-0.85, 0.0070, 7)),
)
"""Direction, width and length in pieces of the branches at the root of a lung."""

Tree = tuple[NDArray[np.float64], NDArray[np.float64], list[float]]
"""Starts f64[N, 2], stops f64[N, 2] and widths of its pieces, thick ones last."""


@lru_cache(maxsize=8)
def grow_tree(texture: int, side: Side, hilum: tuple[float, float]) -> Tree:
    """The arteries and veins of one lung as short straight pieces.

    Args:
        texture: seed of the trees of a body.
        side: the patient's own.
        hilum: (x, y) of the root of the lung.
    """
    rng = np.random.default_rng([texture, side == "left"])
    bends = iter(rng.normal(0.0, 0.21, 4000).tolist())
    chances = iter(rng.uniform(0.0, 1.0, 8000).tolist())
    sign = SIGN[side]
    # x, y, direction (0 outwards, positive downwards), width, steps left. The lower lobe is fed
    # by the thickest vessels: blood sinks in whoever stands.
    tips: list[tuple[float, float, float, float, int]] = []
    for angle, width, long in _TRUNKS:
        start = (hilum[0] + sign * 0.02 * next(chances), hilum[1] + 0.035 * math.sin(angle))
        tips.append((*start, angle + 0.7 * next(bends), width * (0.8 + 0.4 * next(chances)), long))
    pieces: list[tuple[float, float, float, float, float]] = []
    while tips:
        x, y, angle, width, left = tips.pop()
        for done in range(left):
            angle += next(bends)
            x2 = x + sign * _STEP * math.cos(angle)
            y2 = y + _STEP * math.sin(angle)
            pieces.append((x, y, x2, y2, width))
            x, y, width = x2, y2, width * 0.815
            if done > 0 and left > 1 and next(chances) < 0.5 and len(pieces) < _MOST_PIECES:
                turn = 0.62 if next(chances) < 0.5 else -0.62
                tips.append((x, y, angle + turn + next(bends), width * 0.82, left - done - 1))
                angle -= 0.25 * turn
    table = np.array(sorted(pieces, key=lambda piece: piece[4]))
    return table[:, 0:2], table[:, 2:4], table[:, 4].tolist()


def frontal_vessels(anatomy: Anatomy, chest: Chest, *, swell: float = 0.0) -> dict[Side, Map]:
    """Attenuation of the vessels of each lung, on the part of the field that it covers.

    Args:
        anatomy: the body.
        chest: where it lies.
        swell: 0 for a healthy heart .. 1 for one that fails: the vessels of the upper lobes fill.
    """
    field = chest.field
    maps: dict[Side, Map] = {}
    for side, lung in chest.lungs.items():
        hilum = chest.hila[side]
        starts, stops, widths = grow_tree(anatomy.texture, side, hilum)
        if swell > 0.0:
            high = np.clip((hilum[1] + 0.02 - stops[:, 1]) / 0.06, 0.0, 1.0)
            widths = (np.array(widths) * (1.0 + swell * (0.15 + 0.55 * high))).tolist()
        canvas = Canvas(field, scale=_SUPERSAMPLE, box=lung.box)
        canvas.segments(starts, stops, widths)
        tree = canvas.map()
        sign = SIGN[side]
        # The trunks of the root: a comma that points down and out.
        x, y = lung.x, lung.y
        root = 0.9 * bump(ellipse(x, y, hilum, 0.030, 0.040, -0.3 * sign))
        low = (hilum[0] + sign * 0.012, hilum[1] + 0.055)
        root += 0.75 * bump(ellipse(x, y, low, 0.026, 0.062, -0.35 * sign))
        rng = np.random.default_rng([anatomy.texture, 5, side == "left"])
        shape = tree.shape
        mottle = 0.032 * cloud(rng, shape, 28) + 0.022 * cloud(rng, shape, 52)
        # Veils of overlapping small vessels are thickest towards the root and the base.
        veil = bump(ellipse(x, y, (hilum[0] + sign * 0.05, hilum[1] + 0.07), 0.21, 0.30))
        seen = 0.45 + 0.55 * rise(lung.wall, 0.10)
        shade = 0.27 * tree * seen + mottle * (0.6 + 0.8 * veil) + 0.10 * veil
        shade *= anatomy.markings
        shade += 0.36 * root
        maps[side] = shade * rise(lung.air, 0.5)
    return maps
