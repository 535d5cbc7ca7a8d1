"""Soft shapes on a square field: what the phantoms are drawn with.

A `Field` keeps the coordinates of its columns and of its rows apart, so what depends on one of
them alone costs one line of numbers, and a map is made only where both meet. Edges are smooth
functions of those coordinates, no staircase at any size. Masks reach exactly 0 and exactly 1: a
finding leaves pixels that it does not cover untouched.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from caselight.types import FloatArray

Map = FloatArray
"""f32[H, W], one value a pixel; also f32[1, W] or f32[H, 1] where the other axis is alike."""

Box = tuple[slice, slice]
"""Rows and columns of a part of a field."""

Knots = Sequence[tuple[float, float]]

_MOST_TILT = 0.03
"""Radians."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How the patient stood for one exposure."""

    shift_x: float
    """Fraction of the film, positive moves the patient to the right of the image."""
    shift_y: float
    """Fraction of the film, positive moves the patient down."""
    tilt: float
    """Radians, positive turns the patient clockwise."""
    zoom: float
    """1 is the reference distance; larger fills more of the film."""
    breath: float
    """-1..1, how much deeper than usual the breath was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Patient coordinates of an upright grid, a little wider than the film.

    The patient is drawn upright; `develop` turns the picture by the tilt and cuts it to the film.
    """

    x: Map
    """f32[1, W], about -0.5..0.5, 0 on the midline, positive to the right of the image."""
    y: Map
    """f32[H, 1], about 0..1, downwards."""
    pose: Pose
    size: int
    """Pixels along each side of the film."""
    pad: int
    """Pixels drawn beyond each side of the film."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.y.shape[0], self.x.shape[1]

    def columns(self, x: Map) -> Map:
        """Columns of the grid, in pixels from its left edge, of patient coordinates."""
        return (x * self.pose.zoom + (0.5 + self.pose.shift_x)) * self.size + self.pad

    def rows(self, y: Map) -> Map:
        """Rows of the grid, in pixels from its top edge, of patient coordinates."""
        return ((y - 0.5) * self.pose.zoom + (0.5 + self.pose.shift_y)) * self.size + self.pad

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """The part of the grid that covers a rectangle, cut to the grid; never empty."""
        ends = np.array((left, right)), np.array((top, bottom))
        (c0, c1), (r0, r1) = self.columns(ends[0]), self.rows(ends[1])
        height, width = self.shape
        first, start = (
            min(max(math.floor(c), 0), most - 1) for c, most in ((r0, height), (c0, width))
        )
        last, stop = (
            max(min(math.ceil(c) + 1, most), least + 1)
            for c, most, least in ((r1, height, first), (c1, width, start))
        )
        return slice(first, last), slice(start, stop)

    def part(self, box: Box) -> tuple[Map, Map]:
        """The coordinates of a part: x f32[1, w], y f32[h, 1]."""
        return self.x[:, box[1]], self.y[box[0]]

    def develop(self, shade: Map) -> Map:
        """Turn a map by the patient's tilt and cut it to the film: f32[size, size]."""
        pad, size = self.pad, self.size
        cos, sin = math.cos(self.pose.tilt), math.sin(self.pose.tilt)
        # From a point of the film to the point of the grid that is seen there.
        middle = 0.5 * size
        across = pad + middle - middle * (cos + sin)
        down = pad + middle - middle * (cos - sin)
        turned = PIL.Image.fromarray(shade).transform(
            (size, size),
            PIL.Image.Transform.AFFINE,
            (cos, sin, across, -sin, cos, down),
            PIL.Image.Resampling.BILINEAR,
        )
        return np.asarray(turned, dtype=np.float32)

    def film(self, columns: Map, rows: Map) -> tuple[Map, Map]:
        """Where points of the grid, in pixels, come to lie on the film: columns and rows."""
        cos, sin = math.cos(self.pose.tilt), math.sin(self.pose.tilt)
        middle = 0.5 * self.size
        across, down = columns - self.pad - middle, rows - self.pad - middle
        return cos * across - sin * down + middle, sin * across + cos * down + middle


def draw_pose(rng: np.random.Generator) -> Pose:
    """A pose such as a careful radiographer allows."""
    return Pose(
        shift_x=float(np.clip(rng.normal(0.0, 0.008), -0.016, 0.016)),
        shift_y=float(np.clip(rng.normal(0.0, 0.012), -0.03, 0.03)),
        tilt=float(np.clip(rng.normal(0.0, 0.012), -_MOST_TILT, _MOST_TILT)),
        zoom=float(rng.uniform(0.96, 1.04)),
        breath=float(rng.uniform(-1.0, 1.0)),
    )


def make_field(pose: Pose, size: int) -> Field:
    """The grid for a film of `size` by `size` pixels of a patient in that pose."""
    pad = math.ceil(0.52 * _MOST_TILT * size) + 2
    centre = ((np.arange(-pad, size + pad) + 0.5) / size - 0.5).astype(np.float32)
    x, y = (centre - pose.shift_x) / pose.zoom, (centre - pose.shift_y) / pose.zoom + 0.5
    return Field(x=x[None, :], y=y[:, None], pose=pose, size=size, pad=pad)


def profile(knots: Knots, at: Map) -> Map:
    """A smooth line through all knots, level beyond the ends; like `at` in shape.

    Cubic pieces whose slopes never overshoot: between two knots the line stays between them.
    """
    xs = np.array([x for x, _ in knots], dtype=np.float32)
    ys = np.array([y for _, y in knots], dtype=np.float32)
    gaps = np.diff(xs)
    rises = np.diff(ys) / gaps
    slopes = np.zeros_like(xs)
    both = rises[:-1] * rises[1:]
    total = rises[:-1] + rises[1:]
    slopes[1:-1] = np.where(both > 0.0, 2.0 * both / np.where(total == 0.0, 1.0, total), 0.0)
    k = np.clip(np.searchsorted(xs, at) - 1, 0, len(xs) - 2)
    gap = gaps[k]
    t = np.clip((at - xs[k]) / gap, 0.0, 1.0)
    square, cube = t * t, t * t * t
    line: Map = (2.0 * cube - 3.0 * square + 1.0) * ys[k] + (3.0 * square - 2.0 * cube) * ys[k + 1]
    line += gap * ((cube - 2.0 * square + t) * slopes[k] + (cube - square) * slopes[k + 1])
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


def curve(knots: Knots, n_points: int = 10) -> NDArray[np.float64]:
    """A curve through all knots: Catmull-Rom, `n_points` points a span: f64[N, 2]."""
    ends = np.array([knots[0], *knots, knots[-1]])
    p0, p1, p2, p3 = (ends[j : len(ends) - 3 + j, None] for j in range(4))
    t = np.linspace(0.0, 1.0, n_points)[None, :, None]
    points = p1 + 0.5 * t * (p2 - p0)
    points = points + t**2 * (p0 - 2.5 * p1 + 2.0 * p2 - 0.5 * p3)
    points = points + t**3 * (1.5 * (p1 - p2) + 0.5 * (p3 - p0))
    return points.reshape(-1, 2)


class Canvas:
    """Hard strokes and polygons, drawn large and averaged down. Later ones cover earlier ones."""

    def __init__(self, field: Field, *, scale: int) -> None:
        self._field, self._scale = field, scale
        height, width = field.shape
        self._image = PIL.Image.new("L", (width * scale, height * scale))
        self._pen = PIL.ImageDraw.Draw(self._image)

    def points(self, line: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Patient coordinates f64[N, 2] as points of the canvas."""
        columns = self._field.columns(line[:, 0]) * self._scale
        rows = self._field.rows(line[:, 1]) * self._scale
        return list(zip(columns.tolist(), rows.tolist(), strict=True))

    def length(self, width: float) -> float:
        """A patient length in points of the canvas."""
        return width * self._field.pose.zoom * self._field.size * self._scale

    def line(self, line: NDArray[np.float64], *, width: float, weight: float) -> None:
        """One line of constant width, a fraction of the field; weight 0..1.

        A line too thin for the canvas is drawn as thin as it goes and paler.
        """
        length = self.length(width)
        pale = min(1.0, max(0.25, length))
        self._pen.line(
            self.points(line),
            fill=round(255 * weight * pale),
            width=max(1, round(length)),
            joint="curve",
        )

    def segments(
        self, starts: NDArray[np.float64], stops: NDArray[np.float64], widths: Sequence[float]
    ) -> None:
        """Many short straight lines of full weight: f64[N, 2] each."""
        ends = zip(self.points(starts), self.points(stops), widths, strict=True)
        for start, stop, width in ends:
            length = self.length(width)
            fill = round(255 * min(1.0, max(0.2, length)))
            self._pen.line((start, stop), fill=fill, width=max(1, round(length)))

    def polygon(self, outline: NDArray[np.float64], *, weight: float) -> None:
        """A filled shape: f64[N, 2]; weight 0..1."""
        self._pen.polygon(self.points(outline), fill=round(255 * weight))

    def quads(self, corners: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """A strip of quadrilaterals: f64[N, 4, 2] and f64[N], weights 0..1."""
        flat = self.points(corners.reshape(-1, 2))
        fills = np.round(255 * weights).astype(int).tolist()
        for n, fill in enumerate(fills):
            self._pen.polygon(flat[4 * n : 4 * n + 4], fill=fill)

    def map(self) -> Map:
        """f32[H, W], 0..1."""
        small = self._image.reduce(self._scale)
        return np.asarray(small, dtype=np.float32) * np.float32(1.0 / 255.0)
