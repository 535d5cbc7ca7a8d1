"""Compressed pixels: where in the file the bytes of one frame are."""

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from caselight.data.dicom.values import contradicted

_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0"
_END_MARK = b"\xff\xd9"
_STARTS = (b"\xff\xd8", b"\xff\x4f", b"\x00\x00\x00\x0c")
"""How a picture begins: JPEG and JPEG-LS, JPEG 2000, and JPEG 2000 in its box."""


@dataclass(frozen=True, slots=True)
class _Fragment:
    """One item of the compressed pixels."""

    offset: int
    """From the first byte behind the offset table to the item's own first byte."""
    start: int
    """Where its content begins in the file."""
    length: int


def frame_bytes(
    file: BinaryIO,
    size: int,
    frame: int,
    *,
    n_frames: int,
    one_each: bool,
    extended: tuple[tuple[int, ...], tuple[int, ...]] | None = None,
) -> bytes:
    """The compressed bytes of one frame.

    Args:
        file: stands at the first item, the offset table.
        size: bytes of the whole file.
        frame: from 0, checked by the caller.
        n_frames: what the header promises.
        one_each: whether the standard wants every frame in one fragment, as for RLE.
        extended: the extended offset table and its lengths, where the header has them.

    Raises:
        DataError: data.truncated, for fragments and tables that contradict the header or leave
            the file.
    """
    table, fragments = _fragments(file, size)
    if not fragments:
        raise contradicted("the compressed pixels are empty")
    if extended is not None:
        return _by_extended_table(file, fragments, frame, n_frames, extended)
    if table:
        groups = _by_table(fragments, table, n_frames)
    elif len(fragments) == n_frames:
        groups = [[fragment] for fragment in fragments]
    elif n_frames == 1 and not one_each:
        groups = [fragments]
    else:
        groups = [] if one_each else _by_marks(file, fragments)
    if len(groups) != n_frames:
        raise contradicted(
            f"the header promises {n_frames} frames and the compressed pixels are in "
            f"{len(groups) or len(fragments)} parts"
        )
    if one_each and any(len(group) != 1 for group in groups):
        raise contradicted("a frame is spread over several fragments, which its coding forbids")
    return b"".join(_content(file, fragment) for fragment in groups[frame])


def _fragments(file: BinaryIO, size: int) -> tuple[tuple[int, ...], list[_Fragment]]:
    """The basic offset table, and every fragment behind it."""
    length = _item_length(file, size)
    if length is None or length % 4:
        raise contradicted("the compressed pixels do not begin with an offset table")
    table = struct.unpack(f"<{length // 4}I", file.read(length))
    first = file.tell()
    found: list[_Fragment] = []
    while True:
        offset = file.tell() - first
        length = _item_length(file, size)
        if length is None:
            return table, found
        found.append(_Fragment(offset, file.tell(), length))
        file.seek(length, 1)


def _item_length(file: BinaryIO, size: int) -> int | None:
    """The length of the item that begins here; None at the end mark."""
    head = file.read(8)
    if head[:4] == _END:
        return None
    if head[:4] != _ITEM or len(head) != 8:
        raise contradicted("the compressed pixels end without an end mark")
    length: int = struct.unpack("<I", head[4:])[0]
    if file.tell() + length > size:
        raise contradicted("a fragment of the compressed pixels leaves the file")
    return length


def _by_table(
    fragments: list[_Fragment], table: tuple[int, ...], n_frames: int
) -> list[list[_Fragment]]:
    """Fragments by frame, as the basic offset table says."""
    if len(table) != n_frames:
        raise contradicted(
            f"the header promises {n_frames} frames and the offset table has {len(table)}"
        )
    place = {fragment.offset: index for index, fragment in enumerate(fragments)}
    starts = [place.get(offset, -1) for offset in table]
    if starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
        raise contradicted("the offset table points to no fragment, or out of order")
    ends = [*starts[1:], len(fragments)]
    return [fragments[start:end] for start, end in zip(starts, ends, strict=True)]


def _by_extended_table(
    file: BinaryIO,
    fragments: list[_Fragment],
    frame: int,
    n_frames: int,
    extended: tuple[tuple[int, ...], tuple[int, ...]],
) -> bytes:
    """The one fragment of a frame, cut to the length the extended table gives."""
    offsets, lengths = extended
    if len(offsets) != n_frames or len(lengths) != n_frames or len(set(offsets)) != n_frames:
        raise contradicted(
            f"the header promises {n_frames} frames and the extended offset table has "
            f"{len(offsets)} and {len(lengths)}"
        )
    place = {fragment.offset: fragment for fragment in fragments}
    found = place.get(offsets[frame])
    if found is None or not found.length - 1 <= lengths[frame] <= found.length:
        raise contradicted("the extended offset table points to no fragment")
    return _content(file, found)[: lengths[frame]]


def _by_marks(file: BinaryIO, fragments: list[_Fragment]) -> list[list[_Fragment]]:
    """Fragments by frame where no table tells: a frame ends with its codec's end mark.

    Only where the next fragment begins a picture, since the mark's bytes also occur by chance.
    """
    groups: list[list[_Fragment]] = [[]]
    for fragment in fragments:
        file.seek(fragment.start)
        begins = file.read(4).startswith(_STARTS)
        if groups[-1] and begins and _ends(file, groups[-1][-1]):
            groups.append([])
        groups[-1].append(fragment)
    return groups


def _ends(file: BinaryIO, fragment: _Fragment) -> bool:
    tail = min(fragment.length, 10)
    file.seek(fragment.start + fragment.length - tail)
    return _END_MARK in file.read(tail)


def _content(file: BinaryIO, fragment: _Fragment) -> bytes:
    file.seek(fragment.start)
    return file.read(fragment.length)
