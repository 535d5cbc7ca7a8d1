"""What doctors put into a chest, seen from the front and from the side."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from caselight.data.phantoms.anatomy import CARINA, SIGN, Anatomy
from caselight.data.phantoms.canvas import Canvas
from caselight.data.phantoms.chest import Chest
from caselight.data.phantoms.field import Field
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.shapes import Map, curve, step

_SUPERSAMPLE = 3


def _sign(finding: Finding) -> float:
    return SIGN["left" if finding.side == "left" else "right"]


def _lines(field: Field, *lines: tuple[NDArray[np.float64], float, float]) -> Map:
    """Curves with their width and their weight, 0..1: f32[H, W]."""
    canvas = Canvas(field, scale=_SUPERSAMPLE)
    for line, width, weight in lines:
        canvas.line(line, width=width, weight=weight)
    return canvas.map()


def _moved(line: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
    """A line f64[N, 2] beside itself."""
    moved: NDArray[np.float64] = line + np.array((x, y))
    return moved


def _tube(field: Field, line: NDArray[np.float64], *, wide: float, stripe: float) -> Map:
    """A hollow tube: two walls that are seen edge on, and a stripe that stops the beam."""
    beside = _moved(line, 0.3 * wide, 0.0)
    return _lines(field, (line, wide, 0.45), (line, wide - 0.006, 0.16), (beside, stripe, 1.0))


def _pacemaker(anatomy: Anatomy, chest: Chest, finding: Finding) -> Map:
    """A box under the skin of one side, its leads through the great vein into the heart."""
    field, sign = chest.field, _sign(finding)
    rng = np.random.default_rng(finding.texture)
    top = anatomy.apex_y
    x, y = sign * rng.uniform(0.265, 0.295), top + rng.uniform(0.115, 0.15)
    a, b = 0.046 + 0.010 * finding.size, 0.040 + 0.008 * finding.size
    dx, dy = np.abs(field.x - x), np.abs(field.y - y)
    square = (dx / a) ** 3.2 + (dy / b) ** 3.2
    case = step(1.0 - square, 0.15)
    core = step(1.0 - (dx / (0.62 * a)) ** 3 - ((field.y - y - 0.2 * b) / (0.5 * b)) ** 4, 0.2)
    head = step(1.0 - (dx / (0.8 * a)) ** 4 - ((field.y - y + 0.82 * b) / (0.24 * b)) ** 4, 0.3)
    span = anatomy.heart_ratio * (anatomy.lung_left + anatomy.lung_right)
    low = anatomy.dome_right - 0.02
    tip = 0.62 * anatomy.heart_lean * span
    knots = (
        (x - sign * 0.3 * a, y - 0.9 * b),
        (x - sign * 0.085, y - b - 0.035),
        (sign * 0.10, top + 0.055),
        (-0.026, top + 0.115),
        (-0.045, top + 0.24),
        (-0.050, low - 0.14),
        (-0.008, low - 0.03),
        (tip, low),
    )
    to_ventricle = curve(knots)
    lines = [(to_ventricle, 0.0045, 1.0), (to_ventricle[-4:], 0.0075, 1.0)]
    if rng.uniform() < 0.6:
        to_atrium = curve((*knots[:5], (-0.055, low - 0.16), (-0.085, low - 0.145)))
        to_atrium = _moved(to_atrium, 0.004, 0.003)
        lines += [(to_atrium, 0.0045, 1.0), (to_atrium[-3:], 0.0075, 1.0)]
    wires = _lines(field, *lines)
    # What the metal hides is hidden: a lead over the box adds nothing.
    return 1.9 * case + 0.9 * core * case + 0.5 * head + 1.1 * wires * (1.0 - case)


def _central_line(anatomy: Anatomy, chest: Chest, finding: Finding) -> Map:
    """A thin line from the neck or the collar bone of one side to above the right atrium."""
    rng = np.random.default_rng(finding.texture)
    sign, top = _sign(finding), anatomy.apex_y
    tip = (-0.048, top + 0.235 + 0.06 * rng.uniform())
    start = ((sign * 0.078, -0.04), (sign * 0.066, top - 0.05), (sign * 0.058, top + 0.06))
    if rng.uniform() < 0.4:
        start = ((sign * 0.30, top + 0.11), (sign * 0.20, top + 0.06), (sign * 0.10, top + 0.075))
    crossing = ((-0.020, top + 0.13),) if sign > 0 else ((-0.055, top + 0.12),)
    line = curve((*start, *crossing, (-0.047, top + 0.19), tip))
    return 1.0 * _lines(chest.field, (line, 0.0052, 1.0))


def _endotracheal_tube(anatomy: Anatomy, chest: Chest, finding: Finding) -> Map:
    """A tube in the windpipe, its tip some centimetres above where that divides."""
    rng = np.random.default_rng(finding.texture)
    top = anatomy.apex_y
    tip = top + CARINA - rng.uniform(0.055, 0.105)
    line = curve(((0.004, -0.08), (0.002, top - 0.02), (-0.004, top + 0.10), (-0.006, tip)))
    return 1.0 * _tube(chest.field, line, wide=0.021, stripe=0.0042)


def _chest_drain(anatomy: Anatomy, chest: Chest, finding: Finding) -> Map:
    """A thick tube through the side wall, up to the apex or inwards."""
    del anatomy
    rng = np.random.default_rng(finding.texture)
    sign, lung = _sign(finding), chest.lungs["left" if finding.side == "left" else "right"]
    height = lung.bottom - lung.top
    enter = lung.top + height * rng.uniform(0.66, 0.80)
    knots = [(0.50, enter + 0.10), (lung.width + 0.01, enter)]
    if rng.uniform() < 0.7:
        knots += [
            (0.86 * lung.width, enter - 0.10),
            (0.72 * lung.width, lung.top + 0.34 * height),
            (rng.uniform(0.40, 0.52) * lung.width, lung.top + rng.uniform(0.07, 0.15) * height),
        ]
    else:
        knots += [
            (0.82 * lung.width, enter - 0.03),
            (0.58 * lung.width, enter - 0.01),
            (rng.uniform(0.36, 0.44) * lung.width, enter + rng.uniform(0.0, 0.05)),
        ]
    line = curve(knots) * (sign, 1.0)
    stripe = _moved(line, 0.0035, 0.0)
    # The stripe is broken where the last hole of the drain is.
    hole = len(line) - 13
    field = chest.field
    walls = _lines(field, (line, 0.0165, 0.45), (line, 0.0100, 0.22))
    marks = _lines(field, (stripe[:hole], 0.0050, 1.0), (stripe[hole + 2 :], 0.0050, 1.0))
    return 0.42 * walls + 0.62 * marks


def _nasogastric_tube(anatomy: Anatomy, chest: Chest, finding: Finding) -> Map:
    """A thin tube down the gullet into the stomach, under the left dome."""
    rng = np.random.default_rng(finding.texture)
    top, low = anatomy.apex_y, chest.lungs["left"].bottom
    knots = (
        (0.010, -0.08),
        (0.012, top + 0.05),
        (0.012, top + 0.24),
        (0.006, low - 0.16),
        (0.022, low - 0.01),
        (0.070, low + 0.045),
        (0.125 + 0.05 * rng.uniform(), low + 0.075 + 0.04 * rng.uniform()),
        (0.150 + 0.05 * rng.uniform(), low + 0.13),
    )
    line = curve(knots)
    return 1.0 * _lines(chest.field, (line, 0.0062, 0.7), (line, 0.0030, 1.0))


def _sternal_wires(anatomy: Anatomy, chest: Chest, finding: Finding) -> Map:
    """Loops of wire that hold a breastbone together after surgery, one above the other."""
    rng = np.random.default_rng(finding.texture)
    turn = np.linspace(0.0, 2.0 * np.pi, 15)
    lines = []
    n_wires = 5 + int(rng.integers(0, 3))
    for n in range(n_wires):
        y = anatomy.apex_y + 0.11 + n * 0.36 / n_wires
        a, b = rng.uniform(0.011, 0.016), rng.uniform(0.007, 0.011)
        lean = rng.uniform(-0.5, 0.5)
        loop = np.stack(
            (a * np.cos(turn) + rng.normal(0.0, 0.003), y + b * np.sin(turn + lean)), axis=1
        )
        tail = np.array(((a * 0.3, y), (a * 0.3 + 0.010, y - 0.008)))
        lines += [(loop, 0.0034, 1.0), (tail, 0.0042, 1.0)]
    return 1.5 * _lines(chest.field, *lines)


_FRONTAL: dict[str, Callable[[Anatomy, Chest, Finding], Map]] = {
    "central_line": _central_line,
    "chest_drain": _chest_drain,
    "endotracheal_tube": _endotracheal_tube,
    "nasogastric_tube": _nasogastric_tube,
    "pacemaker": _pacemaker,
    "sternal_wires": _sternal_wires,
}


def frontal_device(anatomy: Anatomy, chest: Chest, finding: Finding) -> Map:
    """Attenuation of one device from the front: f32[H, W], log units."""
    return _FRONTAL[finding.kind or "pacemaker"](anatomy, chest, finding)


def lateral_device(anatomy: Anatomy, finding: Finding, field: Field, deep: float) -> Map:
    """Attenuation of one device from the side: f32[H, W], log units.

    Args:
        anatomy: the body.
        finding: the device.
        field: where it lies; the breastbone is on the left.
        deep: half depth of the chest, a fraction of the field.
    """
    rng = np.random.default_rng([finding.texture, 2])
    top, low = anatomy.apex_y, anatomy.dome_right
    if finding.kind == "chest_drain":
        back = curve(
            ((0.02, low - 0.10), (0.10, low - 0.22), (0.07, top + 0.22), (0.02, top + 0.1))
        )
        return 0.30 * _lines(field, (back, 0.016, 0.5)) + 0.45 * _lines(field, (back, 0.005, 1.0))
    if finding.kind == "central_line":
        line = curve(((-0.02, -0.05), (-0.03, top + 0.05), (-0.045, top + 0.27)))
        return 0.50 * _lines(field, (line, 0.005, 1.0))
    if finding.kind == "endotracheal_tube":
        line = curve(((-0.04, -0.08), (-0.01, top), (0.018, top + CARINA - 0.07)))
        return 0.65 * _tube(field, line, wide=0.021, stripe=0.0042)
    if finding.kind == "nasogastric_tube":
        line = curve(((-0.01, -0.08), (0.03, top + 0.1), (0.075, low - 0.1), (0.0, low + 0.08)))
        return 0.65 * _lines(field, (line, 0.0055, 1.0))
    if finding.kind == "sternal_wires":
        wires = []
        for n in range(6):
            y = top + 0.13 + 0.055 * n
            x = -deep - 0.010 + 0.55 * max(0.0, 0.46 - y) ** 1.4
            wires.append((np.array(((x, y - 0.006), (x + 0.012, y + 0.006))), 0.004, 1.0))
        return 1.0 * _lines(field, *wires)
    front = -0.86 * deep + 0.035
    y = top + 0.14 + rng.uniform(-0.01, 0.01)
    dx, dy = (field.x - front) / 0.013, (field.y - y) / 0.045
    case = step(1.0 - dx * dx - dy * dy, 0.3)
    lead = curve(
        (
            *((front, y - 0.04), (-0.05, top + 0.06), (-0.015, top + 0.18)),
            *((-0.03, top + 0.38), (-0.08, low - 0.05), (-0.16, low - 0.02)),
        )
    )
    return 1.8 * case + 0.85 * _lines(field, (lead, 0.005, 1.0), (lead[-4:], 0.009, 1.0))
