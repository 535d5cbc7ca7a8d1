"""Where a frame's rescaling and windows stand: its own group, the shared one, or the header."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from caselight.data.dicom.values import contradicted, item, items

GROUP_TAGS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameGroups:
    """The parts of a header that speak of one frame."""

    rescale: Dataset
    """Holds slope, intercept and unit, or a modality LUT, if any."""
    voi: Dataset
    """Holds windows or a VOI LUT, if any."""


def frame_groups(header: Dataset, frame: int) -> FrameGroups:
    """The nearest of the frame's own group, the shared one, and the header itself.

    Args:
        header: holds `GROUP_TAGS`.
        frame: from 0.

    Raises:
        DataError: data.truncated, for frames without a group where others have one.
        ValueError: a sequence that is damaged.

    Source: DICOM PS3.3 2024, C.7.6.16 (multi-frame functional groups).
    """
    own = item(header, "PerFrameFunctionalGroupsSequence", frame)
    if own is None and header.get_item("PerFrameFunctionalGroupsSequence") is not None:
        raise contradicted(f"the header has no group for frame {frame + 1}")
    shared = item(header, "SharedFunctionalGroupsSequence", 0)
    places = [place for place in (own, shared) if place is not None]
    return FrameGroups(
        rescale=_nearest(places, "PixelValueTransformationSequence", header),
        voi=_nearest(places, "FrameVOILUTSequence", header),
    )


def _nearest(places: list[Dataset], keyword: str, header: Dataset) -> Dataset:
    for place in places:
        found = items(place, keyword)
        if found:
            return found[0]
    return header
