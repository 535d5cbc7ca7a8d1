"""Compressed frames to the values they store, with the permissive decoders and no other.

Decoders are called by name, never through a registry: another one that is installed, better or
worse, does not change a picture.
"""

import io
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jpeg_ls  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import decode_pixel_data as decode_openjpeg
from PIL import ImageFile, JpegImagePlugin
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    UID_dictionary,
)
from rle.utils import decode_frame as decode_runs  # type: ignore[attr-defined]

from caselight.data.dicom.codestreams import (
    Codestream,
    check_agrees,
    read_jpeg,
    read_jpeg_2000,
    run_length_planes,
    unboxed,
)
from caselight.data.dicom.pixel_header import PixelHeader
from caselight.data.dicom.values import contradicted, unsupported
from caselight.errors import DataError

_DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    RuntimeError,
    TypeError,
    OverflowError,
    struct.error,
)
"""What the decoders raise, by library and kind of damage."""
_MAY_LOSE = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K)
_DCT = {8: (0xC0, 0xC1, 0xC2), 12: (0xC1,)}
"""Frame markers of lossy JPEG by precision."""
_LOSSLESS_HUFFMAN = 0xC3

Decoded = tuple[NDArray[Any], str]
"""Stored values, [H, W] or [H, W, 3], and the photometric interpretation that they now have."""


def decode_frame(syntax: str, data: bytes, header: PixelHeader) -> Decoded:
    """Decode one frame.

    Args:
        syntax: a transfer syntax of `COMPRESSED`.
        data: the frame's compressed bytes.
        header: what the file says of its pixels; the compressed picture must agree.

    Raises:
        DataError: data.truncated, data.unsupported_pixels, data.unsupported_syntax.
    """
    if header.allocated == 1:
        raise unsupported("single bits are compressed", "export it plain")
    if header.high != header.stored - 1 and syntax != RLELossless:
        raise unsupported(
            f"the compressed samples have {header.stored} bits and the highest is {header.high}",
            "export it with HighBit one less than BitsStored",
        )
    if header.photometric == "PALETTE COLOR" and syntax in _MAY_LOSE:
        raise unsupported("palette numbers are coded with losses", "export it as RGB")
    try:
        return COMPRESSED[syntax](data, header)
    except _DECODE_ERRORS:
        raise contradicted("the compressed picture does not decode") from None


def unsupported_syntax(syntax: str) -> DataError:
    """A refusal of a transfer syntax that no permissive decoder reads exactly."""
    named = f'as "{UID(syntax).name}"' if syntax in UID_dictionary else "in a way without a name"
    return DataError(
        f"the pixels are coded {named}, and that is not read; decompress the file first, for "
        "example with gdcmconv --raw",
        code="data.unsupported_syntax",
    )


def _jpeg(data: bytes, header: PixelHeader) -> Decoded:
    """Lossy JPEG of 8 or 12 bits. The colours are never converted here, only named.

    Which colours they are is said by the picture itself where it does (a JFIF or an Adobe mark, or
    components named R, G, B), as libjpeg reads them, and by the DICOM header where it does not.
    """
    stream = read_jpeg(data)
    check_agrees(stream, header)
    if stream.kind not in _DCT.get(stream.precision, ()):
        raise contradicted("the header says lossy JPEG and the compressed picture is another kind")
    if header.stored != stream.precision or header.signed:
        raise contradicted(
            f"the header says {header.stored} bits{' with signs' * header.signed} and the "
            f"compressed picture has {stream.precision} without"
        )
    if stream.precision == 12:
        return _fitting(_by_deep_libjpeg(data, header), header), _colour_of_jpeg(stream, header)
    mode = "L" if stream.components == 1 else "RGB"
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    # Named as the kind it should become, so that the decoder sees nothing to convert.
    image.tile = [ImageFile._Tile("jpeg", (0, 0, *image.size), 0, (mode, mode))]
    image._mode = mode
    image.load()
    values = np.array(image)
    return values, _colour_of_jpeg(stream, header)


def _colour_of_jpeg(stream: Codestream, header: PixelHeader) -> str:
    """The photometric interpretation of the components themselves."""
    if header.samples == 1:
        return header.photometric
    if header.photometric in ("YBR_RCT", "YBR_ICT"):
        raise contradicted("the header names the colours of JPEG 2000 and the picture is another")
    if len(stream.claims) > 1 or "other" in stream.claims:
        raise unsupported(
            "the compressed picture calls its colours two things at once", "export it as RGB"
        )
    if stream.claims:
        return "RGB" if "RGB" in stream.claims else "YBR_FULL"
    return header.photometric


def _lossless_jpeg(data: bytes, header: PixelHeader) -> Decoded:
    """Lossless JPEG of 2 to 16 bits: patterns of bits, without signs and without mixed colours."""
    stream = read_jpeg(data)
    check_agrees(stream, header)
    if stream.kind != _LOSSLESS_HUFFMAN:
        raise contradicted(
            "the header says lossless JPEG and the compressed picture is another kind"
        )
    if stream.subsampled:
        raise unsupported("colours are stored at a lower resolution", "export it as RGB")
    colour = _plain_colour(header)
    if stream.claims and stream.claims != {colour[:3]}:
        raise unsupported(
            "header and compressed picture call the colours two things", "export it as plain RGB"
        )
    if header.signed and stream.precision < header.stored:
        raise contradicted(
            f"the header says {header.stored} bits with signs and the compressed picture has "
            f"{stream.precision}"
        )
    values = _by_deep_libjpeg(data, header)
    if not header.signed:
        return _fitting(values, header), colour
    signed = _with_signs(values, header.stored)
    for bits in (header.stored, stream.precision):
        # Some writers code the whole cell, its spare bits filled with zeros or with the sign.
        if np.array_equal(signed.astype(np.int32) & ((1 << bits) - 1), values):
            return signed, colour
    raise contradicted(f"the compressed picture has values beyond {header.stored} bits")


def _by_deep_libjpeg(data: bytes, header: PixelHeader) -> NDArray[Any]:
    """Components as they are, u8 up to 8 bits and u16 beyond, by the libjpeg-turbo of imagecodecs.

    Its other decoders of lossless JPEG are not used: damage makes them crash.
    """
    from imagecodecs import JPEG8, jpeg8_decode  # here, since few archives need it

    # Named as the kind it should become, so that the decoder sees nothing to convert.
    kind = JPEG8.CS.GRAYSCALE if header.samples == 1 else JPEG8.CS.RGB
    values: NDArray[Any] = jpeg8_decode(data, colorspace=kind, outcolorspace=kind)
    shape = (header.rows, header.columns, 3)[: 2 if header.samples == 1 else 3]
    return values.reshape(shape)


def _jpeg_ls(data: bytes, header: PixelHeader) -> Decoded:
    stream = read_jpeg(data)
    check_agrees(stream, header)
    if stream.kind != 0xF7:
        raise contradicted("the header says JPEG-LS and the compressed picture is another kind")
    if stream.subsampled:
        raise unsupported("colours are stored at a lower resolution", "export it as RGB")
    if header.signed and (stream.near or stream.precision != header.stored):
        raise unsupported("values with signs are coded with losses", "export it without losses")
    buffer, facts = jpeg_ls.decode_pixel_data(data)
    container = 1 if stream.precision <= 8 else 2
    flat: NDArray[Any] = np.frombuffer(bytes(buffer), dtype=f"<u{container}")
    if stream.components == 1:
        values: NDArray[Any] = flat.reshape(header.rows, header.columns)
    elif facts["interleave_mode"] == 0:
        values = np.moveaxis(flat.reshape(3, header.rows, header.columns), 0, -1)
    else:
        values = flat.reshape(header.rows, header.columns, 3)
    if header.signed:
        values = _with_signs(values, header.stored)
    return _fitting(values, header), _plain_colour(header)


def _jpeg_2000(data: bytes, header: PixelHeader) -> Decoded:
    data = unboxed(data)
    stream = read_jpeg_2000(data)
    check_agrees(stream, header)
    if stream.subsampled:
        raise unsupported("colours are stored at a lower resolution", "export it as RGB")
    transformed = header.photometric in ("YBR_RCT", "YBR_ICT")
    if header.samples == 3 and stream.mixed != transformed and header.photometric != "RGB":
        raise contradicted(
            f"the header says {header.photometric} and the compressed picture was "
            f"{'' if stream.mixed else 'not '}mixed so"
        )
    if stream.signed != header.signed and (stream.signed or stream.precision != header.stored):
        raise contradicted("header and compressed picture disagree on whether values have signs")
    container = 1 if stream.precision <= 8 else 2 if stream.precision <= 16 else 4
    kind = "i" if stream.signed else "u"
    flat = np.frombuffer(bytes(decode_openjpeg(data, version=2)), dtype=f"<{kind}{container}")
    shape = (header.rows, header.columns, 3)[: 2 if header.samples == 1 else 3]
    values = flat.reshape(shape)
    if header.signed and not stream.signed:
        # A common fault of writers: the bits of negative values, coded as if they had no sign.
        values = _with_signs(values, header.stored)
    colour = "RGB" if stream.mixed and header.samples == 3 else _plain_colour(header)
    return _fitting(values, header), colour


def _run_lengths(data: bytes, header: PixelHeader) -> Decoded:
    """RLE: one plane for every byte of every sample, the highest byte first."""
    edges = run_length_planes(data, header)
    planes = [_plane(data[start:end], header) for start, end in pairwise(edges)]
    stacked = np.stack(planes, axis=-1).reshape(header.rows, header.columns, header.samples, -1)
    kind = "i" if header.signed else "u"
    values = stacked.view(f">{kind}{header.allocated // 8}")[..., 0]
    raw = values.astype(values.dtype.newbyteorder("="))
    return raw[..., 0] if header.samples == 1 else raw, _plain_colour(header)


def _plane(runs: bytes, header: PixelHeader) -> NDArray[np.uint8]:
    """u8[H * W]: one plane, decoded as if it were a picture of single bytes.

    On damage in a picture of wider samples this decoder ends the thread; of single bytes, never.
    """
    single = struct.pack("<16I", 1, 64, *[0] * 14) + runs
    plane = np.frombuffer(bytes(decode_runs(single, header.pixels, 8, "<")), dtype=np.uint8)
    try:
        # It stops at what it was asked for, so ask whether there is another row.
        decode_runs(single, header.pixels + header.columns, 8, "<")
    except ValueError:
        return plane
    raise contradicted("the compressed picture has more rows than its header says")


def _plain_colour(header: PixelHeader) -> str:
    """The photometric interpretation of a codec that keeps every component as it is."""
    if header.photometric in ("YBR_RCT", "YBR_ICT"):
        raise contradicted("the header names the colours of JPEG 2000 and the picture is another")
    return "YBR_FULL" if header.photometric == "YBR_FULL_422" else header.photometric


def _with_signs(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Unsigned bit patterns as two's complement numbers of `bits` bits."""
    spare = 8 * values.dtype.itemsize - bits
    return (values << spare).view(f"i{values.dtype.itemsize}") >> spare


def _fitting(values: NDArray[Any], header: PixelHeader) -> NDArray[Any]:
    """Refuse values that need more bits than the header stores."""
    low, high = (0, 1 << header.stored) if not header.signed else _signed_range(header.stored)
    if int(values.min()) < low or int(values.max()) >= high:
        raise contradicted(f"the compressed picture has values beyond {header.stored} bits")
    return values


def _signed_range(bits: int) -> tuple[int, int]:
    return -(1 << (bits - 1)), 1 << (bits - 1)


COMPRESSED: dict[str, Callable[[bytes, PixelHeader], Decoded]] = {
    JPEGBaseline8Bit: _jpeg,
    JPEGExtended12Bit: _jpeg,
    JPEGLossless: _lossless_jpeg,
    JPEGLosslessSV1: _lossless_jpeg,
    JPEGLSLossless: _jpeg_ls,
    JPEGLSNearLossless: _jpeg_ls,
    JPEG2000Lossless: _jpeg_2000,
    JPEG2000: _jpeg_2000,
    HTJ2KLossless: _jpeg_2000,
    HTJ2KLosslessRPCL: _jpeg_2000,
    HTJ2K: _jpeg_2000,
    RLELossless: _run_lengths,
}
"""Transfer syntaxes that are decoded, and how."""
