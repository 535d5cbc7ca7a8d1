"""Bits: signs to bytes and back, and the distance between codes.

A bit is the sign of a real number, +1 or -1, and `sign(0)` is +1: a code has no third symbol.
Bits are packed most significant first, as `numpy.packbits` does. Source: decision 0002.
"""

import numpy as np
from numpy.typing import NDArray

from caselight.errors import CodeError
from caselight.types import Codes, FloatArray


def sign_bits(values: FloatArray) -> NDArray[np.int8]:
    """Return the signs of real values, i8[...] of +1 and -1; zero counts as +1.

    Raises:
        CodeError: `code.not_signs` for a value that is no number.
    """
    if np.isnan(values).any():
        raise CodeError("a value is not a number and has no sign; look for what made it")
    return np.where(values >= 0, 1, -1).astype(np.int8)


def pack_signs(signs: NDArray[np.int8]) -> Codes:
    """Pack signs into bytes.

    Args:
        signs: i8[N, n_bits], every value +1 or -1; n_bits a multiple of 8.

    Returns:
        Codes with u8[N, n_bits // 8].

    Raises:
        CodeError: `code.not_signs` for other values, `code.partial_byte` for a ragged width.
    """
    n_bits = signs.shape[1]
    if n_bits == 0 or n_bits % 8:
        raise CodeError(
            f"a code of {n_bits} bits fills no whole number of bytes; use a multiple of 8",
            code="code.partial_byte",
        )
    if not np.isin(signs, (-1, 1)).all():
        raise CodeError("a code holds values other than +1 and -1; take sign_bits first")
    return Codes(packed=np.packbits(signs > 0, axis=1), n_bits=n_bits)


def unpack_signs(codes: Codes) -> NDArray[np.int8]:
    """Undo `pack_signs`: i8[N, n_bits] of +1 and -1."""
    bits = np.unpackbits(codes.packed, axis=1, count=codes.n_bits).astype(np.int8)
    return (2 * bits - 1).astype(np.int8)


def hamming(a: Codes, b: Codes) -> NDArray[np.int32]:
    """Count the bits that differ between every code of `a` and every code of `b`.

    Works on 64-bit words where the width allows, in blocks of queries, so the working memory
    stays near 64 MiB whatever the sizes.

    Returns:
        i32[len(a), len(b)], 0..n_bits.

    Raises:
        CodeError: `code.partial_byte` when the widths differ.
    """
    if a.n_bits != b.n_bits:
        raise CodeError(
            f"codes of {a.n_bits} and {b.n_bits} bits have no distance; use one width",
            code="code.partial_byte",
        )
    left, right = _words(a.packed), _words(b.packed)
    out = np.zeros((len(a), len(b)), dtype=np.int32)
    step = max(1, (1 << 23) // max(1, len(b)))
    for start in range(0, len(a), step):
        block = slice(start, start + step)
        for word in range(left.shape[1]):
            differ = left[block, word, None] ^ right[None, :, word]
            out[block] += np.bitwise_count(differ)
    return out


def _words(packed: NDArray[np.uint8]) -> NDArray[np.unsignedinteger]:
    """View bytes as the widest unsigned words that fit the row exactly."""
    width = packed.shape[1]
    for size, kind in ((8, np.uint64), (4, np.uint32), (2, np.uint16)):
        if width % size == 0:
            return np.ascontiguousarray(packed).view(kind)
    return packed
