"""A manifest: one CSV or JSONL table that names the images and texts of an archive."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

from caselight.data.columns import (
    COLUMNS,
    TEXT_COLUMNS,
    UnreadableDateError,
    names_in_manifest,
    nearest,
)
from caselight.data.sections import split_sections
from caselight.data.spool import Row, Spool, SpooledArchive, printable
from caselight.errors import DataError
from caselight.types import SECTIONS, SourceImage

MANIFEST_NAMES = ("records.jsonl", "records.csv", "manifest.jsonl", "manifest.csv")

_STUDY_FIELDS = (*SECTIONS, "labels", "date", "age", "sex", "site", "split")


class Manifest(SpooledArchive):
    """An archive named by a table."""


class _BadRowError(Exception):
    """A row that cannot be taken; the text is the reason."""


def find_manifest(folder: Path) -> Path:
    """The one manifest of a folder.

    Raises:
        DataError: data.no_manifest, data.two_manifests.
    """
    found = [folder / name for name in MANIFEST_NAMES if (folder / name).is_file()]
    if not found:
        raise DataError(
            f"no manifest in {folder}; name it one of {', '.join(MANIFEST_NAMES)}, or pass the "
            "file itself",
            code="data.no_manifest",
        )
    if len(found) > 1:
        raise DataError(
            f"{' and '.join(path.name for path in found)} both stand in {folder}; pass the one to "
            "read instead of the folder",
            code="data.two_manifests",
        )
    return found[0]


def open_manifest(path: Path, *, mapping: Mapping[str, str]) -> Manifest:
    """Read a whole manifest once and group its rows by study.

    Rows of one study need not stand together. A row without a study_id is a study of its own, named
    by its image's path without suffix. What concerns the study (sections, labels, age, sex, site,
    date, patient, split) comes from its first row that has it; rows that disagree on the patient or
    the split refuse the study. A row that repeats another exactly counts once; a row that names an
    image again, with other words or in another study, is refused. A path that leads outside of the
    manifest's folder is refused and the study goes on with its other images; a study that loses
    every image it named is refused whole. A date that cannot be read is left out, and a note counts
    them. Whether an image exists is found out when it is read.

    Args:
        path: a .jsonl or .csv file, or the folder that holds exactly one (`MANIFEST_NAMES`).
        mapping: Caselight's column to its name here; see `columns.parse_mapping`.

    Returns:
        The archive, whose `rejected` is complete. Memory does not grow with the number of rows,
        except by what is refused; the CSV fields may hold 131072 characters, csv's own limit.

    Raises:
        DataError: data.not_found, data.no_manifest, data.two_manifests, data.empty_file,
            data.empty_archive, data.missing_column, data.bad_mapping; data.bad_row for a CSV whose
            quoting is broken, since the rows after it cannot be told apart.
    """
    if path.is_dir():
        path = find_manifest(path)
    if not path.is_file():
        raise DataError(f"no file at {path}; name a manifest or its folder", code="data.not_found")
    if path.suffix.lower() not in (".jsonl", ".csv"):
        raise DataError(
            f"a manifest ends in .jsonl or .csv and this one in "
            f'"{path.suffix}"; convert or rename it, or pass a folder of DICOM files',
            code="data.no_manifest",
        )
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty (0 bytes); write it again", code="data.empty_file")
    reader = _Reader(path, mapping)
    rows = _jsonl_rows(path) if path.suffix.lower() == ".jsonl" else _csv_rows(path)
    for line, row in rows:
        reader.take(line, row)
    return reader.finish()


class _Reader:
    """Turns raw rows into spooled ones, and remembers what the manifest turned out to hold."""

    def __init__(self, path: Path, mapping: Mapping[str, str]) -> None:
        self._file = printable(path.name)
        self._root = path.parent
        self._mapping = mapping
        self._names = names_in_manifest(mapping)
        self._seen: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._spool = Spool()
        self._n_rows = 0
        real_root = os.path.realpath(self._root)
        self._inside = real_root.rstrip(os.sep) + os.sep
        # Most images share a few folders, and asking the disk for each is what takes time.
        self._real_folder = lru_cache(maxsize=4096)(os.path.realpath)

    def take(self, line: int, row: Mapping[str, object] | str) -> None:
        """Spool one row, or refuse it; a string is the reason a line is no row."""
        self._n_rows += 1
        place = f"{self._file}:{line}"
        try:
            if isinstance(row, str):
                raise _BadRowError(row)  # noqa: TRY301 (one way to refuse a row)
            self._seen.update(row)
            self._spool.add(self._row(row, place))
        except _BadRowError as bad:
            self._spool.reject(place, code="data.bad_row", reason=str(bad))

    def finish(self) -> Manifest:
        """Check what only the whole table shows, and close it."""
        if self._n_rows == 0:
            raise DataError(
                f"{self._file} has no rows; write one row an image", code="data.empty_archive"
            )
        if self._seen:
            check_columns(self._seen, mapping=self._mapping)
        return Manifest(
            self._spool,
            n_rows=self._n_rows,
            ignored_columns=[
                printable(name) for name in self._seen.difference(self._names.values())
            ],
            notes=[f"{what}: {count}" for what, count in sorted(self._counts.items())],
        )

    def _row(self, raw: Mapping[str, object], place: str) -> Row:
        cells = self._cells(raw)
        self._split_report(cells)
        spelled = cells["image"]
        sections = [section for section in SECTIONS if cells[section] is not None]
        if spelled is None and not sections:
            raise _BadRowError(
                "the row names neither an image nor a section; fill in image or one of "
                f"{', '.join(SECTIONS)}, report (a caption needs its image)"
            )
        if spelled is None and cells["caption"] is not None:
            self._counts["captions left out for want of an image"] += 1
        study_id = cells["study_id"]
        if study_id is None and spelled is None:
            raise _BadRowError(
                "the row has text without an image and no study_id to name it; fill in study_id"
            )
        image = key = None
        if spelled is not None:
            image, key = self._image(spelled, cells)
        return Row(
            place=place,
            study_id=study_id or PurePath(os.path.splitext(spelled)[0]).as_posix(),  # noqa: PTH122
            by_image=study_id is None,
            image=image,
            image_key=key,
            outside=spelled is not None and image is None,
            patient_id=cells["patient_id"],
            fields={name: cells[name] for name in _STUDY_FIELDS if cells[name] not in (None, ())},
        )

    def _split_report(self, cells: dict[str, Any]) -> None:
        """Fill the sections that have no words of their own from the whole report."""
        if cells["report"] is None:
            return
        sections = split_sections(cells["report"])
        if not sections:
            self._counts["reports without words beneath their headings"] += 1
        for section, words in sections.items():
            if cells[section] is None:
                cells[section] = words

    def _cells(self, raw: Mapping[str, object]) -> dict[str, Any]:
        cells: dict[str, Any] = {}
        for column in COLUMNS:
            name = self._names.get(column.name)
            try:
                cells[column.name] = column.read(raw.get(name) if name is not None else None)
            except UnreadableDateError:
                self._counts["dates left out because they are not written YYYY-MM-DD"] += 1
                cells[column.name] = None
            except ValueError as expected:
                raise _BadRowError(
                    f"column {name} was expected to hold {expected}; correct the cell or leave it "
                    "empty"
                ) from None
        return cells

    def _image(
        self, spelled: str, cells: Mapping[str, Any]
    ) -> tuple[SourceImage, str] | tuple[None, None]:
        """The image and its key, or nothing where the path leads outside of the folder."""
        if PurePath(spelled).is_absolute() or PurePath(spelled).anchor:
            return None, None
        path = self._root / spelled
        key = os.path.join(self._real_folder(path.parent), path.name)  # noqa: PTH118 (speed)
        if path.name == ".." or os.path.islink(key):  # noqa: PTH114 (speed)
            key = os.path.realpath(key)
        if not key.startswith(self._inside):
            return None, None
        image = SourceImage(
            path=path,
            name=PurePath(os.path.normpath(spelled)).as_posix(),
            caption=cells["caption"],
            view=cells["view"],
            modality=cells["modality"],
            laterality=cells["laterality"],
        )
        return image, key


def check_columns(found: set[str], *, mapping: Mapping[str, str]) -> None:
    """Refuse a table without the columns that would make a study of it.

    Raises:
        DataError: data.bad_mapping, data.missing_column.
    """
    listed = printable(", ".join(sorted(found)))
    for column, name in mapping.items():
        if name not in found:
            raise DataError(
                f'{column} is mapped to "{name}", which the manifest lacks'
                f"{nearest(name, sorted(found))}; it has {listed}",
                code="data.bad_mapping",
            )
    names = names_in_manifest(mapping)
    has = {column for column, name in names.items() if name in found}
    example = "say which column is which with --map, such as --map image=FILE_COLUMN"
    if "image" not in has and not has.intersection(TEXT_COLUMNS):
        raise DataError(
            f"the manifest has neither an image column nor a text column "
            f"({', '.join(TEXT_COLUMNS)}); it has {listed}; {example}",
            code="data.missing_column",
        )
    if "image" not in has and "study_id" not in has:
        raise DataError(
            f"the manifest has texts but neither image nor study_id to name them by; it has "
            f"{listed}; add study_id, or {example}",
            code="data.missing_column",
        )


def _jsonl_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    """Line number, and the object on it or the reason there is none."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if text.strip():
                yield number, _json_object(text)


def _json_object(line: bytes) -> Mapping[str, object] | str:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return "the line is not UTF-8; save the manifest as UTF-8"
    except (json.JSONDecodeError, RecursionError, ValueError):
        return "the line is no JSON; write one JSON object a line"
    if not isinstance(row, dict):
        return "the line is JSON but no object; write one JSON object a line, column to value"
    return row


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    """Line number a row starts on, and its cells by column or the reason it is no row."""
    # surrogateescape keeps bytes that are not UTF-8 visible, so that one bad row refuses itself
    # alone; strict quoting, because a lost quote would swallow the rows after it.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header: list[str] | None = None
        while True:
            start = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as broken:
                raise DataError(
                    f"{path.name}:{start} cannot be read as CSV ({broken}); correct its quotes, or "
                    "write the manifest as records.jsonl",
                    code="data.bad_row",
                ) from None
            if cells is None:
                return
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _csv_header(cells, file=path.name)
            elif len(cells) != len(header):
                yield (
                    start,
                    f"the row has {len(cells)} cells and the header {len(header)}; quote cells "
                    "that hold commas",
                )
            else:
                yield start, dict(zip(header, cells, strict=True))


def _csv_header(cells: list[str], *, file: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    try:
        "".join(header).encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            f"the header of {file} is not UTF-8; save the manifest as UTF-8", code="data.bad_row"
        ) from None
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise DataError(
            f'the header of {file} names "{twice[0]}" twice; give each column its own name',
            code="data.bad_row",
        )
    return header
