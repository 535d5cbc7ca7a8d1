"""Where slices lie: planes, order along the normal, gaps, and which slices stand for a stack."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

Vector = tuple[float, float, float]
"""Millimetres in the patient: x to the left, y to the back, z to the head."""
Orientation = tuple[float, float, float, float, float, float]
"""Direction of a row, then of a column; ImageOrientationPatient."""
Plane = Literal["sagittal", "coronal", "axial"]

_PLANES: tuple[Plane, ...] = ("sagittal", "coronal", "axial")
_SAME_PLACE_MM = 0.01
"""Slices nearer than this lie at one place."""
_GAP = 1.5
"""A step of more than so many usual steps means that slices are missing."""


def normal(orientation: Orientation) -> Vector:
    """The direction across a slice: rows cross columns."""
    a, b, c, d, e, f = orientation
    return (b * f - c * e, c * d - a * f, a * e - b * d)


def plane(orientation: Orientation) -> Plane:
    """The anatomical plane that a slice lies nearest to."""
    across = [abs(part) for part in normal(orientation)]
    return _PLANES[across.index(max(across))]


def parallel(one: Orientation, other: Orientation) -> bool:
    """Whether two slices lie in one orientation, turned by no more than about 2.5 degrees."""
    rows = sum(a * b for a, b in zip(one[:3], other[:3], strict=True))
    columns = sum(a * b for a, b in zip(one[3:], other[3:], strict=True))
    return rows > 0.999 and columns > 0.999


def distance(position: Vector, orientation: Orientation) -> float:
    """How far along the normal a slice lies, mm, to the hundredth."""
    along = sum(p * n for p, n in zip(position, normal(orientation), strict=True))
    return round(along / _SAME_PLACE_MM) * _SAME_PLACE_MM


def n_missing(distances: Sequence[float]) -> int:
    """Slices that a stack lacks, judged by its usual step.

    Args:
        distances: ascending, mm; slices at one place count once.
    """
    steps = [b - a for a, b in pairwise(distances) if b - a > _SAME_PLACE_MM / 2]
    if len(steps) < 2:
        return 0
    usual = median(steps)
    return sum(max(round(step / usual) - 1, 1) for step in steps if step > _GAP * usual)


def n_doubled(distances: Sequence[float]) -> int:
    """Slices at a place that an earlier one has."""
    return sum(b - a <= _SAME_PLACE_MM / 2 for a, b in pairwise(distances))


def chosen(n: int, k: int | Literal["all"]) -> Sequence[int]:
    """Which of `n` slices in order stand for their stack.

    Cut into `k` shares as equal as can be, each share gives its middle; of a share with two
    middles, the later. `k` = 1 is the middle slice; `k` of `n` or more, or "all", is every one.

    Returns:
        Ascending, each 0..n - 1 and once.
    """
    if k == "all" or k >= n:
        return range(n)
    return [(2 * share + 1) * n // (2 * k) for share in range(k)]
