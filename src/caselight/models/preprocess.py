"""From pixels as stored to the tensor a tower expects. Its settings travel in the checkpoint."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from caselight.types import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """What is done to every picture before a tower sees it."""

    size_px: int
    """Side of the square the tower takes."""
    mean: tuple[float, float, float]
    """Subtracted from 0..1 values, a channel each."""
    std: tuple[float, float, float]
    """Divides them."""
    trim_fraction: float
    """Share of the height cut off at the top and again at the bottom."""

    def settings(self) -> dict[str, Any]:
        """Return plain values for the checkpoint and for digests."""
        return asdict(self)

    def __call__(self, pixels: Pixels) -> NDArray[np.float32]:
        """Turn one picture into a tower's input.

        A 16-bit file rarely says which part of its range is in use, so such a picture is stretched
        between its own 0.5th and 99.5th percentiles; an 8-bit one is taken as it is.

        Args:
            pixels: u8 or u16, [H, W] or [H, W, 3].

        Returns:
            f32[3, size_px, size_px], normalised by `mean` and `std`.
        """
        cut = round(pixels.shape[0] * self.trim_fraction)
        if pixels.shape[0] - 2 * cut >= 1:
            pixels = pixels[cut : pixels.shape[0] - cut]
        values = _unit_range(pixels)
        planes = [values] if values.ndim == 2 else [values[..., c] for c in range(3)]
        resized = np.stack([_resize(plane, self.size_px) for plane in planes])
        channels = np.broadcast_to(resized, (3, self.size_px, self.size_px))
        mean = np.array(self.mean, dtype=np.float32)[:, None, None]
        std = np.array(self.std, dtype=np.float32)[:, None, None]
        return np.ascontiguousarray((channels - mean) / std, dtype=np.float32)

    def batch(self, pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        """Stack several pictures: f32[B, 3, size_px, size_px]."""
        return np.stack([self(pixels) for pixels in pictures])


def _unit_range(pixels: Pixels) -> NDArray[np.float32]:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255)
    low, high = np.percentile(pixels, (0.5, 99.5))
    spread = max(float(high - low), 1.0)
    scaled = (pixels.astype(np.float32) - np.float32(low)) / np.float32(spread)
    clipped: NDArray[np.float32] = np.clip(scaled, 0.0, 1.0)
    return clipped


def _resize(plane: NDArray[np.float32], size_px: int) -> NDArray[np.float32]:
    picture = PillowImage.fromarray(np.ascontiguousarray(plane))
    resized = picture.resize((size_px, size_px), PillowImage.Resampling.BICUBIC, reducing_gap=None)
    return np.asarray(resized, dtype=np.float32)
