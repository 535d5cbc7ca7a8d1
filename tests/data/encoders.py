"""Frames compressed by the encoders of our decoders, by Pillow, and by one written here."""

import io
import struct
from collections.abc import Callable
from typing import Any

import imagecodecs
import jpeg_ls
import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGLossless, JPEGLSLossless, RLELossless
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


def as_lossless_jpeg(
    frame: NDArray[Any],
    *,
    bits: int | None = None,
    predictor: int = 1,
    dropped: int = 0,
    rows_apart: int = 0,
    before: bytes = b"",
    sampling: int = 0x11,
) -> bytes:
    """Lossless JPEG, written from the standard (ITU-T T.81, H.1) and not by the decoder's library.

    Args:
        frame: [H, W] or [H, W, 3] of at most 16 bits; negative values keep their bits.
        bits: the precision; the whole sample where left out.
        predictor: 1 to 7.
        dropped: low bits left out (the point transform).
        rows_apart: rows between restart markers; 0 is none.
        before: segments put before the frame header.
        sampling: how often the first component is sampled, as the frame header says it.
    """
    bits = bits or 8 * frame.dtype.itemsize
    height, width, samples = (*frame.shape, 1)[:3]
    plain = frame.view(f"u{frame.dtype.itemsize}").astype(np.int64) & ((1 << bits) - 1)
    plain = plain.reshape(height, width, samples) >> dropped
    step = rows_apart or height
    scans = [
        _entropy_coded(_differences(plain[top : top + step], predictor, bits - dropped))
        for top in range(0, height, step)
    ]
    marks = [b"\xff" + bytes([0xD0 + number % 8]) for number in range(len(scans) - 1)] + [b""]
    ids = range(1, samples + 1)
    shape = [bytes([one, sampling if one == 1 else 0x11, 0]) for one in ids]
    frame_header = struct.pack(">BHHB", bits, height, width, samples) + b"".join(shape)
    chosen = b"".join(bytes([one, 0]) for one in ids)
    return b"".join(
        [
            b"\xff\xd8",
            before,
            _segment(0xC3, frame_header),
            # One Huffman code of five bits for each of the seventeen lengths of a difference.
            _segment(0xC4, bytes([0, 0, 0, 0, 0, 17, *[0] * 11, *range(17)])),
            _segment(0xDD, struct.pack(">H", rows_apart * width)),
            _segment(0xDA, bytes([samples]) + chosen + bytes([predictor, 0, dropped])),
            *(part for pair in zip(scans, marks, strict=True) for part in pair),
            b"\xff\xd9",
        ]
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def _differences(plain: NDArray[np.int64], predictor: int, bits: int) -> NDArray[np.int64]:
    """What is left of the samples between two restart markers behind their prediction."""
    left, above, corner = (np.zeros_like(plain) for _ in range(3))
    left[:, 1:], above[1:], corner[1:, 1:] = plain[:, :-1], plain[:-1], plain[:-1, :-1]
    predicted = (
        left,
        above,
        corner,
        left + above - corner,
        left + ((above - corner) >> 1),
        above + ((left - corner) >> 1),
        (left + above) >> 1,
    )[predictor - 1].copy()
    predicted[0], predicted[:, 0] = left[0], above[:, 0]
    predicted[0, 0] = 1 << (bits - 1)
    return (plain - predicted + 32767) % 65536 - 32767


def _entropy_coded(differences: NDArray[np.int64]) -> bytes:
    """Each difference as the code of its length and its own bits, filled up with ones."""
    flat = differences.reshape(-1)
    length = np.ceil(np.log2(np.abs(flat) + 1)).astype(np.int64)
    own = np.where(length == 16, 0, length)
    words = (length << own) | np.where(flat > 0, flat, flat + (1 << length) - 1) * (own > 0)
    sizes = 5 + own
    ends = np.cumsum(sizes)
    place = np.repeat(ends, sizes) - np.arange(ends[-1]) - 1
    coded = (np.repeat(words, sizes) >> place) & 1
    filled = np.append(coded, np.ones(-len(coded) % 8, dtype=np.int64))
    return np.packbits(filled.astype(np.uint8)).tobytes().replace(b"\xff", b"\xff\x00")


def as_deep_jpeg(frame: NDArray[np.uint16], **options: Any) -> bytes:
    """Lossy JPEG of 12 bits and high quality, by the decoder's own library."""
    return bytes(imagecodecs.jpeg8_encode(frame, **({"level": 98, "bitspersample": 12} | options)))


LOSSLESS: dict[str, Callable[[NDArray[Any]], bytes]] = {
    JPEGLossless: as_lossless_jpeg,
    JPEGLSLossless: as_jpeg_ls,
    JPEG2000Lossless: as_jpeg_2000,
    RLELossless: as_runs,
}
"""Lossless encoders by transfer syntax."""
