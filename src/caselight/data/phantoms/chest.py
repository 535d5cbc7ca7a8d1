"""The lungs and soft tissue of a body, laid out on a field as they weaken a frontal X-ray beam.

Maps are attenuation in units of the logarithm of the beam. Outlines (lungs, heart, great vessels,
diaphragm) are lines of width against height, as a radiologist traces them.
"""

import math
from dataclasses import dataclass

import numpy as np

from caselight.data.phantoms.anatomy import (
    AIR,
    CARINA,
    SIGN,
    Anatomy,
    Side,
    lung_outline,
    wall_at,
)
from caselight.data.phantoms.field import Field
from caselight.data.phantoms.shapes import (
    Box,
    Knots,
    Map,
    bump,
    chord,
    ellipse,
    profile,
    rise,
    step,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lung:
    """One lung laid out on its part of a field; distances are positive inside it."""

    box: Box
    """The part of the field that all maps below cover."""
    x: Map
    """f32[1, w], patient coordinates."""
    y: Map
    """f32[h, 1]."""
    u: Map
    """f32[1, w], distance from the midline towards this side."""
    wall: Map
    """f32[h, w], distance from the inner chest wall."""
    base: Map
    """f32[h, w], height above the diaphragm."""
    air: Map
    """f32[h, w], air in the way of the beam, 0..1, heart and great vessels taken off."""
    top: float
    """Height of the apex, from the top of the field."""
    bottom: float
    """Height of the dome."""
    width: float
    """Midline to inner wall at the widest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chest:
    """Lungs and soft tissue laid out on a field; bones and vessels come on top."""

    field: Field
    tissue: Map
    """f32[H, W], attenuation with the air taken off."""
    lungs: dict[Side, Lung]
    heart: Map
    """f32[H, W], 0..1, path through the heart."""
    hila: dict[Side, tuple[float, float]]
    """(x, y) of the root of each lung."""


_INNER: Knots = (
    *((0.0, 0.36), (0.012, 0.28), (0.05, 0.20), (0.12, 0.15), (0.25, 0.13), (1.0, 0.125)),
)
"""Inner edge of a lung, behind heart and great vessels."""

_DOME: Knots = (
    *((0.0, 0.022), (0.2, 0.012), (0.45, 0.0), (0.62, 0.006), (0.78, 0.034), (0.90, 0.078)),
    *((1.0, 0.132), (1.1, 0.2)),
)
"""Diaphragm: share of the half width, depth below the top of the dome."""

_HEART_LEFT: Knots = (
    *((-0.36, -0.5), (-0.31, 0.20), (-0.26, 0.34), (-0.19, 0.54), (-0.12, 0.765), (-0.06, 0.93)),
    *((-0.02, 0.99), (0.01, 1.0), (0.04, 0.94), (0.075, 0.7), (0.12, 0.2), (0.15, -0.5)),
)
"""Left border of the heart: depth below the right dome, share of its widest."""

_HEART_RIGHT: Knots = (
    *((-0.36, -0.5), (-0.31, 0.30), (-0.25, 0.66), (-0.19, 0.90), (-0.13, 1.0), (-0.06, 0.97)),
    *((0.0, 0.84), (0.06, 0.6), (0.12, 0.2), (0.15, -0.5)),
)

_VESSELS_LEFT: Knots = (
    *((0.0, 0.034), (0.06, 0.040), (0.12, 0.046), (0.148, 0.050), (0.168, 0.063), (0.19, 0.073)),
    *((0.212, 0.074), (0.235, 0.064), (0.255, 0.054), (0.275, 0.055), (0.30, 0.068)),
    *((0.33, 0.078), (0.38, 0.075), (0.50, 0.03)),
)
"""Left border of the great vessels: depth below the apex, distance from the midline."""

_VESSELS_RIGHT: Knots = (
    *((0.0, 0.042), (0.06, 0.049), (0.14, 0.053), (0.20, 0.056), (0.235, 0.063), (0.26, 0.062)),
    *((0.32, 0.070), (0.40, 0.07), (0.50, 0.03)),
)


def frontal_chest(anatomy: Anatomy, field: Field) -> Chest:
    """Lay lungs and soft tissue out on a field, seen from the front."""
    heart, vessels = _heart(anatomy, field), _great_vessels(anatomy, field)
    lungs: dict[Side, Lung] = {side: _lung(anatomy, field, side, heart, vessels) for side in SIGN}
    tissue = _body(anatomy, field)
    # Low in the chest the heart is thickest.
    tissue += 0.13 * heart * heart * step(field.y - anatomy.dome_right + 0.20, 0.10)
    tissue += 0.06 * vessels
    tissue -= _windpipe(anatomy, field)
    for lung in lungs.values():
        tissue[lung.box] -= AIR * lung.air
    tissue -= _bowel_air(anatomy, field, lungs["left"])
    hila: dict[Side, tuple[float, float]] = {
        "left": (0.100, anatomy.apex_y + 0.290),
        "right": (-0.100, anatomy.apex_y + 0.325),
    }
    return Chest(field=field, tissue=tissue, lungs=lungs, heart=heart, hila=hila)


def _lung(anatomy: Anatomy, field: Field, side: Side, heart: Map, vessels: Map) -> Lung:
    """A lung between its outer wall, the middle and the dome, with a sharp outer lower angle."""
    width, top, bottom = lung_outline(anatomy, side, field.pose.breath)
    edges = sorted((0.0, SIGN[side] * (width + 0.03)))
    box = field.box(edges[0], top - 0.02, edges[1], bottom + 0.20)
    x, y = field.part(box)
    u = np.float32(SIGN[side]) * x
    wall = wall_at(anatomy, side, y) - u
    along = (y - top) / (anatomy.dome_right - top)
    inner = u - width * profile(_INNER, along)
    base = (bottom + profile(_DOME, u / width)) - y
    air = rise(wall, 0.10)
    air *= 0.45 + 0.55 * rise(inner, 0.12)
    air *= step(inner, 0.006)
    # Half of the lung ends at the dome, half falls behind it into the posterior angle.
    deep = 0.72 * step(base, 0.006)
    deep += 0.28 * rise(base + 0.012, 0.10)
    air *= deep
    # Over the apex lie the shoulders, and the lung is thin there.
    air *= 0.50 + 0.50 * rise(y - top, 0.30)
    air *= 1.0 - np.maximum(0.86 * heart[box], 0.95 * vessels[box])
    return Lung(
        box=box, x=x, y=y, u=u, wall=wall, base=base, air=air, top=top, bottom=bottom, width=width
    )


def _between(field: Field, left: Map, right: Map) -> Map:
    """0..1 across a round body whose borders lie at `-right` and `left`: what it takes of air."""
    whole = np.zeros(field.shape, dtype=np.float32)
    box = field.box(-float(right.max()) - 0.01, -1.0, float(left.max()) + 0.01, 2.0)
    inside = 0.5 * (left + right) - np.abs(field.x[:, box[1]] - 0.5 * (left - right))
    shade = 0.62 * step(inside, 0.005)
    shade += 0.38 * rise(inside, 0.07)
    whole[box] = shade
    return whole


def _heart(anatomy: Anatomy, field: Field) -> Map:
    """Path through the heart, 0..1; its tip points to the patient's left."""
    span = anatomy.heart_ratio * (anatomy.lung_left + anatomy.lung_right)
    depth = field.y - (anatomy.dome_right + 0.012 * field.pose.breath)
    left = span * anatomy.heart_lean * profile(_HEART_LEFT, depth)
    right = span * (1.0 - anatomy.heart_lean) * profile(_HEART_RIGHT, depth)
    return _between(field, left, right)


def _great_vessels(anatomy: Anatomy, field: Field) -> Map:
    """Path through the great vessels, 0..1; the knob of the aorta is on the left."""
    depth = field.y - anatomy.apex_y
    left = profile(_VESSELS_LEFT, depth)
    left = 0.05 + (left - 0.05) * np.where(depth < 0.25, np.float32(anatomy.knob), np.float32(1.0))
    # With age the aorta unfolds and bulges to the right as well.
    right = profile(_VESSELS_RIGHT, depth)
    right += 0.010 * max(0.0, anatomy.knob - 1.0) * bump(((depth - 0.27) / 0.12) ** 2)
    inside = step(depth + 0.05, 0.05) * step(0.47 - depth, 0.05)
    return _between(field, left, right) * inside


_SHOULDER: Knots = (
    *((0.0, -0.60), (0.10, -0.30), (0.125, -0.08), (0.155, 0.0), (0.20, 0.045), (0.28, 0.075)),
    *((0.38, 0.09), (0.48, 0.105), (0.56, 0.15), (0.62, 0.24)),
)
"""Upper edge of neck and shoulders: distance from the midline, height."""

_FLANK: Knots = (
    *((0.10, 0.74), (0.22, 0.70), (0.30, 0.56), (0.40, 0.475), (0.50, 0.445), (0.70, 0.435)),
    *((0.90, 0.43), (1.1, 0.43)),
)
"""Side of the trunk below the armpit: height, distance from the midline."""


def _body(anatomy: Anatomy, field: Field) -> Map:
    """Neck, shoulders, trunk, arms and breasts."""
    x, y = np.abs(field.x), field.y
    stout = anatomy.build
    flank = profile(_FLANK, y) + 0.05 * stout * step(y - 0.35, 0.2) - 0.015
    below = y - profile(_SHOULDER, x) + 0.012 * stout
    thick = 1.80 + 0.45 * stout + 0.35 * step(y - 0.70, 0.16) - 0.20 * step(0.16 - y, 0.14)
    thick = thick - (0.45 - 0.1 * stout) * step(x - 0.38, 0.22) * step(0.62 - y, 0.4)
    body = 0.30 * step(flank - x, 0.006) + 0.70 * rise(flank - x, 0.17)
    body *= thick
    shoulder = 0.25 * step(below, 0.006) + 0.75 * rise(below, 0.17)
    body *= shoulder
    # The arms hang a little away from the trunk.
    middle = 0.50 + 0.17 * np.clip(y - 0.22, 0.0, 1.0) + 0.02 * stout
    arm = chord(((x - middle) / (0.070 + 0.016 * stout)) ** 2) * step(y - 0.26, 0.10)
    body = np.maximum(body, (1.0 + 0.25 * stout) * arm)
    # Muscle of the front fold of the armpit.
    body += 0.25 * bump(ellipse(x, y, (0.42, 0.30), 0.09, 0.16, 0.35))
    body += 0.12 * rise(0.11 - x, 0.06) * step(0.60 - y, 0.3)
    if anatomy.breast > 0.0:
        reach = 0.12 + 0.05 * anatomy.breast
        low = 0.60 + 0.06 * anatomy.breast
        for sign in SIGN.values():
            q = ellipse(field.x, y, (sign * 0.22, low - 0.02), reach, reach)
            # Dense below, where it folds over, and fading upwards.
            breast = chord(q) * step(y - low + 0.05, 0.11)
            body += (0.26 + 0.36 * anatomy.breast) * breast
    return body


def _windpipe(anatomy: Anatomy, field: Field) -> Map:
    """Attenuation that the air of the windpipe and the main bronchi takes away."""
    top = anatomy.apex_y
    box = field.box(-0.12, -0.05, 0.12, top + CARINA + 0.12)
    x, y = field.part(box)
    whole = np.zeros(field.shape, dtype=np.float32)
    shift = -0.008 * step(y - top - 0.14, 0.10)
    pipe = rise(0.0195 - np.abs(x - shift), 0.013) * step(top + CARINA - y, 0.012)
    # The right main bronchus is steep and wide, the left one long and flat.
    for sign, slope, half, long in ((-1.0, 0.75, 0.0125, 0.065), (1.0, 1.35, 0.0105, 0.085)):
        u = np.float32(sign) * (x + 0.008)
        off = np.abs(u - (y - top - CARINA + 0.008) * slope) / math.hypot(1.0, slope)
        branch = rise(half - off, 0.010) * step(u + 0.004, 0.006) * step(long - u, 0.02)
        pipe = np.maximum(pipe, 0.28 * branch)
    whole[box] = 0.40 * pipe
    return whole


def _bowel_air(anatomy: Anatomy, field: Field, left: Lung) -> Map:
    """Air in the stomach, under the left dome with a level below, and a little in the colon."""
    rng = np.random.default_rng([anatomy.texture, 3])
    whole = np.zeros(field.shape, dtype=np.float32)
    box = field.box(-0.4, left.bottom - 0.05, 0.42, 1.1)
    x, y = field.part(box)
    # A cap that follows the dome above and is level below.
    u = x - rng.uniform(0.42, 0.56) * left.width
    below = y - (left.bottom + 0.026 + profile(_DOME, x / left.width))
    wide = 0.045 + 0.075 * anatomy.bubble
    depth = rng.uniform(0.016, 0.03) + 0.035 * anatomy.bubble
    cap = rise(below - 0.25 * u * u / wide, 0.025) * rise(left.bottom + 0.036 + depth - y, 0.012)
    shade = 0.62 * cap * rise(wide - np.abs(u), 0.04)
    for _ in range(int(rng.integers(1, 5))):
        place = (rng.uniform(-0.30, 0.32), rng.uniform(0.90, 1.0))
        size, tilt = rng.uniform(0.015, 0.04), rng.uniform(-0.8, 0.8)
        blob = bump(ellipse(x, y, place, 1.6 * size, size, tilt))
        shade += rng.uniform(0.12, 0.3) * blob
    whole[box] = shade
    return whole
