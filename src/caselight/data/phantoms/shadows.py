"""What each finding does to a frontal beam.

Every shadow is cut to the lung of its side by masks that reach exactly 0, so a finding of one
side leaves the other side's pixels as they were. Two are not of one side by nature: edema is
bilateral, and the lead of a pacemaker crosses to the great vein on the right.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from caselight.data.phantoms.anatomy import AIR, SIGN, Anatomy, Chest, Lung, Side
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.shapes import (
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

FIELD_MM = 400.0
"""Width of the field at the patient."""

_ZONE_HEIGHT = {"upper": 0.30, "middle": 0.60, "lower": 0.80}
"""Where a lobe's shadow is centred: fraction of the way from apex to dome."""


def enlarge_heart(anatomy: Anatomy, findings: Sequence[Finding]) -> Anatomy:
    """The body with the heart that its findings say it has."""
    for finding in findings:
        if finding.name == "cardiomegaly":
            ratio = max(anatomy.heart_ratio + 0.06, 0.54 + 0.13 * finding.size)
            return replace(anatomy, heart_ratio=ratio)
    return anatomy


@dataclass(kw_only=True)
class _View:
    """A chest on its way to a film: each finding adds its shadow and takes what it hides."""

    chest: Chest
    vessels: dict[Side, Map]
    """Attenuation of the vessels that can still be seen."""
    dry: dict[Side, Map]
    """0..1, how much of the air has not given way to fluid."""


def frontal_shadow(chest: Chest, findings: Sequence[Finding]) -> Map:
    """Attenuation of a chest with what is wrong in it: f32[H, W], log units."""
    view = _View(
        chest=chest,
        vessels=dict(chest.vessels),
        dry={side: np.ones_like(chest.field.x) for side in SIGN},
    )
    shade = chest.tissue.copy()
    # Fluid first: what it drowns casts less of a shadow of its own.
    for finding in sorted(findings, key=lambda f: f.name != "effusion"):
        draw = _SHADOWS.get(finding.name)
        if draw is not None:
            shade += draw(view, finding)
    for tree in view.vessels.values():
        shade += tree
    return shade


def _side(finding: Finding) -> Side:
    return "left" if finding.side == "left" else "right"


def _filled(lung: Lung, share: Map) -> Map:
    """Attenuation gained where `share` of the air, 0..1, gives way to water."""
    return AIR * lung.air * share


def _place(lung: Lung, finding: Finding, rng: np.random.Generator) -> tuple[float, float]:
    """(u, y) of the middle of a shadow in its lobe, clear of the heart."""
    height = _ZONE_HEIGHT[finding.zone or "lower"]
    y = lung.top + height * (lung.bottom - lung.top) + rng.uniform(-0.03, 0.03)
    out = 0.72 if finding.zone == "lower" and finding.side == "left" else 0.6
    return (out + rng.uniform(-0.06, 0.06)) * lung.width, y


def _consolidation(view: _View, finding: Finding) -> Map:
    side = _side(finding)
    lung, field = view.chest.lungs[side], view.chest.field
    rng = np.random.default_rng(finding.texture)
    u, y = _place(lung, finding, rng)
    reach = 0.085 + 0.085 * finding.size
    lumps = 0.20 * cloud(rng, field.size, 14) + 0.07 * cloud(rng, field.size, 36)
    radius = np.sqrt(ellipse(field, SIGN[side] * u, y, reach, reach * rng.uniform(0.75, 0.95)))
    share = step(0.80 - radius + lumps, 0.45) * step(1.6 - radius, 0.3)
    share *= 0.60 + 0.20 * finding.size
    view.vessels[side] = view.vessels[side] * (1.0 - share)
    return _filled(lung, share * view.dry[side])


def _effusion(view: _View, finding: Finding) -> Map:
    """Fluid that climbs the outer wall: a meniscus."""
    side = _side(finding)
    lung = view.chest.lungs[side]
    level = 0.03 + 0.33 * finding.size**1.2
    # Distance from the wall, as a fraction of the lung: 0 at the wall.
    inwards = np.clip(lung.wall / lung.width, 0.0, 1.0)
    climb = 0.11 * (1.0 - np.clip(inwards / 0.6, 0.0, 1.0)) ** 2.5
    # `base` measures from the dome, which falls away at the wall; fluid lies level.
    surface = view.chest.field.y - (lung.bottom + 0.07 - level - climb)
    share = 0.92 * step(surface, 0.016)
    view.vessels[side] = view.vessels[side] * (1.0 - share)
    view.dry[side] = view.dry[side] * (1.0 - share)
    return _filled(lung, share)


def _pneumothorax(view: _View, finding: Finding) -> Map:
    """Free air at the apex and the outer wall: no vessels in it, a fine line at its edge."""
    side = _side(finding)
    lung, field = view.chest.lungs[side], view.chest.field
    low = np.clip((field.y - lung.top) / (lung.bottom - lung.top), 0.0, 1.0)
    wide = (0.035 + 0.13 * finding.size) * (1.0 - 0.55 * low)
    cap = (0.05 + 0.16 * finding.size) * (1.0 - np.clip(lung.u / 0.33, 0.0, 1.0) ** 2)
    # Depth into the pleural space: positive in the free air, zero at the edge of the lung.
    beside, above = wide - lung.wall, lung.top + cap - field.y
    # A rounded maximum: the lung that has shrunk keeps a round top.
    free = 0.5 * (beside + above + np.sqrt((beside - above) ** 2 + 0.035**2)) - 0.006
    inside = step(lung.air - 0.12, 0.12) * step(lung.base - 0.02, 0.02)
    air = step(free, 0.004) * inside
    line = step(0.0035 - np.abs(free), 0.003) * inside
    view.vessels[side] = view.vessels[side] * (1.0 - air)
    sunken = (1.0 - step(free, 0.004)) * rise(lung.air, 0.3)
    return 0.28 * line - 0.16 * air + (0.04 + 0.20 * finding.size) * sunken


def _nodule(view: _View, finding: Finding) -> Map:
    side = _side(finding)
    lung, field = view.chest.lungs[side], view.chest.field
    rng = np.random.default_rng(finding.texture)
    u, y = _place(lung, finding, rng)
    radius = 0.5 * (finding.size_mm or 0) / FIELD_MM
    x = SIGN[side] * u
    angle = np.arctan2(field.y - y, field.x - x)
    lobes = 1.0 + 0.10 * np.sin(3.0 * angle + rng.uniform(0.0, 6.0))
    ball = chord(ellipse(field, x, y, radius, radius) / lobes**2)
    return 0.75 * (0.4 + 0.6 * view.dry[side]) * ball * step(lung.air - 0.05, 0.05)


def _edema(view: _View, finding: Finding) -> Map:
    """Haze around the roots of both lungs, wide vessels, short lines at the outer bases."""
    field = view.chest.field
    rng = np.random.default_rng(finding.texture)
    lumps = np.clip(1.0 + 0.22 * cloud(rng, field.size, 26), 0.3, 1.7)
    shade = np.zeros_like(field.x)
    for side, lung in view.chest.lungs.items():
        x, y = view.chest.hila[side]
        reach = 0.21 + 0.06 * finding.size
        wing = bump(ellipse(field, x + 0.07 * SIGN[side], y + 0.04, reach, 1.25 * reach))
        share = (0.42 + 0.45 * finding.size) * wing * lumps
        share = np.clip(share + 0.05 * finding.size, 0.0, 0.95)
        shade += _filled(lung, share * view.dry[side])
        strokes = []
        for _ in range(3 + round(5 * finding.size)):
            row = lung.bottom - rng.uniform(0.0, 0.14)
            edge = lung.width - rng.uniform(0.004, 0.012)
            ends = ((SIGN[side] * edge, row), (SIGN[side] * (edge - 0.035), row + 0.003))
            strokes.append(Stroke(points=ends, width=0.004, weight=1.0))
        shade += 0.22 * draw_strokes(field, strokes) * step(lung.air - 0.05, 0.05)
        view.vessels[side] = view.vessels[side] * (1.0 + 0.15 * finding.size)
    return shade


def _atelectasis(view: _View, finding: Finding) -> Map:
    """Plates of airless lung: one to three bands, nearly level."""
    side = _side(finding)
    lung, field = view.chest.lungs[side], view.chest.field
    rng = np.random.default_rng(finding.texture)
    u, y = _place(lung, finding, rng)
    shade = np.zeros_like(field.x)
    for n in range(1 + round(2 * finding.size)):
        slope = rng.uniform(-0.45, 0.25)
        long = rng.uniform(0.075, 0.10) + 0.03 * finding.size
        thick = 0.005 + 0.005 * finding.size
        du = lung.u - (u - 0.02 + rng.uniform(-0.04, 0.04))
        across = field.y - (y - 0.045 * n) - slope * du
        band = step(thick - np.abs(across), 0.005) * step(long - np.abs(du), 0.03)
        shade = np.maximum(shade, band)
    return 0.46 * (0.35 + 0.65 * view.dry[side]) * shade * rise(lung.air, 0.4)


def _device(view: _View, finding: Finding) -> Map:
    """A pacemaker under the skin of one side, its lead through the great vein into the heart."""
    field, side = view.chest.field, _side(finding)
    rng = np.random.default_rng(finding.texture)
    sign, top = SIGN[side], view.chest.lungs[side].top
    x, y = sign * rng.uniform(0.255, 0.285), top + rng.uniform(0.13, 0.16)
    a, b = 0.050 + 0.012 * finding.size, 0.040 + 0.008 * finding.size
    square = np.abs((field.x - x) / a) ** 3.5 + np.abs((field.y - y) / b) ** 3.5
    case = step(1.0 - square, 0.15)
    core = step(
        1.0 - np.abs((field.x - x) / (0.6 * a)) ** 3 - np.abs((field.y - y) / b / 0.55) ** 3, 0.2
    )
    heart = view.chest.heart
    tip_y = view.chest.lungs["right"].bottom - 0.035
    row = heart[min(field.size - 1, int(field.pixel(0.0, tip_y)[1]))]
    reach = float(field.x[0, np.flatnonzero(row > 0.25).max(initial=field.size // 2)])
    tip_x = max(0.06, 0.72 * reach)
    knots = (
        (x, y - 0.8 * b),
        (x - sign * 0.09, y - b - 0.02),
        (sign * 0.09, top + 0.075),
        (-0.03, top + 0.14),
        (-0.052, top + 0.27),
        (-0.05, tip_y - 0.13),
        (-0.005, tip_y - 0.04),
        (tip_x, tip_y),
    )
    lead = Stroke(points=curve(knots), width=0.0055, weight=1.0)
    knob = Stroke(points=curve(knots)[-6:], width=0.0095, weight=1.0)
    wires = draw_strokes(field, (lead, knob))
    return 2.2 * case + 0.9 * core + 1.1 * wires * (1.0 - case)


_Draw = Callable[[_View, Finding], Map]

_SHADOWS: dict[str, _Draw] = {
    "atelectasis": _atelectasis,
    "consolidation": _consolidation,
    "device": _device,
    "edema": _edema,
    "effusion": _effusion,
    "nodule": _nodule,
    "pneumothorax": _pneumothorax,
}
"""`enlarge_heart` does the eighth."""
