"""The pictures to read of a study: series in order, stacks thinned, CT in its windows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from caselight.config import IngestSettings
from caselight.data.dicom.agreement import settle_image, settle_study
from caselight.data.dicom.facts import Facts, read_facts
from caselight.data.dicom.headers import is_dicom, read_head, same_bytes
from caselight.data.dicom.stacking import Member, pictures_of, stacks_of
from caselight.errors import DataError
from caselight.types import Rejected, SourceImage, SourceStudy

_PLAIN_SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """A study with the pictures that are to be read, and what was decided on the way."""

    source: SourceStudy
    """The study; its `images` are the pictures, its `names` all that the headers hold."""
    rejected: tuple[Rejected, ...] = ()
    notes: Mapping[str, int] = field(default_factory=dict)
    """What is worth telling, and how often it was so."""

    @property
    def pictures(self) -> tuple[SourceImage, ...]:
        """What is to be read, in order."""
        return self.source.images


def expand(source: SourceStudy, settings: IngestSettings) -> Expanded:
    """Decide which pictures of a study are read, and in which order.

    A file that is not DICOM is one picture. A stack is a DICOM file with several frames, or three
    and more files of one series that lie in parallel and have one size and one image type, so that
    a localizer is never among the slices. Its slices go along the normal of their plane, then by
    instance and acquisition number; `settings.stack_frames` of them are read. A CT slice in
    Hounsfield units is read once for each of `settings.ct_windows`. A file with a caption of its
    own stays by itself, since its words speak of it alone. Pictures stand where the first file of
    their stack stands.

    Reads headers, unless the archive has done so, and no pixels; touches no database.

    Args:
        source: from a folder or a manifest.
        settings: which slices, windows and raw data are taken, and whom to trust.

    Returns:
        The study as it is to be read. A picture is named as its file, then "#", then the frame
        (from 1) and the window where it has one: "1.2.3#12-lung". Stacks are called "1", "2", ...
        in order.
    """
    notes: Counter[str] = Counter()
    units: list[tuple[int, tuple[SourceImage, ...]]] = []
    members: dict[str, Member] = {}
    rejected: list[Rejected] = []
    known = set(source.names)
    for position, image in enumerate(source.images):
        try:
            facts = _facts(image)
            if facts is None:
                units.append((position, (image,)))
                continue
            # A file that is refused still tells who is meant.
            known.update(facts.names, facts.ids)
            _check(image.path, facts, settings)
            key = facts.sop_uid or f"file {position}"
            if not _is_copy(image, members.get(key), notes):
                image = settle_image(image, facts, settings.trust, notes)
                members[key] = Member(position=position, image=image, facts=facts)
        except DataError as error:
            # Named as the archive names it: where the archive lies is nobody's business.
            reason = str(error).replace(str(image.path), image.name)
            rejected.append(Rejected(file=image.name, code=error.code, reason=reason))
    n_stacks = 0
    for stack in stacks_of(list(members.values())):
        n_stacks += not stack.single
        units.append((stack.position, tuple(pictures_of(stack, str(n_stacks), settings, notes))))
    headers = [member.facts for member in members.values()]
    for facts in headers:
        tell(facts, notes)
    settled = settle_study(source, headers, settings.trust, notes)
    units.sort(key=lambda unit: unit[0])
    return Expanded(
        source=replace(
            settled,
            images=tuple(picture for _, unit in units for picture in unit),
            names=tuple(sorted(known)),
        ),
        rejected=tuple(rejected),
        notes={what: count for what, count in notes.items() if count},
    )


def tell(facts: Facts, notes: Counter[str]) -> None:
    """Count what is worth telling about one header."""
    notes["overlays left out"] += facts.n_overlays
    notes["pictures with text burned in, as their headers say"] += facts.burned_in
    notes["headers not written in the character set they declare"] += facts.odd_text
    for keyword in facts.unreadable:
        notes[f"{keyword} left out because it could not be read"] += 1


def _facts(image: SourceImage) -> Facts | None:
    """The header of a DICOM file; None for any other, whose bytes are judged when it is read."""
    if image.header is not None:
        return Facts.from_plain(image.header)
    if image.path.suffix.lower() in _PLAIN_SUFFIXES or not is_dicom(read_head(image.path)):
        return None
    return read_facts(image.path)


def _check(path: Path, facts: Facts, settings: IngestSettings) -> None:
    """Refuse what is no picture, and raw data unless they are kept."""
    if facts.kind != "image":
        raise DataError(
            f"the file holds no picture ({facts.class_name}); leave it out", code="data.no_pixels"
        )
    if facts.for_processing and settings.for_processing == "refuse":
        raise DataError(
            "the pixels are raw detector data (presentation intent FOR PROCESSING), which no "
            "reader sees; export the presentation image, or set ingest.for_processing=keep",
            code="data.for_processing",
        )
    # A file that has vanished since is refused when it is read.
    if facts.n_frames > 1 and path.is_file() and facts.n_frames > path.stat().st_size:
        raise DataError(
            f"the header promises {facts.n_frames} frames and the file has fewer bytes; copy it "
            "again from its source",
            code="data.truncated",
        )


def _is_copy(image: SourceImage, twin: Member | None, notes: Counter[str]) -> bool:
    """Whether an earlier file of the study is the same instance; refuse one of other content."""
    if twin is None:
        return False
    if twin.image.caption == image.caption and same_bytes(twin.image.path, image.path):
        notes["files left out, copies of another byte for byte"] += 1
        return True
    raise DataError(
        "an image of the same study has this SOPInstanceUID already, with other content; keep one "
        "of the two",
        code="data.duplicate_image",
    )
