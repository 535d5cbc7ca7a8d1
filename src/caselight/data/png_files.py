"""Writing pictures: lossless, without any metadata, and in one step."""

import secrets
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from caselight.types import Pixels


def save_png(pixels: NDArray[np.uint8] | NDArray[np.uint16], target: Path) -> None:
    """Write u8 or u16 pixels, [H, W] or [H, W, 3], so that reading them back gives the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        if pixels.dtype == np.uint16 and pixels.ndim == 3:
            # Pillow cannot hold 16-bit colour; pypng writes it exactly.
            import png

            height, width, _ = pixels.shape
            writer = png.Writer(width, height, greyscale=False, bitdepth=16, compression=1)
            with staged.open("wb") as file:
                writer.write(file, pixels.reshape(height, -1).tolist())
        else:
            with staged.open("wb") as file:
                PillowImage.fromarray(pixels).save(file, format="PNG", compress_level=1)
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)


def thumbnail(pixels: Pixels, longest: int) -> NDArray[np.uint8]:
    """Return a u8 copy whose longer side is at most `longest`; 16 bits are stretched to fill 8."""
    if pixels.dtype == np.uint16:
        low = float(pixels.min())
        high = max(float(pixels.max()), low + 1.0)
        grey = ((pixels - low) * (255.0 / (high - low))).astype(np.uint8)
    else:
        grey = pixels.astype(np.uint8, copy=False)
    picture = PillowImage.fromarray(grey)
    picture.thumbnail((longest, longest))
    return np.asarray(picture)
