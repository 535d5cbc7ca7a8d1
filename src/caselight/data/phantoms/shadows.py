"""What each finding does to a frontal beam.

Every shadow is cut to the lung of its side by masks that reach exactly 0, so a finding of one
side leaves the other side's pixels as they were. What lies in the middle (heart, tubes, wires)
and what is bilateral by nature crosses it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from caselight.data.phantoms.airspace import atelectasis, consolidation, edema, nodule
from caselight.data.phantoms.anatomy import Anatomy
from caselight.data.phantoms.chest import Chest
from caselight.data.phantoms.devices import frontal_device
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.layers import Shadow, View, sides_of
from caselight.data.phantoms.pleura import effusion, pneumothorax
from caselight.data.phantoms.shapes import Map, bump, ellipse, step
from caselight.data.phantoms.skeleton import Break, break_place, broken_ribs
from caselight.data.phantoms.vessels import frontal_vessels


def bend_body(anatomy: Anatomy, findings: Sequence[Finding]) -> Anatomy:
    """The body with the heart that its findings say it has, and the diaphragm drawn up."""
    for finding in findings:
        if finding.name == "cardiomegaly":
            ratio = max(anatomy.heart_ratio + 0.05, 0.52 + 0.15 * finding.size)
            anatomy = replace(anatomy, heart_ratio=ratio)
        if finding.name == "atelectasis" and finding.zone != "upper":
            lift = 0.012 + 0.045 * finding.size
            if finding.side == "left":
                anatomy = replace(anatomy, lift_left=lift)
            else:
                anatomy = replace(anatomy, lift_right=lift)
    return anatomy


def frontal_shadows(
    anatomy: Anatomy, chest: Chest, findings: Sequence[Finding]
) -> tuple[Map, list[list[Shadow]]]:
    """Attenuation of vessels and findings, and what each finding adds by itself.

    Args:
        anatomy: the body, already bent by `bend_body`.
        chest: its lungs and soft tissue.
        findings: what is wrong.

    Returns:
        f32[H, W] to add to a chest without vessels, log units; and the shadows of each finding,
        in order, empty for an enlarged heart, which is part of the chest.
    """
    swell = max((f.size for f in findings if f.name == "edema"), default=0.0)
    view = View(
        anatomy=anatomy,
        chest=chest,
        vessels=frontal_vessels(anatomy, chest, swell=swell),
        dry={side: np.ones_like(lung.air) for side, lung in chest.lungs.items()},
    )
    shade = np.zeros(chest.field.shape, dtype=np.float32)
    shadows: list[list[Shadow]] = [[] for _ in findings]
    # Fluid first: what it drowns casts less of a shadow of its own.
    order = sorted(range(len(findings)), key=lambda n: findings[n].name != "effusion")
    for n in order:
        shadows[n] = _SHADOWS[findings[n].name](view, findings[n])
        for box, part in shadows[n]:
            shade[box] += part
    for side, tree in view.vessels.items():
        shade[chest.lungs[side].box] += tree
    return shade, shadows


_RIBS = {"upper": 2, "middle": 4, "lower": 5}
"""The rib that breaks, by level; the first is 0."""


def fracture_breaks(finding: Finding) -> list[Break]:
    """Which ribs a fracture breaks, and how: healed, a crack, or pieces that have moved."""
    rng = np.random.default_rng(finding.texture)
    first = _RIBS[finding.zone or "middle"] + int(rng.integers(0, 2))
    at = float(rng.uniform(0.24, 0.35))
    breaks = []
    for n in range(1 + round(1.4 * finding.size)):
        for side in sides_of(finding):
            healed = finding.size < 1.0 / 3.0
            breaks.append(
                Break(
                    rib=first + n,
                    side=side,
                    at=at + float(rng.uniform(-0.02, 0.02)),
                    gap=0.0 if healed else 0.009 + 0.010 * finding.size,
                    offset=0.003 if healed else 0.003 + 0.026 * finding.size,
                    callus=0.006 + 0.010 * finding.size if healed else 0.0,
                )
            )
    return breaks


def _fracture(view: View, finding: Finding) -> list[Shadow]:
    """Broken ribs, and where they are fresh a little blood under the pleura beside each."""
    breaks = fracture_breaks(finding)
    shade = broken_ribs(view.anatomy, view.chest.field, breaks)
    for crack in breaks:
        if crack.gap > 0.0:
            lung = view.chest.lungs[crack.side]
            x, y = break_place(view.anatomy, crack)
            blood = bump(ellipse(lung.x, lung.y, (x, y), 0.040, 0.030))
            shade[lung.box] += 0.16 * blood * step(lung.air - 0.05, 0.05)
    return [((slice(None), slice(None)), shade)]


def _device(view: View, finding: Finding) -> list[Shadow]:
    shade = frontal_device(view.anatomy, view.chest, finding)
    return [((slice(None), slice(None)), shade)]


def _cardiomegaly(view: View, finding: Finding) -> list[Shadow]:
    """Nothing more: `bend_body` has drawn it already."""
    del view, finding
    return []


_SHADOWS: dict[str, Callable[[View, Finding], list[Shadow]]] = {
    "atelectasis": atelectasis,
    "cardiomegaly": _cardiomegaly,
    "consolidation": consolidation,
    "device": _device,
    "edema": edema,
    "effusion": effusion,
    "fracture": _fracture,
    "nodule": nodule,
    "pneumothorax": pneumothorax,
}
