"""Uncompressed frames: bytes to the values they store."""

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from caselight.data.dicom.pixel_header import PixelHeader
from caselight.data.dicom.values import contradicted, unsupported


def read_native(
    file: BinaryIO, held: int, header: PixelHeader, frame: int, *, little: bool, words: bool
) -> NDArray[Any]:
    """One frame as the file holds it: [H, W] or [H, W, 3], spare bits and all.

    Args:
        file: stands at the first byte of the pixels.
        held: bytes that follow it and belong to the pixels.
        header: what the pixels are.
        frame: from 0, checked by the caller.
        little: whether the lowest byte of a number comes first.
        words: whether the bytes are stored in 16-bit words (VR OW), which matters where the
            highest comes first.

    Raises:
        DataError: data.truncated, data.unsupported_pixels.
    """
    check_held(held, header)
    if header.allocated == 32 and words and not little:
        # By the standard the words keep their order (PS3.5 2016, A.3); some writers swap them too.
        raise unsupported(
            "samples of 32 bits have the highest byte first, in one of two orders that nothing "
            "tells apart",
            "export it with the lowest byte first",
        )
    start, end = frame * header.frame_bits, (frame + 1) * header.frame_bits
    # Whole words, so that swapped bytes find their own place again.
    first, last = start // 16 * 2, -(-end // 16) * 2
    file.seek(first, 1)
    data = file.read(last - first)
    if not little and words and header.allocated <= 8:
        pairs = np.frombuffer(data + b"\0" * (len(data) % 2), dtype=np.uint8).reshape(-1, 2)
        data = pairs[:, ::-1].tobytes()
    if header.allocated == 1:
        bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), bitorder="little")
        skip = start - 8 * first
        return bits[skip : skip + header.pixels].reshape(header.rows, header.columns)
    skip = start // 8 - first
    return shaped(data[skip : skip + header.frame_bits // 8], header, little=little)


def check_held(held: int, header: PixelHeader) -> None:
    """Refuse pixels that are fewer than the header promises, or a whole frame more."""
    expected = -(-header.frame_bits * header.n_frames // 8)
    whole = header.pixels * header.samples * header.allocated * header.n_frames // 8
    if expected < whole <= held:
        raise contradicted(
            f"the header promises {expected} bytes of halved colours and the file has {held}, "
            "enough for whole ones"
        )
    if held < expected:
        raise contradicted(
            f"the header promises {expected} bytes of pixels and the file has {held}"
        )
    if 8 * held >= header.frame_bits * (header.n_frames + 1) and held - expected > 1:
        raise contradicted(
            f"the header promises {expected} bytes of pixels and the file has {held}, room for "
            "another frame"
        )


def shaped(data: bytes, header: PixelHeader, *, little: bool = True) -> NDArray[Any]:
    """[H, W] or [H, W, 3] from the samples of one frame, signed where the header says so."""
    kind = "i" if header.signed else "u"
    order = "<" if little else ">"
    flat = np.frombuffer(data, dtype=f"{order}{kind}{header.allocated // 8}")
    flat = flat.astype(flat.dtype.newbyteorder("="), copy=False)
    height, width = header.rows, header.columns
    if header.samples == 1:
        return flat.reshape(height, width)
    if header.photometric == "YBR_FULL_422" and flat.size == 2 * header.pixels:
        if width % 2:
            raise unsupported(
                "every two of an odd number of columns share colours", "export as RGB"
            )
        # Two brightnesses, then the blueness and redness that both share.
        quads = flat.reshape(-1, 4)
        pairs = np.stack([quads[:, [0, 2, 3]], quads[:, [1, 2, 3]]], axis=1)
        return pairs.reshape(height, width, 3)
    if header.by_plane:
        return np.moveaxis(flat.reshape(3, height, width), 0, -1)
    return flat.reshape(height, width, 3)


def read_floats(
    file: BinaryIO, held: int, header: PixelHeader, frame: int, *, little: bool
) -> NDArray[np.floating[Any]]:
    """One frame of floating-point pixels, f[H, W].

    Raises:
        DataError: data.truncated.
    """
    check_held(held, header)
    file.seek(frame * header.frame_bits // 8, 1)
    data = file.read(header.frame_bits // 8)
    flat = np.frombuffer(data, dtype=f"{'<' if little else '>'}f{header.allocated // 8}")
    return flat.astype(flat.dtype.newbyteorder("=")).reshape(header.rows, header.columns)


def without_spare_bits(raw: NDArray[Any], header: PixelHeader) -> NDArray[Any]:
    """Keep BitsStored bits below HighBit: C.7.6.3.1.1 gives the others no part in the value.

    Old files keep overlays there.
    """
    bits = 8 * raw.dtype.itemsize
    above = bits - 1 - header.high
    spare = bits - header.stored
    if header.allocated == 1 or not spare:
        return raw
    return (raw << above) >> spare
