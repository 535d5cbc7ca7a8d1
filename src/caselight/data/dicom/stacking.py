"""Files of one study into stacks, and stacks into the pictures that stand for them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from caselight.config import IngestSettings
from caselight.data.dicom.facts import Facts
from caselight.data.dicom.geometry import chosen, distance, n_doubled, n_missing, parallel
from caselight.types import SourceImage, Window

_FEWEST_SLICES = 3
"""Files of one series that make a stack; fewer are pictures by themselves."""
_LAST = 10**9
"""Where a slice without a number goes, among those at its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One DICOM file of a study."""

    position: int
    """Among the study's images as the archive gave them."""
    image: SourceImage
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Slices or frames that lie behind each other, or one picture by itself."""

    members: tuple[Member, ...]
    """In order along the normal; one for a file of several frames."""
    position: int
    """Of the first of its files."""

    @property
    def single(self) -> bool:
        """Whether it is one picture and no stack."""
        return len(self.members) == 1 and self.members[0].facts.n_frames == 1


def stacks_of(members: Sequence[Member]) -> list[Stack]:
    """Files that belong together, in order of the first file of each.

    Args:
        members: in the study's order.
    """
    alike: dict[tuple[object, ...], list[Member]] = {}
    for member in members:
        alike.setdefault(_key(member), []).append(member)
    found = []
    for group in alike.values():
        for slices in _by_orientation(group):
            apart = [slices] if len(slices) >= _FEWEST_SLICES else [[one] for one in slices]
            found += [
                Stack(members=tuple(sorted(one, key=_place)), position=one[0].position)
                for one in apart
            ]
    return sorted(found, key=lambda stack: stack.position)


def pictures_of(
    stack: Stack, name: str, settings: IngestSettings, notes: Counter[str]
) -> Iterator[SourceImage]:
    """The pictures to read of a stack, slice by slice and each slice in all its windows.

    Args:
        stack: from `stacks_of`.
        name: what the stack is called within its study.
        settings: how many slices, and which windows.
        notes: counts what was left unread, missing and doubled.
    """
    label = None if stack.single else name
    first = stack.members[0]
    if len(stack.members) > 1:
        _survey([_place(member)[0] for member in stack.members], notes)
        picked = chosen(len(stack.members), settings.stack_frames)
        notes["slices and frames left unread"] += len(stack.members) - len(picked)
        for n in picked:
            yield from _windows(stack.members[n], label, None, settings)
        return
    frames = _frame_order(first.facts, notes)
    picked = chosen(len(frames), settings.stack_frames)
    notes["slices and frames left unread"] += len(frames) - len(picked)
    for n in picked:
        yield from _windows(first, label, None if stack.single else frames[n], settings)


def _key(member: Member) -> tuple[object, ...]:
    """Equal for files that may be slices of one stack."""
    facts = member.facts
    if (
        facts.n_frames > 1
        or member.image.caption is not None
        or facts.series_uid is None
        or facts.position is None
        or facts.orientation is None
    ):
        return (member.position,)
    return (facts.series_uid, facts.rows, facts.columns, facts.image_type)


def _by_orientation(group: Sequence[Member]) -> list[list[Member]]:
    if len(group) == 1:
        return [list(group)]
    apart: list[list[Member]] = []
    for member in group:
        for slices in apart:
            one, other = slices[0].facts.orientation, member.facts.orientation
            if one is not None and other is not None and parallel(one, other):
                slices.append(member)
                break
        else:
            apart.append([member])
    return apart


def _place(member: Member) -> tuple[float, int, int, str]:
    """Sorts slices: along the normal, then by number."""
    facts = member.facts
    along = 0.0
    if facts.position is not None and facts.orientation is not None:
        along = distance(facts.position, facts.orientation)
    numbers = (facts.instance_number, facts.acquisition_number)
    instance, acquisition = (_LAST if n is None else n for n in numbers)
    return (along, instance, acquisition, facts.sop_uid or member.image.name)


def _frame_order(facts: Facts, notes: Counter[str]) -> Sequence[int]:
    """Frames along the normal where their places are known, else as the file has them."""
    if len(facts.frame_distances) != facts.n_frames:
        return range(facts.n_frames)
    order = sorted(range(facts.n_frames), key=lambda n: (facts.frame_distances[n], n))
    _survey([facts.frame_distances[n] for n in order], notes)
    return order


def _survey(distances: Sequence[float], notes: Counter[str]) -> None:
    notes["slices missing from stacks"] += n_missing(distances)
    notes["slices at the place of another, kept in order of their numbers"] += n_doubled(distances)


def _windows(
    member: Member, label: str | None, frame: int | None, settings: IngestSettings
) -> Iterator[SourceImage]:
    """One slice, in each window where its values are Hounsfield units."""
    windows: Sequence[Window | None] = ()
    if member.facts.hounsfield:
        # A window named twice is one picture, not two of one name.
        windows = tuple(dict.fromkeys(settings.ct_windows))
    for window in windows or (None,):
        parts = [] if frame is None else [str(frame + 1)]
        parts += [] if window is None else [window]
        name = "#".join((member.image.name, "-".join(parts))) if parts else member.image.name
        yield replace(member.image, name=name, stack=label, frame=frame, window=window, header=None)
