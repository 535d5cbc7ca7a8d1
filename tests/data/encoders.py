"""Frames compressed by the encoders that belong to our decoders, and by Pillow."""

import io
from collections.abc import Callable
from typing import Any

import jpeg_ls
import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
from rle.utils import encode_pixel_data


def as_jpeg_ls(frame: NDArray[Any], *, near: int = 0, interleave: int = 2) -> bytes:
    """JPEG-LS; it knows no signs, so negative values keep their bits.

    `interleave` 0 is by plane, 1 by line and 2 by pixel.
    """
    height, width, samples = (*frame.shape, 1)[:3]
    pixels = frame.reshape(height, width, samples)
    if interleave == 0:
        pixels = np.moveaxis(pixels, -1, 0)
    mode = interleave if samples == 3 else None
    bits = 8 * frame.dtype.itemsize
    return bytes(jpeg_ls.encode_buffer(pixels.tobytes(), height, width, samples, bits, near, mode))


def as_jpeg_2000(frame: NDArray[Any], *, mixed: bool = False, **options: Any) -> bytes:
    """JPEG 2000 without losses; `mixed` uses its colour transform."""
    options = {"bits_stored": 8 * frame.dtype.itemsize} | options
    options["photometric_interpretation"] = 1 if mixed else 0
    return bytes(encode_array(np.ascontiguousarray(frame), **options))


def as_runs(frame: NDArray[Any]) -> bytes:
    """RLE Lossless."""
    samples = 3 if frame.ndim == 3 else 1
    planes = np.moveaxis(frame, -1, 0) if samples == 3 else frame
    return bytes(
        encode_pixel_data(
            frame.tobytes(),
            rows=planes.shape[-2],
            columns=planes.shape[-1],
            samples_per_pixel=samples,
            bits_allocated=8 * frame.dtype.itemsize,
            number_of_frames=1,
            byteorder="<",
        )
    )


def as_jpeg(frame: NDArray[np.uint8], **options: Any) -> bytes:
    """Lossy JPEG of high quality, by Pillow."""
    held = io.BytesIO()
    Image.fromarray(frame).save(held, "JPEG", **({"quality": 95, "subsampling": 0} | options))
    return held.getvalue()


LOSSLESS: dict[str, Callable[[NDArray[Any]], bytes]] = {
    JPEGLSLossless: as_jpeg_ls,
    JPEG2000Lossless: as_jpeg_2000,
    RLELossless: as_runs,
}
"""Lossless encoders by transfer syntax."""
