"""Fingerprints of pictures: one that says "the same pixels", one that says "nearly the same"."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from caselight.types import FloatArray, IntArray, Pixels

DHASH_BITS = 256
_SIDE = 16
_LUMA = np.array([0.299, 0.587, 0.114])
_DEAD_ZONE = 0.005
"""Smallest step between cells that counts, as a fraction of the picture's own range.

Without it the bits of an empty border are the compression noise of that border: re-saving teaching
slices as JPEG then flips up to 70 bits instead of at most 32.
"""
_BLOCK = 1024


def pixel_digest(pixels: Pixels) -> str:
    """SHA-256 of shape, type and pixels, in hex: equal exactly when the pixels are.

    Args:
        pixels: u8 or u16, [H, W] or [H, W, 3].

    Returns:
        64 hex characters, the same on machines of either byte order.
    """
    shape = "x".join(str(side) for side in pixels.shape)
    header = f"{shape} u{8 * pixels.dtype.itemsize}\n".encode("ascii")
    little = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))
    return hashlib.sha256(header + little.tobytes()).hexdigest()


def difference_hash(pixels: Pixels) -> str:
    """256-bit horizontal difference hash: near pictures get near hashes.

    The picture is averaged over a grid of 16 x 17 equal cells (colour as luma), and a bit is set
    where a cell is brighter than its left neighbour by more than 0.5 % of the picture's own range.
    Brightness, contrast, bit depth and, nearly, size and compression make no difference; a mirror
    image, a turn or a crop does.

    Args:
        pixels: u8 or u16, [H, W] or [H, W, 3].

    Returns:
        64 hex characters; the first bit is the top left cell's, rows first.

    Source: Krawetz, "Kind of Like That" (2013), with a finer grid and a dead zone.
    """
    grey = pixels.astype(np.float64)
    if grey.ndim == 3:
        grey = sum(weight * grey[..., i] for i, weight in enumerate(_LUMA))
    span = grey.max() - grey.min()
    cells = _cell_means(_cell_means(grey, _SIDE).T, _SIDE + 1).T
    steps = np.diff(cells, axis=1)
    return np.packbits(steps > _DEAD_ZONE * max(span, 1.0)).tobytes().hex()


def dhash_distance(a: Sequence[str], b: Sequence[str]) -> IntArray:
    """Bits that differ between every hash of `a` and every hash of `b`.

    Args:
        a: N hashes of 64 hex characters.
        b: M hashes of 64 hex characters.

    Returns:
        i32[N, M], 0..256; lower is nearer.
    """
    left, right = dhash_words(a), dhash_words(b)
    distance = np.zeros((len(a), len(b)), dtype=np.int32)
    for start in range(0, len(a), _BLOCK):
        rows = slice(start, start + _BLOCK)
        distance[rows] = word_distance(left[rows], right)
    return distance


def dhash_words(hashes: Sequence[str]) -> NDArray[np.uint64]:
    """Hashes as u64[N, 4], for `word_distance`."""
    packed = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint64)
    return packed.reshape(len(hashes), DHASH_BITS // 64)


def word_distance(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> IntArray:
    """Bits that differ, u16[N, M], between u64[N, W] and u64[M, W]; N x M x 8 bytes of work."""
    distance = np.zeros((len(a), len(b)), dtype=np.uint16)
    for word in range(a.shape[1]):
        distance += np.bitwise_count(a[:, word, None] ^ b[None, :, word])
    return distance


def _cell_means(values: FloatArray, n_cells: int) -> FloatArray:
    """Means of equal cells of the first axis, f64[n_cells, W]; a pixel on a border is shared.

    By running sums and not by a matrix product: the threads of a BLAS wait for work by spinning,
    which took one core away from the threads that decode.
    """
    n_pixels = len(values)
    sums = np.zeros((n_pixels + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=sums[1:])
    edges = np.linspace(0, n_pixels, n_cells + 1)
    whole = np.minimum(edges.astype(np.int64), n_pixels - 1)
    upto = sums[whole] + (edges - whole)[:, None] * values[whole]
    means: FloatArray = np.diff(upto, axis=0) * (n_cells / n_pixels)
    return means
