"""Soft shapes: what the phantoms are drawn with.

Edges are smooth functions of the patient's coordinates, no staircase at any size. Masks reach
exactly 0 and exactly 1: a finding leaves pixels that it does not cover untouched.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from caselight.types import FloatArray

Map = FloatArray
"""f32[H, W], one value a pixel; also f32[1, W] or f32[H, 1] where the other axis is alike."""

Box = tuple[slice, slice]
"""Rows and columns of a part of a field."""

Knots = tuple[tuple[float, float], ...]
"""Points that a line goes through, in order."""


@lru_cache(maxsize=32)
def _slopes(knots: Knots) -> tuple[Map, Map, Map]:
    """Places, heights and slopes of knots, each f32[K]; the slopes never overshoot."""
    xs = np.array([x for x, _ in knots], dtype=np.float32)
    ys = np.array([y for _, y in knots], dtype=np.float32)
    rises = np.diff(ys) / np.diff(xs)
    slopes = np.zeros_like(xs)
    both = rises[:-1] * rises[1:]
    total = rises[:-1] + rises[1:]
    slopes[1:-1] = np.where(both > 0.0, 2.0 * both / np.where(total == 0.0, 1.0, total), 0.0)
    for values in (xs, ys, slopes):
        values.setflags(write=False)
    return xs, ys, slopes


def profile(knots: Knots, at: Map) -> Map:
    """A smooth line through all knots, level beyond the ends; like `at` in shape.

    Cubic pieces whose slopes never overshoot: between two knots the line stays between them.
    """
    xs, ys, slopes = _slopes(knots)
    k = np.clip(np.searchsorted(xs, at) - 1, 0, len(xs) - 2)
    gap = xs[k + 1] - xs[k]
    t = np.clip((at - xs[k]) / gap, 0.0, 1.0)
    square = t * t
    turn = square * (3.0 - 2.0 * t)
    line: Map = ys[k] + (ys[k + 1] - ys[k]) * turn
    line += gap * (t - 1.0) * t * ((t - 1.0) * slopes[k] + t * slopes[k + 1])
    return line


def step(distance: Map, width: float) -> Map:
    """0 below -width, 1 above width, smooth between: the edge of a shape."""
    # In place: a page of fresh memory costs more than the sums done in it.
    t = distance * np.float32(0.5 / width)
    t += 0.5
    np.clip(t, 0.0, 1.0, out=t)
    slow = t * -2.0
    slow += 3.0
    slow *= t
    slow *= t
    return slow


def rise(distance: Map, width: float) -> Map:
    """0 at and below 0, 1 from `width` on, steepest at 0: how thick a round body is at its rim."""
    t = distance * np.float32(1.0 / width)
    np.clip(t, 0.0, 1.0, out=t)
    rest = 2.0 - t
    rest *= t
    return rest


def chord(radius_squared: Map) -> Map:
    """Path through a ball: 1 in the middle, 0 at `radius_squared` 1 and beyond."""
    path = 1.0 - radius_squared
    np.clip(path, 0.0, 1.0, out=path)
    np.sqrt(path, out=path)
    return path


def bump(squared: Map) -> Map:
    """A round hump: 1 at 0, 0 with no slope at `squared` 1 and beyond."""
    t = 1.0 - squared
    np.clip(t, 0.0, 1.0, out=t)
    t *= t
    return t


def ellipse(
    x: Map, y: Map, centre: tuple[float, float], a: float, b: float, tilt: float = 0.0
) -> Map:
    """Squared radius in units of an ellipse: below 1 inside.

    Args:
        x: f32[1, W], patient coordinates.
        y: f32[H, 1], patient coordinates.
        centre: (x, y) of its middle.
        a: half axis, horizontal before the tilt.
        b: half axis, vertical before the tilt.
        tilt: radians, positive turns clockwise.

    Returns:
        f32[H, W], 0 or more.
    """
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    if tilt == 0.0:
        return (dx * np.float32(1.0 / a)) ** 2 + (dy * np.float32(1.0 / b)) ** 2
    cos, sin = math.cos(tilt), math.sin(tilt)
    along = dx * np.float32(cos / a) + dy * np.float32(sin / a)
    across = dy * np.float32(cos / b) - dx * np.float32(sin / b)
    along *= along
    across *= across
    along += across
    return along


def cloud(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> Map:
    """Smooth noise: f32[H, W], about mean 0 and deviation 1, `cells` lumps across."""
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    smooth = PIL.Image.fromarray(coarse).resize(shape[::-1], PIL.Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float32)


def curve(knots: Sequence[tuple[float, float]], n_points: int = 10) -> NDArray[np.float64]:
    """A curve through all knots: Catmull-Rom, `n_points` points a span: f64[N, 2]."""
    ends = np.array([knots[0], *knots, knots[-1]])
    p0, p1, p2, p3 = (ends[j : len(ends) - 3 + j, None] for j in range(4))
    t = np.linspace(0.0, 1.0, n_points)[None, :, None]
    points = p1 + 0.5 * t * (p2 - p0)
    points = points + t**2 * (p0 - 2.5 * p1 + 2.0 * p2 - 0.5 * p3)
    points = points + t**3 * (1.5 * (p1 - p2) + 0.5 * (p3 - p0))
    line: NDArray[np.float64] = points.reshape(-1, 2)
    return line
