"""Which pictures of a study become one vector together."""

from collections.abc import Sequence
from dataclasses import dataclass

from caselight.config import Pooling
from caselight.types import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is encoded as one: a single image, or the images of one stack in one window."""

    position: int
    """Place in the study of the image that stands for it: the middle one."""
    images: tuple[Image, ...]
    """In order of the study."""

    @property
    def digests(self) -> tuple[str, ...]:
        """The pixel digests of its images."""
        return tuple(image.digest for image in self.images)


def pictures(images: Sequence[Image], pool: Pooling) -> tuple[Picture, ...]:
    """Group the images of a study, in order of each group's first.

    Args:
        images: all images of one study.
        pool: "none" keeps every image by itself; else the slices or frames of a stack go together,
            apart by window, so that a lung window is never mixed with a bone window.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for position, image in enumerate(images):
        single = pool == "none" or image.stack is None
        key = (position,) if single else (image.stack, image.window)
        groups.setdefault(key, []).append(position)
    return tuple(
        Picture(position=group[len(group) // 2], images=tuple(images[i] for i in group))
        for group in groups.values()
    )
