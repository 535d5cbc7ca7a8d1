"""The same invented chest seen from the side: both lungs lie over each other.

The breastbone is on the left of the image and the spine on the right: the patient's left side is
against the film, the arms are raised.
"""

import math
from dataclasses import dataclass

import numpy as np

from caselight.data.phantoms.anatomy import CARINA, SIGN, Anatomy, lung_outline
from caselight.data.phantoms.canvas import Canvas
from caselight.data.phantoms.field import Field
from caselight.data.phantoms.shapes import (
    Knots,
    Map,
    bump,
    cloud,
    ellipse,
    profile,
    rise,
    step,
)
from caselight.data.phantoms.skeleton import rib_lines

LATERAL_AIR = 1.40
"""Attenuation that two lungs take away from a full depth of soft tissue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideView:
    """A chest laid out on a field from the side, before any finding but its heart's size."""

    field: Field
    tissue: Map
    """f32[H, W], attenuation of everything."""
    air: Map
    """f32[H, W], air of both lungs in the way of the beam, 0..1."""
    heart: Map
    """f32[H, W], 0..1, path through the heart."""
    deep: float
    """Half depth of the chest."""
    top: float
    bottom: float
    """Height of the higher dome."""


FRONT_WALL: Knots = (
    (-0.1, 0.06),
    (0.0, 0.02),
    (0.10, -0.10),
    (0.22, -0.19),
    (0.40, -0.245),
    (0.8, -0.27),
)
"""Front wall of the lungs: depth below the apex, place across for a chest of usual depth."""

_BACK: Knots = (
    *((-0.1, 0.09), (0.0, 0.12), (0.06, 0.175), (0.16, 0.225), (0.30, 0.255), (0.45, 0.262)),
    *((0.65, 0.25), (0.8, 0.24)),
)

_SKIN: Knots = (
    *((-0.25, -0.22), (-0.08, -0.20), (0.03, -0.205), (0.14, -0.24), (0.28, -0.285)),
    *((0.45, -0.315), (0.65, -0.325), (0.9, -0.32)),
)

_REAR: Knots = (
    (-0.25, 0.27),
    (-0.05, 0.29),
    (0.10, 0.335),
    (0.30, 0.365),
    (0.55, 0.36),
    (0.9, 0.33),
)

USUAL_DEPTH = 0.27
"""Half depth of the chest that `FRONT_WALL` and `_BACK` are drawn for."""

_LATERAL_DOME: Knots = (
    *((-0.30, 0.045), (-0.22, 0.018), (-0.12, 0.0), (-0.02, 0.006), (0.08, 0.036), (0.17, 0.085)),
    *((0.24, 0.142), (0.30, 0.20)),
)
"""Diaphragm: place across, depth below its top."""


def lateral_chest(anatomy: Anatomy, field: Field) -> SideView:
    """Lay a body out on a field, seen from the side."""
    x, y = field.x, field.y
    deep = 0.255 + 0.03 * anatomy.build
    wide = deep / USUAL_DEPTH
    _, top, high = lung_outline(anatomy, "right", field.pose.breath)
    _, _, low = lung_outline(anatomy, "left", field.pose.breath)
    front = x - wide * profile(FRONT_WALL, y - top)
    back = wide * profile(_BACK, y - top) - x
    shared = rise(front, 0.09) * rise(back, 0.08)
    # Over the apices lie the shoulders, so the air grows plainer downwards.
    shared *= 0.30 + 0.70 * step(y - top - 0.13, 0.14)
    dome = profile(_LATERAL_DOME, x / wide)
    air = shared * (
        0.52 * step(high + dome - y, 0.006) + 0.48 * step(low + 0.012 + 1.05 * dome - y, 0.006)
    )
    heart = _heart(anatomy, field, deep, high)
    air *= 1.0 - 0.62 * heart
    tissue = _frame(anatomy, field, deep, top) + 0.05 * heart - LATERAL_AIR * air
    tissue += _middle(anatomy, field, top)
    tissue += _bones(anatomy, field, deep, top)
    # Stomach air under the left, lower dome.
    rng = np.random.default_rng([anatomy.texture, 3])
    reach = 0.05 + 0.05 * anatomy.bubble
    gas = rise(y - low - 0.03 - dome - 3.0 * (x + 0.02) ** 2, 0.02)
    gas = (
        gas
        * rise(low + 0.075 + 0.03 * anatomy.bubble - y, 0.012)
        * rise(reach - np.abs(x + 0.03), 0.03)
    )
    tissue -= 0.5 * gas
    mottle = 0.035 * cloud(rng, field.shape, 50) + 0.035 * cloud(rng, field.shape, 22)
    tissue += anatomy.markings * (mottle + 0.18 * _branches(anatomy, field, top)) * air
    return SideView(
        field=field, tissue=tissue, air=air, heart=heart, deep=deep, top=top, bottom=high
    )


def _heart(anatomy: Anatomy, field: Field, deep: float, bottom: float) -> Map:
    """The heart lies on the diaphragm against the breastbone; 0..1."""
    reach = 0.40 * anatomy.heart_ratio * (anatomy.lung_left + anatomy.lung_right)
    centre = (-deep + 0.93 * reach + 0.015, bottom - 0.56 * reach)
    squared = ellipse(field.x, field.y, centre, 1.35 * reach, 0.92 * reach, 0.80)
    radius = np.sqrt(squared)
    path = 0.40 * step(1.0 - radius, 0.09) + 0.60 * rise(1.0 - radius, 0.55)
    trunk = bump(
        ellipse(
            field.x,
            field.y,
            (centre[0] + 0.55 * reach, centre[1] - 0.95 * reach),
            0.60 * reach,
            1.1 * reach,
            0.35,
        )
    )
    whole: Map = np.maximum(path, 0.55 * trunk) * step(bottom + 0.06 - field.y, 0.03)
    return whole


def _frame(anatomy: Anatomy, field: Field, deep: float, top: float) -> Map:
    """Skin, muscle, raised arms and breasts."""
    x, y = field.x, field.y
    wide = deep / USUAL_DEPTH
    skin = wide * profile(_SKIN, y - top) - 0.03 * anatomy.build * step(y - 0.45, 0.3)
    rear = wide * profile(_REAR, y - top) + 0.02 * anatomy.build
    front, back = x - skin, rear - x
    body = (0.25 * step(front, 0.006) + 0.75 * rise(front, 0.17)) * (
        0.25 * step(back, 0.006) + 0.75 * rise(back, 0.15)
    )
    thick = 2.15 + 0.40 * anatomy.build + 0.25 * step(y - 0.75, 0.2)
    shade: Map = thick * body
    shade += 0.55 * bump(ellipse(x, y, (0.06, 0.03), 0.30, 0.24)) * body
    # The upper arms point up and forwards across the top.
    arm = np.abs((y + 0.02) - 0.18 * (x + 0.25) - 0.05)
    shade += 0.28 * step(0.055 - arm, 0.02) * step(0.10 - x, 0.10)
    if anatomy.breast > 0.0:
        place = (-deep - 0.03, 0.58 + 0.04 * anatomy.breast)
        size = 0.06 + 0.05 * anatomy.breast
        breast = rise(1.0 - ellipse(x, y, place, size, 1.3 * size), 1.0)
        shade += 0.30 * breast * step(front + 0.03, 0.03)
    return shade


def _middle(anatomy: Anatomy, field: Field, top: float) -> Map:
    """Windpipe, arch of the aorta and the roots of the lungs."""
    x, y = field.x, field.y
    middle = 0.000 + 0.16 * (y - top)
    pipe = rise(0.017 - np.abs(x - middle), 0.012) * step(top + CARINA + 0.02 - y, 0.02)
    shade = -0.24 * pipe * step(y - top + 0.10, 0.06)
    ring = np.sqrt(ellipse(x, y, (0.055, top + 0.275), 0.085, 0.105))
    arch = step(0.26 - np.abs(ring - 1.0), 0.10) * step(top + 0.30 - y, 0.10)
    down = step(0.024 - np.abs(x - 0.145), 0.012) * step(y - top - 0.28, 0.08)
    shade += 0.13 * anatomy.knob * np.maximum(arch, 0.7 * down * step(0.75 - y, 0.1))
    shade += 0.30 * bump(ellipse(x, y, (0.035, top + 0.325), 0.050, 0.060, 0.3))
    shade += 0.22 * bump(ellipse(x, y, (0.068, top + 0.365), 0.045, 0.070, -0.4))
    hole = ellipse(x, y, (0.046, top + CARINA + 0.065), 0.011, 0.011)
    shade -= 0.30 * rise(1.0 - hole, 0.8)
    return shade


def _branches(anatomy: Anatomy, field: Field, top: float) -> Map:
    """Vessels of both lungs that spread from the roots."""
    rng = np.random.default_rng([anatomy.texture, 6])
    canvas = Canvas(field, scale=3)
    starts, stops, widths = [], [], []
    for angle in (-2.6, -2.0, -1.4, -0.9, -0.3, 0.25, 0.6, 0.95, 1.3, 1.7, 2.3, 2.8):
        for _ in range(2):
            x, y = rng.normal((0.045, top + 0.335), 0.022)
            width = rng.uniform(0.004, 0.009)
            turn = angle + rng.normal(0.0, 0.2)
            for bend in rng.normal(0.0, 0.16, 11):
                turn += bend
                x2, y2 = x + 0.022 * math.cos(turn), y + 0.022 * math.sin(turn)
                starts.append((x, y))
                stops.append((x2, y2))
                widths.append(width)
                x, y, width = x2, y2, width * 0.88
    canvas.segments(np.array(starts), np.array(stops), widths)
    return canvas.map()


def _bones(anatomy: Anatomy, field: Field, deep: float, top: float) -> Map:
    """Ribs of both sides, spine, breastbone, shoulder blades."""
    wide = deep / USUAL_DEPTH
    canvas = Canvas(field, scale=2)
    for side in SIGN:
        # The side away from the film is a little larger, and lies a little off.
        off = 0.0 if side == "left" else 0.012
        for line in rib_lines(anatomy, side)[1:]:
            across = (0.275 + off) * wide * -line[:, 2] + 0.012
            flat = np.stack((across, line[:, 1] + off), axis=1)
            seen = slice(0, 20)
            canvas.line(flat[seen], width=0.017, weight=0.24)
            canvas.line(flat[seen], width=0.012, weight=0.15)
    whole: Map = 0.40 * canvas.map()
    back = field.box(0.02, -0.1, 0.5, 1.1)
    whole[back] += _spine(*field.part(back), wide, top)
    front = field.box(-0.42, top + 0.05, 0.0, top + 0.48)
    x, y = field.part(front)
    plate_x = wide * profile(FRONT_WALL, y - top) - 0.018
    inside = 0.0095 - np.abs(x - plate_x)
    bone = step(inside, 0.003) * (0.7 + 0.3 * step(0.004 - inside, 0.003))
    joints = 1.0 - 0.5 * step(0.006 - np.abs(np.mod(y, 0.09) - 0.045), 0.003)
    whole[front] += 0.34 * bone * joints * step(y - top - 0.09, 0.02) * step(top + 0.42 - y, 0.03)
    whole *= np.float32(anatomy.bone)
    return whole


def _spine(x: Map, y: Map, wide: float, top: float) -> Map:
    """Blocks, discs and arches of the spine, and a shoulder blade beside it."""
    # The spine bends backwards in the chest.
    line = x - wide * (profile(_BACK, y - top) - 0.072)
    tall = 0.046 + 0.008 * np.clip(y, 0.0, 1.0)
    phase = np.mod(y / tall + 1.5 * line, 1.0) - 0.5
    half = 0.030 + 0.006 * y
    block = step(half - 0.004 + 0.012 * phase * phase - np.abs(line), 0.004)
    disc = step(np.abs(phase) - 0.40, 0.06)
    plate = step(0.05 - np.abs(np.abs(phase) - 0.37), 0.035)
    shade: Map = block * (0.24 - 0.12 * disc + 0.09 * plate) * step(y - top + 0.02, 0.10)
    arch = step(0.030 - np.abs(line - 0.062), 0.012) * step(0.30 - np.abs(phase), 0.12)
    shade += 0.12 * arch
    blade = np.abs(x - 0.20 - 0.25 * (y - 0.25) * wide)
    shade += 0.10 * step(0.006 - blade, 0.004) * step(0.40 - y, 0.03) * step(y - 0.10, 0.05)
    return shade
