"""Where the slices of a file lie, from its header or from its frames' functional groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from caselight.data.dicom.geometry import Orientation, Vector, distance
from caselight.data.dicom.headers import header_text, items_of

_ORIENTATION = ("PlaneOrientationSequence", "ImageOrientationPatient", 6)
_POSITION = ("PlanePositionSequence", "ImagePositionPatient", 3)
_FARTHEST = 1e6
"""Millimetres: beyond a kilometre a place is damage, and sums of such numbers overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What a header says of place; None and empty where it says nothing."""

    orientation: Orientation | None
    """Of the file, or of its first frame."""
    position: Vector | None
    """Of the file itself; frames have their own."""
    frame_distances: tuple[float, ...]
    """Along the normal, mm, one a frame; empty where the frames are not parallel slices."""


def placement_of(
    header: Dataset, shared: Sequence[Dataset], frames: Sequence[Dataset]
) -> Placement:
    """Read it.

    Args:
        header: with ImageOrientationPatient and ImagePositionPatient, if the file has them.
        shared: the shared functional group, if any.
        frames: the group of each frame, if any.
    """
    orientation = _numbers(header, "ImageOrientationPatient", 6)
    if orientation is None:
        orientation = _first((*shared, *frames[:1]), *_ORIENTATION)
    return Placement(
        orientation=orientation,
        position=_numbers(header, "ImagePositionPatient", 3),
        frame_distances=_frame_distances(frames, orientation),
    )


def _frame_distances(
    frames: Sequence[Dataset], orientation: Orientation | None
) -> tuple[float, ...]:
    found = []
    for frame in frames:
        position, turned = _first((frame,), *_POSITION), _first((frame,), *_ORIENTATION)
        if orientation is None or position is None or turned not in (None, orientation):
            return ()
        found.append(distance(position, orientation))
    return tuple(found)


def _first(groups: Sequence[Dataset], sequence: str, keyword: str, n: int) -> Any:
    for group in groups:
        for item in items_of(group, sequence):
            found = _numbers(item, keyword, n)
            if found is not None:
                return found
    return None


def _numbers(dataset: Dataset, keyword: str, n: int) -> Any:
    """So many numbers that can be a place or a direction, or None."""
    try:
        parts = tuple(float(part) for part in (header_text(dataset, keyword) or "").split("\\"))
    except ValueError:
        return None
    # A comparison with what is no number is false.
    return parts if len(parts) == n and all(abs(part) <= _FARTHEST for part in parts) else None
