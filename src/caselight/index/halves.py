"""Half precision read back: NumPy does it number by number, these few passes over all at once."""

import numpy as np
from numpy.typing import NDArray

_SIGN_AND_REST = np.int32(-0x7000_2000)
"""Of a half, moved up by 13 bits behind its sign: the sign, five exponent bits and ten more."""
_REBIAS = np.float32(2.0**112)
"""Exponents of a half count from -15, those of a single from -127."""
_BEYOND = np.float32(65_536)
"""What infinity and what is no number would come out as, or more."""


def widened(halves: NDArray[np.float16]) -> NDArray[np.float32]:
    """The same numbers in single precision, f32 of the same shape: all that `astype` gives.

    Args:
        halves: f16[...], of any layout.
    """
    wide = np.ascontiguousarray(halves).view(np.int16).astype(np.int32)
    wide <<= 13
    wide &= _SIGN_AND_REST
    out: NDArray[np.float32] = wide.view(np.float32)
    out *= _REBIAS
    if out.size and max(out.max(), -out.min()) >= _BEYOND:
        return halves.astype(np.float32)
    return out


def unit_vectors(halves: NDArray[np.float16]) -> NDArray[np.float32]:
    """Embeddings as they are searched, f32[K, D], unit length: half precision moves that by 0.0003.

    Args:
        halves: f16[K, D].
    """
    out = widened(halves)
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    return out
