"""What every importer of a public dataset shares: its card, its layout, and its reading."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from caselight.data.columns import read_date
from caselight.data.datasets.tables import Cells, Lookup, WrongCellError, read_csv
from caselight.data.spool import Row, Spool, printable
from caselight.errors import DataError
from caselight.types import SourceImage

SHOWN = 3
"""Examples kept of each kind of disagreement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file or folder of a dataset's official layout."""

    names: tuple[str, ...]
    """Where it may stand below the root; the first is the official place."""
    why: str
    """What it is for."""
    needed: bool = True
    """Whether nothing can be read without it."""

    def at(self, root: Path) -> Path | None:
        """Where it is, or None where it is missing."""
        return next((root / name for name in self.names if _stands(root, name)), None)

    def packed(self, root: Path) -> str | None:
        """The name of the archive it still sits in, or None."""
        ends = (".zip", ".tgz", ".tar.gz")
        places = [name.rstrip("/") + end for name in self.names for end in ends]
        return next((place for place in places if (root / place).is_file()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many studies and images a version has, as its authors publish it."""

    studies: int | None = None
    images: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A copy of a dataset: where its layout begins, and which version it is."""

    root: Path
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A public dataset in its official layout."""

    name: str
    """What `--dataset` takes."""
    title: str
    url: str
    terms: str
    """Licence or terms of use, in one line."""
    versions: tuple[str, ...]
    split: str
    """Whose split it is, in one line."""
    locate: Callable[[Path], Place | None]
    """Recognise a copy at a folder, or one folder below; never reads a whole file."""
    layout: Callable[[str], tuple[Piece, ...]]
    """Version to pieces."""
    read: Callable[["Source"], Iterator[Row]]
    expected: Mapping[str, Counts] = field(default_factory=dict)
    """Version to published counts; without what could not be verified."""
    split_digests: Mapping[str, str] = field(default_factory=dict)
    """Version to the digest of its split, where the split's content is known exactly."""

    def detect(self, path: Path) -> str | None:
        """The version at a folder, or None where it is not this dataset."""
        place = self.locate(path)
        return None if place is None else place.version


class Source:
    """One reading of a copy: finds its tables and pictures, and remembers what was amiss."""

    def __init__(
        self,
        place: Place,
        *,
        layout: Sequence[Piece],
        spool: Spool,
        splits: Lookup | None = None,
        assign: Callable[[str], str] | None = None,
    ) -> None:
        """Open a reading.

        Args:
            place: the copy.
            layout: its pieces.
            spool: takes what is refused.
            splits: where `tell_split` writes; None where nobody asks for the split.
            assign: patient to split, for datasets without one of their own.
        """
        self.root = place.root
        self.version = place.version
        self.n_rows = 0
        self.n_images = 0
        """Pictures that the tables name and the copy holds; in a check each counts once."""
        self.n_missing = 0
        """Pictures that the tables name and the copy lacks."""
        self.first_missing: list[str] = []
        self.missing_by_folder: Counter[str] = Counter()
        self._layout = layout
        self._spool = spool
        self._splits = splits
        self._counted = Lookup()
        self._assign = assign
        self._counts: Counter[str] = Counter()
        self._inside = os.path.realpath(place.root).rstrip(os.sep) + os.sep
        # Most pictures share a few folders, and asking the disk for each is what takes time.
        self._real_folder = lru_cache(maxsize=4096)(os.path.realpath)

    def piece(self, name: str) -> Path | None:
        """Where the piece with this official name is, or None."""
        (piece,) = [piece for piece in self._layout if piece.names[0] == name]
        return piece.at(self.root)

    def table(
        self, path: Path, needs: Sequence[str], *, counted: bool = True
    ) -> Iterator[tuple[str, Cells]]:
        """Rows of a CSV as (place, cells); a row that is none is refused.

        Args:
            path: the table.
            needs: columns it must have.
            counted: whether its rows are the dataset's rows, and not looked up beside them.
        """
        file = printable(path.relative_to(self.root).as_posix())
        for line, cells in read_csv(path, needs=needs):
            self.n_rows += counted
            place = f"{file}:{line}"
            if isinstance(cells, str):
                self.refuse(place, cells)
            else:
                yield place, cells

    def each(
        self,
        rows: Iterable[tuple[str, Cells]],
        build: Callable[[str, Cells], Iterable[Row]],
    ) -> Iterator[Row]:
        """Build studies' rows from table rows; one with a wrong cell is refused."""
        for place, cells in rows:
            try:
                built = list(build(place, cells))
            except WrongCellError as wrong:
                self.refuse(place, str(wrong))
            else:
                yield from built

    def refuse(self, place: str, reason: str, *, code: str = "data.bad_row") -> None:
        """Refuse one row or file."""
        self._spool.reject(place, code=code, reason=reason)

    def note(self, what: str, count: int = 1) -> None:
        """Count something worth telling that refuses nothing."""
        self._counts[what] += count

    def tell_split(self, unit: str, split: str | None, *, patient: str) -> None:
        """Say which split an image or study is in; None is ours, by patient."""
        if self._splits is None:
            return
        if split is None and self._assign is not None:
            split = self._assign(patient)
        self._splits.put(unit, split or "train")

    def picture(
        self,
        place: str,
        candidates: Sequence[str],
        *,
        folder: str,
        view: str | None = None,
        modality: str | None = None,
        laterality: str | None = None,
        caption: str | None = None,
    ) -> dict[str, Any] | None:
        """Find a picture in this copy, as the fields that a `Row` takes.

        Args:
            place: the table's row that names it.
            candidates: where it may stand below the root, the official place first.
            folder: the part of the download it belongs to, for counting what is missing.
            view: of the picture, as are the rest.
            modality: a DICOM modality.
            laterality: L, R or B.
            caption: text that speaks of this picture alone.

        Returns:
            None where the copy lacks it, which is counted, or where it is a link that leads out of
            the copy, which is refused.
        """
        found = next((c for c in candidates if (self.root / c).is_file()), None)
        if found is None:
            self.n_missing += 1
            self.missing_by_folder[folder] += 1
            if len(self.first_missing) < SHOWN:
                self.first_missing.append(printable(candidates[0]))
            return None
        path = self.root / found
        key = os.path.join(self._real_folder(path.parent), path.name)  # noqa: PTH118 (speed)
        if os.path.islink(key):  # noqa: PTH114 (speed)
            key = os.path.realpath(key)
        if not key.startswith(self._inside):
            self.refuse(
                place,
                "the picture is a link that leads outside of the dataset's folder; copy the file "
                "itself",
                code="data.path_outside",
            )
            return None
        named = hashlib.sha256(os.fsencode(key)).hexdigest()
        self.n_images += self._splits is None or self._counted.put(named)
        image = SourceImage(
            path=path,
            name=found,
            caption=caption,
            view=view,
            modality=modality,
            laterality=laterality,
        )
        return {"image": image, "image_key": key}

    def text(self, candidates: Sequence[str], *, max_bytes: int = 1 << 20) -> str | None:
        """The text of the first of these files that this copy holds, or None.

        A file that is too large or leads out of the copy is refused and None.
        """
        name = next((c for c in candidates if (self.root / c).is_file()), None)
        if name is None:
            return None
        path = self.root / name
        if not os.path.realpath(path).startswith(self._inside):
            self.refuse(
                printable(name),
                "the file is a link that leads outside of the dataset's folder; copy the file "
                "itself",
                code="data.path_outside",
            )
            return None
        if path.stat().st_size > max_bytes:
            self.refuse(
                printable(name),
                f"the text has more than {max_bytes} bytes; copy it again from its source",
                code="data.too_large",
            )
            return None
        return path.read_text("utf-8", errors="replace")

    def notes(self) -> list[str]:
        """Everything counted, in order of wording."""
        counts = Counter(self._counts)
        if self.n_missing:
            counts["images that the tables name and this copy lacks, left out"] = self.n_missing
        return [f"{what}: {count}" for what, count in sorted(counts.items())]


def _stands(root: Path, name: str) -> bool:
    """Whether a piece is there, and is a folder if its name ends in a slash, else a file."""
    return (root / name).is_dir() if name.endswith("/") else (root / name).is_file()


def known(**fields: Any) -> dict[str, Any]:
    """The fields of a study that are known."""
    return {name: value for name, value in fields.items() if value not in (None, (), "")}


def some_age(source: Source, cells: Cells, column: str) -> int | None:
    """Whole years from digits with or without a point, or a DICOM age; absurd ones are left out.

    Several public tables hold ages such as 411: they are counted in a note and refuse nothing.

    Raises:
        WrongCellError: for a cell that is no number.
    """
    text = (cells.get(column) or "").strip().upper()
    if text.casefold() in ("", "nan", "none"):
        return None
    digits, unit = (text[:-1], text[-1]) if text[-1] in "YMWD" else (text, "Y")
    try:
        years = float(digits) / {"Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}[unit]
    except ValueError:
        raise WrongCellError(
            f"column {column} was expected to hold an age; copy the table again from its source"
        ) from None
    if not 0 <= years <= 130:
        source.note("ages left out because they lie outside of 0 to 130")
        return None
    return int(years)


def some_date(source: Source, cells: Cells, column: str) -> str | None:
    """A day, or None where it cannot be read, which a note counts."""
    try:
        return read_date(cells.get(column))
    except ValueError:
        source.note("dates left out because they could not be read")
        return None


def matching(column: str, cells: Cells, pattern: Any, expected: str) -> str:
    """A cell that must be spelled in the official form, since it becomes part of a path.

    Raises:
        WrongCellError: where it is not.
    """
    text = (cells.get(column) or "").strip()
    if pattern.fullmatch(text) is None:
        raise WrongCellError(
            f"column {column} was expected to hold {expected}; copy the table again from its source"
        )
    return text


def root_with(path: Path, names: Sequence[str], *, below: Sequence[str] = ()) -> Path | None:
    """The folder, this one or one of those named below it, that holds one of these names."""
    for folder in (path, *(path / name for name in below)):
        if any((folder / name).exists() for name in names):
            return folder
    return None


def first_lines(table: Path) -> tuple[str, str]:
    """How a table's first two lines start; empty where it cannot be opened."""
    try:
        with table.open(encoding="utf-8-sig", errors="replace") as lines:
            return lines.readline(4096), lines.readline(4096)
    except OSError:
        return "", ""


def incomplete(dataset: Dataset, place: Place, missing: Sequence[Piece]) -> DataError:
    """The refusal of a copy that lacks what is needed."""
    first = missing[0]
    packed = first.packed(place.root)
    todo = f"unpack {packed}" if packed else "complete the copy"
    return DataError(
        f"this copy of {dataset.title} {place.version} lacks {first.names[0]} ({first.why}); "
        f"{todo}, and see `caselight datasets check` for all that is missing",
        code="data.incomplete_dataset",
    )
