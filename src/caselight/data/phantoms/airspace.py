"""What fills, crosses or folds a lung, from the front: each cut to the air of its side."""

import numpy as np

from caselight.data.phantoms.anatomy import AIR, CARINA, FIELD_MM, SIGN, Side
from caselight.data.phantoms.canvas import Canvas
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.layers import Shadow, View, hide_vessels, place_in, sides_of
from caselight.data.phantoms.shapes import Map, bump, chord, cloud, ellipse, rise, step
from caselight.data.phantoms.vessels import grow_tree

_LOBES: dict[tuple[str, str], tuple[float, float, float, float]] = {
    ("right", "upper"): (0.31, 0.52, 0.40, 0.22),
    ("right", "middle"): (0.74, 0.44, 0.30, 0.17),
    ("right", "lower"): (0.86, 0.66, 0.36, 0.17),
    ("left", "upper"): (0.36, 0.56, 0.36, 0.23),
    ("left", "lower"): (0.86, 0.66, 0.36, 0.18),
}
"""Middle of a lobe's shadow and its reach: share of the height, of the half width, and again."""


def _lobe(finding: Finding, side: Side) -> tuple[float, float, float, float]:
    return _LOBES.get((side, finding.zone or "lower"), _LOBES[side, "lower"])


def consolidation(view: View, finding: Finding) -> list[Shadow]:
    """Airspace that fills with fluid: patchy or lobar, with bronchi that stay dark."""
    shadows: list[Shadow] = []
    for side in sides_of(finding):
        lung, field = view.chest.lungs[side], view.chest.field
        rng = np.random.default_rng(finding.texture)
        down, out, wide, high = _lobe(finding, side)
        grow = 0.42 + 0.68 * finding.size
        x, y = place_in(
            lung, side, down=down + rng.uniform(-0.03, 0.03), out=out + rng.uniform(-0.05, 0.05)
        )
        height = lung.bottom - lung.top
        radius = np.sqrt(
            ellipse(lung.x, lung.y, (x, y), grow * wide * lung.width, grow * high * height * 1.15)
        )
        shape = radius.shape
        lumps = 0.20 * cloud(rng, shape, 7) + 0.13 * cloud(rng, shape, 20)
        share = step(0.90 - radius + lumps, 0.42) * step(1.5 - radius, 0.3)
        fissure = lung.top + 0.56 * height
        if side == "right" and finding.zone in {"upper", "middle"} and finding.size > 0.33:
            # The lesser fissure stops it: a straight edge, as long as it is.
            below = lung.y - fissure - 0.10 * (np.abs(lung.x) - 0.2)
            share *= step(-below if finding.zone == "upper" else below, 0.007)
        fine = 1.0 + 0.07 * cloud(rng, shape, 40)
        share *= (0.40 + 0.36 * finding.size) * fine
        starts, stops, widths = grow_tree(view.anatomy.texture, side, view.chest.hila[side])
        pipes = Canvas(field, scale=3, box=lung.box)
        pipes.segments(starts, stops, (0.8 * np.array(widths)).tolist())
        share *= 1.0 - 0.42 * pipes.map() * step(share - 0.2, 0.2)
        np.clip(share, 0.0, 0.92, out=share)
        hide_vessels(view, side, share)
        shadows.append((lung.box, AIR * lung.air * share * view.dry[side]))
    return shadows


_NODULES: dict[str, tuple[float, float]] = {
    "upper": (0.34, 0.60),
    "middle": (0.66, 0.60),
    "lower": (0.84, 0.70),
}


def nodule(view: View, finding: Finding) -> list[Shadow]:
    """A round, firm shadow, a little lobed."""
    shadows: list[Shadow] = []
    for side in sides_of(finding):
        lung = view.chest.lungs[side]
        rng = np.random.default_rng(finding.texture)
        down, out = _NODULES[finding.zone or "lower"]
        place = place_in(
            lung, side, down=down + rng.uniform(-0.06, 0.06), out=out + rng.uniform(-0.10, 0.12)
        )
        radius = 0.5 * (finding.size_mm or 0) / FIELD_MM
        angle = np.arctan2(lung.y - place[1], lung.x - place[0])
        lobes = 1.0 + 0.06 * np.sin(3.0 * angle + rng.uniform(0.0, 6.0))
        squared = ellipse(lung.x, lung.y, place, radius, radius * rng.uniform(0.88, 1.0))
        ball = chord(squared / lobes**2)
        dense = 0.42 + 0.26 * finding.size
        dry = 0.3 + 0.7 * view.dry[side]
        shadows.append((lung.box, dense * dry * ball * step(lung.air - 0.05, 0.05)))
    return shadows


def edema(view: View, finding: Finding) -> list[Shadow]:
    """Haze around the roots of both lungs like wings, short lines at the outer bases."""
    field, size = view.chest.field, finding.size
    rng = np.random.default_rng(finding.texture)
    shadows: list[Shadow] = []
    for side, lung in view.chest.lungs.items():
        x, y = view.chest.hila[side]
        sign = SIGN[side]
        lumps = np.clip(1.0 + 0.16 * cloud(rng, lung.air.shape, 14), 0.3, 1.7)
        lumps = lumps + 0.08 * cloud(rng, lung.air.shape, 40)
        reach = 0.17 + 0.09 * size
        wing = bump(ellipse(lung.x, lung.y, (x + 0.06 * sign, y + 0.05), reach, 1.35 * reach))
        low = rise(lung.y - y + 0.1, 0.35)
        share = (0.14 + 0.66 * size) * wing * lumps + (0.01 + 0.15 * size) * low
        share = np.clip(share, 0.0, 0.9) * rise(lung.wall, 0.10)
        canvas = Canvas(field, scale=3, box=lung.box)
        for _ in range(2 + round(9 * size)):
            row = lung.bottom + rng.uniform(-0.16, 0.03)
            edge = lung.width - rng.uniform(0.002, 0.010)
            long = rng.uniform(0.025, 0.045)
            ends = ((sign * edge, row), (sign * (edge - long), row + rng.uniform(-0.003, 0.006)))
            canvas.line(np.array(ends), width=0.0032, weight=1.0)
        lines = 0.24 * (0.5 + 0.5 * size) * canvas.map() * step(lung.air - 0.05, 0.05)
        shade = AIR * lung.air * share * view.dry[side] + lines
        hide_vessels(view, side, 0.75 * share)
        shadows.append((lung.box, shade))
    return shadows


_COLLAPSE = 0.62
"""Size from which atelectasis takes a whole lobe rather than plates of it."""


def atelectasis(view: View, finding: Finding) -> list[Shadow]:
    """Airless lung: one to three plates, nearly level; a whole lobe where it is large."""
    shadows: list[Shadow] = []
    for side in sides_of(finding):
        lung = view.chest.lungs[side]
        rng = np.random.default_rng(finding.texture)
        if finding.size >= _COLLAPSE:
            shade = _collapse(view, finding, side)
        else:
            down, out = {"upper": (0.42, 0.5), "middle": (0.68, 0.50)}.get(
                finding.zone or "lower", (0.86, 0.58)
            )
            x, y = place_in(lung, side, down=down + rng.uniform(-0.02, 0.02), out=out)
            band = np.zeros_like(lung.air)
            for n in range(1 + round(3 * finding.size)):
                slope = rng.uniform(-0.35, 0.15)
                long = rng.uniform(0.055, 0.075) + 0.06 * finding.size
                thick = 0.0035 + 0.007 * finding.size
                du = lung.u - (abs(x) + rng.uniform(-0.04, 0.05))
                across = lung.y - (y - 0.036 * n) - slope * du - 0.6 * du * du
                taper = thick * np.clip(1.25 - (du / long) ** 2, 0.1, 1.0)
                plate = step(taper - np.abs(across), 0.004) * step(long - np.abs(du), 0.02)
                band = np.maximum(band, plate)
            shade = (0.34 + 0.20 * finding.size) * band
        hide_vessels(view, side, 0.7 * np.clip(shade, 0.0, 1.0))
        dry = 0.3 + 0.7 * view.dry[side]
        shadows.append((lung.box, shade * dry * rise(lung.air, 0.35)))
    return shadows


def _collapse(view: View, finding: Finding, side: Side) -> Map:
    """A lobe without air: a wedge with one straight edge, where the fissure has moved to."""
    lung = view.chest.lungs[side]
    height, zone = lung.bottom - lung.top, finding.zone
    u, y = lung.u, lung.y
    grow = (finding.size - _COLLAPSE) / (1.0 - _COLLAPSE)
    if zone == "upper":
        # The fissure hangs from the root of the lung up to the wall.
        edge = lung.top + height * (0.42 + 0.06 * grow) - 0.62 * (u - 0.07)
        inside = step(edge - y, 0.008)
    elif zone == "middle":
        inside = step(0.055 - np.abs(y - lung.top - 0.74 * height + 0.25 * (u - 0.1)), 0.008)
        inside = inside * step(0.26 - u, 0.05)
    else:
        # A triangle against the spine, its tip at the root, its base on the diaphragm.
        low = y - (lung.top + CARINA + 0.06)
        edge = 0.075 + (0.42 + 0.25 * grow) * np.clip(low, 0.0, None)
        inside = step(edge - u, 0.010) * step(low, 0.02)
    return (0.42 + 0.18 * grow) * inside
