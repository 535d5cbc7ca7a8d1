"""How codes lie in memory and on disk, so that a scan reads little: decision 0030.

Codes come in blocks of 512. One byte of each code of a block, in order of row, is a plane of 512
bytes. A segment is 128 blocks, or those that are left: first the planes of bytes 0 to 7 of all
its blocks, block by block, then those of bytes 8 to 15, and so on. The last block is filled up with
zeros. There is no header, no pointer and no word longer than a byte, so the same bytes serve
every machine.
"""

import numpy as np
from numpy.typing import NDArray

BLOCK = 512
SEGMENT = 128 * BLOCK
"""Codes whose place depends on no code outside: what is added or removed leaves segments before it
as they are."""
SLICE = 8
ALIGNMENT = 64
MAX_BITS = 512

Bytes = NDArray[np.uint8]


def check_bits(n_bits: int) -> int:
    """The bytes of a code of so many bits.

    Raises:
        ValueError: unless it is a multiple of 8 from 8 to 512.
    """
    if n_bits % 8 or not 8 <= n_bits <= MAX_BITS:
        raise ValueError(f"found codes of {n_bits} bits; use a multiple of 8 from 8 to {MAX_BITS}")
    return n_bits // 8


def size_of(n: int, n_bits: int) -> int:
    """Bytes that n codes take."""
    return -(-n // BLOCK) * BLOCK * (n_bits // 8)


def empty_blocks(n: int, n_bits: int) -> Bytes:
    """Room for n codes, u8[size_of(n, n_bits)], which begins on a cache line."""
    size = size_of(n, n_bits)
    room = np.empty(size + ALIGNMENT, dtype=np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]


def pack(codes: Bytes, out: Bytes | None = None) -> Bytes:
    """Lay out codes, u8[N, n_bytes], into u8[size_of(N)], a new one or `out`.

    Raises:
        ValueError: when `out` has another size.
    """
    n, n_bytes = codes.shape
    check_bits(8 * n_bytes)
    out = empty_blocks(n, 8 * n_bytes) if out is None else out
    if out.size != size_of(n, 8 * n_bytes):
        raise ValueError(f"found room of {out.size} bytes for {n} codes; take it from empty_blocks")
    for first in range(0, n, SEGMENT):
        own = codes[first : first + SEGMENT]
        n_blocks = -(-len(own) // BLOCK)
        if len(own) < n_blocks * BLOCK:
            filled = np.zeros((n_blocks * BLOCK, n_bytes), dtype=np.uint8)
            filled[: len(own)] = own
            own = filled
        by_block = own.reshape(n_blocks, BLOCK, n_bytes)
        start = first * n_bytes
        for byte in range(0, n_bytes, SLICE):
            planes = by_block[:, :, byte : byte + SLICE].transpose(0, 2, 1)
            out[start : start + planes.size].reshape(planes.shape)[:] = planes
            start += planes.size
    return out


def unpack(blocks: Bytes, n: int, n_bits: int, *, first: int = 0, last: int | None = None) -> Bytes:
    """Codes first..last - 1 of n as u8[last - first, n_bytes]; all of them by default.

    Raises:
        ValueError: when the blocks have another size than n codes have.
    """
    check_size(blocks, n, n_bits)
    last = n if last is None else last
    n_bytes = n_bits // 8
    start = first // SEGMENT * SEGMENT
    out = np.empty((last - first, n_bytes), dtype=np.uint8)
    for segment in range(start, last, SEGMENT):
        low, high = max(first, segment), min(last, segment + SEGMENT)
        n_blocks = -(-(min(n, segment + SEGMENT) - segment) // BLOCK)
        whole = np.empty((n_blocks * BLOCK, n_bytes), dtype=np.uint8)
        at = segment * n_bytes
        for byte in range(0, n_bytes, SLICE):
            n_planes = min(SLICE, n_bytes - byte)
            size = n_blocks * n_planes * BLOCK
            planes = blocks[at : at + size].reshape(n_blocks, n_planes, BLOCK)
            whole.reshape(n_blocks, BLOCK, n_bytes)[:, :, byte : byte + n_planes] = (
                planes.transpose(0, 2, 1)
            )
            at += size
        out[low - first : high - first] = whole[low - segment : high - segment]
    return out


def take(blocks: Bytes, n: int, n_bits: int, rows: NDArray[np.int64]) -> Bytes:
    """The codes of some rows, u8[len(rows), n_bytes], in the order asked for.

    Raises:
        ValueError: when the blocks have another size than n codes have.
        IndexError: for a row outside 0..n - 1.
    """
    check_size(blocks, n, n_bits)
    if len(rows) and (rows.min() < 0 or rows.max() >= n):
        raise IndexError(f"found a row outside 0..{n - 1}")
    byte, segment = np.arange(n_bits // 8), rows // SEGMENT * SEGMENT
    n_blocks = -(-(np.minimum(n, segment + SEGMENT) - segment) // BLOCK)
    first = byte // SLICE * SLICE
    n_planes = np.minimum(SLICE, n_bits // 8 - first)
    within = (rows - segment) // BLOCK
    place = (segment * (n_bits // 8) + rows % BLOCK)[:, None] + BLOCK * (
        n_blocks[:, None] * first + within[:, None] * n_planes + byte - first
    )
    return np.asarray(blocks[place])


def check_size(blocks: Bytes, n: int, n_bits: int) -> None:
    """Refuse blocks that are not those of n codes.

    Raises:
        ValueError: naming both sizes, or for a width no code has.
    """
    check_bits(n_bits)
    if n < 0 or blocks.ndim != 1 or blocks.size != size_of(n, n_bits):
        raise ValueError(
            f"found {blocks.size} bytes for {n} codes of {n_bits} bits, which take "
            f"{size_of(n, n_bits)}"
        )
