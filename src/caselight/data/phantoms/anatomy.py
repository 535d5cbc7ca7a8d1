"""The chest of one invented person, and what it does to a frontal X-ray beam.

`draw_anatomy` invents a body that stays the same in all studies of a patient; `frontal_chest`
lays it out on a field as maps of attenuation, in units of the logarithm of the beam. The picture
is seen from the front: the patient's left is on the right of the image.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from caselight.data.phantoms.shapes import (
    Field,
    Map,
    Stroke,
    bump,
    chord,
    cloud,
    draw_strokes,
    ellipse,
    rise,
    step,
)

Side = Literal["left", "right"]
"""The patient's own."""

SIGN: dict[Side, float] = {"left": 1.0, "right": -1.0}
"""Where a side lies on a frontal image: +1 is to the right."""

AIR = 1.30
"""Attenuation that a full depth of lung takes away from a full depth of soft tissue."""

_APEX_U = 0.15
"""Distance of a lung's apex from the midline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """One invented body. Lengths are fractions of the field."""

    sex: Literal["F", "M"]
    build: float
    """0 thin .. 1 stout."""
    lung_left: float
    """Half width of the chest on the left, midline to inner wall."""
    lung_right: float
    apex_y: float
    dome_right: float
    """Height of the top of the right half of the diaphragm, from the top of the field."""
    dome_drop: float
    """How much lower the left half lies."""
    heart_ratio: float
    """Width of the heart over width of the chest; above 0.5 is large."""
    heart_tilt: float
    """Radians."""
    knob: float
    """Radius of the aortic knob."""
    curve: float
    """Sideways bend of the spine."""
    rib_gap: float
    rib_slope: float
    collar: float
    """Rise of the collar bones."""
    bubble: float
    """Radius of the air in the stomach."""
    markings: float
    """How plainly the vessels of the lung are seen; 1 is usual."""
    texture: int
    """Seed of the vessel trees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lung:
    """One lung laid out on a field: distances that are positive inside it."""

    u: Map
    """Distance from the midline towards this side."""
    wall: Map
    """Distance from the inner chest wall."""
    base: Map
    """Height above the diaphragm."""
    air: Map
    """Air in the way of the beam, 0..1, the heart taken off."""
    top: float
    """Height of the apex, from the top of the field."""
    bottom: float
    """Height of the dome."""
    width: float
    """Midline to inner wall at the widest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chest:
    """A chest laid out on a field, before any finding but the size of its heart."""

    field: Field
    tissue: Map
    """Attenuation of all but the vessels of the lungs, the air taken off."""
    lungs: dict[Side, Lung]
    vessels: dict[Side, Map]
    """Attenuation of the vessels of each lung."""
    heart: Map
    """0..1, path through the heart."""
    hila: dict[Side, tuple[float, float]]
    """(x, y) of the root of each lung."""


def draw_anatomy(rng: np.random.Generator, *, sex: Literal["F", "M"], age: int) -> Anatomy:
    """Invent a body; age in years widens the aorta and bends the spine."""
    width = rng.uniform(0.37, 0.41) - (0.012 if sex == "F" else 0.0)
    lean = rng.normal(0.0, 0.006)
    return Anatomy(
        sex=sex,
        build=rng.uniform(0.0, 1.0),
        lung_left=width - lean,
        lung_right=width + lean,
        apex_y=rng.uniform(0.09, 0.125),
        dome_right=rng.uniform(0.70, 0.76),
        dome_drop=rng.uniform(0.015, 0.045),
        heart_ratio=rng.uniform(0.39, 0.475),
        heart_tilt=rng.uniform(0.45, 0.8),
        knob=rng.uniform(0.032, 0.042) + 0.00012 * age,
        curve=rng.normal(0.0, 0.006),
        rib_gap=rng.uniform(0.068, 0.076),
        rib_slope=rng.uniform(0.04, 0.075),
        collar=rng.uniform(0.03, 0.075),
        bubble=rng.uniform(0.02, 0.055),
        markings=rng.uniform(0.75, 1.25),
        texture=int(rng.integers(2**31)),
    )


def frontal_chest(anatomy: Anatomy, field: Field) -> Chest:
    """Lay a body out on a field, seen from the front."""
    lungs: dict[Side, Lung] = {side: _lung(anatomy, field, side) for side in SIGN}
    heart = _heart(anatomy, lungs["right"], field)
    tissue = _body(anatomy, field) + np.maximum(_middle(anatomy, field), 0.55 * heart)
    tissue += _ribs(anatomy, field, lungs) + _collar_bones(anatomy, field)
    for lung in lungs.values():
        lung.air[...] *= 1.0 - 0.90 * rise(heart, 0.7)
        tissue -= AIR * lung.air
    tissue -= _stomach_air(anatomy, lungs["left"], field)
    hila: dict[Side, tuple[float, float]] = {
        side: (SIGN[side] * 0.085, anatomy.apex_y + (0.335 if side == "left" else 0.36))
        for side in SIGN
    }
    vessels = {side: _vessels(anatomy, field, side, lungs[side], hila[side]) for side in SIGN}
    return Chest(field=field, tissue=tissue, lungs=lungs, vessels=vessels, heart=heart, hila=hila)


def _lung(anatomy: Anatomy, field: Field, side: Side) -> Lung:
    """A dome above, a straight outer wall, a sharp outer lower angle."""
    u = SIGN[side] * field.x
    width = anatomy.lung_left if side == "left" else anatomy.lung_right
    bottom = anatomy.dome_right + 0.018 * field.pose.breath
    bottom += anatomy.dome_drop if side == "left" else 0.0
    top = anatomy.apex_y
    t = np.clip((bottom - field.y) / (bottom - top), 0.0, 1.0)
    wall = _APEX_U + (width - _APEX_U) * np.sqrt(1.0 - t**2.3) - u
    wall -= 0.10 * np.clip(field.y - bottom, 0.0, 1.0)
    inner = u - (0.052 + (_APEX_U - 0.052) * t**7)
    # The dome falls steeply to the outer angle and gently towards the heart.
    across = (u - 0.5 * width) / (0.5 * width)
    outwards, inwards = np.clip(across, 0.0, None), np.clip(across, -1.5, 0.0)
    base = bottom + 0.12 * outwards**2.4 + 0.03 * inwards**2 - field.y
    air = rise(wall, 0.12) * rise(inner, 0.05)
    air *= 0.55 * rise(base, 0.012) + 0.45 * rise(base, 0.14)
    return Lung(u=u, wall=wall, base=base, air=air, top=top, bottom=bottom, width=width)


def _body(anatomy: Anatomy, field: Field) -> Map:
    """Neck, shoulders, trunk and breasts."""
    x, y = np.abs(field.x), field.y
    trunk = 0.44 + 0.04 * anatomy.build
    shoulder = step(y - 0.065 - 0.28 * x**2, 0.06)
    half = 0.095 + 0.02 * anatomy.build + (trunk + 0.05 - 0.095) * shoulder
    half -= 0.05 * step(y - 0.45, 0.25)
    flat = chord((x / half) ** 2) ** 0.75
    thick = 2.1 + 0.35 * anatomy.build + 0.25 * step(y - 0.75, 0.2)
    body = thick * flat
    body += 0.30 * bump(ellipse(field, 0.46, 0.16, 0.10, 0.12))
    body += 0.30 * bump(ellipse(field, -0.46, 0.16, 0.10, 0.12))
    if anatomy.sex == "F":
        reach = 0.13 + 0.04 * anatomy.build
        for sign in SIGN.values():
            breast = chord(ellipse(field, sign * 0.235, 0.60, reach, reach * 0.95))
            body += (0.18 + 0.12 * anatomy.build) * breast * step(y - 0.56, 0.12)
    return body


def _middle(anatomy: Anatomy, field: Field) -> Map:
    """Spine, great vessels and windpipe."""
    x, y = field.x - anatomy.curve * np.sin(3.0 * field.y), field.y
    discs = 0.5 + 0.5 * np.cos(y * (2.0 * math.pi / 0.058))
    spine = step(0.037 - np.abs(x), 0.008) * (0.13 + 0.09 * discs)
    top = anatomy.apex_y
    half = 0.075 - 0.02 * step(y - top - 0.22, 0.06)
    strip = step(half - np.abs(x), 0.02) * step(y - top - 0.02, 0.10) * step(0.80 - y, 0.10)
    knob = chord(ellipse(field, 0.046, top + 0.215, anatomy.knob, anatomy.knob * 1.1))
    trunk = chord(ellipse(field, 0.055, top + 0.30, 0.042, 0.055))
    shade: Map = spine + 0.30 * strip + 0.40 * knob + 0.30 * trunk
    pipe = step(0.016 - np.abs(x + 0.006), 0.006) * step(top + 0.26 - y, 0.02)
    for sign in SIGN.values():
        branch = np.abs(y - top - 0.25 - 0.9 * np.abs(x))
        inside = step(sign * x, 0.008) * step(0.075 - np.abs(x), 0.02)
        pipe = np.maximum(pipe, 0.6 * step(0.013 - branch, 0.008) * inside)
    return shade - 0.30 * pipe


def _heart(anatomy: Anatomy, right: Lung, field: Field) -> Map:
    """Path through the heart, 0..1; its tip points to the patient's left."""
    span = anatomy.heart_ratio * (anatomy.lung_left + anatomy.lung_right)
    tilt, slim = anatomy.heart_tilt, 0.74
    a = 0.5 * span / math.hypot(math.cos(tilt), slim * math.sin(tilt))
    y = right.bottom + 0.005 - 0.42 * span * slim
    ventricles = ellipse(field, 0.16 * span, y, a, slim * a, tilt)
    atrium = ellipse(field, -0.09 * span, y + 0.01, 0.25 * span, 0.34 * span)
    # The outflow tract fills the corner between the left ventricle and the great vessels.
    outflow = ellipse(field, 0.09 * span, y - 0.30 * span, 0.24 * span, 0.40 * span, -0.40)
    path: Map = np.maximum(np.maximum(chord(ventricles), chord(atrium)), 0.9 * chord(outflow))
    return path * step(right.bottom + 0.10 - field.y, 0.05)


def _ribs(anatomy: Anatomy, field: Field, lungs: dict[Side, Lung]) -> Map:
    """Nine pairs: back arcs that slope gently out, fainter front arcs that slope back in."""
    lung = lungs["right"]
    whole = np.zeros_like(field.x)
    for n in range(9):
        start = lung.top + 0.015 + n * anatomy.rib_gap
        t = min(1.0, max(0.0, (lung.bottom - start - 0.07) / (lung.bottom - lung.top)))
        reach = _APEX_U + (lung.width - _APEX_U) * math.sqrt(1.0 - t**2.3) + 0.012
        # A pair lies in a band of rows; the rest of the field is not worth the sums.
        rows = [field.pixel(0.0, start + edge)[1] for edge in (-0.05, 0.38)]
        band = slice(max(0, math.floor(rows[0])), max(0, math.ceil(rows[1])))
        u, y, shade = np.abs(field.x[band]), field.y[band], whole[band]
        q = u / reach
        ends = step(1.0 - q, 0.03) * step(u - 0.03, 0.015)
        back = y - start - anatomy.rib_slope * q - 0.055 * q**4
        shade += (0.27 - 0.012 * n) * _bone(back, 0.0125) * ends
        if 0 < n < 8:
            turn = start + anatomy.rib_slope + 0.055
            front = y - turn - 0.17 * np.clip(1.0 - q, 0.0, 1.0) ** 1.3
            shade += 0.12 * _bone(front, 0.0135) * step(1.0 - q, 0.03) * step(q - 0.5, 0.14)
    return whole


def _bone(across: Map, half: float) -> Map:
    """A bar of bone with brighter rims; `across` is the distance from its middle line."""
    inside = half - np.abs(across)
    return step(inside, 0.004) * (1.0 - 0.35 * step(inside - 0.006, 0.004))


def _collar_bones(anatomy: Anatomy, field: Field) -> Map:
    u = np.abs(field.x)
    bend = 0.010 * np.sin(15.0 * u)
    middle = anatomy.apex_y + 0.085 - anatomy.collar * u / 0.4 + bend
    thick = 0.0135 + 0.006 * step(0.08 - u, 0.04)
    ends = step(u - 0.035, 0.012) * step(0.41 - u, 0.02)
    inside = thick - np.abs(field.y - middle)
    return 0.42 * step(inside, 0.004) * (1.0 - 0.3 * step(inside - 0.007, 0.004)) * ends


def _stomach_air(anatomy: Anatomy, left: Lung, field: Field) -> Map:
    radius = anatomy.bubble
    air = chord(ellipse(field, 0.17, left.bottom + 0.03 + radius, 1.5 * radius, radius))
    return 0.9 * air * rise(-left.base - 0.012, 0.02)


def _vessels(
    anatomy: Anatomy, field: Field, side: Side, lung: Lung, hilum: tuple[float, float]
) -> Map:
    """A tree that thins from the root of the lung outwards."""
    rng = np.random.default_rng([anatomy.texture, side == "left"])
    strokes: list[Stroke] = []
    # One entry a branch still to grow: x, y, direction, width, steps left.
    tips = [
        (*hilum, angle + rng.normal(0.0, 0.08), rng.uniform(0.009, 0.012), 9)
        for angle in np.linspace(-1.35, 1.25, 8)
    ]
    while tips:
        x, y, angle, width, left = tips.pop()
        for step_ in range(left):
            angle += rng.normal(0.0, 0.16)
            x2 = x + SIGN[side] * 0.034 * math.cos(angle)
            y2 = y + 0.034 * math.sin(angle)
            strokes.append(Stroke(points=((x, y), (x2, y2)), width=width, weight=0.75))
            x, y, width = x2, y2, width * 0.84
            if step_ > 0 and rng.uniform() < 0.30:
                tips.append((x, y, angle + rng.choice((-0.6, 0.6)), width * 0.8, left - step_ - 1))
    root = bump(ellipse(field, hilum[0], hilum[1] + 0.01, 0.05, 0.085, -0.25 * SIGN[side]))
    tree = draw_strokes(field, strokes) * rise(lung.wall, 0.20) * lung.air
    mottle = 0.035 * cloud(rng, field.size, 30) + 0.025 * cloud(rng, field.size, 60)
    tree = tree + mottle * lung.air
    return anatomy.markings * (0.30 * tree + 0.38 * root * step(lung.u - 0.03, 0.02))
