"""The chest of one invented person: what stays the same in all studies of a patient.

Lengths are fractions of the field, and a frontal film is seen from the front: the patient's left
is on the right of the image.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from caselight.data.phantoms.shapes import Knots, Map, profile

Side = Literal["left", "right"]
"""The patient's own."""

SIGN: dict[Side, float] = {"left": 1.0, "right": -1.0}
"""Where a side lies on a frontal image: +1 is to the right."""

FIELD_MM = 400.0
"""Width of the field at the patient."""

AIR = 1.35
"""Attenuation that a full depth of lung takes away from a full depth of soft tissue."""

CARINA = 0.245
"""Height at which the windpipe divides, below the apex of the lungs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """One invented body. Lengths are fractions of the field."""

    sex: Literal["F", "M"]
    age: int
    """Years at the first study."""
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
    lift_left: float
    """How much lung that has lost its air draws up the left half of the diaphragm."""
    lift_right: float
    heart_ratio: float
    """Width of the heart over width of the chest; above 0.5 is large."""
    heart_lean: float
    """Share of the heart's width that lies left of the midline."""
    knob: float
    """Size of the aortic knob; 1 is usual."""
    curve: float
    """Sideways bend of the spine."""
    rib_gap: float
    rib_fall: float
    """How much lower a rib ends than it starts."""
    collar: float
    """Rise of the collar bones from the middle outwards."""
    bubble: float
    """Width of the air in the stomach."""
    breast: float
    """Size of the breasts, 0 for none .. 1."""
    markings: float
    """How plainly the vessels of the lung are seen; 1 is usual."""
    bone: float
    """How dense the bones are; 1 is usual."""
    texture: int
    """Seed of the vessel trees."""


def draw_anatomy(rng: np.random.Generator, *, sex: Literal["F", "M"], age: int) -> Anatomy:
    """Invent a body; age in years widens the aorta, bends the spine and thins the bones."""
    width = rng.uniform(0.355, 0.395) - (0.012 if sex == "F" else 0.0)
    lean = rng.normal(0.0, 0.005)
    return Anatomy(
        sex=sex,
        age=age,
        build=rng.uniform(0.0, 1.0),
        lung_left=width - lean,
        lung_right=width + lean,
        apex_y=rng.uniform(0.11, 0.15),
        dome_right=rng.uniform(0.69, 0.75),
        dome_drop=rng.uniform(0.018, 0.04),
        lift_left=0.0,
        lift_right=0.0,
        heart_ratio=rng.uniform(0.40, 0.475),
        heart_lean=rng.uniform(0.64, 0.70),
        knob=rng.uniform(0.85, 1.1) + 0.004 * max(0, age - 45),
        curve=rng.normal(0.0, 0.004 + 0.00005 * age),
        rib_gap=rng.uniform(0.064, 0.070),
        rib_fall=rng.uniform(0.25, 0.31),
        collar=rng.uniform(0.035, 0.085),
        bubble=rng.uniform(0.3, 1.0),
        breast=rng.uniform(0.3, 1.0) if sex == "F" else 0.0,
        markings=rng.uniform(0.8, 1.25),
        bone=1.1 - 0.004 * max(0, age - 50) + rng.normal(0.0, 0.05),
        texture=int(rng.integers(2**31)),
    )


_OUTER: Knots = (
    *((0.0, 0.36), (0.012, 0.50), (0.04, 0.61), (0.09, 0.71), (0.16, 0.79), (0.28, 0.875)),
    *((0.45, 0.94), (0.65, 0.982), (0.85, 1.0), (1.0, 1.0), (1.2, 0.99), (1.6, 0.95)),
)
"""Outer wall of a lung: share of the way from apex to dome, share of the half width."""


def lung_outline(anatomy: Anatomy, side: Side, breath: float) -> tuple[float, float, float]:
    """Half width, height of the apex and height of the dome of one lung."""
    bottom = anatomy.dome_right + 0.016 * breath
    if side == "left":
        return (
            anatomy.lung_left,
            anatomy.apex_y,
            bottom + anatomy.dome_drop - anatomy.lift_left,
        )
    return anatomy.lung_right, anatomy.apex_y, bottom - anatomy.lift_right


def wall_at(anatomy: Anatomy, side: Side, y: Map) -> Map:
    """Distance from the midline to the inner chest wall at each height; like `y` in shape."""
    # The wall is bone and stays where it is, whatever the diaphragm does.
    width = anatomy.lung_left if side == "left" else anatomy.lung_right
    along = (y - anatomy.apex_y) / (anatomy.dome_right - anatomy.apex_y)
    return width * profile(_OUTER, along)
