"""A chest on its way to a film: what each finding adds to, and what it hides."""

from dataclasses import dataclass

from caselight.data.phantoms.anatomy import SIGN, Anatomy, Side
from caselight.data.phantoms.chest import Chest, Lung
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.shapes import Box, Map

Shadow = tuple[Box, Map]
"""A part of the field and what a finding adds there."""


@dataclass(kw_only=True)
class View:
    """A chest on its way to a film: each finding adds its shadow and takes what it hides."""

    anatomy: Anatomy
    chest: Chest
    vessels: dict[Side, Map]
    """Attenuation of the vessels that can still be seen, on the part of each lung."""
    dry: dict[Side, Map]
    """0..1, how much of each lung's air has not given way to fluid."""


def sides_of(finding: Finding) -> tuple[Side, ...]:
    """The sides that a finding lies on; the right where it names none."""
    if finding.side == "bilateral":
        return ("right", "left")
    return ("left",) if finding.side == "left" else ("right",)


def hide_vessels(view: View, side: Side, share: Map) -> None:
    """Take from the vessels of one lung what lies in water or in free air, `share` 0..1."""
    view.vessels[side] = view.vessels[side] * (1.0 - share)


def place_in(lung: Lung, side: Side, *, down: float, out: float) -> tuple[float, float]:
    """(x, y) of a place in the lung of a side: share of its height, share of its half width."""
    return SIGN[side] * out * lung.width, lung.top + down * (lung.bottom - lung.top)
