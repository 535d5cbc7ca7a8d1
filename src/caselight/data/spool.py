"""Rows of an archive grouped into studies, in a temporary database so that memory stays flat."""

import json
import os
import sqlite3
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from caselight.types import SECTIONS, Rejected, SourceImage, SourceStudy

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE study (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, by_image INTEGER, refused INTEGER DEFAULT 0
);
CREATE TABLE row (
    n INTEGER PRIMARY KEY, study INTEGER NOT NULL, place TEXT NOT NULL, image_key BLOB UNIQUE,
    named_image INTEGER NOT NULL, rank TEXT NOT NULL, patient TEXT, split TEXT,
    payload TEXT NOT NULL
);
"""
_WHOLE = "; no other image of its study is left, so the study is refused whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of an archive: an image, a text, or both, of one study."""

    place: str
    """Where a person finds it: "records.csv:17", or a file's path."""
    study_id: str
    by_image: bool = False
    """Whether the study's name was made from the image's path."""
    image: SourceImage | None = None
    image_key: str | None = None
    """Equal exactly when two rows name one image."""
    outside: bool = False
    """Whether the row named an image outside of the archive; `image` is None then."""
    patient_id: str | None = field(default=None, repr=False)
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Fields of the study that this row has: `SECTIONS`, labels, date, age, sex, site, split."""
    names: tuple[str, ...] = field(default=(), repr=False)
    """Names and ids of people that this row tells, to be taken out of the study's sections."""
    appends: bool = False
    """Whether its sections go behind those of earlier rows, not only where there are none."""
    rank: str = ""
    """Orders the rows of a study; equal ranks stand in order of appearance."""


class Spool:
    """Takes rows in any order and gives back whole studies, in order of first appearance."""

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary database: on disk once it outgrows a small cache,
        # without a name that could be left behind.
        # What is forgotten is closed by the thread that collects it, a decoding one perhaps.
        self.database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        """Open to tables of whoever fills the spool."""
        self.database.executescript(_SCHEMA)
        self._rejected: list[tuple[Rejected, int | None]] = []
        self.close = weakref.finalize(self, self.database.close)
        """Free the disk; done when the spool is forgotten at the latest."""

    def reject(self, place: str, *, code: str, reason: str, study: int | None = None) -> None:
        """Keep a refusal in order of appearance."""
        self._rejected.append((Rejected(file=place, code=code, reason=reason), study))

    def add(self, row: Row) -> None:
        """Take one row, or refuse it when another row has its image."""
        shape = None if row.image is None else _plain(row.image)
        held = [shape, row.patient_id, dict(row.fields), row.names, row.appends]
        payload = json.dumps(held, sort_keys=True)
        patient, split = row.patient_id, row.fields.get("split")
        # As bytes, since a path need not be text.
        key = None if row.image_key is None else os.fsencode(row.image_key)
        twin = self._one("SELECT study, place, payload FROM row WHERE image_key = ?", key)
        known = self._one("SELECT id, by_image FROM study WHERE name = ?", row.study_id)
        if twin and known and twin[0] == known[0] and twin[2] == payload:
            return
        if twin is None and known and (row.by_image or known[1]):
            self.reject(
                row.place,
                code="data.duplicate_study",
                reason="a study named by its image's path would share the name of another; add a "
                "study_id column, or give this row one that no image has",
            )
            return
        study = known[0] if known else self._new_study(row)
        if twin is not None:
            self.reject(
                row.place,
                code="data.duplicate_image",
                reason=f"the image stands in {twin[1]} already, with other content, with other "
                "words or in another study; keep one of the two",
                study=study,
            )
            key = patient = split = None
            payload = json.dumps([None, None, {}, (), False])
        if row.outside:
            self.reject(
                row.place,
                code="data.path_outside",
                reason="the image's path leads outside of the archive; copy the file into the "
                "archive's folder and name it relative to that",
                study=study,
            )
        self.database.execute(
            "INSERT INTO row"
            " (study, place, image_key, named_image, rank, patient, split, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                study,
                row.place,
                key,
                row.image is not None or row.outside,
                row.rank,
                patient,
                split,
                payload,
            ),
        )

    def image(self, key: str) -> Path | None:
        """The file of the row that has an image already; None where no row has it."""
        twin = self._one("SELECT payload FROM row WHERE image_key = ?", os.fsencode(key))
        return None if twin is None else Path(json.loads(twin[0])[0]["path"])

    def finish(self) -> tuple[Rejected, ...]:
        """Refuse the studies that contradict themselves or have lost every image.

        Returns:
            Everything refused, in order of appearance; studies that contradict themselves last.
        """
        self.database.execute("CREATE INDEX row_study ON row (study, rank, n)")
        bare = {
            study
            for (study,) in self.database.execute(
                "SELECT study FROM row GROUP BY study"
                " HAVING sum(named_image) > 0 AND count(image_key) = 0"
            )
        }
        torn = self.database.execute(
            "SELECT study, name, count(DISTINCT patient) FROM row JOIN study ON study = study.id"
            " GROUP BY study HAVING count(DISTINCT patient) > 1 OR count(DISTINCT split) > 1"
            " ORDER BY study"
        ).fetchall()
        refused = [
            replace(rejected, reason=rejected.reason + _WHOLE) if study in bare else rejected
            for rejected, study in self._rejected
        ]
        for study, name, n_patients in torn:
            refused.append(self._contradiction(study, name, two_patients=n_patients > 1))
        self.database.executemany(
            "UPDATE study SET refused = 1 WHERE id = ?",
            [(study,) for study in bare.union(study for study, _, _ in torn)],
        )
        return tuple(refused)

    def count(self) -> int:
        """Studies that were not refused."""
        (count,) = self.database.execute("SELECT count(*) FROM study WHERE NOT refused").fetchone()
        return int(count)

    def studies(self) -> Iterator[SourceStudy]:
        """Every study that was not refused, one in memory at a time."""
        cursor = self.database.execute(
            "SELECT row.study, study.name, row.payload FROM row JOIN study ON row.study = study.id"
            " WHERE NOT study.refused ORDER BY row.study, row.rank, row.n"
        )
        for (_, name), rows in groupby(cursor, key=itemgetter(0, 1)):
            yield _study(name, [json.loads(payload) for _, _, payload in rows])

    def _one(self, query: str, value: str | bytes | None) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self.database.execute(query, (value,)).fetchone()
        return found

    def _new_study(self, row: Row) -> int:
        cursor = self.database.execute(
            "INSERT INTO study (name, by_image) VALUES (?, ?)", (row.study_id, row.by_image)
        )
        return int(cursor.lastrowid or 0)

    def _contradiction(self, study: int, name: str, *, two_patients: bool) -> Rejected:
        column = "patient" if two_patients else "split"
        first, second = self.database.execute(
            f"SELECT place FROM row WHERE study = ? AND {column} IS NOT NULL"  # noqa: S608
            f" GROUP BY {column} ORDER BY min(n) LIMIT 2",
            (study,),
        ).fetchall()
        what = "two patients" if two_patients else "two splits"
        return Rejected(
            file=first[0],
            code="data.duplicate_study",
            reason=f"study {name} has {what}, in {first[0]} and {second[0]}; give each its own "
            f"study_id, or correct the {'patient_id' if two_patients else 'split'}",
        )


class SpooledArchive:
    """An archive whose rows have been read once and wait, grouped, in a temporary database."""

    def __init__(
        self,
        spool: Spool,
        *,
        n_rows: int,
        ignored_columns: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        self._spool = spool
        self.rejected: tuple[Rejected, ...] = spool.finish()
        """What was refused while reading the table or the headers; complete from the start."""
        self.n_studies = spool.count()
        """Studies that `studies` gives."""
        self.n_rows = n_rows
        """Rows or files read, the refused ones among them."""
        self.ignored_columns = tuple(sorted(ignored_columns))
        self.notes = tuple(notes)
        """Things worth telling that refused nothing."""

    def studies(self) -> Iterator[SourceStudy]:
        """Every study, in order of first appearance, one in memory at a time."""
        return self._spool.studies()

    def close(self) -> None:
        """Free the temporary database."""
        self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def printable(text: str) -> str:
    """Text that any terminal and database takes: what is not text in a file name is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


_IMAGE_FIELDS = tuple(one.name for one in fields(SourceImage))


def _plain(image: SourceImage) -> dict[str, Any]:
    """An image as JSON holds it."""
    return {**{name: getattr(image, name) for name in _IMAGE_FIELDS}, "path": str(image.path)}


def _study(name: str, rows: Sequence[Any]) -> SourceStudy:
    """One study from its rows; each field comes from the first row that has it."""
    images: list[SourceImage] = []
    merged: dict[str, Any] = {}
    names: dict[str, None] = {}
    patient_id: str | None = None
    for shape, patient, said, known, appends in rows:
        patient_id = patient_id if patient_id is not None else patient
        names.update(dict.fromkeys(known))
        for key, value in said.items():
            if appends and key in SECTIONS:
                merged[key] = _appended(merged.get(key), value)
            else:
                merged.setdefault(key, value)
        if shape is not None:
            images.append(SourceImage(**{**shape, "path": Path(shape["path"])}))
    return SourceStudy(
        study_id=name,
        patient_id=patient_id,
        images=tuple(images),
        sections={section: merged[section] for section in SECTIONS if section in merged},
        names=tuple(sorted(names)),
        labels=tuple(merged.get("labels", ())),
        date=merged.get("date"),
        age=merged.get("age"),
        sex=merged.get("sex"),
        site=merged.get("site"),
        split=merged.get("split"),
    )


def _appended(before: str | None, text: str) -> str:
    """A section with an addendum; one that repeats what stands there adds nothing."""
    if before is None or before.strip() == text.strip():
        return text
    return before if text.strip() in before.split("\n\n") else f"{before}\n\n{text.strip()}"
