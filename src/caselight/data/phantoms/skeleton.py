"""Bones: ribs as loops in space, spine, collar bones, shoulder blades; and how a rib breaks.

A rib starts at the spine, runs outwards and round the side, and comes back to the front lower
than it left; seen from the front or from the side, it is the same loop. Where it turns away, the
beam meets more of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from caselight.data.phantoms.anatomy import SIGN, Anatomy, Side, wall_at
from caselight.data.phantoms.canvas import Canvas
from caselight.data.phantoms.field import Field
from caselight.data.phantoms.shapes import Map, chord, curve, ellipse, step

N_RIBS = 11
_STEPS = 24
"""Pieces that a rib is drawn with."""
_ROUND = 0.80 * math.pi
"""How far round a rib goes before its end is cartilage, which is not seen."""
_SUPERSAMPLE = 2
_SCALE = 0.5
"""Canvas weight of attenuation 1: what the canvas can hold before it is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One broken rib."""

    rib: int
    side: Side
    at: float
    """0..1, how far round the rib."""
    gap: float
    """Width of the gap along the rib; 0 for a crack that has healed."""
    offset: float
    """How much lower the outer piece lies."""
    callus: float
    """How much thicker the rib has grown there; 0 while it is fresh."""


@lru_cache(maxsize=1)
def _turn() -> tuple[NDArray[np.float64], ...]:
    """Angle round the chest, the share of its width, depth and fall at each step of a rib."""
    angle = np.linspace(0.004 * math.pi, _ROUND, _STEPS + 1)
    share = angle / _ROUND
    out = np.sin(angle) ** 0.78
    # Level or rising behind, then falling ever more steeply.
    fall = 0.55 * share**1.5 + 0.45 / (1.0 + np.exp(-11.0 * (share - 0.60)))
    fall -= 0.10 * np.sin(np.clip(2.6 * share, 0.0, 1.0) * math.pi)
    values = (angle, out, -np.cos(angle), fall)
    for value in values:
        value.setflags(write=False)
    return values


def rib_lines(anatomy: Anatomy, side: Side) -> NDArray[np.float64]:
    """Middle lines of the ribs of one side in space, the first on top.

    Returns:
        f64[N_RIBS, N, 3]: across, height, depth (-1 at the spine, 1 at the breastbone).
    """
    _, out, depth, fall = _turn()
    rib = np.arange(N_RIBS)
    start = anatomy.apex_y - 0.006 + rib * anatomy.rib_gap
    drop = anatomy.rib_fall * (0.50 + 0.06 * np.minimum(rib, 8))
    y = start[:, None] + drop[:, None] * fall
    level = np.maximum(start + 0.45 * drop, anatomy.apex_y + 0.012)
    reach = wall_at(anatomy, side, level) + 0.006
    reach[:2] *= (0.86, 0.97)
    u = 0.034 + (reach[:, None] - 0.034) * out
    return np.stack((SIGN[side] * u, y, np.broadcast_to(depth, y.shape)), axis=2)


def _slopes(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Difference along the last axis but one, as `np.gradient` and faster."""
    slopes = np.empty_like(line)
    slopes[..., 1:-1, :] = line[..., 2:, :] - line[..., :-2, :]
    slopes[..., 0, :] = line[..., 1, :] - line[..., 0, :]
    slopes[..., -1, :] = line[..., -1, :] - line[..., -2, :]
    return slopes


def _band(
    canvas: Canvas,
    line: NDArray[np.float64],
    half: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    rim: float = 0.0030,
    hollow: float = 0.68,
    piece: int = 4,
) -> None:
    """Bones: bands whose rims, the hard shell, are denser than their middle.

    Args:
        canvas: what to draw on.
        line: f64[N, P, 2], the middle lines of N bones.
        half: f64[P], half their width.
        weight: f64[N, P], 0..1.
        rim: width of the shell, a fraction of the field.
        hollow: weight of the middle, a share of that of the rims.
        piece: points that share one weight.
    """
    along = _slopes(line)
    across = np.stack((-along[..., 1], along[..., 0]), axis=-1)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    for wide, dense in ((half, 1.0), (np.maximum(half - rim, 0.3 * half), hollow)):
        upper, lower = line - wide[:, None] * across, line + wide[:, None] * across
        for start in range(0, line.shape[1] - 1, piece):
            part = slice(start, start + piece + 1)
            outline = np.concatenate((upper[:, part], lower[:, part][:, ::-1]), axis=1)
            canvas.polygons(outline, dense * weight[:, part].mean(axis=1))


@lru_cache(maxsize=1)
def _density() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Half width, canvas weight behind and canvas weight before, at each step of a rib."""
    angle, out, _, _ = _turn()
    share = angle / _ROUND
    # The beam meets more of a rib where it turns away from the film.
    turned = np.gradient(out) / np.gradient(angle)
    steep = np.clip(1.0 / np.sqrt(turned**2 + 0.12), 1.0, 1.7)
    half = 0.0082 + 0.0022 * share
    behind = _SCALE * 0.155 * steep
    before = 0.60 * behind * np.clip((1.0 - share) / 0.14, 0.0, 1.0)
    return half, behind, before


def _halves() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which steps of a rib lie behind, and which in front; they share the turn."""
    angle = _turn()[0]
    return angle <= 0.56 * math.pi, angle >= 0.50 * math.pi


def ribs(anatomy: Anatomy, field: Field) -> Map:
    """Attenuation of all ribs from the front: f32[H, W]."""
    behind, before = (Canvas(field, scale=_SUPERSAMPLE) for _ in range(2))
    half, dense, pale = _density()
    back, front = _halves()
    fade = 1.0 - 0.025 * np.arange(N_RIBS)[:, None]
    for side in SIGN:
        lines = rib_lines(anatomy, side)[..., :2]
        _band(behind, lines[:, back], half[back], fade * dense[back])
        _band(before, lines[:9, front], 1.12 * half[front], fade[:9] * pale[front], piece=2)
    return np.float32(anatomy.bone / _SCALE) * (behind.map() + before.map())


def broken_ribs(anatomy: Anatomy, field: Field, breaks: Sequence[Break]) -> Map:
    """What breaks add to `ribs`, and take away: f32[H, W]."""
    whole, broken = (Canvas(field, scale=2 * _SUPERSAMPLE) for _ in range(2))
    half, dense, _ = _density()
    back = _halves()[0]
    at = np.linspace(0.0, 1.0, back.size)[back]
    fine = np.linspace(0.0, at[-1], 8 * len(at))
    for crack in breaks:
        line = rib_lines(anatomy, crack.side)[crack.rib, back, :2]
        bent = np.stack([np.interp(fine, at, column) for column in line.T], axis=1)
        long = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(bent, axis=0), axis=1))))
        off = long - np.interp(crack.at, fine, long)
        thick, heavy = np.interp(fine, at, half[back]), np.interp(fine, at, dense[back])
        heavy = heavy * (1.0 - 0.025 * crack.rib)
        _band(whole, bent[None], thick, heavy[None], piece=16)
        bent[:, 1] += crack.offset * (off > 0.0) * np.clip(1.0 - off / 0.16, 0.0, 1.0)
        swelling = np.clip(1.0 - (off / 0.030) ** 2, 0.0, 1.0)
        thick = thick + crack.callus * swelling
        heavy = heavy * (1.0 + 60.0 * crack.callus * swelling)
        if crack.gap > 0.0:
            # The ends of the pieces turn and stand on edge.
            heavy = heavy * (1.0 + 1.6 * np.exp(-np.abs(off) / 0.012))
        for piece in (off < -0.5 * crack.gap, off > 0.5 * crack.gap):
            shell = np.minimum(heavy[piece], 1.0)
            _band(broken, bent[piece][None], thick[piece], shell[None], piece=3)
    return np.float32(anatomy.bone / _SCALE) * (broken.map() - whole.map())


def break_place(anatomy: Anatomy, crack: Break) -> tuple[float, float]:
    """(x, y) of a break on a frontal film."""
    line = rib_lines(anatomy, crack.side)[crack.rib]
    at = np.linspace(0.0, 1.0, len(line))
    x, y, _ = (float(np.interp(crack.at, at, column)) for column in line.T)
    return x, y


_SCAPULA = (
    *((0.300, 0.165), (0.318, 0.24), (0.345, 0.32), (0.378, 0.405), (0.394, 0.40), (0.408, 0.33)),
    *((0.432, 0.26), (0.452, 0.225), (0.448, 0.165), (0.41, 0.17), (0.36, 0.150)),
)
"""Outline of a shoulder blade, distance from the midline and height."""


def shoulders(anatomy: Anatomy, field: Field) -> Map:
    """Collar bones, shoulder blades and upper arms from the front: f32[H, W]."""
    blades, collars = (Canvas(field, scale=_SUPERSAMPLE) for _ in range(2))
    top = anatomy.apex_y
    wide = 0.5 * (anatomy.lung_left + anatomy.lung_right) - 0.372
    for sign in SIGN.values():
        outline = curve((*_SCAPULA, _SCAPULA[0]), 4)
        outline = outline * np.array((sign, 1.0)) + np.array((sign * wide, top - 0.13))
        blades.polygon(outline, weight=_SCALE * 0.085)
        blades.line(outline, width=0.0032, weight=_SCALE * 0.17)
        spine = np.array(((0.325, 0.195), (0.40, 0.150), (0.47, 0.105))) * (sign, 1.0)
        moved = spine + np.array((sign * wide, top - 0.13))
        blades.line(moved, width=0.011, weight=_SCALE * 0.15)
        # An S: forwards by the breastbone, backwards by the shoulder.
        u = np.linspace(0.032, 0.43, 24)
        rise_ = anatomy.collar * ((u - 0.032) / 0.4) ** 0.8
        height = top + 0.080 - rise_ - 0.010 * np.sin((u - 0.032) * 15.5)
        half = 0.0112 + 0.006 * np.clip((0.085 - u) / 0.05, 0.0, 1.0)
        half += 0.003 * np.clip((u - 0.36) / 0.06, 0.0, 1.0)
        weight = np.full_like(u, _SCALE * 0.27)
        line = np.stack((sign * u, height), axis=1)
        _band(collars, line[None], half, weight[None], rim=0.0036, hollow=0.66, piece=23)
    whole = blades.map() + collars.map()
    for sign in SIGN.values():
        centre = (sign * (0.478 + wide), top + 0.052)
        box = field.box(centre[0] - 0.06, centre[1] - 0.06, centre[0] + 0.06, centre[1] + 0.4)
        x, y = field.part(box)
        radius = np.sqrt(ellipse(x, y, centre, 0.040, 0.042))
        head = _SCALE * 0.16 * step(1.0 - radius, 0.05) * (0.65 + 0.35 * radius)
        shaft = np.abs(x - centre[0] - sign * (0.012 + 0.22 * (y - centre[1])))
        arm = (
            _SCALE * 0.13 * step(0.021 - shaft, 0.003) * (0.55 + 0.45 * step(shaft - 0.013, 0.004))
        )
        whole[box] += np.maximum(head, arm * step(y - centre[1] - 0.02, 0.02))
    return np.float32(anatomy.bone / _SCALE) * whole


def spine(anatomy: Anatomy, field: Field) -> Map:
    """Attenuation of the spine from the front: blocks, discs, pedicles, processes: f32[H, W]."""
    whole = np.zeros(field.shape, dtype=np.float32)
    box = field.box(-0.075, -0.1, 0.075, 1.1)
    x, y = field.part(box)
    bend = anatomy.curve * np.sin(4.5 * y + 0.3) + 0.0015
    x = x - bend
    tall = 0.040 + 0.010 * np.clip(y, 0.0, 1.0)
    phase = np.mod((y - 0.02) / tall, 1.0) - 0.5
    half = 0.0255 + 0.012 * np.clip(y, 0.0, 1.2)
    across = np.abs(x)
    # The waist of a block is narrower than its plates.
    block = step(half - 0.0028 + 0.010 * phase * phase - across, 0.005)
    disc = step(np.abs(phase) - 0.41, 0.05)
    plate = step(0.045 - np.abs(np.abs(phase) - 0.38), 0.03)
    shade = block * (0.15 - 0.05 * disc + 0.03 * plate)
    rim = step(0.0035 - np.abs(across - half + 0.003), 0.0025) * (1.0 - disc)
    shade += 0.06 * rim
    pedicle = np.sqrt(((across - 0.60 * half) / 0.0052) ** 2 + ((phase + 0.12) / 0.17) ** 2)
    shade += 0.10 * step(0.30 - np.abs(pedicle - 0.85), 0.22)
    process = ((x - 0.0008) / 0.0042) ** 2 + ((phase - 0.2) / 0.26) ** 2
    shade += 0.13 * chord(process)
    wing = step(0.0055 - np.abs((phase + 0.10) * tall + 0.10 * (across - half)), 0.003)
    shade += 0.06 * wing * step(half + 0.020 - across, 0.006) * (1.0 - block)
    # The breastbone lies in front of it, with the joints of the collar bones.
    top = anatomy.apex_y
    plate = step(0.026 - 0.05 * np.clip(y - top - 0.06, 0.0, 0.2) - np.abs(x + bend), 0.004)
    shade += 0.05 * plate * step(y - top - 0.065, 0.012)
    # Below the diaphragm the belly hides most of it.
    shade *= 1.0 - 0.45 * step(y - anatomy.dome_right, 0.06)
    whole[box] = anatomy.bone * shade
    return whole


def skeleton(anatomy: Anatomy, field: Field) -> Map:
    """Attenuation of all bones from the front: f32[H, W]."""
    return ribs(anatomy, field) + shoulders(anatomy, field) + spine(anatomy, field)
