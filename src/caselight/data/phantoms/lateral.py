"""The same invented chest seen from the side: simpler than the front, with both lungs in one.

The breastbone is on the left of the image and the spine on the right.
"""

import math
from collections.abc import Sequence

import numpy as np

from caselight.data.phantoms.anatomy import Anatomy
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.shapes import (
    Field,
    Map,
    Stroke,
    bump,
    chord,
    cloud,
    curve,
    draw_strokes,
    ellipse,
    rise,
    step,
)

_AIR = 1.55
"""Attenuation that two lungs take away from a full depth of soft tissue."""

_ZONE_PLACE = {"upper": (0.02, 0.30), "middle": (-0.10, 0.54), "lower": (0.14, 0.62)}
"""(x, y) of the middle of a lobe: the middle lobe lies in front, the lower one behind."""


def lateral_shadow(anatomy: Anatomy, findings: Sequence[Finding], field: Field) -> Map:
    """Attenuation of a chest seen from the side: f32[H, W], log units."""
    x, y = field.x, field.y
    deep = 0.285 + 0.035 * anatomy.build
    top = anatomy.apex_y + 0.01
    bottom = anatomy.dome_right + 0.018 * field.pose.breath
    air, base = _air(anatomy, field, deep, top, bottom)
    heart = _heart(anatomy, field, deep, bottom)
    air = air * (1.0 - 0.62 * rise(heart, 0.8))
    shade: Map = _frame(anatomy, field, deep) + 0.12 * heart - _AIR * air
    root = bump(ellipse(field, 0.03, top + 0.34, 0.075, 0.085))
    arch = np.sqrt(ellipse(field, 0.04, top + 0.29, 0.10, 0.12))
    arch = step(0.25 - np.abs(arch - 1.0), 0.25) * step(top + 0.32 - y, 0.10)
    middle = 0.015 + 0.16 * (y - top)
    pipe = step(0.018 - np.abs(x - middle), 0.008) * step(top + 0.30 - y, 0.04)
    shade += 0.30 * root + 0.16 * arch - 0.20 * pipe * step(y - 0.08, 0.06)
    rng = np.random.default_rng([anatomy.texture, 2])
    fine = 0.04 * cloud(rng, field.size, 50) + 0.04 * cloud(rng, field.size, 20)
    shade += anatomy.markings * fine * air
    for finding in findings:
        shade += _finding(finding, field, air, base, deep, bottom)
    return shade


def _air(anatomy: Anatomy, field: Field, deep: float, top: float, bottom: float) -> tuple[Map, Map]:
    """Air of both lungs in the way of the beam, 0..1, and the height above the diaphragm."""
    x, y = field.x, field.y
    t = np.clip((top + 0.36 - y) / 0.36, 0.0, 1.0)
    round_top = np.sqrt(1.0 - t**4.0)
    front = x - 0.03 + (deep + 0.02) * (0.42 + 0.58 * (1.0 - t**2.2)) * round_top
    back = 0.03 + (deep - 0.03) * (0.45 + 0.55 * (1.0 - t**2.5)) * round_top - x
    behind = np.clip(x + 0.10, 0.0, 1.0)
    base = bottom - 0.025 + 0.85 * behind**1.9 - y
    second = base + anatomy.dome_drop
    shared = rise(front, 0.10) * rise(back, 0.09)
    # Over the apices lie the shoulders, so the air grows plainer downwards.
    shared *= 0.35 + 0.65 * step(y - top - 0.12, 0.14)
    return shared * (0.55 * rise(base, 0.02) + 0.45 * rise(second, 0.02)), base


def _heart(anatomy: Anatomy, field: Field, deep: float, bottom: float) -> Map:
    reach = 0.41 * anatomy.heart_ratio * (anatomy.lung_left + anatomy.lung_right)
    x, y = -deep + 0.80 * reach + 0.05, bottom - 0.105
    path = chord(ellipse(field, x, y, 1.20 * reach, 0.82 * reach, 0.75))
    # The great vessels rise from it, softer than the heart itself.
    trunk = bump(ellipse(field, x + 0.45 * reach, y - 0.9 * reach, 0.75 * reach, 1.3 * reach, 0.3))
    whole: Map = np.maximum(path, 0.42 * trunk)
    return whole


def _frame(anatomy: Anatomy, field: Field, deep: float) -> Map:
    """Skin, spine, breastbone and the ribs of both sides."""
    x, y = field.x, field.y
    front = x + deep + 0.05 + 0.015 * np.sin(5.0 * y) + 0.03 * anatomy.build * step(y - 0.5, 0.2)
    front -= 0.30 * np.clip(0.30 - y, 0.0, 1.0) ** 1.3
    back = deep + 0.11 - 0.9 * np.clip(0.25 - y, 0.0, 1.0) ** 1.6 - x
    body = rise(front, 0.22) * rise(back, 0.20)
    thick = 2.1 + 0.35 * anatomy.build + 0.35 * step(y - 0.75, 0.2)
    shade = thick * body + 0.30 * bump(ellipse(field, 0.05, 0.08, 0.30, 0.24)) * body
    if anatomy.sex == "F":
        shade += 0.35 * chord(ellipse(field, -deep - 0.03, 0.58, 0.09, 0.13))
    line = x - deep + 0.055 + 0.25 * (y - 0.50) ** 2
    discs = 0.5 + 0.5 * np.cos((y + 0.25 * line) * (2.0 * math.pi / 0.06))
    blocks = step(0.042 - np.abs(line), 0.007) * step(discs - 0.12, 0.12)
    shade += blocks * (0.30 - 0.12 * y) + 0.08 * step(0.042 - np.abs(line), 0.007)
    plate = np.abs(x + deep + 0.008 - 0.55 * np.clip(0.46 - y, 0.0, 1.0) ** 1.4)
    shade += 0.28 * step(0.010 - plate, 0.006) * step(y - 0.20, 0.04) * step(0.58 - y, 0.04)
    for n in range(10):
        for shift in (0.0, 0.022):
            arc = (
                y - 0.11 - shift - n * anatomy.rib_gap - 0.42 * (deep - x) + 0.35 * (deep - x) ** 2
            )
            ends = step(deep + 0.02 - x, 0.02) * step(x + 0.5 * deep, 0.12)
            shade += 0.085 * step(0.010 - np.abs(arc), 0.005) * ends
    return shade


def _finding(
    finding: Finding, field: Field, air: Map, base: Map, deep: float, bottom: float
) -> Map:
    """What one finding adds; a pneumothorax is rarely seen from the side and adds nothing."""
    rng = np.random.default_rng([finding.texture, 2])
    size = finding.size
    x, y = _ZONE_PLACE[finding.zone or "lower"]
    x, y = x + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.02, 0.02)
    if finding.name == "effusion":
        climb = 0.09 * np.clip(1.0 - np.abs(deep - field.x) / 0.20, 0.0, 1.0) ** 2
        fluid = step(field.y - bottom - 0.09 + 0.02 + 0.26 * size + climb, 0.016)
        return 0.75 * _AIR * air * fluid
    if finding.name == "consolidation":
        reach = 0.085 + 0.075 * size
        lumps = 0.22 * cloud(rng, field.size, 13)
        blob = step(0.85 - np.sqrt(ellipse(field, x, y, reach, reach)) + lumps, 0.45)
        return (0.4 + 0.15 * size) * _AIR * air * blob
    if finding.name == "nodule":
        radius = 0.5 * (finding.size_mm or 0) / 400.0
        return 0.55 * chord(ellipse(field, x, y, radius, radius)) * air
    if finding.name == "edema":
        haze = bump(ellipse(field, 0.02, 0.47, 0.22, 0.27))
        return (0.15 + 0.4 * size) * _AIR * air * haze
    if finding.name == "atelectasis":
        across = field.y - y - 0.25 * (field.x - x)
        band = step(0.006 + 0.004 * size - np.abs(across), 0.005)
        return 0.4 * band * step(0.10 - np.abs(field.x - x), 0.03) * air
    if finding.name == "device":
        front = -deep - 0.004
        case = step(1.0 - ellipse(field, front + 0.05, 0.27, 0.012, 0.045, 0.3), 0.3)
        knots = ((front + 0.05, 0.23), (-0.03, 0.19), (0.0, 0.40), (-0.04, 0.56), (-0.17, 0.65))
        lead = Stroke(points=curve(knots), width=0.005, weight=1.0)
        return 1.8 * case + 0.9 * draw_strokes(field, (lead,))
    return np.zeros_like(base)
