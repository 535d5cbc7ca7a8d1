"""Fluid and free air between a lung and its wall, from the front."""

import numpy as np

from caselight.data.phantoms.anatomy import AIR
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.layers import Shadow, View, hide_vessels, sides_of
from caselight.data.phantoms.shapes import rise, step


def effusion(view: View, finding: Finding) -> list[Shadow]:
    """Fluid that lies in the outer angle and climbs the wall: a meniscus."""
    shadows: list[Shadow] = []
    for side in sides_of(finding):
        lung = view.chest.lungs[side]
        rng = np.random.default_rng([finding.texture, side == "left"])
        # Fluid on both sides is rarely the same on both.
        size = finding.size
        if finding.side == "bilateral":
            size *= rng.uniform(0.75, 1.0)
        level = -0.055 + 0.40 * size**1.15
        # Distance from the wall, as a share of the lung: 0 at the wall.
        inwards = np.clip(lung.wall / lung.width, 0.0, 1.0)
        climb = (0.075 + 0.07 * size) * (1.0 - np.clip(inwards / 0.55, 0.0, 1.0)) ** 2.2
        # `base` measures from the dome, which falls away at the wall; fluid lies level.
        surface = lung.y - (lung.bottom + 0.045 - level - climb)
        share = 0.94 * step(surface, 0.012)
        share += 0.30 * size * step(surface + 0.05, 0.05) * (1.0 - share)
        hide_vessels(view, side, share)
        view.dry[side] = view.dry[side] * (1.0 - share)
        shade = AIR * lung.air * share
        shade += 0.22 * size * step(surface, 0.02) * step(lung.air - 0.03, 0.03)
        shadows.append((lung.box, shade))
    return shadows


def pneumothorax(view: View, finding: Finding) -> list[Shadow]:
    """Free air at the apex and the outer wall: no vessels in it, a fine line at its edge."""
    shadows: list[Shadow] = []
    for side in sides_of(finding):
        lung, size = view.chest.lungs[side], finding.size
        low = np.clip((lung.y - lung.top) / (lung.bottom - lung.top), 0.0, 1.3)
        wide = (0.020 + 0.17 * size**1.2) * (1.0 - (0.75 - 0.55 * size) * low)
        cap = (0.045 + 0.15 * size) * (1.0 - np.clip(lung.u / 0.36, 0.0, 1.0) ** 2)
        # Depth into the pleural space: positive in the free air, zero at the edge of the lung.
        beside, above = wide - lung.wall, lung.top + cap - lung.y
        # A rounded maximum: the lung that has shrunk keeps a round top.
        free = 0.5 * (beside + above + np.sqrt((beside - above) ** 2 + 0.07**2)) - 0.016
        inside = step(lung.air - 0.10, 0.08) * step(lung.base + 0.01, 0.01)
        air = step(free, 0.004) * inside
        line = step(0.0042 - np.abs(free), 0.0030) * inside
        hide_vessels(view, side, air)
        sunken = (1.0 - step(free, 0.004)) * rise(lung.air, 0.3)
        shade = 0.34 * line - 0.20 * air + (0.02 + 0.26 * size**1.5) * sunken
        shadows.append((lung.box, shade * (0.15 + 0.85 * view.dry[side])))
    return shadows
