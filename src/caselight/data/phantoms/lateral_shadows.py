"""What each finding does to a beam from the side.

Fluid lies in the angle behind, the middle lobe in front over the heart, the lower lobes over the
spine.
"""

from collections.abc import Callable, Sequence

import numpy as np

from caselight.data.phantoms.anatomy import FIELD_MM, Anatomy
from caselight.data.phantoms.canvas import Canvas
from caselight.data.phantoms.devices import lateral_device
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.lateral import FRONT_WALL, LATERAL_AIR, USUAL_DEPTH, SideView
from caselight.data.phantoms.layers import Shadow
from caselight.data.phantoms.shadows import fracture_breaks
from caselight.data.phantoms.shapes import (
    Map,
    bump,
    chord,
    cloud,
    curve,
    ellipse,
    profile,
    rise,
    step,
)
from caselight.data.phantoms.skeleton import break_place

_ZONE_PLACE = {"upper": (-0.02, 0.26), "middle": (-0.12, 0.72), "lower": (0.13, 0.80)}
"""Middle of a lobe: across, and share of the way from apex to dome."""

_WHOLE = (slice(None), slice(None))


def lateral_shadows(
    anatomy: Anatomy, view: SideView, findings: Sequence[Finding]
) -> tuple[Map, list[list[Shadow]]]:
    """What all findings add, and what each adds by itself, as `shadows.frontal_shadows`."""
    shade = np.zeros(view.field.shape, dtype=np.float32)
    shadows: list[list[Shadow]] = []
    for finding in findings:
        draw = _SHADOWS.get(finding.name)
        parts = [] if draw is None else [draw(anatomy, view, finding).astype(np.float32)]
        for part in parts:
            shade += part
        shadows.append([(_WHOLE, part) for part in parts])
    return shade, shadows


def _place(view: SideView, finding: Finding) -> tuple[tuple[float, float], np.random.Generator]:
    rng = np.random.default_rng([finding.texture, 2])
    across, down = _ZONE_PLACE[finding.zone or "lower"]
    x = across + rng.uniform(-0.02, 0.02)
    y = view.top + down * (view.bottom - view.top) + rng.uniform(-0.02, 0.02)
    return (x, y), rng


def _effusion(anatomy: Anatomy, view: SideView, finding: Finding) -> Map:
    """Fluid lies in the angle behind first, and climbs both walls."""
    del anatomy
    x, y, size = view.field.x, view.field.y, finding.size
    share = 0.85 if finding.side == "bilateral" else 0.62
    front, back = np.abs(x + view.deep), np.abs(view.deep - x)
    climb = 0.11 * np.clip(1.0 - np.minimum(front, back) / 0.20, 0.0, 1.0) ** 2
    fluid = step(y - view.bottom - 0.115 + 0.34 * size**1.1 + climb, 0.014)
    return share * LATERAL_AIR * view.air * fluid


def _pneumothorax(anatomy: Anatomy, view: SideView, finding: Finding) -> Map:
    """Faint from the side: a fine line behind the breastbone and over the apex."""
    del anatomy
    x, y, size = view.field.x, view.field.y, finding.size
    wide = view.deep / USUAL_DEPTH
    front = x - wide * profile(FRONT_WALL, y - view.top) - 0.02 - 0.07 * size
    line = step(0.003 - np.abs(front), 0.003) * step(view.air - 0.1, 0.08)
    line = line * step(view.top + 0.40 - y, 0.05)
    return 0.16 * line - 0.06 * step(-front, 0.004) * view.air * step(view.top + 0.40 - y, 0.05)


def _consolidation(anatomy: Anatomy, view: SideView, finding: Finding) -> Map:
    del anatomy
    (x, y), rng = _place(view, finding)
    reach = 0.055 + 0.085 * finding.size
    lumps = 0.18 * cloud(rng, view.field.shape, 14) + 0.10 * cloud(rng, view.field.shape, 34)
    radius = np.sqrt(ellipse(view.field.x, view.field.y, (x, y), 1.15 * reach, 0.9 * reach, 0.4))
    share = (0.34 + 0.20 * finding.size) * step(0.86 - radius + lumps, 0.50)
    return LATERAL_AIR * view.air * share * step(1.6 - radius, 0.2)


def _nodule(anatomy: Anatomy, view: SideView, finding: Finding) -> Map:
    del anatomy
    place, _ = _place(view, finding)
    radius = 0.5 * (finding.size_mm or 0) / FIELD_MM
    ball = chord(ellipse(view.field.x, view.field.y, place, radius, radius))
    shade: Map = (0.36 + 0.22 * finding.size) * ball * step(view.air - 0.05, 0.05)
    return shade


def _edema(anatomy: Anatomy, view: SideView, finding: Finding) -> Map:
    del anatomy
    rng = np.random.default_rng([finding.texture, 2])
    haze = bump(ellipse(view.field.x, view.field.y, (0.03, view.top + 0.34), 0.22, 0.27))
    lumps = np.clip(1.0 + 0.2 * cloud(rng, view.field.shape, 24), 0.3, 1.7)
    shade: Map = (0.16 + 0.42 * finding.size) * LATERAL_AIR * view.air * haze * lumps
    return shade


def _atelectasis(anatomy: Anatomy, view: SideView, finding: Finding) -> Map:
    del anatomy
    (x, y), _ = _place(view, finding)
    bow = view.field.y - y - 0.25 * (view.field.x - x)
    band = step(0.005 + 0.010 * finding.size - np.abs(bow), 0.005)
    reach = 0.07 + 0.05 * finding.size
    shade = band * step(reach - np.abs(view.field.x - x), 0.03)
    return (0.36 + 0.15 * finding.size) * shade * rise(view.air, 0.3)


def _fracture(anatomy: Anatomy, view: SideView, finding: Finding) -> Map:
    """A break at the side is seen edge on: a short dark cleft with a bright rim."""
    canvas, rims = Canvas(view.field, scale=3), Canvas(view.field, scale=3)
    for crack in fracture_breaks(finding):
        _, y = break_place(anatomy, crack)
        x = 0.012 - 0.275 * view.deep / USUAL_DEPTH * 0.05
        cleft = curve(((x - 0.004, y - 0.010), (x, y), (x + 0.004, y + 0.010)), 4)
        canvas.line(cleft, width=max(0.005, crack.gap), weight=1.0)
        wide = 0.012 + crack.callus
        rims.line(cleft + np.array((0.007, crack.offset)), width=wide, weight=1.0)
    return 0.14 * rims.map() - 0.13 * canvas.map()


def _device(anatomy: Anatomy, view: SideView, finding: Finding) -> Map:
    return lateral_device(anatomy, finding, view.field, view.deep)


_SHADOWS: dict[str, Callable[[Anatomy, SideView, Finding], Map]] = {
    "atelectasis": _atelectasis,
    "consolidation": _consolidation,
    "device": _device,
    "edema": _edema,
    "effusion": _effusion,
    "fracture": _fracture,
    "nodule": _nodule,
    "pneumothorax": _pneumothorax,
}
"""An enlarged heart is part of the chest."""
