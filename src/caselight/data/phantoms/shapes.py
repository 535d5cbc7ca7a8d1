"""Soft shapes on a square field: what the phantoms are drawn with.

A `Field` carries the coordinates of every pixel, already moved by how the patient stood; shapes
are smooth functions of those coordinates, so no edge is a staircase at any size. Masks reach
exactly 0 and exactly 1: a finding leaves pixels that it does not cover untouched.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import PIL.Image
import PIL.ImageDraw

from caselight.types import FloatArray

Map = FloatArray
"""f32[H, W], one value a pixel."""

_SUPERSAMPLE = 3
"""Strokes are drawn this much larger and averaged down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How the patient stood for one exposure."""

    shift_x: float
    """Fraction of the field, positive moves the patient to the right of the image."""
    shift_y: float
    """Fraction of the field, positive moves the patient down."""
    tilt: float
    """Radians, positive turns the patient clockwise."""
    zoom: float
    """1 is the reference distance; larger fills more of the field."""
    breath: float
    """-1..1, how much deeper than usual the breath was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """One line of constant width, for vessels and leads."""

    points: Sequence[tuple[float, float]]
    """(x, y) in patient coordinates, in order along the line."""
    width: float
    """Fraction of the field."""
    weight: float
    """0..1; where strokes cross, the later one is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Patient coordinates of every pixel."""

    x: Map
    """f32[H, W], about -0.5..0.5, 0 on the midline, positive to the right of the image."""
    y: Map
    """f32[H, W], about 0..1, downwards."""
    pose: Pose
    size: int

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Column and row, in pixels from the top left corner, of one point of the patient."""
        cos, sin = math.cos(self.pose.tilt), math.sin(self.pose.tilt)
        x, y = x * self.pose.zoom, (y - 0.5) * self.pose.zoom
        column = cos * x - sin * y + 0.5 + self.pose.shift_x
        row = sin * x + cos * y + 0.5 + self.pose.shift_y
        return column * self.size, row * self.size


@lru_cache(maxsize=4)
def _unit_grid(size: int) -> tuple[Map, Map]:
    """Pixel centres, x then y, -0.5..0.5; read-only because they are shared."""
    centre = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32)
    y, x = np.meshgrid(centre, centre, indexing="ij")
    x.setflags(write=False)
    y.setflags(write=False)
    return x, y


def draw_pose(rng: np.random.Generator) -> Pose:
    """A pose such as a careful radiographer allows."""
    return Pose(
        shift_x=float(np.clip(rng.normal(0.0, 0.008), -0.016, 0.016)),
        shift_y=float(np.clip(rng.normal(0.0, 0.012), -0.03, 0.03)),
        tilt=float(np.clip(rng.normal(0.0, 0.014), -0.03, 0.03)),
        zoom=float(rng.uniform(0.97, 1.03)),
        breath=float(rng.uniform(-1.0, 1.0)),
    )


def make_field(pose: Pose, size: int) -> Field:
    """The coordinates of a `size` by `size` image of a patient in that pose."""
    x, y = _unit_grid(size)
    cos, sin = math.cos(pose.tilt), math.sin(pose.tilt)
    dx, dy = x - pose.shift_x, y - pose.shift_y
    return Field(
        x=(cos * dx + sin * dy) / pose.zoom,
        y=(cos * dy - sin * dx) / pose.zoom + 0.5,
        pose=pose,
        size=size,
    )


def step(distance: Map, width: float) -> Map:
    """0 below -width, 1 above width, smooth between: the edge of a shape."""
    # In place: a page of fresh memory costs more than the sums done in it.
    t = distance * (0.5 / width)
    t += 0.5
    np.clip(t, 0.0, 1.0, out=t)
    slow = t * -2.0
    slow += 3.0
    slow *= t
    slow *= t
    return slow


def rise(distance: Map, width: float) -> Map:
    """0 at and below 0, 1 from `width` on, steepest at 0: how thick a round body is at its rim."""
    t = distance * (1.0 / width)
    np.clip(t, 0.0, 1.0, out=t)
    rest = 2.0 - t
    rest *= t
    return rest


def chord(radius_squared: Map) -> Map:
    """Path through a ball: 1 in the middle, 0 at `radius_squared` 1 and beyond."""
    path: Map = np.sqrt(np.clip(1.0 - radius_squared, 0.0, 1.0))
    return path


def ellipse(field: Field, x: float, y: float, a: float, b: float, tilt: float = 0.0) -> Map:
    """Squared radius in units of an ellipse: below 1 inside.

    Args:
        field: where to draw.
        x: centre, patient coordinates.
        y: centre, patient coordinates.
        a: half axis, horizontal before the tilt.
        b: half axis, vertical before the tilt.
        tilt: radians, positive turns clockwise.

    Returns:
        f32[H, W], 0 or more.
    """
    cos, sin = math.cos(tilt), math.sin(tilt)
    dx, dy = field.x - x, field.y - y
    along, across = dx * (cos / a), dx * (-sin / b)
    if sin != 0.0:
        along += dy * (sin / a)
    across += dy * (cos / b)
    along *= along
    across *= across
    along += across
    return along


def bump(squared: Map) -> Map:
    """A round hump: 1 at 0, 0 with no slope at `squared` 1 and beyond."""
    t: Map = np.clip(1.0 - squared, 0.0, 1.0)
    return t * t


def cloud(rng: np.random.Generator, size: int, cells: int) -> Map:
    """Smooth noise: f32[size, size], about mean 0 and deviation 1, `cells` lumps across."""
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    smooth = PIL.Image.fromarray(coarse).resize((size, size), PIL.Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float32)


def curve(knots: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A curve through all knots: Catmull-Rom, ten points a span."""
    ends = [knots[0], *knots, knots[-1]]
    points = []
    for k in range(len(knots) - 1):
        p0, p1, p2, p3 = (np.array(ends[k + j]) for j in range(4))
        for t in np.linspace(0.0, 1.0, 10):
            point = p1 + 0.5 * t * (p2 - p0)
            point += t**2 * (p0 - 2.5 * p1 + 2.0 * p2 - 0.5 * p3)
            point += t**3 * (1.5 * (p1 - p2) + 0.5 * (p3 - p0))
            points.append((float(point[0]), float(point[1])))
    return points


def draw_strokes(field: Field, strokes: Sequence[Stroke]) -> Map:
    """Lines as a map of weights: f32[H, W], 0..1."""
    scale = _SUPERSAMPLE
    canvas = PIL.Image.new("L", (field.size * scale, field.size * scale))
    pen = PIL.ImageDraw.Draw(canvas)
    for stroke in strokes:
        line = [tuple(scale * c for c in field.pixel(x, y)) for x, y in stroke.points]
        width = max(1, round(stroke.width * field.size * scale))
        pen.line([(c, r) for c, r in line], fill=round(255 * stroke.weight), width=width)
    return np.asarray(canvas.reduce(scale), dtype=np.float32) / 255.0
