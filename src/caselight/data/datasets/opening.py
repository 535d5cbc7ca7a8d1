"""Open a copy of a public dataset as an archive, or check what is missing in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from caselight.data.datasets.common import SHOWN, Counts, Dataset, Place, Source, incomplete
from caselight.data.datasets.tables import Lookup
from caselight.data.spool import Spool, SpooledArchive
from caselight.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One piece of the layout that a copy lacks."""

    name: str
    why: str
    needed: bool
    packed: str | None
    """The archive it still sits in, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One kind of contradiction between a dataset's files."""

    what: str
    count: int
    examples: tuple[str, ...]
    """The first `SHOWN`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a copy of a dataset holds and lacks."""

    dataset: str
    title: str
    version: str
    present: tuple[str, ...]
    missing: tuple[Missing, ...]
    expected: Counts
    """As published; None where not verified."""
    found: Counts
    """In this copy: studies with at least one picture or a text, and pictures on disk."""
    readable: bool
    """Whether every table could be read to its end; where not, `disagreements` says why."""
    missing_images: dict[str, int]
    """Part of the download to how many of its pictures are missing."""
    disagreements: tuple[Disagreement, ...]
    notes: tuple[str, ...]
    split: str
    """Whose split it is."""
    split_counts: dict[str, int]
    """Units (images, or studies) in each split, whether or not their pictures are here."""
    split_digest: str
    """SHA-256 over the sorted lines "unit<TAB>split"; "" where the tables are not `readable`."""
    split_frozen: str | None
    """What the digest of this version must be, where that is known exactly."""

    @property
    def complete(self) -> bool:
        """Whether every needed piece, and every picture that the tables name, is here."""
        return (
            self.readable
            and not any(piece.needed for piece in self.missing)
            and not self.missing_images
            and bool(self.found.studies)
            and self.split_frozen in (None, self.split_digest)
        )


def place_of(dataset: Dataset, path: Path) -> Place:
    """Where a dataset begins at a folder.

    Raises:
        DataError: data.not_found, data.incomplete_dataset where nothing of its layout is there.
    """
    if not path.exists():
        raise DataError(f"nothing at {path}; name the dataset's folder", code="data.not_found")
    place = dataset.locate(path) if path.is_dir() else None
    if place is None:
        names = " or ".join(
            next(piece for piece in dataset.layout(version) if piece.needed).names[0]
            for version in dataset.versions
        )
        raise DataError(
            f"{path} is no copy of {dataset.title}; name the folder that holds {names}",
            code="data.incomplete_dataset",
        )
    return place


def readable_place(dataset: Dataset, path: Path) -> Place:
    """Where a dataset begins at a folder that holds every piece without which nothing is read.

    Raises:
        DataError: data.not_found, data.incomplete_dataset.
    """
    place = place_of(dataset, path)
    layout = dataset.layout(place.version)
    lacks = [piece for piece in layout if piece.needed and piece.at(place.root) is None]
    if lacks:
        raise incomplete(dataset, place, lacks)
    return place


def open_dataset(dataset: Dataset, path: Path) -> SpooledArchive:
    """Read a copy's tables once and group its pictures by study.

    Pictures that the tables name and the copy lacks are left out and counted in a note, and with
    them a study that has none left, so that a part of a large dataset can be read.

    Raises:
        DataError: data.not_found, data.incomplete_dataset; data.missing_column, data.truncated and
            data.bad_row for a table that cannot be read at all.
    """
    place = readable_place(dataset, path)
    layout = dataset.layout(place.version)
    spool = Spool()
    source = Source(place, layout=layout, spool=spool)
    for row in dataset.read(source):
        spool.add(row)
    notes = [f"read as {dataset.title} {place.version}; split: {dataset.split}", *source.notes()]
    archive = SpooledArchive(spool, n_rows=source.n_rows, notes=notes)
    if not archive.n_studies and not archive.rejected:
        raise DataError(
            f"none of the pictures that the tables of {dataset.title} name is in this copy; see "
            "`caselight datasets check` for where they are expected",
            code="data.incomplete_dataset",
        )
    return archive


def check_dataset(dataset: Dataset, path: Path, *, assign: Callable[[str], str]) -> Check:
    """Say what a copy holds, what it lacks, and the digest of its split.

    Args:
        dataset: which.
        path: the folder.
        assign: patient to split, for datasets without a split of their own.

    Raises:
        DataError: data.not_found, data.incomplete_dataset where nothing of the layout is there.
    """
    place = place_of(dataset, path)
    layout = dataset.layout(place.version)
    missing = [piece for piece in layout if piece.at(place.root) is None]
    spool, splits = Spool(), Lookup()
    source = Source(place, layout=layout, spool=spool, splits=splits, assign=assign)
    broken: list[Disagreement] = []
    if not any(piece.needed and not _folder(piece.names[0]) for piece in missing):
        try:
            for row in dataset.read(source):
                spool.add(row)
        except DataError as error:
            broken.append(Disagreement(what=str(error), count=1, examples=()))
    with SpooledArchive(spool, n_rows=source.n_rows) as archive:
        check = Check(
            dataset=dataset.name,
            title=dataset.title,
            version=place.version,
            present=tuple(p.names[0] for p in layout if p not in missing),
            missing=tuple(
                Missing(
                    name=piece.names[0],
                    why=piece.why,
                    needed=piece.needed,
                    packed=piece.packed(place.root),
                )
                for piece in missing
            ),
            expected=dataset.expected.get(place.version, Counts()),
            found=Counts(studies=archive.n_studies, images=source.n_images),
            readable=not broken,
            missing_images=dict(sorted(source.missing_by_folder.items())),
            disagreements=(*broken, *_disagreements(source, archive)),
            notes=tuple(source.notes()),
            split=dataset.split,
            split_counts={} if broken else splits.counts(),
            split_digest="" if broken else splits.digest(),
            split_frozen=dataset.split_digests.get(place.version),
        )
    splits.close()
    return check


def _folder(name: str) -> bool:
    return name.endswith("/")


def _disagreements(source: Source, archive: SpooledArchive) -> list[Disagreement]:
    found = []
    if source.n_missing:
        found.append(
            Disagreement(
                what="rows whose picture is not in this copy",
                count=source.n_missing,
                examples=tuple(source.first_missing),
            )
        )
    kinds: dict[str, list[str]] = {}
    for one in archive.rejected:
        kinds.setdefault(f"{one.code}: {one.reason}", []).append(one.file)
    found.extend(
        Disagreement(what=what, count=len(places), examples=tuple(places[:SHOWN]))
        for what, places in sorted(kinds.items())
    )
    return found
