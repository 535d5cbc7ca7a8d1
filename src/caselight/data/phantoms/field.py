"""The grid that a patient is drawn on, and the turn from it to the film.

A `Field` keeps the coordinates of its columns and of its rows apart, so what depends on one of
them alone costs one line of numbers, and a map is made only where both meet.
"""

import math
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from caselight.data.phantoms.shapes import Box, Map

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
        turned = self._turned(PIL.Image.fromarray(shade), PIL.Image.Resampling.BILINEAR)
        return np.asarray(turned, dtype=np.float32)

    def develop_bits(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same for a map of bits, which stay as they are: u8[size, size]."""
        turned = self._turned(PIL.Image.fromarray(bits), PIL.Image.Resampling.NEAREST)
        return np.asarray(turned, dtype=np.uint8)

    def _turned(self, image: PIL.Image.Image, how: PIL.Image.Resampling) -> PIL.Image.Image:
        pad, size = self.pad, self.size
        cos, sin = math.cos(self.pose.tilt), math.sin(self.pose.tilt)
        # From a point of the film to the point of the grid that is seen there.
        middle = 0.5 * size
        across = pad + middle - middle * (cos + sin)
        down = pad + middle - middle * (cos - sin)
        way = (cos, sin, across, -sin, cos, down)
        return image.transform((size, size), PIL.Image.Transform.AFFINE, way, how)

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
