"""Strokes and polygons with hard edges, for bones, vessels and wires."""

from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from caselight.data.phantoms.field import Field
from caselight.data.phantoms.shapes import Box, Map

_FULL_PIPE = 0.011
"""Width of the thinnest pipe that is drawn at full weight, a fraction of the field."""


class Canvas:
    """Hard strokes and polygons, drawn large and averaged down. Later ones cover earlier ones."""

    def __init__(self, field: Field, *, scale: int, box: Box | None = None) -> None:
        """Make an empty canvas for a part of a field, or for all of it."""
        self._field, self._scale = field, scale
        rows, columns = box or (slice(0, field.shape[0]), slice(0, field.shape[1]))
        self._left, self._top = columns.start, rows.start
        size = (columns.stop - columns.start) * scale, (rows.stop - rows.start) * scale
        self._image = PIL.Image.new("L", size)
        self._pen = PIL.ImageDraw.Draw(self._image)

    def points(self, line: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Patient coordinates f64[N, 2] as points of the canvas."""
        columns = (self._field.columns(line[:, 0]) - self._left) * self._scale
        rows = (self._field.rows(line[:, 1]) - self._top) * self._scale
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
        """Many short straight pipes, f64[N, 2] each: the thinner, the paler."""
        lengths = self.length(1.0) * np.array(widths)
        fills = 255.0 * np.clip(np.array(widths) / _FULL_PIPE, 0.0, 1.0) ** 0.7
        fills *= np.clip(lengths, 0.3, 1.0)
        wide = np.maximum(np.round(lengths), 1.0).astype(int).tolist()
        pale = np.round(fills).astype(int).tolist()
        ends = zip(self.points(starts), self.points(stops), wide, pale, strict=True)
        for start, stop, width, fill in ends:
            self._pen.line((start, stop), fill=fill, width=width)

    def polygon(self, outline: NDArray[np.float64], *, weight: float) -> None:
        """A filled shape: f64[N, 2]; weight 0..1."""
        self._pen.polygon(self.points(outline), fill=round(255 * weight))

    def polygons(self, outlines: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Filled shapes of as many corners each: f64[N, P, 2] and f64[N], weights 0..1."""
        corners = outlines.shape[1]
        flat = self.points(outlines.reshape(-1, 2))
        for n, fill in enumerate(np.round(255 * weights).astype(int).tolist()):
            self._pen.polygon(flat[corners * n : corners * (n + 1)], fill=fill)

    def map(self) -> Map:
        """f32[h, w] of the canvas's part of the field, 0..1."""
        small = self._image.reduce(self._scale)
        return np.asarray(small, dtype=np.float32) * np.float32(1.0 / 255.0)
